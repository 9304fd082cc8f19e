/* Adam over parts of the weights and over threads: the bits of the plain loop, and nothing outside of the parts moves.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "meta/adam.h"

enum { COUNT = 100000, GRADIENTS = 3, STEPS = 3 };

static double gradients[GRADIENTS][COUNT], mean[COUNT], whole[COUNT], some[COUNT];

static double number(int64_t i, int k) {
    return i % 11 == 0 ? 0 : sin((double)(i + 7 * k)) * pow(10, (double)(i % 9 - 6));
}

static void fill(void) {
    for (int64_t i = 0; i < COUNT; i++) whole[i] = some[i] = cos((double)i);
}

static void begin(adam *adam, bool tensorflow) {
    l2o_error error = {0};
    assert_int_equal(adam_create(adam, COUNT, 1e-8, tensorflow, &error), L2O_OK);
}

static l2o_context *context_of(int threads) {
    l2o_context *context = NULL;
    assert_int_equal(l2o_context_create(threads, "auto", &context), L2O_OK);
    return context;
}

/* The step as it is written down. */
static void step(bool tensorflow, int64_t t, double rate, double g, double *m, double *v, double *w) {
    double first = 1 - pow(0.9, (double)t), second = 1 - pow(0.999, (double)t);
    *m = 0.9 * *m + (1 - 0.9) * g;
    *v = 0.999 * *v + (1 - 0.999) * g * g;
    *w -= tensorflow ? rate * sqrt(second) / first * *m / (sqrt(*v) + 1e-8)
                     : rate * (*m / first) / (sqrt(*v / second) + 1e-8);
}

static void test_whole(void **state) {
    (void)state;
    for (int form = 0; form < 2; form++)
        for (int threads = 1; threads <= 3; threads++) {
            l2o_context *context = context_of(threads);
            adam one, other;
            begin(&one, form == 0);
            begin(&other, form == 0);
            fill();
            l2o_context_cancel(context); /* does not cut a step short */
            double m = 0, v = 0, w = cos(5.0);
            for (int t = 1; t <= STEPS; t++) {
                for (int64_t i = 0; i < COUNT; i++) gradients[0][i] = number(i, t);
                const double *const all[] = {gradients[0]};
                adam_part part = {0, COUNT, 1, 1, 1};
                adam_update update = {0.01, false, 1, &part, 1, all};
                adam_step(&one, 0.01, gradients[0], whole);
                adam_apply(&other, context, &update, some);
                step(form == 0, t, 0.01, gradients[0][5], &m, &v, &w);
            }
            assert_true(one.steps == STEPS && other.steps == STEPS);
            assert_memory_equal(whole, some, sizeof whole);
            assert_memory_equal(one.m, other.m, sizeof whole);
            assert_memory_equal(one.v, other.v, sizeof whole);
            assert_true(w == whole[5] && m == one.m[5] && v == one.v[5]);
            assert_true(whole[0] == 1); /* no gradient, no step */
            adam_free(&one);
            adam_free(&other);
            l2o_context_free(context);
        }
}

/* Small and large parts, of the mean of several gradients. */
static void test_parts(void **state) {
    (void)state;
    adam_part parts[] = {{3, 5, 1, 1, 1}, {10, 70000, 0.5, 1, 1}, {70010, 1, 1, 0.25, 1}, {90000, 10000, 2, 0.5, 1}};
    enum { PARTS = sizeof parts / sizeof *parts };
    const double *all[GRADIENTS];
    for (int threads = 1; threads <= 2; threads++) {
        l2o_context *context = context_of(threads);
        adam adam;
        begin(&adam, true);
        fill();
        for (int t = 1; t <= STEPS; t++) {
            for (int k = 0; k < GRADIENTS; k++) {
                all[k] = gradients[k];
                for (int64_t i = 0; i < COUNT; i++) gradients[k][i] = number(i, t + k);
            }
            adam_update update = {0.01, false, PARTS, parts, GRADIENTS, all};
            adam_apply(&adam, context, &update, some);
        }
        for (int64_t i = 0, p = 0; i < COUNT; i++) {
            while (p < PARTS && i >= parts[p].first + parts[p].count) p++;
            if (p == PARTS || i < parts[p].first) {
                assert_true(some[i] == cos((double)i) && adam.m[i] == 0 && adam.v[i] == 0);
                continue;
            }
            double m = 0, v = 0, w = cos((double)i), share = 1.0 / GRADIENTS;
            for (int t = 1; t <= STEPS; t++) {
                mean[i] = 0;
                for (int k = 0; k < GRADIENTS; k++) mean[i] += share * number(i, t + k);
                step(true, t, 0.01 * parts[p].rate, parts[p].factor * mean[i], &m, &v, &w);
            }
            assert_true(fabs(some[i] - w) <= 1e-15 && adam.m[i] == m && adam.v[i] == v);
        }
        adam_free(&adam);
        l2o_context_free(context);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
