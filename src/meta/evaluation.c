/* The literature's measure of an optimizer: ln of the batch-mean objective, its least value, and its last and mean. */
#include "meta/evaluation.h"

#include <math.h>

l2o_status evaluate_quality(runner *runner, carry *carry, const double *weights, int64_t steps, l2o_quality *quality,
                            double *gradient_evaluations, l2o_error *error) {
    carry_reset(carry, runner->problem);
    segment pass = {.weights = weights, .steps = steps, .from = carry, .to = carry};
    TRY(segment_run(runner, &pass, error));
    if (gradient_evaluations != NULL) *gradient_evaluations += pass.gradient_evaluations;
    *quality = (l2o_quality){.minimum = INFINITY, .last = INFINITY};
    for (int64_t t = 1; t <= steps; t++) {
        double ln = log(runner_mean_objective(runner, t));
        if (isnan(ln)) ln = INFINITY; /* diverged, or a negative mean: the literature's measure does not apply */
        if (ln < quality->minimum) {
            quality->minimum = ln;
            quality->minimum_step = t;
        }
        quality->last = ln;
        quality->mean += ln / (double)steps;
    }
    if (isnan(quality->mean)) quality->mean = INFINITY; /* zero in one step and diverged in another */
    return L2O_OK;
}
