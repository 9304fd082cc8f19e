/* Central differences of a function of a vector beside its derivative, away from kinks: see derivative_check.h. */
#include "autodiff/derivative_check.h"

#include <math.h>

#include "base/memory.h"

static const double steps[] = {1e-3, 1e-4, 1e-2, 1e-5, 1e-6};
static const double stencil[] = {-2, -1, 1, 2}; /* in steps; weights 1, -8, 8, -1 twelfths */
enum { STEPS = sizeof steps / sizeof *steps, POINTS = sizeof stencil / sizeof *stencil };

static double distance(const line_check *check, const double *const at[POINTS], int64_t group, double step) {
    double claimed = 0, measured = 0, apart = 0;
    for (int64_t i = group * check->width; i < (group + 1) * check->width; i++) {
        double slope = (8 * (at[2][i] - at[1][i]) - (at[3][i] - at[0][i])) / (12 * step);
        double claim = check->derivative[i];
        claimed = hypot(claimed, claim);
        measured = hypot(measured, slope);
        apart = hypot(apart, slope - claim);
    }
    double size = fmax(claimed, measured);
    if (check->floor != NULL) size = fmax(size, check->floor[group]);
    if (!isfinite(apart) || !isfinite(size)) return INFINITY;
    return apart == 0 ? 0 : apart / size;
}

static l2o_status run(const line_check *check, double *values, double *errors, l2o_error *error) {
    int64_t size = check->groups * check->width;
    for (int64_t group = 0; group < check->groups; group++) errors[group] = DERIVATIVE_SKIPPED;
    bool settled = false;
    for (int s = 0; s < STEPS && !settled; s++) {
        double step = steps[s] * check->scale;
        const double *at[POINTS];
        for (int k = 0; k < POINTS; k++) {
            at[k] = values + k * size;
            TRY(check->evaluate(check->argument, stencil[k] * step, values + k * size, error));
        }
        settled = true;
        for (int64_t group = 0; group < check->groups; group++) {
            if (check->near_kink == NULL || !check->near_kink(check->argument, group, 2 * step)) {
                double apart = distance(check, at, group, step);
                if (errors[group] < 0 || apart < errors[group]) errors[group] = apart;
            }
            settled &= errors[group] >= 0 && errors[group] <= 0.1 * check->tolerance;
        }
    }
    return L2O_OK;
}

l2o_status derivative_check(const line_check *check, double *errors, l2o_error *error) {
    double *values = memory_allocate((size_t)(check->groups * check->width), POINTS * sizeof *values, error);
    if (values == NULL) return error->status;
    l2o_status status = run(check, values, errors, error);
    memory_free(values);
    return status;
}
