/* Weights on the straight line between two optimizers of one architecture: phi_a = (1 - a) phi_1 + a phi_2. */
#ifndef L2O_OPTIMIZERS_INTERPOLATE_H
#define L2O_OPTIMIZERS_INTERPOLATE_H

#include "optimizers/optimizer.h"

/* At a = 0 and a = 1 the very bits of one end; `out` may be either. */
void interpolate_weights(int64_t count, const double *first, const double *second, double a, double *out);
/* An error that names the first difference, unless both are learned and of one architecture. */
l2o_status interpolate_check(const optimizer *first, const optimizer *second, l2o_error *error);

#endif
