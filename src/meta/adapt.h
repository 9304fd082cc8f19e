/* Adaptation: a few Adam updates with fresh slots, from any weights, on problems of the kind that is to be solved. */
#ifndef L2O_META_ADAPT_H
#define L2O_META_ADAPT_H

#include "dist/context.h"
#include "l2o/train.h"
#include "optimizers/optimizer.h"

extern const setting adapt_settings[];

/* Changes optimizer->weights in place, on adaptation problems of draw `draw`. With `measure`, held-out problems are run
 * before and after and the report's qualities are filled; `keep` = best measures whether asked to or not. */
l2o_status adapt_run(l2o_context *context, const l2o_settings *settings, problem *problem, optimizer *optimizer,
                     uint32_t draw, bool measure, l2o_adaptation_report *report, l2o_error *error);

#endif
