/* One instance of f(x) = (1/m) sum_i log(1 + exp(-b_i a_i'x)) + lambda ||x||_1 in float64, whatever the type of the
 * data: the workplace of its proximal Newton method. */
#ifndef L2O_OPTIMIZERS_CLASSICAL_LOGISTIC_INSTANCE_H
#define L2O_OPTIMIZERS_CLASSICAL_LOGISTIC_INSTANCE_H

#include "problems/linear_model.h"

typedef struct logistic_instance {
    const linear_model *model;
    int64_t instance, m, n;
    double lambda;
    double *b;           /* [m], labels -1 and 1 */
    double *x;           /* [n], the caller's */
    double *margin;      /* [m], b A x */
    double *dual;        /* [m], b sigmoid(-margin) / m, minus the derivative of the smooth part by A x */
    double *correlation; /* [n], A' dual, minus the gradient of the smooth part */
    double work;         /* multiplications so far */
    bool stuck;          /* the last pass found no way down */
    arena *scratch;
    l2o_error *error;
} logistic_instance;

/* Needs STRUCTURE_LINEAR_LOSS without STRUCTURE_LEAST_SQUARES, and STRUCTURE_PROXIMAL. Lives in the evaluation's
 * scratch memory. */
l2o_status logistic_instance_begin(logistic_instance *self, const problem *problem, int64_t instance, double *x,
                                   const evaluation *evaluation);
/* Computes margin, dual and correlation at x. */
void logistic_instance_refresh(logistic_instance *self);
double logistic_instance_value(const logistic_instance *self);
/* An upper bound of f(x) - f*, never negative; all must be fresh. */
double logistic_instance_gap(const logistic_instance *self);

#endif
