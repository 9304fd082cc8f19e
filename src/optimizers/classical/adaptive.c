/* Adam and RMSprop: steps scaled, coordinate by coordinate, with a running mean of the squared gradient.
 *
 *   adam     m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,
 *            x <- x - rate m^ / (sqrt(v^) + epsilon),  m^ = m / (1 - beta1^k),  v^ = v / (1 - beta2^k)
 *   rmsprop  v <- decay v + (1 - decay) g^2,  x <- x - rate g / (sqrt(v) + epsilon)
 *
 * With epsilon-inside the denominator is sqrt(v + epsilon). A coordinate moves by about `rate` a step whatever the
 * gradient's size, so the rate has the unit of x and takes nothing from the Lipschitz constant. */
#include <math.h>

#include "optimizers/optimizer.h"
#include "optimizers/registry.h"

enum { ADAM_M, ADAM_V, RMSPROP_V = 0 };

typedef struct adaptive {
    double rate, beta1, beta2, epsilon; /* beta2: of the squares, rmsprop's decay too */
    bool inside;
} adaptive;

static const double DEFAULT_RATE = 0.01;

#define RATE_SETTING                                                                                                   \
    { "rate", SETTING_REAL, "", NULL, 1e-30, 1e30, NULL, "Step size of a classical optimizer; not given: 0.01" }
#define EPSILON_SETTING                                                                                                \
    { "epsilon", SETTING_REAL, "", "1e-8", 0, 1, NULL, "What is added to the root of the mean square (adam, rmsprop)" }
#define INSIDE_SETTING                                                                                                 \
    {                                                                                                                  \
        "epsilon-inside", SETTING_FLAG, "", "no", 0, 0, NULL,                                                          \
            "Adds epsilon under the root instead of to the root (adam, rmsprop)"                                       \
    }

static const setting adam_settings[] = {
    RATE_SETTING,
    {"beta1", SETTING_REAL, "", "0.9", 0, 0.999999999, NULL, "Decay of Adam's mean of the gradient"},
    {"beta2", SETTING_REAL, "", "0.999", 0, 0.999999999, NULL, "Decay of Adam's mean of the squared gradient"},
    EPSILON_SETTING,
    INSIDE_SETTING,
    {0}};

static const setting rmsprop_settings[] = {
    RATE_SETTING,
    {"decay", SETTING_REAL, "", "0.99", 0, 0.999999999, NULL, "Decay of RMSprop's mean of the squared gradient"},
    EPSILON_SETTING,
    INSIDE_SETTING,
    {0}};

static l2o_status read_common(optimizer *optimizer, const l2o_settings *settings, adaptive **own, l2o_error *error) {
    *own = arena_allocate(&optimizer->memory, sizeof **own, error);
    if (*own == NULL) return error->status;
    **own = (adaptive){.rate = settings_is_set(settings, "rate") ? settings_real(settings, "rate") : DEFAULT_RATE,
                       .epsilon = settings_real(settings, "epsilon"),
                       .inside = settings_flag(settings, "epsilon-inside")};
    optimizer->own = *own;
    return L2O_OK;
}

static l2o_status adam_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    adaptive *own;
    TRY(read_common(optimizer, settings, &own, error));
    own->beta1 = settings_real(settings, "beta1");
    own->beta2 = settings_real(settings, "beta2");
    optimizer_add_state(optimizer, "m", true, 1, false);
    optimizer_add_state(optimizer, "v", true, 1, false);
    return L2O_OK;
}

static l2o_status rmsprop_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    adaptive *own;
    TRY(read_common(optimizer, settings, &own, error));
    own->beta2 = settings_real(settings, "decay");
    optimizer_add_state(optimizer, "v", true, 1, false);
    return L2O_OK;
}

/* decay * mean + (1 - decay) * sample */
static value *running_mean(tape *tape, double decay, value *mean, value *sample) {
    return tape_add(tape, tape_scale(tape, decay, mean), tape_scale(tape, 1 - decay, sample));
}

static value *denominator(tape *tape, const adaptive *own, value *mean_square) {
    if (own->inside) return tape_unary(tape, UNARY_SQRT, 0, tape_shift(tape, own->epsilon, mean_square));
    return tape_shift(tape, own->epsilon, tape_unary(tape, UNARY_SQRT, 0, mean_square));
}

/* x - rate numerator / root; where the denominator is 0 (epsilon 0, gradient 0) the step is 0, not NaN. */
static value *move(tape *tape, const adaptive *own, value *x, value *numerator, value *root) {
    value *direction = own->epsilon > 0 ? tape_divide(tape, numerator, root)
                                        : tape_multiply(tape, numerator, tape_unary(tape, UNARY_RECIPROCAL, 0, root));
    if (direction == NULL) return NULL;
    direction = tape_reshape(tape, tape_scale(tape, -own->rate, direction), x->rows, x->columns);
    return tape_add(tape, x, direction);
}

static value *flat_gradient(step_context *context, value *x) {
    value *g = step_gradient(context, x);
    return g == NULL ? NULL : tape_reshape(context->tape, g, g->rows * g->columns, 1);
}

static value *adam_step(step_context *context, value *x, value **state) {
    tape *tape = context->tape;
    const adaptive *own = context->optimizer->own;
    value *g = flat_gradient(context, x);
    state[ADAM_M] = running_mean(tape, own->beta1, state[ADAM_M], g);
    state[ADAM_V] = running_mean(tape, own->beta2, state[ADAM_V], tape_multiply(tape, g, g));
    double first = 1 / (1 - pow(own->beta1, (double)context->step));
    double second = 1 / (1 - pow(own->beta2, (double)context->step));
    value *root = denominator(tape, own, tape_scale(tape, second, state[ADAM_V]));
    return move(tape, own, x, tape_scale(tape, first, state[ADAM_M]), root);
}

static value *rmsprop_step(step_context *context, value *x, value **state) {
    tape *tape = context->tape;
    const adaptive *own = context->optimizer->own;
    value *g = flat_gradient(context, x);
    state[RMSPROP_V] = running_mean(tape, own->beta2, state[RMSPROP_V], tape_multiply(tape, g, g));
    return move(tape, own, x, g, denominator(tape, own, state[RMSPROP_V]));
}

const optimizer_ops optimizer_adam = {
    .name = "adam",
    .summary = "bias-corrected means of the gradient and of its square",
    .reference = "Kingma and Ba, ICLR 2015",
    .settings = adam_settings,
    .create = adam_create,
    .step = adam_step,
};

const optimizer_ops optimizer_rmsprop = {
    .name = "rmsprop",
    .summary = "the gradient over the root of its mean square",
    .reference = "Tieleman and Hinton, Coursera lecture 6.5, 2012",
    .settings = rmsprop_settings,
    .create = rmsprop_create,
    .step = rmsprop_step,
};
