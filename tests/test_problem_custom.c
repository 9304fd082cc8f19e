/* The public interface of problems, and a caller's own function behind it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "l2o/problem.h"
#include "problem_fixture.h"

/* Instance p: sum_j c_p (x_j - p)^4 with c_p drawn by `sample`. */
typedef struct quartic {
    double c[100];
    int calls, fail_at, samples, starts;
} quartic;

static int quartic_value_gradient(void *user, int64_t instance, const double *x, double *f, double *g) {
    quartic *self = user;
    if (++self->calls == self->fail_at) return 7;
    *f = 0;
    for (int j = 0; j < 3; j++) {
        double d = x[j] - (double)instance;
        *f += self->c[instance] * d * d * d * d;
        if (g != NULL) g[j] = 4 * self->c[instance] * d * d * d;
    }
    return 0;
}

static int quartic_hess_vec(void *user, int64_t instance, const double *x, const double *v, double *out) {
    const quartic *self = user;
    for (int j = 0; j < 3; j++) out[j] = 12 * self->c[instance] * pow(x[j] - (double)instance, 2) * v[j];
    return 0;
}

static int quartic_third(void *user, int64_t instance, const double *x, const double *u, const double *v, double *out) {
    const quartic *self = user;
    for (int j = 0; j < 3; j++) out[j] = 24 * self->c[instance] * (x[j] - (double)instance) * u[j] * v[j];
    return 0;
}

static int quartic_start(void *user, int64_t instance, l2o_random *random, double *x) {
    (void)instance;
    ((quartic *)user)->starts++;
    for (int j = 0; j < 3; j++) x[j] = 1 + l2o_random_uniform(random);
    return 0;
}

static int quartic_sample(void *user, int64_t instance, l2o_random *random) {
    quartic *self = user;
    self->samples++;
    self->c[instance] = 3 + 0.1 * l2o_random_normal(random);
    return 0;
}

static l2o_problem_callbacks all_callbacks(void) {
    return (l2o_problem_callbacks){.size = sizeof(l2o_problem_callbacks),
                                   .value_gradient = quartic_value_gradient,
                                   .hess_vec = quartic_hess_vec,
                                   .third = quartic_third,
                                   .start = quartic_start,
                                   .sample = quartic_sample};
}

static l2o_context *context_create(void) {
    l2o_context *context;
    assert_int_equal(l2o_context_create(2, NULL, &context), L2O_OK);
    return context;
}

static void test_values_and_gradients(void **state) {
    (void)state;
    l2o_context *context = context_create();
    const char *types[] = {"float64", "float32", NULL};
    for (int t = 0; t < 3; t++) {
        quartic user = {.c = {0}};
        l2o_problem *problem;
        l2o_problem_callbacks callbacks = all_callbacks();
        assert_int_equal(l2o_problem_create_custom(context, &callbacks, &user, 100, 3, types[t], &problem), L2O_OK);
        assert_int_equal(l2o_problem_batch(problem), 100);
        assert_int_equal(l2o_problem_dimension(problem), 3);
        assert_int_equal(user.samples, 100);
        assert_int_equal(user.starts, 100);
        double x[300], f[100], g[300];
        assert_int_equal(l2o_problem_start(context, problem, x), L2O_OK);
        for (int i = 0; i < 300; i++) assert_true(x[i] >= 1 && x[i] <= 2);
        assert_int_equal(l2o_problem_value_gradient(context, problem, x, f, g), L2O_OK);
        double tolerance = t == 0 ? 1e-14 : 1e-6;
        for (int p = 0; p < 100; p++) {
            double sum = 0;
            for (int j = 0; j < 3; j++) {
                double d = x[3 * p + j] - p;
                sum += user.c[p] * d * d * d * d;
                assert_near(g[3 * p + j], 4 * user.c[p] * d * d * d, tolerance, "gradient");
            }
            assert_near(f[p], sum, tolerance, "value");
        }
        double only[100];
        assert_int_equal(l2o_problem_value_gradient(context, problem, x, only, NULL), L2O_OK);
        assert_memory_equal(only, f, sizeof f);
        l2o_problem_free(problem);
    }
    l2o_context_free(context);
}

static void test_draws(void **state) {
    (void)state;
    l2o_context *context = context_create();
    quartic user = {.c = {0}};
    l2o_problem *problem;
    l2o_problem_callbacks callbacks = all_callbacks();
    assert_int_equal(l2o_problem_create_custom(context, &callbacks, &user, 10, 3, "float64", &problem), L2O_OK);
    double first[30], again[30], c[10];
    assert_int_equal(l2o_problem_sample(context, problem, 3, "training", 8), L2O_OK);
    l2o_problem_start(context, problem, first);
    memcpy(c, user.c, sizeof c);
    for (int i = 3; i < 30; i++) assert_true(first[i] != first[i - 3]); /* instances have numbers of their own */
    assert_int_equal(l2o_problem_sample(context, problem, 3, "validation", 8), L2O_OK);
    l2o_problem_start(context, problem, again);
    for (int i = 0; i < 30; i++) assert_true(first[i] != again[i]);
    assert_int_equal(l2o_problem_sample(context, problem, 3, "training", 8), L2O_OK);
    l2o_problem_start(context, problem, again);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_equal(c, user.c, sizeof c);
    assert_int_equal(l2o_problem_sample(context, problem, 3, "trainings", 8), L2O_ERROR_INPUT);
    assert_non_null(strstr(l2o_context_error(context), "there is no stream 'trainings'"));
    l2o_problem_free(problem);
    callbacks.start = NULL;
    callbacks.sample = NULL;
    assert_int_equal(l2o_problem_create_custom(context, &callbacks, &user, 10, 3, "float64", &problem), L2O_OK);
    l2o_problem_start(context, problem, again);
    for (int i = 0; i < 30; i++) assert_true(again[i] != 0 && fabs(again[i]) < 0.1);
    l2o_problem_free(problem);
    l2o_context_free(context);
}

static void test_failures(void **state) {
    (void)state;
    l2o_context *context = context_create();
    quartic user = {.c = {0}, .fail_at = 4};
    l2o_problem *problem;
    l2o_problem_callbacks callbacks = all_callbacks();
    assert_int_equal(l2o_problem_create_custom(context, &callbacks, &user, 10, 3, NULL, &problem), L2O_OK);
    double x[30] = {0}, f[10], g[30];
    assert_int_equal(l2o_problem_value_gradient(context, problem, x, f, g), L2O_ERROR_CANCELLED);
    assert_non_null(strstr(l2o_context_error(context), "value_gradient stopped at instance 3 by returning 7"));
    assert_int_equal(l2o_problem_value_gradient(context, problem, x, f, g), L2O_OK);
    assert_string_equal(l2o_context_error(context), "");
    l2o_problem_free(problem);
    assert_int_equal(l2o_problem_create_custom(context, &callbacks, &user, 0, 3, NULL, &problem), L2O_ERROR_INPUT);
    assert_null(problem);
    assert_int_equal(l2o_problem_create_custom(context, &callbacks, &user, 1, 3, "float16", &problem), L2O_ERROR_INPUT);
    callbacks.value_gradient = NULL;
    assert_int_equal(l2o_problem_create_custom(context, &callbacks, &user, 1, 3, NULL, &problem), L2O_ERROR_INPUT);
    callbacks = all_callbacks();
    callbacks.size = 8;
    assert_int_equal(l2o_problem_create_custom(context, &callbacks, &user, 1, 3, NULL, &problem), L2O_ERROR_INPUT);
    assert_non_null(strstr(l2o_context_error(context), "sizeof(l2o_problem_callbacks)"));
    l2o_problem_free(NULL);
    l2o_context_free(context);
}

/* Inside, the callbacks fill the same slots as a family, and those that are missing stay empty. */
static void test_slots(void **state) {
    (void)state;
    l2o_context *context = context_create();
    quartic user = {.c = {0}};
    l2o_problem *problem;
    l2o_problem_callbacks callbacks = all_callbacks();
    assert_int_equal(l2o_problem_create_custom(context, &callbacks, &user, 2, 3, "float64", &problem), L2O_OK);
    assert_false(problem->concurrent);
    fixture self = {.problem = problem};
    fixture_ready(&self);
    const double x[6] = {1, 2, 3, 4, 5, 6}, u[6] = {1, 1, 1, 2, 2, 2}, v[6] = {3, 2, 1, 1, 2, 3};
    double out[6];
    problem->ops->hess_vec(problem, fixture_rows(&self), x, v, out, &self.evaluation);
    for (int i = 0; i < 6; i++)
        assert_near(out[i], 12 * user.c[i / 3] * pow(x[i] - i / 3, 2) * v[i], 1e-14, "hess_vec");
    problem->ops->third(problem, fixture_rows(&self), x, u, v, out, &self.evaluation);
    for (int i = 0; i < 6; i++) assert_near(out[i], 24 * user.c[i / 3] * (x[i] - i / 3) * u[i] * v[i], 1e-14, "third");
    self.problem = NULL;
    fixture_free(&self);
    l2o_problem_free(problem);
    callbacks.hess_vec = NULL;
    callbacks.third = NULL;
    callbacks.concurrent = 1;
    assert_int_equal(l2o_problem_create_custom(context, &callbacks, &user, 2, 3, NULL, &problem), L2O_OK);
    assert_null(problem->ops->hess_vec);
    assert_null(problem->ops->third);
    assert_true(problem->concurrent);
    l2o_problem_free(problem);
    l2o_context_free(context);
}

/* A family through the public interface gives what it gives inside, at any number of threads. */
static void test_family_in_public(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=lasso batch=200 dtype=float64");
    fixture_sample(&self, 0, STREAM_TEST, 0);
    double inside_f[200], inside_g[2000];
    fixture_value_gradient(&self, self.problem->x0, inside_f, inside_g);
    for (int threads = 1; threads <= 3; threads++) {
        l2o_context *context;
        l2o_problem *problem;
        assert_int_equal(l2o_context_create(threads, "portable", &context), L2O_OK);
        assert_int_equal(l2o_problem_create(context, self.settings, &problem), L2O_OK);
        double x[2000], f[200], g[2000];
        l2o_problem_start(context, problem, x);
        assert_int_equal(l2o_problem_value_gradient(context, problem, x, f, g), L2O_OK);
        assert_memory_equal(f, inside_f, sizeof f);
        assert_memory_equal(g, inside_g, sizeof g);
        l2o_problem_free(problem);
        l2o_context_free(context);
    }
    fixture_free(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_gradients),
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_family_in_public),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
