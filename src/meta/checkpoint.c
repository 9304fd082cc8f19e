/* The trainer's checkpoint: a safetensors file with weights, Adam's slots, best and good weights in float64, and as
 * metadata where training stands and the settings it ran with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "meta/named_files.h"
#include "meta/trainer.h"
#include "optimizers/weights_file.h"

static const char *const FORMAT = "l2o-checkpoint";
enum { CHECKPOINT_VERSION = 2 };

/* The numbers of the state under their names: one list for writing and reading. */
#define STATE_INTEGERS(X) X(stage_draws) X(draws) X(updates) X(evaluations) X(stalled) X(log_bytes) X(adam_steps)
#define STATE_INTS(X)     X(stage) X(phase) X(recoveries)
#define STATE_FLAGS(X)    X(improved) X(finished) X(has_best)
#define STATE_REALS(X)    X(best) X(kept) X(validation) X(rate_factor) X(gradient_evaluations)

/* JSON has no NaN or infinity; hexadecimal texts hold every float64 exactly. */
static json_t *real_text(double number) {
    char text[64];
    snprintf(text, sizeof text, "%a", number);
    return json_string(text);
}

static json_t *state_json(const trainer_state *state) {
    json_t *out = json_object();
    bool noted = true;
#define WRITE(name) noted &= json_object_set_new(out, #name, json_integer((json_int_t)state->name)) == 0;
    STATE_INTEGERS(WRITE)
    STATE_INTS(WRITE)
    STATE_FLAGS(WRITE)
#undef WRITE
#define WRITE(name) noted &= json_object_set_new(out, #name, real_text(state->name)) == 0;
    STATE_REALS(WRITE)
#undef WRITE
    if (noted) return out;
    json_decref(out);
    return NULL;
}

static l2o_status state_from_json(const json_t *in, const char *path, trainer_state *state, l2o_error *error) {
    const char *missing = NULL;
#define READ(name)                                                                                                     \
    if (!json_is_integer(json_object_get(in, #name)))                                                                  \
        missing = #name;                                                                                               \
    else                                                                                                               \
        state->name = json_integer_value(json_object_get(in, #name));
    STATE_INTEGERS(READ)
#undef READ
#define READ(name)                                                                                                     \
    if (!json_is_integer(json_object_get(in, #name)))                                                                  \
        missing = #name;                                                                                               \
    else                                                                                                               \
        state->name = (int)json_integer_value(json_object_get(in, #name));
    STATE_INTS(READ)
#undef READ
#define READ(name)                                                                                                     \
    if (!json_is_integer(json_object_get(in, #name)))                                                                  \
        missing = #name;                                                                                               \
    else                                                                                                               \
        state->name = json_integer_value(json_object_get(in, #name)) != 0;
    STATE_FLAGS(READ)
#undef READ
#define READ(name)                                                                                                     \
    if (!json_is_string(json_object_get(in, #name)))                                                                   \
        missing = #name;                                                                                               \
    else                                                                                                               \
        state->name = strtod(json_string_value(json_object_get(in, #name)), NULL);
    STATE_REALS(READ)
#undef READ
    if (missing != NULL)
        return error_set(error, L2O_ERROR_INPUT, "%s: the checkpoint lacks '%s'; remove the file and train anew", path,
                         missing);
    return L2O_OK;
}

static l2o_status set_json(safetensors *file, const char *key, json_t *object, l2o_error *error) {
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (text == NULL) return error_set(error, L2O_ERROR_MEMORY, "out of memory while the checkpoint was written");
    l2o_status status = safetensors_set_metadata(file, key, text, error);
    free(text);
    return status;
}

typedef struct checkpoint_tensor {
    const char *name;
    double *values;
} checkpoint_tensor;

enum { TENSORS = 5 };

static void tensors_of(trainer *trainer, checkpoint_tensor tensors[TENSORS]) {
    bool copied = trainer->boundary.copied;
    tensors[0] = (checkpoint_tensor){"weights", copied ? trainer->boundary.weights : trainer->weights};
    tensors[1] = (checkpoint_tensor){"adam_m", copied ? trainer->boundary.m : trainer->adam.m};
    tensors[2] = (checkpoint_tensor){"adam_v", copied ? trainer->boundary.v : trainer->adam.v};
    tensors[3] = (checkpoint_tensor){"best", trainer->best};
    tensors[4] = (checkpoint_tensor){"good", trainer->good};
}

/* Beside a setting that names a file, the file's checksum. */
static l2o_status add_checksum(void *user, const char *what, uint32_t checksum, l2o_error *error) {
    char key[80];
    snprintf(key, sizeof key, "checksum of %s", what);
    if (json_object_set_new(user, key, json_sprintf("%08x", (unsigned)checksum)) != 0)
        return error_set(error, L2O_ERROR_MEMORY, "out of memory while the checkpoint was written");
    return L2O_OK;
}

static l2o_status add_checksums(json_t *settings, l2o_error *error) {
    const char *name;
    json_t *value, *named = json_copy(settings); /* which does not grow on the way */
    if (named == NULL) return error_set(error, L2O_ERROR_MEMORY, "out of memory while the checkpoint was written");
    l2o_status status = L2O_OK;
    json_object_foreach(named, name, value) {
        if (status == L2O_OK) status = named_files_visit(name, json_string_value(value), add_checksum, settings, error);
    }
    json_decref(named);
    return status;
}

/* Weights that training replaces by its result are other weights when it has ended. */
static l2o_status forget_replaced(const trainer *trainer, json_t *settings, l2o_error *error) {
    char *name;
    TRY(optimizer_spec_name(settings_text(trainer->settings, "optimizer"), &name, error));
    if (strcmp(name, trainer->path) == 0) json_object_del(settings, "checksum of optimizer");
    memory_free(name);
    return L2O_OK;
}

/* What must not change between a run and its resumption, found out once. How often a checkpoint is written may change.
 */
static l2o_status identify(trainer *trainer, l2o_error *error) {
    if (trainer->identity != NULL) return L2O_OK;
    json_t *settings = settings_json(trainer->settings, error);
    if (settings == NULL) return error->status;
    trainer_forget_settings(settings);
    trainer->identity = settings;
    TRY(add_checksums(settings, error));
    return forget_replaced(trainer, settings, error);
}

static l2o_status compose(trainer *trainer, safetensors *file, l2o_error *error) {
    char version[16];
    snprintf(version, sizeof version, "%d", CHECKPOINT_VERSION);
    TRY(safetensors_set_metadata(file, "format", FORMAT, error));
    TRY(safetensors_set_metadata(file, "format_version", version, error));
    TRY(safetensors_set_metadata(file, "program", "l2o " L2O_VERSION, error));
    TRY(safetensors_set_metadata(file, "kernel", trainer->context->kernel, error));
    TRY(identify(trainer, error));
    TRY(set_json(file, "settings", json_incref(trainer->identity), error));
    TRY(set_json(file, "state", state_json(&trainer->boundary.state), error));
    checkpoint_tensor tensors[TENSORS];
    tensors_of(trainer, tensors);
    int64_t shape[1] = {trainer->optimizer->weight_total};
    for (int i = 0; i < TENSORS; i++)
        TRY(safetensors_add(file, tensors[i].name, ELEMENT_FLOAT64, 1, shape, tensors[i].values, error));
    return L2O_OK;
}

l2o_status checkpoint_write(trainer *trainer, l2o_error *error) {
    TRY(trainer_log_flush(trainer, error));
    safetensors *file = safetensors_create(error);
    if (file == NULL) return error->status;
    l2o_status status = compose(trainer, file, error);
    if (status == L2O_OK) status = safetensors_write(file, trainer->checkpoint_path, error);
    safetensors_free(file);
    return status;
}

static uint32_t checksum_of(uint32_t checksum, const void *bytes, size_t size) {
    return (uint32_t)crc32_z(checksum, bytes, size);
}

l2o_status checkpoint_compare(trainer *trainer, l2o_error *error) {
    if (trainer->context->ranks.place.count == 1) return L2O_OK;
    static const char *const names[] = {"version of l2o", "kernel path", "set of settings or data files",
                                        "checkpoint or weights to start from"};
    l2o_status status = identify(trainer, error);
    json_t *state = state_json(&trainer->state);
    char *settings = status == L2O_OK ? json_dumps(trainer->identity, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    char *standing = state == NULL ? NULL : json_dumps(state, JSON_COMPACT);
    json_decref(state);
    uint32_t checksums[4] = {0};
    if (settings != NULL && standing != NULL) {
        size_t bytes = (size_t)trainer->optimizer->weight_total * sizeof(double);
        const double *const vectors[] = {trainer->weights, trainer->adam.m, trainer->adam.v, trainer->best,
                                         trainer->good};
        checksums[0] = checksum_of(0, L2O_VERSION, sizeof L2O_VERSION);
        checksums[1] = checksum_of(0, trainer->context->kernel, strlen(trainer->context->kernel));
        checksums[2] = checksum_of(0, settings, strlen(settings));
        checksums[3] = checksum_of(0, standing, strlen(standing));
        for (int i = 0; i < 5; i++) checksums[3] = checksum_of(checksums[3], vectors[i], bytes);
    } else if (status == L2O_OK) {
        status = error_set(error, L2O_ERROR_MEMORY, "out of memory while ranks were compared");
    }
    free(settings);
    free(standing);
    TRY(ranks_agree(trainer->context, status, error));
    return ranks_compare(trainer->context, 4, names, checksums, error);
}

/* The checkpoint must come from the same settings, else its bits mean nothing. */
static l2o_status check_settings(trainer *trainer, const json_t *kept, l2o_error *error) {
    TRY(identify(trainer, error));
    json_t *present = trainer->identity;
    const char *key;
    json_t *value;
    l2o_status status = L2O_OK;
    json_object_foreach(present, key, value) {
        const char *old = json_string_value(json_object_get(kept, key));
        if (status == L2O_OK && (old == NULL || strcmp(old, json_string_value(value)) != 0))
            status = error_set(error, L2O_ERROR_INPUT,
                               "%s: the checkpoint was made with %s = %s, but now it is %s; use the same settings, or "
                               "train without --resume",
                               trainer->checkpoint_path, key, old == NULL ? "(unset)" : old, json_string_value(value));
    }
    if (status == L2O_OK && json_object_size(kept) != json_object_size(present))
        status =
            error_set(error, L2O_ERROR_INPUT,
                      "%s: the checkpoint was made with %zu settings, but now there are %zu; use the same settings, "
                      "or train without --resume",
                      trainer->checkpoint_path, json_object_size(kept), json_object_size(present));
    return status;
}

static l2o_status parse_metadata(const safetensors *file, const char *key, const char *path, json_t **out,
                                 l2o_error *error) {
    const char *text = safetensors_metadata(file, key);
    if (text == NULL)
        return error_set(error, L2O_ERROR_INPUT, "%s: the checkpoint lacks '%s'; remove the file and train anew", path,
                         key);
    return json_parse(text, strlen(text), path, out, error);
}

static l2o_status restore(trainer *trainer, const safetensors *file, l2o_error *error) {
    const char *path = trainer->checkpoint_path, *format = safetensors_metadata(file, "format");
    const char *version = safetensors_metadata(file, "format_version"), *kernel = safetensors_metadata(file, "kernel");
    if (format == NULL || strcmp(format, FORMAT) != 0 || version == NULL || atoi(version) != CHECKPOINT_VERSION)
        return error_set(error, L2O_ERROR_INPUT, "%s: not a checkpoint of this version of l2o; remove the file", path);
    json_t *object;
    TRY(parse_metadata(file, "settings", path, &object, error));
    l2o_status status = check_settings(trainer, object, error);
    json_decref(object);
    if (status != L2O_OK) return status;
    TRY(parse_metadata(file, "state", path, &object, error));
    status = state_from_json(object, path, &trainer->state, error);
    json_decref(object);
    if (status != L2O_OK) return status;
    const trainer_state *at = &trainer->state;
    bool outside = at->stage < 0 || at->stage > trainer->options.stage_count ||
                   (at->stage == trainer->options.stage_count && !at->finished);
    if (outside || at->stage_draws < 0 || at->draws < 0 || at->updates < 0 || at->evaluations < 0 || at->stalled < 0 ||
        at->phase < PHASE_DRAW || at->phase > PHASE_BEGINNING || at->recoveries < 0 || at->log_bytes < 0 ||
        at->adam_steps < 0 || !(at->rate_factor > 0))
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: the checkpoint's state is damaged; remove the file and train anew", path);
    if (kernel == NULL || strcmp(kernel, trainer->context->kernel) != 0)
        context_message(trainer->context,
                        "warning: the checkpoint was made with the kernels '%s', this run uses '%s': the result will "
                        "differ in its last bits",
                        kernel == NULL ? "?" : kernel, trainer->context->kernel);
    checkpoint_tensor tensors[TENSORS];
    tensors_of(trainer, tensors);
    for (int i = 0; i < TENSORS; i++) {
        const safetensors_tensor *tensor = safetensors_find(file, tensors[i].name);
        if (tensor == NULL || tensor->count != trainer->optimizer->weight_total || tensor->type != ELEMENT_FLOAT64)
            return error_set(error, L2O_ERROR_INPUT,
                             "%s: the checkpoint's tensor '%s' is missing or of another size; remove the file", path,
                             tensors[i].name);
        safetensors_values(tensor, tensors[i].values);
    }
    return L2O_OK;
}

l2o_status checkpoint_read(trainer *trainer, bool *found, l2o_error *error) {
    *found = file_exists(trainer->checkpoint_path);
    if (!*found) return L2O_OK;
    safetensors *file = safetensors_read(trainer->checkpoint_path, error);
    if (file == NULL) return error->status;
    l2o_status status = restore(trainer, file, error);
    safetensors_free(file);
    if (status != L2O_OK) return status;
    trainer->adam.steps = trainer->state.adam_steps;
    return L2O_OK;
}
