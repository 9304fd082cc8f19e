/* Timed runs: wall-clock and processor time of each, in milliseconds. Processor time is that of all threads; a busy
 * machine disturbs it less than the wall clock. */
#ifndef L2O_BENCH_TIMING_H
#define L2O_BENCH_TIMING_H

#include <time.h>

#include "base/error.h"

typedef struct timing {
    int count;
    double *wall, *processor; /* [count], in the order of the runs */
} timing;

double timing_seconds(clockid_t clock);
double timing_median(int count, const double *samples); /* NaN when there are none, or no memory to sort them in */
double timing_least(int count, const double *samples);  /* NaN when there are none */

/* `repeat` timed runs after `warm_up` untimed ones. Release with timing_free(), also after a failure. */
l2o_status timing_take(timing *timing, int warm_up, int repeat, l2o_status (*run)(void *argument, l2o_error *error),
                       void *argument, l2o_error *error);
void timing_free(timing *timing);

#endif
