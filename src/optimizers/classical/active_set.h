/* The exact minimum of 1/2 ||A_W x - b||^2 + lambda ||x||_1 over a working set W of columns, lambda > 0. */
#ifndef L2O_OPTIMIZERS_CLASSICAL_ACTIVE_SET_H
#define L2O_OPTIMIZERS_CLASSICAL_ACTIVE_SET_H

#include "optimizers/classical/column.h"
#include "optimizers/classical/lasso_instance.h"

/* From x[count], which must not be far from the minimum to be fast, to the minimum, up to rounding. f never increases.
 * Does nothing where the factorisation would need too much memory; stops short when the support outgrows what was
 * foreseen, or after many steps. Leaves the dual point that
 * belongs to x in instance->dual. Adds to the instance's work. */
l2o_status active_set_finish(lasso_instance *instance, int64_t count, const column *columns, double *x);

#endif
