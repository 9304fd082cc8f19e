/* Settings of an experiment's parts, in layers. What the parts of the experiment set must be used; what is said for all
 * of them, and by the user, need only be used by some. */
#include <stdio.h>
#include <string.h>

#include "experiment/catalog.h"
#include "experiment/experiment.h"
#include "experiment/presets.h"
#include "io/data_file.h"
#include "meta/named_files.h"
#include "optimizers/registry.h"

typedef struct layering {
    l2o_settings *settings;
    l2o_status status;
    l2o_error *error;
} layering;

static void suggest_given(void *context, const char *name, const char *value, const char *origin, bool given) {
    layering *self = context;
    if (!given || self->status != L2O_OK) return;
    self->status = settings_suggest(self->settings, name, value, origin, self->error);
}

/* `preset` (NULL: none) is that for the optimizer and the problem in `known`. */
static l2o_status layer(const experiment *experiment, const l2o_settings *given, const char *preset,
                        const l2o_settings *known, l2o_settings *settings, l2o_error *error) {
    for (int i = 0; i < experiment->settings.count; i++) {
        const named_value *value = &experiment->settings.items[i];
        TRY(settings_suggest(settings, value->name, value->value, value->origin, error));
    }
    if (preset != NULL) TRY(preset_apply(settings, preset, known, error));
    layering self = {settings, L2O_OK, error};
    if (given != NULL) settings_visit_set(given, suggest_given, &self);
    return self.status;
}

static l2o_status created(l2o_status status, l2o_settings **out) {
    if (status == L2O_OK) return L2O_OK;
    settings_free(*out);
    *out = NULL;
    return status;
}

l2o_status experiment_base_settings(const experiment *experiment, const l2o_settings *given, l2o_settings **out,
                                    l2o_error *error) {
    TRY(catalog_settings(out, error));
    return created(layer(experiment, given, NULL, NULL, *out, error), out);
}

/* What tells the experiment's panels and variants apart is not the user's to set. */
static l2o_status check_own(const value_list *list, const l2o_settings *given, l2o_error *error) {
    for (int i = 0; i < list->count && given != NULL; i++) {
        const named_value *value = &list->items[i];
        if (settings_is_given(given, value->name))
            return error_set(error, L2O_ERROR_INPUT,
                             "%s: the experiment itself sets '%s' (%s); change it in a file of your own that inherits "
                             "from this one",
                             settings_origin(given, value->name), value->name, value->origin);
    }
    return L2O_OK;
}

static l2o_status set_own(const value_list *list, const l2o_settings *given, l2o_settings *settings, l2o_error *error) {
    TRY(check_own(list, given, error));
    for (int i = 0; i < list->count; i++)
        TRY(settings_set(settings, list->items[i].name, list->items[i].value, list->items[i].origin, error));
    return L2O_OK;
}

l2o_status experiment_set_values(const value_list *list, const l2o_settings *given, l2o_settings *settings,
                                 l2o_error *error) {
    for (int i = 0; i < list->count; i++) {
        const named_value *value = &list->items[i];
        if (given != NULL && settings_is_given(given, value->name)) continue;
        TRY(settings_set(settings, value->name, value->value, value->origin, error));
    }
    return L2O_OK;
}

/* A dictionary from a file brings its own size, to which what the experiment says of all its parts yields. What the
 * user says, or a part as its own, may contradict the file. */
static void yield_to_file(const l2o_settings *given, l2o_settings *settings) {
    static const char *const sizes[] = {"m", "n"};
    if (!settings_is_set(settings, "A") || !data_file_recognised(settings_peek(settings, "A"))) return;
    for (int i = 0; i < 2; i++) {
        bool of_user = given != NULL && settings_is_given(given, sizes[i]);
        if (!of_user && !settings_is_given(settings, sizes[i])) settings_forget(settings, sizes[i]);
    }
}

l2o_status experiment_cell_settings(const experiment *experiment, const l2o_settings *given,
                                    const experiment_panel *panel, const experiment_variant *variant,
                                    l2o_settings **out, l2o_error *error) {
    TRY(check_own(&panel->adapt, given, error));
    TRY(check_own(&variant->adapt, given, error));
    TRY(experiment_base_settings(experiment, given, out, error));
    l2o_status status = set_own(&panel->settings, given, *out, error);
    if (status == L2O_OK) status = set_own(&variant->settings, given, *out, error);
    if (status == L2O_OK) yield_to_file(given, *out);
    return created(status, out);
}

/* A recipe and what its trainings are told apart by. */
typedef struct recipe {
    const experiment *experiment;
    const l2o_settings *given;
    const experiment_weights *weights;
    const experiment_variant *variant;
    const experiment_panel *panel;
    const l2o_settings *first; /* of the training whose weights it begins with; NULL: none */
} recipe;

/* The optimizer, and what it is made of, of the recipe that weights begin with; how that one was trained is no concern
 * here. */
static l2o_status suggest_optimizer(const recipe *recipe, l2o_settings *settings, l2o_error *error) {
    const char *name = settings_peek(recipe->first, "optimizer"), *origin = recipe->weights->origin;
    const optimizer_ops *ops = optimizer_find(name);
    TRY(settings_suggest(settings, "optimizer", name, origin, error));
    for (const setting *s = ops == NULL ? NULL : ops->settings; s != NULL && s->name != NULL; s++)
        if (settings_is_set(recipe->first, s->name))
            TRY(settings_suggest(settings, s->name, settings_peek(recipe->first, s->name), origin, error));
    return L2O_OK;
}

/* What the panel says of tests alone is passed over. */
static l2o_status suggest_panel(const recipe *recipe, l2o_settings *settings, l2o_error *error) {
    const value_list *list = &recipe->panel->settings;
    TRY(check_own(list, recipe->given, error));
    for (int i = 0; i < list->count; i++)
        TRY(settings_suggest(settings, list->items[i].name, list->items[i].value, list->items[i].origin, error));
    return L2O_OK;
}

static l2o_status make_training(const recipe *recipe, const l2o_settings *known, l2o_settings **out, l2o_error *error) {
    const experiment_weights *weights = recipe->weights;
    const l2o_settings *given = recipe->given;
    TRY(catalog_settings(out, error));
    l2o_status status = layer(recipe->experiment, given, known != NULL ? weights->preset : NULL, known, *out, error);
    if (status == L2O_OK && recipe->first != NULL) status = suggest_optimizer(recipe, *out, error);
    if (status == L2O_OK && weights->on_panel) status = suggest_panel(recipe, *out, error);
    if (status == L2O_OK) status = experiment_set_values(&weights->settings, given, *out, error);
    if (status == L2O_OK && !weights->fixed) status = set_own(&recipe->variant->training, given, *out, error);
    if (status == L2O_OK) yield_to_file(given, *out);
    return created(status, out);
}

static l2o_status make_with_preset(const recipe *recipe, l2o_settings **out, l2o_error *error) {
    TRY(make_training(recipe, NULL, out, error));
    if (recipe->weights->preset == NULL) return L2O_OK;
    l2o_settings *known = *out; /* the preset depends on all the rest */
    *out = NULL;
    l2o_status status = make_training(recipe, known, out, error);
    settings_free(known);
    return status;
}

l2o_status experiment_training_settings(const experiment *experiment, const l2o_settings *given,
                                        const experiment_weights *weights, const experiment_variant *variant,
                                        const experiment_panel *panel, int64_t seed, l2o_settings **out,
                                        l2o_error *error) {
    char number[32];
    l2o_settings *first = NULL;
    snprintf(number, sizeof number, "%lld", (long long)seed);
    if (weights->from != NULL)
        TRY(experiment_training_settings(experiment, given, experiment_find_weights(experiment, weights->from), variant,
                                         panel, seed, &first, error));
    const recipe recipe = {experiment, given, weights, variant, panel, first};
    l2o_status status = make_with_preset(&recipe, out, error);
    settings_free(first);
    TRY(status);
    return created(settings_set(*out, "seed", number, "seeds", error), out);
}

static l2o_status describe_file(void *user, const char *what, uint32_t checksum, l2o_error *error) {
    return buffer_print(user, error, "checksum of %s=%08x\n", what, (unsigned)checksum);
}

l2o_status experiment_describe_files(const char *name, const char *value, buffer *text, l2o_error *error) {
    return named_files_visit(name, value, describe_file, text, error);
}

typedef struct description {
    buffer *text;
    l2o_status status;
    l2o_error *error;
} description;

static void describe(void *context, const char *name, const char *value, const char *origin, bool given) {
    static const char *const idle[] = {"seeds", "resume", "checkpoint-seconds"};
    description *self = context;
    (void)origin;
    (void)given;
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
        if (strcmp(name, idle[i]) == 0) return;
    if (self->status == L2O_OK) self->status = buffer_print(self->text, self->error, "%s=%s\n", name, value);
    if (self->status == L2O_OK) self->status = experiment_describe_files(name, value, self->text, self->error);
}

l2o_status experiment_describe_settings(const l2o_settings *settings, buffer *text, l2o_error *error) {
    description self = {text, L2O_OK, error};
    settings_visit_set(settings, describe, &self);
    return self.status;
}
