/* Adam (Kingma and Ba, ICLR 2015), which moves the weights of learned optimizers. In float64. */
#ifndef L2O_META_ADAM_H
#define L2O_META_ADAM_H

#include <stdbool.h>
#include <stdint.h>

#include "dist/context.h"

typedef struct adam {
    int64_t count, steps;
    double *m, *v; /* [count] */
    double epsilon;
    /* TensorFlow 1: rate sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon): its epsilon is scaled along.
     * PyTorch and the paper: rate * m^ / (sqrt(v^) + epsilon). */
    bool tensorflow;
} adam;

l2o_status adam_create(adam *adam, int64_t count, double epsilon, bool tensorflow, l2o_error *error);
void adam_free(adam *adam);
void adam_reset(adam *adam);
/* All weights, on the calling thread. */
void adam_step(adam *adam, double rate, const double *gradient, double *weights);

/* A stretch of the weights that moves. */
typedef struct adam_part {
    int64_t first, count;
    double rate;   /* times the update's */
    double factor; /* times the gradient */
    double unit;   /* out: what the rate was multiplied by as well, 1 or as `relative` says */
} adam_part;

typedef struct adam_update {
    double rate;
    /* Each part is a tensor whose rate is in units of its size (Shazeer and Stern, ICML 2018, sections 8 and 9: times
     * max(1e-3, the root mean square of its entries)), so that thresholds and matrices move by like shares of
     * themselves. */
    bool relative;
    int part_count;
    adam_part *parts; /* apart from one another; neither weights nor slots outside of them are touched */
    int gradient_count;
    const double *const *gradients; /* [gradient_count][count]: along the mean of these */
} adam_update;

/* A step of the parts alone, over the context's threads, the same bits for any number of them. A cancelled context
 * does not cut it short. */
void adam_apply(adam *adam, l2o_context *context, const adam_update *update, double *weights);

#endif
