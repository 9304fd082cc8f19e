/* What is said to whom a run led nowhere: the optimizer's own remedy, `when_diverged`, or for weights from a file,
 * which are trained already, to adapt them. */
#ifndef L2O_RUN_DIVERGENCE_H
#define L2O_RUN_DIVERGENCE_H

#include "dist/context.h"
#include "optimizers/optimizer.h"

/* The end of a sentence; NULL where there is no remedy. */
const char *divergence_remedy(const optimizer *optimizer);
/* One sentence on the context when instances of a solve diverged, or never fell below the objective at their start;
 * nothing for optimizers without a remedy. */
void divergence_warn(l2o_context *context, const optimizer *optimizer, int64_t batch, int64_t diverged, int64_t idle);
/* The same by the mean objectives at the start and at the end of a run over the whole batch. */
void divergence_warn_of_mean(l2o_context *context, const optimizer *optimizer, double start, double end);

#endif
