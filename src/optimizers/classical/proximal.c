/* Proximal gradient descent on f = s + lambda ||x||_1, s smooth, and its acceleration, with the textbook's momentum.
 *
 *   ista   x <- S(x - rate grad s(x), rate lambda)
 *   fista  x' = S(y - rate grad s(y), rate lambda),  t' = (1 + sqrt(1 + 4 t^2)) / 2,  y <- x' + (t - 1) / t' (x' - x)
 *
 * S is the soft threshold, sign(x) max(|x| - threshold, 0). Without a line search and without restarts. */
#include "optimizers/classical/proximal.h"
#include "optimizers/registry.h"

enum { CONSTANT_MINUS_RATE, CONSTANT_THRESHOLD, STATE_Y = 0, STATE_T };

static const setting proximal_settings[] = {
    STEP_SIZE_SETTING("1/L, the Lipschitz constant of the gradient of each instance's smooth part"), {0}};

static l2o_status ista_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    step_size *own = arena_allocate(&optimizer->memory, sizeof *own, error);
    if (own == NULL) return error->status;
    *own = step_size_read(settings, 0);
    if (!own->given) optimizer->requires |= STRUCTURE_LIPSCHITZ;
    optimizer->own = own;
    return L2O_OK;
}

static l2o_status fista_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    TRY(ista_create(optimizer, settings, error));
    optimizer_add_state(optimizer, "y", true, 1, true);
    optimizer_add_state(optimizer, "t", false, 1, false);
    return L2O_OK;
}

proximal_constants proximal_constants_of(step_context *context, step_size size) {
    tape *tape = context->tape;
    int64_t count = context->rows->count;
    double *thresholds = arena_allocate(tape->arena, (size_t)count * sizeof *thresholds, tape->error);
    if (thresholds == NULL) return (proximal_constants){0};
    for (int64_t r = 0; r < count; r++) {
        int64_t instance = context->rows->index[r];
        thresholds[r] = context->problem->lambda[instance] * step_size_of(context->problem, instance, size);
    }
    return (proximal_constants){step_size_constant(context, size, -1), tape_from_double(tape, count, 1, thresholds)};
}

static void proximal_begin(step_context *context) {
    const step_size *own = context->optimizer->own;
    proximal_constants made = proximal_constants_of(context, *own);
    context->constants[CONSTANT_MINUS_RATE] = made.minus_rate;
    context->constants[CONSTANT_THRESHOLD] = made.threshold;
}

static proximal_constants constants_of(const step_context *context) {
    return (proximal_constants){context->constants[CONSTANT_MINUS_RATE], context->constants[CONSTANT_THRESHOLD]};
}

static value *proximal_gradient_step(step_context *context, proximal_constants constants, value *at) {
    tape *tape = context->tape;
    value *g = step_smooth_gradient(context, at);
    value *moved = tape_add(tape, at, tape_multiply(tape, g, constants.minus_rate));
    return tape_soft_threshold(tape, moved, constants.threshold);
}

static value *ista_step(step_context *context, value *x, value **state) {
    (void)state;
    return proximal_gradient_step(context, constants_of(context), x);
}

value *proximal_next_t(tape *tape, value *t) {
    value *root = tape_unary(tape, UNARY_SQRT, 0, tape_shift(tape, 1, tape_scale(tape, 4, tape_multiply(tape, t, t))));
    return tape_scale(tape, 0.5, tape_shift(tape, 1, root));
}

value *proximal_accelerated(step_context *context, proximal_constants constants, value *x, value **y, value **t) {
    tape *tape = context->tape;
    if (x == NULL) return NULL;
    value *fresh = proximal_gradient_step(context, constants, tape_reshape(tape, *y, x->rows, x->columns));
    *t = proximal_next_t(tape, *t);
    value *momentum = tape_divide(tape, tape_shift(tape, -1, *t), proximal_next_t(tape, *t));
    value *ahead = tape_add(tape, fresh, tape_multiply(tape, tape_subtract(tape, fresh, x), momentum));
    *y = tape_reshape(tape, ahead, x->rows * x->columns, 1);
    return fresh;
}

static value *fista_step(step_context *context, value *x, value **state) {
    return proximal_accelerated(context, constants_of(context), x, &state[STATE_Y], &state[STATE_T]);
}

const optimizer_ops optimizer_ista = {
    .name = "ista",
    .summary = "iterative soft thresholding: proximal gradient descent",
    .reference = "Daubechies, Defrise and De Mol, 2004",
    .settings = proximal_settings,
    .requires = STRUCTURE_PROXIMAL,
    .wants = WANTS_SMOOTH_GRADIENT,
    .create = ista_create,
    .begin = proximal_begin,
    .step = ista_step,
};

const optimizer_ops optimizer_fista = {
    .name = "fista",
    .summary = "ISTA with Nesterov's acceleration",
    .reference = "Beck and Teboulle, SIAM J. Imaging Sciences 2(1), 2009",
    .settings = proximal_settings,
    .requires = STRUCTURE_PROXIMAL,
    .wants = WANTS_NO_GRADIENT,
    .create = fista_create,
    .begin = proximal_begin,
    .step = fista_step,
};
