/* Sparse logistic regression: (1/m) sum_i log(1 + exp(-b_i a_i'x)) + lambda ||x||_1 with labels b_i of -1 and 1.
 * Synthetic labels are drawn from the model itself, with a sparse true x. */
#include <math.h>

#include "problems/families.h"
#include "problems/linear_family.h"
#include "problems/logistic_gap.h"
#include "problems/penalty.h"

#define REAL        float
#define TYPED(name) name##_float32
#include "problems/logistic_body.h"
#undef REAL
#undef TYPED
#define REAL        double
#define TYPED(name) name##_float64
#include "problems/logistic_body.h"
#undef REAL
#undef TYPED

static l2o_status logistic_create(problem *problem, const l2o_settings *settings, l2o_error *error) {
    return linear_family_create(problem, settings, PENALTY_L1, TARGET_LABELS, error);
}

/* [count, m] of the problem's type from scratch. */
static void *rows_allocate(const problem *problem, instances rows, const evaluation *evaluation) {
    size_t count = (size_t)rows.count * (size_t)problem->model->m;
    return arena_allocate(evaluation->scratch, count * dtype_size(problem->type), evaluation->error);
}

static l2o_status logistic_smooth_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                           const evaluation *evaluation) {
    arena_mark mark = arena_position(evaluation->scratch);
    void *z = rows_allocate(problem, rows, evaluation);
    if (z == NULL) return evaluation->error->status;
    linear_model_apply(problem->model, rows, x, z, evaluation->kernels);
    if (problem->type == DTYPE_FLOAT32)
        loss_float32(problem->model, rows, z, f);
    else
        loss_float64(problem->model, rows, z, f);
    if (g != NULL) linear_model_apply_transpose(problem->model, rows, z, g, evaluation->kernels);
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

static l2o_status logistic_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                          const evaluation *evaluation) {
    TRY(logistic_smooth_gradient(problem, rows, x, f, g, evaluation));
    penalty_add_l1(problem, rows, x, f, g);
    return L2O_OK;
}

static l2o_status logistic_hess_vec(const problem *problem, instances rows, const void *x, const void *v, void *out,
                                    const evaluation *evaluation) {
    const linear_model *model = problem->model;
    arena_mark mark = arena_position(evaluation->scratch);
    void *z = rows_allocate(problem, rows, evaluation);
    void *image = rows_allocate(problem, rows, evaluation);
    if (z == NULL || image == NULL) return evaluation->error->status;
    linear_model_apply(model, rows, x, z, evaluation->kernels);
    linear_model_apply(model, rows, v, image, evaluation->kernels);
    if (problem->type == DTYPE_FLOAT32)
        curvature_float32(rows.count * model->m, model->m, z, image, image);
    else
        curvature_float64(rows.count * model->m, model->m, z, image, image);
    linear_model_apply_transpose(model, rows, image, out, evaluation->kernels);
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

static l2o_status logistic_third(const problem *problem, instances rows, const void *x, const void *u, const void *v,
                                 void *out, const evaluation *evaluation) {
    const linear_model *model = problem->model;
    arena_mark mark = arena_position(evaluation->scratch);
    void *z = rows_allocate(problem, rows, evaluation);
    void *image_u = rows_allocate(problem, rows, evaluation);
    void *image_v = rows_allocate(problem, rows, evaluation);
    if (z == NULL || image_u == NULL || image_v == NULL) return evaluation->error->status;
    linear_model_apply(model, rows, x, z, evaluation->kernels);
    linear_model_apply(model, rows, u, image_u, evaluation->kernels);
    linear_model_apply(model, rows, v, image_v, evaluation->kernels);
    if (problem->type == DTYPE_FLOAT32)
        skew_float32(rows.count * model->m, model->m, z, image_u, image_v, z);
    else
        skew_float64(rows.count * model->m, model->m, z, image_u, image_v, z);
    linear_model_apply_transpose(model, rows, z, out, evaluation->kernels);
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

/* The logistic function's slope is 1/4 at most. */
static l2o_status logistic_lipschitz(problem *problem, const evaluation *evaluation) {
    TRY(linear_model_squared_norms(problem->model, problem->lipschitz, evaluation));
    for (int64_t p = 0; p < problem->batch; p++) problem->lipschitz[p] /= 4 * (double)problem->model->m;
    return L2O_OK;
}

/* x [n]; margin [m], dual [m] and correlation [n] are for work. */
static double instance_gap(const linear_model *model, double lambda, int64_t instance, const double *x, double *margin,
                           double *dual, double *correlation) {
    linear_model_apply_double(model, instance, x, margin);
    for (int64_t i = 0; i < model->m; i++) {
        double b = problem_load(model->type, model->b, instance * model->m + i);
        margin[i] *= b;
        dual[i] = b * logistic_tail(margin[i]) / (double)model->m;
    }
    linear_model_apply_transpose_double(model, instance, dual, correlation);
    return logistic_gap(model->m, model->n, margin, x, correlation, lambda);
}

static l2o_status logistic_duality_gap(const problem *problem, instances rows, const void *x, double *gap,
                                       const evaluation *evaluation) {
    const linear_model *model = problem->model;
    arena_mark mark = arena_position(evaluation->scratch);
    double *work =
        arena_allocate(evaluation->scratch, (size_t)(2 * model->m + 2 * model->n) * sizeof *work, evaluation->error);
    if (work == NULL) return evaluation->error->status;
    double *point = work, *correlation = point + model->n, *margin = correlation + model->n, *dual = margin + model->m;
    for (int64_t r = 0; r < rows.count; r++) {
        for (int64_t j = 0; j < model->n; j++) point[j] = problem_load(problem->type, x, r * model->n + j);
        double lambda = problem->lambda[rows.index[r]];
        gap[r] = instance_gap(model, lambda, rows.index[r], point, margin, dual, correlation);
    }
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

const problem_ops logistic_problem = {
    .name = "logistic",
    .summary = "(1/m) sum_i log(1 + exp(-b_i a_i'x)) + lambda ||x||_1",
    .reference = "Koh, Kim and Boyd, JMLR 8 (2007)",
    .structures = STRUCTURE_LINEAR_MODEL | STRUCTURE_LINEAR_LOSS | STRUCTURE_PROXIMAL | STRUCTURE_LIPSCHITZ |
                  STRUCTURE_DUALITY_GAP,
    .data = true,
    .penalized = true,
    .create = logistic_create,
    .sample = linear_family_sample,
    .value_gradient = logistic_value_gradient,
    .hess_vec = logistic_hess_vec,
    .third = logistic_third,
    .smooth_gradient = logistic_smooth_gradient,
    .lipschitz = logistic_lipschitz,
    .duality_gap = logistic_duality_gap,
    .near_kink = penalty_l1_near_kink,
};
