/* Networks whose layers correct x by a matrix times the residual of the problem's own dictionary:
 *
 *   z_t = x_{t-1} + gamma_t W_t'(b - A x_{t-1})
 *   lista-cp    x_t = S(z_t, theta_t)                (Chen, Liu, Wang and Yin, NeurIPS 2018: coupled weights)
 *   lista-cpss  the same with support selection      (ibid.)
 *   alista      W is the analytic weight of A, which is not learned: (gamma_t, theta_t) are   (Liu et al., ICLR 2019)
 *   step-lista  W is A, and x_t = S(z_t, lambda gamma_t) with the problem's lambda: gamma_t are
 *                                                    (Ablin, Moreau, Massias and Gramfort, NeurIPS 2019)
 *
 * gamma_t is 1 in lista-cp and lista-cpss unless layers share W; in step-lista they may share gamma. Fresh weights:
 * gamma = 1, but 1 / L in step-lista; theta = lambda / L; W the analytic weight, by the reference A. */
#include "optimizers/registry.h"
#include "optimizers/unrolled/layers.h"
#include "optimizers/unrolled/shrinkage.h"
#include "problems/dictionary.h"

typedef struct coupled {
    layers layers; /* first: see layers_of() */
    bool learned;  /* W is among the weights */
    bool gamma;    /* so is a step size */
    bool selects;
    support_schedule support;
} coupled;

enum { COUPLED_W, COUPLED_GAMMA, COUPLED_THETA };
enum { CONSTANT_W = LAYERS_CONSTANTS, CONSTANT_LAMBDA };

static const double FAR_CURVATURE = 1.2; /* step-lista's steps are lengths: beyond twice 1 / L they diverge */

static const setting cp_settings[] = {
    LAYERS_SETTINGS, LAYERS_SIZE_SETTINGS, LAYERS_START_SETTING, LAYERS_TIED_SETTING, {0}};
static const setting cpss_settings[] = {LAYERS_SETTINGS,     LAYERS_SIZE_SETTINGS, LAYERS_START_SETTING,
                                        LAYERS_TIED_SETTING, SUPPORT_SETTINGS,     {0}};
static const setting alista_settings[] = {LAYERS_SETTINGS, SUPPORT_SETTINGS, {0}};
static const setting step_settings[] = {LAYERS_SETTINGS, LAYERS_TIED_SETTING, {0}};

static coupled *allocate(optimizer *optimizer, l2o_error *error) {
    coupled *own = arena_allocate(&optimizer->memory, sizeof *own, error);
    if (own == NULL) return NULL;
    *own = (coupled){0};
    optimizer->own = own;
    return own;
}

static l2o_status create_coupled(optimizer *optimizer, const l2o_settings *settings, bool selects, l2o_error *error) {
    coupled *own = allocate(optimizer, error);
    if (own == NULL) return error->status;
    layers *layers = &own->layers;
    layers_start start;
    bool reference = settings_choice(settings, "conventions") == 1;
    TRY(layers_read_start(optimizer, settings, reference ? LAYERS_DICTIONARY : LAYERS_ANALYTIC, &start, error));
    TRY(layers_create(optimizer, settings, start == LAYERS_ANALYTIC, layers, error));
    TRY(layers_fix_size(optimizer, settings, layers, error));
    own->learned = true;
    own->gamma = settings_flag(settings, "tied");
    own->selects = selects;
    if (selects) own->support = support_schedule_read(settings);
    const double *w;
    TRY(layers_initial_weight(optimizer, layers, start, &w, error));
    TRY(layers_add(optimizer, layers, COUPLED_W, "w", own->gamma, 1, layers->rows, layers->columns, w, error));
    if (own->gamma) TRY(layers_add_number(optimizer, layers, COUPLED_GAMMA, "gamma", false, 1, error));
    return layers_add_thresholds(optimizer, layers, COUPLED_THETA, false, error);
}

static l2o_status cp_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    return create_coupled(optimizer, settings, false, error);
}

static l2o_status cpss_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    return create_coupled(optimizer, settings, true, error);
}

static l2o_status alista_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    coupled *own = allocate(optimizer, error);
    if (own == NULL) return error->status;
    TRY(layers_create(optimizer, settings, false, &own->layers, error));
    own->gamma = own->selects = true;
    own->support = support_schedule_read(settings);
    TRY(layers_add_number(optimizer, &own->layers, COUPLED_GAMMA, "gamma", false, 1, error));
    return layers_add_thresholds(optimizer, &own->layers, COUPLED_THETA, false, error);
}

static l2o_status step_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    coupled *own = allocate(optimizer, error);
    if (own == NULL) return error->status;
    TRY(layers_create(optimizer, settings, false, &own->layers, error));
    own->gamma = true;
    optimizer->far_curvature = FAR_CURVATURE;
    return layers_add_number(optimizer, &own->layers, COUPLED_GAMMA, "gamma", settings_flag(settings, "tied"),
                             1 / layers_lipschitz(&own->layers), error);
}

static void alista_begin(step_context *context) {
    layers_begin(context);
    context->constants[CONSTANT_W] = layers_constant(context, problem_dictionary(context->problem)->analytic);
}

static void step_begin(step_context *context) {
    layers_begin(context);
    tape *tape = context->tape;
    int64_t count = context->rows->count;
    double *lambda = arena_allocate(tape->arena, (size_t)count * sizeof *lambda, tape->error);
    if (lambda == NULL) return;
    for (int64_t r = 0; r < count; r++) lambda[r] = context->problem->lambda[context->rows->index[r]];
    context->constants[CONSTANT_W] = context->constants[LAYERS_A];
    context->constants[CONSTANT_LAMBDA] = tape_from_double(tape, count, 1, lambda);
}

/* z [count, n] from x */
static value *corrected(step_context *context, value *x) {
    const coupled *own = context->optimizer->own;
    tape *tape = context->tape;
    value *w = own->learned ? layers_weight(context, COUPLED_W) : context->constants[CONSTANT_W];
    value *correction = tape_matmul(tape, layers_residual(context, x), false, w, false);
    if (own->gamma) correction = tape_multiply(tape, correction, layers_weight(context, COUPLED_GAMMA));
    return tape_add(tape, x, correction);
}

static value *coupled_step(step_context *context, value *x, value **state) {
    if (layers_are_done(context)) return layers_continue(context, x, state);
    const coupled *own = context->optimizer->own;
    value *z = corrected(context, x), *theta = layers_threshold(context, COUPLED_THETA);
    return own->selects ? shrinkage_of_layer(context, own->support, z, theta, NULL)
                        : tape_soft_threshold(context->tape, z, theta);
}

static value *step_step(step_context *context, value *x, value **state) {
    if (layers_are_done(context)) return layers_continue(context, x, state);
    value *threshold =
        tape_multiply(context->tape, context->constants[CONSTANT_LAMBDA], layers_threshold(context, COUPLED_GAMMA));
    return tape_soft_threshold(context->tape, corrected(context, x), threshold);
}

const optimizer_ops optimizer_lista_cp = {
    .name = "lista-cp",
    .summary = "unrolled, coupled weights: x <- S(x + W'(b - A x)), W and thresholds learned layer by layer",
    .reference = "Chen, Liu, Wang and Yin, NeurIPS 2018",
    .settings = cp_settings,
    .requires = STRUCTURE_LINEAR_MODEL,
    .learned = true,
    .unrolled = true,
    .wants = WANTS_NO_GRADIENT,
    .create = cp_create,
    .begin = layers_begin,
    .suits = layers_suits,
    .step = coupled_step,
    .when_diverged = LAYERS_START_SCALED,
};

const optimizer_ops optimizer_lista_cpss = {
    .name = "lista-cpss",
    .summary = "lista-cp with support selection: the largest entries escape the threshold",
    .reference = "Chen, Liu, Wang and Yin, NeurIPS 2018",
    .settings = cpss_settings,
    .requires = STRUCTURE_LINEAR_MODEL,
    .learned = true,
    .unrolled = true,
    .wants = WANTS_NO_GRADIENT,
    .create = cpss_create,
    .begin = layers_begin,
    .suits = layers_suits,
    .step = coupled_step,
    .when_diverged = LAYERS_START_SCALED,
};

const optimizer_ops optimizer_alista = {
    .name = "alista",
    .summary = "unrolled with the dictionary's analytic weight: steps and thresholds alone are learned",
    .reference = "Liu, Chen, Wang and Yin, ICLR 2019",
    .settings = alista_settings,
    .requires = STRUCTURE_LINEAR_MODEL | STRUCTURE_DICTIONARY,
    .learned = true,
    .unrolled = true,
    .wants = WANTS_NO_GRADIENT,
    .create = alista_create,
    .begin = alista_begin,
    .suits = layers_suits,
    .step = coupled_step,
    .when_diverged = LAYERS_TRAIN,
};

const optimizer_ops optimizer_step_lista = {
    .name = "step-lista",
    .summary = "ISTA with a learned step size for each layer",
    .reference = "Ablin, Moreau, Massias and Gramfort, NeurIPS 2019",
    .settings = step_settings,
    .requires = STRUCTURE_LINEAR_MODEL | STRUCTURE_PROXIMAL,
    .learned = true,
    .unrolled = true,
    .wants = WANTS_NO_GRADIENT,
    .create = step_create,
    .begin = step_begin,
    .suits = layers_suits,
    .step = step_step,
    .when_diverged = LAYERS_TRAIN,
};
