/* A thin QR factorisation A_S = Q R in float64 of a set of columns that come and go one at a time: new ones by
 * Gram-Schmidt, carried out twice so that Q stays orthogonal to rounding; old ones leave by Givens rotations
 * (Daniel, Gragg, Kaufman and Stewart, 1976). */
#ifndef L2O_OPTIMIZERS_CLASSICAL_COLUMN_QR_H
#define L2O_OPTIMIZERS_CLASSICAL_COLUMN_QR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef struct column_qr {
    int64_t length, count, capacity; /* m, columns now and at most */
    double *q;                       /* [capacity, m]: each row one vector of Q */
    double *r;                       /* [capacity, capacity]: row j is column j of R, its first j + 1 entries */
} column_qr;

l2o_status column_qr_create(column_qr *qr, int64_t length, int64_t capacity, arena *arena, l2o_error *error);
/* Appends a column [m]; there must be room. Where it depends on those that are in (what is left of it is no more than
 * `tolerance`) nothing is appended, and coefficients[count] says how it is made of them. */
bool column_qr_append(column_qr *qr, const double *column, double tolerance, double *coefficients);
void column_qr_remove(column_qr *qr, int64_t position);
void column_qr_project(const column_qr *qr, const double *b, double *out); /* out[count] = Q'b */
void column_qr_solve(const column_qr *qr, double *x);                      /* x <- R^-1 x */
void column_qr_solve_transpose(const column_qr *qr, double *x);            /* x <- R^-T x */
void column_qr_combine(const column_qr *qr, const double *y, double *out); /* out[m] = Q y */

#endif
