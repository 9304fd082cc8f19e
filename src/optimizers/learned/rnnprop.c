/* RNNprop (Lv, Jiang and Li, ICML 2017), as M-L2O uses it (Yang et al., ICLR 2023): a small LSTM, the same for every
 * coordinate, fed with Adam-like normalised moments of the gradient.
 *
 *   m <- .95 m + .05 g,  v <- .95 v + .05 g^2,  m~ = m^ / (sqrt(v^) + 1e-8),  g~ = g / (sqrt(v^) + 1e-8)
 *   u = ELU([m~, g~] W + b);  h = LSTM layers (u);  z = h Wo + bo;  x <- x + 0.01 tanh(z)
 *
 * Beyond the literature, and off unless asked for: steps that can shrink, x <- x + s tanh(z1) exp(R tanh(z2)); steps in
 * units of the gradient, s sqrt(v^); and instances seen as if scaled to curvature 1, so that no unit of A or x matters.
 *
 * Initialisation is Sonnet 1's: truncated normals of deviation 1 / sqrt(fan in), the LSTM's bias among them. */
#include "optimizers/learned/rnnprop.h"

#include <math.h>
#include <stdio.h>

#include "optimizers/optimizer.h"
#include "optimizers/registry.h"

static const setting rnnprop_settings[] = {
    {"layers", SETTING_INTEGER, "layers", "2", 1, RNNPROP_MOST_LAYERS, NULL, "LSTM layers of the learned optimizer"},
    {"hidden", SETTING_INTEGER, "units", "20", 1, 1024, NULL, "Hidden units of each LSTM layer"},
    {"step-scale", SETTING_REAL, "", "0.01", 1e-12, 1e6, NULL,
     "The largest step that the learned optimizer can take along a coordinate; see step-range, step-measure, normalise"},
    {"step-range", SETTING_REAL, "", "0", 0, 50, NULL,
     "R > 0: a second output z2 scales the step by exp(R tanh(z2)), so that steps can shrink and grow; 0: it has none"},
    {"step-measure", SETTING_CHOICE, "", "fixed", 0, 0, "fixed|gradient",
     "What step-scale is a multiple of: a fixed length, or the root mean square of a coordinate's gradients, so that "
     "steps shrink with them"},
    {"update", SETTING_CHOICE, "", "step", 0, 0, "step|momentum", "x"},
    {"damping", SETTING_REAL, "", "0", 0, 100, NULL, "x"},
    {"momentum-start", SETTING_REAL, "", "0.9", 0, 1, NULL, "x"},
    {"normalise", SETTING_CHOICE, "", "none", 0, 0, "none|spectral|frobenius",
     "Steps as if each instance were scaled to curvature 1, the largest (spectral) or the mean (frobenius), so that its "
     "units drop out"},
    {0}};

static l2o_status rnnprop_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    rnnprop *own = arena_allocate(&optimizer->memory, sizeof *own, error);
    if (own == NULL) return error->status;
    own->layers = (int)settings_integer(settings, "layers");
    own->hidden = settings_integer(settings, "hidden");
    own->scale = settings_real(settings, "step-scale");
    own->range = settings_real(settings, "step-range");
    own->relative = settings_choice(settings, "step-measure") == 1;
    own->momentum = settings_choice(settings, "update") == 1;
    if (own->momentum) { double m = settings_real(settings, "momentum-start"); own->momentum_start = log(m / (1 - m)); }
    own->damping = own->momentum ? settings_real(settings, "damping") : 0;
    own->normalisation = (rnnprop_normalisation)settings_choice(settings, "normalise");
    if (own->normalisation == NORMALISE_SPECTRAL) optimizer->uses |= STRUCTURE_LIPSCHITZ;
    if (own->normalisation == NORMALISE_FROBENIUS) optimizer->uses |= STRUCTURE_MEAN_CURVATURE;
    if (own->range > 0 || own->relative || own->momentum || own->normalisation != NORMALISE_NONE) {
        optimizer->fused = NULL;
        optimizer->fused_step = NULL;
    }
    optimizer->own = own;

    int64_t hidden = own->hidden;
    TRY(optimizer_add_weight(optimizer, "input_projection.w", 2, hidden, INITIALISE_TRUNCATED_NORMAL, sqrt(0.5),
                             error));
    TRY(optimizer_add_weight(optimizer, "input_projection.b", 1, hidden, INITIALISE_ZERO, 0, error));
    optimizer_add_state(optimizer, "m", true, 1, false);
    optimizer_add_state(optimizer, "v", true, 1, false);
    double deviation = 1.0 / sqrt(2.0 * (double)hidden);
    for (int layer = 1; layer <= own->layers; layer++) {
        char name[NAME_LENGTH];
        snprintf(name, sizeof name, "lstm_%d.w_gates", layer);
        TRY(optimizer_add_weight(optimizer, name, 2 * hidden, 4 * hidden, INITIALISE_TRUNCATED_NORMAL, deviation,
                                 error));
        snprintf(name, sizeof name, "lstm_%d.b_gates", layer);
        TRY(optimizer_add_weight(optimizer, name, 1, 4 * hidden, INITIALISE_TRUNCATED_NORMAL, deviation, error));
        snprintf(name, sizeof name, "h%d", layer);
        optimizer_add_state(optimizer, name, true, hidden, false);
        snprintf(name, sizeof name, "c%d", layer);
        optimizer_add_state(optimizer, name, true, hidden, false);
    }
    if (own->momentum) optimizer_add_state(optimizer, "d", true, 1, false);
    int64_t outputs = own->range > 0 ? 2 : 1;
    TRY(optimizer_add_weight(optimizer, "linear.w", hidden, outputs, INITIALISE_TRUNCATED_NORMAL,
                             1.0 / sqrt((double)hidden), error));
    return optimizer_add_weight(optimizer, "linear.b", 1, outputs, INITIALISE_ZERO, 0, error);
}

static const double SMALLEST_CURVATURE = 1e-30; /* below it the smooth part is constant, and any unit is as good */

double rnnprop_unit(const rnnprop *own, const problem *problem, int64_t instance, double gradient_scale) {
    bool spectral = own->normalisation == NORMALISE_SPECTRAL && problem_has(problem, STRUCTURE_LIPSCHITZ);
    bool frobenius = own->normalisation == NORMALISE_FROBENIUS && problem_has(problem, STRUCTURE_MEAN_CURVATURE);
    double curvature = spectral    ? problem->lipschitz[instance]
                       : frobenius ? problem->mean_curvature[instance]
                                   : 1;
    if (curvature < SMALLEST_CURVATURE) curvature = 1;
    return own->relative || own->momentum ? 1 / (curvature * gradient_scale) : 1 / sqrt(curvature);
}

double rnnprop_correction(int64_t step) { return 1.0 / (1.0 - pow(RNNPROP_DECAY, (double)step)); }

void rnnprop_features(tape *tape, value *g, value **m, value **v, int64_t k, value **m_tilde, value **g_tilde) {
    double correction = rnnprop_correction(k);
    value *fresh_m = tape_scale(tape, 1.0 - RNNPROP_DECAY, g);
    value *fresh_v = tape_scale(tape, 1.0 - RNNPROP_DECAY, tape_multiply(tape, g, g));
    *m = tape_add(tape, tape_scale(tape, RNNPROP_DECAY, *m), fresh_m);
    *v = tape_add(tape, tape_scale(tape, RNNPROP_DECAY, *v), fresh_v);
    value *root = tape_unary(tape, UNARY_SQRT, 0, tape_scale(tape, correction, *v));
    value *denominator = tape_shift(tape, RNNPROP_EPSILON, root);
    *m_tilde = tape_divide(tape, tape_scale(tape, correction, *m), denominator);
    *g_tilde = tape_divide(tape, g, denominator);
}

/* The same as the rows of one matrix [2, rows], in one go: where no derivative flows through them. */
static value *constant_features(tape *tape, value *g, value **m, value **v, int64_t k) {
    value *input = tape_value(tape, 2, g->rows), *next_m = tape_value(tape, g->rows, 1),
          *next_v = tape_value(tape, g->rows, 1);
    if (next_v == NULL || *m == NULL || *v == NULL) return NULL;
    tape->kernels->moments(&(moments_arguments){.count = g->rows,
                                                .decay = RNNPROP_DECAY,
                                                .correction = rnnprop_correction(k),
                                                .epsilon = RNNPROP_EPSILON,
                                                .g = g->data,
                                                .m = (*m)->data,
                                                .v = (*v)->data,
                                                .m_next = next_m->data,
                                                .v_next = next_v->data,
                                                .features = input->data});
    *m = next_m;
    *v = next_v;
    return input;
}

static bool is_constant(const value *x) { return x == NULL || !x->differentiable; }

/* The rows of each layer's weights that meet its input and those that meet its hidden state: views, made once a run, so
 * that their gradients are put together once and not at every step. */
static void rnnprop_begin(step_context *context) {
    const rnnprop *own = context->optimizer->own;
    for (int layer = 0; layer < own->layers; layer++) {
        value *gates = context->weights[RNNPROP_WEIGHT_LAYERS + 2 * layer];
        context->constants[2 * layer] = tape_slice_rows(context->tape, gates, 0, own->hidden);
        context->constants[2 * layer + 1] = tape_slice_rows(context->tape, gates, own->hidden, own->hidden);
    }
    int64_t count = context->rows->count, n = context->problem->dimension;
    double *units = arena_allocate(context->tape->arena, (size_t)(count * n) * sizeof *units, context->tape->error);
    if (units == NULL) return;
    for (int64_t i = 0; i < count * n; i++)
        units[i] = own->scale *
                   rnnprop_unit(own, context->problem, context->rows->index[i / n], context->gradient_scale);
    context->constants[2 * own->layers] = tape_from_double(context->tape, count * n, 1, units);
}

/* x_{t+1} - x_t [rows, 1]: units times tanh(z1), times exp(range tanh(z2)), times the root of the corrected v. */
static value *rnnprop_delta(const step_context *context, value *z, value *v) {
    tape *tape = context->tape;
    const rnnprop *own = context->optimizer->own;
    value *first = own->range > 0 ? tape_slice_columns(tape, z, 0, 1) : z;
    value *delta = tape_multiply(tape, tape_unary(tape, UNARY_TANH, 0, first), context->constants[2 * own->layers]);
    if (own->range > 0) {
        value *second = tape_unary(tape, UNARY_TANH, 0, tape_slice_columns(tape, z, 1, 1));
        delta = tape_multiply(tape, delta, tape_unary(tape, UNARY_EXP, 0, tape_scale(tape, own->range, second)));
    }
    if (!own->relative) return delta;
    value *corrected = tape_scale(tape, rnnprop_correction(context->step), v);
    return tape_multiply(tape, delta, tape_unary(tape, UNARY_SQRT, 0, corrected));
}

static value *rnnprop_step(step_context *context, value *x, value **state) {
    tape *tape = context->tape;
    const rnnprop *own = context->optimizer->own;
    value *const *weights = context->weights;
    value *g = step_gradient(context, x);
    if (g == NULL) return NULL;
    g = tape_reshape(tape, g, g->rows * g->columns, 1);

    value **m = &state[RNNPROP_STATE_M], **v = &state[RNNPROP_STATE_V], *input, *features[2];
    bool constant = is_constant(g) && is_constant(*m) && is_constant(*v);
    if (constant) {
        input = constant_features(tape, g, m, v, context->step);
    } else {
        rnnprop_features(tape, g, m, v, context->step, &features[0], &features[1]);
        input = tape_concat_columns(tape, 2, features);
    }
    value *projected =
        tape_affine(tape, input, constant, weights[RNNPROP_WEIGHT_INPUT], weights[RNNPROP_WEIGHT_INPUT_BIAS]);
    value *signal = tape_unary(tape, UNARY_ELU, 0, projected);
    for (int layer = 0; layer < own->layers; layer++) {
        value **h = &state[RNNPROP_STATE_LAYERS + 2 * layer], **c = &state[RNNPROP_STATE_LAYERS + 2 * layer + 1];
        tape_lstm(tape, signal, h, c, context->constants[2 * layer], context->constants[2 * layer + 1],
                  weights[RNNPROP_WEIGHT_LAYERS + 2 * layer + 1]);
        signal = *h;
    }
    value *const *head = &weights[RNNPROP_WEIGHT_LAYERS + 2 * own->layers];
    value *z = tape_affine(tape, signal, false, head[0], head[1]);
    value *delta;
    if (own->momentum) {
        value **d = &state[RNNPROP_STATE_LAYERS + 2 * own->layers];
        value *p = tape_unary(tape, UNARY_EXP, 0, tape_scale(tape, own->range, tape_unary(tape, UNARY_TANH, 0, tape_slice_columns(tape, z, 0, 1))));
        value *mm = tape_unary(tape, UNARY_SIGMOID, 0, tape_shift(tape, own->damping > 0 ? log((double)context->step / own->damping) : own->momentum_start, tape_slice_columns(tape, z, 1, 1)));
        value *push = tape_multiply(tape, tape_multiply(tape, p, g), context->constants[2 * own->layers]);
        delta = tape_subtract(tape, tape_multiply(tape, mm, *d), push);
        *d = delta;
    } else
    delta = rnnprop_delta(context, z, *v);
    return tape_add(tape, x, tape_reshape(tape, delta, x->rows, x->columns));
}

const optimizer_ops optimizer_rnnprop = {
    .name = "rnnprop",
    .summary = "coordinate-wise LSTM on normalised moments of the gradient",
    .reference = "Lv, Jiang and Li, ICML 2017; Yang et al. (M-L2O), ICLR 2023",
    .settings = rnnprop_settings,
    .learned = true,
    .create = rnnprop_create,
    .begin = rnnprop_begin,
    .step = rnnprop_step,
    .fused = &rnnprop_fused,
    .fused_step = &rnnprop_fused_step,
};
