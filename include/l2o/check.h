/* Derivative checks: whether a problem's derivatives, and an optimizer's meta-gradients on it, are what differences say
 * they are. Run it on a problem of your own before you train on it. */
#ifndef L2O_CHECK_H
#define L2O_CHECK_H

#include <stdint.h>

#include "l2o/optimizer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct l2o_problem l2o_problem;
typedef struct l2o_derivative_check l2o_derivative_check;

/* One kind of derivative. A point is one comparison: of an instance at an x along a direction, or of all weights along
 * a direction. */
typedef struct l2o_check_row {
    char what[80];    /* "gradient against differences of the value" */
    int order;        /* 1, 2, 3 */
    int64_t points;   /* compared; 0: nothing could be, see `why` */
    int64_t skipped;  /* left out */
    char why[160];    /* why points were left out, or nothing was compared; "" otherwise */
    double error;     /* the largest relative error among the points compared */
    double tolerance; /* what it may be */
    int passed;       /* 1 where error <= tolerance, or nothing was compared */
} l2o_check_row;

/* Compares gradient, Hessian-vector product and third derivative of a float64 problem with differences, at its x0,
 * around it, and along a few steps of the optimizer (of gradient descent where `optimizer` is NULL). For an optimizer
 * with weights also the meta-gradient of a short unroll and its Hessian-vector product, with detached inputs
 * (differences are taken with the inputs frozen) and with full derivatives; and where it has a fused unroll, what that
 * gives with what automatic differentiation gives. Points next to a kink are skipped and counted. The same `seed` gives
 * the same points. A derivative that disagrees is not an error of this function: it shows in the rows. Release with
 * l2o_derivative_check_free(). */
L2O_API l2o_status l2o_check_derivatives(l2o_context *context, l2o_problem *problem, const l2o_optimizer *optimizer,
                                         uint64_t seed, l2o_derivative_check **check);
L2O_API int l2o_derivative_check_rows(const l2o_derivative_check *check);
L2O_API const l2o_check_row *l2o_derivative_check_row(const l2o_derivative_check *check, int index);
L2O_API int l2o_derivative_check_failed(const l2o_derivative_check *check); /* how many rows have not passed */
L2O_API void l2o_derivative_check_free(l2o_derivative_check *check);        /* NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
