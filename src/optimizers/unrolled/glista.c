/* GLISTA (Wu, Guo, Li and Zhang, ICLR 2020): lista-cpss with two gates. One amplifies x, which thresholds have shrunk,
 * before the layer; the other lets the layer overshoot. With s = |x_{t-1}|,
 *
 *   u = g o x_{t-1},  z = u + W_t'(b - A u),  y = S(z, theta_t) with support selection,
 *   x_t = h o y + (1 - h) o x_{t-1},
 *
 *   gain = relu     g = 1 + a_t max(1 - max(D_t s, 0), 0)        D_t [1, n]
 *          inverse  g = 1 + a_t 0.2 / (0.001 + |D_t s|)
 *          exp      g = 1 + a_t exp(-D_t s)
 *          sigmoid  g = 1 + a_t sigmoid(-D_t s)
 *          none     g = 1
 *          combine  relu in the layers up to `combine-layers`, inverse after them
 *
 *   overshoot-gate = inverse  h = 1 - o_t pi_t / (|y - x_{t-1}| + 0.1),
 *                             pi_t = theta_{t-1} where layer t - 1 shrank, 0 where it did not; pi_1 = theta_1
 *                    sigmoid  h = 1 - o_t sigmoid(P x_{t-1} + Q b + q) |W_t'b|    P [n, n], Q [n, m], q [1, n] shared
 *
 * With `gates-split` the layers up to it have the overshoot alone and the others the gain alone, with
 * `vector-threshold` theta_t is [1, n], and with `tied` layers share W, which gamma_t goes before.
 *
 * The reference takes theta_t for theta_{t-1}, begins with a = o = 5 (so that h is below zero for small moves) and with
 * W = A / L; otherwise both begin at 0, where the network is lista-cpss, and W as the analytic weight. The authors' own
 * code has vectors theta_t, theta_{t-1} in pi_t, P, Q and q drawn at random, and all gates that are here but for one:
 * an inverse gain whose 0.001 is learned. */
#include "optimizers/registry.h"
#include "optimizers/unrolled/layers.h"
#include "optimizers/unrolled/shrinkage.h"

typedef enum gain { GAIN_RELU, GAIN_INVERSE, GAIN_EXP, GAIN_SIGMOID, GAIN_NONE, GAIN_COMBINE } gain;

typedef struct glista {
    layers layers; /* first: see layers_of() */
    support_schedule support;
    gain gain;
    int64_t combine_layers, split; /* split: 0 where all layers have both gates */
    bool overshoots, by_sigmoid, tied, vectors;
    int state_shrunk, state_threshold;
} glista;

enum { GLISTA_W, GLISTA_GAMMA, GLISTA_THETA, GLISTA_A, GLISTA_D, GLISTA_O, GLISTA_P, GLISTA_Q, GLISTA_SHIFT };
enum { CONSTANT_GATE = LAYERS_CONSTANTS }; /* Q b + q, which all layers share */

static const double LEAST_MOVE = 0.1, INVERSE_SCALE = 0.2, INVERSE_SHIFT = 0.001;

static const setting glista_settings[] = {
    LAYERS_SETTINGS,
    LAYERS_SIZE_SETTINGS,
    LAYERS_START_SETTING,
    LAYERS_TIED_SETTING,
    SUPPORT_SETTINGS,
    {"gain", SETTING_CHOICE, "", "relu", 0, 0, "relu|inverse|exp|sigmoid|none|combine",
     "What glista multiplies x by before a layer: a function that falls with |x|; combine: relu, and inverse in late "
     "layers"},
    {"combine-layers", SETTING_INTEGER, "layers", "10", 0, 100, NULL,
     "With gain = combine: in how many layers the gain is relu, before it is inverse"},
    {"overshoot", SETTING_FLAG, "", "yes", 0, 0, NULL, "Whether glista goes beyond a layer's output"},
    {"overshoot-gate", SETTING_CHOICE, "", "inverse", 0, 0, "inverse|sigmoid",
     "How far: inverse, the more so the less the layer moves x; sigmoid, as a small network of x and b says"},
    {"gates-split", SETTING_INTEGER, "layers", "0", 0, 100, NULL,
     "So many of glista's layers, fewer than depth, have the overshoot alone, and those after them the gain alone; 0: "
     "all have both"},
    {"vector-threshold", SETTING_FLAG, "", "no", 0, 0, NULL,
     "glista learns a threshold for each coordinate in each layer, as its authors' code does; no: one a layer"},
    {"initial-gain", SETTING_REAL, "", NULL, -1e3, 1e3, NULL,
     "a, by which glista's gain begins. Default: 0, by the reference 5"},
    {"initial-overshoot", SETTING_REAL, "", NULL, -1e3, 1e3, NULL,
     "o, by which glista's overshoot begins: above zero it falls short. Default: 0, by the reference 5"},
    {0}};

static gain gain_in(const glista *own, int64_t layer) {
    if (layer <= own->split) return GAIN_NONE;
    if (own->gain != GAIN_COMBINE) return own->gain;
    return layer <= own->combine_layers ? GAIN_RELU : GAIN_INVERSE;
}

static bool overshoots_in(const glista *own, int64_t layer) {
    return own->overshoots && (own->split == 0 || layer <= own->split);
}

static l2o_status add_gain(optimizer *optimizer, const l2o_settings *settings, glista *own, l2o_error *error) {
    layers *layers = &own->layers;
    double initial;
    TRY(optimizer_resolve(optimizer, settings, "initial-gain", layers->reference ? "5" : "0", &initial, error));
    for (int64_t t = own->split + 1; t <= layers->depth; t++)
        TRY(layers_add_one_number(optimizer, layers, GLISTA_A, "a", t, initial, error));
    return layers_add_numbers(optimizer, layers, GLISTA_D, "d", false, own->split + 1, layers->columns, 1, error);
}

static l2o_status add_overshoot(optimizer *optimizer, const l2o_settings *settings, glista *own, l2o_error *error) {
    layers *layers = &own->layers;
    int64_t m = layers->rows, n = layers->columns;
    double initial;
    TRY(optimizer_resolve(optimizer, settings, "initial-overshoot", layers->reference ? "5" : "0", &initial, error));
    for (int64_t t = 1; t <= layers->depth && overshoots_in(own, t); t++)
        TRY(layers_add_one_number(optimizer, layers, GLISTA_O, "o", t, initial, error));
    if (own->by_sigmoid) {
        TRY(layers_add_drawn(optimizer, layers, GLISTA_P, "p", true, n, n, error));
        TRY(layers_add_drawn(optimizer, layers, GLISTA_Q, "q", true, n, m, error));
        return layers_add_drawn(optimizer, layers, GLISTA_SHIFT, "shift", false, 1, n, error);
    }
    own->state_shrunk = optimizer->state_count;
    optimizer_add_state(optimizer, "shrunk", true, 1, false);
    own->state_threshold = optimizer->state_count;
    optimizer_add_state(optimizer, "threshold", own->vectors, 1, false);
    return L2O_OK;
}

static l2o_status read_gates(const l2o_settings *settings, glista *own, l2o_error *error) {
    own->gain = (gain)settings_choice(settings, "gain");
    if (own->gain == GAIN_COMBINE) own->combine_layers = settings_integer(settings, "combine-layers");
    own->overshoots = settings_flag(settings, "overshoot");
    if (own->overshoots) own->by_sigmoid = settings_choice(settings, "overshoot-gate") == 1;
    own->split = settings_integer(settings, "gates-split");
    own->vectors = settings_flag(settings, "vector-threshold");
    if (own->split == 0) return L2O_OK;
    if (own->split >= own->layers.depth)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: gates-split = %lld leaves the gain none of %lld layers; choose less than depth",
                         settings_origin(settings, "gates-split"), (long long)own->split, (long long)own->layers.depth);
    if (own->gain != GAIN_NONE && own->overshoots) return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT,
                     "%s: gates-split = %lld parts layers with an overshoot from those with a gain, but there is only "
                     "one of the gates; leave it out, or set gain and overshoot",
                     settings_origin(settings, "gates-split"), (long long)own->split);
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
    TRY(layers_fix_size(optimizer, settings, layers, error));
    own->support = support_schedule_read(settings);
    own->tied = settings_flag(settings, "tied");
    TRY(read_gates(settings, own, error));
    TRY(layers_initial_weight(optimizer, layers, start, &w, error));
    TRY(layers_add(optimizer, layers, GLISTA_W, "w", own->tied, 1, layers->rows, layers->columns, w, error));
    if (own->tied) TRY(layers_add_number(optimizer, layers, GLISTA_GAMMA, "gamma", false, 1, error));
    TRY(layers_add_thresholds(optimizer, layers, GLISTA_THETA, own->vectors, error));
    if (own->gain != GAIN_NONE) TRY(add_gain(optimizer, settings, own, error));
    return own->overshoots ? add_overshoot(optimizer, settings, own, error) : L2O_OK;
}

static void glista_begin(step_context *context) {
    const glista *own = context->optimizer->own;
    tape *tape = context->tape;
    layers_begin(context);
    if (!own->by_sigmoid) return;
    value *image =
        tape_matmul(tape, context->constants[LAYERS_B], false, layers_shared_weight(context, GLISTA_Q), true);
    context->constants[CONSTANT_GATE] = tape_add(tape, image, layers_shared_weight(context, GLISTA_SHIFT));
}

/* g [count, n] */
static value *gain_of(const step_context *context, gain gain, value *x) {
    tape *tape = context->tape;
    value *scaled =
        tape_multiply(tape, tape_unary(tape, UNARY_ABS, 0, x), layers_weight(context, GLISTA_D)); /* D_t s */
    value *shape = NULL;
    switch (gain) {
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
    case GAIN_NONE:
    case GAIN_COMBINE: break;
    }
    return tape_shift(tape, 1, tape_multiply(tape, shape, layers_weight(context, GLISTA_A)));
}

/* pi_t / (|y - x| + 0.1) [count, n]; keeps what the next layer's pi is made of. */
static value *inverse_share(const step_context *context, value *x, value *move, value *shrunk, value **state) {
    const glista *own = context->optimizer->own;
    tape *tape = context->tape;
    int64_t count = x->rows, n = x->columns;
    bool first = context->step == 1;
    value *theta = layers_threshold(context, GLISTA_THETA);
    value *before = tape_reshape(tape, state[own->state_shrunk], count, n);
    value *level = state[own->state_threshold];
    if (own->vectors) level = tape_reshape(tape, level, count, n);
    if (first || own->layers.reference) level = theta;
    value *price = first ? level : tape_multiply(tape, before, level); /* pi_t */
    state[own->state_shrunk] = tape_reshape(tape, shrunk, count * n, 1);
    state[own->state_threshold] = own->vectors ? tape_reshape(tape, tape_broadcast(tape, theta, count, n), count * n, 1)
                                               : tape_broadcast(tape, theta, count, 1);
    return tape_divide(tape, price, tape_shift(tape, LEAST_MOVE, tape_unary(tape, UNARY_ABS, 0, move)));
}

/* sigmoid(P x + Q b + q) |W'b| [count, n] */
static value *sigmoid_share(const step_context *context, value *x) {
    tape *tape = context->tape;
    value *seen = tape_matmul(tape, x, false, layers_weight(context, GLISTA_P), true);
    value *gate = tape_unary(tape, UNARY_SIGMOID, 0, tape_add(tape, seen, context->constants[CONSTANT_GATE]));
    value *image = tape_matmul(tape, context->constants[LAYERS_B], false, layers_weight(context, GLISTA_W), false);
    return tape_multiply(tape, gate, tape_unary(tape, UNARY_ABS, 0, image));
}

/* x_t from the layer's output y */
static value *overshoot(const step_context *context, value *x, value *y, value *shrunk, value **state) {
    const glista *own = context->optimizer->own;
    tape *tape = context->tape;
    value *move = tape_subtract(tape, y, x);
    if (move == NULL || shrunk == NULL) return NULL;
    value *share =
        own->by_sigmoid ? sigmoid_share(context, x) : inverse_share(context, x, move, shrunk, state); /* (1 - h) / o */
    /* h y + (1 - h) x = y + (h - 1) (y - x) */
    value *beyond = tape_multiply(tape, share, layers_weight(context, GLISTA_O));
    return tape_subtract(tape, y, tape_multiply(tape, beyond, move));
}

static value *glista_step(step_context *context, value *x, value **state) {
    if (layers_are_done(context)) return layers_continue(context, x, state);
    const glista *own = context->optimizer->own;
    tape *tape = context->tape;
    if (x == NULL) return NULL;
    gain gain = gain_in(own, context->step);
    value *u = gain == GAIN_NONE ? x : tape_multiply(tape, gain_of(context, gain, x), x), *shrunk = NULL;
    value *correction = tape_matmul(tape, layers_residual(context, u), false, layers_weight(context, GLISTA_W), false);
    if (own->tied) correction = tape_multiply(tape, correction, layers_weight(context, GLISTA_GAMMA));
    value *z = tape_add(tape, u, correction);
    value *y = shrinkage_of_layer(context, own->support, z, layers_threshold(context, GLISTA_THETA), &shrunk);
    return overshoots_in(own, context->step) ? overshoot(context, x, y, shrunk, state) : y;
}

const optimizer_ops optimizer_glista = {
    .name = "glista",
    .summary = "lista-cpss with gates that amplify x before a layer and overshoot after it",
    .reference = "Wu, Guo, Li and Zhang, ICLR 2020",
    .settings = glista_settings,
    .requires = STRUCTURE_LINEAR_MODEL,
    .learned = true,
    .unrolled = true,
    .wants = WANTS_NO_GRADIENT,
    .create = glista_create,
    .begin = glista_begin,
    .suits = layers_suits,
    .step = glista_step,
    .when_diverged = LAYERS_START_SCALED,
};
