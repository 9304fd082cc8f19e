/* The experiment of Yang et al., ICLR 2023, Fig. A5b: weights that were adapted to one kind of problems and to another
 * (like those of training, like those of the test), and the weights on the straight line between them.
 *
 * In run r both ends start from the same weights and adapt on draw r of their own adaptation problems; all points of
 * the line are tested on the same test problem, draw r. So differences between points are paired. */
#ifndef L2O_EXPERIMENT_INTERPOLATION_H
#define L2O_EXPERIMENT_INTERPOLATION_H

#include "base/arena.h"
#include "experiment/statistics.h"
#include "l2o/compare.h"
#include "l2o/train.h"

typedef struct interpolation_options {
    const char *start;           /* a file of weights, or the name of a learned optimizer: fresh weights in each run */
    const l2o_settings *ends[2]; /* the problems that a = 0 and a = 1 adapt to, and how; `seed` */
    const l2o_settings *test;    /* the problems that are tested on; `seed` */
    int points;                  /* values of a, at even distances from 0 to 1; at least 2 */
    int64_t runs, steps;         /* at least 1 */
} interpolation_options;

typedef struct interpolation_point {
    double a;
    double *minimum, *last; /* [runs] ln of the batch's mean objective: least of steps 1 .. T, and at step T */
    statistics over_runs;   /* of `minimum`; the interval is mean +- half_width */
    statistics gain;        /* of minimum minus that of a = 0 in the same run: negative is better */
} interpolation_point;

typedef struct interpolation {
    arena memory;
    int count;
    interpolation_point *points; /* [count] */
    int64_t runs;
    l2o_adaptation_report *adaptations[2]; /* [runs] of each end */
    double evaluations[2], seconds[2];     /* that the adaptations of each end cost, over all runs; per instance */
    double test_evaluations, test_seconds; /* of all points and runs */
} interpolation;

/* `function`, which may be NULL, is called before each piece of work. Settings that nothing reads are not looked for.
 * `result` is to be freed on success alone. */
l2o_status interpolation_run(l2o_context *context, const interpolation_options *options, l2o_compare_function function,
                             void *user, interpolation *result, l2o_error *error);
void interpolation_free(interpolation *result);

#endif
