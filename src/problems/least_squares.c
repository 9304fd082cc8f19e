/* Least squares over a batch. In the inner loop of training: nothing is allocated but scratch. */
#include "problems/least_squares.h"

#include <string.h>

#include "problems/linear_model.h"

#define REAL        float
#define MATRIX      float
#define VECTOR      float
#define TYPED(name) name##_float32
#include "problems/dense_body.h"
#include "problems/least_squares_body.h"
#undef VECTOR
#undef TYPED
#define VECTOR      double
#define TYPED(name) name##_mixed
#include "problems/dense_body.h"
#include "problems/least_squares_body.h"
#undef REAL
#undef MATRIX
#undef TYPED
#define REAL        double
#define MATRIX      double
#define TYPED(name) name##_float64
#include "problems/dense_body.h"
#include "problems/least_squares_body.h"
#undef REAL
#undef MATRIX
#undef VECTOR
#undef TYPED

/* Up to this many entries of A, sums are taken in float64 whatever the type: a component of the gradient can be a small
 * difference of large numbers, and a learned optimizer sees it divided by its own size. At such sizes the cost is the
 * optimizer's; above them, memory's. */
enum { ENTRIES_SUMMED_IN_DOUBLE = 1024 };

static l2o_status fused(const problem *problem, instances rows, const void *x, void *f, void *g,
                        const evaluation *evaluation) {
    const linear_model *model = problem->model;
    arena_mark mark = arena_position(evaluation->scratch);
    size_t length = (size_t)model->m + 2 * (size_t)model->n;
    void *scratch = arena_allocate(evaluation->scratch, length * sizeof(double), evaluation->error);
    if (scratch == NULL) return evaluation->error->status;
    if (problem->type == DTYPE_FLOAT64)
        fused_float64(model, rows, x, f, g, scratch);
    else if (model->m * model->n <= ENTRIES_SUMMED_IN_DOUBLE)
        fused_mixed(model, rows, x, f, g, scratch);
    else
        fused_float32(model, rows, x, f, g, scratch);
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

l2o_status least_squares_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                        const evaluation *evaluation) {
    const linear_model *model = problem->model;
    if (!model->shared && model->sparse == NULL) return fused(problem, rows, x, f, g, evaluation);
    arena_mark mark = arena_position(evaluation->scratch);
    size_t length = (size_t)model->m * (size_t)rows.count;
    void *residual = arena_allocate(evaluation->scratch, length * dtype_size(problem->type), evaluation->error);
    if (residual == NULL) return evaluation->error->status;
    linear_model_apply(model, rows, x, residual, evaluation->kernels);
    if (problem->type == DTYPE_FLOAT32)
        subtract_float32(model, rows, residual, f);
    else
        subtract_float64(model, rows, residual, f);
    if (g != NULL) linear_model_apply_transpose(model, rows, residual, g, evaluation->kernels);
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
