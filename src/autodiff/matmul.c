/* The matrix product of the tape, alone and with a bias. The derivatives are matrix products again. */
#include "autodiff/operations.h"
#include "autodiff/tape.h"

value *tape_matmul(tape *tape, value *a, bool transpose_a, value *b, bool transpose_b) {
    if (a == NULL || b == NULL) return NULL;
    int64_t m = transpose_a ? a->columns : a->rows, k = transpose_a ? a->rows : a->columns;
    int64_t n = transpose_b ? b->rows : b->columns, inner = transpose_b ? b->columns : b->rows;
    if (k != inner) {
        error_set(tape->error, L2O_ERROR_INTERNAL, "matrix product: inner sizes %lld and %lld differ", (long long)k,
                  (long long)inner);
        return NULL;
    }
    value *out = tape_value(tape, m, n);
    if (out == NULL) return NULL;
    tape->kernels->gemm(transpose_a, transpose_b, m, n, k, 1.0, a->data, a->columns, b->data, b->columns, 0.0,
                        out->data, n);
    record *made = tape_record(tape, &operation_matmul, 2, (value *[]){a, b}, 1, &out);
    if (made != NULL) {
        made->first = transpose_a;
        made->second = transpose_b;
    }
    return out;
}

/* C = op(A) op(B): d op(A) = dC op(B)', d op(B) = op(A)' dC, transposed back where A or B was. */
static void matmul_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    value *a = record->input[0], *b = record->input[1], *c = cotangent[0];
    bool transpose_a = record->first != 0, transpose_b = record->second != 0;
    if (a->differentiable)
        result[0] =
            transpose_a ? tape_matmul(tape, b, transpose_b, c, true) : tape_matmul(tape, c, false, b, !transpose_b);
    if (!b->differentiable) return;
    if (!transpose_a && tape_defer(tape, b, transpose_b ? c : a, transpose_b ? a : c)) return;
    result[1] = transpose_b ? tape_matmul(tape, c, true, a, transpose_a) : tape_matmul(tape, a, !transpose_a, c, false);
}

const operation operation_matmul = {"matrix product", matmul_derivative};

value *tape_affine(tape *tape, value *x, bool transpose_x, value *w, value *b) {
    if (x == NULL || w == NULL || b == NULL) return NULL;
    int64_t m = transpose_x ? x->columns : x->rows, k = transpose_x ? x->rows : x->columns;
    if (k != w->rows || b->rows != 1 || b->columns != w->columns) {
        error_set(tape->error, L2O_ERROR_INTERNAL, "affine map: %lld inputs, weights [%lld, %lld], bias [%lld, %lld]",
                  (long long)k, (long long)w->rows, (long long)w->columns, (long long)b->rows, (long long)b->columns);
        return NULL;
    }
    value *out = tape_value(tape, m, w->columns);
    if (out == NULL) return NULL;
    tape->kernels->affine(transpose_x, m, w->columns, k, x->data, w->data, b->data, out->data);
    record *made = tape_record(tape, &operation_affine, 3, (value *[]){x, w, b}, 1, &out);
    if (made != NULL) made->first = transpose_x;
    return out;
}

static void affine_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    value *x = record->input[0], *w = record->input[1], *b = record->input[2], *c = cotangent[0];
    bool transpose = record->first != 0;
    if (x->differentiable)
        result[0] = transpose ? tape_matmul(tape, w, false, c, true) : tape_matmul(tape, c, false, w, true);
    if (w->differentiable && (transpose || !tape_defer(tape, w, x, c)))
        result[1] = tape_matmul(tape, x, !transpose, c, false);
    if (b->differentiable) result[2] = tape_sum_to(tape, c, 1, c->columns);
}

const operation operation_affine = {"affine map", affine_derivative};
