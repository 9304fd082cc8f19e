/* Penalties lambda ||x||_1 and lambda ||x||_2 (not squared), added to what a family's smooth part left in f, g or out.
 */
#ifndef L2O_PROBLEMS_PENALTY_H
#define L2O_PROBLEMS_PENALTY_H

#include "problems/problem.h"

/* f and g may be NULL. */
void penalty_add_l1(const problem *problem, instances rows, const void *x, void *f, void *g);
void penalty_add_l2(const problem *problem, instances rows, const void *x, void *f, void *g);
void penalty_add_l2_hess_vec(const problem *problem, instances rows, const void *x, const void *v, void *out);
void penalty_add_l2_third(const problem *problem, instances rows, const void *x, const void *u, const void *v,
                          void *out);

/* Kinks of the two, as ops->near_kink. */
bool penalty_l1_near_kink(const problem *problem, int64_t instance, const double *x, double radius);
bool penalty_l2_near_kink(const problem *problem, int64_t instance, const double *x, double radius);

#endif
