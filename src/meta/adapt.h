/* Adaptation: a few updates with fresh slots, from any weights, on problems of the kind that is to be solved, at one
 * rate or at whichever of several held-out problems say is best. */
#ifndef L2O_META_ADAPT_H
#define L2O_META_ADAPT_H

#include "dist/context.h"
#include "l2o/train.h"
#include "meta/estimator.h"
#include "optimizers/optimizer.h"

extern const setting adapt_settings[];

/* What moves the weights, in the order of the setting adaptation-optimizer. */
typedef enum adapt_method { ADAPT_ADAM, ADAPT_SGD, ADAPT_SGD_NORMALISED, ADAPT_SEARCH } adapt_method;
/* What weights are chosen by, in the order of the setting keep-by. */
typedef enum adapt_measure { ADAPT_MINIMUM, ADAPT_LAST, ADAPT_MEAN } adapt_measure;

typedef struct adapt_options {
    estimator_options estimator;
    uint64_t seed;
    double rates[L2O_MOST_RATES];
    int rate_count;
    adapt_method method;
    double epsilon;     /* Adam's */
    bool tensorflow;    /* and its place */
    bool relative;      /* Adam's rates are in units of each tensor's size */
    int64_t candidates; /* of each weight that is searched for, in an update; 0: none is */
    int64_t scatter;    /* candidates before the first update, when all are searched for */
    int64_t updates, restart, warmup, evaluation_steps;
    int held_out_draws;
    bool keep_best;
    adapt_measure keep_by;
} adapt_options;

l2o_status adapt_options_read(const l2o_settings *settings, const optimizer *optimizer, adapt_options *options,
                              l2o_error *error);

/* Changes optimizer->weights in place, on adaptation problems of draw `draw`. With `measure`, held-out problems are run
 * before and after and the report's qualities are filled; a choice (`keep` = best, several rates) measures whether
 * asked to or not. On failure the weights stay as they are. */
l2o_status adapt_run(l2o_context *context, const l2o_settings *settings, problem *problem, optimizer *optimizer,
                     uint32_t draw, bool measure, l2o_adaptation_report *report, l2o_error *error);
/* Reads what adapt_run() reads and refuses what it refuses, without a step. */
l2o_status adapt_check(l2o_context *context, const l2o_settings *settings, problem *problem, optimizer *optimizer,
                       l2o_error *error);

#endif
