/* How far all tasks' problems are from the training's and the test's: the distances of theory_distance.h over draws,
 * pair by pair, between means over everything drawn, and between expectations where they are known. Gradients are
 * compared at points x0 and at iterates of one common trajectory, since over all x their distance has no bound. */
#ifndef L2O_EXPERIMENT_THEORY_OPTIMIZEE_H
#define L2O_EXPERIMENT_THEORY_OPTIMIZEE_H

#include "dist/context.h"
#include "experiment/theory_task.h"
#include "optimizers/optimizer.h"

typedef struct theory_optimizee {
    int tasks, runs;
    double *hessian;                            /* [reference, task, run] mean over pairs */
    double *gradient;                           /* [reference, task, run] mean over pairs and points */
    double *gradient_largest;                   /* [reference, task, run] mean over pairs, at the worst point */
    double *hessian_means, *hessian_expected;   /* [reference, task] of the means, of the expectations */
    double *gradient_means, *gradient_expected; /* [reference, task] likewise, at the worst point */
    double *entry;                              /* [task] root mean square of A's entries in the last draw */
} theory_optimizee;

/* Draws the tasks `runs` times; the trajectory is that of `weights` over `steps` steps on the training problem of draw
 * 0. `points` of x0 and as many iterates. */
l2o_status theory_optimizee_run(l2o_context *context, theory_tasks *tasks, const optimizer *optimizer,
                                const double *weights, int64_t steps, int points, int runs, uint64_t seed,
                                arena *memory, theory_optimizee *out, l2o_error *error);

/* Where the runs of a reference (THEORY_TRAINING or THEORY_TEST) and a task begin. */
static inline int64_t theory_optimizee_at(const theory_optimizee *of, int reference, int task) {
    return ((int64_t)reference * of->tasks + task) * of->runs;
}

#endif
