/* A pass of coordinate descent for 1/2 ||A x - b||^2 + lambda ||x||_1. */
#ifndef L2O_OPTIMIZERS_CLASSICAL_LASSO_DESCENT_H
#define L2O_OPTIMIZERS_CLASSICAL_LASSO_DESCENT_H

#include "optimizers/classical/lasso_instance.h"

/* Residual and correlation are fresh before it, and not after it. */
l2o_status lasso_descent_pass(lasso_instance *instance);

#endif
