/* From the runs of one entry to its row: logarithms first, then means and Student's intervals over the runs. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "experiment/compare.h"
#include "experiment/statistics.h"

static double *numbers(arena *arena, int64_t a, int64_t b, l2o_error *error) {
    size_t count, bytes;
    if (memory_product((size_t)a, (size_t)b, "steps of all runs", &count, error) != L2O_OK) return NULL;
    if (memory_product(count, sizeof(double), "steps of all runs", &bytes, error) != L2O_OK) return NULL;
    double *made = arena_allocate(arena, bytes, error);
    if (made != NULL) memset(made, 0, bytes);
    return made;
}

static char *text(arena *arena, const char *from, l2o_error *error) {
    size_t size = strlen(from) + 1;
    char *copy = arena_allocate(arena, size, error);
    if (copy != NULL) memcpy(copy, from, size);
    return copy;
}

l2o_status compare_result_create(arena *arena, const char *label, const char *spec, int64_t runs, int64_t points,
                                 compare_result *result, l2o_error *error) {
    *result = (compare_result){.runs = runs, .points = points};
    result->row.label = text(arena, label, error);
    result->spec = text(arena, spec, error);
    if (result->row.label == NULL || result->spec == NULL) return error->status;
    double **const of_points[] = {&result->mean, &result->half, &result->evaluations, &result->time};
    double **const of_runs[] = {&result->minimum, &result->last, &result->minimum_step};
    for (int i = 0; i < 4; i++)
        if ((*of_points[i] = numbers(arena, points, 1, error)) == NULL) return error->status;
    for (int i = 0; i < 3; i++)
        if ((*of_runs[i] = numbers(arena, runs, 1, error)) == NULL) return error->status;
    result->logarithm = numbers(arena, runs, points, error);
    return result->logarithm == NULL ? error->status : L2O_OK;
}

void compare_result_add(compare_result *result, int64_t run, const compare_track *track, double evaluations,
                        double seconds) {
    int64_t steps = result->points - 1, least = 0;
    double *logarithm = result->logarithm + run * result->points;
    bool diverged = false;
    for (int64_t t = 0; t <= steps; t++) {
        logarithm[t] = compare_logarithm(track->objective[t]);
        diverged |= isinf(logarithm[t]) && logarithm[t] > 0;
        result->evaluations[t] += evaluations + track->evaluations[t];
        result->time[t] += seconds + track->seconds[t];
    }
    result->diverged += diverged;
    result->minimum[run] = steps == 0 ? logarithm[0] : compare_track_minimum(track, steps, &least);
    result->minimum_step[run] = steps == 0 ? (double)NAN : (double)least;
    result->last[run] = logarithm[steps];
    result->preparation_evaluations += evaluations;
    result->preparation_seconds += seconds;
}

/* Values that are not finite stay visible: one diverged run makes the mean +infinity. */
static l2o_status finish_curve(compare_result *result, l2o_error *error) {
    double *column = memory_allocate((size_t)result->runs, sizeof *column, error);
    if (column == NULL) return error->status;
    for (int64_t t = 0; t < result->points; t++) {
        for (int64_t r = 0; r < result->runs; r++) column[r] = result->logarithm[r * result->points + t];
        result->mean[t] = statistics_mean(column, (size_t)result->runs);
        result->half[t] = statistics_half_width(column, (size_t)result->runs);
        result->evaluations[t] /= (double)result->runs;
        result->time[t] /= (double)result->runs;
    }
    memory_free(column);
    return L2O_OK;
}

l2o_status compare_result_finish(compare_result *result, l2o_error *error) {
    size_t runs = (size_t)result->runs;
    TRY(finish_curve(result, error));
    l2o_compare_row *row = &result->row;
    row->minimum = statistics_mean(result->minimum, runs);
    row->minimum_half = statistics_half_width(result->minimum, runs);
    row->last = statistics_mean(result->last, runs);
    row->last_half = statistics_half_width(result->last, runs);
    row->minimum_step = statistics_mean(result->minimum_step, runs);
    row->preparation_evaluations = result->preparation_evaluations / (double)runs;
    row->preparation_seconds = result->preparation_seconds / (double)runs;
    row->gradient_evaluations = result->evaluations[result->points - 1];
    row->seconds = result->time[result->points - 1];
    row->points = result->points;
    row->mean = result->mean;
    row->half = result->half;
    row->evaluations = result->evaluations;
    row->time = result->time;
    return L2O_OK;
}
