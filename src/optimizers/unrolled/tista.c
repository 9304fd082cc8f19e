/* TISTA (Ito, Takabe and Wadayama, IEEE Trans. Signal Processing 67(12), 2019): steps along the pseudo-inverse, each
 * followed by the conditional mean of a Bernoulli-Gaussian whose noise the residual tells. With the noise of variance
 * e in b,
 *
 *   r = b - A x_{t-1},  v = max((||r||^2 - m e) / tr(A'A), 1e-9),
 *   tau^2 = v / n (n + (gamma^2 - 2 gamma) m) + gamma^2 tr(A+ A+') e / n,
 *   z = x_{t-1} + gamma_t W'r,  x_t = E[x | z] with noise tau^2, density p_t and variance s_t
 *
 * W = (A+)' is fixed and gamma_t, the logit of p_t and ln s_t are learned; with `learned-weight` a W_t for each layer
 * is as well, or one for all of them (`tied`). gamma begins at n / m, where A has more columns than rows. The reference
 * begins with 1, always learns W_t, from A, and p_t and s_t as they are. */
#include <math.h>

#include "optimizers/registry.h"
#include "optimizers/unrolled/bernoulli_gaussian.h"
#include "optimizers/unrolled/layers.h"
#include "problems/dictionary.h"

typedef struct tista {
    layers layers; /* first: see layers_of() */
    bool learned;
    double noise; /* e */
} tista;

enum { TISTA_W, TISTA_GAMMA, TISTA_DENSITY, TISTA_VARIANCE };
enum { CONSTANT_W = LAYERS_CONSTANTS };

static const double LEAST_ERROR = 1e-9, LEAST_TAU = 1e-12;

static const setting tista_settings[] = {
    LAYERS_SETTINGS,
    LAYERS_SIZE_SETTINGS,
    LAYERS_TIED_SETTING,
    PRIOR_SETTINGS,
    {"noise-variance", SETTING_REAL, "", "0", 0, 1e12, NULL, "Variance of the noise in each entry of b, for tista"},
    {"learned-weight", SETTING_FLAG, "", "no", 0, 0, NULL,
     "tista learns a matrix for each layer, from the pseudo-inverse on; by the reference it always does, from A on"},
    {"initial-gamma", SETTING_REAL, "", NULL, 0, 1e6, NULL,
     "The step size that tista begins with. Default: n / m where A has more columns than rows, else 1; by the "
     "reference "
     "1"},
    {0}};

static l2o_status add_weights(optimizer *optimizer, tista *own, const l2o_settings *settings, l2o_error *error) {
    layers *layers = &own->layers;
    double density = settings_real(settings, "prior-density"), variance = settings_real(settings, "prior-variance");
    const double *w = layers->reference ? layers->matrix : layers->pseudo_inverse_transposed;
    bool tied = own->learned && settings_flag(settings, "tied");
    if (own->learned)
        TRY(layers_add(optimizer, layers, TISTA_W, "w", tied, 1, layers->rows, layers->columns, w, error));
    /* So that gamma W'A has ones on its diagonal, on average. */
    double unbiased = layers->columns > layers->rows ? (double)layers->columns / (double)layers->rows : 1;
    double gamma = layers->reference ? 1 : unbiased;
    if (settings_is_set(settings, "initial-gamma"))
        TRY(optimizer_resolve(optimizer, settings, "initial-gamma", "1", &gamma, error));
    TRY(layers_add_number(optimizer, layers, TISTA_GAMMA, "gamma", false, gamma, error));
    TRY(layers_add_number(optimizer, layers, TISTA_DENSITY, layers->reference ? "density" : "logit", false,
                          layers->reference ? density : log(density / (1 - density)), error));
    return layers_add_number(optimizer, layers, TISTA_VARIANCE, layers->reference ? "variance" : "log_variance", false,
                             layers->reference ? variance : log(variance), error);
}

static l2o_status tista_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    tista *own = arena_allocate(&optimizer->memory, sizeof *own, error);
    if (own == NULL) return error->status;
    *own = (tista){0};
    optimizer->own = own;
    bool reference = settings_choice(settings, "conventions") == 1;
    own->learned = settings_flag(settings, "learned-weight") || reference;
    own->noise = settings_real(settings, "noise-variance");
    TRY(layers_create(optimizer, settings, own->learned && !reference, &own->layers, error));
    if (own->learned) TRY(layers_fix_size(optimizer, settings, &own->layers, error));
    return add_weights(optimizer, own, settings, error);
}

static void tista_begin(step_context *context) {
    const tista *own = context->optimizer->own;
    layers_begin(context);
    if (own->learned) return;
    context->constants[CONSTANT_W] =
        layers_constant(context, problem_dictionary(context->problem)->pseudo_inverse_transposed);
}

/* tau^2 [count, 1] from the residual and gamma */
static value *noise_of(const step_context *context, value *r, value *gamma) {
    const tista *own = context->optimizer->own;
    const dictionary *dictionary = problem_dictionary(context->problem);
    tape *tape = context->tape;
    double m = (double)dictionary->m, n = (double)dictionary->n;
    if (r == NULL) return NULL;
    value *square = tape_sum_to(tape, tape_multiply(tape, r, r), r->rows, 1);
    value *error = tape_scale(tape, 1 / dictionary->trace, tape_shift(tape, -m * own->noise, square));
    error = tape_unary(tape, UNARY_RELU, 0, tape_shift(tape, -LEAST_ERROR, error));
    error = tape_shift(tape, LEAST_ERROR, error);
    value *step = tape_multiply(tape, gamma, gamma);
    value *left = tape_scale(tape, m / n, tape_subtract(tape, step, tape_scale(tape, 2, gamma)));
    value *tau = tape_multiply(tape, error, tape_shift(tape, 1, left));
    double amplified = dictionary->trace_pseudo_inverse * own->noise / n;
    if (amplified > 0) tau = tape_add(tape, tau, tape_scale(tape, amplified, step));
    tau = tape_unary(tape, UNARY_RELU, 0, tape_shift(tape, -LEAST_TAU, tau));
    return tape_shift(tape, LEAST_TAU, tau);
}

static value *tista_step(step_context *context, value *x, value **state) {
    if (layers_are_done(context)) return layers_continue(context, x, state);
    const tista *own = context->optimizer->own;
    tape *tape = context->tape;
    value *w = own->learned ? layers_weight(context, TISTA_W) : context->constants[CONSTANT_W];
    value *gamma = layers_weight(context, TISTA_GAMMA), *r = layers_residual(context, x);
    value *logit = layers_weight(context, TISTA_DENSITY), *variance = layers_weight(context, TISTA_VARIANCE);
    if (own->layers.reference)
        logit =
            tape_unary(tape, UNARY_LOG, 0, tape_divide(tape, logit, tape_shift(tape, 1, tape_scale(tape, -1, logit))));
    else
        variance = tape_unary(tape, UNARY_EXP, 0, variance);
    value *correction = tape_multiply(tape, tape_matmul(tape, r, false, w, false), gamma);
    value *z = tape_add(tape, x, correction);
    return bernoulli_gaussian_mean(tape, z, noise_of(context, r, gamma), logit, variance, NULL);
}

const optimizer_ops optimizer_tista = {
    .name = "tista",
    .summary = "unrolled steps along the pseudo-inverse, each followed by a Bernoulli-Gaussian's conditional mean",
    .reference = "Ito, Takabe and Wadayama, IEEE Trans. Signal Processing 67(12), 2019",
    .settings = tista_settings,
    .requires = STRUCTURE_LINEAR_MODEL | STRUCTURE_DICTIONARY,
    .learned = true,
    .unrolled = true,
    .wants = WANTS_NO_GRADIENT,
    .create = tista_create,
    .begin = tista_begin,
    .suits = layers_suits,
    .step = tista_step,
    .when_diverged = LAYERS_TRAIN,
};
