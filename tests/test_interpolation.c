/* Weights between two optimizers, and the experiment that walks from one adapted optimizer to another. */
#include <math.h>

#include "experiment/interpolation.h"
#include "l2o/compare.h"
#include "optimizers/optimizer.h"
#include "training.h"

#define NETWORK "layers=1 hidden=3 step-scale=0.1 "
#define SMALL   NETWORK "problem=lasso n=4 batch=6 unroll=5 adaptation-updates=3 seed=3 dtype=float64 "

static l2o_optimizer *make(l2o_context *context, const char *text) {
    l2o_settings *settings = training_settings(text);
    l2o_optimizer *made;
    if (l2o_optimizer_create(context, settings, &made) != L2O_OK) fail_msg("%s", l2o_context_error(context));
    l2o_settings_free(settings);
    return made;
}

static void test_weights(void **state) {
    (void)state;
    l2o_context *context = training_context(1);
    l2o_optimizer *first = make(context, NETWORK "seed=1"), *second = make(context, NETWORK "seed=2"),
                  *result = make(context, NETWORK "seed=3");
    double *one, *other, *between;
    int64_t count = l2o_optimizer_weights(first, &one);
    l2o_optimizer_weights(second, &other);
    l2o_optimizer_weights(result, &between);
    static const double at[] = {0, 1, 0.25, -0.5, 1.5};
    for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
        assert_int_equal(l2o_interpolate(context, first, second, at[k], result), L2O_OK);
        for (int64_t i = 0; i < count; i++)
            assert_true(fabs(between[i] - (one[i] + at[k] * (other[i] - one[i]))) <= 1e-15);
        if (k < 2) assert_memory_equal(between, k == 0 ? one : other, (size_t)count * sizeof(double));
    }
    /* The result may be an end, and its file says where it comes from. */
    double kept[2] = {one[0], other[0]};
    assert_int_equal(l2o_interpolate(context, first, second, 0.5, first), L2O_OK);
    assert_true(fabs(one[0] - 0.5 * (kept[0] + kept[1])) <= 1e-15 && other[0] == kept[1]);
    directory place;
    char *json;
    directory_create(&place);
    const char *path = directory_file(&place, "between.safetensors");
    assert_int_equal(l2o_optimizer_save(context, first, path), L2O_OK);
    assert_int_equal(l2o_weights_describe(context, path, &json), L2O_OK);
    assert_contains(json, "\"interpolation\"");
    assert_contains(json, "\"a\": 0.5");
    l2o_string_free(json);
    directory_remove(&place);
    l2o_optimizer_free(first);
    l2o_optimizer_free(second);
    l2o_optimizer_free(result);
    l2o_context_free(context);
}

static void test_weights_refused(void **state) {
    (void)state;
    l2o_context *context = training_context(1);
    l2o_optimizer *first = make(context, NETWORK), *wide = make(context, "layers=1 hidden=4 step-scale=0.1"),
                  *longer = make(context, "layers=1 hidden=3 step-scale=0.2"), *adam = make(context, "optimizer=adam");
    double *weights;
    l2o_optimizer_weights(first, &weights);
    double before = weights[0];
    assert_int_equal(l2o_interpolate(context, first, wide, 0.5, first), L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(context), "'hidden' is 3 in one and 4 in the other");
    assert_int_equal(l2o_interpolate(context, first, first, 0.5, longer), L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(context), "'step-scale' is 0.1 in one and 0.2 in the other");
    assert_int_equal(l2o_interpolate(context, first, adam, 0.5, first), L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(context), "'adam' is hand-designed");
    assert_int_equal(l2o_interpolate(context, first, first, NAN, first), L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(context), "finite");
    assert_true(weights[0] == before);
    l2o_optimizer_free(first);
    l2o_optimizer_free(wide);
    l2o_optimizer_free(longer);
    l2o_optimizer_free(adam);
    l2o_context_free(context);
}

typedef struct setup {
    l2o_context *context;
    l2o_settings *ends[2], *test;
    interpolation_options options;
    interpolation result;
} setup;

static setup setup_create(int threads, const char *first, const char *second) {
    setup self = {.context = training_context(threads)};
    self.ends[0] = training_settings(first);
    self.ends[1] = training_settings(second);
    self.test = training_settings(SMALL "A=normal:5");
    self.options = (interpolation_options){.start = "rnnprop",
                                           .ends = {self.ends[0], self.ends[1]},
                                           .test = self.test,
                                           .points = 5,
                                           .runs = 3,
                                           .steps = 30};
    return self;
}

static void setup_run(setup *self) {
    l2o_error error = {0};
    if (interpolation_run(self->context, &self->options, NULL, NULL, &self->result, &error) != L2O_OK)
        fail_msg("%s", error.text);
}

static void setup_free(setup *self) {
    interpolation_free(&self->result);
    for (int k = 0; k < 2; k++) l2o_settings_free(self->ends[k]);
    l2o_settings_free(self->test);
    l2o_context_free(self->context);
}

/* The ends are what a comparison of the two adapted optimizers gives, from a file of weights as from fresh ones. */
static void test_ends(void **state) {
    (void)state;
    directory place;
    directory_create(&place);
    const char *path = directory_file(&place, "start.safetensors");
    l2o_context *context = training_context(1);
    l2o_optimizer *start = make(context, NETWORK "seed=9");
    assert_int_equal(l2o_optimizer_save(context, start, path), L2O_OK);
    l2o_optimizer_free(start);
    for (int file = 0; file < 2; file++) {
        setup self = setup_create(2, SMALL "A=normal:0.5", SMALL "A=normal:5 keep=best evaluation-steps=30");
        const char *name = file ? path : "rnnprop";
        self.options.start = name;
        setup_run(&self);
        char text[1024];
        l2o_settings *settings =
            training_settings(file ? "problem=lasso n=4 batch=6 unroll=5 adaptation-updates=3 seed=3 dtype=float64 "
                                     "A=normal:5 runs=3 steps=30 limit=no"
                                   : SMALL "A=normal:5 runs=3 steps=30 limit=no");
        snprintf(text, sizeof text, "optimizers=%s:adapt:A=normal:0.5,%s:adapt:keep=best:evaluation-steps=30", name,
                 name);
        training_set(settings, text);
        l2o_comparison *comparison;
        if (l2o_compare(context, settings, NULL, NULL, &comparison) != L2O_OK)
            fail_msg("%s", l2o_context_error(context));
        assert_int_equal(self.result.count, 5);
        for (int k = 0; k < 2; k++) {
            const l2o_compare_row *row = l2o_comparison_row(comparison, k);
            const interpolation_point *point = &self.result.points[4 * k];
            assert_true(point->a == k);
            assert_true(row->minimum == point->over_runs.mean);
            assert_true(row->minimum_half == point->over_runs.half_width);
            assert_true(row->last == statistics_mean(point->last, 3));
            assert_true(row->preparation_evaluations == self.result.evaluations[k] / 3);
            for (int run = 0; run < 3; run++) assert_true(self.result.adaptations[k][run].trial_count == 1);
        }
        assert_true(self.result.test_evaluations == 5 * 3 * 30);
        assert_true(self.result.points[2].a == 0.5);
        assert_true(self.result.points[0].gain.mean == 0 && self.result.points[0].gain.deviation == 0);
        double gain = 0;
        for (int run = 0; run < 3; run++)
            gain += (self.result.points[2].minimum[run] - self.result.points[0].minimum[run]) / 3;
        assert_true(gain != 0 && fabs(self.result.points[2].gain.mean - gain) < 1e-14);
        l2o_comparison_free(comparison);
        l2o_settings_free(settings);
        setup_free(&self);
    }
    l2o_context_free(context);
    directory_remove(&place);
}

/* Between equal ends there is no way to go: all points are one. Any number of threads gives the same bits. */
static void test_equal_ends_and_threads(void **state) {
    (void)state;
    double minimum[2][5][3];
    for (int threads = 1; threads <= 2; threads++) {
        setup self = setup_create(threads, SMALL "A=normal:1", SMALL "A=normal:5");
        setup_run(&self);
        for (int i = 0; i < 5; i++) memcpy(minimum[threads - 1][i], self.result.points[i].minimum, 3 * sizeof(double));
        assert_true(minimum[0][0][0] != minimum[0][4][0]);
        setup_free(&self);
    }
    assert_memory_equal(minimum[0], minimum[1], sizeof minimum[0]);
    setup self = setup_create(1, SMALL "A=normal:5", SMALL "A=normal:5");
    self.options.points = 3; /* halves: (1 - a) w + a w is w exactly */
    setup_run(&self);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(self.result.points[0].minimum, self.result.points[i].minimum, 3 * sizeof(double));
    setup_free(&self);
}

static void stop(void *user, const char *label, int64_t done, int64_t total) {
    assert_true(label[0] == 'a' && done < total && total == 3 * (2 + 5));
    if (done == 9) l2o_context_cancel(user);
}

static void test_refusals(void **state) {
    (void)state;
    l2o_error error = {0};
    setup self = setup_create(1, SMALL "A=normal:1", SMALL "A=normal:5");
    self.options.points = 1;
    assert_int_equal(interpolation_run(self.context, &self.options, NULL, NULL, &self.result, &error), L2O_ERROR_INPUT);
    assert_contains(error.text, "at least 2, 1 and 1");
    self.options.points = 5;
    self.options.start = "adam";
    error_clear(&error);
    assert_int_equal(interpolation_run(self.context, &self.options, NULL, NULL, &self.result, &error), L2O_ERROR_INPUT);
    assert_contains(error.text, "hand-designed");
    self.options.start = "missing.safetensors";
    error_clear(&error);
    assert_true(interpolation_run(self.context, &self.options, NULL, NULL, &self.result, &error) != L2O_OK);
    assert_contains(error.text, "missing.safetensors");
    self.options.start = "rnnprop";
    error_clear(&error);
    assert_int_equal(interpolation_run(self.context, &self.options, stop, self.context, &self.result, &error),
                     L2O_ERROR_CANCELLED);
    setup_free(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),  cmocka_unit_test(test_weights_refused),
        cmocka_unit_test(test_ends),     cmocka_unit_test(test_equal_ends_and_threads),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
