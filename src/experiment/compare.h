/* Comparison, inside: what is compared (entries), what one run gives (a track), and what is made of all runs (rows).
 *
 * Run r = 0, 1, ... has one test problem, draw r of the test stream, that all optimizers see; learned ones that adapt
 * do so on draw r of the adaptation stream, and fresh weights are draw r of the initialisation stream. Of a user's
 * instances the held-out ones are tested on where something adapts, is tuned or was trained, so that no test was
 * practised on. */
#ifndef L2O_EXPERIMENT_COMPARE_H
#define L2O_EXPERIMENT_COMPARE_H

#include <jansson.h>

#include "dist/context.h"
#include "l2o/compare.h"
#include "optimizers/optimizer.h"

extern const setting compare_settings[];

/* One run of one optimizer: at each of the points t = 0 .. T. */
typedef struct compare_track {
    double *objective;             /* [T + 1], the batch's mean; +infinity where it is not finite or has no logarithm */
    double *evaluations, *seconds; /* [T + 1], spent until the point was reached, the first is 0 */
    double *instances;             /* [T + 1, B], the objective of each instance as it is; NULL: not kept */
} compare_track;

/* Runs from x0. What the optimizer needs to know of the problem beforehand (Lipschitz constants) is computed anew, so
 * that each optimizer pays for its own. */
l2o_status compare_run(l2o_context *context, problem *problem, const optimizer *optimizer, int64_t steps,
                       compare_track *track, l2o_error *error);
l2o_status compare_track_create(int64_t steps, arena *arena, compare_track *track, l2o_error *error);
/* Room for the objectives of each of `batch` instances. */
l2o_status compare_track_keep_instances(int64_t steps, int64_t batch, arena *arena, compare_track *track,
                                        l2o_error *error);
/* ln of the least objective at t >= 1, and where it first stands. */
double compare_track_minimum(const compare_track *track, int64_t steps, int64_t *step);
/* ln f; +infinity where f is negative or not finite. */
double compare_logarithm(double objective);

/* Does coordinate descent find the problem's optimum, and is that more than a zero known beforehand? */
bool compare_limit_exists(const problem *problem);
/* The batch's mean of the optima, and the largest bound of how far one may be from the true one. */
l2o_status compare_limit(l2o_context *context, const problem *problem, double *optimum, double *gap, l2o_error *error);

/* All runs of one entry, or the limit. */
typedef struct compare_result {
    l2o_compare_row row;
    char *spec;
    int64_t runs, points;
    double *logarithm;                                   /* [runs, points] ln f */
    double *minimum, *last, *minimum_step;               /* [runs] */
    double *mean, *half, *evaluations, *time;            /* [points]: sums over runs until compare_result_finish() */
    double preparation_evaluations, preparation_seconds; /* sums over runs, likewise */
    int64_t diverged;                                    /* runs with a point that is not finite */
    double gap;                                          /* the limit's: largest of all runs */
} compare_result;

l2o_status compare_result_create(arena *arena, const char *label, const char *spec, int64_t runs, int64_t points,
                                 compare_result *result, l2o_error *error);
/* Run `run` of `result`, with what was spent before the first point. */
void compare_result_add(compare_result *result, int64_t run, const compare_track *track, double evaluations,
                        double seconds);
/* Means and intervals, once all runs are there. */
l2o_status compare_result_finish(compare_result *result, l2o_error *error);

struct l2o_comparison {
    arena memory;
    int count;
    compare_result *results; /* [count] */
    int64_t steps, runs;
    json_t *about; /* problem, settings, what it was run on */
};

#endif
