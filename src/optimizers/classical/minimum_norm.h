/* The exact least-squares solution of least norm: what is left of coordinate descent's problem when lambda is 0. */
#ifndef L2O_OPTIMIZERS_CLASSICAL_MINIMUM_NORM_H
#define L2O_OPTIMIZERS_CLASSICAL_MINIMUM_NORM_H

#include "optimizers/classical/lasso_instance.h"

/* Puts it in instance->x. `done` tells whether the factorisation was small enough to be made. */
l2o_status minimum_norm_solve(lasso_instance *instance, bool *done);

#endif
