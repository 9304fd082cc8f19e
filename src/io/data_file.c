/* The registry of data formats, and the checks that hold for all of them. */
#include "io/data_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "io/csv.h"
#include "io/file.h"
#include "io/libsvm.h"
#include "io/matrix_market.h"
#include "io/npy.h"
#include "io/npz.h"
#include "io/text.h"

static data_reader read_npy, read_npz;

static const struct format {
    const char *extension;
    data_reader *reader;
    bool has_members;
} FORMATS[] = {
    {".npy", read_npy, false},     {".npz", read_npz, true},         {".csv", csv_parse, false},
    {".tsv", csv_parse, false},    {".txt", csv_parse, false},       {".mtx", matrix_market_parse, false},
    {".svm", libsvm_parse, false}, {".libsvm", libsvm_parse, false},
};
enum { FORMAT_COUNT = sizeof FORMATS / sizeof *FORMATS };

static l2o_status read_npy(const data_source *source, data_file *out, l2o_error *error) {
    return npy_parse(source->bytes, source->size, source->name, &out->dense, error);
}

static l2o_status list_members(const npz *members, const char *name, l2o_error *error) {
    buffer names = {0};
    l2o_status status = L2O_OK;
    for (size_t i = 0; i < members->count && status == L2O_OK; i++)
        status = buffer_print(&names, error, "%s%s", i == 0 ? "" : ", ", members->arrays[i].name);
    if (status == L2O_OK)
        status =
            members->count == 0
                ? error_set(error, L2O_ERROR_INPUT, "%s: the archive is empty", name)
                : error_set(error, L2O_ERROR_INPUT, "%s: has %zu members; name one, as in %s:%s; its members are: %s",
                            name, members->count, name, members->arrays[0].name, buffer_text(&names));
    buffer_free(&names);
    return status;
}

static l2o_status read_npz(const data_source *source, data_file *out, l2o_error *error) {
    npz members;
    TRY(npz_parse(source->bytes, source->size, source->name, source->member, 0, &members, error));
    if (members.count != 1) {
        l2o_status status = list_members(&members, source->name, error);
        npz_free(&members);
        return status;
    }
    out->dense = members.arrays[0];
    members.count = 0; /* its array is ours now */
    npz_free(&members);
    return L2O_OK;
}

/* Finds the format, the length of the path, and the member's name (NULL when none); NULL for no known format. */
static const struct format *recognise(const char *text, size_t *path_length, const char **member) {
    size_t length = strlen(text);
    for (int i = 0; i < FORMAT_COUNT; i++) {
        size_t extension = strlen(FORMATS[i].extension);
        *path_length = length;
        *member = NULL;
        if (length > extension && text_equals((text_piece){text + length - extension, extension}, FORMATS[i].extension))
            return &FORMATS[i];
        const char *colon = FORMATS[i].has_members ? strrchr(text, ':') : NULL;
        size_t head = colon == NULL ? 0 : (size_t)(colon - text);
        if (head <= extension || colon[1] == '\0' ||
            !text_equals((text_piece){colon - extension, extension}, FORMATS[i].extension))
            continue;
        *path_length = head;
        *member = colon + 1;
        return &FORMATS[i];
    }
    return NULL;
}

bool data_file_recognised(const char *text) {
    size_t length;
    const char *member;
    return recognise(text, &length, &member) != NULL;
}

static l2o_status unknown_format(const char *path, l2o_error *error) {
    buffer known = {0};
    l2o_status status = L2O_OK;
    for (int i = 0; i < FORMAT_COUNT && status == L2O_OK; i++)
        status = buffer_print(&known, error, "%s%s", i == 0 ? "" : " ", FORMATS[i].extension);
    if (status == L2O_OK)
        status =
            error_set(error, L2O_ERROR_INPUT, "%s: the format of a data file follows from its extension; known are %s",
                      path, buffer_text(&known));
    buffer_free(&known);
    return status;
}

/* "[2, 0, 5]" of element `at`, from 0 as in NumPy. */
static void describe_position(const array *array, int64_t at, char *text, size_t size) {
    int64_t index[SHAPE_RANK_LIMIT] = {0};
    for (int d = array->rank - 1; d >= 0; d--) {
        index[d] = at % array->shape[d];
        at /= array->shape[d];
    }
    size_t used = (size_t)snprintf(text, size, "[");
    for (int d = 0; d < array->rank && used < size; d++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", d == 0 ? "" : ", ", (long long)index[d]);
    if (used < size) snprintf(text + used, size - used, "]");
}

static l2o_status not_finite(const char *path, double value, const char *position, l2o_error *error) {
    return error_set(error, L2O_ERROR_INPUT, "%s: element %s is %s; data must be finite numbers", path, position,
                     isnan(value) ? "not a number" : "infinite");
}

static l2o_status check_finite(const char *path, const data_file *file, l2o_error *error) {
    char position[256];
    for (int64_t k = 0; !file->is_sparse && k < file->dense.count; k++) {
        if (isfinite(file->dense.values[k])) continue;
        describe_position(&file->dense, k, position, sizeof position);
        return not_finite(path, file->dense.values[k], position, error);
    }
    for (int64_t i = 0; i < file->sparse.rows; i++) {
        for (int64_t k = file->sparse.row_start[i]; k < file->sparse.row_start[i + 1]; k++) {
            if (isfinite(file->sparse.value[k])) continue;
            snprintf(position, sizeof position, "[%lld, %lld]", (long long)i, (long long)file->sparse.column[k]);
            return not_finite(path, file->sparse.value[k], position, error);
        }
    }
    for (int64_t i = 0; i < file->label_count; i++) {
        if (isfinite(file->labels[i])) continue;
        snprintf(position, sizeof position, "[%lld] of the labels", (long long)i);
        return not_finite(path, file->labels[i], position, error);
    }
    return L2O_OK;
}

static l2o_status read_format(const struct format *format, const char *path, const char *member, data_file *out,
                              l2o_error *error) {
    buffer bytes = {0};
    l2o_status status = file_read(path, 0, &bytes, error);
    data_source source = {bytes.bytes, bytes.size, path, member};
    if (status == L2O_OK) status = format->reader(&source, out, error);
    buffer_free(&bytes);
    return status;
}

l2o_status data_file_read(const char *path, data_file *out, l2o_error *error) {
    size_t length = 0;
    const char *member = NULL;
    *out = (data_file){0};
    const struct format *format = recognise(path, &length, &member);
    if (format == NULL) return unknown_format(path, error);
    char *file = memory_string(path, error);
    if (file == NULL) return error->status;
    file[length] = '\0';
    l2o_status status = read_format(format, file, member, out, error);
    memory_free(file);
    if (status == L2O_OK) status = check_finite(path, out, error);
    if (status != L2O_OK) data_file_free(out);
    return status;
}

void data_file_free(data_file *file) {
    array_free(&file->dense);
    sparse_free(&file->sparse);
    memory_free(file->labels);
    *file = (data_file){0};
}

l2o_status data_file_checksum(const char *text, uint32_t *checksum, l2o_error *error) {
    size_t path_length;
    const char *member;
    if (recognise(text, &path_length, &member) == NULL) return unknown_format(text, error);
    char *path = memory_string(text, error);
    if (path == NULL) return error->status;
    path[path_length] = '\0';
    buffer bytes = {0};
    l2o_status status = file_read(path, 0, &bytes, error);
    if (status == L2O_OK) *checksum = (uint32_t)crc32_z(0, (const unsigned char *)buffer_text(&bytes), bytes.size);
    buffer_free(&bytes);
    memory_free(path);
    return status;
}
