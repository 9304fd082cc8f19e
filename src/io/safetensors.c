/* Safetensors in memory: creating, adding, finding, and writing. Reading is in safetensors_parse.c.
 *
 * A file is the header's length (8 bytes, little-endian), the header (a JSON object, padded with spaces to a multiple
 * of 8), and the tensors' bytes one after another without holes. As in the reference writer, tensors of larger elements
 * come first, so that every tensor is aligned to its elements. */
#include "io/safetensors.h"

#include <string.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/json.h"

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors data are little-endian and kept as they are; this machine is not"
#endif

enum { LARGEST_ELEMENT = 8, HEADER_ALIGNMENT = 8, LENGTH_BYTES = 8 };

safetensors *safetensors_create(l2o_error *error) { return memory_allocate(1, sizeof(safetensors), error); }

void safetensors_free(safetensors *file) {
    if (file == NULL) return;
    for (size_t i = 0; i < file->count; i++) {
        memory_free(file->tensors[i].name);
        memory_free(file->tensors[i].data);
    }
    for (size_t i = 0; i < file->metadata_count; i++) {
        memory_free(file->metadata[i].key);
        memory_free(file->metadata[i].value);
    }
    memory_free(file->tensors);
    memory_free(file->metadata);
    memory_free(file);
}

const safetensors_tensor *safetensors_find(const safetensors *file, const char *name) {
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

void safetensors_values(const safetensors_tensor *tensor, double *values) {
    element_decode(tensor->type, false, tensor->count, tensor->data, values);
}

static l2o_status make_room(void **list, size_t count, size_t *capacity, size_t size, l2o_error *error) {
    if (count < *capacity) return L2O_OK;
    size_t grown = *capacity == 0 ? 16 : 2 * *capacity;
    void *larger = memory_grow(*list, count, grown, size, error);
    if (larger == NULL) return error->status;
    *list = larger;
    *capacity = grown;
    return L2O_OK;
}

l2o_status safetensors_add(safetensors *file, const char *name, element_type type, int rank, const int64_t *shape,
                           const void *data, l2o_error *error) {
    if (strcmp(name, "__metadata__") == 0)
        return error_set(error, L2O_ERROR_INPUT, "a tensor cannot be called __metadata__; give another name");
    if (safetensors_find(file, name) != NULL)
        return error_set(error, L2O_ERROR_INPUT, "there are two tensors called '%s'; give each its own name", name);
    safetensors_tensor tensor = {.type = type, .rank = rank};
    TRY(shape_count(rank, shape, LARGEST_ELEMENT, name, &tensor.count, error));
    for (int d = 0; d < rank; d++) tensor.shape[d] = shape[d];
    tensor.bytes = (size_t)tensor.count * element_size(type);
    void *tensors = file->tensors;
    TRY(make_room(&tensors, file->count, &file->capacity, sizeof tensor, error));
    file->tensors = tensors;
    tensor.name = memory_string(name, error);
    if (tensor.name == NULL) return error->status;
    tensor.data = memory_allocate(tensor.bytes, 1, error);
    if (tensor.data == NULL) {
        memory_free(tensor.name);
        return error->status;
    }
    if (tensor.bytes > 0) memcpy(tensor.data, data, tensor.bytes);
    file->tensors[file->count++] = tensor;
    return L2O_OK;
}

static safetensors_entry *find_metadata(const safetensors *file, const char *key) {
    for (size_t i = 0; i < file->metadata_count; i++)
        if (strcmp(file->metadata[i].key, key) == 0) return &file->metadata[i];
    return NULL;
}

const char *safetensors_metadata(const safetensors *file, const char *key) {
    const safetensors_entry *entry = find_metadata(file, key);
    return entry == NULL ? NULL : entry->value;
}

l2o_status safetensors_set_metadata(safetensors *file, const char *key, const char *value, l2o_error *error) {
    safetensors_entry fresh = {.value = memory_string(value, error)};
    if (fresh.value == NULL) return error->status;
    safetensors_entry *present = find_metadata(file, key);
    if (present != NULL) {
        memory_free(present->value);
        present->value = fresh.value;
        return L2O_OK;
    }
    void *metadata = file->metadata;
    l2o_status status = make_room(&metadata, file->metadata_count, &file->metadata_capacity, sizeof fresh, error);
    file->metadata = metadata;
    if (status == L2O_OK) {
        fresh.key = memory_string(key, error);
        if (fresh.key == NULL) status = error->status;
    }
    if (status == L2O_OK)
        file->metadata[file->metadata_count++] = fresh;
    else
        memory_free(fresh.value);
    return status;
}

/* ---- writing ---- */

static l2o_status not_text(const char *name, l2o_error *error) {
    return error_set(error, L2O_ERROR_INPUT, "'%s' cannot be saved: it is not UTF-8 text, or memory ran out", name);
}

static json_t *describe_tensor(const safetensors_tensor *tensor, size_t start) {
    json_t *shape = json_array();
    for (int d = 0; d < tensor->rank; d++) {
        if (json_array_append_new(shape, json_integer(tensor->shape[d])) == 0) continue;
        json_decref(shape);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", element_safetensors_name(tensor->type), "shape", shape,
                     "data_offsets", (json_int_t)start, (json_int_t)start + (json_int_t)tensor->bytes);
}

static l2o_status describe_metadata(const safetensors *file, json_t *header, l2o_error *error) {
    if (file->metadata_count == 0) return L2O_OK;
    json_t *table = json_object();
    if (json_object_set_new(header, "__metadata__", table) != 0) return not_text("__metadata__", error);
    for (size_t i = 0; i < file->metadata_count; i++)
        if (json_object_set_new(table, file->metadata[i].key, json_string(file->metadata[i].value)) != 0)
            return not_text(file->metadata[i].key, error);
    return L2O_OK;
}

static l2o_status describe_tensors(const safetensors *file, json_t *header, l2o_error *error) {
    size_t start = 0;
    for (size_t size = LARGEST_ELEMENT; size > 0; size /= 2) {
        for (size_t i = 0; i < file->count; i++) {
            const safetensors_tensor *tensor = &file->tensors[i];
            if (element_size(tensor->type) != size) continue;
            if (json_object_set_new(header, tensor->name, describe_tensor(tensor, start)) != 0)
                return not_text(tensor->name, error);
            start += tensor->bytes;
        }
    }
    return L2O_OK;
}

/* The length and the padded header. */
static l2o_status format_header(const safetensors *file, buffer *out, l2o_error *error) {
    json_t *header = json_object();
    l2o_status status = header == NULL ? error_set(error, L2O_ERROR_MEMORY, "out of memory while saving tensors")
                                       : describe_metadata(file, header, error);
    if (status == L2O_OK) status = describe_tensors(file, header, error);
    size_t start = out->size;
    if (status == L2O_OK) status = buffer_append(out, "        ", LENGTH_BYTES, error); /* filled in below */
    if (status == L2O_OK) status = json_format_compact(header, out, error);
    json_decref(header);
    while (status == L2O_OK && (out->size - start) % HEADER_ALIGNMENT != 0) status = buffer_append(out, " ", 1, error);
    uint64_t length = out->size - start - LENGTH_BYTES;
    if (status == L2O_OK) memcpy(out->bytes + start, &length, LENGTH_BYTES);
    return status;
}

l2o_status safetensors_format(const safetensors *file, buffer *out, l2o_error *error) {
    TRY(format_header(file, out, error));
    for (size_t size = LARGEST_ELEMENT; size > 0; size /= 2)
        for (size_t i = 0; i < file->count; i++)
            if (element_size(file->tensors[i].type) == size)
                TRY(buffer_append(out, file->tensors[i].data, file->tensors[i].bytes, error));
    return L2O_OK;
}

static l2o_status write_parts(const safetensors *file, const buffer *header, file_writer *writer, l2o_error *error) {
    TRY(file_writer_append(writer, header->bytes, header->size, error));
    for (size_t size = LARGEST_ELEMENT; size > 0; size /= 2)
        for (size_t i = 0; i < file->count; i++)
            if (element_size(file->tensors[i].type) == size)
                TRY(file_writer_append(writer, file->tensors[i].data, file->tensors[i].bytes, error));
    return L2O_OK;
}

/* As safetensors_format(), without a second copy of the tensors in memory. */
l2o_status safetensors_write(const safetensors *file, const char *path, l2o_error *error) {
    buffer header = {0};
    file_writer writer;
    l2o_status status = format_header(file, &header, error);
    if (status == L2O_OK) status = file_writer_open(&writer, path, error);
    if (status == L2O_OK) {
        status = write_parts(file, &header, &writer, error);
        if (status == L2O_OK)
            status = file_writer_commit(&writer, error);
        else
            file_writer_abandon(&writer);
    }
    buffer_free(&header);
    return status;
}
