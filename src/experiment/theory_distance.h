/* Distances between two least squares problems, pair by pair and between their means (M-L2O, Assumption 4):
 *
 *   Hessians    ||A_p'A_p - A_q'A_q||_2, the spectral norm
 *   gradients   ||grad f_p(x) - grad f_q(x)||_2 at given points x
 *
 * Instance number i of one problem is paired with number i of the other, whose draws are independent. */
#ifndef L2O_EXPERIMENT_THEORY_DISTANCE_H
#define L2O_EXPERIMENT_THEORY_DISTANCE_H

#include "dist/context.h"
#include "experiment/theory_task.h"

/* Of each pair: out[B]. */
l2o_status theory_hessian_distances(const problem *p, const problem *q, double *out, arena *scratch, l2o_error *error);
/* Adds the sum over instances of A'A to sum[n, n]. */
l2o_status theory_hessian_sum(const problem *p, double *sum, arena *scratch, l2o_error *error);
/* The spectral norm of a symmetric [n, n] matrix. */
l2o_status theory_spectral_norm(int64_t n, const double *matrix, double *out, arena *scratch, l2o_error *error);

/* Gradients of all instances at one point x[n], in float64: out[B, n]. */
l2o_status theory_gradients(l2o_context *context, const problem *p, const double *x, double *out, arena *scratch,
                            l2o_error *error);

/* The same distances between expectations; NaN where they are not known. x[n]. */
double theory_hessian_expected(const theory_moments *p, const theory_moments *q, int64_t n);
double theory_gradient_expected(const theory_moments *p, const theory_moments *q, int64_t n, const double *x);

#endif
