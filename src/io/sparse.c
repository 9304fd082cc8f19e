/* Building and transposing compressed rows by counting sort: O(nonzeros + rows + columns). */
#include "io/sparse.h"

#include "base/memory.h"

enum { SMALLEST_CAPACITY = 1024, ROWS_ALWAYS = 1 << 20, ROWS_PER_BYTE = 64 };

void sparse_free(sparse_matrix *matrix) {
    memory_free(matrix->row_start);
    memory_free(matrix->column);
    memory_free(matrix->value);
    *matrix = (sparse_matrix){0};
}

void sparse_entries_free(sparse_entries *entries) {
    memory_free(entries->row);
    memory_free(entries->column);
    memory_free(entries->value);
    *entries = (sparse_entries){0};
}

static l2o_status grow_indices(int64_t **list, int64_t count, int64_t capacity, l2o_error *error) {
    int64_t *grown = memory_grow(*list, (size_t)count, (size_t)capacity, sizeof *grown, error);
    if (grown == NULL) return error->status;
    *list = grown;
    return L2O_OK;
}

l2o_status sparse_entries_append(sparse_entries *entries, int64_t row, int64_t column, double value, l2o_error *error) {
    if (entries->count == entries->capacity) {
        int64_t capacity = entries->capacity == 0 ? SMALLEST_CAPACITY : 2 * entries->capacity;
        TRY(grow_indices(&entries->row, entries->count, capacity, error));
        TRY(grow_indices(&entries->column, entries->count, capacity, error));
        double *values = memory_grow(entries->value, (size_t)entries->count, (size_t)capacity, sizeof *values, error);
        if (values == NULL) return error->status;
        entries->value = values;
        entries->capacity = capacity;
    }
    entries->row[entries->count] = row;
    entries->column[entries->count] = column;
    entries->value[entries->count++] = value;
    return L2O_OK;
}

static l2o_status create(int64_t rows, int64_t columns, int64_t nonzeros, sparse_matrix *out, l2o_error *error) {
    *out = (sparse_matrix){.rows = rows, .columns = columns, .nonzeros = nonzeros};
    out->row_start = memory_allocate((size_t)rows + 1, sizeof(int64_t), error);
    if (out->row_start != NULL) out->column = memory_allocate((size_t)nonzeros, sizeof(int64_t), error);
    if (out->column != NULL) out->value = memory_allocate((size_t)nonzeros, sizeof(double), error);
    if (out->value != NULL) return L2O_OK;
    sparse_free(out);
    return error->status;
}

/* Entries into rows, in the order they come: sorted within a row when they come by increasing column. */
static l2o_status distribute(int64_t rows, int64_t columns, int64_t count, const int64_t *row, const int64_t *column,
                             const double *value, sparse_matrix *out, l2o_error *error) {
    TRY(create(rows, columns, count, out, error));
    for (int64_t k = 0; k < count; k++) out->row_start[row[k] + 1]++;
    for (int64_t i = 0; i < rows; i++) out->row_start[i + 1] += out->row_start[i];
    /* row_start[i] serves as the row's cursor and ends as the start of row i + 1; it is shifted back after. */
    for (int64_t k = 0; k < count; k++) {
        int64_t at = out->row_start[row[k]]++;
        out->column[at] = column[k];
        out->value[at] = value[k];
    }
    for (int64_t i = rows; i > 0; i--) out->row_start[i] = out->row_start[i - 1];
    out->row_start[0] = 0;
    return L2O_OK;
}

l2o_status sparse_transpose(const sparse_matrix *matrix, sparse_matrix *out, l2o_error *error) {
    *out = (sparse_matrix){0};
    int64_t *row = memory_allocate((size_t)matrix->nonzeros, sizeof *row, error);
    if (row == NULL) return error->status;
    for (int64_t i = 0; i < matrix->rows; i++)
        for (int64_t k = matrix->row_start[i]; k < matrix->row_start[i + 1]; k++) row[k] = i;
    l2o_status status =
        distribute(matrix->columns, matrix->rows, matrix->nonzeros, matrix->column, row, matrix->value, out, error);
    memory_free(row);
    return status;
}

/* Sums neighbours of the same column, closing up. */
static void sum_repeated(sparse_matrix *matrix) {
    int64_t to = 0;
    for (int64_t i = 0; i < matrix->rows; i++) {
        int64_t start = to, from = matrix->row_start[i];
        matrix->row_start[i] = start;
        for (; from < matrix->row_start[i + 1]; from++) {
            if (to > start && matrix->column[to - 1] == matrix->column[from]) {
                matrix->value[to - 1] += matrix->value[from];
                continue;
            }
            matrix->column[to] = matrix->column[from];
            matrix->value[to++] = matrix->value[from];
        }
    }
    matrix->row_start[matrix->rows] = matrix->nonzeros = to;
}

l2o_status sparse_from_entries(int64_t rows, int64_t columns, const sparse_entries *entries, sparse_matrix *out,
                               l2o_error *error) {
    sparse_matrix by_column = {0};
    *out = (sparse_matrix){0};
    TRY(distribute(columns, rows, entries->count, entries->column, entries->row, entries->value, &by_column, error));
    l2o_status status = sparse_transpose(&by_column, out, error);
    sparse_free(&by_column);
    if (status == L2O_OK) sum_repeated(out);
    return status;
}

l2o_status sparse_check_claim(int64_t rows, int64_t columns, size_t file_size, const char *source, l2o_error *error) {
    uint64_t limit = ROWS_ALWAYS + (uint64_t)ROWS_PER_BYTE * file_size;
    if ((uint64_t)rows <= limit && (uint64_t)columns <= limit) return L2O_OK;
    return error_set(
        error, L2O_ERROR_INPUT,
        "%s: claims to be %lld x %lld, which is out of proportion to its %zu bytes; leave out empty rows and "
        "columns",
        source, (long long)rows, (long long)columns, file_size);
}
