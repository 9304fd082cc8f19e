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

/* x [n]; residual [m] and correlation [n] are for work. */
static double instance_gap(const linear_model *model, double lambda, int64_t instance, const double *x,
                           double *residual, double *correlation) {
    double squared = 0, with_b = 0, largest = 0;
    linear_model_apply_double(model, instance, x, residual);
    for (int64_t i = 0; i < model->m; i++) {
        double b = problem_load(model->type, model->b, instance * model->m + i);
        residual[i] = b - residual[i];
        squared += residual[i] * residual[i];
        with_b += residual[i] * b;
    }
    linear_model_apply_transpose_double(model, instance, residual, correlation);
    for (int64_t j = 0; j < model->n; j++) largest = fmax(largest, fabs(correlation[j]));
    double scale = squared > 0 ? with_b / squared : 1;
    if (fabs(scale) * largest > lambda) scale = copysign(lambda / largest, scale);
    double gap = 0.5 * (1 - scale) * (1 - scale) * squared;
    for (int64_t j = 0; j < model->n; j++) gap += fmax(lambda * fabs(x[j]) - scale * x[j] * correlation[j], 0);
    return gap;
}

static l2o_status lasso_duality_gap(const problem *problem, instances rows, const void *x, double *gap,
                                    const evaluation *evaluation) {
    const linear_model *model = problem->model;
    arena_mark mark = arena_position(evaluation->scratch);
    double *work =
        arena_allocate(evaluation->scratch, (size_t)(model->m + 2 * model->n) * sizeof *work, evaluation->error);
    if (work == NULL) return evaluation->error->status;
    double *point = work, *correlation = work + model->n, *residual = work + 2 * model->n;
    for (int64_t r = 0; r < rows.count; r++) {
        for (int64_t j = 0; j < model->n; j++) point[j] = problem_load(problem->type, x, r * model->n + j);
        gap[r] = instance_gap(model, problem->lambda[rows.index[r]], rows.index[r], point, residual, correlation);
    }
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
