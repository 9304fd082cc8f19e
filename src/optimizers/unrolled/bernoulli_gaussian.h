/* The mean of x given z = x + noise of variance v, where x is zero with probability 1 - p and else normal with variance
 * s: the denoiser of Bayesian approximate message passing (Vila and Schniter, 2013) and of TISTA. */
#ifndef L2O_OPTIMIZERS_UNROLLED_BERNOULLI_GAUSSIAN_H
#define L2O_OPTIMIZERS_UNROLLED_BERNOULLI_GAUSSIAN_H

#include "optimizers/optimizer.h"

#define PRIOR_SETTINGS                                                                                                 \
    {"prior-density",                                                                                                  \
     SETTING_REAL,                                                                                                     \
     "",                                                                                                               \
     "0.1",                                                                                                            \
     1e-6,                                                                                                             \
     0.999999,                                                                                                         \
     NULL,                                                                                                             \
     "Probability that an entry of x is not zero, as bayes-amp takes it and tista begins with"},                       \
    {                                                                                                                  \
        "prior-variance", SETTING_REAL, "", "1", 1e-12, 1e12, NULL, "Variance of the entries that are not, likewise"   \
    }

/* z [count, n]; v [count, 1], above zero; logit = ln(p / (1 - p)) and s, [1, 1] each. `slope`: the derivative by z,
 * [count, n]; NULL: not wanted. Written with log-odds, so that nothing overflows:
 *
 *   x = z k q,  k = s / (s + v),  q = sigmoid(logit + 1/2 ln(v / (s + v)) + 1/2 z^2 k / v)
 *   dx/dz = k q (1 + z^2 (1 - q) k / v) */
value *bernoulli_gaussian_mean(tape *tape, value *z, value *v, value *logit, value *s, value **slope);

#endif
