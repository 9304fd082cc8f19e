/* Distances of meta-gradients, ||grad g1_T(phi) - grad g2_T(phi)|| and the cosine between both, at the same weights and
 * the same x0, for T = 1 .. T_max and for detached and full inputs: what Proposition 1 bounds. */
#ifndef L2O_EXPERIMENT_THEORY_SWEEP_H
#define L2O_EXPERIMENT_THEORY_SWEEP_H

#include "experiment/theory_task.h"
#include "meta/loss.h"
#include "optimizers/optimizer.h"

#include "dist/context.h"

typedef enum theory_inputs { THEORY_DETACHED, THEORY_FULL, THEORY_INPUTS } theory_inputs;

/* What is measured against: THEORY_TRAINING or THEORY_TEST. */
enum { THEORY_REFERENCES = 2 };

typedef struct theory_sweep {
    int64_t steps; /* T_max */
    int tasks, runs;
    double *distance, *cosine; /* [inputs, reference, task, T - 1, run] */
} theory_sweep;

/* Over `runs` draws; draws the tasks. Lives in `memory`. */
l2o_status theory_sweep_run(l2o_context *context, theory_tasks *tasks, const optimizer *optimizer,
                            const double *weights, const meta_loss *loss, int64_t steps, int runs, uint64_t seed,
                            arena *memory, theory_sweep *sweep, l2o_error *error);

/* Where the `runs` values of one cell begin, T = `steps`. */
static inline int64_t theory_sweep_at(const theory_sweep *sweep, theory_inputs inputs, int reference, int task,
                                      int64_t steps) {
    return ((((int64_t)inputs * THEORY_REFERENCES + reference) * sweep->tasks + task) * sweep->steps + steps - 1) *
           sweep->runs;
}

/* The growth of values[count] that belong to T = first, first + 1, ...: exp of the slope of ln value in T (a factor per
 * step), and the slope in ln T (a power). NaN where a value is not positive and finite, or there are fewer than two. */
void theory_fit_growth(const double *values, int64_t count, int64_t first, double *factor, double *power);

#endif
