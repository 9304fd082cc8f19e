/* Adam (Kingma and Ba, ICLR 2015), which moves the weights of learned optimizers. In float64. */
#ifndef L2O_META_ADAM_H
#define L2O_META_ADAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

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
void adam_step(adam *adam, double rate, const double *gradient, double *weights);

#endif
