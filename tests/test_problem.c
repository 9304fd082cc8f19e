/* What all problems have in common: drawing, addresses of random numbers, dimensions, mixtures, errors. */
#include <math.h>

#include "problem_fixture.h"
#include "problems/linear_model.h"

static double mean_at_start(const char *settings) {
    fixture self;
    fixture_create(&self, settings);
    double sum = 0;
    enum { DRAWS = 20 };
    int64_t batch = self.problem->batch;
    double *f = calloc((size_t)batch, sizeof *f);
    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        fixture_sample(&self, 1, STREAM_TEST, draw);
        fixture_value_gradient(&self, self.problem->x0, f, NULL);
        for (int64_t p = 0; p < batch; p++) sum += problem_load(self.problem->type, f, p);
    }
    free(f);
    fixture_free(&self);
    return sum / DRAWS / (double)batch;
}

/* The specification's table: 1/2 (n^2 sigma^2 s0^2 + n E[b^2]) + lambda n s0 sqrt(2 / pi). */
static void test_initial_objectives(void **state) {
    (void)state;
    assert_near(mean_at_start("A=normal:10"), 2.167, 0.02, "sigma 10");
    assert_near(mean_at_start("A=normal:25"), 4.79, 0.03, "sigma 25");
    assert_near(mean_at_start("A=normal:50"), 14.17, 0.04, "sigma 50");
    assert_near(mean_at_start("A=normal:100"), 51.67, 0.04, "sigma 100");
    assert_near(mean_at_start("A=normal:200 dtype=float64"), 201.7, 0.04, "sigma 200");
    assert_near(mean_at_start("A=normal:0.5"), 1.667, 0.015, "sigma 0.5");
    assert_near(mean_at_start("A=normal:0.5 b=uniform:0:1"), 1.667, 0.015, "sigma 0.5, b in [0, 1)");
    assert_near(mean_at_start("problem=quadratic A=normal:10"), 2.167, 0.02, "quadratic, sigma 10");
    assert_near(mean_at_start("problem=rosenbrock"), 402, 0.1, "rosenbrock");
}

static void test_same_address_same_bits(void **state) {
    (void)state;
    const char *families[] = {"problem=lasso", "problem=quadratic dtype=float64", "problem=rosenbrock"};
    for (int k = 0; k < 3; k++) {
        fixture one, two;
        fixture_create(&one, families[k]);
        fixture_create(&two, families[k]);
        size_t size = dtype_size(one.problem->type),
               x_bytes = (size_t)(one.problem->batch * one.problem->dimension) * size;
        fixture_sample(&one, 7, STREAM_TRAINING, 5);
        fixture_sample(&two, 7, STREAM_TRAINING, 9);
        assert_memory_not_equal(one.problem->x0, two.problem->x0, x_bytes);
        fixture_sample(&two, 7, STREAM_TRAINING, 5);
        assert_memory_equal(one.problem->x0, two.problem->x0, x_bytes);
        if (one.problem->model != NULL) {
            const linear_model *a = one.problem->model, *b = two.problem->model;
            assert_memory_equal(a->a, b->a, (size_t)(a->batch * a->m * a->n) * size);
            assert_memory_equal(a->b, b->b, (size_t)(a->batch * a->m) * size);
        }
        const random_stream streams[] = {STREAM_VALIDATION, STREAM_ADAPTATION, STREAM_HELD_OUT, STREAM_TEST,
                                         STREAM_TUNING};
        for (int s = 0; s < 5; s++) {
            fixture_sample(&two, 7, streams[s], 5);
            for (int64_t i = 0; i < one.problem->batch * one.problem->dimension; i++)
                assert_true(problem_load(one.problem->type, one.problem->x0, i) !=
                            problem_load(two.problem->type, two.problem->x0, i));
        }
        assert_int_equal(problem_sample(two.problem, 7, STREAM_TRAINING, 5, 1, &two.error), L2O_OK); /* another task */
        assert_memory_not_equal(one.problem->x0, two.problem->x0, x_bytes);
        fixture_free(&one);
        fixture_free(&two);
    }
}

static void test_both_types_draw_the_same(void **state) {
    (void)state;
    fixture one, two;
    fixture_create(&one, "problem=lasso m=7 dtype=float32");
    fixture_create(&two, "problem=lasso m=7 dtype=float64");
    fixture_sample(&one, 3, STREAM_TEST, 0);
    fixture_sample(&two, 3, STREAM_TEST, 0);
    const float *single = one.problem->model->a;
    const double *twice = two.problem->model->a;
    for (int64_t i = 0; i < 128 * 70; i++) assert_true(single[i] == (float)twice[i]);
    float f32[128], g32[1280];
    double f64[128], g64[1280];
    fixture_value_gradient(&one, one.problem->x0, f32, g32);
    fixture_value_gradient(&two, two.problem->x0, f64, g64);
    for (int p = 0; p < 128; p++) assert_near(f32[p], f64[p], 1e-6, "value");
    for (int i = 0; i < 1280; i++) assert_near(g32[i], g64[i], 1e-5, "gradient");
    fixture_free(&one);
    fixture_free(&two);
}

static void test_mixture_by_thirds(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "A=mix:uniform:0:0.1,uniform:0:0.5,uniform:2:3");
    int components;
    assert_int_equal(problem_components(self.settings, &components, &self.error), L2O_OK);
    assert_int_equal(components, 3);
    fixture_sample(&self, 1, STREAM_TRAINING, 0);
    const float *a = self.problem->model->a;
    for (int p = 0; p < 128; p++) {
        float largest = 0, least = 9;
        for (int i = p * 100; i < (p + 1) * 100; i++) {
            if (a[i] > largest) largest = a[i];
            if (a[i] < least) least = a[i];
        }
        if (p < 42) assert_true(largest < 0.1f && least >= 0);
        if (p >= 42 && p < 84) assert_true(largest < 0.5f && largest > 0.1f);
        if (p >= 84) assert_true(least >= 2 && largest < 3);
    }
    fixture_free(&self);
    assert_int_equal(fixture_try(&self, "A=mix:uniform:0:0.1,uniform:0:0.5,uniform:2:3", 2), L2O_OK);
    fixture_ready(&self);
    fixture_sample(&self, 1, STREAM_TRAINING, 0);
    a = self.problem->model->a;
    for (int i = 0; i < 12800; i++) assert_true(a[i] >= 2);
    fixture_free(&self);
    fixture_settings(&self, "A=mix:1,2,3 b=mix:1,2");
    assert_int_equal(problem_components(self.settings, &components, &self.error), L2O_ERROR_INPUT);
    assert_non_null(strstr(self.error.text, "A is a mixture of 3 and b a mixture of 2"));
    fixture_free(&self);
    fixture_settings(&self, "A=normal:1 b=mix:1,2 x0=mix:1,2");
    assert_int_equal(problem_components(self.settings, &components, &self.error), L2O_OK);
    assert_int_equal(components, 2);
    fixture_free(&self);
}

static void test_dimensions_and_defaults(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=lasso");
    assert_int_equal(self.problem->batch, 128);
    assert_int_equal(self.problem->dimension, 10);
    assert_int_equal(self.problem->type, DTYPE_FLOAT32);
    assert_int_equal(self.problem->model->m, 10);
    fixture_free(&self);
    fixture_create(&self, "problem=rosenbrock");
    assert_int_equal(self.problem->dimension, 2);
    assert_true(problem_has(self.problem, STRUCTURE_OPTIMUM));
    assert_true(self.problem->optimum[5] == 0);
    fixture_free(&self);
    fixture_create(&self, "problem=rosenbrock n=6 batch=3 x0=fixed:1");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    float f[3], g[18];
    fixture_value_gradient(&self, self.problem->x0, f, g);
    for (int i = 0; i < 18; i++) assert_true(g[i] == 0);
    assert_true(f[0] == 0 && f[2] == 0);
    fixture_free(&self);
}

static void assert_refused(const char *settings, const char *sentence) {
    fixture self;
    if (fixture_try(&self, settings, COMPONENT_ALL) != L2O_ERROR_INPUT) fail_msg("'%s' was taken", settings);
    assert_null(self.problem);
    if (strstr(self.error.text, sentence) == NULL) fail_msg("'%s' does not say '%s'", self.error.text, sentence);
    fixture_free(&self);
}

/* One weight for each instance, the same for the same draw; of a mixture, the component's. */
static void test_drawn_lambda(void **state) {
    (void)state;
    fixture self, part;
    fixture_create(&self, "problem=lasso batch=9 lambda=mix:log-uniform:1e-3:1e-2,5,uniform:20:30");
    fixture_sample(&self, 9, STREAM_TRAINING, 3);
    const double *lambda = self.problem->lambda;
    double kept[9];
    memcpy(kept, lambda, sizeof kept);
    for (int p = 0; p < 3; p++) {
        assert_true(lambda[p] >= 1e-3 && lambda[p] < 1e-2);
        assert_true(lambda[3 + p] == 5);
        assert_true(lambda[6 + p] >= 20 && lambda[6 + p] < 30);
    }
    assert_true(lambda[0] != lambda[1] && lambda[6] != lambda[7]);
    fixture_sample(&self, 9, STREAM_TRAINING, 4);
    assert_true(lambda[0] != kept[0]);
    fixture_sample(&self, 9, STREAM_TRAINING, 3);
    assert_memory_equal(lambda, kept, sizeof kept);
    int components;
    assert_int_equal(problem_components(self.settings, &components, &self.error), L2O_OK);
    assert_int_equal(components, 3);
    assert_int_equal(fixture_try(&part, "problem=lasso batch=9 lambda=mix:1,5,7", 2), L2O_OK);
    fixture_sample(&part, 9, STREAM_TRAINING, 3);
    for (int p = 0; p < 9; p++) assert_true(part.problem->lambda[p] == 7);
    fixture_free(&part);
    fixture_free(&self);
}

static void test_errors(void **state) {
    (void)state;
    assert_refused("problem=lassso", "the families are lasso, quadratic");
    assert_refused("problem=rosenbrock n=3", "n = 3 must be even");
    assert_refused("A=nrml:1", "A: 'nrml:1' is not a distribution");
    assert_refused("b=uniform:1", "b: ");
    assert_refused("x0=normal:-1", "x0: ");
    assert_refused("lambda=-1", "lambda: '-1'");
    assert_refused("lambda=0.1z", "lambda: '0.1z'");
    assert_refused("lambda=normal:1", "may be negative");
    assert_refused("lambda=0.1 lambda-relative=0.5", "both given");
    assert_refused("shared-A=yes A=mix:1,2", "cannot be shared");
    fixture self;
    assert_int_not_equal(fixture_try(&self, "n=1000000000 batch=1000000000 dtype=float64", COMPONENT_ALL), L2O_OK);
    assert_null(self.problem);
    fixture_free(&self);
    fixture_create(&self, "problem=rosenbrock");
    assert_int_equal(problem_prepare(self.problem, STRUCTURE_LIPSCHITZ, &self.evaluation), L2O_ERROR_UNSUPPORTED);
    fixture_free(&self);
}

static void test_shared_matrix_is_fixed(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "shared-A=yes unit-columns=yes b=truth m=5 n=8 batch=4 dtype=float64 density=0.5");
    fixture_sample(&self, 1, STREAM_TRAINING, 0);
    const linear_model *model = self.problem->model;
    double a[40], x[32];
    memcpy(a, model->a, sizeof a);
    memcpy(x, self.problem->truth, sizeof x);
    for (int j = 0; j < 8; j++) {
        double sum = 0;
        for (int i = 0; i < 5; i++) sum += a[8 * i + j] * a[8 * i + j];
        assert_near(sum, 1, 1e-14, "squared norm of a column");
    }
    int zeros = 0;
    for (int p = 0; p < 4; p++)
        for (int i = 0; i < 5; i++) {
            double sum = 0;
            for (int j = 0; j < 8; j++) sum += a[8 * i + j] * x[8 * p + j];
            assert_near(((const double *)model->b)[5 * p + i], sum, 1e-13, "b = A x");
        }
    for (int i = 0; i < 32; i++) zeros += x[i] == 0;
    assert_in_range(zeros, 8, 24);
    fixture_sample(&self, 2, STREAM_TEST, 3);
    assert_memory_equal(a, model->a, sizeof a);
    assert_memory_not_equal(x, self.problem->truth, sizeof x);
    fixture_free(&self);
    fixture_create(&self, "shared-A=yes unit-columns=yes b=truth m=5 n=8 batch=4 dtype=float64 A-seed=1");
    fixture_sample(&self, 1, STREAM_TRAINING, 0);
    assert_memory_not_equal(a, self.problem->model->a, sizeof a);
    fixture_free(&self);
}

static void test_noise_has_the_asked_ratio(void **state) {
    (void)state;
    fixture clean, noisy;
    fixture_create(&clean, "b=truth m=400 n=20 density=0.5 batch=20 dtype=float64");
    fixture_create(&noisy, "b=truth m=400 n=20 density=0.5 batch=20 dtype=float64 snr=20");
    fixture_sample(&clean, 1, STREAM_TEST, 0);
    fixture_sample(&noisy, 1, STREAM_TEST, 0);
    const double *y = clean.problem->model->b, *z = noisy.problem->model->b;
    double signal = 0, noise = 0;
    for (int i = 0; i < 8000; i++) {
        signal += y[i] * y[i];
        noise += (z[i] - y[i]) * (z[i] - y[i]);
    }
    assert_near(10 * log10(signal / noise), 20, 0.02, "signal-to-noise ratio");
    fixture_free(&clean);
    fixture_free(&noisy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_initial_objectives),
        cmocka_unit_test(test_same_address_same_bits),
        cmocka_unit_test(test_both_types_draw_the_same),
        cmocka_unit_test(test_mixture_by_thirds),
        cmocka_unit_test(test_dimensions_and_defaults),
        cmocka_unit_test(test_drawn_lambda),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_shared_matrix_is_fixed),
        cmocka_unit_test(test_noise_has_the_asked_ratio),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
