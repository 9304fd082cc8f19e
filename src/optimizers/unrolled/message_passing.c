/* Approximate message passing: ISTA whose residual remembers the one before (Onsager's term), so that the errors it
 * thresholds look Gaussian, where A is large with independent entries and unit columns.
 *
 *   v_t = b - A x_{t-1} + o_t v_{t-1},  sigma_t = ||v_t|| / sqrt(m),  z_t = x_{t-1} + W'v_t
 *
 *   amp        W = A, x_t = S(z_t, alpha sigma_t),  o_t = ||x_{t-1}||_0 / m
 *              (Donoho, Maleki and Montanari, PNAS 106(45), 2009)
 *
 *   bayes-amp  W = A, x_t = E[x | z_t] of a Bernoulli-Gaussian x with noise of variance sigma_t^2,
 *              o_t = (n / m) mean of the derivative by z_{t-1}
 *              (Vila and Schniter, IEEE Trans. Signal Processing 61(19), 2013)
 *
 *   lamp       amp with a W_t and an alpha_t learned for each layer
 *              (Borgerding, Schniter and Rangan, IEEE Trans. Signal Processing 65(16), 2017)
 *
 * amp and bayes-amp are hand-designed and take any number of steps. lamp begins with the analytic weight and amp's
 * alpha, and is amp when it begins with W = A; by the reference with W = A / L and alpha = the initial lambda. With
 * `tied` a step size gamma_t stands before the shared W. o_t is a constant for derivatives. */
#include <math.h>

#include "optimizers/registry.h"
#include "optimizers/unrolled/bernoulli_gaussian.h"
#include "optimizers/unrolled/layers.h"

typedef struct message_passing {
    layers layers; /* first: see layers_of(). Of lamp alone */
    bool gamma;
    double alpha;             /* of amp */
    double density, variance; /* of bayes-amp */
    int state_residual, state_onsager;
} message_passing;

enum { LAMP_W, LAMP_GAMMA, LAMP_ALPHA };
enum { CONSTANT_LOGIT = LAYERS_CONSTANTS, CONSTANT_VARIANCE };

static const double FRESH_ALPHA = 1.14;     /* amp's best at one half as many rows as columns, density 0.1 */
static const double LEAST_VARIANCE = 1e-20; /* beside sigma^2: what is divided by is not zero */

#define UNIT_COLUMNS                                                                                                   \
    "it is for random dictionaries with unit columns: scale the columns, or take lamp, trained on this one, or fista"

#define THRESHOLD_SETTING                                                                                              \
    {                                                                                                                  \
        "threshold-scale", SETTING_REAL, "", "1.14", 0, 1e3, NULL,                                                     \
            "amp's threshold in standard deviations of the residual"                                                   \
    }

static const setting amp_settings[] = {THRESHOLD_SETTING, {0}};
static const setting bayes_settings[] = {PRIOR_SETTINGS, {0}};
static const setting lamp_settings[] = {
    LAYERS_SETTINGS, LAYERS_SIZE_SETTINGS, LAYERS_START_SETTING, LAYERS_TIED_SETTING, {0}};

/* The residual v is [count, m]: m comes with the optimizer's dictionary. */
static l2o_status allocate(optimizer *optimizer, message_passing **out, l2o_error *error) {
    *out = arena_allocate(&optimizer->memory, sizeof **out, error);
    if (*out == NULL) return error->status;
    **out = (message_passing){0};
    optimizer->own = *out;
    return L2O_OK;
}

static void add_states(optimizer *optimizer, message_passing *own) {
    own->state_residual = optimizer->state_count;
    optimizer_add_state(optimizer, "v", false, own->layers.rows, false);
}

static l2o_status lamp_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    message_passing *own;
    TRY(allocate(optimizer, &own, error));
    layers *layers = &own->layers;
    layers_start start;
    bool reference = settings_choice(settings, "conventions") == 1;
    TRY(layers_read_start(optimizer, settings, reference ? LAYERS_SCALED_DICTIONARY : LAYERS_ANALYTIC, &start, error));
    TRY(layers_create(optimizer, settings, start == LAYERS_ANALYTIC, layers, error));
    TRY(layers_fix_size(optimizer, settings, layers, error));
    own->gamma = settings_flag(settings, "tied");
    const double *w;
    TRY(layers_initial_weight(optimizer, layers, start, &w, error));
    TRY(layers_add(optimizer, layers, LAMP_W, "w", own->gamma, 1, layers->rows, layers->columns, w, error));
    if (own->gamma) TRY(layers_add_number(optimizer, layers, LAMP_GAMMA, "gamma", false, 1, error));
    add_states(optimizer, own);
    return layers_add_number(optimizer, layers, LAMP_ALPHA, "alpha", false,
                             reference ? layers->initial_lambda : FRESH_ALPHA, error);
}

static l2o_status amp_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    message_passing *own;
    TRY(allocate(optimizer, &own, error));
    own->alpha = settings_real(settings, "threshold-scale");
    TRY(layers_measure(optimizer, settings, &own->layers, error));
    add_states(optimizer, own);
    return L2O_OK;
}

static l2o_status bayes_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    message_passing *own;
    TRY(allocate(optimizer, &own, error));
    own->density = settings_real(settings, "prior-density");
    own->variance = settings_real(settings, "prior-variance");
    TRY(layers_measure(optimizer, settings, &own->layers, error));
    add_states(optimizer, own);
    own->state_onsager = optimizer->state_count;
    optimizer_add_state(optimizer, "onsager", false, 1, false);
    return L2O_OK;
}

static void bayes_begin(step_context *context) {
    const message_passing *own = context->optimizer->own;
    layers_begin(context);
    context->constants[CONSTANT_LOGIT] = tape_fill(context->tape, 1, 1, log(own->density / (1 - own->density)));
    context->constants[CONSTANT_VARIANCE] = tape_fill(context->tape, 1, 1, own->variance);
}

/* v_t [count, m]; `onsager` [count, 1] */
static value *remembered_residual(const step_context *context, value *x, value *onsager, value **state) {
    const message_passing *own = context->optimizer->own;
    tape *tape = context->tape;
    value *v = layers_residual(context, x);
    if (context->step > 1) v = tape_add(tape, v, tape_multiply(tape, onsager, state[own->state_residual]));
    state[own->state_residual] = v;
    return v;
}

/* sigma_t^2 [count, 1] */
static value *variance_of(const step_context *context, value *v) {
    if (v == NULL) return NULL;
    tape *tape = context->tape;
    return tape_scale(tape, 1 / (double)v->columns, tape_sum_to(tape, tape_multiply(tape, v, v), v->rows, 1));
}

/* amp and lamp: x_t by this w, gamma (NULL: 1) and alpha. */
static value *thresholded(const step_context *context, value *x, value *w, value *gamma, value *alpha, value **state) {
    const message_passing *own = context->optimizer->own;
    tape *tape = context->tape;
    value *onsager = tape_scale(tape, 1 / (double)own->layers.rows, layers_count_nonzeros(tape, x));
    value *v = remembered_residual(context, x, onsager, state);
    value *correction = tape_matmul(tape, v, false, w, false);
    if (gamma != NULL) correction = tape_multiply(tape, correction, gamma);
    value *sigma = tape_unary(tape, UNARY_SQRT, 0, variance_of(context, v));
    value *threshold = tape_unary(tape, UNARY_RELU, 0, tape_multiply(tape, sigma, alpha));
    return tape_soft_threshold(tape, tape_add(tape, x, correction), threshold);
}

static value *amp_step(step_context *context, value *x, value **state) {
    const message_passing *own = context->optimizer->own;
    value *alpha = tape_fill(context->tape, 1, 1, own->alpha);
    return thresholded(context, x, context->constants[LAYERS_A], NULL, alpha, state);
}

static value *lamp_step(step_context *context, value *x, value **state) {
    if (layers_are_done(context)) return layers_continue(context, x, state);
    const message_passing *own = context->optimizer->own;
    value *gamma = own->gamma ? layers_weight(context, LAMP_GAMMA) : NULL;
    return thresholded(context, x, layers_weight(context, LAMP_W), gamma, layers_weight(context, LAMP_ALPHA), state);
}

static value *bayes_step(step_context *context, value *x, value **state) {
    const message_passing *own = context->optimizer->own;
    tape *tape = context->tape;
    if (x == NULL) return NULL;
    value *v = remembered_residual(context, x, state[own->state_onsager], state), *slope;
    value *variance = tape_shift(tape, LEAST_VARIANCE, variance_of(context, v));
    value *z = tape_add(tape, x, tape_matmul(tape, v, false, context->constants[LAYERS_A], false));
    value *next = bernoulli_gaussian_mean(tape, z, variance, context->constants[CONSTANT_LOGIT],
                                          context->constants[CONSTANT_VARIANCE], &slope);
    value *sum = tape_sum_to(tape, tape_detach(tape, slope), x->rows, 1);
    state[own->state_onsager] = tape_scale(tape, 1 / (double)own->layers.rows, sum);
    return next;
}

const optimizer_ops optimizer_amp = {
    .name = "amp",
    .summary = "approximate message passing with a soft threshold, for random dictionaries with unit columns",
    .reference = "Donoho, Maleki and Montanari, PNAS 106(45), 2009",
    .settings = amp_settings,
    .requires = STRUCTURE_LINEAR_MODEL,
    .wants = WANTS_NO_GRADIENT,
    .create = amp_create,
    .begin = layers_begin,
    .suits = layers_suits,
    .step = amp_step,
    .when_diverged = UNIT_COLUMNS,
};

const optimizer_ops optimizer_bayes_amp = {
    .name = "bayes-amp",
    .summary = "approximate message passing with the mean of a Bernoulli-Gaussian in the place of the threshold",
    .reference = "Vila and Schniter, IEEE Trans. Signal Processing 61(19), 2013",
    .settings = bayes_settings,
    .requires = STRUCTURE_LINEAR_MODEL,
    .wants = WANTS_NO_GRADIENT,
    .create = bayes_create,
    .begin = bayes_begin,
    .suits = layers_suits,
    .step = bayes_step,
    .when_diverged = UNIT_COLUMNS,
};

const optimizer_ops optimizer_lamp = {
    .name = "lamp",
    .summary = "unrolled approximate message passing: a matrix and a threshold learned for each layer",
    .reference = "Borgerding, Schniter and Rangan, IEEE Trans. Signal Processing 65(16), 2017",
    .settings = lamp_settings,
    .requires = STRUCTURE_LINEAR_MODEL,
    .learned = true,
    .unrolled = true,
    .wants = WANTS_NO_GRADIENT,
    .create = lamp_create,
    .begin = layers_begin,
    .suits = layers_suits,
    .step = lamp_step,
    .when_diverged = LAYERS_START_SCALED,
};
