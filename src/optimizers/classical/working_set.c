/* Chooses the working set: the support, then the columns that violate optimality most. */
#include "optimizers/classical/working_set.h"

#include <math.h>
#include <stdlib.h>

enum { SMALLEST_WORKING_SET = 64 };

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

l2o_status working_set_choose(int64_t n, const double *x, const double *correlation, double lambda, arena *scratch,
                              working_set *set, l2o_error *error) {
    candidate *candidates = arena_allocate(scratch, (size_t)n * sizeof *candidates, error);
    if (candidates == NULL) return error->status;
    int64_t support = 0, found = 0;
    for (int64_t j = 0; j < n; j++) {
        double excess = fabs(correlation[j]) - lambda;
        if (x[j] == 0 && !(excess > 0)) continue;
        candidates[found++] = (candidate){x[j] != 0 ? INFINITY : excess, j};
        support += x[j] != 0;
    }
    int64_t limit = 2 * support > SMALLEST_WORKING_SET ? 2 * support : SMALLEST_WORKING_SET;
    if (found > limit) {
        qsort(candidates, (size_t)found, sizeof *candidates, by_score);
        found = limit;
        qsort(candidates, (size_t)found, sizeof *candidates, by_index);
    }
    set->count = found;
    set->index = arena_allocate(scratch, (size_t)found * sizeof *set->index, error);
    set->columns = arena_allocate(scratch, (size_t)found * sizeof *set->columns, error);
    set->x = arena_allocate(scratch, (size_t)found * sizeof *set->x, error);
    if (set->index == NULL || set->columns == NULL || set->x == NULL) return error->status;
    for (int64_t k = 0; k < found; k++) {
        set->index[k] = candidates[k].index;
        set->x[k] = x[candidates[k].index];
    }
    return L2O_OK;
}

l2o_status working_set_columns(working_set *set, const linear_model *model, int64_t instance, const double *row_scale,
                               arena *scratch, l2o_error *error) {
    for (int64_t k = 0; k < set->count; k++)
        TRY(column_take(model, instance, set->index[k], row_scale, scratch, &set->columns[k], error));
    return L2O_OK;
}

static double soft_threshold(double x, double threshold) { return copysign(fmax(fabs(x) - threshold, 0), x); }

double working_set_sweep(working_set *set, double lambda, double *residual, double *work) {
    double largest = 0;
    for (int64_t k = 0; k < set->count; k++) {
        const column *column = &set->columns[k];
        double old = set->x[k], norm = column->squared_norm;
        if (norm == 0) {
            if (lambda > 0) set->x[k] = 0;
            continue;
        }
        set->x[k] = soft_threshold(old + column_dot(column, residual) / norm, lambda / norm);
        *work += 2 * (double)column->count;
        if (set->x[k] == old) continue;
        column_axpy(old - set->x[k], column, residual);
        largest = fmax(largest, fabs(set->x[k] - old) * sqrt(norm));
    }
    return largest;
}
