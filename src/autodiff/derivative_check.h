/* Derivatives against differences: the derivative of a function along a line is compared with central differences of
 * fourth order, in float64, over a ladder of step sizes of which the best counts. A right derivative agrees at some
 * step to nearly all digits that rounding leaves; a wrong one at none.
 *
 * The function may consist of independent groups (the instances of a batch), each with its own verdict. */
#ifndef L2O_AUTODIFF_DERIVATIVE_CHECK_H
#define L2O_AUTODIFF_DERIVATIVE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct line_check {
    int64_t groups, width;
    /* values[groups, width] at point + offset * direction. */
    l2o_status (*evaluate)(void *argument, double offset, double *values, l2o_error *error);
    /* Does a kink lie within |offset| <= reach of the point? Such steps are passed over. NULL: there are none. */
    bool (*near_kink)(void *argument, int64_t group, double reach);
    void *argument;
    const double *derivative; /* [groups, width]: what is claimed */
    const double *floor;      /* [groups] or NULL: norms below this are not told from zero */
    double scale;             /* natural length of an offset; the steps are 1e-3 of it, and from 1e-2 down to 1e-6 */
    double tolerance;         /* no further steps are tried once every group is well below it */
} line_check;

/* errors[groups]: the distance of differences and claim, relative to the larger of their norms (or the floor).
 * Infinite when the function is not finite; DERIVATIVE_SKIPPED when a kink is near at every step. */
#define DERIVATIVE_SKIPPED (-1.0)
l2o_status derivative_check(const line_check *check, double *errors, l2o_error *error);

#endif
