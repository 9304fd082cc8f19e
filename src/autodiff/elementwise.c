/* Elementwise operations of the tape: binary with broadcasting, unary, and the soft threshold. */
#include "autodiff/operations.h"
#include "autodiff/tape.h"

static operand operand_of(const value *x, int64_t rows, int64_t columns) {
    return (operand){x->data, x->rows == 1 && rows != 1 ? 0 : x->columns, x->columns == 1 && columns != 1 ? 0 : 1};
}

static bool broadcast_shape(tape *tape, const char *name, const value *a, const value *b, int64_t *rows,
                            int64_t *columns) {
    bool fits = (a->rows == b->rows || a->rows == 1 || b->rows == 1) &&
                (a->columns == b->columns || a->columns == 1 || b->columns == 1);
    if (!fits) {
        error_set(tape->error, L2O_ERROR_INTERNAL, "%s: shapes [%lld, %lld] and [%lld, %lld] do not fit", name,
                  (long long)a->rows, (long long)a->columns, (long long)b->rows, (long long)b->columns);
        return false;
    }
    *rows = a->rows == 1 ? b->rows : a->rows;
    *columns = a->columns == 1 ? b->columns : a->columns;
    return true;
}

static value *binary(tape *tape, const operation *operation, binary_kind kind, value *a, value *b) {
    if (a == NULL || b == NULL) return NULL;
    int64_t rows, columns;
    if (!broadcast_shape(tape, operation->name, a, b, &rows, &columns)) return NULL;
    value *out = tape_value(tape, rows, columns);
    if (out == NULL) return NULL;
    tape->kernels->binary(kind, rows, columns, operand_of(a, rows, columns), operand_of(b, rows, columns), out->data);
    tape_record(tape, operation, 2, (value *[]){a, b}, 1, &out);
    return out;
}

value *tape_add(tape *tape, value *a, value *b) { return binary(tape, &operation_add, BINARY_ADD, a, b); }
value *tape_subtract(tape *tape, value *a, value *b) {
    return binary(tape, &operation_subtract, BINARY_SUBTRACT, a, b);
}
value *tape_multiply(tape *tape, value *a, value *b) {
    return binary(tape, &operation_multiply, BINARY_MULTIPLY, a, b);
}
value *tape_divide(tape *tape, value *a, value *b) { return binary(tape, &operation_divide, BINARY_DIVIDE, a, b); }

/* What flows back to an input that was broadcast is summed over the directions in which it was repeated. */
static value *fold(tape *tape, value *cotangent, const value *input) {
    return tape_sum_to(tape, cotangent, input->rows, input->columns);
}

static void add_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    for (int i = 0; i < 2; i++)
        if (record->input[i]->differentiable) result[i] = fold(tape, cotangent[0], record->input[i]);
}

static void subtract_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    if (record->input[0]->differentiable) result[0] = fold(tape, cotangent[0], record->input[0]);
    if (record->input[1]->differentiable)
        result[1] = tape_scale(tape, -1.0, fold(tape, cotangent[0], record->input[1]));
}

static void multiply_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    value *a = record->input[0], *b = record->input[1];
    if (a->differentiable) result[0] = fold(tape, tape_multiply(tape, cotangent[0], b), a);
    if (b->differentiable) result[1] = fold(tape, tape_multiply(tape, cotangent[0], a), b);
}

static void divide_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    value *a = record->input[0], *b = record->input[1];
    value *quotient = tape_divide(tape, cotangent[0], b);
    if (a->differentiable) result[0] = fold(tape, quotient, a);
    if (b->differentiable)
        result[1] = tape_scale(tape, -1.0, fold(tape, tape_multiply(tape, quotient, record->output[0]), b));
}

const operation operation_add = {"add", add_derivative};
const operation operation_subtract = {"subtract", subtract_derivative};
const operation operation_multiply = {"multiply", multiply_derivative};
const operation operation_divide = {"divide", divide_derivative};

value *tape_unary(tape *tape, unary_kind kind, double p, value *x) {
    if (x == NULL) return NULL;
    value *out = tape_value(tape, x->rows, x->columns);
    if (out == NULL) return NULL;
    tape->kernels->unary(kind, p, x->rows * x->columns, x->data, out->data);
    record *made = tape_record(tape, &operation_unary[kind], 1, &x, 1, &out);
    if (made != NULL) made->factor = p;
    return out;
}

value *tape_scale(tape *tape, double factor, value *x) { return tape_unary(tape, UNARY_SCALE, factor, x); }
value *tape_shift(tape *tape, double summand, value *x) { return tape_unary(tape, UNARY_SHIFT, summand, x); }

/* 1 - x */
static value *complement(tape *tape, value *x) { return tape_shift(tape, 1.0, tape_scale(tape, -1.0, x)); }

/* f'(x) as operations on the input x and the output y = f(x); NULL: zero almost everywhere. */
static value *unary_slope(tape *tape, unary_kind kind, double p, value *x, value *y) {
    switch (kind) {
    case UNARY_SCALE: return tape_fill(tape, 1, 1, p);
    case UNARY_SHIFT: return tape_fill(tape, 1, 1, 1.0);
    case UNARY_EXP: return y;
    case UNARY_LOG: return tape_unary(tape, UNARY_RECIPROCAL, 0, x);
    case UNARY_TANH: return complement(tape, tape_multiply(tape, y, y));
    case UNARY_SIGMOID: return tape_multiply(tape, y, complement(tape, y));
    case UNARY_SQRT: return tape_scale(tape, 0.5, tape_unary(tape, UNARY_RECIPROCAL, 0, y)); /* 0 at 0 */
    case UNARY_RECIPROCAL: return tape_scale(tape, -1.0, tape_multiply(tape, y, y));
    case UNARY_ABS: return tape_unary(tape, UNARY_SIGN, 0, x);
    case UNARY_RELU: return tape_unary(tape, UNARY_STEP, 0, x);
    case UNARY_ELU: return tape_unary(tape, UNARY_ELU_GRADIENT, 0, x);
    case UNARY_ELU_GRADIENT: return tape_multiply(tape, y, complement(tape, tape_unary(tape, UNARY_STEP, 0, x)));
    case UNARY_COS: return tape_scale(tape, -1.0, tape_unary(tape, UNARY_SIN, 0, x));
    case UNARY_SIN: return tape_unary(tape, UNARY_COS, 0, x);
    case UNARY_SIGN:
    case UNARY_STEP:
    case UNARY_COUNT: break;
    }
    return NULL;
}

static void unary_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    unary_kind kind = (unary_kind)(record->operation - operation_unary);
    if (kind == UNARY_SCALE)
        result[0] = tape_scale(tape, record->factor, cotangent[0]);
    else if (kind == UNARY_SHIFT)
        result[0] = cotangent[0];
    else {
        value *slope = unary_slope(tape, kind, record->factor, record->input[0], record->output[0]);
        if (slope != NULL) result[0] = tape_multiply(tape, cotangent[0], slope);
    }
}

const operation operation_unary[UNARY_COUNT] = {
    [UNARY_SCALE] = {"scale", unary_derivative}, [UNARY_SHIFT] = {"shift", unary_derivative},
    [UNARY_EXP] = {"exp", unary_derivative},     [UNARY_LOG] = {"log", unary_derivative},
    [UNARY_TANH] = {"tanh", unary_derivative},   [UNARY_SIGMOID] = {"sigmoid", unary_derivative},
    [UNARY_SQRT] = {"sqrt", unary_derivative},   [UNARY_RECIPROCAL] = {"reciprocal", unary_derivative},
    [UNARY_ABS] = {"abs", unary_derivative},     [UNARY_SIGN] = {"sign", unary_derivative},
    [UNARY_RELU] = {"relu", unary_derivative},   [UNARY_STEP] = {"step", unary_derivative},
    [UNARY_ELU] = {"elu", unary_derivative},     [UNARY_ELU_GRADIENT] = {"elu gradient", unary_derivative},
    [UNARY_COS] = {"cos", unary_derivative},     [UNARY_SIN] = {"sin", unary_derivative},
};

value *tape_soft_threshold(tape *tape, value *x, value *threshold) {
    if (x == NULL || threshold == NULL) return NULL;
    int64_t rows, columns;
    if (!broadcast_shape(tape, "soft threshold", x, threshold, &rows, &columns)) return NULL;
    if (rows != x->rows || columns != x->columns) {
        error_set(tape->error, L2O_ERROR_INTERNAL, "soft threshold: [%lld, %lld] thresholds for [%lld, %lld] numbers",
                  (long long)threshold->rows, (long long)threshold->columns, (long long)x->rows, (long long)x->columns);
        return NULL;
    }
    value *out = tape_value(tape, x->rows, x->columns);
    if (out == NULL) return NULL;
    tape->kernels->soft_threshold(x->rows, x->columns, x->data, operand_of(threshold, x->rows, x->columns), out->data);
    tape_record(tape, &operation_soft_threshold, 2, (value *[]){x, threshold}, 1, &out);
    return out;
}

/* dz = cotangent where |x| > threshold; d threshold = -cotangent sign(x) there. The output's sign tells both. */
static void soft_threshold_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    value *sign = tape_unary(tape, UNARY_SIGN, 0, record->output[0]);
    if (record->input[0]->differentiable)
        result[0] = tape_multiply(tape, cotangent[0], tape_unary(tape, UNARY_ABS, 0, sign));
    if (record->input[1]->differentiable)
        result[1] = tape_scale(tape, -1.0, fold(tape, tape_multiply(tape, cotangent[0], sign), record->input[1]));
}

const operation operation_soft_threshold = {"soft threshold", soft_threshold_derivative};
