/* What RNNprop's steps, its fused unroll and the checks share: its settings, where its weights and states lie, and the
 * moments of the gradient. */
#ifndef L2O_OPTIMIZERS_LEARNED_RNNPROP_H
#define L2O_OPTIMIZERS_LEARNED_RNNPROP_H

#include "autodiff/tape.h"
#include "optimizers/fused_step.h"
#include "optimizers/learned/lstm_layers.h"
#include "optimizers/unroll.h"

#define RNNPROP_DECAY   0.95 /* of both moments */
#define RNNPROP_EPSILON 1e-8 /* outside the root */

/* Numbers of the tensors of weights and of state. Each layer has two of both: its matrix and its bias, h and c. The
 * head's two weights follow the last layer's, and momentum's d its state. */
enum {
    RNNPROP_STATE_M,
    RNNPROP_STATE_V,
    RNNPROP_STATE_LAYERS,
    RNNPROP_WEIGHT_INPUT = 0,
    RNNPROP_WEIGHT_INPUT_BIAS,
    RNNPROP_WEIGHT_LAYERS,
    RNNPROP_MOST_LAYERS = LSTM_MOST_LAYERS
};

typedef struct rnnprop {
    lstm_layers lstm;
    int layers;     /* lstm's */
    int64_t hidden; /* likewise */
    columns_update update;
    bool normalised; /* by each instance's largest curvature */
    double scale, range, damping;
} rnnprop;

/* The length of each coordinate's step [rows->count n, padded to a multiple of COLUMN_MULTIPLE] in the working type:
 * unit s, with momentum unit^2 s over the factor that the gradients seen were given. NULL where all are s, and without
 * memory. */
const void *rnnprop_lengths(const optimizer *optimizer, const problem *problem, const instances *rows,
                            double gradient_scale, const kernels *kernels, arena *arena, l2o_error *error);

/* How the network's outputs move x at step t (1 at the first). */
columns_rule rnnprop_rule(const rnnprop *own, int64_t step);

/* The factor of bias correction of moments after `step` steps. */
double rnnprop_correction(int64_t step);

/* Advances the moments m and v [rows, 1] by the gradient g at step k (1 at the first) and gives the two inputs of the
 * network, m~ and g~. */
void rnnprop_features(tape *tape, value *g, value **m, value **v, int64_t k, value **m_tilde, value **g_tilde);

extern const fused_unroll rnnprop_fused;
extern const fused_step rnnprop_fused_step;

#endif
