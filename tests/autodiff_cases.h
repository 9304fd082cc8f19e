/* What the tests of the tape share: one small computation for every operation, over inputs that keep away from kinks.
 * Included by tests only. */
#ifndef L2O_TESTS_AUTODIFF_CASES_H
#define L2O_TESTS_AUTODIFF_CASES_H

#include <math.h>
#include <string.h>

#include "autodiff/operations.h"
#include "autodiff/tape.h"
#include "base/random.h"
#include "closed_form.h"
#include "problems/problem_node.h"

enum { CASE_INPUTS = 8, CASE_NUMBERS = 512, INPUT_B = 2, INPUT_H = 3 };

typedef enum range { RANGE_ANY, RANGE_POSITIVE, RANGE_GAPS, RANGE_THRESHOLD } range;

typedef struct shape {
    int64_t rows, columns;
    range range;
} shape;

typedef struct autodiff_case {
    const char *name;
    const operation *operation; /* what it is a case of */
    value *(*build)(tape *tape, value *const *in, int variant);
    int variant, inputs, orders; /* derivatives up to this order exist */
    shape shape[CASE_INPUTS];
} autodiff_case;

static const problem closed_form_float32 = {
    .ops = &closed_form_ops, .type = DTYPE_FLOAT32, .batch = 2, .dimension = 3, .concurrent = true};
static const problem closed_form_float64 = {
    .ops = &closed_form_ops, .type = DTYPE_FLOAT64, .batch = 2, .dimension = 3, .concurrent = true};
static const int64_t both_rows[] = {0, 1};
static const instances both = {2, both_rows};

static inline value *build_binary(tape *tape, value *const *in, int variant) {
    switch (variant) {
    case 0: return tape_add(tape, in[0], in[1]);
    case 1: return tape_subtract(tape, in[0], in[1]);
    case 2: return tape_multiply(tape, in[0], in[1]);
    default: return tape_divide(tape, in[0], in[1]);
    }
}

static inline value *build_unary(tape *tape, value *const *in, int variant) {
    return tape_unary(tape, (unary_kind)variant, 0.7, in[0]);
}

static inline value *build_soft_threshold(tape *tape, value *const *in, int variant) {
    (void)variant;
    return tape_soft_threshold(tape, in[0], in[1]);
}

static inline value *build_shape(tape *tape, value *const *in, int variant) {
    switch (variant) {
    case 0: return tape_reshape(tape, in[0], 2, 6);
    case 1: return tape_sum_to(tape, in[0], 1, 4);
    case 2: return tape_sum_to(tape, in[0], 3, 1);
    case 3: return tape_sum_to(tape, in[0], 1, 1);
    case 4: return tape_slice_rows(tape, in[0], 1, 2);
    case 5: return tape_slice_columns(tape, in[0], 1, 2);
    case 6: return tape_pad_rows(tape, in[0], 1, 5);
    case 7: return tape_pad_columns(tape, in[0], 2, 7);
    default: return tape_broadcast(tape, in[0], 3, 4);
    }
}

static inline value *build_concatenation(tape *tape, value *const *in, int variant) {
    (void)variant;
    return tape_concat_columns(tape, 3, (value *[]){in[0], in[1], in[0]});
}

static inline value *build_matmul(tape *tape, value *const *in, int variant) {
    return tape_matmul(tape, in[0], (variant & 1) != 0, in[1], (variant & 2) != 0);
}

static inline value *build_affine(tape *tape, value *const *in, int variant) {
    return tape_affine(tape, in[0], variant == 1, in[1], in[2]);
}

/* All four outputs of the cell, side by side. */
static inline value *build_lstm(tape *tape, value *const *in, int variant) {
    value *h = in[1], *c = in[2];
    tape_lstm(tape, in[0], &h, &c, in[3], in[4], in[5]);
    if (h == NULL || c == NULL || h->maker == NULL) return NULL;
    value *const *output = h->maker->output;
    if (variant < 4) return output[variant];
    return tape_concat_columns(tape, 4, output);
}

/* Two steps of the cell, as in an unroll. */
static inline value *build_two_cells(tape *tape, value *const *in, int variant) {
    value *h = in[1], *c = in[2];
    (void)variant;
    tape_lstm(tape, in[0], &h, &c, in[3], in[4], in[5]);
    tape_lstm(tape, in[0], &h, &c, in[3], in[4], in[5]);
    return tape_concat_columns(tape, 2, (value *[]){h, c});
}

/* The backward pass as a computation of its own: with cotangents on h' or c' or both that are inputs too. */
static inline value *build_lstm_backward(tape *tape, value *const *in, int variant) {
    value *h = in[1], *c = in[2], *gradient[3];
    tape_lstm(tape, in[0], &h, &c, in[3], in[4], in[5]);
    value *output[] = {variant == 1 ? c : h, variant == 0 ? h : c};
    value *seed[] = {in[6], in[7]};
    if (tape_gradient(tape, variant == 2 ? 2 : 1, output, seed, 3, in, gradient) != L2O_OK) return NULL;
    return tape_concat_columns(tape, 3, gradient);
}

static inline value *build_problem(tape *tape, value *const *in, int variant) {
    const problem *problem = tape->kernels->type == DTYPE_FLOAT32 ? &closed_form_float32 : &closed_form_float64;
    value *f = NULL, *g = NULL, *out = NULL;
    if (variant == 3) return problem_node_smooth_gradient(tape, problem, &both, in[0]);
    problem_node(tape, problem, &both, in[0], &f, &g);
    if (variant == 0) return f;
    if (variant == 1) return g;
    tape_gradient(tape, 1, &g, &in[1], 1, in, &out); /* H v */
    if (variant == 2) return out;
    value *third = NULL;
    tape_gradient(tape, 1, &out, &in[2], 1, in, &third);
    return third;
}

#define LSTM_INPUTS                                                                                                    \
    {INPUT_B, 2, RANGE_ANY}, {INPUT_B, INPUT_H, RANGE_ANY}, {INPUT_B, INPUT_H, RANGE_ANY},                             \
        {2, 4 * INPUT_H, RANGE_ANY}, {INPUT_H, 4 * INPUT_H, RANGE_ANY}, {1, 4 * INPUT_H, RANGE_ANY},                   \
        {INPUT_B, INPUT_H, RANGE_ANY}, {                                                                               \
        INPUT_B, INPUT_H, RANGE_ANY                                                                                    \
    }

#define BINARY(name, operation, variant, m, n, k, l)                                                                   \
    {                                                                                                                  \
        name, &operation, build_binary, variant, 2, 3, {                                                               \
            {m, n, RANGE_GAPS}, { k, l, RANGE_GAPS }                                                                   \
        }                                                                                                              \
    }
#define BINARIES(name, operation, variant)                                                                             \
    BINARY(name, operation, variant, 3, 4, 3, 4), BINARY(name " row", operation, variant, 3, 4, 1, 4),                 \
        BINARY(name " column", operation, variant, 3, 1, 3, 4),                                                        \
        BINARY(name " number", operation, variant, 1, 1, 3, 4), BINARY(name " outer", operation, variant, 3, 1, 1, 4), \
        BINARY(name " by number", operation, variant, 3, 4, 1, 1)
#define UNARY(kind, range)                                                                                             \
    {                                                                                                                  \
#kind, &operation_unary[kind], build_unary, kind, 1, 3, {                                                      \
            { 3, 5, range }                                                                                            \
        }                                                                                                              \
    }
#define SHAPE(name, operation, variant, m, n)                                                                          \
    {                                                                                                                  \
        name, &operation, build_shape, variant, 1, 3, {                                                                \
            { m, n, RANGE_ANY }                                                                                        \
        }                                                                                                              \
    }
#define MATMUL(variant, m, n, k, l)                                                                                    \
    {                                                                                                                  \
        "matrix product", &operation_matmul, build_matmul, variant, 2, 3, {                                            \
            {m, n, RANGE_ANY}, { k, l, RANGE_ANY }                                                                     \
        }                                                                                                              \
    }
#define AFFINE(variant, m, n, k)                                                                                       \
    {                                                                                                                  \
        "affine map", &operation_affine, build_affine, variant, 3, 3, {                                                \
            {m, n, RANGE_ANY}, {3, k, RANGE_ANY}, { 1, k, RANGE_ANY }                                                  \
        }                                                                                                              \
    }

static const autodiff_case autodiff_cases[] = {
    AFFINE(0, 4, 3, 5),
    AFFINE(1, 3, 4, 5),
    AFFINE(0, 4, 3, 1),
    AFFINE(1, 3, 4, 1),
    BINARIES("add", operation_add, 0),
    BINARIES("subtract", operation_subtract, 1),
    BINARIES("multiply", operation_multiply, 2),
    BINARIES("divide", operation_divide, 3),
    UNARY(UNARY_SCALE, RANGE_ANY),
    UNARY(UNARY_SHIFT, RANGE_ANY),
    UNARY(UNARY_EXP, RANGE_ANY),
    UNARY(UNARY_LOG, RANGE_POSITIVE),
    UNARY(UNARY_TANH, RANGE_ANY),
    UNARY(UNARY_SIGMOID, RANGE_ANY),
    UNARY(UNARY_SQRT, RANGE_POSITIVE),
    UNARY(UNARY_RECIPROCAL, RANGE_GAPS),
    UNARY(UNARY_ABS, RANGE_GAPS),
    UNARY(UNARY_SIGN, RANGE_GAPS),
    UNARY(UNARY_RELU, RANGE_GAPS),
    UNARY(UNARY_STEP, RANGE_GAPS),
    UNARY(UNARY_ELU, RANGE_GAPS),
    UNARY(UNARY_ELU_GRADIENT, RANGE_GAPS),
    UNARY(UNARY_COS, RANGE_ANY),
    UNARY(UNARY_SIN, RANGE_ANY),
    {"soft threshold",
     &operation_soft_threshold,
     build_soft_threshold,
     0,
     2,
     3,
     {{3, 6, RANGE_THRESHOLD}, {3, 6, RANGE_POSITIVE}}},
    {"soft threshold by number",
     &operation_soft_threshold,
     build_soft_threshold,
     0,
     2,
     3,
     {{3, 6, RANGE_THRESHOLD}, {1, 1, RANGE_POSITIVE}}},
    {"soft threshold by column",
     &operation_soft_threshold,
     build_soft_threshold,
     0,
     2,
     3,
     {{3, 6, RANGE_THRESHOLD}, {3, 1, RANGE_POSITIVE}}},
    SHAPE("reshape", operation_reshape, 0, 3, 4),
    SHAPE("sum of rows", operation_sum_to, 1, 3, 4),
    SHAPE("sum of columns", operation_sum_to, 2, 3, 4),
    SHAPE("sum", operation_sum_to, 3, 3, 4),
    SHAPE("slice of rows", operation_slice_rows, 4, 3, 4),
    SHAPE("slice of columns", operation_slice_columns, 5, 3, 4),
    SHAPE("padding of rows", operation_pad_rows, 6, 3, 4),
    SHAPE("padding of columns", operation_pad_columns, 7, 3, 4),
    SHAPE("broadcast of a row", operation_broadcast, 8, 1, 4),
    SHAPE("broadcast of a column", operation_broadcast, 8, 3, 1),
    SHAPE("broadcast of a number", operation_broadcast, 8, 1, 1),
    {"concatenation", &operation_concat_columns, build_concatenation, 0, 2, 3, {{3, 4, RANGE_ANY}, {3, 2, RANGE_ANY}}},
    MATMUL(0, 3, 4, 4, 2),
    MATMUL(1, 4, 3, 4, 2),
    MATMUL(2, 3, 4, 2, 4),
    MATMUL(3, 4, 3, 2, 4),
    {"LSTM: h", &operation_lstm, build_lstm, 0, 6, 3, {LSTM_INPUTS}},
    {"LSTM: c", &operation_lstm, build_lstm, 1, 6, 3, {LSTM_INPUTS}},
    {"LSTM: activations", &operation_lstm, build_lstm, 2, 6, 3, {LSTM_INPUTS}},
    {"LSTM: tanh c", &operation_lstm, build_lstm, 3, 6, 3, {LSTM_INPUTS}},
    {"LSTM: all outputs", &operation_lstm, build_lstm, 4, 6, 3, {LSTM_INPUTS}},
    {"LSTM: two steps", &operation_lstm, build_two_cells, 0, 6, 3, {LSTM_INPUTS}},
    {"LSTM backward from h", &operation_lstm_backward, build_lstm_backward, 0, 8, 3, {LSTM_INPUTS}},
    {"LSTM backward from c", &operation_lstm_backward, build_lstm_backward, 1, 8, 3, {LSTM_INPUTS}},
    {"LSTM backward", &operation_lstm_backward, build_lstm_backward, 2, 8, 3, {LSTM_INPUTS}},
    {"problem: value", &operation_problem, build_problem, 0, 1, 3, {{2, 3, RANGE_ANY}}},
    {"problem: gradient", &operation_problem, build_problem, 1, 1, 2, {{2, 3, RANGE_ANY}}},
    {"problem: smooth gradient", &operation_problem_smooth, build_problem, 3, 1, 2, {{2, 3, RANGE_ANY}}},
    {"problem: Hessian", &operation_problem_hessian, build_problem, 2, 2, 1, {{2, 3, RANGE_ANY}, {2, 3, RANGE_ANY}}},
};
enum { CASES = sizeof autodiff_cases / sizeof *autodiff_cases };

static inline int64_t case_numbers(const autodiff_case *it) {
    int64_t total = 0;
    for (int k = 0; k < it->inputs; k++) total += it->shape[k].rows * it->shape[k].columns;
    return total;
}

static inline void case_point(const autodiff_case *it, uint64_t seed, double *point) {
    random_key key = {.seed = seed, .stream = STREAM_CHECK};
    int64_t at = 0;
    for (int k = 0; k < it->inputs; k++)
        for (int64_t i = 0; i < it->shape[k].rows * it->shape[k].columns; i++, at++) {
            double u = random_uniform(key, (uint64_t)at), sign = at % 2 == 0 ? 1 : -1;
            switch (it->shape[k].range) {
            case RANGE_ANY: point[at] = 2 * u - 1; break;
            case RANGE_POSITIVE: point[at] = 0.3 + 0.3 * u; break;
            case RANGE_GAPS: point[at] = sign * (0.4 + u); break;
            case RANGE_THRESHOLD: point[at] = sign * (i % 3 == 0 ? 0.1 * u : 0.8 + u); break;
            }
        }
}

/* The inputs on the tape at `point`, and from them s = sum out (R + out) with fixed random R, so that every derivative
 * meets a cotangent that itself depends on the inputs. */
static inline value *case_objective(const autodiff_case *it, tape *tape, const double *point, value **in) {
    int64_t at = 0;
    for (int k = 0; k < it->inputs; k++) {
        in[k] = tape_from_double(tape, it->shape[k].rows, it->shape[k].columns, point + at);
        if (in[k] == NULL) return NULL;
        in[k]->differentiable = true;
        at += it->shape[k].rows * it->shape[k].columns;
    }
    value *out = it->build(tape, in, it->variant);
    if (out == NULL) return NULL;
    double weight[CASE_NUMBERS];
    for (int64_t i = 0; i < out->rows * out->columns; i++)
        weight[i] = random_normal((random_key){.seed = 77, .stream = STREAM_CHECK}, (uint64_t)i);
    value *weights = tape_from_double(tape, out->rows, out->columns, weight);
    return tape_sum_to(tape, tape_multiply(tape, out, tape_add(tape, weights, out)), 1, 1);
}

/* The inputs' parts one behind another, in float64. */
static inline void case_flatten(const autodiff_case *it, const tape *tape, value *const *parts, double *out) {
    for (int k = 0; k < it->inputs; k++) {
        int64_t count = it->shape[k].rows * it->shape[k].columns;
        tape->kernels->to_double(count, parts[k]->data, out);
        out += count;
    }
}

/* The derivative of the given order of the objective: 0 the value, 1 the gradient, 2 H u, 3 the gradient of v' H u;
 * `numbers` for each, but one for order 0. With `recording`, the last one is recorded as well. */
static inline l2o_status case_derivative(const autodiff_case *it, tape *tape, const double *point, int order,
                                         const double *const directions[2], bool recording, double *out) {
    value *in[CASE_INPUTS], *current[CASE_INPUTS], *next[CASE_INPUTS], *seed[CASE_INPUTS];
    tape->recording = true;
    value *objective = case_objective(it, tape, point, in);
    if (order == 0 && objective != NULL) *out = tape_scalar(tape, objective);
    for (int k = 1; k <= order && tape_status(tape) == L2O_OK; k++) {
        tape->recording = recording || k < order;
        if (k == 1) {
            tape_gradient(tape, 1, &objective, NULL, it->inputs, in, current);
            continue;
        }
        const double *direction = directions[k - 2];
        for (int i = 0; i < it->inputs; i++) {
            seed[i] = tape_from_double(tape, it->shape[i].rows, it->shape[i].columns, direction);
            direction += it->shape[i].rows * it->shape[i].columns;
        }
        tape_gradient(tape, it->inputs, current, seed, it->inputs, in, next);
        memcpy(current, next, sizeof current);
    }
    if (order > 0 && tape_status(tape) == L2O_OK) case_flatten(it, tape, current, out);
    return tape_status(tape);
}

#endif
