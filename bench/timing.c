/* Timed runs, and the median of their times. */
#include "timing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

double timing_seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

double timing_median(int count, const double *samples) {
    l2o_error error = {0};
    double *sorted = count > 0 ? memory_allocate((size_t)count, sizeof *sorted, &error) : NULL;
    if (sorted == NULL) return NAN;
    memcpy(sorted, samples, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    double median = 0.5 * (sorted[(count - 1) / 2] + sorted[count / 2]);
    memory_free(sorted);
    return median;
}

double timing_least(int count, const double *samples) {
    double least = NAN;
    for (int i = 0; i < count; i++) least = fmin(least, samples[i]);
    return least;
}

l2o_status timing_take(timing *timing, int warm_up, int repeat, l2o_status (*run)(void *argument, l2o_error *error),
                       void *argument, l2o_error *error) {
    timing->count = 0;
    timing->processor = NULL;
    timing->wall = memory_allocate((size_t)repeat, 2 * sizeof *timing->wall, error);
    if (timing->wall == NULL) return error->status;
    timing->processor = timing->wall + repeat;
    for (int i = -warm_up; i < repeat; i++) {
        double processor = timing_seconds(CLOCK_PROCESS_CPUTIME_ID), wall = timing_seconds(CLOCK_MONOTONIC);
        TRY(run(argument, error));
        if (i < 0) continue;
        timing->wall[i] = 1e3 * (timing_seconds(CLOCK_MONOTONIC) - wall);
        timing->processor[i] = 1e3 * (timing_seconds(CLOCK_PROCESS_CPUTIME_ID) - processor);
        timing->count++;
    }
    return L2O_OK;
}

void timing_free(timing *timing) {
    memory_free(timing->wall);
    *timing = (struct timing){0};
}
