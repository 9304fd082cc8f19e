/* Loops over vectors of float64 that the analysis of matrices is made of. Partial sums have a fixed width, so that
 * compilers vectorize them without being allowed to reorder sums: the same bits on every kernel path. */
#ifndef L2O_PROBLEMS_DENSE_DOUBLE_H
#define L2O_PROBLEMS_DENSE_DOUBLE_H

#include <stdint.h>

static inline double dense_double_dot(int64_t count, const double *restrict x, const double *restrict y) {
    double lane[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int l = 0; l < 8; l++) lane[l] += x[i + l] * y[i + l];
    double sum = ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    for (; i < count; i++) sum += x[i] * y[i];
    return sum;
}

/* y += factor x */
static inline void dense_double_add(int64_t count, double factor, const double *restrict x, double *restrict y) {
    for (int64_t i = 0; i < count; i++) y[i] += factor * x[i];
}

#endif
