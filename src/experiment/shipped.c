/* Shipped weights: their names, whether they are what a recipe asks for, and the list of them. */
#define _XOPEN_SOURCE 700 /* scandir */
#include "experiment/shipped.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/memory.h"
#include "experiment/catalog.h"
#include "experiment/experiment.h"
#include "io/shared_file.h"
#include "l2o/experiment.h"
#include "meta/trainer.h"
#include "optimizers/weights_file.h"

static const char SEED[] = "{seed}", FOLDER[] = "models";

l2o_status shipped_name(const char *pattern, int64_t seed, buffer *name, l2o_error *error) {
    const char *place = strstr(pattern, SEED);
    if (place == NULL) return buffer_append_text(name, pattern, error);
    TRY(buffer_append(name, pattern, (size_t)(place - pattern), error));
    return buffer_print(name, error, "%lld%s", (long long)seed, place + strlen(SEED));
}

/* ------------------------------------------------------------------------------------------------------ the recipe */

/* Are the values the same, numbers compared as numbers? */
static bool same_value(l2o_settings *scratch, const char *name, const char *one, const char *other) {
    l2o_error ignored = {0};
    return one != NULL && other != NULL && settings_is_defined(scratch, name) &&
           settings_set(scratch, name, one, "recipe", &ignored) == L2O_OK && settings_equals(scratch, name, other);
}

static bool same_recipe(json_t *used, json_t *recipe, const l2o_settings *settings, l2o_settings *scratch) {
    const char *name;
    json_t *value;
    if (json_object_size(used) == 0) return false;
    json_object_foreach(used, name, value) {
        const char *wanted = json_string_value(json_object_get(recipe, name));
        if (!same_value(scratch, name, wanted, json_string_value(value))) return false;
    }
    json_object_foreach(recipe, name,
                        value) if (json_object_get(used, name) == NULL && settings_is_set(settings, name)) return false;
    return true;
}

l2o_status shipped_of_recipe(const char *path, json_t *recipe, const l2o_settings *settings, bool *same,
                             l2o_error *error) {
    json_t *metadata;
    l2o_settings *scratch;
    *same = false;
    TRY(weights_file_describe(path, &metadata, error));
    l2o_status status = catalog_settings(&scratch, error);
    if (status == L2O_OK) {
        *same = same_recipe(json_object_get(metadata, "settings"), recipe, settings, scratch);
        settings_free(scratch);
    }
    json_decref(metadata);
    return status;
}

/* -------------------------------------------------------------------------------------------------------- the list */

/* The seed for which the pattern names the file; false: there is none. */
static bool seed_of(const char *pattern, const char *file, int64_t *seed) {
    const char *place = strstr(pattern, SEED);
    if (place == NULL || strncmp(pattern, file, (size_t)(place - pattern)) != 0) return false;
    char *end;
    const char *digits = file + (place - pattern);
    if (*digits < '0' || *digits > '9') return false;
    *seed = strtoll(digits, &end, 10);
    return strcmp(end, place + strlen(SEED)) == 0;
}

typedef struct listing {
    l2o_context *context;
    json_t *models;
} listing;

/* Does the experiment's own file name that of the weights, or does it inherit the recipe as it is? */
static bool is_own(const experiment *experiment, const experiment_weights *weights) {
    size_t length = strlen(experiment->path);
    return strncmp(weights->file_origin, experiment->path, length) == 0 && weights->file_origin[length] == ':';
}

static l2o_status check_variant(listing *self, const experiment *experiment, const experiment_weights *weights,
                                const experiment_variant *variant, json_t *model, int64_t seed, bool *same,
                                l2o_error *error) {
    l2o_settings *settings;
    const char *path = json_string_value(json_object_get(model, "path"));
    TRY(experiment_training_settings(experiment, NULL, weights, variant, NULL, seed, &settings, error));
    json_t *recipe = NULL;
    l2o_status status = trainer_rehearse(self->context, settings, "rehearsal.safetensors", &recipe, error);
    if (status == L2O_OK) status = shipped_of_recipe(path, recipe, settings, same, error);
    json_decref(recipe);
    settings_free(settings);
    return status;
}

/* Notes with each file the recipes that would take it. */
static l2o_status match(listing *self, const experiment *experiment, const experiment_weights *weights, json_t *model,
                        l2o_error *error) {
    int64_t seed;
    bool same = false;
    if (weights->file == NULL || !is_own(experiment, weights)) return L2O_OK;
    if (!seed_of(weights->file, json_string_value(json_object_get(model, "file")), &seed)) return L2O_OK;
    for (int v = 0; v < experiment->variant_count && !same; v++)
        TRY(check_variant(self, experiment, weights, &experiment->variants[v], model, seed, &same, error));
    if (!same) return L2O_OK;
    json_t *recipe = json_pack("{s:s, s:s}", "experiment", experiment->name, "weights", weights->name);
    return json_array_append_new(json_object_get(model, "recipes"), recipe) == 0
               ? L2O_OK
               : error_set(error, L2O_ERROR_MEMORY, "out of memory while weights were listed");
}

static l2o_status match_all(void *user, const char *name, const char *path, l2o_error *error) {
    listing *self = user;
    experiment experiment;
    TRY(experiment_read(path, name, &experiment, error));
    l2o_status status = L2O_OK;
    for (size_t i = 0; i < json_array_size(self->models); i++)
        for (int w = 0; w < experiment.weights_count && status == L2O_OK; w++)
            status = match(self, &experiment, &experiment.weights[w], json_array_get(self->models, i), error);
    experiment_free(&experiment);
    return status;
}

static l2o_status describe(listing *self, const char *file, const char *path, l2o_error *error) {
    json_t *metadata;
    TRY(weights_file_describe(path, &metadata, error));
    json_t *model = json_pack("{s:s, s:s, s:O?, s:O?, s:O?, s:O?, s:O?, s:[]}", "file", file, "path", path, "trained",
                              json_object_get(metadata, "recipe"), "seed", json_object_get(metadata, "seed"), "updates",
                              json_object_get(metadata, "updates"), "kernel", json_object_get(metadata, "kernel"),
                              "settings", json_object_get(metadata, "settings"), "recipes");
    json_decref(metadata);
    return model != NULL && json_array_append_new(self->models, model) == 0
               ? L2O_OK
               : error_set(error, L2O_ERROR_MEMORY, "out of memory while weights were listed");
}

static int weights_only(const struct dirent *entry) { return weights_file_recognised(entry->d_name); }

/* A file of a name that an earlier place has, too, is hidden by that one. */
static l2o_status offer(listing *self, const char *file, const char *folder, l2o_error *error) {
    char *path;
    TRY(shared_file_find(FOLDER, file, &path, error));
    size_t length = strlen(folder);
    bool first = path != NULL && strncmp(path, folder, length) == 0 && path[length] == '/';
    l2o_status status = first ? describe(self, file, path, error) : L2O_OK;
    memory_free(path);
    return status;
}

static l2o_status find_all(listing *self, l2o_error *error) {
    l2o_status status = L2O_OK;
    for (int place = 0; place < SHARED_PLACES && status == L2O_OK; place++) {
        char *folder;
        struct dirent **files;
        TRY(shared_folder(place, FOLDER, &folder, error));
        if (folder == NULL) continue;
        int count = scandir(folder, &files, weights_only, alphasort);
        for (int i = 0; i < count; i++) {
            if (status == L2O_OK) status = offer(self, files[i]->d_name, folder, error);
            free(files[i]);
        }
        if (count >= 0) free(files);
        memory_free(folder);
    }
    return status;
}

l2o_status l2o_models_list(l2o_context *context, char **json) {
    l2o_error *error = &context->error;
    error_clear(error);
    *json = NULL;
    listing self = {context, json_array()};
    l2o_status status = find_all(&self, error);
    if (status == L2O_OK) status = experiment_find_all(match_all, &self, error);
    if (status == L2O_OK && (*json = json_dumps(self.models, JSON_INDENT(2))) == NULL)
        status = error_set(error, L2O_ERROR_MEMORY, "out of memory while weights were listed");
    json_decref(self.models);
    return status;
}
