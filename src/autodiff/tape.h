/* The tape: tensor operations that are carried out at once and, where a gradient may be wanted, recorded. Reverse mode
 * walks the records backwards; the gradient it computes is made of the same operations and is itself on the tape when
 * recording is on, so derivatives of derivatives need no code of their own.
 *
 * Every tensor is a matrix [rows, columns], row-major and dense, of the tape's one float type. Values live in an arena
 * and die when it is reset. Failure is sticky: the first one is kept in the tape's error, and from then on every
 * operation returns NULL and accepts NULL, so that a whole computation is checked once, by tape_status(). */
#ifndef L2O_AUTODIFF_TAPE_H
#define L2O_AUTODIFF_TAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "tensor/kernels.h"

enum { TAPE_INPUTS = 6, TAPE_OUTPUTS = 4 };

typedef struct value value;
typedef struct record record;
typedef struct tape tape;

/* An operation: how its derivative is made of other operations. */
typedef struct operation {
    const char *name;
    /* From the cotangents of a record's outputs (NULL: zero) to those of its inputs: result[i] is NULL on entry and
     * stays so for zero. Need not be computed for inputs that are not differentiable. */
    void (*derivative)(tape *tape, const record *record, value *const *cotangent, value **result);
} operation;

struct value {
    void *data;
    int64_t rows, columns;
    record *maker; /* NULL: an input, a constant, or not recorded */
    int output;    /* which output of its maker */
    bool differentiable;
    bool replaceable; /* a state that nobody reads once its successor is made, which may take over its memory */
    value *cotangent; /* scratch of the gradient pass numbered `pass` */
    uint32_t pass;
    bool owns_cotangent; /* nobody else refers to it, so it may be added to in place */
    /* An input whose cotangent would be a sum of products x' c with all rows of a batch in them. A pass that is not
     * recorded notes the factors in the tape's `products`, for who waits for more rows of the batch. */
    bool deferred;
};

/* left' right, a part of the cotangent of `target`. */
typedef struct deferred_product deferred_product;
struct deferred_product {
    deferred_product *next;
    const value *target, *left, *right;
};

struct record {
    const operation *operation;
    record *previous;
    int64_t number;
    int input_count, output_count;
    value *input[TAPE_INPUTS], *output[TAPE_OUTPUTS];
    /* What the operation needs to know besides its inputs. */
    double factor;
    int64_t first, second;
    const void *object;
};

struct tape {
    const kernels *kernels;
    arena *arena;
    l2o_error *error;
    bool recording;
    record *last;
    int64_t records;
    uint32_t passes;
    deferred_product *products; /* noted by tape_gradient(), the last first */
};

typedef struct tape_mark {
    arena_mark arena;
    record *last;
    deferred_product *products;
} tape_mark;

/* Starts an empty tape over an arena and an error that outlive it. */
void tape_begin(tape *tape, const kernels *kernels, arena *arena, l2o_error *error, bool recording);
tape_mark tape_position(const tape *tape);
void tape_reset(tape *tape, tape_mark mark); /* values made since the mark are gone */
l2o_status tape_status(const tape *tape);

/* A leaf over the caller's memory, not copied. */
value *tape_input(tape *tape, const void *data, int64_t rows, int64_t columns, bool differentiable);
value *tape_fill(tape *tape, int64_t rows, int64_t columns, double number); /* a constant */
value *tape_from_double(tape *tape, int64_t rows, int64_t columns, const double *numbers);
value *tape_detach(tape *tape, value *x); /* the same numbers, a constant at every order */
/* Is `x` one number? Its value; NAN when the tape has failed. */
double tape_scalar(const tape *tape, const value *x);

/* Elementwise, with broadcasting of rows, columns and single numbers. */
value *tape_add(tape *tape, value *a, value *b);
value *tape_subtract(tape *tape, value *a, value *b);
value *tape_multiply(tape *tape, value *a, value *b);
value *tape_divide(tape *tape, value *a, value *b);
value *tape_unary(tape *tape, unary_kind kind, double p, value *x);
value *tape_scale(tape *tape, double factor, value *x);
value *tape_shift(tape *tape, double summand, value *x);
/* sign(x) max(|x| - threshold, 0); the threshold broadcasts. */
value *tape_soft_threshold(tape *tape, value *x, value *threshold);

/* Shapes. */
value *tape_reshape(tape *tape, value *x, int64_t rows, int64_t columns); /* same memory */
value *tape_broadcast(tape *tape, value *x, int64_t rows, int64_t columns);
value *tape_sum_to(tape *tape, value *x, int64_t rows, int64_t columns);    /* each is kept or 1 */
value *tape_slice_rows(tape *tape, value *x, int64_t first, int64_t count); /* same memory */
value *tape_slice_columns(tape *tape, value *x, int64_t first, int64_t count);
value *tape_pad_rows(tape *tape, value *x, int64_t first, int64_t rows); /* zeros around; inverse of slice */
value *tape_pad_columns(tape *tape, value *x, int64_t first, int64_t columns);
value *tape_concat_columns(tape *tape, int count, value *const *parts); /* up to TAPE_INPUTS parts */

/* op(a) op(b) with transposes where asked. */
value *tape_matmul(tape *tape, value *a, bool transpose_a, value *b, bool transpose_b);

/* op(x) w + b, the bias b [1, columns] added to every row. */
value *tape_affine(tape *tape, value *x, bool transpose_x, value *w, value *b);

/* The LSTM cell of kernels.h: h and c are replaced by their successors. */
void tape_lstm(tape *tape, value *x, value **h, value **c, value *wx, value *wh, value *b);

/* d/d input[j] of sum_k <cotangent[k], output[k]>, into gradient[j] (zeros where nothing depends on it; of a
 * deferred input what was not noted as products, NULL where that is all). A cotangent
 * that is NULL means ones. Recorded, and so differentiable again, when the tape is recording. */
l2o_status tape_gradient(tape *tape, int outputs, value *const *output, value *const *cotangent, int inputs,
                         value *const *input, value **gradient);

/* For operations defined elsewhere (a problem's derivatives): a fresh value, and a record that makes `outputs` of
 * `inputs`; nothing is recorded unless the tape records and some input is differentiable. NULL on failure or when not
 * recorded. */
value *tape_value(tape *tape, int64_t rows, int64_t columns);
record *tape_record(tape *tape, const operation *operation, int inputs, value *const *input, int outputs,
                    value *const *output);

/* For derivatives that add to what other records gave, when the tape is not recording: where the present gradient pass
 * keeps the cotangent of `target`, zeros at first, to be added to in place. */
value *tape_accumulator(tape *tape, value *target);

/* For derivatives of products: notes left' right where `target` is deferred and the tape does not record. */
bool tape_defer(tape *tape, const value *target, const value *left, const value *right);

/* All operations of this room, for the test that closes them under differentiation; NULL past the end. */
const operation *tape_operation_at(int index);

#endif
