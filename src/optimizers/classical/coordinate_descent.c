/* Coordinate descent on a working set, for least squares (lasso_descent.h) and for the logistic loss inside a proximal
 * Newton method (logistic_newton.h), with or without an L1 term: as an optimizer, of which a step is one pass, and as
 * an oracle of optima. */
#include "optimizers/classical/coordinate_descent.h"

#include <math.h>
#include <string.h>

#include "optimizers/classical/lasso_descent.h"
#include "optimizers/classical/logistic_newton.h"
#include "optimizers/registry.h"
#include "problems/dense_vector.h"

enum { MOST_PASSES = 1000 };

static const unsigned REQUIRED = STRUCTURE_LINEAR_MODEL | STRUCTURE_LINEAR_LOSS | STRUCTURE_PROXIMAL;

/* One instance of either loss. */
typedef struct descent {
    bool is_logistic;
    lasso_instance lasso;
    logistic_instance logistic;
} descent;

static l2o_status begin(descent *self, const problem *problem, int64_t instance, double *x,
                        const evaluation *evaluation) {
    *self = (descent){.is_logistic = !problem_has(problem, STRUCTURE_LEAST_SQUARES)};
    return self->is_logistic ? logistic_instance_begin(&self->logistic, problem, instance, x, evaluation)
                             : lasso_instance_begin(&self->lasso, problem, instance, x, evaluation);
}

static void refresh(descent *self) {
    if (self->is_logistic)
        logistic_instance_refresh(&self->logistic);
    else
        lasso_instance_refresh(&self->lasso);
}

static double value_of(const descent *self) {
    return self->is_logistic ? logistic_instance_value(&self->logistic) : lasso_instance_value(&self->lasso);
}

static double value_at_zero(const descent *self) {
    return self->is_logistic ? log(2) : 0.5 * dense_squares(self->lasso.m, self->lasso.b);
}

static l2o_status gap_of(descent *self, double *gap) {
    if (!self->is_logistic) return lasso_instance_gap(&self->lasso, gap);
    *gap = logistic_instance_gap(&self->logistic);
    return L2O_OK;
}

static l2o_status pass(descent *self) {
    return self->is_logistic ? logistic_newton_pass(&self->logistic) : lasso_descent_pass(&self->lasso);
}

/* Passes until the gap is at most `target`, or nothing improves any more. The best point goes to best[n]. */
static l2o_status descend(descent *self, int64_t n, const double *x, double target, double *best, double *best_value,
                          double *best_gap) {
    bool penalised = (self->is_logistic ? self->logistic.lambda : self->lasso.lambda) > 0;
    bool bounded = penalised || self->is_logistic;
    *best_gap = *best_value = INFINITY;
    for (int count = 0; count < MOST_PASSES; count++) {
        refresh(self);
        double present = 0, f = value_of(self);
        TRY(gap_of(self, &present));
        bool better = penalised ? present < *best_gap : f < *best_value;
        if (!better && count > 1 && f >= *best_value) break;
        if (better || count == 0) {
            memcpy(best, x, (size_t)n * sizeof *best);
            *best_gap = present;
            *best_value = f;
        }
        if ((bounded && present <= target) || self->logistic.stuck) break;
        TRY(pass(self));
    }
    if (!penalised && !(bounded && *best_gap <= target)) *best_gap = NAN;
    return L2O_OK;
}

l2o_status coordinate_descent_optimum(const problem *problem, int64_t instance, double relative_gap, double *x,
                                      double *value, double *gap, const evaluation *evaluation) {
    if (!problem_has(problem, REQUIRED))
        return error_set(evaluation->error, L2O_ERROR_UNSUPPORTED,
                         "coordinate descent needs the least-squares or the logistic loss of a linear model, alone or "
                         "with an L1 term, which '%s' is not; use lasso, quadratic or logistic",
                         problem->ops->name);
    arena_mark mark = arena_position(evaluation->scratch);
    size_t bytes = (size_t)problem->dimension * sizeof *x;
    descent self;
    double best_value, best_gap;
    TRY(begin(&self, problem, instance, x, evaluation));
    double *best = arena_allocate(evaluation->scratch, bytes, evaluation->error);
    if (best == NULL) return evaluation->error->status;
    TRY(descend(&self, problem->dimension, x, relative_gap * value_at_zero(&self), best, &best_value, &best_gap));
    memcpy(x, best, bytes);
    if (value != NULL) *value = best_value;
    if (gap != NULL) *gap = best_gap;
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

bool coordinate_descent_suits(const problem *problem, int64_t instance) {
    return problem_has(problem, REQUIRED) && problem->lambda[instance] > 0;
}

l2o_status coordinate_descent_certificate(const problem *problem, int64_t instance, const double *x, double *value,
                                          double *gap, const evaluation *evaluation) {
    static const double relative_gap = 1e-12;
    arena_mark mark = arena_position(evaluation->scratch);
    size_t bytes = (size_t)problem->dimension * sizeof(double);
    double *point = arena_allocate(evaluation->scratch, bytes, evaluation->error);
    if (point == NULL) return evaluation->error->status;
    memcpy(point, x, bytes);
    descent self;
    TRY(begin(&self, problem, instance, point, evaluation));
    refresh(&self);
    *value = value_of(&self);
    double direct, least, least_gap;
    TRY(gap_of(&self, &direct));
    TRY(coordinate_descent_optimum(problem, instance, relative_gap, point, &least, &least_gap, evaluation));
    *gap = fmin(direct, fmax(*value - least, 0) + least_gap);
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

static l2o_status coordinate_descent_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    (void)optimizer, (void)settings, (void)error;
    return L2O_OK;
}

static l2o_status coordinate_descent_step(const optimizer *optimizer, const problem *problem, int64_t instance, void *x,
                                          double *gradient_evaluations, const evaluation *evaluation) {
    (void)optimizer;
    double *point = arena_allocate(evaluation->scratch, (size_t)problem->dimension * sizeof *point, evaluation->error);
    if (point == NULL) return evaluation->error->status;
    for (int64_t j = 0; j < problem->dimension; j++) point[j] = problem_load(problem->type, x, j);
    descent self;
    TRY(begin(&self, problem, instance, point, evaluation));
    refresh(&self);
    TRY(pass(&self));
    for (int64_t j = 0; j < problem->dimension; j++) problem_store(problem->type, x, j, point[j]);
    *gradient_evaluations += (self.lasso.work + self.logistic.work) / linear_model_gradient_work(problem->model);
    return L2O_OK;
}

const optimizer_ops optimizer_coordinate_descent = {
    .name = "cd",
    .summary = "coordinate descent on a working set, with an exact finish or Newton's method; a step is one pass",
    .reference = "Friedman, Hastie and Tibshirani, J. Stat. Software 33(1), 2010; Lee et al., NIPS 2006; Yuan, Ho and "
                 "Lin, JMLR 13, 2012",
    .requires = STRUCTURE_LINEAR_MODEL | STRUCTURE_LINEAR_LOSS | STRUCTURE_PROXIMAL,
    .create = coordinate_descent_create,
    .step_native = coordinate_descent_step,
};
