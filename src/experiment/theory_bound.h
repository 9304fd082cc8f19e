/* The constants of Proposition 1's growth, Q = 1 + L M1, along the trajectory of given weights: L the largest
 * eigenvalue of A'A (times the scale at which the optimizer sees gradients), M1 the slope of the optimizer's step in
 * the gradient that it sees, by central differences of one step with its state held.
 *
 * The slope is that of a coordinate-wise rule; of others it is the response to moving all coordinates at once. */
#ifndef L2O_EXPERIMENT_THEORY_BOUND_H
#define L2O_EXPERIMENT_THEORY_BOUND_H

#include "dist/context.h"
#include "experiment/theory_task.h"
#include "optimizers/optimizer.h"

typedef struct theory_bound {
    double lipschitz_mean, lipschitz_largest; /* over instances */
    double slope_mean, slope_largest;         /* over instances, coordinates and steps */
    double growth;                            /* Q with both largest: the proposition's */
    double growth_typical; /* geometric mean, over instances and steps, of 1 + L_p times the root mean square slope */
} theory_bound;

/* On the task as it is drawn, copied to float64. */
l2o_status theory_bound_of(l2o_context *context, const theory_task *task, uint64_t seed, uint32_t draw,
                           const optimizer *optimizer, const double *weights, int64_t steps, theory_bound *bound,
                           l2o_error *error);

#endif
