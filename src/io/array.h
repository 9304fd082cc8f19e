/* A dense array in memory, as read from a user's file: numbers of any type become double, in C (row-major) order. */
#ifndef L2O_IO_ARRAY_H
#define L2O_IO_ARRAY_H

#include "io/element.h"

typedef struct array {
    char *name;        /* the npz member, without ".npy"; NULL when there is none */
    element_type type; /* as stored in the file */
    int rank;          /* 0: a scalar, with one value */
    int64_t shape[SHAPE_RANK_LIMIT];
    int64_t count;  /* product of the shape */
    double *values; /* [count], never NULL in a valid array */
} array;

/* A zeroed float64 array; `name` may be NULL, and is copied. On failure `out` is empty. */
l2o_status array_create(array *out, const char *name, int rank, const int64_t *shape, l2o_error *error);
void array_free(array *array); /* also of {0} */

#endif
