/* Gradient descent, Polyak's heavy ball and Nesterov's momentum.
 *
 *   sgd       x <- x - rate g(x)
 *   momentum  v <- momentum v - rate g(x),               x <- x + v
 *   nesterov  v <- momentum v - rate g(x + momentum v),  x <- x + v
 *
 * With rate = 1/L all three are stable on quadratics for any momentum below 1. Where the objective has kinks g is a
 * subgradient, so with a fixed rate they come near the minimum but not to it. */
#include "optimizers/classical/step_size.h"
#include "optimizers/registry.h"

enum { CONSTANT_MINUS_RATE, STATE_VELOCITY = 0 };

static const double FALLBACK_RATE = 0.01;

typedef struct momentum {
    step_size rate;
    double momentum;
} momentum;

#define OTHERWISE "1/L, the Lipschitz constant of each instance's gradient, and 0.01 where the problem knows none"

static const setting sgd_settings[] = {STEP_SIZE_SETTING(OTHERWISE), {0}};
static const setting momentum_settings[] = {STEP_SIZE_SETTING(OTHERWISE),
                                            {"momentum", SETTING_REAL, "", "0.9", 0, 0.999999, NULL,
                                             "Share of the last step that the next one keeps (momentum, nesterov)"},
                                            {0}};

static l2o_status sgd_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    momentum *own = arena_allocate(&optimizer->memory, sizeof *own, error);
    if (own == NULL) return error->status;
    *own = (momentum){.rate = step_size_read(settings, FALLBACK_RATE)};
    if (!own->rate.given) optimizer->uses |= STRUCTURE_LIPSCHITZ;
    optimizer->own = own;
    return L2O_OK;
}

static l2o_status momentum_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    TRY(sgd_create(optimizer, settings, error));
    momentum *own = optimizer->own;
    own->momentum = settings_real(settings, "momentum");
    optimizer_add_state(optimizer, "velocity", true, 1, false);
    return L2O_OK;
}

static void momentum_begin(step_context *context) {
    const momentum *own = context->optimizer->own;
    context->constants[CONSTANT_MINUS_RATE] = step_size_constant(context, own->rate, -1);
}

static value *sgd_step(step_context *context, value *x, value **state) {
    (void)state;
    value *g = step_gradient(context, x);
    return tape_add(context->tape, x, tape_multiply(context->tape, g, context->constants[CONSTANT_MINUS_RATE]));
}

/* x + v with v the fresh velocity, made of what is left of the old one and the gradient. */
static value *move(step_context *context, value *x, value *left, value *g, value **velocity) {
    tape *tape = context->tape;
    value *fresh = tape_add(tape, left, tape_multiply(tape, g, context->constants[CONSTANT_MINUS_RATE]));
    if (fresh == NULL) return NULL;
    *velocity = tape_reshape(tape, fresh, x->rows * x->columns, 1);
    return tape_add(tape, x, fresh);
}

static value *left_of_velocity(step_context *context, const value *x, value *const *state) {
    const momentum *own = context->optimizer->own;
    value *velocity = tape_reshape(context->tape, state[STATE_VELOCITY], x->rows, x->columns);
    return tape_scale(context->tape, own->momentum, velocity);
}

static value *momentum_step(step_context *context, value *x, value **state) {
    value *left = left_of_velocity(context, x, state);
    return move(context, x, left, step_gradient(context, x), &state[STATE_VELOCITY]);
}

static value *nesterov_step(step_context *context, value *x, value **state) {
    value *left = left_of_velocity(context, x, state);
    value *ahead = tape_add(context->tape, x, left);
    return move(context, x, left, step_gradient(context, ahead), &state[STATE_VELOCITY]);
}

const optimizer_ops optimizer_sgd = {
    .name = "sgd",
    .summary = "gradient descent with a fixed rate",
    .reference = "Cauchy, 1847; Robbins and Monro, 1951",
    .settings = sgd_settings,
    .create = sgd_create,
    .begin = momentum_begin,
    .step = sgd_step,
};

const optimizer_ops optimizer_momentum = {
    .name = "momentum",
    .summary = "gradient descent with heavy-ball momentum",
    .reference = "Polyak, 1964",
    .settings = momentum_settings,
    .create = momentum_create,
    .begin = momentum_begin,
    .step = momentum_step,
};

const optimizer_ops optimizer_nesterov = {
    .name = "nesterov",
    .summary = "gradient descent with momentum, the gradient taken where the momentum leads",
    .reference = "Nesterov, 1983; Sutskever et al., ICML 2013",
    .settings = momentum_settings,
    .wants = WANTS_NO_GRADIENT,
    .create = momentum_create,
    .begin = momentum_begin,
    .step = nesterov_step,
};
