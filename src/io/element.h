/* The types of numbers that array files hold (npy and safetensors share this table), and their decoding to double.
 *
 * 64-bit integers beyond 2^53 are rounded to the nearest double. */
#ifndef L2O_IO_ELEMENT_H
#define L2O_IO_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum element_type {
    ELEMENT_FLOAT64,
    ELEMENT_FLOAT32,
    ELEMENT_FLOAT16,
    ELEMENT_BFLOAT16,
    ELEMENT_INT64,
    ELEMENT_INT32,
    ELEMENT_INT16,
    ELEMENT_INT8,
    ELEMENT_UINT64,
    ELEMENT_UINT32,
    ELEMENT_UINT16,
    ELEMENT_UINT8,
    ELEMENT_BOOL,
    ELEMENT_COUNT
} element_type;

size_t element_size(element_type type);
const char *element_safetensors_name(element_type type); /* "F64", "I32", ... */
bool element_from_npy_name(const char *name, element_type *type);
bool element_from_safetensors_name(const char *name, element_type *type);

/* `bytes` need not be aligned. */
void element_decode(element_type type, bool big_endian, int64_t count, const void *bytes, double *values);

enum { SHAPE_RANK_LIMIT = 8 };

/* The number of elements of a shape (1 for rank 0), or an error naming `what` when a dimension is negative, the rank
 * exceeds SHAPE_RANK_LIMIT, or the elements of `size` bytes each do not fit the address space. */
l2o_status shape_count(int rank, const int64_t *shape, size_t size, const char *what, int64_t *count, l2o_error *error);

#endif
