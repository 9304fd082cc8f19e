/* RNNprop's weights in the working type, as its fused unroll and its fused step read them. */
#ifndef L2O_OPTIMIZERS_LEARNED_RNNPROP_WEIGHTS_H
#define L2O_OPTIMIZERS_LEARNED_RNNPROP_WEIGHTS_H

#include "optimizers/learned/rnnprop.h"

typedef struct rnnprop_weights {
    void *input_w, *input_b, *head_w, *head_b;
    void *packed[RNNPROP_MOST_LAYERS]; /* as made by columns_lstm_pack */
    void *gates[RNNPROP_MOST_LAYERS];  /* [2 hidden, 4 hidden] as they are: for the way back */
    void *bias[RNNPROP_MOST_LAYERS];   /* [4 hidden] */
} rnnprop_weights;

/* From the flat float64 weights, or a direction of them, in memory from `arena`. */
l2o_status rnnprop_weights_load(const optimizer *optimizer, const kernels *kernels, const double *flat, arena *arena,
                                rnnprop_weights *weights, l2o_error *error);

/* Has memory that will soon be read brought near; `written`: changed, too. */
static inline void rnnprop_fetch(const char *memory, size_t bytes, bool written) {
    enum { LINE = 64 };
    for (size_t at = 0; at < bytes; at += LINE) {
        if (written)
            __builtin_prefetch(memory + at, 1);
        else
            __builtin_prefetch(memory + at);
    }
}

#endif
