/* The LSTM cell as one operation, its backward pass as another, both with fused kernels; the derivative of the backward
 * pass is written in elementary operations, so second derivatives are exact and third ones exist too.
 *
 * Notation: a = [i, f, g, o], the activated gates; t = tanh(c'). With slope(a) = a - a^2 for the sigmoids and 1 - a^2
 * for the tanh, both are p + q a - a^2 with p = [0, 0, 1, 0], q = [1, 1, 0, 1]. */
#include "autodiff/operations.h"
#include "autodiff/tape.h"

enum { X, H, C, WX, WH, B };                                      /* inputs of the cell */
enum { H_NEXT, C_NEXT, ACTIVATIONS, TANH_C };                     /* its outputs */
enum { BACK_ACTIVATIONS, BACK_TANH_C, BACK_C, BACK_DH, BACK_DC }; /* inputs of the backward pass */
enum { GATE_I, GATE_F, GATE_G, GATE_O };
enum { MOST_IN_PLACE = 16384 }; /* hidden units, for the kernel */

static bool has_shape(const value *x, int64_t rows, int64_t columns) {
    return x->rows == rows && x->columns == columns;
}

static bool shapes_fit(value *const *in) {
    int64_t rows = in[X]->rows, hidden = in[H]->columns, gates = 4 * hidden;
    return has_shape(in[H], rows, hidden) && has_shape(in[C], rows, hidden) &&
           has_shape(in[WX], in[X]->columns, gates) && has_shape(in[WH], hidden, gates) && has_shape(in[B], 1, gates);
}

void tape_lstm(tape *tape, value *x, value **h, value **c, value *wx, value *wh, value *b) {
    value *input[] = {x, *h, *c, wx, wh, b};
    bool differentiable = false;
    for (int i = 0; i < 6; i++) {
        if (input[i] == NULL) {
            *h = *c = NULL;
            return;
        }
        differentiable |= input[i]->differentiable;
    }
    if (!shapes_fit(input))
        error_set(tape->error, L2O_ERROR_INTERNAL, "LSTM cell: the shapes of state and weights do not fit together");
    int64_t rows = x->rows, hidden = (*h)->columns;
    bool saving = tape->recording && differentiable;
    bool in_place =
        !saving && (*h)->replaceable && (*c)->replaceable && x->data != (*h)->data && hidden <= MOST_IN_PLACE;
    value *output[TAPE_OUTPUTS] = {*h, *c};
    if (!in_place) {
        output[H_NEXT] = tape_value(tape, rows, hidden);
        output[C_NEXT] = tape_value(tape, rows, hidden);
    }
    if (saving) {
        output[ACTIVATIONS] = tape_value(tape, rows, 4 * hidden);
        output[TANH_C] = tape_value(tape, rows, hidden);
    }
    if (tape_status(tape) != L2O_OK) {
        *h = *c = NULL;
        return;
    }
    tape->kernels->lstm_forward(&(lstm_forward_arguments){
        .rows = rows,
        .input = x->columns,
        .hidden = hidden,
        .x = x->data,
        .h = (*h)->data,
        .c = (*c)->data,
        .wx = wx->data,
        .wh = wh->data,
        .b = b->data,
        .h_next = output[H_NEXT]->data,
        .c_next = output[C_NEXT]->data,
        .activations = saving ? output[ACTIVATIONS]->data : NULL,
        .tanh_c = saving ? output[TANH_C]->data : NULL,
    });
    if (saving) tape_record(tape, &operation_lstm, 6, input, 4, output);
    *h = output[H_NEXT];
    *c = output[C_NEXT];
}

/* 1 - x^2 */
static value *tanh_slope(tape *tape, value *y) {
    return tape_shift(tape, 1.0, tape_scale(tape, -1.0, tape_multiply(tape, y, y)));
}

/* A row [1, 4 hidden] that holds `gate[k]` for all columns of gate k. */
static value *gate_row(tape *tape, int64_t hidden, const double gate[4]) {
    value *parts[4];
    for (int k = 0; k < 4; k++) parts[k] = tape_fill(tape, 1, hidden, gate[k]);
    return tape_concat_columns(tape, 4, parts);
}

static const double slope_p[4] = {0, 0, 1, 0}, slope_q[4] = {1, 1, 0, 1};

/* p + q a - a^2 */
static value *gate_slope(tape *tape, value *a) {
    int64_t hidden = a->columns / 4;
    value *linear =
        tape_add(tape, gate_row(tape, hidden, slope_p), tape_multiply(tape, a, gate_row(tape, hidden, slope_q)));
    return tape_subtract(tape, linear, tape_multiply(tape, a, a));
}

static value *sum_of(tape *tape, value *a, value *b) { /* either may be NULL: zero */
    if (a == NULL) return b;
    return b == NULL ? a : tape_add(tape, a, b);
}

/* The fused backward pass: dgates and dc_previous from dh and dc, of which one may be NULL. */
static void lstm_backward(tape *tape, value *activations, value *tanh_c, value *c, value *dh, value *dc, value **dgates,
                          value **dc_previous) {
    if (dh == NULL) dh = tape_fill(tape, c->rows, c->columns, 0.0);
    if (dc == NULL) dc = tape_fill(tape, c->rows, c->columns, 0.0);
    value *output[2] = {tape_value(tape, c->rows, 4 * c->columns), tape_value(tape, c->rows, c->columns)};
    *dgates = output[0];
    *dc_previous = output[1];
    if (tape_status(tape) != L2O_OK || dh == NULL || dc == NULL) return;
    tape->kernels->lstm_backward(&(lstm_backward_arguments){
        .rows = c->rows,
        .hidden = c->columns,
        .activations = activations->data,
        .tanh_c = tanh_c->data,
        .c = c->data,
        .dh = dh->data,
        .dc = dc->data,
        .dgates = output[0]->data,
        .dc_previous = output[1]->data,
    });
    tape_record(tape, &operation_lstm_backward, 5, (value *[]){activations, tanh_c, c, dh, dc}, 2, output);
}

/* One product for both where the weights of x and h lie together: [dx, dh] = dgates [Wx; Wh]'. */
static void inputs_backward(const tape *tape, value *const *in, const void *dgates, void *scratch, value *dx,
                            value *dh) {
    int64_t rows = in[C]->rows, input = in[X]->columns, hidden = in[C]->columns, gates = 4 * hidden;
    const char *after_wx = (const char *)in[WX]->data + (size_t)(input * gates) * dtype_size(tape->kernels->type);
    if (dx != NULL && dh != NULL && after_wx == in[WH]->data) {
        tape->kernels->gemm(false, true, rows, input + hidden, gates, 1.0, dgates, gates, in[WX]->data, gates, 0.0,
                            scratch, input + hidden);
        tape->kernels->split_columns(rows, input, hidden, scratch, dx->data, dh->data);
        return;
    }
    if (dx != NULL)
        tape->kernels->gemm(false, true, rows, input, gates, 1.0, dgates, gates, in[WX]->data, gates, 0.0, dx->data,
                            input);
    if (dh != NULL)
        tape->kernels->gemm(false, true, rows, hidden, gates, 1.0, dgates, gates, in[WH]->data, gates, 0.0, dh->data,
                            hidden);
}

/* The derivative when nothing is recorded and the gates' own cotangents are zero: the gradients of the weights grow in
 * place, and what is between is given back at once, so that an unroll's backward pass keeps to the cache. */
static void lstm_derivative_unrecorded(tape *tape, const record *record, value *const *cotangent, value **result) {
    value *const *in = record->input;
    int64_t rows = in[C]->rows, input = in[X]->columns, hidden = in[C]->columns, gates = 4 * hidden;
    const kernels *kernels = tape->kernels;
    value *dx = in[X]->differentiable ? tape_value(tape, rows, input) : NULL;
    value *dh = in[H]->differentiable ? tape_value(tape, rows, hidden) : NULL;
    value *dc = tape_value(tape, rows, hidden);
    value *dwx = in[WX]->differentiable ? tape_accumulator(tape, in[WX]) : NULL;
    value *dwh = in[WH]->differentiable ? tape_accumulator(tape, in[WH]) : NULL;
    value *db = in[B]->differentiable ? tape_accumulator(tape, in[B]) : NULL;
    arena_mark mark = arena_position(tape->arena);
    size_t width = dtype_size(kernels->type);
    void *dgates = arena_allocate(tape->arena, (size_t)(rows * gates) * width, tape->error);
    void *scratch = arena_allocate(tape->arena, (size_t)(rows * (input + hidden) + gates) * width, tape->error);
    if (tape_status(tape) != L2O_OK) return;
    kernels->lstm_backward(&(lstm_backward_arguments){
        .rows = rows,
        .hidden = hidden,
        .activations = record->output[ACTIVATIONS]->data,
        .tanh_c = record->output[TANH_C]->data,
        .c = in[C]->data,
        .dh = cotangent[H_NEXT] == NULL ? NULL : cotangent[H_NEXT]->data,
        .dc = cotangent[C_NEXT] == NULL ? NULL : cotangent[C_NEXT]->data,
        .dgates = dgates,
        .dc_previous = dc->data,
    });
    inputs_backward(tape, in, dgates, scratch, dx, dh);
    if (dwx != NULL)
        kernels->gemm(true, false, input, gates, rows, 1.0, in[X]->data, input, dgates, gates, 1.0, dwx->data, gates);
    if (dwh != NULL)
        kernels->gemm(true, false, hidden, gates, rows, 1.0, in[H]->data, hidden, dgates, gates, 1.0, dwh->data, gates);
    if (db != NULL) {
        kernels->sum_rows(rows, gates, dgates, scratch);
        kernels->axpy(gates, 1.0, scratch, db->data);
    }
    arena_reset(tape->arena, mark);
    result[X] = dx;
    result[H] = dh;
    result[C] = dc;
}

static void lstm_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    value *const *in = record->input;
    value *activations = record->output[ACTIVATIONS], *tanh_c = record->output[TANH_C];
    value *dc = cotangent[C_NEXT], *dgates = NULL;
    if (!tape->recording && cotangent[TANH_C] == NULL && cotangent[ACTIVATIONS] == NULL) {
        lstm_derivative_unrecorded(tape, record, cotangent, result);
        return;
    }
    if (cotangent[TANH_C] != NULL)
        dc = sum_of(tape, dc, tape_multiply(tape, cotangent[TANH_C], tanh_slope(tape, tanh_c)));
    if (cotangent[H_NEXT] != NULL || dc != NULL)
        lstm_backward(tape, activations, tanh_c, in[C], cotangent[H_NEXT], dc, &dgates, &result[C]);
    if (cotangent[ACTIVATIONS] != NULL)
        dgates = sum_of(tape, dgates, tape_multiply(tape, cotangent[ACTIVATIONS], gate_slope(tape, activations)));
    if (dgates == NULL) return;
    if (in[X]->differentiable) result[X] = tape_matmul(tape, dgates, false, in[WX], true);
    if (in[H]->differentiable) result[H] = tape_matmul(tape, dgates, false, in[WH], true);
    if (in[WX]->differentiable) result[WX] = tape_matmul(tape, in[X], true, dgates, false);
    if (in[WH]->differentiable) result[WH] = tape_matmul(tape, in[H], true, dgates, false);
    if (in[B]->differentiable) result[B] = tape_sum_to(tape, dgates, 1, dgates->columns);
}

/* With d = dc + dh o (1 - t^2), the backward pass is dgates = raw * slope(a), raw = [d g, d c, d i, dh t], and
 * dc_previous = d f. Below, u and w are the cotangents of dgates and dc_previous, and r = u * slope(a). */
static void lstm_backward_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    value *const *in = record->input;
    value *a = in[BACK_ACTIVATIONS], *t = in[BACK_TANH_C], *c = in[BACK_C], *dh = in[BACK_DH], *dc = in[BACK_DC];
    int64_t hidden = c->columns;
    value *u = cotangent[0], *w = cotangent[1];
    if (u == NULL) u = tape_fill(tape, a->rows, a->columns, 0.0);
    if (w == NULL) w = tape_fill(tape, c->rows, hidden, 0.0);

    value *gate[4], *r[4];
    value *weighted = tape_multiply(tape, u, gate_slope(tape, a));
    for (int k = 0; k < 4; k++) {
        gate[k] = tape_slice_columns(tape, a, k * hidden, hidden);
        r[k] = tape_slice_columns(tape, weighted, k * hidden, hidden);
    }
    value *slope_t = tanh_slope(tape, t);
    value *o_slope = tape_multiply(tape, gate[GATE_O], slope_t);
    value *d = tape_add(tape, dc, tape_multiply(tape, dh, o_slope));
    value *raw[4] = {tape_multiply(tape, d, gate[GATE_G]), tape_multiply(tape, d, c),
                     tape_multiply(tape, d, gate[GATE_I]), tape_multiply(tape, dh, t)};

    /* What reaches d, and from there dc, dh, o and t. */
    value *to_d = tape_add(tape, tape_multiply(tape, r[GATE_I], gate[GATE_G]), tape_multiply(tape, r[GATE_F], c));
    to_d = tape_add(tape, to_d, tape_multiply(tape, r[GATE_G], gate[GATE_I]));
    to_d = tape_add(tape, to_d, tape_multiply(tape, w, gate[GATE_F]));
    value *to_d_dh = tape_multiply(tape, to_d, dh);

    value *to_gate[4];
    to_gate[GATE_I] = tape_multiply(tape, r[GATE_G], d);
    to_gate[GATE_F] = tape_multiply(tape, w, d);
    to_gate[GATE_G] = tape_multiply(tape, r[GATE_I], d);
    to_gate[GATE_O] = tape_multiply(tape, to_d_dh, slope_t);
    /* d slope(a) / d a = q - 2 a */
    value *bend = tape_subtract(tape, gate_row(tape, hidden, slope_q), tape_scale(tape, 2.0, a));
    value *curved = tape_multiply(tape, tape_multiply(tape, u, tape_concat_columns(tape, 4, raw)), bend);
    result[BACK_ACTIVATIONS] = tape_add(tape, tape_concat_columns(tape, 4, to_gate), curved);
    result[BACK_TANH_C] =
        tape_subtract(tape, tape_multiply(tape, r[GATE_O], dh),
                      tape_scale(tape, 2.0, tape_multiply(tape, to_d_dh, tape_multiply(tape, gate[GATE_O], t))));
    result[BACK_C] = tape_multiply(tape, r[GATE_F], d);
    result[BACK_DH] = tape_add(tape, tape_multiply(tape, r[GATE_O], t), tape_multiply(tape, to_d, o_slope));
    result[BACK_DC] = to_d;
}

const operation operation_lstm = {"LSTM cell", lstm_derivative};
const operation operation_lstm_backward = {"LSTM backward", lstm_backward_derivative};
