/* RNNprop (Lv, Jiang and Li, ICML 2017), as M-L2O uses it (Yang et al., ICLR 2023): a small LSTM, the same for every
 * coordinate, fed with Adam-like normalised moments of the gradient.
 *
 *   m <- .95 m + .05 g,  v <- .95 v + .05 g^2,  m~ = m^ / (sqrt(v^) + 1e-8),  g~ = g / (sqrt(v^) + 1e-8)
 *   u = ELU([m~, g~] W + b);  h = LSTM layers (u);  z = h Wo + bo;  x <- x + s tanh(z),  s = 0.01
 *
 * Beyond the literature, and off unless asked for. A second output z2 lets steps shrink and grow (step-range R > 0):
 *
 *   x <- x + s tanh(z1) exp(R tanh(z2))
 *
 * And the network steers a momentum method instead (update = momentum), gain and damping of each coordinate and step:
 *
 *   d <- M d - s exp(R tanh(z1)) g,  x <- x + d,  M = sigmoid(z2 + ln(t / r)) = t / (t + r exp(-z2)),  t = 1, 2, ...
 *
 * with g the instance's own gradient, whatever gradient-scale shows to the network, and r = damping. At z2 = 0, M tends
 * to 1 like 1 - r / t, the damping in Nesterov's method (r = 3: Su, Boyd and Candes, JMLR 17, 2016). For the
 * meta-gradient g is a constant and d is not.
 *
 * With normalise = spectral steps are those of each instance rescaled to curvature 1: s becomes s / sqrt(L), with
 * momentum s / L, for the Lipschitz constant L of the smooth part's gradient. Other units of A or of x then change
 * nothing. And momentum is safe on quadratics: for gains D <= s exp(R) / L and M that hold still, its modes q solve
 * a q^2 - (a + m - h) q + m = 0 with a, m and h = v'D^-1 v, v'D^-1 M v and v'H v, and stay in the unit disc when
 * h < 2 (a + m), which H <= L grants if s exp(R) < 2 (1 + M). As M tends to 1, no outputs of the network diverge for
 * ever when R < ln 4 (and s = 1), and none at all when R < ln 2. The default with momentum is R = 1.
 *
 * Initialisation is Sonnet 1's, as of its layers. */
#include "optimizers/learned/rnnprop.h"

#include <math.h>

#include "optimizers/classical/step_size.h"
#include "optimizers/registry.h"

static const setting rnnprop_settings[] = {
    LSTM_SETTINGS,
    {"step-scale", SETTING_REAL, "", NULL, 1e-12, 1e6, NULL,
     "With update = step the largest step along a coordinate, before step-range and normalise; with update = momentum "
     "the "
     "gain on the gradient. Default: 0.01 for step, 1 for momentum"},
    {"step-range", SETTING_REAL, "", NULL, 0, 50, NULL,
     "R: an output z of the network scales steps, or the gain of momentum, by exp(R tanh(z)). Default: 0 for update = "
     "step, which then has no such output, and 1 for momentum"},
    {"update", SETTING_CHOICE, "", "step", 0, 0, "step|momentum",
     "What the network gives: steps, or the gain and the damping of a momentum method"},
    {"damping", SETTING_REAL, "", "3", 1e-3, 1e3, NULL,
     "With update = momentum: r in the share t / (t + r exp(-z)) of a step that the next keeps; 3 is Nesterov's"},
    {"normalise", SETTING_CHOICE, "", "none", 0, 0, "none|spectral",
     "spectral: steps as if each instance were scaled to curvature 1 (where its Lipschitz constant is known), so that "
     "units of the problem drop out"},
    {0}};

static l2o_status rnnprop_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    rnnprop *own = arena_allocate(&optimizer->memory, sizeof *own, error);
    if (own == NULL) return error->status;
    int64_t hidden = settings_integer(settings, "hidden");
    bool momentum = settings_choice(settings, "update") == 1;
    TRY(optimizer_resolve(optimizer, settings, "step-scale", momentum ? "1" : "0.01", &own->scale, error));
    TRY(optimizer_resolve(optimizer, settings, "step-range", momentum ? "1" : "0", &own->range, error));
    own->update = momentum ? COLUMNS_MOMENTUM : own->range > 0 ? COLUMNS_SCALED_STEP : COLUMNS_STEP;
    if (momentum) own->damping = settings_real(settings, "damping");
    own->normalised = settings_choice(settings, "normalise") == 1;
    if (own->normalised) optimizer->uses |= STRUCTURE_LIPSCHITZ;
    optimizer->own = own;

    TRY(optimizer_add_weight(optimizer, "input_projection.w", 2, hidden, INITIALISE_TRUNCATED_NORMAL, sqrt(0.5),
                             error));
    TRY(optimizer_add_weight(optimizer, "input_projection.b", 1, hidden, INITIALISE_ZERO, 0, error));
    optimizer_add_state(optimizer, "m", true, 1, false);
    optimizer_add_state(optimizer, "v", true, 1, false);
    TRY(lstm_layers_create(optimizer, settings, hidden, &own->lstm, error));
    own->layers = own->lstm.count;
    own->hidden = hidden;
    if (momentum) optimizer_add_state(optimizer, "d", true, 1, false);
    int64_t outputs = columns_outputs(own->update);
    TRY(optimizer_add_weight(optimizer, "linear.w", hidden, outputs, INITIALISE_TRUNCATED_NORMAL,
                             1.0 / sqrt((double)hidden), error));
    return optimizer_add_weight(optimizer, "linear.b", 1, outputs, INITIALISE_ZERO, 0, error);
}

const void *rnnprop_lengths(const optimizer *optimizer, const problem *problem, const instances *rows,
                            double gradient_scale, const kernels *kernels, arena *arena, l2o_error *error) {
    const rnnprop *own = optimizer->own;
    bool momentum = own->update == COLUMNS_MOMENTUM,
         known = own->normalised && problem_has(problem, STRUCTURE_LIPSCHITZ);
    if (!known && (!momentum || gradient_scale == 1)) return NULL;
    int64_t n = problem->dimension, count = rows->count * n;
    int64_t padded = (count + COLUMN_MULTIPLE - 1) / COLUMN_MULTIPLE * COLUMN_MULTIPLE;
    double *exact = arena_allocate(arena, (size_t)padded * sizeof *exact, error);
    void *lengths = arena_allocate(arena, (size_t)padded * dtype_size(kernels->type), error);
    if (exact == NULL || lengths == NULL) return NULL;
    for (int64_t r = 0; r < rows->count; r++) {
        double unit = known ? step_size_of(problem, rows->index[r], (step_size){.rate = 1}) : 1; /* 1 / L */
        double length = own->scale * (momentum ? unit / gradient_scale : sqrt(unit));
        for (int64_t j = r * n; j < (r + 1) * n; j++) exact[j] = length;
    }
    for (int64_t j = count; j < padded; j++) exact[j] = 0;
    kernels->from_double(padded, exact, lengths);
    return lengths;
}

columns_rule rnnprop_rule(const rnnprop *own, int64_t step) {
    double shift = own->update == COLUMNS_MOMENTUM ? log((double)step / own->damping) : 0;
    return (columns_rule){.update = own->update, .scale = own->scale, .range = own->range, .shift = shift};
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

static void rnnprop_begin(step_context *context) {
    const rnnprop *own = context->optimizer->own;
    lstm_layers_begin(context, &own->lstm);
    const void *lengths = rnnprop_lengths(context->optimizer, context->problem, context->rows, context->gradient_scale,
                                          context->tape->kernels, context->tape->arena, context->tape->error);
    value **constant = &context->constants[LSTM_CONSTANTS];
    *constant = lengths == NULL ? NULL
                                : tape_input(context->tape, (void *)(uintptr_t)lengths,
                                             context->rows->count * context->problem->dimension, 1, false);
}

/* step [rows, 1] by each coordinate's length. */
static value *measured(const step_context *context, value *step) {
    const rnnprop *own = context->optimizer->own;
    value *lengths = context->constants[LSTM_CONSTANTS];
    return lengths == NULL ? tape_scale(context->tape, own->scale, step) : tape_multiply(context->tape, step, lengths);
}

/* exp(R tanh(z)) for one of the outputs. */
static value *range_factor(const step_context *context, value *z, int64_t output) {
    tape *tape = context->tape;
    const rnnprop *own = context->optimizer->own;
    value *squashed = tape_unary(tape, UNARY_TANH, 0, tape_slice_columns(tape, z, output, 1));
    return tape_unary(tape, UNARY_EXP, 0, tape_scale(tape, own->range, squashed));
}

/* x_{t+1} - x_t [rows, 1] from the head's outputs z, the gradient g and the state d. */
static value *move(const step_context *context, value *z, value *g, value **d) {
    tape *tape = context->tape;
    const rnnprop *own = context->optimizer->own;
    if (own->update == COLUMNS_STEP) return measured(context, tape_unary(tape, UNARY_TANH, 0, z));
    if (own->update == COLUMNS_SCALED_STEP) {
        value *direction = tape_unary(tape, UNARY_TANH, 0, tape_slice_columns(tape, z, 0, 1));
        return measured(context, tape_multiply(tape, direction, range_factor(context, z, 1)));
    }
    value *damped = tape_shift(tape, rnnprop_rule(own, context->step).shift, tape_slice_columns(tape, z, 1, 1));
    value *kept = tape_multiply(tape, tape_unary(tape, UNARY_SIGMOID, 0, damped), *d);
    *d = tape_subtract(tape, kept, measured(context, tape_multiply(tape, range_factor(context, z, 0), g)));
    return *d;
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
    signal = lstm_layers_step(context, &own->lstm, signal, state);
    value *const *head = &weights[RNNPROP_WEIGHT_LAYERS + 2 * own->layers];
    value *z = tape_affine(tape, signal, false, head[0], head[1]);
    value *delta = move(context, z, g, &state[RNNPROP_STATE_LAYERS + 2 * own->layers]);
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
