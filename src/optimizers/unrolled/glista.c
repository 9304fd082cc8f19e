/* GLISTA (Wu, Guo, Li and Zhang, ICLR 2020): lista-cpss with two gates. One amplifies x, which thresholds have shrunk,
 * before the layer; the other lets the layer overshoot where it moves x little. With s = |x_{t-1}|,
 *
 *   u = g o x_{t-1},  z = u + W_t'(b - A u),  y = S(z, theta_t) with support selection,
 *   h = 1 - o_t pi_t / (|y - x_{t-1}| + 0.1),  x_t = h o y + (1 - h) o x_{t-1},
 *   pi_t = theta_{t-1} where layer t - 1 shrank, 0 where it did not; pi_1 = theta_1,
 *
 *   gain = relu     g = 1 + a_t max(1 - max(D_t s, 0), 0)        D_t [1, n]
 *          inverse  g = 1 + a_t 0.2 / (0.001 + |D_t s|)
 *          exp      g = 1 + a_t exp(-D_t s)
 *          sigmoid  g = 1 + a_t sigmoid(-D_t s)
 *          none     g = 1
 *
 * The reference takes theta_t for theta_{t-1}, begins with a = o = 5 (so that h is below zero for small moves) and with
 * W = A / L; otherwise both begin at 0, where the network is lista-cpss, and W as the analytic weight. Unlike in the
 * authors' own code thetas are one number a layer. */
#include "optimizers/registry.h"
#include "optimizers/unrolled/layers.h"
#include "optimizers/unrolled/shrinkage.h"

typedef enum gain { GAIN_RELU, GAIN_INVERSE, GAIN_EXP, GAIN_SIGMOID, GAIN_NONE } gain;

typedef struct glista {
    layers layers; /* first: see layers_of() */
    support_schedule support;
    gain gain;
    bool overshoots;
    int state_shrunk, state_threshold;
} glista;

enum { GLISTA_W, GLISTA_THETA, GLISTA_A, GLISTA_D, GLISTA_O };

static const double LEAST_MOVE = 0.1, INVERSE_SCALE = 0.2, INVERSE_SHIFT = 0.001;

static const setting glista_settings[] = {
    LAYERS_SETTINGS,
    LAYERS_START_SETTING,
    SUPPORT_SETTINGS,
    {"gain", SETTING_CHOICE, "", "relu", 0, 0, "relu|inverse|exp|sigmoid|none",
     "What glista multiplies x by before a layer: a function that falls with |x|"},
    {"overshoot", SETTING_FLAG, "", "yes", 0, 0, NULL,
     "Whether glista goes beyond a layer's output, the more so the less it moves x"},
    {"initial-gain", SETTING_REAL, "", NULL, -1e3, 1e3, NULL,
     "a, by which glista's gain begins. Default: 0, by the reference 5"},
    {"initial-overshoot", SETTING_REAL, "", NULL, -1e3, 1e3, NULL,
     "o, by which glista's overshoot begins: above zero it falls short. Default: 0, by the reference 5"},
    {0}};

static l2o_status add_gates(optimizer *optimizer, const l2o_settings *settings, glista *own, l2o_error *error) {
    layers *layers = &own->layers;
    const char *otherwise = layers->reference ? "5" : "0";
    double initial;
    if (own->gain != GAIN_NONE) {
        double *ones = layers_numbers(optimizer, layers->columns, error);
        if (ones == NULL) return error->status;
        for (int64_t j = 0; j < layers->columns; j++) ones[j] = 1;
        TRY(optimizer_resolve(optimizer, settings, "initial-gain", otherwise, &initial, error));
        TRY(layers_add_number(optimizer, layers, GLISTA_A, "a", initial, error));
        TRY(layers_add(optimizer, layers, GLISTA_D, "d", false, 1, 1, layers->columns, ones, error));
    }
    if (!own->overshoots) return L2O_OK;
    own->state_shrunk = optimizer->state_count;
    optimizer_add_state(optimizer, "shrunk", true, 1, false);
    own->state_threshold = optimizer->state_count;
    optimizer_add_state(optimizer, "threshold", false, 1, false);
    TRY(optimizer_resolve(optimizer, settings, "initial-overshoot", otherwise, &initial, error));
    return layers_add_number(optimizer, layers, GLISTA_O, "o", initial, error);
}

static l2o_status glista_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    glista *own = arena_allocate(&optimizer->memory, sizeof *own, error);
    if (own == NULL) return error->status;
    *own = (glista){0};
    optimizer->own = own;
    layers *layers = &own->layers;
    layers_start start;
    const double *w;
    bool reference = settings_choice(settings, "conventions") == 1;
    TRY(layers_read_start(optimizer, settings, reference ? LAYERS_SCALED_DICTIONARY : LAYERS_ANALYTIC, &start, error));
    TRY(layers_create(optimizer, settings, start == LAYERS_ANALYTIC, layers, error));
    own->support = support_schedule_read(settings);
    own->gain = (gain)settings_choice(settings, "gain");
    own->overshoots = settings_flag(settings, "overshoot");
    TRY(layers_initial_weight(optimizer, layers, start, &w, error));
    TRY(layers_add(optimizer, layers, GLISTA_W, "w", false, 1, layers->rows, layers->columns, w, error));
    TRY(layers_add_thresholds(optimizer, layers, GLISTA_THETA, error));
    return add_gates(optimizer, settings, own, error);
}

/* g [count, n] */
static value *gain_of(const step_context *context, value *x) {
    const glista *own = context->optimizer->own;
    tape *tape = context->tape;
    value *scaled =
        tape_multiply(tape, tape_unary(tape, UNARY_ABS, 0, x), layers_weight(context, GLISTA_D)); /* D_t s */
    value *shape = NULL;
    switch (own->gain) {
    case GAIN_RELU:
        shape = tape_shift(tape, 1, tape_scale(tape, -1, tape_unary(tape, UNARY_RELU, 0, scaled)));
        shape = tape_unary(tape, UNARY_RELU, 0, shape);
        break;
    case GAIN_INVERSE:
        shape = tape_shift(tape, INVERSE_SHIFT, tape_unary(tape, UNARY_ABS, 0, scaled));
        shape = tape_scale(tape, INVERSE_SCALE, tape_unary(tape, UNARY_RECIPROCAL, 0, shape));
        break;
    case GAIN_EXP: shape = tape_unary(tape, UNARY_EXP, 0, tape_scale(tape, -1, scaled)); break;
    case GAIN_SIGMOID: shape = tape_unary(tape, UNARY_SIGMOID, 0, tape_scale(tape, -1, scaled)); break;
    case GAIN_NONE: break;
    }
    return tape_shift(tape, 1, tape_multiply(tape, shape, layers_weight(context, GLISTA_A)));
}

/* x_t from the layer's output y; keeps what the next layer's pi is made of. */
static value *overshoot(const step_context *context, value *x, value *y, value *theta, value *shrunk, value **state) {
    const glista *own = context->optimizer->own;
    tape *tape = context->tape;
    bool first = context->step == 1;
    value *before = tape_reshape(tape, state[own->state_shrunk], x->rows, x->columns);
    value *level = first || own->layers.reference ? theta : state[own->state_threshold];
    value *price = first ? level : tape_multiply(tape, before, level); /* pi_t */
    state[own->state_shrunk] = shrunk == NULL ? NULL : tape_reshape(tape, shrunk, x->rows * x->columns, 1);
    state[own->state_threshold] = tape_broadcast(tape, theta, x->rows, 1);
    value *move = tape_subtract(tape, y, x);
    value *share = tape_divide(tape, price, tape_shift(tape, LEAST_MOVE, tape_unary(tape, UNARY_ABS, 0, move)));
    /* h y + (1 - h) x = y + (h - 1) (y - x) */
    value *beyond = tape_multiply(tape, share, layers_weight(context, GLISTA_O));
    return tape_subtract(tape, y, tape_multiply(tape, beyond, move));
}

static value *glista_step(step_context *context, value *x, value **state) {
    if (layers_are_done(context)) return layers_continue(context, x, state);
    const glista *own = context->optimizer->own;
    tape *tape = context->tape;
    if (x == NULL) return NULL;
    value *u = own->gain == GAIN_NONE ? x : tape_multiply(tape, gain_of(context, x), x);
    value *w = layers_weight(context, GLISTA_W), *theta = layers_threshold(context, GLISTA_THETA), *shrunk = NULL;
    value *z = tape_add(tape, u, tape_matmul(tape, layers_residual(context, u), false, w, false));
    value *y = shrinkage_of_layer(context, own->support, z, theta, &shrunk);
    return own->overshoots ? overshoot(context, x, y, theta, shrunk, state) : y;
}

const optimizer_ops optimizer_glista = {
    .name = "glista",
    .summary = "lista-cpss with gates that amplify x before a layer and overshoot after it",
    .reference = "Wu, Guo, Li and Zhang, ICLR 2020",
    .settings = glista_settings,
    .requires = STRUCTURE_LINEAR_MODEL,
    .learned = true,
    .wants = WANTS_NO_GRADIENT,
    .create = glista_create,
    .begin = layers_begin,
    .suits = layers_suits,
    .step = glista_step,
};
