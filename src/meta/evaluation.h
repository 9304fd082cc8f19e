/* How good weights are on one sampled problem: ln of the batch-mean objective along a run. */
#ifndef L2O_META_EVALUATION_H
#define L2O_META_EVALUATION_H

#include "l2o/train.h"
#include "run/segment.h"

/* Runs `steps` steps from x0, without recording; `carry` is overwritten. A divergence gives +infinity, not an error.
 * What it cost, per instance, is added to *gradient_evaluations (NULL: nobody asks). */
l2o_status evaluate_quality(runner *runner, carry *carry, const double *weights, int64_t steps, l2o_quality *quality,
                            double *gradient_evaluations, l2o_error *error);

#endif
