/* Random numbers: Philox against Random123 and its published answers, moments, and streams that never meet. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Its headers are not written for this project's warnings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <Random123/philox.h>
#pragma GCC diagnostic pop

#include "base/random.h"
#include "problem_fixture.h"
#include "problems/linear_model.h"

static void test_known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint32_t out[4];
        random_philox(vectors[i].counter, vectors[i].key, out);
        assert_memory_equal(out, vectors[i].out, sizeof out);
    }
}

static void test_against_random123(void **state) {
    (void)state;
    uint64_t x = 12345;
    for (int i = 0; i < 20000; i++) {
        uint32_t word[6];
        for (int k = 0; k < 6; k++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            word[k] = (uint32_t)(x >> 32);
        }
        philox4x32_ctr_t counter = {{word[0], word[1], word[2], word[3]}};
        philox4x32_key_t key = {{word[4], word[5]}};
        philox4x32_ctr_t expected = philox4x32(counter, key);
        uint32_t out[4];
        random_philox(word, word + 4, out);
        assert_memory_equal(out, expected.v, sizeof out);
    }
}

/* The address is the counter, as written down in random.c: 48 bits of block and 16 of task, draw, stream, field,
 * attempt. Uniform numbers are attempt 0, normal ones attempt 1. */
static void expected_block(random_key key, uint64_t block, uint32_t attempt, double uniform[2]) {
    philox4x32_ctr_t counter = {{(uint32_t)block, (uint32_t)((block >> 32 & 0xffff) << 16 | key.task), key.draw,
                                 (uint32_t)key.stream << 24 | (uint32_t)key.field << 16 | attempt}};
    philox4x32_key_t words = {{(uint32_t)key.seed, (uint32_t)(key.seed >> 32)}};
    philox4x32_ctr_t out = philox4x32(counter, words);
    for (int k = 0; k < 2; k++)
        uniform[k] = (double)(((uint64_t)out.v[2 * k] << 32 | out.v[2 * k + 1]) >> 11) / 9007199254740992.0;
}

static void test_addresses(void **state) {
    (void)state;
    const uint64_t indices[] = {0, 1, 2, 7, 1u << 20, ((uint64_t)1 << 33) + 5, ((uint64_t)1 << 48) + 3};
    for (int stream = 0; stream < STREAM_COUNT; stream++)
        for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) {
            random_key key = {.seed = 0x123456789abcdef0u + (uint64_t)stream,
                              .draw = 0xfedc0000u + (uint32_t)i,
                              .task = (uint16_t)(0xff00 + i),
                              .stream = (uint8_t)stream,
                              .field = (uint8_t)(i % 6)};
            double u[2];
            expected_block(key, indices[i] / 2, 0, u);
            assert_true(random_uniform(key, indices[i]) == u[indices[i] % 2]);
            expected_block(key, indices[i] / 2, 1, u);
            double radius = sqrt(-2 * log(1 - u[0])), angle = 6.283185307179586 * u[1];
            double normal = radius * (indices[i] % 2 == 0 ? cos(angle) : sin(angle));
            assert_true(fabs(random_normal(key, indices[i]) - normal) <= 1e-14 * (1 + fabs(normal)));
        }
}

static void test_fills_are_single_draws(void **state) {
    (void)state;
    enum { MOST = 41 };
    double uniform[MOST + 1], normal[MOST + 1];
    for (uint64_t first = 0; first < 60; first++)
        for (int64_t count = 0; count <= MOST; count += 1 + count / 7) {
            const random_key key = {.seed = first, .draw = 2, .stream = STREAM_CHECK, .field = FIELD_TRUTH};
            uniform[count] = normal[count] = -77;
            random_fill_uniform(key, first * 1000003, count, uniform);
            random_fill_normal(key, first * 1000003, count, normal);
            for (int64_t i = 0; i < count; i++) {
                assert_true(uniform[i] == random_uniform(key, first * 1000003 + (uint64_t)i));
                assert_true(normal[i] == random_normal(key, first * 1000003 + (uint64_t)i));
            }
            assert_true(uniform[count] == -77 && normal[count] == -77);
        }
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* 53 bits: among these 18,144 numbers the chance of one accidental pair is 2e-8; a shared counter gives a pair for
 * certain. */
static void test_no_two_addresses_share_a_number(void **state) {
    (void)state;
    enum { INDICES = 7, TASKS = 3, DRAWS = 4, FIELDS = 6, SEEDS = 2 };
    static const uint64_t indices[INDICES] = {0, 1, 2, 255, 65536, (uint64_t)1 << 32, ((uint64_t)1 << 40) + 1};
    static const uint16_t tasks[TASKS] = {0, 1, 256};
    static const uint32_t draws[DRAWS] = {0, 1, 2, 65536};
    size_t most = (size_t)SEEDS * STREAM_COUNT * DRAWS * TASKS * FIELDS * INDICES * 2, count = 0;
    double *numbers = malloc(most * sizeof *numbers);
    assert_non_null(numbers);
    for (int s = 0; s < SEEDS; s++)
        for (int stream = 0; stream < STREAM_COUNT; stream++)
            for (int d = 0; d < DRAWS; d++)
                for (int t = 0; t < TASKS; t++)
                    for (int f = 0; f < FIELDS; f++)
                        for (int i = 0; i < INDICES; i++) {
                            random_key key = {.seed = s == 0 ? 1 : (uint64_t)1 << 32 | 1,
                                              .draw = draws[d],
                                              .task = tasks[t],
                                              .stream = (uint8_t)stream,
                                              .field = (uint8_t)f};
                            numbers[count++] = random_uniform(key, indices[i]);
                            numbers[count++] = random_normal(key, indices[i]);
                        }
    assert_int_equal(count, most);
    qsort(numbers, count, sizeof *numbers, compare_doubles);
    for (size_t i = 1; i < count; i++)
        if (numbers[i] == numbers[i - 1]) fail_msg("two addresses share the number %.17g", numbers[i]);
    free(numbers);
}

/* All numbers of sampled problems, of all streams, draws and tasks: none occurs twice. */
static void test_problems_of_two_streams_share_no_number(void **state) {
    (void)state;
    enum { N = 5, BATCH = 6, PER = BATCH * (N * N + N + N), DRAWS = 3, TASKS = 2 };
    static const random_stream streams[] = {STREAM_TRAINING, STREAM_VALIDATION, STREAM_ADAPTATION,
                                            STREAM_HELD_OUT, STREAM_TEST,       STREAM_TUNING};
    enum { STREAMS = sizeof streams / sizeof *streams };
    size_t total = (size_t)STREAMS * DRAWS * TASKS * PER, count = 0;
    double *numbers = malloc(total * sizeof *numbers);
    assert_non_null(numbers);
    fixture self;
    fixture_create(&self, "problem=lasso n=5 batch=6 dtype=float64 A=normal:1 b=uniform:-1:1 x0=normal:1");
    for (int s = 0; s < STREAMS; s++)
        for (uint32_t d = 0; d < DRAWS; d++)
            for (uint16_t t = 0; t < TASKS; t++) {
                assert_int_equal(problem_sample(self.problem, 9, streams[s], d, t, &self.error), L2O_OK);
                const linear_model *model = self.problem->model;
                const double *parts[] = {model->a, model->b, self.problem->x0};
                const int sizes[] = {BATCH * N * N, BATCH * N, BATCH * N};
                for (int k = 0; k < 3; k++)
                    for (int i = 0; i < sizes[k]; i++) numbers[count++] = parts[k][i];
            }
    assert_int_equal(count, total);
    qsort(numbers, count, sizeof *numbers, compare_doubles);
    for (size_t i = 1; i < count; i++)
        if (numbers[i] == numbers[i - 1]) fail_msg("two problems share the number %.17g", numbers[i]);
    free(numbers);
    fixture_free(&self);
}

typedef double draw_function(random_key, uint64_t);

/* Mean, variance and fourth moment of many numbers, with the least and largest. */
static void moments(draw_function *draw, random_field field, double out[5]) {
    enum { COUNT = 400000 };
    random_key key = {.seed = 77, .stream = STREAM_CHECK, .field = (uint8_t)field};
    double sum = 0, low = INFINITY, high = -INFINITY, second = 0, fourth = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        double x = draw(key, i);
        sum += x;
        low = fmin(low, x);
        high = fmax(high, x);
    }
    double mean = sum / COUNT;
    for (uint64_t i = 0; i < COUNT; i++) {
        double d = draw(key, i) - mean;
        second += d * d;
        fourth += d * d * d * d;
    }
    out[0] = mean;
    out[1] = second / COUNT;
    out[2] = fourth / COUNT;
    out[3] = low;
    out[4] = high;
}

/* Tolerances are five standard errors. */
static void test_moments(void **state) {
    (void)state;
    double m[5];
    moments(random_uniform, FIELD_A, m);
    assert_true(fabs(m[0] - 0.5) < 0.0023 && fabs(m[1] - 1.0 / 12) < 0.0006 && fabs(m[2] - 1.0 / 80) < 0.0002);
    assert_true(m[3] >= 0 && m[3] < 1e-4 && m[4] < 1 && m[4] > 1 - 1e-4);
    moments(random_normal, FIELD_B, m);
    assert_true(fabs(m[0]) < 0.008 && fabs(m[1] - 1) < 0.012 && fabs(m[2] - 3) < 0.08);
    assert_true(m[3] < -4 && m[4] > 4 && m[3] > -6.5 && m[4] < 6.5);
    /* Cut at 2: the variance is 1 - 4 p / (2 P - 1), p the density and P the distribution function at 2. */
    moments(random_truncated_normal, FIELD_WEIGHTS, m);
    double density = exp(-2.0) / sqrt(2 * 3.14159265358979324), mass = erf(2 / sqrt(2.0));
    assert_true(fabs(m[0]) < 0.007 && fabs(m[1] - (1 - 4 * density / mass)) < 0.006);
    assert_true(m[3] >= -2 && m[4] <= 2 && m[3] < -1.99 && m[4] > 1.99);
}

/* Neighbours, and the two halves of a Box-Muller block, are uncorrelated. */
static void test_correlations(void **state) {
    (void)state;
    enum { COUNT = 200000 };
    random_key key = {.seed = 3, .stream = STREAM_TEST, .field = FIELD_A}, other = key;
    other.stream = STREAM_TRAINING;
    double lag = 0, squares = 0, streams = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        double x = random_normal(key, i), y = random_normal(key, i + 1);
        lag += x * y;
        squares += (x * x - 1) * (y * y - 1);
        streams += x * random_normal(other, i);
    }
    double bound = 5 / sqrt((double)COUNT);
    assert_true(fabs(lag / COUNT) < bound && fabs(squares / COUNT) < 2 * bound && fabs(streams / COUNT) < bound);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_against_random123),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_fills_are_single_draws),
        cmocka_unit_test(test_no_two_addresses_share_a_number),
        cmocka_unit_test(test_problems_of_two_streams_share_no_number),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_correlations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
