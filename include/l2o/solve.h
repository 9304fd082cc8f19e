/* Solving: an optimizer, its weights frozen, run on every instance of a problem until that instance is solved, each
 * with its own status and its own certificate. */
#ifndef L2O_SOLVE_H
#define L2O_SOLVE_H

#include <stdint.h>

#include "l2o/optimizer.h"
#include "l2o/problem.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Why an instance was left: positive when a stopping rule was met, 0 at the limit of steps, negative otherwise. */
typedef enum l2o_solve_status {
    L2O_SOLVED_GAP = 1,       /* the duality gap is at most `gap` times |f(0)| */
    L2O_SOLVED_TOLERANCE = 2, /* stationarity is at most `tolerance` times that of the start, or of 0 if larger */
    L2O_STEP_LIMIT = 0,
    L2O_STALLED = -1,  /* the optimizer does not move any more, but no rule is met: the float type may be too short */
    L2O_DIVERGED = -2, /* the objective is not finite, or `divergence` times |f(x0)| + 1 */
    L2O_CANCELLED = -3
} l2o_solve_status;

/* A short English text for a status; never NULL, also for codes that do not exist. */
L2O_API const char *l2o_solve_status_text(l2o_solve_status status);

/* One instance's result. `x` is the iterate that met a stopping rule; where none did, the one that the setting
 * keep-iterate asks for. Later versions may append fields. */
typedef struct l2o_solve_record {
    l2o_solve_status status;
    int64_t steps;     /* taken until it was left */
    double value;      /* f at x; NaN when cancelled before its start */
    double last_value; /* f at the last iterate */
    double best_value; /* the least f seen, over all steps with keep-iterate=best, else at the checks */
    int64_t best_step; /* where it was seen, the first time */
    /* An upper bound of f(x) - f*, proven by a dual point; NaN where the problem has none to offer: then nothing is
     * known about f*. In float32 the bound may be far above the truth: see the setting certificate. */
    double gap;
    /* Euclidean norm of the gradient mapping at x: the gradient; with an L1 term L (x - prox(x - grad s(x) / L)), s the
     * smooth part and L the Lipschitz constant of its gradient (1 where that is unknown). 0 exactly at stationary
     * points, which need not be minima. */
    double stationarity;
    double gradient_evaluations; /* spent by its optimizer: the mean over the instances that ran together */
    double check_evaluations;    /* spent on stopping rules */
} l2o_solve_record;

typedef struct l2o_solution l2o_solution;

/* Solves all instances of `problem` as its data stand, from its starting points. Settings: steps, tolerance, gap,
 * check-every, keep-iterate, divergence, certificate. The result is the same bits for any number of threads. When the
 * context is cancelled the instances that were not done get the status L2O_CANCELLED and the call still succeeds:
 * what was reached is in the solution. Release it with l2o_solution_free(). On failure *solution is NULL. */
L2O_API l2o_status l2o_solve(l2o_context *context, l2o_problem *problem, l2o_optimizer *optimizer,
                             const l2o_settings *settings, l2o_solution **solution);
L2O_API void l2o_solution_free(l2o_solution *solution); /* NULL is allowed */

L2O_API int64_t l2o_solution_batch(const l2o_solution *solution);     /* B, the number of instances */
L2O_API int64_t l2o_solution_dimension(const l2o_solution *solution); /* n */
L2O_API const double *l2o_solution_x(const l2o_solution *solution);   /* [B, n], row by row */
/* NULL when there is no such instance. */
L2O_API const l2o_solve_record *l2o_solution_record(const l2o_solution *solution, int64_t instance);
/* Writes the solutions atomically, one instance a row: x [B, n] as .npy or .csv; as .npz x together with status, steps,
 * value, gap and stationarity [B]. The path's ending decides. */
L2O_API l2o_status l2o_solution_save(l2o_context *context, const l2o_solution *solution, const char *path);
/* How many instances were left with a status. */
L2O_API int64_t l2o_solution_count(const l2o_solution *solution, l2o_solve_status status);

#ifdef __cplusplus
}
#endif
#endif
