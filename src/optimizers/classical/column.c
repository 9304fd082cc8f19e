/* Columns of A in float64, from dense storage of either type or from sparse storage. */
#include "optimizers/classical/column.h"

#include <string.h>

#include "problems/dense_vector.h"

static l2o_status take_sparse(const linear_model *model, int64_t j, const double *row_scale, arena *scratch,
                              column *out, l2o_error *error) {
    int64_t first = model->transpose->row_start[j], count = model->transpose->row_start[j + 1] - first;
    *out = (column){.count = count, .row = model->transpose->column + first, .value = model->transpose->value + first};
    if (row_scale == NULL) return L2O_OK;
    double *scaled = arena_allocate(scratch, (size_t)count * sizeof *scaled, error);
    if (scaled == NULL) return error->status;
    for (int64_t k = 0; k < count; k++) scaled[k] = row_scale[out->row[k]] * out->value[k];
    out->value = scaled;
    return L2O_OK;
}

static l2o_status take_dense(const linear_model *model, int64_t instance, int64_t j, const double *row_scale,
                             arena *scratch, column *out, l2o_error *error) {
    double *copy = arena_allocate(scratch, (size_t)model->m * sizeof *copy, error);
    if (copy == NULL) return error->status;
    const void *matrix = linear_model_matrix(model, instance);
    for (int64_t i = 0; i < model->m; i++) copy[i] = problem_load(model->type, matrix, i * model->n + j);
    for (int64_t i = 0; row_scale != NULL && i < model->m; i++) copy[i] *= row_scale[i];
    *out = (column){.count = model->m, .value = copy};
    return L2O_OK;
}

l2o_status column_take(const linear_model *model, int64_t instance, int64_t j, const double *row_scale, arena *scratch,
                       column *out, l2o_error *error) {
    if (model->sparse != NULL)
        TRY(take_sparse(model, j, row_scale, scratch, out, error));
    else
        TRY(take_dense(model, instance, j, row_scale, scratch, out, error));
    out->squared_norm = dense_squares(out->count, out->value);
    return L2O_OK;
}

double column_dot(const column *column, const double *dense) {
    if (column->row == NULL) return dense_dot(column->count, column->value, dense);
    double sum = 0;
    for (int64_t k = 0; k < column->count; k++) sum += column->value[k] * dense[column->row[k]];
    return sum;
}

void column_axpy(double alpha, const column *column, double *dense) {
    if (column->row == NULL) {
        dense_axpy(column->count, alpha, column->value, dense);
        return;
    }
    for (int64_t k = 0; k < column->count; k++) dense[column->row[k]] += alpha * column->value[k];
}

void column_scatter(const column *column, int64_t m, double *dense) {
    memset(dense, 0, (size_t)m * sizeof *dense);
    column_axpy(1, column, dense);
}
