/* Creation of optimizers from settings: weights, their layout and initialisation, and what they require of problems. */
#include "optimizers/optimizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "problems/problem_node.h"

enum { MOST_WEIGHT_TENSORS = 512 };

static const int64_t MOST_WEIGHTS = INT64_MAX / (int64_t)sizeof(double); /* whose bytes can still be counted */

const setting optimizer_common_settings[] = {
    {"optimizer", SETTING_TEXT, "", "rnnprop", 0, 0, NULL,
     "The optimizer: a name from `l2o list optimizers` with options, as in adam:rate=0.01, or a file of weights"},
    {"guard", SETTING_CHOICE, "", "fista", 0, 0, "none|ista|fista",
     "What the structured rule does, outside training, where its step would raise an instance's objective: takes it, "
     "or instead a step of ISTA from the same point, or of FISTA's sequence"},
    {0}};

l2o_status optimizer_note(optimizer *optimizer, const char *key, json_t *value, l2o_error *error) {
    if (value == NULL || json_object_set_new(optimizer->provenance, key, value) != 0)
        return error_set(error, L2O_ERROR_MEMORY, "out of memory while '%s' was noted", key);
    return L2O_OK;
}

static json_t *architecture_of(const optimizer *optimizer) {
    return json_object_get(optimizer->provenance, "architecture");
}

static l2o_status describe(const optimizer *optimizer, const char *key, const char *text, l2o_error *error) {
    if (json_object_set_new(architecture_of(optimizer), key, json_string(text)) != 0)
        return error_set(error, L2O_ERROR_MEMORY, "out of memory while the architecture was noted");
    return L2O_OK;
}

l2o_status optimizer_resolve(optimizer *optimizer, const l2o_settings *settings, const char *name,
                             const char *otherwise, double *number, l2o_error *error) {
    bool set = settings_is_set(settings, name);
    *number = set ? settings_real(settings, name) : strtod(otherwise, NULL);
    return describe(optimizer, name, set ? settings_peek(settings, name) : otherwise, error);
}

/* The name and the optimizer's own settings: what rebuilds it. What has no default is noted by optimizer_resolve() in
 * learned ones: an older file may name some that its weights have no use for. */
static l2o_status note_architecture(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    bool learned = optimizer->ops->learned;
    for (const setting *s = optimizer->ops->settings; s != NULL && s->name != NULL; s++)
        if (s->default_value != NULL || (!learned && settings_is_set(settings, s->name)))
            TRY(describe(optimizer, s->name, settings_peek(settings, s->name), error));
    return describe(optimizer, "gradient-scale", optimizer->scale_by_batch ? "batch" : "instance", error);
}

/* What create() writes into. */
static l2o_status begin(optimizer *optimizer, const char *file, l2o_error *error) {
    if (file != NULL) {
        char *copy = arena_allocate(&optimizer->memory, strlen(file) + 1, error);
        if (copy == NULL) return error->status;
        optimizer->file = strcpy(copy, file);
    }
    optimizer->layout = arena_allocate(&optimizer->memory, MOST_WEIGHT_TENSORS * sizeof *optimizer->layout, error);
    optimizer->provenance = json_object();
    if (optimizer->layout == NULL) return error->status;
    if (optimizer->provenance == NULL) return error_set(error, L2O_ERROR_MEMORY, "out of memory for an optimizer");
    TRY(optimizer_note(optimizer, "architecture", json_object(), error));
    return describe(optimizer, "optimizer", optimizer->ops->name, error);
}

l2o_status optimizer_allocate_weights(optimizer *optimizer, l2o_error *error) {
    if (optimizer->weight_total == 0) return L2O_OK;
    optimizer->weights = memory_allocate((size_t)optimizer->weight_total, sizeof(double), error);
    return optimizer->weights == NULL ? error->status : L2O_OK;
}

static l2o_status create(const l2o_settings *settings, const char *name, const char *file, optimizer **out,
                         l2o_error *error) {
    const char *origin = "optimizer";
    if (name == NULL) {
        name = settings_text(settings, "optimizer");
        origin = settings_origin(settings, "optimizer");
    }
    const optimizer_ops *ops = optimizer_find(name);
    if (ops == NULL)
        return error_set(error, L2O_ERROR_INPUT, "%s: there is no optimizer '%s'; `l2o list optimizers` shows them all",
                         origin, name);
    optimizer *created = memory_allocate(1, sizeof *created, error);
    if (created == NULL) return error->status;
    created->ops = ops;
    created->requires = ops->requires;
    created->far_dimension = created->far_curvature = FAR_OUTSIDE;
    if (ops->learned) created->scale_by_batch = strcmp(settings_text(settings, "gradient-scale"), "batch") == 0;
    l2o_status status = begin(created, file, error);
    if (status == L2O_OK) status = ops->create(created, settings, error);
    if (status == L2O_OK) status = note_architecture(created, settings, error);
    if (status == L2O_OK && file == NULL) status = optimizer_allocate_weights(created, error);
    if (status != L2O_OK) {
        optimizer_free(created);
        return status;
    }
    *out = created;
    return L2O_OK;
}

l2o_status optimizer_create(const l2o_settings *settings, const char *name, optimizer **out, l2o_error *error) {
    return create(settings, name, NULL, out, error);
}

l2o_status optimizer_create_for_file(const l2o_settings *settings, const char *name, const char *file, optimizer **out,
                                     l2o_error *error) {
    return create(settings, name, file, out, error);
}

void optimizer_free(optimizer *optimizer) {
    if (optimizer == NULL) return;
    memory_free(optimizer->weights);
    json_decref(optimizer->provenance);
    arena_free(&optimizer->memory);
    memory_free(optimizer);
}

l2o_status optimizer_add_weight(optimizer *optimizer, const char *name, int64_t rows, int64_t columns,
                                initialisation initialisation, double deviation, l2o_error *error) {
    if (optimizer->weight_count == MOST_WEIGHT_TENSORS)
        return error_set(error, L2O_ERROR_INPUT,
                         "the optimizer '%s' would have more than %d weight tensors; use fewer layers",
                         optimizer->ops->name, (int)MOST_WEIGHT_TENSORS);
    if (rows > (MOST_WEIGHTS - optimizer->weight_total) / columns)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s%sthe optimizer '%s' would have more weights than can be counted, with %lld x %lld in "
                         "'%s'; %s",
                         optimizer->file == NULL ? "" : optimizer->file, optimizer->file == NULL ? "" : ": ",
                         optimizer->ops->name, (long long)rows, (long long)columns, name,
                         optimizer->file == NULL ? "use fewer layers or a smaller dictionary" : "train it anew");
    weight_layout *added = &optimizer->layout[optimizer->weight_count++];
    *added = (weight_layout){.rows = rows,
                             .columns = columns,
                             .offset = optimizer->weight_total,
                             .initialisation = initialisation,
                             .deviation = deviation};
    snprintf(added->name, sizeof added->name, "%s", name);
    optimizer->weight_total += rows * columns;
    return L2O_OK;
}

l2o_status optimizer_add_weight_given(optimizer *optimizer, const char *name, int64_t rows, int64_t columns,
                                      const double *given, int64_t step, l2o_error *error) {
    TRY(optimizer_add_weight(optimizer, name, rows, columns, INITIALISE_GIVEN, 0, error));
    optimizer->layout[optimizer->weight_count - 1].given = given;
    optimizer->layout[optimizer->weight_count - 1].step = step;
    return L2O_OK;
}

void optimizer_add_state(optimizer *optimizer, const char *name, bool per_coordinate, int64_t width, bool starts_at_x) {
    state_layout *added = &optimizer->state[optimizer->state_count++];
    *added = (state_layout){.per_coordinate = per_coordinate, .width = width, .starts_at_x = starts_at_x};
    snprintf(added->name, sizeof added->name, "%s", name);
}

static double initial_number(const weight_layout *layout, random_key key, int64_t i) {
    switch (layout->initialisation) {
    case INITIALISE_TRUNCATED_NORMAL: return layout->deviation * random_truncated_normal(key, (uint64_t)i);
    case INITIALISE_GIVEN: return layout->given == NULL ? 0 : layout->given[i];
    case INITIALISE_ZERO: break;
    }
    return 0;
}

void optimizer_initialise(const optimizer *optimizer, uint64_t seed, uint32_t draw, double *weights) {
    for (int k = 0; k < optimizer->weight_count; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        random_key key = {
            .seed = seed, .draw = draw, .task = (uint16_t)k, .stream = STREAM_INITIALISATION, .field = FIELD_WEIGHTS};
        for (int64_t i = 0; i < layout->rows * layout->columns; i++)
            weights[layout->offset + i] = initial_number(layout, key, i);
    }
}

static l2o_status refuse_gradient(const problem *problem, const optimizer *optimizer, l2o_error *error) {
    return error_set(error, L2O_ERROR_UNSUPPORTED,
                     "the optimizer '%s' steps along the gradient of '%s', which holds the very x that is to be found; "
                     "choose one that works from A and b, such as fista or an unrolled optimizer, or the problem lasso",
                     optimizer->ops->name, problem->ops->name);
}

l2o_status optimizer_suits(const optimizer *optimizer, const problem *problem, l2o_error *error) {
    static const struct {
        unsigned bit;
        const char *text;
    } names[] = {{STRUCTURE_LINEAR_MODEL, "a linear model (A, b)"},
                 {STRUCTURE_PROXIMAL, "a smooth part plus an L1 term"},
                 {STRUCTURE_LIPSCHITZ, "a Lipschitz constant of its gradient"},
                 {STRUCTURE_DUALITY_GAP, "a duality gap"},
                 {STRUCTURE_LEAST_SQUARES, "the smooth part 1/2 ||A x - b||^2"},
                 {STRUCTURE_LINEAR_LOSS, "the least-squares or the logistic loss of a linear model"},
                 {STRUCTURE_DICTIONARY, "measurements b of A x by one A"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((optimizer->requires & names[i].bit) != 0 && !problem_has(problem, names[i].bit))
            return error_set(error, L2O_ERROR_UNSUPPORTED,
                             "the optimizer '%s' needs a problem with %s, which '%s' does not have; choose another "
                             "optimizer (`l2o list optimizers`)",
                             optimizer->ops->name, names[i].text, problem->ops->name);
    if (problem->ops->supervised && optimizer->ops->wants == WANTS_GRADIENT)
        return refuse_gradient(problem, optimizer, error);
    return optimizer->ops->suits == NULL ? L2O_OK : optimizer->ops->suits(optimizer, problem, error);
}

l2o_status optimizer_prepare(const optimizer *optimizer, problem *problem, const evaluation *evaluation) {
    return problem_prepare(problem, (optimizer->requires | optimizer->uses) & problem->ops->structures, evaluation);
}

/* Starts a new memo unless x is that of the last one. */
static void remember(step_context *context, value *x) {
    if (context->memo_x == x && x != NULL) return;
    context->memo_x = x;
    context->memo_f = context->memo_g = context->memo_smooth = NULL;
}

value *step_objective(step_context *context, value *x) {
    gradient_wanted wants = context->tape->recording ? WANTS_GRADIENT : context->optimizer->ops->wants;
    remember(context, x);
    if (context->memo_f != NULL) return context->memo_f;
    if (wants == WANTS_SMOOTH_GRADIENT && !context->problem->ops->supervised)
        problem_node_smooth(context->tape, context->problem, context->rows, x, &context->memo_f, &context->memo_smooth);
    else
        problem_node(context->tape, context->problem, context->rows, x, &context->memo_f,
                     wants == WANTS_GRADIENT ? &context->memo_g : NULL);
    return context->memo_f;
}

static value *logged(step_context *context, value *g) {
    gradient_log *log = context->log;
    if (log == NULL || g == NULL) return g;
    if (context->log_call == log->calls) {
        error_set(context->tape->error, L2O_ERROR_INTERNAL, "the log of gradients has room for %lld calls only",
                  (long long)log->calls);
        return NULL;
    }
    double *kept = log->gradients + (context->log_call++ * log->batch + context->log_row) * log->dimension;
    if (log->replay) return tape_from_double(context->tape, g->rows, g->columns, kept);
    context->tape->kernels->to_double(g->rows * g->columns, g->data, kept);
    return g;
}

/* A gradient as the optimizer is to see it. */
static value *shown(step_context *context, value *g) {
    if (context->detached) g = tape_detach(context->tape, g);
    return logged(context, context->gradient_scale == 1.0 ? g : tape_scale(context->tape, context->gradient_scale, g));
}

value *step_gradient(step_context *context, value *x) {
    if (context->problem->ops->supervised) {
        refuse_gradient(context->problem, context->optimizer, context->tape->error);
        return NULL;
    }
    remember(context, x);
    if (context->memo_g == NULL)
        problem_node(context->tape, context->problem, context->rows, x, &context->memo_f, &context->memo_g);
    return shown(context, context->memo_g);
}

value *step_smooth_gradient(step_context *context, value *x) {
    if (x != NULL && context->memo_x == x && context->memo_smooth != NULL) return shown(context, context->memo_smooth);
    if (context->detached) x = tape_detach(context->tape, x); /* so that nothing is recorded in vain */
    return shown(context, problem_node_smooth_gradient(context->tape, context->problem, context->rows, x));
}

value *step_seen(step_context *context, value *x) {
    return logged(context, context->detached ? tape_detach(context->tape, x) : x);
}
