/* A short meta-training in memory: so many updates by Adam, a fixed number of unrolls a draw, without stages, files or
 * evaluation. What the trainer does is for weights that are to be used; this is for points in weight space that are to
 * be compared. */
#ifndef L2O_EXPERIMENT_THEORY_TRAINING_H
#define L2O_EXPERIMENT_THEORY_TRAINING_H

#include "dist/context.h"
#include "meta/estimator.h"

typedef struct theory_training {
    l2o_context *context;
    const l2o_settings *settings; /* of the problems, the estimator, Adam */
    bool plain;                   /* one mixed task and no inner step, else the estimator and tasks of the settings */
    bool frozen;                  /* the first draw's problems throughout: an empirical risk */
    uint64_t seed;
    int64_t unrolls; /* a draw */
} theory_training;

/* `updates` updates of weights[weight_total] of `optimizer`, from draw `first_draw` on, with fresh Adam slots. */
l2o_status theory_train(const theory_training *training, const optimizer *optimizer, uint32_t first_draw,
                        int64_t updates, double *weights, l2o_error *error);
/* How many draws so many updates use up. */
uint32_t theory_training_draws(const theory_training *training, int64_t updates);

#endif
