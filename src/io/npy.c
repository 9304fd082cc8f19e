/* The .npy format: "\x93NUMPY", two version bytes, a little-endian header length (2 bytes in version 1, 4 later), a
 * Python dictionary literal with exactly the keys descr, fortran_order and shape, then the elements. */
#include "io/npy.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "io/file.h"

static const char MAGIC[] = "\x93NUMPY";
enum { MAGIC_LENGTH = 6, ALIGNMENT = 64, TEXT_LIMIT = 32 };

typedef struct header {
    char descr[TEXT_LIMIT];
    bool fortran_order, has_descr, has_order, has_shape;
    int rank;
    int64_t shape[SHAPE_RANK_LIMIT];
} header;

/* A cursor over the dictionary literal. */
typedef struct cursor {
    const char *at, *end;
    const char *source;
    l2o_error *error;
} cursor;

static l2o_status malformed(const cursor *c, const char *what) {
    return error_set(c->error, L2O_ERROR_INPUT, "%s: not a valid .npy file: its header %s; save it again", c->source,
                     what);
}

static void skip_blanks(cursor *c) {
    while (c->at < c->end && isspace((unsigned char)*c->at)) c->at++;
}

static bool take(cursor *c, char expected) {
    skip_blanks(c);
    if (c->at == c->end || *c->at != expected) return false;
    c->at++;
    return true;
}

static l2o_status take_string(cursor *c, char *text) {
    skip_blanks(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return malformed(c, "lacks a quoted text");
    char quote = *c->at++;
    size_t length = 0;
    while (c->at < c->end && *c->at != quote) {
        if (length + 1 >= TEXT_LIMIT || *c->at == '\\' || !isprint((unsigned char)*c->at))
            return malformed(c, "has an overlong or unreadable text");
        text[length++] = *c->at++;
    }
    if (c->at == c->end) return malformed(c, "ends within a text");
    c->at++;
    text[length] = '\0';
    return L2O_OK;
}

static bool take_word(cursor *c, const char *word) {
    size_t length = strlen(word);
    skip_blanks(c);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) return false;
    c->at += length;
    return true;
}

static l2o_status take_shape(cursor *c, header *h) {
    if (!take(c, '(')) return malformed(c, "has a shape that is not a tuple");
    while (!take(c, ')')) {
        skip_blanks(c);
        if (c->at == c->end || !isdigit((unsigned char)*c->at))
            return malformed(c, "has a shape with something else than whole numbers");
        int64_t dimension = 0;
        for (; c->at < c->end && isdigit((unsigned char)*c->at); c->at++) {
            int digit = *c->at - '0';
            if (dimension > (INT64_MAX - digit) / 10) return malformed(c, "has a dimension too large to address");
            dimension = 10 * dimension + digit;
        }
        if (h->rank == SHAPE_RANK_LIMIT)
            return error_set(c->error, L2O_ERROR_INPUT, "%s: has more than %d dimensions, which is not supported",
                             c->source, SHAPE_RANK_LIMIT);
        h->shape[h->rank++] = dimension;
        if (take(c, ',')) continue;
        if (!take(c, ')')) return malformed(c, "has an unfinished shape");
        break;
    }
    return L2O_OK;
}

static l2o_status take_entry(cursor *c, header *h) {
    char key[TEXT_LIMIT];
    TRY(take_string(c, key));
    if (!take(c, ':')) return malformed(c, "lacks a ':' after a key");
    if (strcmp(key, "descr") == 0 && !h->has_descr) {
        h->has_descr = true;
        skip_blanks(c);
        if (c->at < c->end && *c->at == '[')
            return error_set(c->error, L2O_ERROR_INPUT,
                             "%s: holds a structured array; save plain numbers, such as float64", c->source);
        return take_string(c, h->descr);
    }
    if (strcmp(key, "fortran_order") == 0 && !h->has_order) {
        h->has_order = true;
        h->fortran_order = take_word(c, "True");
        return h->fortran_order || take_word(c, "False")
                   ? L2O_OK
                   : malformed(c, "has a fortran_order that is not True or False");
    }
    if (strcmp(key, "shape") == 0 && !h->has_shape) {
        h->has_shape = true;
        return take_shape(c, h);
    }
    return malformed(c, "has an unknown or repeated key");
}

static l2o_status parse_header(cursor *c, header *h) {
    *h = (header){0};
    if (!take(c, '{')) return malformed(c, "is not a dictionary");
    while (!take(c, '}')) {
        TRY(take_entry(c, h));
        if (take(c, ',')) continue;
        if (!take(c, '}')) return malformed(c, "is an unfinished dictionary");
        break;
    }
    skip_blanks(c);
    if (c->at != c->end) return malformed(c, "goes on after its dictionary");
    if (!h->has_descr || !h->has_order || !h->has_shape) return malformed(c, "lacks descr, fortran_order or shape");
    return L2O_OK;
}

static l2o_status parse_type(const header *h, const char *source, element_type *type, bool *big_endian,
                             l2o_error *error) {
    char order = h->descr[0];
    *big_endian = order == '>';
    if ((order == '<' || order == '>' || order == '|' || order == '=') && element_from_npy_name(h->descr + 1, type) &&
        (order != '|' || element_size(*type) == 1))
        return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT, "%s: holds elements of type '%s'; save booleans, integers or real numbers",
                     source, h->descr);
}

/* From column-major `from` to row-major `to`, walking `to` in order with one index per dimension. */
static void to_row_major(const array *shape, const double *from, double *to) {
    /* An array without elements may name other lengths of any size, whose products are not its count. */
    if (shape->count == 0) return;
    int64_t stride[SHAPE_RANK_LIMIT], index[SHAPE_RANK_LIMIT] = {0};
    for (int d = 0; d < shape->rank; d++) stride[d] = d == 0 ? 1 : stride[d - 1] * shape->shape[d - 1];
    int64_t offset = 0;
    for (int64_t i = 0; i < shape->count; i++) {
        to[i] = from[offset];
        for (int d = shape->rank - 1; d >= 0; d--) {
            offset += stride[d];
            if (++index[d] < shape->shape[d]) break;
            offset -= stride[d] * shape->shape[d];
            index[d] = 0;
        }
    }
}

static l2o_status make_row_major(array *out, l2o_error *error) {
    double *values = memory_allocate((size_t)out->count, sizeof(double), error);
    if (values == NULL) return error->status;
    to_row_major(out, out->values, values);
    memory_free(out->values);
    out->values = values;
    return L2O_OK;
}

static l2o_status locate_header(const char *bytes, size_t size, const char *source, size_t *start, size_t *length,
                                l2o_error *error) {
    const unsigned char *b = (const unsigned char *)bytes;
    if (size < 10 || memcmp(bytes, MAGIC, MAGIC_LENGTH) != 0)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: not an .npy file: it does not begin with NumPy's signature; save it with numpy.save",
                         source);
    if (b[6] < 1 || b[6] > 3)
        return error_set(error, L2O_ERROR_INPUT, "%s: .npy version %d.%d is not known; versions 1 to 3 are", source,
                         b[6], b[7]);
    *start = b[6] == 1 ? 10 : 12;
    *length = (size_t)b[8] | (size_t)b[9] << 8;
    if (b[6] > 1 && size >= 12) *length |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (size < *start || size - *start < *length)
        return error_set(error, L2O_ERROR_INPUT, "%s: cut short within its header (%zu bytes); save it again", source,
                         size);
    return L2O_OK;
}

l2o_status npy_parse(const char *bytes, size_t size, const char *source, array *out, l2o_error *error) {
    *out = (array){0};
    size_t start = 0, length = 0;
    TRY(locate_header(bytes, size, source, &start, &length, error));
    cursor c = {bytes + start, bytes + start + length, source, error};
    header h;
    element_type type = ELEMENT_FLOAT64;
    bool big_endian = false;
    TRY(parse_header(&c, &h));
    TRY(parse_type(&h, source, &type, &big_endian, error));
    int64_t count = 0;
    TRY(shape_count(h.rank, h.shape, sizeof(double), source, &count, error));
    /* Checked before anything of that size is allocated: the memory taken is at most eight times the file. */
    size_t expected = (size_t)count * element_size(type), actual = size - start - length;
    if (expected != actual)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: its header promises %lld elements (%zu bytes), but %zu bytes follow; save it again",
                         source, (long long)count, expected, actual);
    TRY(array_create(out, NULL, h.rank, h.shape, error));
    out->type = type;
    element_decode(type, big_endian, count, bytes + start + length, out->values);
    l2o_status status = h.fortran_order && h.rank > 1 ? make_row_major(out, error) : L2O_OK;
    if (status != L2O_OK) array_free(out);
    return status;
}

l2o_status npy_read(const char *path, array *out, l2o_error *error) {
    buffer file = {0};
    *out = (array){0};
    l2o_status status = file_read(path, 0, &file, error);
    if (status == L2O_OK) status = npy_parse(file.bytes, file.size, path, out, error);
    buffer_free(&file);
    return status;
}

/* ---- writing ---- */

static l2o_status append_double(double value, buffer *out, l2o_error *error) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(bits >> (8 * i));
    return buffer_append(out, bytes, sizeof bytes, error);
}

l2o_status npy_format(const array *array, buffer *out, l2o_error *error) {
    size_t before = out->size;
    TRY(buffer_append(out, MAGIC, MAGIC_LENGTH, error));
    TRY(buffer_append(out, "\x01\x00\x00\x00", 4, error)); /* the length is filled in below */
    TRY(buffer_append_text(out, "{'descr': '<f8', 'fortran_order': False, 'shape': (", error));
    for (int d = 0; d < array->rank; d++)
        TRY(buffer_print(out, error, "%s%lld%s", d == 0 ? "" : " ", (long long)array->shape[d],
                         d + 1 < array->rank || array->rank == 1 ? "," : ""));
    TRY(buffer_append_text(out, "), }", error));
    while ((out->size - before) % ALIGNMENT != ALIGNMENT - 1) TRY(buffer_append(out, " ", 1, error));
    TRY(buffer_append(out, "\n", 1, error));
    size_t length = out->size - before - 10;
    out->bytes[before + 8] = (char)(length & 255);
    out->bytes[before + 9] = (char)(length >> 8);
    TRY(buffer_reserve(out, (size_t)array->count * sizeof(double), error));
    for (int64_t i = 0; i < array->count; i++) TRY(append_double(array->values[i], out, error));
    return L2O_OK;
}

l2o_status npy_write(const char *path, const array *array, l2o_error *error) {
    buffer bytes = {0};
    l2o_status status = npy_format(array, &bytes, error);
    if (status == L2O_OK) status = file_write(path, bytes.bytes, bytes.size, error);
    buffer_free(&bytes);
    return status;
}
