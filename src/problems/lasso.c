/* LASSO: 1/2 ||A x - b||^2 + lambda ||x||_1, with lambda sign(x), sign(0) = 0, as the penalty's gradient.
 *
 * The duality gap takes the residual r = b - A x, scaled by the s that is best among the feasible ones
 * (|s A'r| <= lambda), as the dual point, and is written as a sum of terms that are none of them negative:
 * 1/2 (1 - s)^2 ||r||^2 + sum_j (lambda |x_j| - s x_j (A'r)_j). So it is exact near the optimum, where primal minus
 * dual would cancel. */
#include <math.h>

#include "problems/families.h"
#include "problems/least_squares.h"
#include "problems/linear_family.h"
#include "problems/penalty.h"

static l2o_status lasso_create(problem *problem, const l2o_settings *settings, l2o_error *error) {
    return linear_family_create(problem, settings, PENALTY_L1, TARGET_VALUES, error);
}

/* From b - A x in `residual` [m] and its product with A' in `correlation` [n]. */
static double instance_gap(const linear_model *model, double lambda, int64_t instance, const double *x,
                           const double *residual, const double *correlation) {
    double squared = 0, with_b = 0, largest = 0;
    for (int64_t i = 0; i < model->m; i++) {
        squared += residual[i] * residual[i];
        with_b += residual[i] * problem_load(model->type, model->b, instance * model->m + i);
    }
    for (int64_t j = 0; j < model->n; j++) largest = fmax(largest, fabs(correlation[j]));
    double scale = squared > 0 ? with_b / squared : 1;
    if (fabs(scale) * largest > lambda) scale = copysign(lambda / largest, scale);
    double gap = 0.5 * (1 - scale) * (1 - scale) * squared;
    for (int64_t j = 0; j < model->n; j++) gap += fmax(lambda * fabs(x[j]) - scale * x[j] * correlation[j], 0);
    return gap;
}

/* `work` [count, m + 2 n] */
static l2o_status gaps(const problem *problem, instances rows, const void *x, double *work, double *gap,
                       const evaluation *evaluation) {
    const linear_model *model = problem->model;
    int64_t m = model->m, n = model->n, count = rows.count;
    double *residual = work, *point = work + count * m, *correlation = point + count * n;
    for (int64_t i = 0; i < count * n; i++) point[i] = problem_load(problem->type, x, i);
    TRY(linear_model_apply_all_double(model, rows, point, residual, evaluation));
    for (int64_t r = 0; r < count; r++)
        for (int64_t i = 0; i < m; i++)
            residual[r * m + i] = problem_load(model->type, model->b, rows.index[r] * m + i) - residual[r * m + i];
    TRY(linear_model_apply_transpose_all_double(model, rows, residual, correlation, evaluation));
    for (int64_t r = 0; r < count; r++)
        gap[r] = instance_gap(model, problem->lambda[rows.index[r]], rows.index[r], point + r * n, residual + r * m,
                              correlation + r * n);
    return L2O_OK;
}

static l2o_status lasso_duality_gap(const problem *problem, instances rows, const void *x, double *gap,
                                    const evaluation *evaluation) {
    const linear_model *model = problem->model;
    arena_mark mark = arena_position(evaluation->scratch);
    size_t numbers = (size_t)rows.count * (size_t)(model->m + 2 * model->n);
    double *work = arena_allocate(evaluation->scratch, numbers * sizeof *work, evaluation->error);
    if (work == NULL) return evaluation->error->status;
    TRY(gaps(problem, rows, x, work, gap, evaluation));
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

const problem_ops lasso_problem = {
    .name = "lasso",
    .summary = "1/2 ||A x - b||^2 + lambda ||x||_1",
    .reference = "Tibshirani, JRSS B 58 (1996); M-L2O, ICLR 2023, section 5.1",
    .structures = STRUCTURE_LINEAR_MODEL | STRUCTURE_DICTIONARY | STRUCTURE_LINEAR_LOSS | STRUCTURE_LEAST_SQUARES |
                  STRUCTURE_PROXIMAL | STRUCTURE_LIPSCHITZ | STRUCTURE_DUALITY_GAP,
    .data = true,
    .penalized = true,
    .drawn_b = true,
    .create = lasso_create,
    .sample = linear_family_sample,
    .value_gradient = least_squares_l1_value_gradient,
    .hess_vec = least_squares_hess_vec,
    .third = least_squares_third,
    .smooth_gradient = least_squares_value_gradient,
    .lipschitz = least_squares_lipschitz,
    .duality_gap = lasso_duality_gap,
    .near_kink = penalty_l1_near_kink,
};
