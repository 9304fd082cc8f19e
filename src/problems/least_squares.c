/* Least squares over a batch. In the inner loop of training: nothing is allocated but scratch. */
#include "problems/least_squares.h"

#include <string.h>

#include "problems/linear_model.h"

#define REAL        float
#define MATRIX      float
#define VECTOR      double
#define TYPED(name) name##_float32
#include "problems/dense_body.h"
#include "problems/least_squares_body.h"
#undef REAL
#undef MATRIX
#undef VECTOR
#undef TYPED
#define REAL        double
#define MATRIX      double
#define VECTOR      double
#define TYPED(name) name##_float64
#include "problems/dense_body.h"
#include "problems/least_squares_body.h"
#undef REAL
#undef MATRIX
#undef VECTOR
#undef TYPED

l2o_status least_squares_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                        const evaluation *evaluation) {
    const linear_model *model = problem->model;
    bool each = !model->shared && model->sparse == NULL;
    arena_mark mark = arena_position(evaluation->scratch);
    size_t bytes = each ? (size_t)(model->m + 2 * model->n) * sizeof(double)
                        : (size_t)(model->m * rows.count) * dtype_size(problem->type);
    void *residual = arena_allocate(evaluation->scratch, bytes, evaluation->error);
    if (residual == NULL) return evaluation->error->status;
    if (each) {
        if (problem->type == DTYPE_FLOAT32)
            fused_float32(model, rows, x, f, g, residual);
        else
            fused_float64(model, rows, x, f, g, residual);
    } else {
        linear_model_apply(model, rows, x, residual, evaluation->kernels);
        if (problem->type == DTYPE_FLOAT32)
            subtract_float32(model, rows, residual, f);
        else
            subtract_float64(model, rows, residual, f);
        if (g != NULL) linear_model_apply_transpose(model, rows, residual, g, evaluation->kernels);
    }
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

l2o_status least_squares_hess_vec(const problem *problem, instances rows, const void *x, const void *v, void *out,
                                  const evaluation *evaluation) {
    (void)x;
    const linear_model *model = problem->model;
    arena_mark mark = arena_position(evaluation->scratch);
    size_t length = (size_t)model->m * (size_t)rows.count;
    void *image = arena_allocate(evaluation->scratch, length * dtype_size(problem->type), evaluation->error);
    if (image == NULL) return evaluation->error->status;
    linear_model_apply(model, rows, v, image, evaluation->kernels);
    linear_model_apply_transpose(model, rows, image, out, evaluation->kernels);
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

l2o_status least_squares_third(const problem *problem, instances rows, const void *x, const void *u, const void *v,
                               void *out, const evaluation *evaluation) {
    (void)x, (void)u, (void)v, (void)evaluation;
    memset(out, 0, (size_t)(rows.count * problem->dimension) * dtype_size(problem->type));
    return L2O_OK;
}

l2o_status least_squares_lipschitz(problem *problem, const evaluation *evaluation) {
    return linear_model_squared_norms(problem->model, problem->lipschitz, evaluation);
}
