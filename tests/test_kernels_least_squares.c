/* The least-squares kernel of every table, in both float types, against loops in float64: value, gradient, A'A v, with
 * and without an L1 term; and the same bits for an instance wherever it stands in a list. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "problems/problem.h"
#include "tensor/kernels.h"

enum { INSTANCES = 21, TABLES = 6 };
static const kernels *tables[TABLES];
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

static double draw(uint64_t i) {
    return random_normal((random_key){.seed = 5, .stream = STREAM_CHECK, .field = FIELD_OTHER}, i);
}

/* Memory exactly as long as asked, of numbers drawn from the place `from` on. */
static void *numbers(dtype type, int64_t count, uint64_t from) {
    void *memory = malloc((size_t)count * dtype_size(type) + (count == 0));
    assert_non_null(memory);
    for (int64_t i = 0; i < count; i++) problem_store(type, memory, i, draw(from + (uint64_t)i));
    return memory;
}

typedef struct sample {
    dtype type;
    int64_t m, n;
    void *a, *b, *x, *f, *g, *work;
    double l1[INSTANCES];
    int64_t index[INSTANCES];
} sample;

static void sample_create(sample *self, dtype type, int64_t m, int64_t n) {
    *self = (sample){.type = type, .m = m, .n = n};
    self->a = numbers(type, INSTANCES * m * n, 0);
    self->b = numbers(type, INSTANCES * m, 1000000);
    self->x = numbers(type, INSTANCES * n, 2000000);
    self->f = numbers(type, INSTANCES, 0);
    self->g = numbers(type, INSTANCES * n, 0);
    self->work = aligned_alloc(64, least_squares_work_bytes(m, n) + 64);
    assert_non_null(self->work);
    for (int64_t i = 0; i < INSTANCES; i++) {
        self->l1[i] = 0.1 * (double)i;
        self->index[i] = (i * 8 + 3) % INSTANCES;
    }
    for (int64_t i = 0; i < INSTANCES * n; i += 3) problem_store(type, self->x, i, 0);
}

static void sample_free(sample *self) {
    void *all[] = {self->a, self->b, self->x, self->f, self->g, self->work};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static least_squares_arguments arguments_of(const sample *self, bool targets, bool l1) {
    return (least_squares_arguments){.count = INSTANCES,
                                     .m = self->m,
                                     .n = self->n,
                                     .index = self->index,
                                     .a = self->a,
                                     .b = targets ? self->b : NULL,
                                     .l1 = l1 ? self->l1 : NULL,
                                     .x = self->x,
                                     .f = self->f,
                                     .g = self->g,
                                     .work = self->work};
}

static void assert_near(double actual, double expected, double size, dtype type, bool in_double) {
    double unit = type == DTYPE_FLOAT32 ? 6e-8 : 1.2e-16;
    double tolerance =
        in_double && type == DTYPE_FLOAT32 ? 1.01 * unit * fabs(expected) + 1e-14 * size : 60 * unit * size;
    if (!(fabs(actual - expected) <= tolerance))
        fail_msg("%.17g instead of %.17g, terms of size %g", actual, expected, size);
}

/* One row against plain loops; sizes are those of the terms summed. */
static void check_row(const sample *self, int64_t r, bool targets, bool l1) {
    int64_t m = self->m, n = self->n, p = self->index[r];
    double *g = calloc((size_t)n + 1, sizeof *g), *size = calloc((size_t)n + 1, sizeof *size), f = 0, f_size = 0;
    assert_true(g != NULL && size != NULL);
    for (int64_t i = 0; i < m; i++) {
        double sum = targets ? -problem_load(self->type, self->b, p * m + i) : 0, terms = fabs(sum);
        for (int64_t j = 0; j < n; j++) {
            double term =
                problem_load(self->type, self->a, (p * m + i) * n + j) * problem_load(self->type, self->x, r * n + j);
            sum += term, terms += fabs(term);
        }
        f += 0.5 * sum * sum, f_size += terms * terms;
        for (int64_t j = 0; j < n; j++) {
            double entry = problem_load(self->type, self->a, (p * m + i) * n + j);
            g[j] += entry * sum, size[j] += fabs(entry) * terms;
        }
    }
    for (int64_t j = 0; l1 && j < n; j++) {
        double x = problem_load(self->type, self->x, r * n + j);
        f += self->l1[p] * fabs(x), f_size += self->l1[p] * fabs(x);
        g[j] += self->l1[p] * ((x > 0) - (x < 0)), size[j] += self->l1[p];
    }
    bool in_double = m * n <= LEAST_SQUARES_IN_DOUBLE;
    assert_near(problem_load(self->type, self->f, r), f, f_size, self->type, in_double);
    for (int64_t j = 0; j < n; j++)
        assert_near(problem_load(self->type, self->g, r * n + j), g[j], size[j], self->type, in_double);
    free(g);
    free(size);
}

static const int64_t shapes[][2] = {{1, 1},  {10, 10}, {3, 7},   {7, 3},   {16, 16}, {17, 5},   {5, 33},
                                    {1, 40}, {40, 1},  {32, 32}, {33, 32}, {29, 40}, {11, 131}, {1030, 1}};
enum { SHAPES = (int)(sizeof shapes / sizeof *shapes) };

static void test_against_loops(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int shape = 0; shape < SHAPES; shape++)
            for (int parts = 0; parts < 4; parts++) {
                bool targets = parts % 2 != 0, l1 = parts / 2 != 0;
                sample sample;
                sample_create(&sample, tables[t]->type, shapes[shape][0], shapes[shape][1]);
                least_squares_arguments arguments = arguments_of(&sample, targets, l1);
                tables[t]->least_squares(&arguments);
                for (int64_t r = 0; r < INSTANCES; r++) check_row(&sample, r, targets, l1);
                sample_free(&sample);
            }
}

/* Each row on its own gives the bits it had among the others, value and gradient also when asked for one at a time. */
static void test_places(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int shape = 0; shape < SHAPES; shape++) {
            sample sample;
            dtype type = tables[t]->type;
            size_t width = dtype_size(type), row = (size_t)shapes[shape][1] * width;
            sample_create(&sample, type, shapes[shape][0], shapes[shape][1]);
            least_squares_arguments arguments = arguments_of(&sample, true, true);
            tables[t]->least_squares(&arguments);
            char *f = malloc(width), *g = malloc(row);
            assert_true(f != NULL && g != NULL);
            for (size_t r = 0; r < INSTANCES; r++) {
                least_squares_arguments one = arguments;
                one.count = 1, one.index += r, one.x = (const char *)one.x + r * row;
                one.f = f, one.g = NULL;
                tables[t]->least_squares(&one);
                one.f = NULL, one.g = g;
                tables[t]->least_squares(&one);
                assert_memory_equal(f, (char *)sample.f + r * width, width);
                assert_memory_equal(g, (char *)sample.g + r * row, row);
            }
            free(f);
            free(g);
            sample_free(&sample);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_loops),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, find_tables, NULL);
}
