/* What adapting weights on each candidate brings on test problems: one step phi - alpha grad g, as in the theory, and
 * up to so many of Adam's updates, as in practice. */
#ifndef L2O_EXPERIMENT_THEORY_GAIN_H
#define L2O_EXPERIMENT_THEORY_GAIN_H

#include "experiment/theory_start.h"
#include "experiment/theory_task.h"

enum { THEORY_CURVE = 32, THEORY_RATES = 7 };

/* A row of `samples` values for each cell, seed after seed, draw after draw. */
typedef struct theory_gain {
    int tasks, runs, samples;   /* samples: seeds times draws */
    double rates[THEORY_RATES]; /* alpha: the inner rate, a tenth of it, a hundredth, ... */
    double *own, *test;         /* [task, rate, sample] g(phi) - g(phi - alpha grad g): on other problems of the
                                   candidate, on the test's */
    int point_count;            /* of the curve over updates: 0, 1, 2, 5, 10, ... and the adaptation's own number */
    int64_t points[THEORY_CURVE];
    int adapted;     /* which point is the adaptation's own number */
    double *minimum; /* [task, point, sample] least ln f on the test problem */
} theory_gain;

l2o_status theory_gain_run(l2o_context *context, const l2o_settings *settings, theory_tasks *tasks,
                           const theory_start *start, int runs, uint64_t seed, arena *memory, theory_gain *gain,
                           l2o_error *error);

/* Where in `own` and `test` the values of a task and a rate begin. */
static inline int64_t theory_gain_at(const theory_gain *gain, int task, int rate) {
    return ((int64_t)task * THEORY_RATES + rate) * gain->samples;
}
/* The values of point number `point`; of the gain over no update at all: out[samples], positive is better. */
const double *theory_gain_minimum(const theory_gain *gain, int task, int point);
void theory_gain_over_none(const theory_gain *gain, int task, int point, double *out);

#endif
