/* The largest eigenvalue of a symmetric positive semidefinite operator, by Lanczos' recurrence (Golub and Van Loan,
 * section 10.1) in float64 from a fixed pseudo-random start: the same operator gives the same bits. */
#ifndef L2O_PROBLEMS_LANCZOS_H
#define L2O_PROBLEMS_LANCZOS_H

#include <stdint.h>

#include "base/arena.h"

/* out[size] = M x[size] */
typedef void (*lanczos_operator)(const void *argument, const double *x, double *out);

/* *largest is raised by the relative margin to which the recurrence had converged, so that it lies on the safe side. */
l2o_status lanczos_largest(int64_t size, lanczos_operator apply, const void *argument, double *largest, arena *scratch,
                           l2o_error *error);

#endif
