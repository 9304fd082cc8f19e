/* Trained weights as safetensors, with architecture, recipe and range as metadata; reading refuses what does not fit.
 */
#include "optimizers/weights_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "io/shared_file.h"

static const char *const FORMAT = "l2o-weights";

bool weights_file_recognised(const char *text) {
    static const char extension[] = ".safetensors";
    size_t length = strlen(text), suffix = sizeof extension - 1;
    return length > suffix && strcmp(text + length - suffix, extension) == 0;
}

typedef struct echo {
    json_t *object;
    bool failed;
} echo;

static void echo_setting(void *context, const char *name, const char *value) {
    echo *target = context;
    if (json_object_set_new(target->object, name, json_string(value)) != 0) target->failed = true;
}

json_t *settings_json(const l2o_settings *settings, l2o_error *error) {
    echo target = {.object = json_object()};
    if (target.object != NULL) settings_visit_used(settings, echo_setting, &target);
    if (target.object != NULL && !target.failed) return target.object;
    json_decref(target.object);
    error_set(error, L2O_ERROR_MEMORY, "out of memory while the settings were written down");
    return NULL;
}

json_t *optimizer_settings_json(const optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    json_t *out = settings_json(settings, error), *value;
    const char *key;
    json_object_foreach(json_object_get(optimizer->provenance, "architecture"), key, value) {
        if (out == NULL || json_object_get(out, key) == NULL || strcmp(key, "optimizer") == 0) continue;
        if (json_object_set(out, key, value) == 0) continue;
        json_decref(out);
        out = NULL;
        error_set(error, L2O_ERROR_MEMORY, "out of memory while the settings were written down");
    }
    return out;
}

/* ------------------------------------------------------------------------------------------------------- writing */

static const char WITHOUT_GRADIENT[] = "without_gradient";

/* ["c3"]: tensors that no gradient tells of, where there are some. */
static l2o_status add_without_gradient(safetensors *file, const optimizer *optimizer, l2o_error *error) {
    json_t *names = json_array();
    size_t count = 0;
    for (int k = 0; k < optimizer->weight_count; k++)
        if (optimizer->layout[k].without_gradient) {
            json_array_append_new(names, json_string(optimizer->layout[k].name));
            count++;
        }
    char *text = json_array_size(names) == count ? json_dumps(names, JSON_COMPACT) : NULL;
    l2o_status status = L2O_OK;
    if (text == NULL)
        status = error_set(error, L2O_ERROR_MEMORY, "out of memory while metadata were written");
    else if (count > 0)
        status = safetensors_set_metadata(file, WITHOUT_GRADIENT, text, error);
    free(text);
    json_decref(names);
    return status;
}

static l2o_status add_metadata(safetensors *file, const optimizer *optimizer, l2o_error *error) {
    char version[16];
    snprintf(version, sizeof version, "%d", WEIGHTS_FORMAT_VERSION);
    TRY(safetensors_set_metadata(file, "format", FORMAT, error));
    TRY(safetensors_set_metadata(file, "format_version", version, error));
    TRY(safetensors_set_metadata(file, "program", "l2o " L2O_VERSION, error));
    TRY(add_without_gradient(file, optimizer, error));
    const char *key;
    json_t *value;
    json_object_foreach(optimizer->provenance, key, value) {
        if (json_is_string(value)) {
            TRY(safetensors_set_metadata(file, key, json_string_value(value), error));
            continue;
        }
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
        if (text == NULL) return error_set(error, L2O_ERROR_MEMORY, "out of memory while metadata were written");
        l2o_status status = safetensors_set_metadata(file, key, text, error);
        free(text);
        TRY(status);
    }
    return L2O_OK;
}

/* What could not be read again is not written. */
static l2o_status check_numbers(const optimizer *optimizer, dtype type, const float *rounded, l2o_error *error) {
    for (int64_t i = 0; i < optimizer->weight_total; i++) {
        double number = type == DTYPE_FLOAT32 ? (double)rounded[i] : optimizer->weights[i];
        if (!isfinite(number))
            return error_set(error, L2O_ERROR_NUMERIC,
                             "weight %lld of '%s' is %g; such weights are not written: train with a smaller rate",
                             (long long)i, optimizer->ops->name, number);
    }
    return L2O_OK;
}

static l2o_status add_tensors(safetensors *file, const optimizer *optimizer, dtype type, l2o_error *error) {
    float *rounded = memory_allocate((size_t)optimizer->weight_total, sizeof *rounded, error);
    if (rounded == NULL) return error->status;
    for (int64_t i = 0; i < optimizer->weight_total; i++) rounded[i] = (float)optimizer->weights[i];
    l2o_status status = check_numbers(optimizer, type, rounded, error);
    for (int k = 0; k < optimizer->weight_count && status == L2O_OK; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        bool vector = layout->rows == 1;
        int64_t shape[2] = {vector ? layout->columns : layout->rows, layout->columns};
        const void *data = type == DTYPE_FLOAT32 ? (const void *)(rounded + layout->offset)
                                                 : (const void *)(optimizer->weights + layout->offset);
        status = safetensors_add(file, layout->name, type == DTYPE_FLOAT32 ? ELEMENT_FLOAT32 : ELEMENT_FLOAT64,
                                 vector ? 1 : 2, shape, data, error);
    }
    memory_free(rounded);
    return status;
}

l2o_status weights_file_write(const optimizer *optimizer, dtype type, const char *path, l2o_error *error) {
    if (optimizer->weight_count == 0)
        return error_set(error, L2O_ERROR_INPUT, "%s: the optimizer '%s' is hand-designed and has no weights to write",
                         path, optimizer->ops->name);
    safetensors *file = safetensors_create(error);
    if (file == NULL) return error->status;
    l2o_status status = add_metadata(file, optimizer, error);
    if (status == L2O_OK) status = add_tensors(file, optimizer, type, error);
    if (status == L2O_OK) status = safetensors_write(file, path, error);
    safetensors_free(file);
    return status;
}

/* ------------------------------------------------------------------------------------------------------- reading */

/* A bare name that is no file here may be that of weights that come with the program. */
static l2o_status find_shipped(const char *path, char **shipped, l2o_error *error) {
    *shipped = NULL;
    return strchr(path, '/') != NULL || file_exists(path) ? L2O_OK : shared_file_find("models", path, shipped, error);
}

static safetensors *open_file(const char *path, l2o_error *error) {
    char *shipped;
    if (find_shipped(path, &shipped, error) != L2O_OK) return NULL;
    safetensors *file = safetensors_read(shipped != NULL ? shipped : path, error);
    memory_free(shipped);
    return file;
}

l2o_status weights_file_checksum(const char *path, uint32_t *checksum, l2o_error *error) {
    char *shipped;
    buffer bytes = {0};
    TRY(find_shipped(path, &shipped, error));
    l2o_status status = file_read(shipped != NULL ? shipped : path, 0, &bytes, error);
    if (status == L2O_OK) *checksum = (uint32_t)crc32_z(0, (const void *)bytes.bytes, bytes.size);
    buffer_free(&bytes);
    memory_free(shipped);
    return status;
}

static l2o_status check_format(const safetensors *file, const char *path, l2o_error *error) {
    const char *format = safetensors_metadata(file, "format");
    const char *version = safetensors_metadata(file, "format_version");
    if (format == NULL || version == NULL || strcmp(format, FORMAT) != 0)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: not a file of weights of this program (its metadata lack format = %s); give a file that "
                         "`l2o train` or `l2o adapt` wrote",
                         path, FORMAT);
    char *end;
    long number = strtol(version, &end, 10);
    if (*version == '\0' || *end != '\0' || number < 1)
        return error_set(error, L2O_ERROR_INPUT, "%s: the format version '%s' is not a number; train it anew", path,
                         version);
    if (number > WEIGHTS_FORMAT_VERSION)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: written in format version %ld, but this program reads up to %d; use a newer l2o", path,
                         number, (int)WEIGHTS_FORMAT_VERSION);
    return L2O_OK;
}

/* Sets one setting of the architecture from the file, unless the user asked for something else. */
static l2o_status adopt(l2o_settings *settings, const char *name, const char *value, const char *path,
                        l2o_error *error) {
    if (!settings_is_defined(settings, name))
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: the architecture names '%s', which this program does not know; use a newer l2o", path,
                         name);
    if (settings_is_given(settings, name) && !settings_equals(settings, name, value))
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: its weights have %s = %s, but %s asks for %s; remove that or train other weights", path,
                         name, value, settings_origin(settings, name), settings_text(settings, name));
    settings_mark_used(settings, name);
    return settings_set(settings, name, value, path, error);
}

/* A file that is older than a setting of its optimizer was trained with what is the default now. */
static l2o_status refuse_unknown(const json_t *architecture, const char *optimizer, const l2o_settings *settings,
                                 const char *path, l2o_error *error) {
    for (const setting *s = optimizer_find(optimizer)->settings; s != NULL && s->name != NULL; s++) {
        if (json_object_get(architecture, s->name) != NULL || !settings_is_given(settings, s->name)) continue;
        if (s->default_value != NULL && settings_equals(settings, s->name, s->default_value)) continue;
        return error_set(
            error, L2O_ERROR_INPUT,
            "%s: its weights were trained without the setting %s, but %s asks for %s; remove that or train "
            "other weights",
            path, s->name, settings_origin(settings, s->name), settings_text(settings, s->name));
    }
    return L2O_OK;
}

static l2o_status build(const safetensors *file, const char *path, const l2o_settings *settings, optimizer **out,
                        l2o_error *error) {
    const char *text = safetensors_metadata(file, "architecture");
    if (text == NULL)
        return error_set(error, L2O_ERROR_INPUT, "%s: its metadata lack the architecture; train it anew", path);
    json_t *architecture;
    TRY(json_parse(text, strlen(text), path, &architecture, error));
    const char *name = json_string_value(json_object_get(architecture, "optimizer"));
    l2o_settings *own = NULL;
    l2o_status status = L2O_OK;
    if (name == NULL || optimizer_find(name) == NULL || !optimizer_find(name)->learned)
        status =
            error_set(error, L2O_ERROR_INPUT,
                      "%s: '%s' is no learned optimizer of this program; use the l2o that wrote it, or a newer one",
                      path, name == NULL ? "(none)" : name);
    if (status == L2O_OK) status = settings_copy(settings, &own, error);
    if (status == L2O_OK) status = refuse_unknown(architecture, name, own, path, error);
    const char *key;
    json_t *value;
    json_object_foreach(architecture, key, value) {
        if (status != L2O_OK || strcmp(key, "optimizer") == 0) continue;
        if (!json_is_string(value))
            status = error_set(error, L2O_ERROR_INPUT, "%s: the architecture's '%s' is not a text; train it anew", path,
                               key);
        else
            status = adopt(own, key, json_string_value(value), path, error);
        if (status == L2O_OK) settings_mark_used(settings, key);
    }
    if (status == L2O_OK) status = optimizer_create_for_file(own, name, path, out, error);
    if (status == L2O_OK) settings_share_use(own, settings); /* what is not of the architecture, as a guard */
    settings_free(own);
    json_decref(architecture);
    return status;
}

/* Does the file hold the tensors of this architecture, and no others? Then its weights are as many as the layout says,
 * whatever sizes its metadata claim. */
static l2o_status check_tensors(const safetensors *file, const char *path, const optimizer *optimizer,
                                l2o_error *error) {
    if (file->count != (size_t)optimizer->weight_count)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: holds %zu tensors, but '%s' of this architecture has %d; train it anew", path,
                         file->count, optimizer->ops->name, optimizer->weight_count);
    for (int k = 0; k < optimizer->weight_count; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        const safetensors_tensor *tensor = safetensors_find(file, layout->name);
        if (tensor == NULL)
            return error_set(error, L2O_ERROR_INPUT, "%s: the tensor '%s' is missing; train it anew", path,
                             layout->name);
        bool fits = layout->rows == 1
                        ? tensor->rank == 1 && tensor->shape[0] == layout->columns
                        : tensor->rank == 2 && tensor->shape[0] == layout->rows && tensor->shape[1] == layout->columns;
        if (!fits)
            return error_set(error, L2O_ERROR_INPUT,
                             "%s: the tensor '%s' has %lld numbers in %d dimensions, but the architecture wants %lld x "
                             "%lld; train it anew",
                             path, layout->name, (long long)tensor->count, tensor->rank, (long long)layout->rows,
                             (long long)layout->columns);
    }
    return L2O_OK;
}

static l2o_status load_tensors(const safetensors *file, const char *path, optimizer *optimizer, l2o_error *error) {
    TRY(check_tensors(file, path, optimizer, error));
    TRY(optimizer_allocate_weights(optimizer, error));
    for (int k = 0; k < optimizer->weight_count; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        const safetensors_tensor *tensor = safetensors_find(file, layout->name);
        double *values = optimizer->weights + layout->offset;
        safetensors_values(tensor, values);
        for (int64_t i = 0; i < tensor->count; i++)
            if (!isfinite(values[i]))
                return error_set(error, L2O_ERROR_INPUT, "%s: the tensor '%s' holds %g at position %lld; train it anew",
                                 path, layout->name, values[i], (long long)i);
    }
    return L2O_OK;
}

/* Metadata that is JSON is kept as JSON, anything else as text. */
static json_t *metadata_value(const char *text) {
    json_t *value = text[0] == '{' || text[0] == '[' ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    return value != NULL ? value : json_string(text);
}

static l2o_status load_provenance(const safetensors *file, optimizer *optimizer, l2o_error *error) {
    static const char *const own[] = {"format", "format_version", "program", "architecture", WITHOUT_GRADIENT};
    for (size_t i = 0; i < file->metadata_count; i++) {
        bool skip = false;
        for (size_t j = 0; j < sizeof own / sizeof *own; j++) skip |= strcmp(file->metadata[i].key, own[j]) == 0;
        if (!skip)
            TRY(optimizer_note(optimizer, file->metadata[i].key, metadata_value(file->metadata[i].value), error));
    }
    return L2O_OK;
}

/* Takes over `file`, whose NULL stands for an error that is set. */
static l2o_status read_opened(safetensors *file, const char *path, const l2o_settings *settings, optimizer **out,
                              l2o_error *error) {
    if (file == NULL) return error->status;
    optimizer *made = NULL;
    l2o_status status = check_format(file, path, error);
    if (status == L2O_OK) status = build(file, path, settings, &made, error);
    if (status == L2O_OK) status = load_tensors(file, path, made, error);
    if (status == L2O_OK) status = load_provenance(file, made, error);
    safetensors_free(file);
    if (status != L2O_OK) {
        optimizer_free(made);
        return status;
    }
    *out = made;
    return L2O_OK;
}

l2o_status weights_file_read(const char *path, const l2o_settings *settings, optimizer **out, l2o_error *error) {
    return read_opened(open_file(path, error), path, settings, out, error);
}

l2o_status weights_file_parse(const char *bytes, size_t size, const char *source, const l2o_settings *settings,
                              optimizer **out, l2o_error *error) {
    return read_opened(safetensors_parse(bytes, size, source, error), source, settings, out, error);
}

l2o_status weights_file_describe(const char *path, json_t **out, l2o_error *error) {
    safetensors *file = open_file(path, error);
    if (file == NULL) return error->status;
    l2o_status status = check_format(file, path, error);
    json_t *object = json_object(), *tensors = json_array();
    int64_t total = 0;
    for (size_t i = 0; i < file->metadata_count && status == L2O_OK; i++)
        if (json_object_set_new(object, file->metadata[i].key, metadata_value(file->metadata[i].value)) != 0)
            status = error_set(error, L2O_ERROR_MEMORY, "%s: out of memory while its metadata were read", path);
    for (size_t i = 0; i < file->count; i++) {
        const safetensors_tensor *tensor = &file->tensors[i];
        json_t *shape = json_array();
        for (int d = 0; d < tensor->rank; d++) json_array_append_new(shape, json_integer(tensor->shape[d]));
        json_array_append_new(tensors, json_pack("{s:s, s:s, s:o}", "name", tensor->name, "type",
                                                 element_safetensors_name(tensor->type), "shape", shape));
        total += tensor->count;
    }
    json_object_set_new(object, "tensors", tensors);
    json_object_set_new(object, "weights", json_integer(total));
    safetensors_free(file);
    if (status != L2O_OK) {
        json_decref(object);
        return status;
    }
    *out = object;
    return L2O_OK;
}
