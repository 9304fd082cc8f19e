/* Thin QR of a changing set of columns: Gram-Schmidt twice for new ones, Givens rotations for old ones: see
 * column_qr.h. */
#include "optimizers/classical/column_qr.h"

#include <math.h>
#include <string.h>

#include "problems/dense_vector.h"

l2o_status column_qr_create(column_qr *qr, int64_t length, int64_t capacity, arena *arena, l2o_error *error) {
    *qr = (column_qr){.length = length, .capacity = capacity};
    qr->q = arena_allocate(arena, (size_t)(capacity * length) * sizeof(double), error);
    qr->r = arena_allocate(arena, (size_t)(capacity * capacity) * sizeof(double), error);
    return qr->q == NULL || qr->r == NULL ? error->status : L2O_OK;
}

static double *vector(const column_qr *qr, int64_t position) { return qr->q + position * qr->length; }
static double *column_of_r(const column_qr *qr, int64_t position) { return qr->r + position * qr->capacity; }

bool column_qr_append(column_qr *qr, const double *column, double tolerance, double *coefficients) {
    double *fresh = vector(qr, qr->count), *r = column_of_r(qr, qr->count);
    memcpy(fresh, column, (size_t)qr->length * sizeof *fresh);
    memset(r, 0, (size_t)(qr->count + 1) * sizeof *r);
    for (int round = 0; round < 2; round++)
        for (int64_t i = 0; i < qr->count; i++) {
            double share = dense_dot(qr->length, vector(qr, i), fresh);
            dense_axpy(qr->length, -share, vector(qr, i), fresh);
            r[i] += share;
        }
    double norm = sqrt(dense_squares(qr->length, fresh));
    if (!(norm > tolerance)) {
        memcpy(coefficients, r, (size_t)qr->count * sizeof *r);
        column_qr_solve(qr, coefficients);
        return false;
    }
    for (int64_t i = 0; i < qr->length; i++) fresh[i] /= norm;
    r[qr->count++] = norm;
    return true;
}

void column_qr_remove(column_qr *qr, int64_t position) {
    for (int64_t j = position + 1; j < qr->count; j++)
        memcpy(column_of_r(qr, j - 1), column_of_r(qr, j), (size_t)(j + 1) * sizeof(double));
    qr->count--;
    /* R now has one entry below the diagonal in each column from `position` on: rotate it away. */
    for (int64_t i = position; i < qr->count; i++) {
        double *pivot = column_of_r(qr, i);
        double length = hypot(pivot[i], pivot[i + 1]);
        if (length == 0) continue;
        double cosine = pivot[i] / length, sine = pivot[i + 1] / length;
        for (int64_t j = i; j < qr->count; j++) {
            double *r = column_of_r(qr, j), upper = r[i], lower = r[i + 1];
            r[i] = cosine * upper + sine * lower;
            r[i + 1] = cosine * lower - sine * upper;
        }
        double *first = vector(qr, i), *second = vector(qr, i + 1);
        for (int64_t l = 0; l < qr->length; l++) {
            double upper = first[l], lower = second[l];
            first[l] = cosine * upper + sine * lower;
            second[l] = cosine * lower - sine * upper;
        }
    }
}

void column_qr_project(const column_qr *qr, const double *b, double *out) {
    for (int64_t i = 0; i < qr->count; i++) out[i] = dense_dot(qr->length, vector(qr, i), b);
}

void column_qr_solve(const column_qr *qr, double *x) {
    for (int64_t j = qr->count - 1; j >= 0; j--) {
        const double *r = column_of_r(qr, j);
        x[j] /= r[j];
        dense_axpy(j, -x[j], r, x);
    }
}

void column_qr_solve_transpose(const column_qr *qr, double *x) {
    for (int64_t j = 0; j < qr->count; j++) {
        const double *r = column_of_r(qr, j);
        x[j] = (x[j] - dense_dot(j, r, x)) / r[j];
    }
}

void column_qr_combine(const column_qr *qr, const double *y, double *out) {
    memset(out, 0, (size_t)qr->length * sizeof *out);
    for (int64_t i = 0; i < qr->count; i++) dense_axpy(qr->length, y[i], vector(qr, i), out);
}
