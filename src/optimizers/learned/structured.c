/* A learned rule with the structure of the methods it competes with: a proximal gradient step with a preconditioner and
 * a momentum of its own for every coordinate and step, both the output of a small LSTM that all coordinates share
 * (L2O-PA: Liu, Chen, Wang, Yin and Cai, ICML 2023), on problems that are normalised first. On f = s + lambda ||x||_1,
 * s smooth with a gradient of Lipschitz constant L,
 *
 *   x+ = S(y - (P / L) o grad s(y), (P / L) lambda),   y+ = x+ + M o (x+ - x),
 *   P = r sigmoid(z_1 + p),   M = q sigmoid(z_2 + m),   z = LSTM(u) W + b,
 *
 * where S is the soft threshold. In the coordinates x' = sqrt(L) x every problem has L = 1, and that is what u is made
 * of, d' = y' - x' and g' being the smooth part's gradient there:
 *
 *   u = [g' / rms(g'),  d' / sqrt(ms(x') + ms(d')),  log10 rms(g')],
 *
 * rms being taken over an instance's coordinates. So the rule is the same whatever A is multiplied by. p and m are
 * such that fresh weights take almost P = 1 and M = 0.7, or nine tenths of a narrower range. Without proximal structure
 * the whole gradient stands for s, and S for nothing. Instances do not see each other: no gradient is ever scaled by
 * the batch. */
#include "optimizers/learned/structured.h"

#include <math.h>

#include "optimizers/classical/step_size.h"
#include "optimizers/registry.h"

enum { FEATURES = 3, OUTPUTS = 2 };

static const double FRESH_PRECONDITIONER = 1, FRESH_MOMENTUM = 0.7;
static const double MOST_OF_RANGE = 0.9;  /* what fresh weights may take of a narrow range */
static const double HEAD_DEVIATION = 0.1; /* small, so that fresh weights do almost what is said above */
static const double TINY = 1e-24;         /* beside mean squares: what is divided by is not zero */

static const setting structured_settings[] = {
    LSTM_SETTINGS,
    {"preconditioner-range", SETTING_REAL, "", "1", 1e-6, 1e6, NULL,
     "The longest step that the structured rule can take along a coordinate, in steps of 1/L"},
    {"momentum-range", SETTING_REAL, "", "1", 1e-6, 1e6, NULL,
     "The largest momentum of the structured rule. With both ranges at 2, as in the literature, rules diverged on "
     "other "
     "shapes of A than they were trained on; with both at 1 none did"},
    {0}};

static l2o_status structured_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    structured *own = arena_allocate(&optimizer->memory, sizeof *own, error);
    if (own == NULL) return error->status;
    own->guard = (structured_guard_kind)settings_choice(settings, "guard");
    own->preconditioner_range = settings_real(settings, "preconditioner-range");
    own->momentum_range = settings_real(settings, "momentum-range");
    optimizer->own = own;
    if (optimizer->scale_by_batch && settings_is_given(settings, "gradient-scale"))
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: gradient-scale = batch means nothing to the structured rule, whose instances do not see "
                         "each other; leave it out",
                         settings_origin(settings, "gradient-scale"));
    optimizer->scale_by_batch = false;
    optimizer_add_state(optimizer, "y", true, 1, true);
    structured_guard_create(optimizer, own);
    TRY(lstm_layers_create(optimizer, settings, FEATURES, &own->lstm, error));
    own->head = optimizer->weight_count;
    double deviation = HEAD_DEVIATION / sqrt((double)own->lstm.hidden);
    TRY(optimizer_add_weight(optimizer, "linear.w", own->lstm.hidden, OUTPUTS, INITIALISE_TRUNCATED_NORMAL, deviation,
                             error));
    return optimizer_add_weight(optimizer, "linear.b", 1, OUTPUTS, INITIALISE_ZERO, 0, error);
}

static void structured_begin(step_context *context) {
    const structured *own = context->optimizer->own;
    tape *tape = context->tape;
    int64_t count = context->rows->count;
    lstm_layers_begin(context, &own->lstm);
    double *numbers = arena_allocate(tape->arena, 4 * (size_t)count * sizeof *numbers, tape->error);
    if (numbers == NULL) return;
    double *inverse = numbers, *inverse_scale = inverse + count, *scale = inverse_scale + count,
           *lambda = scale + count;
    for (int64_t r = 0; r < count; r++) {
        int64_t instance = context->rows->index[r];
        inverse[r] = step_size_of(context->problem, instance, (step_size){.given = false});
        inverse_scale[r] = sqrt(inverse[r]);
        scale[r] = 1 / inverse_scale[r];
        lambda[r] = structured_is_proximal(context) ? context->problem->lambda[instance] : 0;
    }
    context->constants[STRUCTURED_INVERSE_LIPSCHITZ] = tape_from_double(tape, count, 1, inverse);
    context->constants[STRUCTURED_INVERSE_SCALE] = tape_from_double(tape, count, 1, inverse_scale);
    context->constants[STRUCTURED_SCALE] = tape_from_double(tape, count, 1, scale);
    context->constants[STRUCTURED_LAMBDA] = tape_from_double(tape, count, 1, lambda);
}

/* The mean over each instance's coordinates of x o x, never zero: [count, 1]. */
static value *mean_square(tape *tape, value *x, int64_t count, int64_t dimension) {
    value *sum = tape_sum_to(tape, tape_multiply(tape, x, x), count, 1);
    return tape_shift(tape, TINY, tape_scale(tape, 1 / (double)dimension, sum));
}

static value *root(tape *tape, value *x) { return tape_unary(tape, UNARY_SQRT, 0, x); }

/* u [count n, 3] from x, y and the gradient at y, all [count, n]. */
static value *features(step_context *context, value *x, value *y, value *g, int64_t count, int64_t n) {
    tape *tape = context->tape;
    value *normalised = tape_multiply(tape, g, context->constants[STRUCTURED_INVERSE_SCALE]);
    value *square = mean_square(tape, normalised, count, n);
    value *direction = tape_divide(tape, normalised, root(tape, square));
    value *level = tape_scale(tape, 0.5 / log(10), tape_unary(tape, UNARY_LOG, 0, square));

    x = step_seen(context, x);
    value *ahead =
        tape_multiply(tape, tape_subtract(tape, step_seen(context, y), x), context->constants[STRUCTURED_SCALE]);
    x = tape_multiply(tape, x, context->constants[STRUCTURED_SCALE]);
    value *size = tape_add(tape, mean_square(tape, x, count, n), mean_square(tape, ahead, count, n));
    value *displacement = tape_divide(tape, ahead, root(tape, size));

    value *columns[FEATURES] = {tape_reshape(tape, direction, count * n, 1),
                                tape_reshape(tape, displacement, count * n, 1),
                                tape_reshape(tape, tape_broadcast(tape, level, count, n), count * n, 1)};
    return tape_concat_columns(tape, FEATURES, columns);
}

/* range sigmoid(z + shift), column `output` of z as [count, n]; the shift is such that z = 0 gives `fresh`, or most of
 * a narrower range. */
static value *bounded(tape *tape, value *z, int64_t output, double range, double fresh, int64_t count, int64_t n) {
    double share = fmin(fresh / range, MOST_OF_RANGE);
    value *logit = tape_shift(tape, log(share / (1 - share)), tape_slice_columns(tape, z, output, 1));
    return tape_reshape(tape, tape_scale(tape, range, tape_unary(tape, UNARY_SIGMOID, 0, logit)), count, n);
}

static value *structured_step(step_context *context, value *x, value **state) {
    tape *tape = context->tape;
    const structured *own = context->optimizer->own;
    int64_t count = x->rows, n = x->columns;
    bool proximal = structured_is_proximal(context);
    /* What a supervised objective says of a step is not for the optimizer to know. */
    bool guarded = context->guarded && own->guard != GUARD_NONE && !context->problem->ops->supervised;
    value *before = guarded ? step_objective(context, x) : NULL;
    value *y = tape_reshape(tape, state[STRUCTURED_STATE_Y], count, n);
    value *g = proximal ? step_smooth_gradient(context, y) : step_gradient(context, y);

    value *signal = lstm_layers_step(context, &own->lstm, features(context, x, y, g, count, n), state);
    value *z = tape_affine(tape, signal, false, context->weights[own->head], context->weights[own->head + 1]);
    value *preconditioner = bounded(tape, z, 0, own->preconditioner_range, FRESH_PRECONDITIONER, count, n);
    value *momentum = bounded(tape, z, 1, own->momentum_range, FRESH_MOMENTUM, count, n);

    value *rate = tape_multiply(tape, preconditioner, context->constants[STRUCTURED_INVERSE_LIPSCHITZ]);
    value *fresh = tape_subtract(tape, y, tape_multiply(tape, rate, g));
    if (proximal)
        fresh = tape_soft_threshold(tape, fresh, tape_multiply(tape, rate, context->constants[STRUCTURED_LAMBDA]));
    value *ahead = tape_add(tape, fresh, tape_multiply(tape, momentum, tape_subtract(tape, fresh, x)));
    if (guarded) structured_guard(context, x, before, fresh, ahead, state);
    state[STRUCTURED_STATE_Y] = tape_reshape(tape, ahead, count * n, 1);
    return fresh;
}

const optimizer_ops optimizer_structured = {
    .name = "structured",
    .summary = "proximal steps with a learned preconditioner and momentum, on the normalised problem",
    .reference = "after L2O-PA: Liu, Chen, Wang, Yin and Cai, ICML 2023",
    .settings = structured_settings,
    .requires = STRUCTURE_LIPSCHITZ,
    .learned = true,
    .wants = WANTS_NO_GRADIENT,
    .create = structured_create,
    .begin = structured_begin,
    .step = structured_step,
};
