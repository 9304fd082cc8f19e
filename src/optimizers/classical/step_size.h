/* The step size of gradient methods: the setting `rate`, or where it is not given 1/L of each instance, L being the
 * Lipschitz constant of the smooth part's gradient, or a fixed number where the problem knows no L. */
#ifndef L2O_OPTIMIZERS_CLASSICAL_STEP_SIZE_H
#define L2O_OPTIMIZERS_CLASSICAL_STEP_SIZE_H

#include "optimizers/optimizer.h"

typedef struct step_size {
    bool given;
    double rate; /* when given, or when the problem knows no L */
} step_size;

/* The setting's definition, for the tables of optimizers: what holds when it is not given is said in `otherwise`. */
#define STEP_SIZE_SETTING(otherwise)                                                                                   \
    { "rate", SETTING_REAL, "", NULL, 1e-30, 1e30, NULL, "Step size of a classical optimizer; not given: " otherwise }

step_size step_size_read(const l2o_settings *settings, double fallback);
/* factor times the step size, [count, 1] or [1, 1]: a constant for begin(). */
value *step_size_constant(step_context *context, step_size size, double factor);
/* The step size of one instance. */
double step_size_of(const problem *problem, int64_t instance, step_size size);

#endif
