/* Every kernel of every table that this machine can run, in both float types, against loops in float64 and libm. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#ifdef L2O_HAVE_OPENMP
#include <omp.h>
#endif

#include "tensor/kernels.h"

static const kernels *tables[6];
static int table_count;

static int find_tables(void **state) {
    (void)state;
    const char *names[] = {"portable", "avx2", "avx512"};
    l2o_error error;
    for (int name = 0; name < 3; name++)
        for (int type = 0; type < 2; type++)
            if (kernels_select(names[name], (dtype)type, &tables[table_count], &error) == L2O_OK) table_count++;
    return table_count >= 2 ? 0 : -1;
}

/* Numbers from a small generator of its own, uniform in [-1, 1). */
static uint64_t generator = 1;
static double draw(void) {
    generator = generator * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(int64_t)(generator >> 11) / 4503599627370496.0 - 1.0;
}

/* An array of a table's type on the heap, exactly as long as asked, so that sanitizers see any step outside. */
typedef struct array {
    dtype type;
    int64_t count;
    void *data;
} array;

static array array_make(dtype type, int64_t count) {
    array a = {type, count, malloc((size_t)count * dtype_size(type) + (count == 0))};
    assert_non_null(a.data);
    return a;
}
static double get(array a, int64_t i) {
    assert_true(i >= 0 && i < a.count);
    return a.type == DTYPE_FLOAT32 ? (double)((float *)a.data)[i] : ((double *)a.data)[i];
}
static void set(array a, int64_t i, double value) {
    assert_true(i >= 0 && i < a.count);
    if (a.type == DTYPE_FLOAT32)
        ((float *)a.data)[i] = (float)value;
    else
        ((double *)a.data)[i] = value;
}
static array array_fill(array a, double value) {
    for (int64_t i = 0; i < a.count; i++) set(a, i, value);
    return a;
}
static array array_draw(dtype type, int64_t count) {
    array a = array_make(type, count);
    for (int64_t i = 0; i < count; i++) set(a, i, draw());
    return a;
}
static array array_copy(array a) {
    array b = array_make(a.type, a.count);
    memcpy(b.data, a.data, (size_t)a.count * dtype_size(a.type));
    return b;
}
static void array_free(array a) { free(a.data); }
static void assert_same_bits(array a, array b) {
    assert_int_equal(a.count, b.count);
    assert_memory_equal(a.data, b.data, (size_t)a.count * dtype_size(a.type));
}

static double epsilon(dtype type) { return type == DTYPE_FLOAT32 ? 1.1920928955078125e-7 : 2.220446049250313e-16; }

/* Relative where the expected number is normal, absolute at the type's smallest numbers. NaN matches NaN only. */
static void assert_close_in(double actual, double expected, double units, dtype type, const char *what, double at) {
    const double smallest = type == DTYPE_FLOAT32 ? 1.1754943508222875e-38 : 2.2250738585072014e-308;
    if (isnan(expected) && isnan(actual)) return;
    if (type == DTYPE_FLOAT32) expected = (double)(float)expected;
    if (actual == expected) return;
    const double size = fabs(expected) > smallest ? fabs(expected) : smallest;
    if (fabs(actual - expected) <= units * epsilon(type) * size) return;
    fail_msg("%s at %.17g: %.17g instead of %.17g", what, at, actual, expected);
}

static void test_select(void **state) {
    (void)state;
    const kernels *table = NULL, *named = NULL;
    l2o_error error;
    assert_int_equal(kernels_select(NULL, DTYPE_FLOAT32, &table, &error), L2O_OK);
    assert_int_equal(table->type, DTYPE_FLOAT32);
    assert_int_equal(kernels_select("auto", DTYPE_FLOAT64, &table, &error), L2O_OK);
    assert_int_equal(table->type, DTYPE_FLOAT64);
    assert_int_equal(kernels_select(table->name, DTYPE_FLOAT64, &named, &error), L2O_OK);
    assert_ptr_equal(table, named);
    assert_int_equal(kernels_select("portable", DTYPE_FLOAT32, &table, &error), L2O_OK);
    assert_string_equal(table->name, "portable");
    assert_int_equal(kernels_select("sse9", DTYPE_FLOAT32, &table, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "sse9"));
    assert_non_null(strstr(error.text, "portable"));
    assert_int_equal(error.status, L2O_ERROR_INPUT);
}

static double unary_expected(unary_kind kind, double p, double x) {
    switch (kind) {
    case UNARY_SCALE: return p * x;
    case UNARY_SHIFT: return x + p;
    case UNARY_EXP: return exp(x);
    case UNARY_LOG: return log(x);
    case UNARY_TANH: return tanh(x);
    case UNARY_SIGMOID: return 1 / (1 + exp(-x));
    case UNARY_SQRT: return sqrt(x);
    case UNARY_RECIPROCAL: return x == 0 ? 0 : 1 / x;
    case UNARY_ABS: return fabs(x);
    case UNARY_SIGN: return x > 0 ? 1 : x < 0 ? -1 : x;
    case UNARY_RELU: return x <= 0 ? 0 : x;
    case UNARY_STEP: return x > 0 ? 1 : 0;
    case UNARY_ELU: return x > 0 ? x : expm1(x);
    case UNARY_ELU_GRADIENT: return x > 0 ? 1 : exp(x);
    case UNARY_COS: return cos(x);
    case UNARY_SIN: return sin(x);
    case UNARY_COUNT: break;
    }
    return NAN;
}

static const char *const unary_names[UNARY_COUNT] = {"scale", "shift", "exp", "log",  "tanh", "sigmoid",
                                                     "sqrt",  "1/x",   "abs", "sign", "relu", "step",
                                                     "elu",   "elu'",  "cos", "sin"};

static bool unary_wants_positive(unary_kind kind) { return kind == UNARY_LOG || kind == UNARY_SQRT; }

/* Arguments from tiny to large, both signs, and the ends of each function's range. */
static array unary_arguments(dtype type) {
    static const double special[] = {
        0.0,  -0.0, INFINITY, -INFINITY, NAN,   1.0,    -1.0,   0.34657, 0.34658, -0.34657, -0.34658, 1.04, -1.04,
        5.0,  9.0,  -9.01,    10.0,      10.5,  19.9,   -20.5,  40.0,    -40.0,   86.9,     -87.0,    88.0, -88.7,
        89.0, -103, -104.5,   -200.0,    700.0, -708.0, -744.0, 709.7,   710.5,   -746.5,   1e30,     -1e30};
    const int64_t specials = (int64_t)(sizeof special / sizeof *special), draws = 20011;
    array x = array_make(type, specials + draws);
    for (int64_t i = 0; i < specials; i++) set(x, i, special[i]);
    for (int64_t i = 0; i < draws; i++) {
        const double size = i % 3 == 0 ? 25.0 * draw() : i % 3 == 1 ? 2.0 * draw() : 90.0 * draw();
        set(x, specials + i, i % 5 == 4 ? pow(10.0, -15.0 + 15.0 * draw()) * (draw() < 0 ? -1 : 1) : size);
    }
    return x;
}

static void test_unary(void **state) {
    (void)state;
    const double p = 1.7;
    for (int t = 0; t < table_count; t++) {
        const dtype type = tables[t]->type;
        array x = unary_arguments(type), out = array_make(type, x.count);
        for (int kind = 0; kind < UNARY_COUNT; kind++) {
            for (int64_t i = 0; i < x.count && unary_wants_positive((unary_kind)kind); i++) set(x, i, fabs(get(x, i)));
            tables[t]->unary((unary_kind)kind, p, x.count, x.data, out.data);
            const double rounded = type == DTYPE_FLOAT32 ? (double)(float)p : p;
            for (int64_t i = 0; i < x.count; i++) {
                const double expected = unary_expected((unary_kind)kind, rounded, get(x, i));
                /* Below the smallest normal number exp(-x) overflows, and the sigmoid may be 0 already. */
                if (kind == UNARY_SIGMOID && get(out, i) == 0 && expected < 1.2e-38) continue;
                assert_close_in(get(out, i), expected, 3.4, type, unary_names[kind], get(x, i));
            }
            array in_place = array_copy(x);
            tables[t]->unary((unary_kind)kind, p, x.count, in_place.data, in_place.data);
            assert_same_bits(in_place, out);
            array_free(in_place);
            if (unary_wants_positive((unary_kind)kind)) {
                array_free(x);
                x = unary_arguments(type);
            }
        }
        array_free(x);
        array_free(out);
    }
}

/* Near multiples of pi/2, where sine or cosine almost vanish and only an accurate multiple of pi leaves digits; on both
 * sides of where the C library takes over; and far beyond. */
static void test_sine_cosine(void **state) {
    (void)state;
    enum { DRAWS = 60000 };
    for (int t = 0; t < table_count; t++) {
        const dtype type = tables[t]->type;
        array x = array_make(type, DRAWS), out = array_make(type, DRAWS);
        for (int64_t i = 0; i < DRAWS; i++) {
            const double size = pow(10.0, 6.5 + 6.5 * draw());
            set(x, i, i % 3 == 0 ? 3.14159265358979323846 / 2 * rint(size / 8) : draw() * size);
        }
        for (int cosine = 0; cosine < 2; cosine++) {
            tables[t]->unary(cosine ? UNARY_COS : UNARY_SIN, 0, DRAWS, x.data, out.data);
            for (int64_t i = 0; i < DRAWS; i++) {
                const double at = get(x, i);
                assert_close_in(get(out, i), cosine ? cos(at) : sin(at), type == DTYPE_FLOAT32 ? 1.0 : 1.5, type,
                                cosine ? "cos" : "sin", at);
            }
        }
        array_free(x);
        array_free(out);
    }
}

/* All lengths around the vector widths: nothing is touched outside, and the same number gives the same bits anywhere.
 */
static void test_unary_lengths(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int kind = 0; kind < UNARY_COUNT; kind++)
            for (int64_t count = 0; count <= 35; count++) {
                const dtype type = tables[t]->type;
                array x = array_fill(array_make(type, count), 0.71), out = array_make(type, count);
                tables[t]->unary((unary_kind)kind, 0.3, count, x.data, out.data);
                for (int64_t i = 1; i < count; i++) assert_true(get(out, i) == get(out, 0));
                array_free(x);
                array_free(out);
            }
}

/* A broadcast operand of one of five kinds: full, row, column, scalar, transposed. */
static operand broadcast(array data, int kind, int64_t rows, int64_t columns) {
    switch (kind) {
    case 0: return (operand){data.data, columns, 1};
    case 1: return (operand){data.data, 0, 1};
    case 2: return (operand){data.data, 1, 0};
    case 3: return (operand){data.data, 0, 0};
    default: return (operand){data.data, 1, rows};
    }
}
static double broadcast_get(array data, operand view, int64_t i, int64_t j) {
    return get(data, i * view.row_stride + j * view.column_stride);
}

static const int64_t broadcast_sizes[][2] = {{1, 1},  {1, 33}, {33, 1}, {2, 3}, {5, 16},
                                             {7, 20}, {3, 37}, {20, 4}, {0, 5}, {5, 0}};
enum { BROADCAST_SIZES = sizeof broadcast_sizes / sizeof *broadcast_sizes };

static void test_binary(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int size = 0; size < BROADCAST_SIZES; size++) {
            const dtype type = tables[t]->type;
            const int64_t rows = broadcast_sizes[size][0], columns = broadcast_sizes[size][1];
            array a = array_draw(type, rows * columns), b = array_draw(type, rows * columns);
            array out = array_make(type, rows * columns);
            for (int kinds = 0; kinds < 25; kinds++)
                for (int kind = 0; kind < BINARY_COUNT; kind++) {
                    const operand x = broadcast(a, kinds / 5, rows, columns),
                                  y = broadcast(b, kinds % 5, rows, columns);
                    tables[t]->binary((binary_kind)kind, rows, columns, x, y, out.data);
                    for (int64_t i = 0; i < rows; i++)
                        for (int64_t j = 0; j < columns; j++) {
                            const double u = broadcast_get(a, x, i, j), v = broadcast_get(b, y, i, j);
                            const double expected = kind == BINARY_ADD        ? u + v
                                                    : kind == BINARY_SUBTRACT ? u - v
                                                    : kind == BINARY_MULTIPLY ? u * v
                                                                              : u / v;
                            assert_close_in(get(out, i * columns + j), expected, 0.5, type, "binary", u);
                        }
                }
            array_free(a);
            array_free(b);
            array_free(out);
        }
}

static void test_soft_threshold(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int size = 0; size < BROADCAST_SIZES; size++)
            for (int kind = 0; kind < 5; kind++) {
                const dtype type = tables[t]->type;
                const int64_t rows = broadcast_sizes[size][0], columns = broadcast_sizes[size][1];
                array x = array_draw(type, rows * columns), threshold = array_draw(type, rows * columns);
                array out = array_make(type, rows * columns);
                if (x.count > 2) set(x, 2, 0.0);
                const operand view = broadcast(threshold, kind, rows, columns);
                tables[t]->soft_threshold(rows, columns, x.data, view, out.data);
                for (int64_t i = 0; i < rows; i++)
                    for (int64_t j = 0; j < columns; j++) {
                        const double u = get(x, i * columns + j),
                                     shrunk = fabs(u) - broadcast_get(threshold, view, i, j);
                        const double sign = u > 0 ? 1 : u < 0 ? -1 : 0;
                        const double expected = sign * (shrunk > 0 ? shrunk : 0);
                        assert_close_in(get(out, i * columns + j), expected, 0.5, type, "soft threshold", u);
                    }
                array_free(x);
                array_free(threshold);
                array_free(out);
            }
    for (int t = 0; t < table_count; t++) {
        array x = array_make(tables[t]->type, 1), out = array_make(tables[t]->type, 1), half = array_copy(x);
        set(x, 0, NAN), set(half, 0, 0.5);
        tables[t]->soft_threshold(1, 1, x.data, (operand){half.data, 0, 0}, out.data);
        assert_true(isnan(get(out, 0)));
        array_free(x);
        array_free(out);
        array_free(half);
    }
}

static void test_sums(void **state) {
    (void)state;
    static const int64_t sizes[][2] = {{1, 1},  {1, 100000}, {100000, 1}, {160, 80}, {131, 20},
                                       {3, 37}, {65, 2},     {0, 5},      {5, 0},    {129, 15}};
    for (int t = 0; t < table_count; t++)
        for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++) {
            const dtype type = tables[t]->type;
            const int64_t rows = sizes[size][0], columns = sizes[size][1];
            array x = array_draw(type, rows * columns);
            array over_rows = array_make(type, columns), over_columns = array_make(type, rows);
            tables[t]->sum_rows(rows, columns, x.data, over_rows.data);
            tables[t]->sum_columns(rows, columns, x.data, over_columns.data);
            for (int64_t j = 0; j < columns; j++) {
                double sum = 0, size_of_terms = 1e-300;
                for (int64_t i = 0; i < rows; i++) {
                    sum += get(x, i * columns + j);
                    size_of_terms += fabs(get(x, i * columns + j));
                }
                assert_true(fabs(get(over_rows, j) - sum) <= 4 * epsilon(type) * size_of_terms);
            }
            for (int64_t i = 0; i < rows; i++) {
                double sum = 0, size_of_terms = 1e-300;
                for (int64_t j = 0; j < columns; j++) {
                    sum += get(x, i * columns + j);
                    size_of_terms += fabs(get(x, i * columns + j));
                }
                assert_true(fabs(get(over_columns, i) - sum) <= 4 * epsilon(type) * size_of_terms);
            }
            array_free(x);
            array_free(over_rows);
            array_free(over_columns);
        }
}

static void test_axpy_dot_conversions(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int64_t count = 0; count < 150; count++) {
            const dtype type = tables[t]->type;
            array x = array_draw(type, count), y = array_draw(type, count), sum = array_copy(y);
            tables[t]->axpy(count, -0.75, x.data, sum.data);
            double product = 0;
            for (int64_t i = 0; i < count; i++) {
                const double expected = get(y, i) - 0.75 * get(x, i);
                assert_true(fabs(get(sum, i) - expected) <= epsilon(type) * 2);
                product += get(x, i) * get(y, i);
            }
            assert_true(fabs(tables[t]->dot(count, x.data, y.data) - product) <= 1e-13);
            array wide = array_make(DTYPE_FLOAT64, count), back = array_make(type, count);
            tables[t]->to_double(count, x.data, wide.data);
            for (int64_t i = 0; i < count; i++) assert_true(get(wide, i) == get(x, i));
            tables[t]->from_double(count, wide.data, back.data);
            assert_same_bits(back, x);
            array_free(x);
            array_free(y);
            array_free(sum);
            array_free(wide);
            array_free(back);
        }
}

/* One product with padding in every matrix, which must stay as it is. */
static void check_gemm(const kernels *table, int transposes, int64_t m, int64_t n, int64_t k, double alpha, double beta,
                       int64_t padding) {
    const dtype type = table->type;
    const bool transpose_a = transposes & 1, transpose_b = transposes & 2;
    const int64_t lda = (transpose_a ? m : k) + padding, ldb = (transpose_b ? k : n) + padding, ldc = n + padding;
    const int64_t a_rows = transpose_a ? k : m, b_rows = transpose_b ? n : k;
    /* The last row ends where its numbers end: reading on is an error. */
    array a = array_draw(type, a_rows > 0 ? a_rows * lda - padding : 0);
    array b = array_draw(type, b_rows > 0 ? b_rows * ldb - padding : 0);
    array c = array_draw(type, m > 0 ? m * ldc - padding : 0), before = array_copy(c);
    if (beta == 0)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) set(c, i * ldc + j, NAN);
    table->gemm(transpose_a, transpose_b, m, n, k, alpha, a.data, lda, b.data, ldb, beta, c.data, ldc);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < ldc && i * ldc + j < c.count; j++) {
            const double old = get(before, i * ldc + j), actual = get(c, i * ldc + j);
            if (j >= n) {
                assert_true(actual == old);
                continue;
            }
            double sum = 0;
            for (int64_t p = 0; p < k; p++)
                sum +=
                    get(a, transpose_a ? p * lda + i : i * lda + p) * get(b, transpose_b ? j * ldb + p : p * ldb + j);
            const double expected = alpha * sum + (beta != 0 ? old : 0);
            if (!(fabs(actual - expected) <= epsilon(type) * (8 + (double)k) * (1 + fabs(alpha))))
                fail_msg("%s gemm %d %dx%dx%d beta %g at %d, %d: %.17g instead of %.17g", table->name, transposes,
                         (int)m, (int)n, (int)k, beta, (int)i, (int)j, actual, expected);
        }
    array_free(a);
    array_free(b);
    array_free(c);
    array_free(before);
}

static void test_gemm(void **state) {
    (void)state;
    static const int64_t ms[] = {0, 1, 2, 5, 7, 8, 13, 20}, ns[] = {0, 1, 2, 4, 8, 15, 16, 17, 20, 40, 49, 80, 83, 97};
    static const int64_t ks[] = {0, 1, 2, 19, 20, 33};
    for (int t = 0; t < table_count; t++)
        for (int transposes = 0; transposes < 4; transposes++)
            for (size_t i = 0; i < sizeof ms / sizeof *ms; i++)
                for (size_t j = 0; j < sizeof ns / sizeof *ns; j++)
                    for (size_t p = 0; p < sizeof ks / sizeof *ks; p++)
                        check_gemm(tables[t], transposes, ms[i], ns[j], ks[p], p % 2 ? 1.0 : -0.5,
                                   (i + j + p) % 2 ? 1.0 : 0.0, j % 2 ? 0 : 3);
}

/* More rows of B than a packed panel holds, the shapes of coordinate-wise networks, and products for BLAS. */
static void test_gemm_large(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {{160, 80, 20}, {160, 80, 40}, {160, 20, 80},   {20, 80, 160},  {160, 1, 20},
                                        {20, 1, 160},  {9, 21, 700},  {130, 140, 150}, {128, 257, 513}};
    for (int t = 0; t < table_count; t++)
        for (int transposes = 0; transposes < 4; transposes++)
            for (size_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++)
                for (int beta = 0; beta < 2; beta++)
                    check_gemm(tables[t], transposes, shapes[shape][0], shapes[shape][1], shapes[shape][2], 1.0, beta,
                               beta * 2);
}

/* A row of the product has the same bits wherever the rows are cut. */
static void test_gemm_rows(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int64_t n = 1; n < 100; n += 13) {
            const dtype type = tables[t]->type;
            const int64_t m = 37, k = 41;
            array a = array_draw(type, m * k), b = array_draw(type, k * n);
            array whole = array_draw(type, m * n), rows = array_copy(whole);
            tables[t]->gemm(false, false, m, n, k, 0.3, a.data, k, b.data, n, 1, whole.data, n);
            for (int64_t i = 0; i < m; i++)
                tables[t]->gemm(false, false, 1, n, k, 0.3, (char *)a.data + (size_t)(i * k) * dtype_size(type), k,
                                b.data, n, 1, (char *)rows.data + (size_t)(i * n) * dtype_size(type), n);
            assert_same_bits(whole, rows);
            array_free(a);
            array_free(b);
            array_free(whole);
            array_free(rows);
        }
}

/* Where the left factor is mostly zeros they are left out, and the bits are those of a product of one row, too small
 * for that: with ragged widths, panels that are packed, rows without any entry, and more than one list holds. */
static void test_gemm_zeros(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {{50, 53, 60}, {64, 250, 500}, {300, 131, 97}, {513, 48, 270}};
    for (int t = 0; t < table_count; t++)
        for (int choice = 0; choice < 32; choice++) {
            const dtype type = tables[t]->type;
            const bool transpose_a = choice & 1, transpose_b = choice & 2;
            const double beta = choice & 4 ? 1 : 0;
            const int64_t *shape = shapes[choice / 8], m = shape[0], n = shape[1], k = shape[2];
            const int64_t lda = (transpose_a ? m : k) + 2, ldb = (transpose_b ? k : n) + 1;
            array a = array_draw(type, (transpose_a ? k : m) * lda - 2);
            array b = array_draw(type, (transpose_b ? n : k) * ldb - 1);
            array whole = array_draw(type, m * n), rows = array_copy(whole);
            for (int64_t i = 0; i < a.count; i++)
                if ((i * 7919 / 13) % 9 != 0 || i / lda == 5) set(a, i, 0);
            size_t size = dtype_size(type);
            tables[t]->gemm(transpose_a, transpose_b, m, n, k, 0.3, a.data, lda, b.data, ldb, beta, whole.data, n);
            for (int64_t i = 0; i < m; i++)
                tables[t]->gemm(transpose_a, transpose_b, 1, n, k, 0.3,
                                (char *)a.data + (size_t)(transpose_a ? i : i * lda) * size, lda, b.data, ldb, beta,
                                (char *)rows.data + (size_t)(i * n) * size, n);
            assert_same_bits(whole, rows);
            array_free(a);
            array_free(b);
            array_free(whole);
            array_free(rows);
        }
}

#ifdef L2O_HAVE_OPENMP
/* The bits of a large product are those of one thread, inside and outside parallel regions of any size, and the number
 * of threads stays as the user had it. */
static void test_gemm_threads(void **state) {
    (void)state;
    const int64_t n = 300;
    for (int t = 0; t < table_count; t++) {
        const kernels *table = tables[t];
        const dtype type = table->type;
        array a = array_draw(type, n * n), b = array_draw(type, n * n), expected = array_make(type, n * n);
        array results[4];
        for (int i = 0; i < 4; i++) results[i] = array_make(type, n * n);
        const int threads = omp_get_max_threads();
        omp_set_num_threads(1);
        table->gemm(false, true, n, n, n, 1, a.data, n, b.data, n, 0, expected.data, n);
        omp_set_num_threads(4);
        table->gemm(false, true, n, n, n, 1, a.data, n, b.data, n, 0, results[0].data, n);
        assert_int_equal(omp_get_max_threads(), 4);
#pragma omp parallel for num_threads(2)
        for (int i = 1; i < 3; i++) table->gemm(false, true, n, n, n, 1, a.data, n, b.data, n, 0, results[i].data, n);
#pragma omp parallel num_threads(1)
        table->gemm(false, true, n, n, n, 1, a.data, n, b.data, n, 0, results[3].data, n);
        omp_set_num_threads(threads);
        for (int i = 0; i < 4; i++) {
            assert_same_bits(results[i], expected);
            array_free(results[i]);
        }
        array_free(a);
        array_free(b);
        array_free(expected);
    }
}
#endif

typedef struct cell {
    int64_t rows, input, hidden;
    array x, h, c, wx, wh, b, h_next, c_next, activations, tanh_c;
} cell;

static cell cell_make(dtype type, int64_t rows, int64_t input, int64_t hidden) {
    cell z = {.rows = rows, .input = input, .hidden = hidden};
    z.x = array_draw(type, rows * input);
    z.h = array_draw(type, rows * hidden);
    z.c = array_draw(type, rows * hidden);
    z.wx = array_draw(type, input * 4 * hidden);
    z.wh = array_draw(type, hidden * 4 * hidden);
    z.b = array_draw(type, 4 * hidden);
    const double scale = 1 / sqrt((double)(input + hidden)); /* keep wide cells away from saturation */
    for (int64_t i = 0; i < z.wx.count; i++) set(z.wx, i, 2 * scale * get(z.wx, i));
    for (int64_t i = 0; i < z.wh.count; i++) set(z.wh, i, 2 * scale * get(z.wh, i));
    z.h_next = array_make(type, rows * hidden);
    z.c_next = array_make(type, rows * hidden);
    z.activations = array_make(type, rows * 4 * hidden);
    z.tanh_c = array_make(type, rows * hidden);
    return z;
}
static void cell_free(cell *z) {
    array *all[] = {&z->x, &z->h, &z->c, &z->wx, &z->wh, &z->b, &z->h_next, &z->c_next, &z->activations, &z->tanh_c};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) array_free(*all[i]);
}
static lstm_forward_arguments cell_arguments(const cell *z) {
    return (lstm_forward_arguments){
        z->rows,    z->input,  z->hidden,      z->x.data,      z->h.data,           z->c.data,     z->wx.data,
        z->wh.data, z->b.data, z->h_next.data, z->c_next.data, z->activations.data, z->tanh_c.data};
}
static double cell_gate(const cell *z, int64_t row, int64_t column) {
    double sum = get(z->b, column);
    for (int64_t p = 0; p < z->input; p++)
        sum += get(z->x, row * z->input + p) * get(z->wx, p * 4 * z->hidden + column);
    for (int64_t p = 0; p < z->hidden; p++)
        sum += get(z->h, row * z->hidden + p) * get(z->wh, p * 4 * z->hidden + column);
    return sum;
}
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static const int64_t cells[][3] = {{160, 20, 20}, {1, 2, 20},  {7, 1, 1},    {13, 3, 5},   {105, 20, 17}, {33, 0, 7},
                                   {5, 4, 64},    {3, 2, 130}, {19, 5, 300}, {2, 3, 1025}, {0, 2, 3}};
enum { CELLS = sizeof cells / sizeof *cells };

static void test_lstm_forward(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int shape = 0; shape < CELLS; shape++) {
            cell z = cell_make(tables[t]->type, cells[shape][0], cells[shape][1], cells[shape][2]);
            const int64_t hidden = z.hidden;
            const double tolerance = (16 + (double)(z.input + hidden) / 4) * epsilon(tables[t]->type);
            lstm_forward_arguments arguments = cell_arguments(&z);
            tables[t]->lstm_forward(&arguments);
            for (int64_t row = 0; row < z.rows; row++)
                for (int64_t j = 0; j < hidden; j++) {
                    const double i = sigmoid(cell_gate(&z, row, j)), f = sigmoid(cell_gate(&z, row, hidden + j) + 1);
                    const double g = tanh(cell_gate(&z, row, 2 * hidden + j));
                    const double o = sigmoid(cell_gate(&z, row, 3 * hidden + j));
                    const double c = f * get(z.c, row * hidden + j) + i * g;
                    const double saved[4] = {i, f, g, o};
                    for (int64_t gate = 0; gate < 4; gate++)
                        assert_true(fabs(get(z.activations, (row * 4 + gate) * hidden + j) - saved[gate]) <= tolerance);
                    assert_true(fabs(get(z.c_next, row * hidden + j) - c) <= tolerance);
                    assert_true(fabs(get(z.tanh_c, row * hidden + j) - tanh(c)) <= tolerance);
                    assert_true(fabs(get(z.h_next, row * hidden + j) - o * tanh(c)) <= tolerance);
                }
            /* In place, and without saving: the same bits. */
            array h = array_copy(z.h), c = array_copy(z.c);
            lstm_forward_arguments in_place = arguments;
            in_place.h = in_place.h_next = h.data;
            in_place.c = in_place.c_next = c.data;
            in_place.activations = in_place.tanh_c = NULL;
            tables[t]->lstm_forward(&in_place);
            assert_same_bits(h, z.h_next);
            assert_same_bits(c, z.c_next);
            array_free(h);
            array_free(c);
            cell_free(&z);
        }
}

/* L = sum(u h') + sum(v c') and its gradient with respect to the old c and, through the bias of a single row, to every
 * pre-activation, against central differences. */
static double cell_loss(const kernels *table, const cell *z, array u, array v) {
    const lstm_forward_arguments arguments = cell_arguments(z);
    table->lstm_forward(&arguments);
    return table->dot(u.count, u.data, z->h_next.data) + table->dot(v.count, v.data, z->c_next.data);
}

static void test_lstm_backward_differences(void **state) {
    (void)state;
    const double step = 1e-5;
    for (int t = 0; t < table_count; t++) {
        if (tables[t]->type != DTYPE_FLOAT64) continue;
        for (int64_t hidden = 1; hidden < 24; hidden += 3)
            for (int given = 0; given < 4; given++) {
                cell z = cell_make(DTYPE_FLOAT64, 1, 3, hidden);
                array u = array_draw(DTYPE_FLOAT64, hidden), v = array_draw(DTYPE_FLOAT64, hidden);
                if (!(given & 1)) array_fill(u, 0);
                if (!(given & 2)) array_fill(v, 0);
                array dgates = array_make(DTYPE_FLOAT64, 4 * hidden), dc = array_make(DTYPE_FLOAT64, hidden);
                cell_loss(tables[t], &z, u, v);
                const lstm_backward_arguments arguments = {1,
                                                           hidden,
                                                           z.activations.data,
                                                           z.tanh_c.data,
                                                           z.c.data,
                                                           given & 1 ? u.data : NULL,
                                                           given & 2 ? v.data : NULL,
                                                           dgates.data,
                                                           dc.data};
                tables[t]->lstm_backward(&arguments);
                for (int64_t j = 0; j < 5 * hidden; j++) {
                    array moved = j < 4 * hidden ? z.b : z.c;
                    const int64_t at = j < 4 * hidden ? j : j - 4 * hidden;
                    const double kept = get(moved, at);
                    set(moved, at, kept + step);
                    const double above = cell_loss(tables[t], &z, u, v);
                    set(moved, at, kept - step);
                    const double below = cell_loss(tables[t], &z, u, v);
                    set(moved, at, kept);
                    const double actual = j < 4 * hidden ? get(dgates, at) : get(dc, at);
                    assert_true(fabs(actual - (above - below) / (2 * step)) < 1e-9);
                }
                array_free(u);
                array_free(v);
                array_free(dgates);
                array_free(dc);
                cell_free(&z);
            }
    }
}

/* Many rows in both types, against the formula. */
static void test_lstm_backward_rows(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int shape = 0; shape < CELLS; shape++) {
            const dtype type = tables[t]->type;
            const int64_t rows = cells[shape][0], hidden = cells[shape][2], count = rows * hidden;
            array saved = array_draw(type, 4 * count), tanh_c = array_draw(type, count), c = array_draw(type, count);
            array dh = array_draw(type, count), dc = array_draw(type, count);
            array dgates = array_make(type, 4 * count), dc_previous = array_make(type, count);
            const lstm_backward_arguments arguments = {rows,    hidden,  saved.data,  tanh_c.data,     c.data,
                                                       dh.data, dc.data, dgates.data, dc_previous.data};
            tables[t]->lstm_backward(&arguments);
            const double tolerance = 16 * epsilon(type);
            for (int64_t row = 0; row < rows; row++)
                for (int64_t j = 0; j < hidden; j++) {
                    const int64_t at = row * hidden + j, first = row * 4 * hidden + j;
                    const double i = get(saved, first), f = get(saved, first + hidden);
                    const double g = get(saved, first + 2 * hidden), o = get(saved, first + 3 * hidden);
                    const double tanh_of_c = get(tanh_c, at);
                    const double d = get(dc, at) + get(dh, at) * o * (1 - tanh_of_c * tanh_of_c);
                    const double expected[4] = {d * g * i * (1 - i), d * get(c, at) * f * (1 - f), d * i * (1 - g * g),
                                                get(dh, at) * tanh_of_c * o * (1 - o)};
                    for (int64_t gate = 0; gate < 4; gate++)
                        assert_true(fabs(get(dgates, first + gate * hidden) - expected[gate]) <= tolerance);
                    assert_true(fabs(get(dc_previous, at) - d * f) <= tolerance);
                }
            array all[] = {saved, tanh_c, c, dh, dc, dgates, dc_previous};
            for (size_t i = 0; i < sizeof all / sizeof *all; i++) array_free(all[i]);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_unary),
        cmocka_unit_test(test_sine_cosine),
        cmocka_unit_test(test_unary_lengths),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_soft_threshold),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_axpy_dot_conversions),
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_gemm_large),
        cmocka_unit_test(test_gemm_rows),
        cmocka_unit_test(test_gemm_zeros),
#ifdef L2O_HAVE_OPENMP
        cmocka_unit_test(test_gemm_threads),
#endif
        cmocka_unit_test(test_lstm_forward),
        cmocka_unit_test(test_lstm_backward_differences),
        cmocka_unit_test(test_lstm_backward_rows),
    };
    return cmocka_run_group_tests(tests, find_tables, NULL);
}
