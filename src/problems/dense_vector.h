/* The operations on vectors of float64 that exact solvers, the analysis of matrices and norms of weights are made
 * of. Partial sums of fixed width, so that compilers make vectors of them without being allowed to reorder sums. */
#ifndef L2O_PROBLEMS_DENSE_VECTOR_H
#define L2O_PROBLEMS_DENSE_VECTOR_H

#include <stdint.h>

static inline double dense_dot(int64_t count, const double *restrict x, const double *restrict y) {
    double lane[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int l = 0; l < 8; l++) lane[l] += x[i + l] * y[i + l];
    double sum = ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    for (; i < count; i++) sum += x[i] * y[i];
    return sum;
}

static inline double dense_squares(int64_t count, const double *x) {
    double lane[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (int l = 0; l < 8; l++) lane[l] += x[i + l] * x[i + l];
    double sum = ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    for (; i < count; i++) sum += x[i] * x[i];
    return sum;
}

/* y += alpha x */
static inline void dense_axpy(int64_t count, double alpha, const double *restrict x, double *restrict y) {
    for (int64_t i = 0; i < count; i++) y[i] += alpha * x[i];
}

#endif
