/* All inner loops run along rows, so eigenvectors are kept as rows and rotations mix two neighbours. */
#include "problems/eigen.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "problems/dense_vector.h"

enum { MOST_STEPS_PER_VALUE = 60 };

/* x[count] becomes v with (I - beta v v') x = alpha e_1. */
static double reflector(int64_t count, double *x, double *beta) {
    double largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(x[i]));
    *beta = 0;
    if (largest == 0) return 0;
    for (int64_t i = 0; i < count; i++) x[i] /= largest;
    double norm = sqrt(dense_dot(count, x, x)), alpha = x[0] > 0 ? -norm : norm;
    *beta = 1 / (norm * (norm + fabs(x[0]))); /* 2 / v'v with v = x - alpha e_1 */
    x[0] -= alpha;
    return alpha * largest;
}

/* To tridiagonal form: diagonal[size], off[size - 1]. Row k keeps its reflector's vector in columns k + 1 and on; its
 * beta goes to betas[k]. */
static void reduce(int64_t size, double *matrix, double *diagonal, double *off, double *betas, double *image) {
    for (int64_t k = 0; k + 1 < size; k++) {
        int64_t rest = size - k - 1;
        double *v = matrix + k * size + k + 1, *block = matrix + (k + 1) * size + k + 1;
        diagonal[k] = matrix[k * size + k];
        off[k] = rest == 1 ? v[0] : reflector(rest, v, &betas[k]);
        if (rest == 1 || betas[k] == 0) {
            betas[k] = 0;
            continue;
        }
        memset(image, 0, (size_t)rest * sizeof *image);
        for (int64_t i = 0; i < rest; i++) dense_axpy(rest, betas[k] * v[i], block + i * size, image);
        dense_axpy(rest, -0.5 * betas[k] * dense_dot(rest, image, v), v, image);
        for (int64_t i = 0; i < rest; i++) {
            double *row = block + i * size;
            for (int64_t j = 0; j < rest; j++) row[j] -= v[i] * image[j] + image[i] * v[j];
        }
    }
    diagonal[size - 1] = matrix[size * size - 1];
}

/* In place of the reflectors, their product's transpose: from the last one on, whose block is the smallest. */
static void accumulate(int64_t size, double *matrix, const double *betas, double *vector) {
    matrix[size * size - 1] = 1;
    for (int64_t k = size - 2; k >= 0; k--) {
        int64_t rest = size - k - 1;
        memcpy(vector, matrix + k * size + k + 1, (size_t)rest * sizeof *vector);
        for (int64_t i = k + 1; i < size && betas[k] != 0; i++) {
            double *row = matrix + i * size + k + 1;
            dense_axpy(rest, -betas[k] * dense_dot(rest, row, vector), vector, row);
        }
        for (int64_t i = k; i < size; i++) matrix[i * size + k] = matrix[k * size + i] = 0;
        matrix[k * size + k] = 1;
    }
}

static void rotate_rows(int64_t size, double cosine, double sine, double *restrict upper, double *restrict lower) {
    for (int64_t j = 0; j < size; j++) {
        double above = upper[j], below = lower[j];
        upper[j] = cosine * above + sine * below;
        lower[j] = cosine * below - sine * above;
    }
}

/* One implicit QR step on rows low .. high of the tridiagonal matrix. */
static void qr_step(int64_t size, int64_t low, int64_t high, double *diagonal, double *off, double *vectors) {
    double half = (diagonal[high - 1] - diagonal[high]) / 2, last = off[high - 1];
    double shift = diagonal[high] - last * (last / (half + copysign(hypot(half, last), half)));
    double x = diagonal[low] - shift, z = off[low];
    for (int64_t k = low; k < high; k++) {
        double r = hypot(x, z), cosine = r > 0 ? x / r : 1, sine = r > 0 ? z / r : 0;
        double a = diagonal[k], b = off[k], c = diagonal[k + 1];
        double moved = sine * (sine * (c - a) + 2 * cosine * b);
        if (k > low) off[k - 1] = r;
        diagonal[k] = a + moved;
        diagonal[k + 1] = c - moved;
        off[k] = cosine * sine * (c - a) + (cosine - sine) * (cosine + sine) * b;
        if (k + 1 < high) {
            x = off[k];
            z = sine * off[k + 1];
            off[k + 1] *= cosine;
        }
        rotate_rows(size, cosine, sine, vectors + k * size, vectors + (k + 1) * size);
    }
}

static bool negligible(const double *diagonal, const double *off, int64_t k) {
    return fabs(off[k]) <= DBL_EPSILON * (fabs(diagonal[k]) + fabs(diagonal[k + 1])) || fabs(off[k]) < DBL_MIN;
}

static bool diagonalise(int64_t size, double *diagonal, double *off, double *vectors) {
    int64_t high = size - 1;
    for (int64_t steps = 0; high > 0;) {
        if (negligible(diagonal, off, high - 1)) {
            high--;
            continue;
        }
        if (steps++ == MOST_STEPS_PER_VALUE * size) return false;
        int64_t low = high - 1;
        while (low > 0 && !negligible(diagonal, off, low - 1)) low--;
        qr_step(size, low, high, diagonal, off, vectors);
    }
    return true;
}

static void sort(int64_t size, double *values, double *vectors, double *row) {
    size_t bytes = (size_t)size * sizeof *row;
    for (int64_t k = 0; k < size; k++) {
        int64_t least = k;
        for (int64_t i = k + 1; i < size; i++)
            if (values[i] < values[least]) least = i;
        if (least == k) continue;
        double value = values[k];
        values[k] = values[least];
        values[least] = value;
        memcpy(row, vectors + k * size, bytes);
        memcpy(vectors + k * size, vectors + least * size, bytes);
        memcpy(vectors + least * size, row, bytes);
    }
}

l2o_status eigen_symmetric(int64_t size, double *matrix, double *values, double *work, l2o_error *error) {
    double *off = work, *betas = work + size, *vector = work + 2 * size;
    reduce(size, matrix, values, off, betas, vector);
    accumulate(size, matrix, betas, vector);
    if (!diagonalise(size, values, off, matrix))
        return error_set(error, L2O_ERROR_NUMERIC,
                         "the eigenvalues of a symmetric matrix with %lld rows were not found: its entries are not "
                         "finite, or too large",
                         (long long)size);
    sort(size, values, matrix, vector);
    return L2O_OK;
}
