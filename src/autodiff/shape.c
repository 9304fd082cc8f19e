/* Operations that move numbers without changing them, and sums: each is the derivative of another. */
#include <string.h>

#include "autodiff/operations.h"
#include "autodiff/tape.h"

static size_t width(const tape *tape) { return dtype_size(tape->kernels->type); }

static char *element(const tape *tape, const value *x, int64_t row, int64_t column) {
    return (char *)x->data + (size_t)(row * x->columns + column) * width(tape);
}

static value *shape_failure(tape *tape, const char *name, const value *x) {
    error_set(tape->error, L2O_ERROR_INTERNAL, "%s does not fit a matrix [%lld, %lld]", name, (long long)x->rows,
              (long long)x->columns);
    return NULL;
}

/* A value over another's memory. */
static value *view(tape *tape, value *x, void *data, int64_t rows, int64_t columns, const operation *operation,
                   int64_t first) {
    value *out = tape_input(tape, data, rows, columns, false);
    if (out == NULL) return NULL;
    record *made = tape_record(tape, operation, 1, &x, 1, &out);
    if (made != NULL) made->first = first;
    return out;
}

value *tape_reshape(tape *tape, value *x, int64_t rows, int64_t columns) {
    if (x == NULL || (x->rows == rows && x->columns == columns)) return x;
    if (x->rows * x->columns != rows * columns) return shape_failure(tape, "reshape", x);
    return view(tape, x, x->data, rows, columns, &operation_reshape, 0);
}

static void reshape_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    result[0] = tape_reshape(tape, cotangent[0], record->input[0]->rows, record->input[0]->columns);
}

value *tape_broadcast(tape *tape, value *x, int64_t rows, int64_t columns) {
    if (x == NULL || (x->rows == rows && x->columns == columns)) return x;
    if ((x->rows != 1 && x->rows != rows) || (x->columns != 1 && x->columns != columns))
        return shape_failure(tape, "broadcast", x);
    value *out = tape_value(tape, rows, columns);
    value *zero = tape_fill(tape, 1, 1, 0.0);
    if (out == NULL || zero == NULL) return NULL;
    operand source = {x->data, x->rows == 1 ? 0 : x->columns, x->columns == 1 ? 0 : 1};
    tape->kernels->binary(BINARY_ADD, rows, columns, source, (operand){zero->data, 0, 0}, out->data);
    tape_record(tape, &operation_broadcast, 1, &x, 1, &out);
    return out;
}

static void broadcast_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    result[0] = tape_sum_to(tape, cotangent[0], record->input[0]->rows, record->input[0]->columns);
}

value *tape_sum_to(tape *tape, value *x, int64_t rows, int64_t columns) {
    if (x == NULL || (x->rows == rows && x->columns == columns)) return x;
    if ((rows != 1 && rows != x->rows) || (columns != 1 && columns != x->columns)) return shape_failure(tape, "sum", x);
    value *out = tape_value(tape, rows, columns);
    if (out == NULL) return NULL;
    if (columns == x->columns) {
        tape->kernels->sum_rows(x->rows, x->columns, x->data, out->data);
    } else if (rows == x->rows) {
        tape->kernels->sum_columns(x->rows, x->columns, x->data, out->data);
    } else {
        value *column_sums = tape_value(tape, x->rows, 1);
        if (column_sums == NULL) return NULL;
        tape->kernels->sum_columns(x->rows, x->columns, x->data, column_sums->data);
        tape->kernels->sum_rows(x->rows, 1, column_sums->data, out->data);
    }
    tape_record(tape, &operation_sum_to, 1, &x, 1, &out);
    return out;
}

static void sum_to_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    result[0] = tape_broadcast(tape, cotangent[0], record->input[0]->rows, record->input[0]->columns);
}

value *tape_slice_rows(tape *tape, value *x, int64_t first, int64_t count) {
    if (x == NULL) return NULL;
    if (first < 0 || count < 0 || first + count > x->rows) return shape_failure(tape, "slice of rows", x);
    return view(tape, x, element(tape, x, first, 0), count, x->columns, &operation_slice_rows, first);
}

static void slice_rows_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    result[0] = tape_pad_rows(tape, cotangent[0], record->first, record->input[0]->rows);
}

value *tape_pad_rows(tape *tape, value *x, int64_t first, int64_t rows) {
    if (x == NULL) return NULL;
    if (first < 0 || first + x->rows > rows) return shape_failure(tape, "padding of rows", x);
    value *out = tape_fill(tape, rows, x->columns, 0.0);
    if (out == NULL) return NULL;
    memcpy(element(tape, out, first, 0), x->data, (size_t)(x->rows * x->columns) * width(tape));
    record *made = tape_record(tape, &operation_pad_rows, 1, &x, 1, &out);
    if (made != NULL) made->first = first;
    return out;
}

static void pad_rows_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    result[0] = tape_slice_rows(tape, cotangent[0], record->first, record->input[0]->rows);
}

value *tape_slice_columns(tape *tape, value *x, int64_t first, int64_t count) {
    if (x == NULL) return NULL;
    if (first < 0 || count < 0 || first + count > x->columns) return shape_failure(tape, "slice of columns", x);
    value *out = tape_value(tape, x->rows, count);
    if (out == NULL) return NULL;
    for (int64_t i = 0; i < x->rows; i++)
        memcpy(element(tape, out, i, 0), element(tape, x, i, first), (size_t)count * width(tape));
    record *made = tape_record(tape, &operation_slice_columns, 1, &x, 1, &out);
    if (made != NULL) made->first = first;
    return out;
}

static void slice_columns_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    result[0] = tape_pad_columns(tape, cotangent[0], record->first, record->input[0]->columns);
}

value *tape_pad_columns(tape *tape, value *x, int64_t first, int64_t columns) {
    if (x == NULL) return NULL;
    if (first < 0 || first + x->columns > columns) return shape_failure(tape, "padding of columns", x);
    value *out = tape_fill(tape, x->rows, columns, 0.0);
    if (out == NULL) return NULL;
    for (int64_t i = 0; i < x->rows; i++)
        memcpy(element(tape, out, i, first), element(tape, x, i, 0), (size_t)x->columns * width(tape));
    record *made = tape_record(tape, &operation_pad_columns, 1, &x, 1, &out);
    if (made != NULL) made->first = first;
    return out;
}

static void pad_columns_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    result[0] = tape_slice_columns(tape, cotangent[0], record->first, record->input[0]->columns);
}

value *tape_concat_columns(tape *tape, int count, value *const *parts) {
    int64_t columns = 0;
    if (count < 1 || count > TAPE_INPUTS) {
        error_set(tape->error, L2O_ERROR_INTERNAL, "concatenation: %d parts, but 1 to %d are taken", count,
                  (int)TAPE_INPUTS);
        return NULL;
    }
    for (int k = 0; k < count; k++) {
        if (parts[k] == NULL) return NULL;
        if (parts[k]->rows != parts[0]->rows) return shape_failure(tape, "concatenation", parts[k]);
        columns += parts[k]->columns;
    }
    value *out = tape_value(tape, parts[0]->rows, columns);
    if (out == NULL) return NULL;
    int64_t first = 0;
    for (int k = 0; k < count; k++) {
        for (int64_t i = 0; i < out->rows; i++)
            memcpy(element(tape, out, i, first), element(tape, parts[k], i, 0),
                   (size_t)parts[k]->columns * width(tape));
        first += parts[k]->columns;
    }
    tape_record(tape, &operation_concat_columns, count, parts, 1, &out);
    return out;
}

static void concat_columns_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    int64_t first = 0;
    for (int k = 0; k < record->input_count; k++) {
        int64_t columns = record->input[k]->columns;
        if (record->input[k]->differentiable) result[k] = tape_slice_columns(tape, cotangent[0], first, columns);
        first += columns;
    }
}

const operation operation_reshape = {"reshape", reshape_derivative};
const operation operation_broadcast = {"broadcast", broadcast_derivative};
const operation operation_sum_to = {"sum", sum_to_derivative};
const operation operation_slice_rows = {"slice of rows", slice_rows_derivative};
const operation operation_pad_rows = {"padding of rows", pad_rows_derivative};
const operation operation_slice_columns = {"slice of columns", slice_columns_derivative};
const operation operation_pad_columns = {"padding of columns", pad_columns_derivative};
const operation operation_concat_columns = {"concatenation of columns", concat_columns_derivative};
