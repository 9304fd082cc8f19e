/* Coordinate descent as an oracle: the optimum of one instance, with a certificate. */
#ifndef L2O_OPTIMIZERS_CLASSICAL_COORDINATE_DESCENT_H
#define L2O_OPTIMIZERS_CLASSICAL_COORDINATE_DESCENT_H

#include "problems/problem.h"

/* From x[n] (in: where to start; out: the best found), in float64 whatever the type of the data, until the duality gap
 * is at most relative_gap * f(0), or nothing improves any more; `gap`, which is an upper bound of value - f*, says
 * which. f(0) is 1/2 ||b||^2 for least squares and ln 2 for the logistic loss. With lambda = 0 least squares get the
 * solution of least norm, the logistic loss one that need not exist; the gap is NAN where there is no bound to give.
 * Problems as optimizer `cd` requires them; others are refused. `value` and `gap` may be NULL. */
l2o_status coordinate_descent_optimum(const problem *problem, int64_t instance, double relative_gap, double *x,
                                      double *value, double *gap, const evaluation *evaluation);

/* Whether the next function has something to say: the problem fits, and lambda > 0. */
bool coordinate_descent_suits(const problem *problem, int64_t instance);
/* f(x) in float64, and an upper bound of f(x) - f*, by solving the instance from x[n]. */
l2o_status coordinate_descent_certificate(const problem *problem, int64_t instance, const double *x, double *value,
                                          double *gap, const evaluation *evaluation);

#endif
