/* A = Q W with Q an orthonormal basis of A's range, by Gram-Schmidt carried out twice, and W = Q'A of full row rank;
 * then W' = P T, and x = P T^-T Q'b lies in the range of A' = W' Q', so it is the solution of least norm. One step of
 * refinement. Columns that depend on earlier ones to within 1e-13 of the largest count as dependent. */
#include "optimizers/classical/minimum_norm.h"

#include <math.h>

#include "optimizers/classical/column.h"
#include "optimizers/classical/column_qr.h"
#include "problems/dense_vector.h"

enum { MOST_ENTRIES = 1 << 24, REFINEMENTS = 1 };

static const double DEPENDENT = 1e-13;

/* Appends all columns that are independent. */
static l2o_status factor_columns(lasso_instance *instance, column_qr *qr, double *dense, double *coefficients) {
    double largest = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t j = 0; j < instance->n && qr->count < qr->capacity; j++) {
            arena_mark mark = arena_position(instance->scratch);
            column column;
            TRY(column_take(instance->model, instance->instance, j, NULL, instance->scratch, &column, instance->error));
            if (pass == 0) {
                largest = fmax(largest, sqrt(column.squared_norm));
            } else {
                column_scatter(&column, instance->m, dense);
                column_qr_append(qr, dense, DEPENDENT * largest, coefficients);
            }
            arena_reset(instance->scratch, mark);
        }
    return L2O_OK;
}

/* Rows of Q'A, as columns of its transpose. */
static void factor_rows(lasso_instance *instance, const column_qr *range, column_qr *rows, double *dense,
                        double *coefficients) {
    for (int64_t i = 0; i < range->count; i++) {
        linear_model_apply_transpose_double(instance->model, instance->instance, range->q + i * range->length, dense);
        column_qr_append(rows, dense, 0, coefficients);
    }
}

l2o_status minimum_norm_solve(lasso_instance *instance, bool *done) {
    int64_t m = instance->m, n = instance->n, rank = m < n ? m : n;
    *done = (double)rank * (double)(m + n + 2 * rank) <= MOST_ENTRIES;
    if (!*done) return L2O_OK;
    column_qr range, rows;
    TRY(column_qr_create(&range, m, rank + 1, instance->scratch, instance->error));
    TRY(column_qr_create(&rows, n, rank + 1, instance->scratch, instance->error));
    double *work =
        arena_allocate(instance->scratch, (size_t)(m + 2 * n + 2 * (rank + 1)) * sizeof *work, instance->error);
    if (work == NULL) return instance->error->status;
    double *column = work, *row = work + m, *step = row + n, *coefficients = step + n,
           *projection = coefficients + rank + 1;
    TRY(factor_columns(instance, &range, column, coefficients));
    factor_rows(instance, &range, &rows, row, coefficients);
    *done = rows.count == range.count;
    if (!*done) return L2O_OK;
    for (int64_t j = 0; j < n; j++) instance->x[j] = 0;
    for (int round = 0; round <= REFINEMENTS; round++) {
        lasso_instance_refresh(instance);
        column_qr_project(&range, instance->residual, projection);
        column_qr_solve_transpose(&rows, projection);
        column_qr_combine(&rows, projection, step);
        dense_axpy(n, 1, step, instance->x);
    }
    instance->work += 2 * (double)rank * ((double)m * (double)n + (double)rank * (double)n);
    return L2O_OK;
}
