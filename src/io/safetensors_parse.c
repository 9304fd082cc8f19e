/* Strict reading of safetensors: the checks of the format's reference reader, and a sentence for each. */
#include "io/safetensors.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/json.h"

/* The limit on entries keeps looking up names (linear) cheap, also for a hostile file. */
enum { LENGTH_BYTES = 8, HEADER_LIMIT = 100 * 1000 * 1000, ENTRY_LIMIT = 16384 };

/* One tensor as the header describes it, before its bytes are copied. */
typedef struct description {
    const char *name;
    element_type type;
    int rank;
    int64_t shape[SHAPE_RANK_LIMIT];
    size_t start, end; /* within the data */
} description;

static l2o_status wrong_tensor(const char *source, const char *name, const char *what, l2o_error *error) {
    return error_set(error, L2O_ERROR_INPUT, "%s: not a valid safetensors file: tensor '%.200s' %s", source, name,
                     what);
}

static l2o_status describe_shape(const json_t *shape, const char *source, description *d, l2o_error *error) {
    if (!json_is_array(shape)) return wrong_tensor(source, d->name, "has no shape", error);
    if (json_array_size(shape) > SHAPE_RANK_LIMIT)
        return wrong_tensor(source, d->name, "has more dimensions than are supported (8)", error);
    d->rank = (int)json_array_size(shape);
    for (int i = 0; i < d->rank; i++) {
        const json_t *dimension = json_array_get(shape, (size_t)i);
        if (!json_is_integer(dimension) || json_integer_value(dimension) < 0)
            return wrong_tensor(source, d->name, "has a dimension that is not a whole number from 0 up", error);
        d->shape[i] = json_integer_value(dimension);
    }
    return L2O_OK;
}

static l2o_status describe_offsets(const json_t *offsets, const char *source, size_t data_size, description *d,
                                   l2o_error *error) {
    const json_t *start = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(start) || !json_is_integer(end))
        return wrong_tensor(source, d->name, "has no pair of data_offsets", error);
    json_int_t from = json_integer_value(start), to = json_integer_value(end);
    if (from < 0 || to < from || (uint64_t)to > data_size)
        return wrong_tensor(source, d->name, "has data_offsets outside the file; it may be cut short", error);
    d->start = (size_t)from;
    d->end = (size_t)to;
    return L2O_OK;
}

static l2o_status describe(const char *name, const json_t *value, const char *source, size_t data_size, description *d,
                           l2o_error *error) {
    *d = (description){.name = name};
    if (!json_is_object(value) || json_object_size(value) != 3)
        return wrong_tensor(source, name, "is not described by exactly dtype, shape and data_offsets", error);
    const char *type = json_string_value(json_object_get(value, "dtype"));
    if (type == NULL) return wrong_tensor(source, name, "has no dtype", error);
    if (!element_from_safetensors_name(type, &d->type))
        return error_set(error, L2O_ERROR_INPUT, "%s: tensor '%.200s' has the dtype '%.40s', which is not supported",
                         source, name, type);
    TRY(describe_shape(json_object_get(value, "shape"), source, d, error));
    TRY(describe_offsets(json_object_get(value, "data_offsets"), source, data_size, d, error));
    int64_t count = 0;
    TRY(shape_count(d->rank, d->shape, sizeof(double), source, &count, error));
    if ((size_t)count * element_size(d->type) != d->end - d->start)
        return wrong_tensor(source, name, "has a shape and dtype that do not fit its data_offsets", error);
    return L2O_OK;
}

static int compare_descriptions(const void *a, const void *b) {
    const description *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Sorts by position, and requires that the tensors fill the data without holes or overlaps. */
static l2o_status check_layout(description *list, size_t count, const char *source, size_t data_size,
                               l2o_error *error) {
    qsort(list, count, sizeof *list, compare_descriptions);
    size_t position = 0;
    for (size_t i = 0; i < count; i++) {
        if (list[i].start != position)
            return wrong_tensor(source, list[i].name,
                                list[i].start < position ? "overlaps another" : "comes after a hole in the data",
                                error);
        position = list[i].end;
    }
    if (position != data_size)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: not a valid safetensors file: %zu bytes of data follow its tensors' %zu; save it again",
                         source, data_size - position, position);
    return L2O_OK;
}

static l2o_status add_metadata(safetensors *file, json_t *table, const char *source, l2o_error *error) {
    if (!json_is_object(table))
        return error_set(error, L2O_ERROR_INPUT, "%s: not a valid safetensors file: __metadata__ is no table", source);
    const char *key;
    json_t *value;
    json_object_foreach(table, key, value) {
        if (!json_is_string(value))
            return error_set(error, L2O_ERROR_INPUT,
                             "%s: not a valid safetensors file: its metadata '%.200s' is not a text", source, key);
        TRY(safetensors_set_metadata(file, key, json_string_value(value), error));
    }
    return L2O_OK;
}

static l2o_status add_tensors(safetensors *file, json_t *header, const char *source, const char *data, size_t data_size,
                              description *list, l2o_error *error) {
    size_t count = 0;
    const char *name;
    json_t *value;
    json_object_foreach(header, name, value) {
        if (strcmp(name, "__metadata__") == 0)
            TRY(add_metadata(file, value, source, error));
        else
            TRY(describe(name, value, source, data_size, &list[count++], error));
    }
    TRY(check_layout(list, count, source, data_size, error));
    for (size_t i = 0; i < count; i++)
        TRY(safetensors_add(file, list[i].name, list[i].type, list[i].rank, list[i].shape, data + list[i].start,
                            error));
    return L2O_OK;
}

static l2o_status parse_into(safetensors *file, const char *bytes, size_t size, const char *source, l2o_error *error) {
    uint64_t length = 0;
    if (size >= LENGTH_BYTES) memcpy(&length, bytes, LENGTH_BYTES);
    if (size < LENGTH_BYTES || length > size - LENGTH_BYTES || length > HEADER_LIMIT || length < 2 ||
        bytes[LENGTH_BYTES] != '{')
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: not a safetensors file, or cut short within its header; save it again", source);
    json_t *header = NULL;
    TRY(json_parse(bytes + LENGTH_BYTES, (size_t)length, source, &header, error));
    if (!json_is_object(header)) {
        json_decref(header);
        return error_set(error, L2O_ERROR_INPUT, "%s: not a safetensors file: its header is no table; save it again",
                         source);
    }
    l2o_status status = L2O_OK;
    size_t entries = json_object_size(header) + json_object_size(json_object_get(header, "__metadata__"));
    description *list = memory_allocate(json_object_size(header), sizeof *list, error);
    if (entries > ENTRY_LIMIT)
        status = error_set(error, L2O_ERROR_INPUT, "%s: has %zu tensors and metadata; at most %d are supported", source,
                           entries, ENTRY_LIMIT);
    else if (list == NULL)
        status = error->status;
    else
        status = add_tensors(file, header, source, bytes + LENGTH_BYTES + length, size - LENGTH_BYTES - (size_t)length,
                             list, error);
    memory_free(list);
    json_decref(header);
    return status;
}

safetensors *safetensors_parse(const char *bytes, size_t size, const char *source, l2o_error *error) {
    safetensors *file = safetensors_create(error);
    if (file == NULL) return NULL;
    if (parse_into(file, bytes, size, source, error) == L2O_OK) return file;
    safetensors_free(file);
    return NULL;
}

safetensors *safetensors_read(const char *path, l2o_error *error) {
    buffer file = {0};
    safetensors *result = NULL;
    if (file_read(path, 0, &file, error) == L2O_OK) result = safetensors_parse(file.bytes, file.size, path, error);
    buffer_free(&file);
    return result;
}
