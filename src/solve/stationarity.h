/* How far points are from being stationary: the norm of the gradient mapping. */
#ifndef L2O_SOLVE_STATIONARITY_H
#define L2O_SOLVE_STATIONARITY_H

#include "problems/problem.h"

/* norm[count] at x[count, n]: of the gradient, or for problems with STRUCTURE_PROXIMAL of L (x - prox(x - grad s / L)).
 * The Lipschitz constants must be prepared where the problem has them. One gradient evaluation. */
l2o_status stationarity(const problem *problem, instances rows, const void *x, double *norm,
                        const evaluation *evaluation);

#endif
