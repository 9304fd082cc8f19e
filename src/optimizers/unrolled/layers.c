/* The dictionary that fresh weights are made of, the tensors of layers, and the steps after the last of them. */
#include "optimizers/unrolled/layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optimizers/classical/proximal.h"
#include "problems/dictionary.h"
#include "problems/linear_model.h"

static const double REFERENCE_MARGIN = 1.001;

/* ------------------------------------------------------------------------------------------------ the dictionary */

/* Unrolled optimizers learn one dictionary, which is why it cannot vary. `name` is the optimizer's. */
static l2o_status check_model(const char *name, const problem *problem, l2o_error *error) {
    const linear_model *model = problem->model;
    if (!problem_has(problem, STRUCTURE_LINEAR_MODEL | STRUCTURE_DICTIONARY) || model == NULL)
        return error_set(
            error, L2O_ERROR_UNSUPPORTED,
            "'%s' is made for measurements b of A x, and the problem '%s' has none; choose lasso or another "
            "problem of that kind",
            name, problem->ops->name);
    if (model->sparse != NULL)
        return error_set(error, L2O_ERROR_UNSUPPORTED,
                         "'%s' takes a dense dictionary, and %s is sparse; give it as a dense file [m, n]", name,
                         model->name);
    if (!model->shared)
        return error_set(error, L2O_ERROR_UNSUPPORTED,
                         "'%s' is made for one dictionary, and here each instance has an A of its own; draw one with "
                         "shared-A = yes, or give it as one file [m, n]",
                         name);
    return L2O_OK;
}

static double *kept(optimizer *optimizer, int64_t size, const double *numbers, l2o_error *error) {
    double *copy = layers_numbers(optimizer, size, error);
    if (copy != NULL) memcpy(copy, numbers, (size_t)size * sizeof *copy);
    return copy;
}

static l2o_status take_dictionary(optimizer *optimizer, layers *own, problem *problem, bool analysed, arena *scratch,
                                  l2o_error *error) {
    const linear_model *model = problem->model;
    evaluation evaluation = {NULL, scratch, error};
    int64_t size = model->m * model->n;
    double *a = layers_numbers(optimizer, size, error);
    if (a == NULL) return error->status;
    for (int64_t i = 0; i < size; i++) a[i] = problem_load(model->type, model->a, i);
    for (int64_t i = 0; i < size; i++)
        if (!isfinite(a[i]))
            return error_set(error, L2O_ERROR_INPUT,
                             "%s: the dictionary holds %g in row %lld, column %lld; '%s' needs "
                             "finite numbers",
                             model->name, a[i], (long long)(i / model->n), (long long)(i % model->n),
                             optimizer->ops->name);
    own->matrix = a;
    own->rows = model->m;
    own->columns = model->n;
    TRY(linear_model_squared_norms(model, &own->norm_squared, &evaluation));
    if (own->norm_squared <= 0)
        return error_set(
            error, L2O_ERROR_INPUT,
            "%s: the dictionary is zero, so '%s' cannot be made for it; give the one that b was measured by",
            model->name, optimizer->ops->name);
    if (!analysed) return L2O_OK;
    TRY(kernels_select("auto", problem->type, &evaluation.kernels, error));
    TRY(problem_prepare(problem, STRUCTURE_DICTIONARY, &evaluation));
    const dictionary *analysis = problem_dictionary(problem);
    own->analytic = kept(optimizer, size, analysis->analytic, error);
    own->pseudo_inverse_transposed = kept(optimizer, size, analysis->pseudo_inverse_transposed, error);
    return own->analytic == NULL || own->pseudo_inverse_transposed == NULL ? error->status : L2O_OK;
}

/* The problem of the settings with one instance: what is wanted of it is A. */
static l2o_status learn_dictionary(optimizer *optimizer, layers *own, const l2o_settings *settings, bool analysed,
                                   l2o_error *error) {
    l2o_settings *copy = NULL;
    problem *problem = NULL;
    arena scratch = {0};
    TRY(settings_copy(settings, &copy, error));
    l2o_status status = settings_set(copy, "batch", "1", optimizer->ops->name, error);
    if (status == L2O_OK) status = problem_create(copy, COMPONENT_ALL, &problem, error);
    if (status == L2O_OK) status = check_model(optimizer->ops->name, problem, error);
    if (status == L2O_OK) status = problem_sample(problem, 0, STREAM_TRAINING, 0, 0, error);
    if (status == L2O_OK) status = take_dictionary(optimizer, own, problem, analysed, &scratch, error);
    arena_free(&scratch);
    problem_free(problem);
    settings_free(copy);
    return status;
}

/* One of m and n: as the settings have it, which is what a file of weights says, and as the dictionary does. */
static l2o_status resolve_size(optimizer *optimizer, const l2o_settings *settings, const char *name, int64_t *size,
                               l2o_error *error) {
    char text[32];
    double number;
    snprintf(text, sizeof text, "%lld", (long long)*size);
    if (*size == 0 && !settings_is_set(settings, name))
        return error_set(error, L2O_ERROR_INPUT,
                         "the weights of '%s' do not tell %s, the size of their dictionary; train them anew",
                         optimizer->ops->name, name);
    TRY(optimizer_resolve(optimizer, settings, name, text, &number, error));
    if (*size != 0 && (int64_t)number != *size)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: %s is %.0f, but the dictionary of the problem has %lld; leave it out",
                         settings_origin(settings, name), name, number, (long long)*size);
    *size = (int64_t)number;
    return L2O_OK;
}

double layers_lipschitz(const layers *own) {
    if (own->norm_squared <= 0) return 1;
    return own->reference ? REFERENCE_MARGIN * own->norm_squared : own->norm_squared;
}

double *layers_numbers(optimizer *optimizer, int64_t count, l2o_error *error) {
    double *numbers = arena_allocate(&optimizer->memory, (size_t)count * sizeof *numbers, error);
    if (numbers != NULL) memset(numbers, 0, (size_t)count * sizeof *numbers);
    return numbers;
}

/* ------------------------------------------------------------------------------------------------------ creation */

/* Can steps go on after the last layer on problems of the settings' family? */
static bool may_continue(const l2o_settings *settings) {
    const problem_ops *ops = problem_find(settings_text(settings, "problem"));
    unsigned needed = STRUCTURE_PROXIMAL | STRUCTURE_LIPSCHITZ;
    return ops != NULL && (ops->structures & needed) == needed;
}

l2o_status layers_measure(optimizer *optimizer, const l2o_settings *settings, layers *own, l2o_error *error) {
    optimizer->shard_size = INSTANCES_TOGETHER;
    own->fixed_size = true;
    return learn_dictionary(optimizer, own, settings, false, error);
}

l2o_status layers_create(optimizer *optimizer, const l2o_settings *settings, bool analysed, layers *own,
                         l2o_error *error) {
    if (optimizer->scale_by_batch && settings_is_given(settings, "gradient-scale"))
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: gradient-scale = batch means nothing to '%s', which is shown no gradients; leave it out",
                         settings_origin(settings, "gradient-scale"), optimizer->ops->name);
    optimizer->scale_by_batch = false;
    optimizer->shard_size = INSTANCES_TOGETHER;
    own->depth = optimizer->learned_steps = settings_integer(settings, "depth");
    own->reference = settings_choice(settings, "conventions") == 1;
    own->initial_lambda = settings_real(settings, "initial-lambda");
    if (optimizer->file == NULL) TRY(learn_dictionary(optimizer, own, settings, analysed, error));
    size_t tensors = LAYERS_KINDS * (size_t)(own->depth + 1);
    own->tensor = arena_allocate(&optimizer->memory, tensors * sizeof *own->tensor, error);
    if (own->tensor == NULL) return error->status;
    if (may_continue(settings))
        optimizer->uses |= STRUCTURE_LIPSCHITZ;
    else
        optimizer->step_limit = own->depth;
    own->state_y = optimizer->state_count;
    optimizer_add_state(optimizer, "y", true, 1, false);
    own->state_t = optimizer->state_count;
    optimizer_add_state(optimizer, "t", false, 1, false);
    return L2O_OK;
}

l2o_status layers_fix_size(optimizer *optimizer, const l2o_settings *settings, layers *own, l2o_error *error) {
    own->fixed_size = true;
    TRY(resolve_size(optimizer, settings, "dictionary-rows", &own->rows, error));
    return resolve_size(optimizer, settings, "dictionary-columns", &own->columns, error);
}

l2o_status layers_read_start(optimizer *optimizer, const l2o_settings *settings, layers_start otherwise,
                             layers_start *start, l2o_error *error) {
    static const char *const names[] = {"analytic", "dictionary", "scaled"};
    double unused;
    *start = settings_is_set(settings, "initial-weight") ? (layers_start)settings_choice(settings, "initial-weight")
                                                         : otherwise;
    return optimizer_resolve(optimizer, settings, "initial-weight", names[*start], &unused, error);
}

l2o_status layers_initial_weight(optimizer *optimizer, const layers *own, layers_start start, const double **out,
                                 l2o_error *error) {
    int64_t size = own->rows * own->columns;
    *out = start == LAYERS_ANALYTIC ? own->analytic : own->matrix;
    if (start != LAYERS_SCALED_DICTIONARY || own->matrix == NULL) return L2O_OK;
    double *scaled = layers_numbers(optimizer, size, error);
    if (scaled == NULL) return error->status;
    for (int64_t i = 0; i < size; i++) scaled[i] = own->matrix[i] / layers_lipschitz(own);
    *out = scaled;
    return L2O_OK;
}

static int *place_of(const layers *own, int kind, int64_t layer) {
    return &own->tensor[kind * (own->depth + 1) + layer];
}

typedef struct tensor {
    int64_t rows, columns;
    const double *given;
    bool multiplies; /* a matrix learned for one dictionary, even where it has one row or column */
} tensor;

static l2o_status add_tensor(optimizer *optimizer, const char *name, int64_t layer, tensor tensor, l2o_error *error) {
    TRY(optimizer_add_weight_given(optimizer, name, tensor.rows, tensor.columns, tensor.given, layer, error));
    optimizer->layout[optimizer->weight_count - 1].multiplies = tensor.multiplies;
    optimizer->learns_dictionary |= tensor.multiplies;
    return L2O_OK;
}

static l2o_status add_to_layer(optimizer *optimizer, layers *own, int kind, const char *name, int64_t layer,
                               tensor tensor, l2o_error *error) {
    char full[NAME_LENGTH];
    snprintf(full, sizeof full, "%s.%lld", name, (long long)layer);
    *place_of(own, kind, layer) = optimizer->weight_count;
    return add_tensor(optimizer, full, layer, tensor, error);
}

static l2o_status add_to_layers(optimizer *optimizer, layers *own, int kind, const char *name, bool shared,
                                int64_t first, tensor tensor, l2o_error *error) {
    if (shared) {
        for (int64_t t = first; t <= own->depth; t++) *place_of(own, kind, t) = optimizer->weight_count;
        return first > own->depth ? L2O_OK : add_tensor(optimizer, name, first, tensor, error);
    }
    for (int64_t t = first; t <= own->depth; t++) TRY(add_to_layer(optimizer, own, kind, name, t, tensor, error));
    return L2O_OK;
}

l2o_status layers_add_one(optimizer *optimizer, layers *own, int kind, const char *name, int64_t layer, int64_t rows,
                          int64_t columns, const double *given, l2o_error *error) {
    return add_to_layer(optimizer, own, kind, name, layer, (tensor){rows, columns, given, true}, error);
}

l2o_status layers_add(optimizer *optimizer, layers *own, int kind, const char *name, bool shared, int64_t first,
                      int64_t rows, int64_t columns, const double *given, l2o_error *error) {
    return add_to_layers(optimizer, own, kind, name, shared, first, (tensor){rows, columns, given, true}, error);
}

/* `count` times the number; NULL where weights come from a file, which need no beginning of a size that is only claimed
 * so far. */
static l2o_status filled(optimizer *optimizer, int64_t count, double number, const double **out, l2o_error *error) {
    *out = NULL;
    if (optimizer->file != NULL) return L2O_OK;
    double *numbers = layers_numbers(optimizer, count, error);
    for (int64_t i = 0; numbers != NULL && i < count; i++) numbers[i] = number;
    *out = numbers;
    return numbers == NULL ? error->status : L2O_OK;
}

l2o_status layers_add_numbers(optimizer *optimizer, layers *own, int kind, const char *name, bool shared, int64_t first,
                              int64_t count, double initial, l2o_error *error) {
    const double *given;
    TRY(filled(optimizer, count, initial, &given, error));
    return add_to_layers(optimizer, own, kind, name, shared, first, (tensor){1, count, given, false}, error);
}

l2o_status layers_add_number(optimizer *optimizer, layers *own, int kind, const char *name, bool shared, double initial,
                             l2o_error *error) {
    return layers_add_numbers(optimizer, own, kind, name, shared, 1, 1, initial, error);
}

l2o_status layers_add_one_number(optimizer *optimizer, layers *own, int kind, const char *name, int64_t layer,
                                 double initial, l2o_error *error) {
    const double *given;
    TRY(filled(optimizer, 1, initial, &given, error));
    return add_to_layer(optimizer, own, kind, name, layer, (tensor){1, 1, given, false}, error);
}

l2o_status layers_add_thresholds(optimizer *optimizer, layers *own, int kind, bool each_coordinate, l2o_error *error) {
    return layers_add_numbers(optimizer, own, kind, "theta", false, 1, each_coordinate ? own->columns : 1,
                              own->initial_lambda / layers_lipschitz(own), error);
}

l2o_status layers_add_drawn(optimizer *optimizer, layers *own, int kind, const char *name, bool multiplies,
                            int64_t rows, int64_t columns, l2o_error *error) {
    for (int64_t t = 1; t <= own->depth; t++) *place_of(own, kind, t) = optimizer->weight_count;
    TRY(optimizer_add_weight(optimizer, name, rows, columns, INITIALISE_TRUNCATED_NORMAL,
                             sqrt(2 / (double)(rows + columns)), error));
    weight_layout *added = &optimizer->layout[optimizer->weight_count - 1];
    added->step = 1;
    added->multiplies = multiplies;
    optimizer->learns_dictionary |= multiplies;
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------ in a run */

l2o_status layers_suits(const optimizer *optimizer, const problem *problem, l2o_error *error) {
    const layers *own = optimizer->own;
    TRY(check_model(optimizer->ops->name, problem, error));
    const linear_model *model = problem->model;
    if (own->fixed_size && (model->m != own->rows || model->n != own->columns))
        return error_set(
            error, L2O_ERROR_UNSUPPORTED,
            "'%s' was made for a dictionary of %lld x %lld, and the problem's %s is %lld x %lld; make and train it "
            "for this one",
            optimizer->ops->name, (long long)own->rows, (long long)own->columns, model->name, (long long)model->m,
            (long long)model->n);
    return L2O_OK;
}

/* These instances' rows of b: as they lie where they follow each other, else copied. */
static value *signals(step_context *context) {
    tape *tape = context->tape;
    const linear_model *model = context->problem->model;
    const instances *rows = context->rows;
    size_t bytes = (size_t)model->m * dtype_size(model->type);
    bool successive = true;
    for (int64_t r = 1; r < rows->count; r++) successive &= rows->index[r] == rows->index[0] + r;
    const char *b = model->b;
    if (rows->count > 0 && successive)
        return tape_input(tape, b + (size_t)rows->index[0] * bytes, rows->count, model->m, false);
    value *copy = tape_value(tape, rows->count, model->m);
    if (copy == NULL) return NULL;
    for (int64_t r = 0; r < rows->count; r++)
        memcpy((char *)copy->data + (size_t)r * bytes, b + (size_t)rows->index[r] * bytes, bytes);
    return copy;
}

value *layers_constant(const step_context *context, const double *numbers) {
    tape *tape = context->tape;
    const linear_model *model = context->problem->model;
    return tape->kernels->type == DTYPE_FLOAT64 ? tape_input(tape, numbers, model->m, model->n, false)
                                                : tape_from_double(tape, model->m, model->n, numbers);
}

static bool problem_continues(const problem *problem) {
    return problem_has(problem, STRUCTURE_PROXIMAL | STRUCTURE_LIPSCHITZ);
}

void layers_begin(step_context *context) {
    const linear_model *model = context->problem->model;
    context->constants[LAYERS_A] = tape_input(context->tape, model->a, model->m, model->n, false);
    context->constants[LAYERS_B] = signals(context);
    if (!problem_continues(context->problem)) return;
    proximal_constants fista = proximal_constants_of(context, (step_size){.given = false});
    context->constants[LAYERS_MINUS_RATE] = fista.minus_rate;
    context->constants[LAYERS_THRESHOLD] = fista.threshold;
}

static const layers *layers_of(const step_context *context) { return context->optimizer->own; }

bool layers_are_done(const step_context *context) { return context->step > layers_of(context)->depth; }

value *layers_continue(step_context *context, value *x, value **state) {
    const layers *own = layers_of(context);
    tape *tape = context->tape;
    if (!problem_continues(context->problem)) {
        error_set(tape->error, L2O_ERROR_UNSUPPORTED,
                  "'%s' has %lld layers, and the problem '%s' has no penalty to go on with by FISTA; take at most as "
                  "many steps",
                  context->optimizer->ops->name, (long long)own->depth, context->problem->ops->name);
        return NULL;
    }
    if (x != NULL && context->step == own->depth + 1) {
        state[own->state_y] = tape_reshape(tape, x, x->rows * x->columns, 1);
        state[own->state_t] = tape_fill(tape, x->rows, 1, 0);
    }
    proximal_constants fista = {context->constants[LAYERS_MINUS_RATE], context->constants[LAYERS_THRESHOLD]};
    return proximal_accelerated(context, fista, x, &state[own->state_y], &state[own->state_t]);
}

value *layers_weight(const step_context *context, int kind) {
    return context->weights[*place_of(layers_of(context), kind, context->step)];
}

value *layers_shared_weight(const step_context *context, int kind) {
    return context->weights[*place_of(layers_of(context), kind, layers_of(context)->depth)];
}

value *layers_threshold(const step_context *context, int kind) {
    value *theta = layers_weight(context, kind);
    return layers_of(context)->reference ? theta : tape_unary(context->tape, UNARY_RELU, 0, theta);
}

value *layers_residual(const step_context *context, value *x) {
    tape *tape = context->tape;
    value *image = tape_matmul(tape, x, false, context->constants[LAYERS_A], true);
    return tape_subtract(tape, context->constants[LAYERS_B], image);
}

value *layers_count_nonzeros(tape *tape, value *x) {
    if (x == NULL) return NULL;
    value *sign = tape_unary(tape, UNARY_SIGN, 0, tape_detach(tape, x));
    return tape_sum_to(tape, tape_unary(tape, UNARY_ABS, 0, sign), x->rows, 1);
}
