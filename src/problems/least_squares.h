/* The smooth part that quadratic, lasso and l2reg share: 1/2 ||A x - b||^2 per instance, with slots of the ops table.
 */
#ifndef L2O_PROBLEMS_LEAST_SQUARES_H
#define L2O_PROBLEMS_LEAST_SQUARES_H

#include "problems/problem.h"

l2o_status least_squares_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                        const evaluation *evaluation);
/* With lambda ||x||_1 added. */
l2o_status least_squares_l1_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                           const evaluation *evaluation);
l2o_status least_squares_hess_vec(const problem *problem, instances rows, const void *x, const void *v, void *out,
                                  const evaluation *evaluation);
/* Zero: the Hessian is constant. */
l2o_status least_squares_third(const problem *problem, instances rows, const void *x, const void *u, const void *v,
                               void *out, const evaluation *evaluation);
/* The squared spectral norm of A. */
l2o_status least_squares_lipschitz(problem *problem, const evaluation *evaluation);

#endif
