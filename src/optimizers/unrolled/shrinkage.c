/* Which numbers escape the soft threshold: found by selection in float64, row by row. */
#include "optimizers/unrolled/shrinkage.h"

#include <math.h>

support_schedule support_schedule_read(const l2o_settings *settings) {
    return (support_schedule){settings_real(settings, "support-step"), settings_real(settings, "support-limit")};
}

int64_t support_size(support_schedule schedule, int64_t n, int64_t layer) {
    return llround((double)(n - 1) * fmin(schedule.step * (double)layer, schedule.limit) / 100);
}

/* The number that has `above` others before it in descending order; reorders v. (Hoare's selection.) */
static double select_descending(double *v, int64_t count, int64_t above) {
    int64_t low = 0, high = count - 1;
    while (low < high) {
        double pivot = v[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (v[i] > pivot) i++;
            while (v[j] < pivot) j--;
            if (i > j) break;
            double swapped = v[i];
            v[i++] = v[j];
            v[j--] = swapped;
        }
        if (above <= j)
            high = j;
        else if (above >= i)
            low = i;
        else
            break;
    }
    return v[above];
}

/* 0 where a row's number escapes, else 1. Only the candidates above their thresholds, `stride` apart, can, and as long
 * as they are no more than `allowed` all do. */
static void choose(int64_t n, const double *z, const double *threshold, int64_t stride, int64_t allowed,
                   double *candidates, double *shrunk) {
    int64_t count = 0;
    for (int64_t j = 0; j < n; j++)
        if (fabs(z[j]) > threshold[j * stride]) candidates[count++] = fabs(z[j]);
    double bound = allowed < count ? select_descending(candidates, count, allowed) : -1;
    for (int64_t j = 0; j < n; j++) shrunk[j] = fabs(z[j]) > threshold[j * stride] && fabs(z[j]) > bound ? 0 : 1;
}

/* A NaN has no place in an order: such rows are left to the threshold, which hands the NaN on. */
static bool ordered(int64_t n, const double *z) {
    for (int64_t j = 0; j < n; j++)
        if (isnan(z[j])) return false;
    return true;
}

static value *choose_rows(tape *tape, const value *z, const value *threshold, const int64_t *allowed) {
    int64_t count = z->rows, n = z->columns;
    double *numbers = arena_allocate(tape->arena, (size_t)(count * n) * sizeof *numbers, tape->error);
    int64_t thresholds = threshold->rows * threshold->columns, stride = threshold->columns == 1 ? 0 : 1;
    double *work = arena_allocate(tape->arena, (size_t)(n + thresholds) * sizeof *work, tape->error);
    if (numbers == NULL || work == NULL) return NULL;
    tape->kernels->to_double(count * n, z->data, numbers);
    tape->kernels->to_double(thresholds, threshold->data, work + n);
    for (int64_t r = 0; r < count; r++) {
        double *row = numbers + r * n;
        const double *bound = work + n + (threshold->rows == 1 ? 0 : r);
        bool chosen = allowed[r] > 0 && ordered(n, row);
        if (chosen) choose(n, row, bound, stride, allowed[r], work, row);
        for (int64_t j = 0; !chosen && j < n; j++) row[j] = 1;
    }
    return tape_from_double(tape, count, n, numbers);
}

value *shrinkage_with_support(tape *tape, value *z, value *threshold, const int64_t *allowed, value **shrunk) {
    if (z == NULL || threshold == NULL) return NULL;
    value *chosen = choose_rows(tape, z, threshold, allowed);
    if (shrunk != NULL) *shrunk = chosen;
    return tape_soft_threshold(tape, z, tape_multiply(tape, chosen, threshold));
}

value *shrinkage_of_layer(const step_context *context, support_schedule schedule, value *z, value *threshold,
                          value **shrunk) {
    if (z == NULL) return NULL;
    tape *tape = context->tape;
    int64_t *allowed = arena_allocate(tape->arena, (size_t)z->rows * sizeof *allowed, tape->error);
    if (allowed == NULL) return NULL;
    for (int64_t r = 0; r < z->rows; r++) allowed[r] = support_size(schedule, z->columns, context->step);
    return shrinkage_with_support(tape, z, threshold, allowed, shrunk);
}
