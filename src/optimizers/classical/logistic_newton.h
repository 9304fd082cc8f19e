/* A step of the proximal Newton method for L1-regularised logistic regression. */
#ifndef L2O_OPTIMIZERS_CLASSICAL_LOGISTIC_NEWTON_H
#define L2O_OPTIMIZERS_CLASSICAL_LOGISTIC_NEWTON_H

#include "optimizers/classical/logistic_instance.h"

/* Margin, dual and correlation are fresh before it, and not after it. f does not increase. Sets `stuck` where rounding
 * leaves no way down. */
l2o_status logistic_newton_pass(logistic_instance *instance);

#endif
