/* The columns that a pass of coordinate descent works on: the support, and those that violate optimality most (Fan,
 * Chang, Hsieh, Wang and Lin, JMLR 2008). */
#ifndef L2O_OPTIMIZERS_CLASSICAL_WORKING_SET_H
#define L2O_OPTIMIZERS_CLASSICAL_WORKING_SET_H

#include "optimizers/classical/column.h"

typedef struct working_set {
    int64_t count;
    int64_t *index;  /* [count], increasing */
    column *columns; /* [count]; taken by working_set_columns() */
    double *x;       /* [count] */
} working_set;

/* The support of x[n], and of the columns whose correlation (minus the gradient of the smooth part, [n]) exceeds
 * lambda the largest, up to twice the support in all. Lives in `scratch`. */
l2o_status working_set_choose(int64_t n, const double *x, const double *correlation, double lambda, arena *scratch,
                              working_set *set, l2o_error *error);
l2o_status working_set_columns(working_set *set, const linear_model *model, int64_t instance, const double *row_scale,
                               arena *scratch, l2o_error *error);

/* One cyclic sweep (Friedman, Hastie and Tibshirani, 2010) of exact minimisations of 1/2 ||A x - b||^2 + lambda
 * ||x||_1 along each coordinate; keeps residual[m] = b - A x up to date and counts multiplications in *work. The
 * largest move of A x. */
double working_set_sweep(working_set *set, double lambda, double *residual, double *work);

#endif
