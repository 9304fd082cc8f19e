/* Coordinate descent for 1/2 ||A x - b||^2 + lambda ||x||_1, in float64 inside: a step is one pass over a working set
 * (the support and the columns that violate optimality most; Fan, Chang, Hsieh, Wang and Lin, JMLR 2008), of cyclic
 * sweeps (Friedman, Hastie and Tibshirani, 2010) that find the support roughly, and of an exact finish on it, because
 * sweeps alone need millions where A is ill-conditioned. With lambda = 0 a step is the exact solution of least norm.
 * Where the exact parts would need too much memory, sweeps have to do. */
#include "optimizers/classical/coordinate_descent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimizers/classical/active_set.h"
#include "optimizers/classical/dense_vector.h"
#include "optimizers/classical/minimum_norm.h"
#include "optimizers/registry.h"

enum { SMALLEST_WORKING_SET = 64, MOST_SWEEPS = 50, MOST_PASSES = 1000 };

static const double SWEEP_TOLERANCE = 1e-7; /* of ||b||, by which a sweep moves A x at most when sweeps end */

typedef struct working_set {
    int64_t count;
    int64_t *index;  /* [count], increasing */
    column *columns; /* [count] */
    double *x;       /* [count] */
} working_set;

typedef struct candidate {
    double score;
    int64_t index;
} candidate;

static int by_score(const void *a, const void *b) {
    const candidate *first = a, *second = b;
    if (first->score != second->score) return first->score > second->score ? -1 : 1;
    return (first->index > second->index) - (first->index < second->index);
}

static int by_index(const void *a, const void *b) {
    const candidate *first = a, *second = b;
    return (first->index > second->index) - (first->index < second->index);
}

/* The support, and of the columns whose correlation exceeds lambda the largest, up to twice the support in all. */
static l2o_status choose(lasso_instance *instance, working_set *set) {
    arena *arena = instance->scratch;
    candidate *candidates = arena_allocate(arena, (size_t)instance->n * sizeof *candidates, instance->error);
    if (candidates == NULL) return instance->error->status;
    int64_t support = 0, found = 0;
    for (int64_t j = 0; j < instance->n; j++) {
        double excess = fabs(instance->correlation[j]) - instance->lambda;
        if (instance->x[j] == 0 && !(excess > 0)) continue;
        candidates[found++] = (candidate){instance->x[j] != 0 ? INFINITY : excess, j};
        support += instance->x[j] != 0;
    }
    int64_t limit = 2 * support > SMALLEST_WORKING_SET ? 2 * support : SMALLEST_WORKING_SET;
    if (found > limit) {
        qsort(candidates, (size_t)found, sizeof *candidates, by_score);
        found = limit;
        qsort(candidates, (size_t)found, sizeof *candidates, by_index);
    }
    set->count = found;
    set->index = arena_allocate(arena, (size_t)found * sizeof *set->index, instance->error);
    set->columns = arena_allocate(arena, (size_t)found * sizeof *set->columns, instance->error);
    set->x = arena_allocate(arena, (size_t)found * sizeof *set->x, instance->error);
    if (set->index == NULL || set->columns == NULL || set->x == NULL) return instance->error->status;
    for (int64_t k = 0; k < found; k++) {
        set->index[k] = candidates[k].index;
        set->x[k] = instance->x[candidates[k].index];
        TRY(lasso_instance_column(instance, set->index[k], &set->columns[k]));
    }
    return L2O_OK;
}

static double soft_threshold(double x, double threshold) { return copysign(fmax(fabs(x) - threshold, 0), x); }

/* One sweep over the working set; keeps instance->residual up to date. The largest move of A x. */
static double sweep(lasso_instance *instance, working_set *set) {
    double largest = 0;
    for (int64_t k = 0; k < set->count; k++) {
        const column *column = &set->columns[k];
        double old = set->x[k], norm = column->squared_norm;
        if (norm == 0) {
            if (instance->lambda > 0) set->x[k] = 0;
            continue;
        }
        set->x[k] = soft_threshold(old + column_dot(column, instance->residual) / norm, instance->lambda / norm);
        instance->work += 2 * (double)column->count;
        if (set->x[k] == old) continue;
        column_axpy(old - set->x[k], column, instance->residual);
        largest = fmax(largest, fabs(set->x[k] - old) * sqrt(norm));
    }
    return largest;
}

/* Starts over at 0 where that is better than x: a start far off would only cost sweeps. */
static void restart_at_zero(lasso_instance *instance) {
    if (!(0.5 * dense_squares(instance->m, instance->b) < lasso_instance_value(instance))) return;
    memset(instance->x, 0, (size_t)instance->n * sizeof *instance->x);
    lasso_instance_refresh(instance);
}

/* One outer pass; residual and correlation are fresh before it, and not after it. */
static l2o_status pass(lasso_instance *instance) {
    arena_mark mark = arena_position(instance->scratch);
    bool done = false;
    if (instance->lambda == 0) {
        l2o_status status = minimum_norm_solve(instance, &done);
        arena_reset(instance->scratch, mark);
        if (status != L2O_OK || done) return status;
    }
    restart_at_zero(instance);
    working_set set = {0};
    l2o_status status = choose(instance, &set);
    if (status == L2O_OK) {
        double enough = SWEEP_TOLERANCE * sqrt(dense_squares(instance->m, instance->b));
        for (int k = 0; k < MOST_SWEEPS && sweep(instance, &set) > enough; k++) continue;
        if (instance->lambda > 0) status = active_set_finish(instance, set.count, set.columns, set.x);
    }
    if (status == L2O_OK)
        for (int64_t k = 0; k < set.count; k++) instance->x[set.index[k]] = set.x[k];
    arena_reset(instance->scratch, mark);
    return status;
}

static const unsigned REQUIRED = STRUCTURE_LINEAR_MODEL | STRUCTURE_LEAST_SQUARES | STRUCTURE_PROXIMAL;

l2o_status coordinate_descent_optimum(const problem *problem, int64_t instance, double relative_gap, double *x,
                                      double *value, double *gap, const evaluation *evaluation) {
    if (!problem_has(problem, REQUIRED))
        return error_set(evaluation->error, L2O_ERROR_UNSUPPORTED,
                         "coordinate descent needs 1/2 ||A x - b||^2, alone or with an L1 term, which '%s' is not; use "
                         "lasso or quadratic",
                         problem->ops->name);
    arena_mark mark = arena_position(evaluation->scratch);
    lasso_instance self;
    TRY(lasso_instance_begin(&self, problem, instance, x, evaluation));
    double *best = arena_allocate(evaluation->scratch, (size_t)self.n * sizeof *best, evaluation->error);
    if (best == NULL) return evaluation->error->status;
    double target = relative_gap * 0.5 * dense_squares(self.m, self.b);
    double best_gap = INFINITY, best_value = INFINITY;
    l2o_status status = L2O_OK;
    for (int count = 0; count < MOST_PASSES && status == L2O_OK; count++) {
        lasso_instance_refresh(&self);
        double present = 0, f = lasso_instance_value(&self);
        status = lasso_instance_gap(&self, &present);
        if (status != L2O_OK) break;
        bool better = self.lambda > 0 ? present < best_gap : f < best_value;
        if (!better && count > 1 && f >= best_value) break;
        if (better || count == 0) {
            memcpy(best, x, (size_t)self.n * sizeof *best);
            best_gap = present;
            best_value = f;
        }
        if (self.lambda > 0 && present <= target) break;
        status = pass(&self);
    }
    memcpy(x, best, (size_t)self.n * sizeof *best);
    if (value != NULL) *value = best_value;
    if (gap != NULL) *gap = self.lambda > 0 ? best_gap : NAN;
    arena_reset(evaluation->scratch, mark);
    return status;
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
    lasso_instance self;
    TRY(lasso_instance_begin(&self, problem, instance, point, evaluation));
    lasso_instance_refresh(&self);
    *value = lasso_instance_value(&self);
    double direct, least, least_gap;
    TRY(lasso_instance_gap(&self, &direct));
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
    lasso_instance self;
    TRY(lasso_instance_begin(&self, problem, instance, point, evaluation));
    lasso_instance_refresh(&self);
    TRY(pass(&self));
    for (int64_t j = 0; j < problem->dimension; j++) problem_store(problem->type, x, j, point[j]);
    *gradient_evaluations += self.work / lasso_instance_gradient_work(&self);
    return L2O_OK;
}

const optimizer_ops optimizer_coordinate_descent = {
    .name = "cd",
    .summary = "coordinate descent on a working set, with an exact finish; a step is one pass",
    .reference = "Friedman, Hastie and Tibshirani, J. Stat. Software 33(1), 2010; Lee et al., NIPS 2006",
    .requires = STRUCTURE_LINEAR_MODEL | STRUCTURE_LEAST_SQUARES | STRUCTURE_PROXIMAL,
    .create = coordinate_descent_create,
    .step_native = coordinate_descent_step,
};
