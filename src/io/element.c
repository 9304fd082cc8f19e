/* Element types of array files: one table of sizes and names, and the conversion of each to double. */
#include "io/element.h"

#include <math.h>
#include <string.h>

static const struct {
    size_t size;
    const char *npy, *safetensors;
} ELEMENTS[ELEMENT_COUNT] = {
    [ELEMENT_FLOAT64] = {8, "f8", "F64"},   [ELEMENT_FLOAT32] = {4, "f4", "F32"}, [ELEMENT_FLOAT16] = {2, "f2", "F16"},
    [ELEMENT_BFLOAT16] = {2, NULL, "BF16"}, [ELEMENT_INT64] = {8, "i8", "I64"},   [ELEMENT_INT32] = {4, "i4", "I32"},
    [ELEMENT_INT16] = {2, "i2", "I16"},     [ELEMENT_INT8] = {1, "i1", "I8"},     [ELEMENT_UINT64] = {8, "u8", "U64"},
    [ELEMENT_UINT32] = {4, "u4", "U32"},    [ELEMENT_UINT16] = {2, "u2", "U16"},  [ELEMENT_UINT8] = {1, "u1", "U8"},
    [ELEMENT_BOOL] = {1, "b1", "BOOL"},
};

size_t element_size(element_type type) { return ELEMENTS[type].size; }
const char *element_safetensors_name(element_type type) { return ELEMENTS[type].safetensors; }

bool element_from_npy_name(const char *name, element_type *type) {
    for (int i = 0; i < ELEMENT_COUNT; i++) {
        if (ELEMENTS[i].npy == NULL || strcmp(ELEMENTS[i].npy, name) != 0) continue;
        *type = (element_type)i;
        return true;
    }
    return false;
}

bool element_from_safetensors_name(const char *name, element_type *type) {
    for (int i = 0; i < ELEMENT_COUNT; i++) {
        if (strcmp(ELEMENTS[i].safetensors, name) != 0) continue;
        *type = (element_type)i;
        return true;
    }
    return false;
}

static uint64_t assemble(const unsigned char *bytes, size_t size, bool big_endian) {
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++) bits = bits << 8 | bytes[big_endian ? i : size - 1 - i];
    return bits;
}

/* IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
static double half_to_double(uint64_t bits) {
    int exponent = (int)(bits >> 10 & 31);
    double fraction = (double)(bits & 1023), magnitude;
    if (exponent == 31)
        magnitude = fraction == 0 ? (double)INFINITY : (double)NAN;
    else if (exponent == 0)
        magnitude = ldexp(fraction, -24);
    else
        magnitude = ldexp(fraction + 1024, exponent - 25);
    return bits >> 15 & 1 ? -magnitude : magnitude;
}

static double float_to_double(uint64_t bits) {
    uint32_t narrow = (uint32_t)bits;
    float value;
    memcpy(&value, &narrow, sizeof value);
    return (double)value;
}

static double bits_to_double(element_type type, uint64_t bits) {
    double value;
    switch (type) {
    case ELEMENT_FLOAT64: memcpy(&value, &bits, sizeof value); return value;
    case ELEMENT_FLOAT32: return float_to_double(bits);
    case ELEMENT_FLOAT16: return half_to_double(bits);
    case ELEMENT_BFLOAT16: return float_to_double(bits << 16);
    case ELEMENT_INT64: return (double)(int64_t)bits;
    case ELEMENT_INT32: return (double)(int32_t)(uint32_t)bits;
    case ELEMENT_INT16: return (double)(int16_t)(uint16_t)bits;
    case ELEMENT_INT8: return (double)(int8_t)(uint8_t)bits;
    case ELEMENT_BOOL: return bits != 0 ? 1.0 : 0.0;
    case ELEMENT_UINT64:
    case ELEMENT_UINT32:
    case ELEMENT_UINT16:
    case ELEMENT_UINT8:
    case ELEMENT_COUNT: break;
    }
    return (double)bits;
}

void element_decode(element_type type, bool big_endian, int64_t count, const void *bytes, double *values) {
    size_t size = ELEMENTS[type].size;
    const unsigned char *from = bytes;
    for (int64_t i = 0; i < count; i++, from += size)
        values[i] = bits_to_double(type, assemble(from, size, big_endian));
}

l2o_status shape_count(int rank, const int64_t *shape, size_t size, const char *what, int64_t *count,
                       l2o_error *error) {
    if (rank < 0 || rank > SHAPE_RANK_LIMIT)
        return error_set(error, L2O_ERROR_INPUT, "%s: has %d dimensions; at most %d are supported", what, rank,
                         SHAPE_RANK_LIMIT);
    int64_t product = 1;
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0)
            return error_set(error, L2O_ERROR_INPUT, "%s: dimension %d is negative (%lld)", what, i,
                             (long long)shape[i]);
        empty = empty || shape[i] == 0;
    }
    for (int i = 0; i < rank && !empty; i++) {
        if (shape[i] > PTRDIFF_MAX / (int64_t)size / product)
            return error_set(error, L2O_ERROR_INPUT, "%s: its shape has more elements than this machine can address",
                             what);
        product *= shape[i];
    }
    *count = empty ? 0 : product;
    return L2O_OK;
}
