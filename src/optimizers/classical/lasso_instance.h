/* One instance of f(x) = 1/2 ||A x - b||^2 + lambda ||x||_1 in float64, whatever the type of the data: the workplace of
 * coordinate descent. */
#ifndef L2O_OPTIMIZERS_CLASSICAL_LASSO_INSTANCE_H
#define L2O_OPTIMIZERS_CLASSICAL_LASSO_INSTANCE_H

#include "problems/linear_model.h"

typedef struct lasso_instance {
    const linear_model *model;
    int64_t instance, m, n;
    double lambda;
    double *b;           /* [m] */
    double *x;           /* [n], the caller's */
    double *residual;    /* [m], b - A x */
    double *correlation; /* [n], A' residual */
    double *dual;        /* [m], a dual point that an exact solver left, when has_dual */
    bool has_dual;
    double work; /* multiplications so far; one gradient costs linear_model_gradient_work() */
    arena *scratch;
    l2o_error *error;
} lasso_instance;

/* Needs STRUCTURE_LEAST_SQUARES and STRUCTURE_PROXIMAL. Lives in the evaluation's scratch memory. */
l2o_status lasso_instance_begin(lasso_instance *self, const problem *problem, int64_t instance, double *x,
                                const evaluation *evaluation);
/* Computes residual and correlation at x. */
void lasso_instance_refresh(lasso_instance *self);
double lasso_instance_value(const lasso_instance *self);
/* An upper bound of f(x) - f*, never negative; residual and correlation must be fresh. */
l2o_status lasso_instance_gap(lasso_instance *self, double *gap);

#endif
