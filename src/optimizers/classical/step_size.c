/* The step size of classical optimizers: the rate that is set, or 1/L of each instance. */
#include "optimizers/classical/step_size.h"

static const double SMALLEST_LIPSCHITZ = 1e-30; /* below it the smooth part is constant, and any step is as good */

step_size step_size_read(const l2o_settings *settings, double fallback) {
    bool given = settings_is_set(settings, "rate");
    return (step_size){given, given ? settings_real(settings, "rate") : fallback};
}

double step_size_of(const problem *problem, int64_t instance, step_size size) {
    if (size.given || !problem_has(problem, STRUCTURE_LIPSCHITZ)) return size.rate;
    double lipschitz = problem->lipschitz[instance];
    return lipschitz > SMALLEST_LIPSCHITZ ? 1 / lipschitz : 1;
}

value *step_size_constant(step_context *context, step_size size, double factor) {
    tape *tape = context->tape;
    if (size.given || !problem_has(context->problem, STRUCTURE_LIPSCHITZ))
        return tape_fill(tape, 1, 1, factor * size.rate);
    int64_t count = context->rows->count;
    double *numbers = arena_allocate(tape->arena, (size_t)count * sizeof *numbers, tape->error);
    if (numbers == NULL) return NULL;
    for (int64_t r = 0; r < count; r++)
        numbers[r] = factor * step_size_of(context->problem, context->rows->index[r], size);
    return tape_from_double(tape, count, 1, numbers);
}
