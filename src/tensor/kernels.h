/* The compute kernels behind a table of function pointers: one table per instruction set and float type.
 *
 * The bodies are written once (kernels_body.h) and compiled for each float type and each instruction set. All matrices
 * are row-major and, unless a leading dimension is given, dense. Results are the same bits for the same table whatever
 * the thread; they may differ in the last bits between tables. None of the kernels allocates or fails. */
#ifndef L2O_TENSOR_KERNELS_H
#define L2O_TENSOR_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum dtype { DTYPE_FLOAT32, DTYPE_FLOAT64 } dtype;
static inline size_t dtype_size(dtype type) { return type == DTYPE_FLOAT32 ? 4 : 8; }

/* Elementwise functions of one argument. `p` is a parameter (a constant factor or shift), ignored where not named. */
typedef enum unary_kind {
    UNARY_SCALE, /* p * x */
    UNARY_SHIFT, /* x + p */
    UNARY_EXP,
    UNARY_LOG,
    UNARY_TANH,
    UNARY_SIGMOID,
    UNARY_SQRT,
    UNARY_RECIPROCAL, /* 1 / x, and 0 where x == 0: infinite derivatives are defined as 0 */
    UNARY_ABS,
    UNARY_SIGN,         /* -1, 0, 1; sign(0) = 0 */
    UNARY_RELU,         /* max(x, 0) */
    UNARY_STEP,         /* 1 where x > 0, else 0 */
    UNARY_ELU,          /* x > 0 ? x : exp(x) - 1 (as expm1) */
    UNARY_ELU_GRADIENT, /* x > 0 ? 1 : exp(x) */
    UNARY_COS,
    UNARY_SIN,
    UNARY_COUNT
} unary_kind;

typedef enum binary_kind { BINARY_ADD, BINARY_SUBTRACT, BINARY_MULTIPLY, BINARY_DIVIDE, BINARY_COUNT } binary_kind;

/* A broadcast operand: element (i, j) is data[i * row_stride + j * column_stride]; a stride of 0 repeats. */
typedef struct operand {
    const void *data;
    int64_t row_stride, column_stride;
} operand;

/* One LSTM cell (Sonnet 1 arithmetic, torch column order i, f, g, o): gates = x Wx + h Wh + b,
 * c' = sigmoid(f + 1) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c'). */
typedef struct lstm_forward_arguments {
    int64_t rows, input, hidden;
    const void *x, *h, *c;   /* [rows, input], [rows, hidden], [rows, hidden] */
    const void *wx, *wh, *b; /* [input, 4 hidden], [hidden, 4 hidden], [4 hidden] */
    void *h_next, *c_next;   /* [rows, hidden]; may be h and c themselves (h: up to 16384 hidden units) */
    void *activations;       /* [rows, 4 hidden]: sigmoid(i), sigmoid(f + 1), tanh(g), sigmoid(o); NULL: not wanted */
    void *tanh_c;            /* [rows, hidden]: tanh(c'); NULL exactly when `activations` is */
} lstm_forward_arguments;

/* Its pointwise backward: from dh = dL/dh', dc = dL/dc' (either may be NULL: zero) to the gates' pre-activations and c.
 */
typedef struct lstm_backward_arguments {
    int64_t rows, hidden;
    const void *activations, *tanh_c, *c; /* as saved by the forward pass; c is the old cell state */
    const void *dh, *dc;                  /* [rows, hidden] */
    void *dgates, *dc_previous;           /* [rows, 4 hidden], [rows, hidden] */
} lstm_backward_arguments;

/* Running moments of a gradient, and both normalised as Adam does, in two rows one after the other:
 * m' = decay m + (1 - decay) g, v' = decay v + (1 - decay) g^2, d = sqrt(correction v') + epsilon,
 * features = [correction m' / d, g / d]. */
typedef struct moments_arguments {
    int64_t count;
    double decay, correction, epsilon;
    const void *g, *m, *v;
    void *m_next, *v_next, *features; /* [count], [count], [2, count] */
} moments_arguments;

/* Kernels in columns: a block of coordinates, one per lane, as the fused unroll works through them. Every array is
 * [features, columns], row-major and dense, each of its rows aligned to 64 bytes; `columns` is a multiple of
 * COLUMN_MULTIPLE. What a column's results are depends on nothing but its own numbers and the weights, to the bit.
 *
 * Sums over columns, such as gradients of biases, are kept apart in COLUMN_MULTIPLE partial sums: column c adds to
 * number c mod COLUMN_MULTIPLE of [features, COLUMN_MULTIPLE]; the caller adds these up once, at the end. */
enum { COLUMN_MULTIPLE = 16 };

/* The LSTM cell of lstm_forward_arguments in columns, by packed weights. `h_next` is not `h`. */
typedef struct columns_lstm_arguments {
    int64_t columns, input, hidden;
    const void *packed;    /* as made by columns_lstm_pack */
    const void *x, *h, *c; /* [input, columns], [hidden, columns], [hidden, columns] */
    void *h_next, *c_next; /* [hidden, columns]; c_next may be c */
    void *gates;           /* [4 hidden, columns]: sigmoid(i), sigmoid(f + 1), tanh(g), sigmoid(o); NULL: not wanted */
    void *tanh_c;          /* [hidden, columns]: tanh(c'); NULL exactly when `gates` is */
    bool far;              /* these two will have left the caches before they are read: they are stored around them */
} columns_lstm_arguments;

/* Its pointwise backward. The gradient of h' comes in two parts, from the layer above and from the next step. What is
 * left are products, for gemm: [dx; dh] = w dgates, dw += [x; h] dgates' (by a transposed copy of dgates). */
typedef struct columns_lstm_backward_arguments {
    int64_t columns, hidden;
    const void *gates, *tanh_c, *c;  /* as saved; c is the old cell state */
    const void *dh_above, *dh_later; /* [hidden, columns] */
    const void *dc;    /* [hidden, columns]: of c'; NULL, as dh_later is then: zero, behind the last step */
    void *dc_previous; /* [hidden, columns]: of c; may be dc */
    void *dgates;      /* [4 hidden, columns]: of the pre-activations; may be gates */
    void *db;          /* partial sums [4 hidden, COLUMN_MULTIPLE], added to */
} columns_lstm_backward_arguments;

/* out = ELU(x w + b) in columns. */
typedef struct columns_projection_arguments {
    int64_t columns, input, hidden;
    const void *x;     /* [input, columns] */
    const void *w, *b; /* [input, hidden], [hidden] */
    void *out;         /* [hidden, columns] */
} columns_projection_arguments;

typedef struct columns_projection_backward_arguments {
    int64_t columns, input, hidden;
    const void *x, *out, *dout; /* [input, columns], [hidden, columns] twice */
    void *dw, *db;              /* partial sums [input hidden, COLUMN_MULTIPLE], [hidden, COLUMN_MULTIPLE], added to */
} columns_projection_backward_arguments;

/* How the outputs z = h w + b of the last layer move x, with a length s for each column:
 *
 *   COLUMNS_STEP         x' = x + s tanh(z)
 *   COLUMNS_SCALED_STEP  x' = x + s tanh(z1) exp(R tanh(z2))
 *   COLUMNS_MOMENTUM     d' = M d - s exp(R tanh(z1)) g,  x' = x + d',  M = sigmoid(z2 + shift) */
typedef enum columns_update { COLUMNS_STEP, COLUMNS_SCALED_STEP, COLUMNS_MOMENTUM } columns_update;

typedef struct columns_rule {
    columns_update update;
    double scale;        /* s of columns that have none of their own */
    double range, shift; /* R, and what is added to z2 */
} columns_rule;

/* How many outputs there are; rows that are saved for the way back: what follows from z, and d; and rows of the
 * tangents' own: those of z, and of d. */
static inline int64_t columns_outputs(columns_update update) { return update == COLUMNS_STEP ? 1 : 2; }
static inline int64_t columns_saved(columns_update update) {
    return update == COLUMNS_STEP ? 1 : update == COLUMNS_SCALED_STEP ? 3 : 4;
}
static inline int64_t columns_saved_tangent(columns_update update) {
    return update == COLUMNS_STEP ? 1 : update == COLUMNS_SCALED_STEP ? 2 : 3;
}

/* The last layer and the step. */
typedef struct columns_head_arguments {
    int64_t columns, hidden;
    columns_rule rule;
    const void *lengths; /* [columns]: s of each; NULL: scale is */
    const void *h;       /* [hidden, columns] */
    const void *w, *b;   /* [hidden, outputs], [outputs] */
    const void *g;       /* [columns], with momentum */
    void *d;             /* [columns], with momentum: moved in place */
    const void *x;       /* [columns] */
    void *x_next;        /* [columns]; may be x */
    void *saved;         /* [columns_saved(), columns]; NULL: not wanted */
} columns_head_arguments;

typedef struct columns_head_backward_arguments {
    int64_t columns, hidden;
    columns_rule rule;
    const void *lengths;   /* as above */
    const void *h, *saved; /* [hidden, columns], as saved */
    const void *w;         /* [hidden, outputs] */
    const void *lambda;    /* [columns]: the gradient of x' */
    void *momentum;        /* [columns], with momentum: the gradient that d' has besides; out: that of d */
    void *dh;              /* [hidden, columns] */
    void *dw, *db;         /* partial sums [hidden outputs, COLUMN_MULTIPLE], [outputs, COLUMN_MULTIPLE], added to */
} columns_head_backward_arguments;

/* 1/2 ||A x - b||^2 + l1 ||x||_1 with an A per instance, and its gradient A' (A x - b) + l1 sign(x), sign(0) = 0. Up to
 * LEAST_SQUARES_IN_DOUBLE entries of A all sums are taken in float64 whatever the type: a component of the gradient can
 * be a small difference of large numbers, and a learned optimizer sees it divided by its own size. At such sizes the
 * cost is the optimizer's; above them, memory's. An instance's bits do not depend on the others in the list. */
enum { LEAST_SQUARES_IN_DOUBLE = 1024 };
typedef struct least_squares_arguments {
    int64_t count, m, n;
    const int64_t *index; /* [count]: the instance that each row of x belongs to */
    const void *a, *b;    /* [., m, n], [., m] by instance; b NULL: zeros, and the gradient is A' A x */
    const double *l1;     /* by instance; NULL: zeros */
    const void *x;        /* [count, n] */
    void *f, *g;          /* [count], [count, n]; either may be NULL; not x */
    void *work;           /* least_squares_work_bytes(), aligned to 64 */
} least_squares_arguments;
/* A, b, x, g and the residual of as many instances as a vector of float64 has lanes, 8 at most; the first four are
 * filled in whole vectors, of 16 at most. */
static inline int64_t least_squares_padded(int64_t count) { return (count + 15) / 16 * 16; }
static inline size_t least_squares_work_bytes(int64_t m, int64_t n) {
    if (m * n > LEAST_SQUARES_IN_DOUBLE) return 0;
    return (size_t)(least_squares_padded(m * n) + least_squares_padded(m) + 2 * least_squares_padded(n) + m) * 64;
}
/* Second order in columns: tangents, along a direction of the weights, of what the forward step of the same name
 * computed and saved; and the pointwise backward pass together with its own tangent. An argument's tangent is named
 * after it, that of the weights is the direction. What the gradients of the weights have as tangents are
 * partial sums, added to. */
typedef struct columns_lstm_tangent_arguments {
    int64_t columns, input, hidden;
    const void *packed, *packed_tangent;    /* as made by columns_lstm_pack; the biases in them are not used */
    const void *b_tangent;                  /* [4 hidden] */
    const void *x, *h, *c, *gates, *tanh_c; /* the step's input, its old state and what it saved */
    const void *x_tangent, *h_tangent, *c_tangent;
    void *gates_tangent, *tanh_c_tangent, *c_next_tangent, *h_next_tangent; /* memory of their own */
} columns_lstm_tangent_arguments;

/* What is left are products: [dx; dh]' = w dgates' + w' dgates, dw' += [x; h]' dgates + [x; h] dgates'. */
typedef struct columns_lstm_tangent_backward_arguments {
    int64_t columns, hidden;
    const void *c, *gates, *tanh_c, *c_tangent, *gates_tangent, *tanh_c_tangent;
    const void *dh, *dh_tangent;
    void *dc, *dc_tangent; /* in: of c', out: of c */
    void *dgates, *dgates_tangent;
    void *db_tangent;
} columns_lstm_tangent_backward_arguments;

typedef struct columns_projection_tangent_arguments { /* x, the network's input, is constant */
    int64_t columns, input, hidden;
    const void *x, *w_tangent, *b_tangent, *out;
    void *out_tangent;
} columns_projection_tangent_arguments;

typedef struct columns_projection_tangent_backward_arguments {
    int64_t columns, input, hidden;
    const void *x, *out, *out_tangent, *dout, *dout_tangent;
    void *dw_tangent, *db_tangent;
} columns_projection_tangent_backward_arguments;

typedef struct columns_head_tangent_arguments {
    int64_t columns, hidden;
    columns_rule rule;
    const void *lengths;
    const void *h, *h_tangent, *w, *w_tangent, *b_tangent, *saved;
    void *saved_tangent; /* [columns_saved_tangent(), columns] */
    void *d_tangent;     /* [columns], with momentum: moved in place, as the next is */
    void *x_tangent;     /* [columns] */
} columns_head_tangent_arguments;

typedef struct columns_head_tangent_backward_arguments {
    int64_t columns, hidden;
    columns_rule rule;
    const void *lengths;
    const void *h, *h_tangent, *w, *w_tangent, *saved, *saved_tangent;
    const void *lambda, *lambda_tangent;
    void *momentum, *momentum_tangent; /* as in the backward pass */
    void *dh, *dh_tangent;             /* [hidden, columns], added to */
    void *dw_tangent, *db_tangent;
} columns_head_tangent_backward_arguments;

typedef struct kernels {
    const char *name; /* "portable", "avx2", "avx512" */
    dtype type;
    /* C[m, n] = alpha * op(A) op(B) + beta * C, with op a transpose where asked; beta is 0 (C is not read) or 1.
     * `lda` is the row length of A as stored. Fast for the tall-skinny shapes of coordinate-wise networks (n up to a
     * few hundred, k up to about 200, m large; and transposed A with k large), and where op(A) is mostly zeros, which
     * are left out; anything else is correct. */
    void (*gemm)(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
                 int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc);
    /* C[m, n] = op(A) B + bias, the bias [n] for every row. */
    void (*affine)(bool transpose_a, int64_t m, int64_t n, int64_t k, const void *a, const void *b, const void *bias,
                   void *c);
    void (*unary)(unary_kind kind, double p, int64_t count, const void *x, void *out); /* out may be x */
    void (*binary)(binary_kind kind, int64_t rows, int64_t columns, operand a, operand b, void *out);
    /* Sums in a fixed order: out[1, columns], out[rows, 1], or one number when both directions are summed. */
    void (*sum_rows)(int64_t rows, int64_t columns, const void *x, void *out);    /* over rows: out[columns] */
    void (*sum_columns)(int64_t rows, int64_t columns, const void *x, void *out); /* over columns: out[rows] */
    /* sign(x) max(|x| - threshold, 0); a broadcast threshold may be negative, then it expands: the formula as written.
     */
    void (*soft_threshold)(int64_t rows, int64_t columns, const void *x, operand threshold, void *out);
    /* x[rows, left + right] into left_part[rows, left] and right_part[rows, right]. */
    void (*split_columns)(int64_t rows, int64_t left, int64_t right, const void *x, void *left_part, void *right_part);
    void (*axpy)(int64_t count, double alpha, const void *x, void *y); /* y += alpha x */
    double (*dot)(int64_t count, const void *x, const void *y);        /* accumulated in float64 */
    void (*moments)(const moments_arguments *arguments);
    void (*lstm_forward)(const lstm_forward_arguments *arguments);
    void (*lstm_backward)(const lstm_backward_arguments *arguments);
    /* out[columns, rows] = the transpose of x[rows, columns]; the strides are those of rows as stored. */
    void (*transpose)(int64_t rows, int64_t columns, const void *x, int64_t x_stride, void *out, int64_t out_stride);
    /* packed[hidden (input + hidden + 1) 4] of w[input + hidden, 4 hidden] (the input's rows first) and b[4 hidden]:
     * for each unit the biases of its gates i, f + 1, g, o and then each row's four weights. Those of i, f and o are
     * halved, which is exact: sigmoid(v) = 1/2 + 1/2 tanh(v / 2). */
    void (*columns_lstm_pack)(int64_t input, int64_t hidden, const void *w, const void *b, void *packed);
    void (*columns_lstm_forward)(const columns_lstm_arguments *arguments);
    void (*columns_lstm_backward)(const columns_lstm_backward_arguments *arguments);
    void (*columns_projection)(const columns_projection_arguments *arguments);
    void (*columns_projection_backward)(const columns_projection_backward_arguments *arguments);
    void (*columns_head)(const columns_head_arguments *arguments);
    void (*columns_head_backward)(const columns_head_backward_arguments *arguments);
    void (*least_squares)(const least_squares_arguments *arguments);
    void (*columns_lstm_tangent)(const columns_lstm_tangent_arguments *arguments);
    void (*columns_lstm_tangent_backward)(const columns_lstm_tangent_backward_arguments *arguments);
    void (*columns_projection_tangent)(const columns_projection_tangent_arguments *arguments);
    void (*columns_projection_tangent_backward)(const columns_projection_tangent_backward_arguments *arguments);
    void (*columns_head_tangent)(const columns_head_tangent_arguments *arguments);
    void (*columns_head_tangent_backward)(const columns_head_tangent_backward_arguments *arguments);
    void (*to_double)(int64_t count, const void *x, double *out);
    void (*from_double)(int64_t count, const double *x, void *out);
} kernels;

/* The table for a path: "auto" (or NULL: the best this machine runs), "portable", "avx2", "avx512". An unknown name, or
 * a path this machine or build cannot run, is L2O_ERROR_INPUT with a sentence that lists those it can. */
l2o_status kernels_select(const char *path, dtype type, const kernels **table, l2o_error *error);

#endif
