/* Columns of a linear model's A, taken out one by one in float64; those of a sparse A stay sparse. */
#ifndef L2O_OPTIMIZERS_CLASSICAL_COLUMN_H
#define L2O_OPTIMIZERS_CLASSICAL_COLUMN_H

#include "problems/linear_model.h"

/* `row` is NULL when the column is dense, and count is m. */
typedef struct column {
    int64_t count;
    const int64_t *row;
    const double *value;
    double squared_norm;
} column;

/* Column j of the instance's A, each row times row_scale[m] unless that is NULL. Copies live in `scratch`. */
l2o_status column_take(const linear_model *model, int64_t instance, int64_t j, const double *row_scale, arena *scratch,
                       column *out, l2o_error *error);
double column_dot(const column *column, const double *dense);
void column_axpy(double alpha, const column *column, double *dense);
void column_scatter(const column *column, int64_t m, double *dense); /* into a dense vector [m] */

#endif
