/* What the ways back of RNNprop's fused unroll sum up: one number per weight over columns and steps, in the working
 * type for a window of steps and in float64 over windows and blocks. For rnnprop_*.c alone. */
#ifndef L2O_OPTIMIZERS_LEARNED_RNNPROP_SUMS_H
#define L2O_OPTIMIZERS_LEARNED_RNNPROP_SUMS_H

#include "optimizers/learned/rnnprop_unroll.h"

typedef struct rnnprop_sums {
    void *start;
    int64_t length;
    int64_t gate_row;                          /* 4 hidden, rounded up so that rows are whole vectors */
    void *input_w, *input_b, *head_w, *head_b; /* partial sums over columns */
    void *gates[RNNPROP_MOST_LAYERS];          /* [2 hidden, gate_row] */
    void *bias[RNNPROP_MOST_LAYERS];           /* partial sums over columns */
    bool added;                                /* `out` below holds something already */
    double *row;                               /* scratch */
} rnnprop_sums;

/* All zero. */
l2o_status rnnprop_sums_begin(rnnprop_unroll *it, rnnprop_sums *sums);
/* Adds the sums to out[weight_total], which the first time they replace, and starts them afresh. */
void rnnprop_sums_add(const rnnprop_unroll *it, rnnprop_sums *sums, double *out);

#endif
