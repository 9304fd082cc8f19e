/* HyperLISTA (Chen, Liu, Wang and Yin, NeurIPS 2021): ALISTA with momentum, whose numbers all follow from the iterate
 * and three constants. With W the analytic weight, mu its coherence with A and r = A x_t - b,
 *
 *   theta = c1 mu ||A+ r||_1,   beta = c2 mu ||x_t||_0,   k = c3 ln(||A+ b||_1 / ||A+ r||_1), within 0 .. n
 *   x_{t+1} = S(x_t - W'r + beta (x_t - x_{t-1}), theta), the k largest entries escaping the threshold
 *
 * The paper takes symmetric weights instead: W = D = G A with b replaced by G b; W'r is then (n / m) A+ r, and W_i here
 * is row i of A+ over (A+ A)_ii, nearly the same. c3 enters through a count, so no gradient tells of it: it is for
 * search. */
#include <math.h>

#include "optimizers/registry.h"
#include "optimizers/unrolled/layers.h"
#include "optimizers/unrolled/shrinkage.h"
#include "problems/dictionary.h"

typedef struct hyperlista {
    layers layers; /* first: see layers_of() */
    int state_previous;
} hyperlista;

enum { HYPER_C1, HYPER_C2, HYPER_C3 };
enum { CONSTANT_INVERSE = LAYERS_CONSTANTS, CONSTANT_SCALE, CONSTANT_SIZE };

static const double LEAST_SIZE = 1e-30;
static const double FAR_DIMENSION = 1.5; /* c3 counts entries: twice as many of them fail with it */

static const setting hyperlista_settings[] = {
    LAYERS_SETTINGS,
    {"c1", SETTING_REAL, "", "0.075", 0, 1e6, NULL, "hyperlista begins with it: its thresholds are proportional to it"},
    {"c2", SETTING_REAL, "", "0.0155", 0, 1e6, NULL, "hyperlista begins with it: so is its momentum"},
    {"c3", SETTING_REAL, "", "106", 0, 1e9, NULL,
     "hyperlista begins with it: so is the number of entries that escape the threshold"},
    {0}};

static l2o_status hyperlista_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    static const char *const names[] = {"c1", "c2", "c3"};
    hyperlista *own = arena_allocate(&optimizer->memory, sizeof *own, error);
    if (own == NULL) return error->status;
    *own = (hyperlista){0};
    optimizer->own = own;
    TRY(layers_create(optimizer, settings, false, &own->layers, error));
    own->state_previous = optimizer->state_count;
    optimizer_add_state(optimizer, "previous", true, 1, true);
    for (int kind = HYPER_C1; kind <= HYPER_C3; kind++)
        TRY(layers_add_number(optimizer, &own->layers, kind, names[kind], true, settings_real(settings, names[kind]),
                              error));
    optimizer->layout[optimizer->weight_count - 1].without_gradient = true; /* c3 */
    optimizer->far_dimension = FAR_DIMENSION;
    return L2O_OK;
}

/* ||.||_1 of each row, never zero: [count, 1] */
static value *size_of(tape *tape, value *x) {
    if (x == NULL) return NULL;
    return tape_shift(tape, LEAST_SIZE, tape_sum_to(tape, tape_unary(tape, UNARY_ABS, 0, x), x->rows, 1));
}

static void hyperlista_begin(step_context *context) {
    const dictionary *dictionary = problem_dictionary(context->problem);
    tape *tape = context->tape;
    int64_t m = dictionary->m, n = dictionary->n;
    layers_begin(context);
    /* W is (A+)' with its columns scaled, by what their products with A's, which are 1 for W, say. */
    double *scale = arena_allocate(tape->arena, (size_t)n * sizeof *scale, tape->error);
    if (scale == NULL) return;
    for (int64_t j = 0; j < n; j++) {
        double leverage = 0;
        for (int64_t i = 0; i < m; i++)
            leverage += dictionary->pseudo_inverse_transposed[i * n + j] * dictionary->matrix[i * n + j];
        scale[j] = 1 / leverage;
    }
    value *inverse = layers_constant(context, dictionary->pseudo_inverse_transposed);
    context->constants[CONSTANT_INVERSE] = inverse;
    context->constants[CONSTANT_SCALE] = tape_from_double(tape, 1, n, scale);
    context->constants[CONSTANT_SIZE] =
        size_of(tape, tape_matmul(tape, context->constants[LAYERS_B], false, inverse, false));
}

/* k of each row; `size` is ||A+ r||_1. */
static int64_t *counts(const step_context *context, const value *size, int64_t n) {
    tape *tape = context->tape;
    const value *c3 = layers_weight(context, HYPER_C3), *first = context->constants[CONSTANT_SIZE];
    if (size == NULL || c3 == NULL || first == NULL) return NULL;
    int64_t count = size->rows, *allowed = arena_allocate(tape->arena, (size_t)count * sizeof *allowed, tape->error);
    double *numbers = arena_allocate(tape->arena, (size_t)(2 * count) * sizeof *numbers, tape->error), factor;
    if (allowed == NULL || numbers == NULL) return NULL;
    tape->kernels->to_double(1, c3->data, &factor);
    tape->kernels->to_double(count, first->data, numbers);
    tape->kernels->to_double(count, size->data, numbers + count);
    for (int64_t r = 0; r < count; r++) {
        double wanted = factor * log(numbers[r] / numbers[count + r]);
        allowed[r] = wanted > 0 ? llround(fmin(wanted, (double)n)) : 0; /* 0 for a NaN too */
    }
    return allowed;
}

static value *hyperlista_step(step_context *context, value *x, value **state) {
    if (layers_are_done(context)) return layers_continue(context, x, state);
    const hyperlista *own = context->optimizer->own;
    tape *tape = context->tape;
    if (x == NULL) return NULL;
    double coherence = problem_dictionary(context->problem)->coherence;
    value *previous = tape_reshape(tape, state[own->state_previous], x->rows, x->columns);
    value *back = tape_matmul(tape, layers_residual(context, x), false, context->constants[CONSTANT_INVERSE], false);
    value *size = size_of(tape, back);
    value *theta = tape_scale(tape, coherence, tape_multiply(tape, size, layers_threshold(context, HYPER_C1)));
    value *active = layers_count_nonzeros(tape, x);
    value *beta = tape_scale(tape, coherence, tape_multiply(tape, active, layers_weight(context, HYPER_C2)));
    value *z = tape_add(tape, x, tape_multiply(tape, back, context->constants[CONSTANT_SCALE]));
    z = tape_add(tape, z, tape_multiply(tape, tape_subtract(tape, x, previous), beta));
    int64_t *allowed = counts(context, size, x->columns);
    if (allowed == NULL) return NULL;
    state[own->state_previous] = tape_reshape(tape, x, x->rows * x->columns, 1);
    return shrinkage_with_support(tape, z, theta, allowed, NULL);
}

const optimizer_ops optimizer_hyperlista = {
    .name = "hyperlista",
    .summary = "ALISTA with momentum, all its numbers from the iterate and three constants",
    .reference = "Chen, Liu, Wang and Yin, NeurIPS 2021",
    .settings = hyperlista_settings,
    .requires = STRUCTURE_LINEAR_MODEL | STRUCTURE_DICTIONARY,
    .learned = true,
    .unrolled = true,
    .wants = WANTS_NO_GRADIENT,
    .create = hyperlista_create,
    .begin = hyperlista_begin,
    .suits = layers_suits,
    .step = hyperlista_step,
    .when_diverged = LAYERS_TRAIN,
};
