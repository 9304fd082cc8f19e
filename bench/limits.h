/* The machine's measured limits: what one core, or several, can do at best of what the workloads are made of. Each is
 * the seconds that one unit takes: a floating-point operation, an element, a byte, a parallel region. */
#ifndef L2O_BENCH_LIMITS_H
#define L2O_BENCH_LIMITS_H

#include <jansson.h>

#include "tensor/kernels.h"

typedef enum limit {
    LIMIT_FMA,     /* floating-point operation, two to a multiply-add, in registers */
    LIMIT_TANH,    /* element, arrays in the first cache, the library's own kernels */
    LIMIT_SIGMOID, /* element */
    LIMIT_EXP,     /* element */
    LIMIT_ELU,     /* element */
    LIMIT_COPY,    /* byte read or written: one array into another, both far larger than the caches */
    LIMIT_UPDATE,  /* byte read or written: an array in place */
    LIMIT_REGION,  /* parallel region of OpenMP that does nothing */
    LIMIT_COUNT
} limit;

typedef struct limits {
    double seconds[LIMIT_COUNT]; /* medians of many short measurements */
    double least[LIMIT_COUNT];   /* the shortest of them */
} limits;

/* Measures on `threads` threads at once, with the kernels of `path` (NULL: the best) and the float type `type`. */
l2o_status limits_measure(const char *path, dtype type, int threads, limits *out, l2o_error *error);

/* As {"fma": {"median", "best", "unit"}, ...} in customary units; NULL when out of memory. */
json_t *limits_to_json(const limits *limits);
/* The medians. False when something is missing. */
bool limits_from_json(const json_t *from, limits *out);

#endif
