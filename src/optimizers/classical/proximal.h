/* FISTA's sequence, for whoever goes on with its momentum. */
#ifndef L2O_OPTIMIZERS_CLASSICAL_PROXIMAL_H
#define L2O_OPTIMIZERS_CLASSICAL_PROXIMAL_H

#include "optimizers/classical/step_size.h"

/* What a proximal gradient step takes of each instance: minus the step size and the threshold, [count, 1] each, or
 * [1, 1]. */
typedef struct proximal_constants {
    value *minus_rate, *threshold;
} proximal_constants;

/* For begin(): of a problem with STRUCTURE_PROXIMAL. */
proximal_constants proximal_constants_of(step_context *context, step_size size);

/* (1 + sqrt(1 + 4 t^2)) / 2: 1 from the initial 0. */
value *proximal_next_t(tape *tape, value *t);
/* FISTA's step from x [count, n]; replaces y [count n, 1] and t [count, 1]. A sequence begins with y = x and t = 0. */
value *proximal_accelerated(step_context *context, proximal_constants constants, value *x, value **y, value **t);

#endif
