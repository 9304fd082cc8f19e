/* What the checks need of RNNprop beside its ops table. */
#ifndef L2O_OPTIMIZERS_LEARNED_RNNPROP_H
#define L2O_OPTIMIZERS_LEARNED_RNNPROP_H

#include "autodiff/tape.h"

/* Advances the moments m and v [rows, 1] by the gradient g at step k (1 at the first) and gives the two inputs of the
 * network, m~ and g~. */
void rnnprop_features(tape *tape, value *g, value **m, value **v, int64_t k, value **m_tilde, value **g_tilde);

#endif
