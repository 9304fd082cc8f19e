/* Least squares over a batch. In the inner loop of training: nothing is allocated but scratch. */
#include "problems/least_squares.h"

#include <string.h>

#include "problems/linear_model.h"
#include "problems/penalty.h"

#define REAL        float
#define TYPED(name) name##_float32
#include "problems/least_squares_body.h"
#undef REAL
#undef TYPED
#define REAL        double
#define TYPED(name) name##_float64
#include "problems/least_squares_body.h"
#undef REAL
#undef TYPED

static bool is_dense_per_instance(const linear_model *model) { return !model->shared && model->sparse == NULL; }

/* One kernel for A per instance; `b` and `l1` may be NULL. */
static l2o_status dense(const linear_model *model, instances rows, const void *b, const double *l1, const void *x,
                        void *f, void *g, const evaluation *evaluation) {
    arena_mark mark = arena_position(evaluation->scratch);
    void *work = arena_allocate(evaluation->scratch, least_squares_work_bytes(model->m, model->n), evaluation->error);
    if (work == NULL) return evaluation->error->status;
    const least_squares_arguments arguments = {.count = rows.count,
                                               .m = model->m,
                                               .n = model->n,
                                               .index = rows.index,
                                               .a = model->a,
                                               .b = b,
                                               .l1 = l1,
                                               .x = x,
                                               .f = f,
                                               .g = g,
                                               .work = work};
    evaluation->kernels->least_squares(&arguments);
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

l2o_status least_squares_l1_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                           const evaluation *evaluation) {
    const linear_model *model = problem->model;
    if (is_dense_per_instance(model)) return dense(model, rows, model->b, problem->lambda, x, f, g, evaluation);
    TRY(least_squares_value_gradient(problem, rows, x, f, g, evaluation));
    penalty_add_l1(problem, rows, x, f, g);
    return L2O_OK;
}

l2o_status least_squares_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                        const evaluation *evaluation) {
    const linear_model *model = problem->model;
    if (is_dense_per_instance(model)) return dense(model, rows, model->b, NULL, x, f, g, evaluation);
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
    if (is_dense_per_instance(model)) return dense(model, rows, NULL, NULL, v, NULL, out, evaluation);
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
