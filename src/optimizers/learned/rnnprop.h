/* What RNNprop's steps, its fused unroll and the checks share: its settings, where its weights and states lie, and the
 * moments of the gradient. */
#ifndef L2O_OPTIMIZERS_LEARNED_RNNPROP_H
#define L2O_OPTIMIZERS_LEARNED_RNNPROP_H

#include "autodiff/tape.h"
#include "optimizers/fused_step.h"
#include "optimizers/unroll.h"

#define RNNPROP_DECAY   0.95 /* of both moments */
#define RNNPROP_EPSILON 1e-8 /* outside the root */

/* Numbers of the tensors of weights and of state. Each layer has two of both: its matrix and its bias, h and c. The
 * head's two weights follow the last layer's. */
enum {
    RNNPROP_STATE_M,
    RNNPROP_STATE_V,
    RNNPROP_STATE_LAYERS,
    RNNPROP_WEIGHT_INPUT = 0,
    RNNPROP_WEIGHT_INPUT_BIAS,
    RNNPROP_WEIGHT_LAYERS,
    RNNPROP_MOST_LAYERS = 16
};

/* What the step is measured in, per instance. */
typedef enum rnnprop_normalisation { NORMALISE_NONE, NORMALISE_SPECTRAL, NORMALISE_FROBENIUS } rnnprop_normalisation;

typedef struct rnnprop {
    int layers;
    int64_t hidden;
    double scale, range;
    rnnprop_normalisation normalisation;
    bool relative; /* to the size of the gradient */
    bool momentum; double momentum_start, damping;
} rnnprop;

/* The length of an instance's step per unit of step-scale; to be multiplied by the root of the corrected v, which holds
 * the squares of gradients times `gradient_scale`, where steps are relative. */
double rnnprop_unit(const rnnprop *own, const problem *problem, int64_t instance, double gradient_scale);

/* The factor of bias correction of moments after `step` steps. */
double rnnprop_correction(int64_t step);

/* Advances the moments m and v [rows, 1] by the gradient g at step k (1 at the first) and gives the two inputs of the
 * network, m~ and g~. */
void rnnprop_features(tape *tape, value *g, value **m, value **v, int64_t k, value **m_tilde, value **g_tilde);

extern const fused_unroll rnnprop_fused;
extern const fused_step rnnprop_fused_step;

#endif
