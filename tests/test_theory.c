/* The theory's measurements: distances against their closed forms, the sweep over T against direct computation and
 * against differences, constants where they are known, and the whole experiment with one thread and with two. */
#include <math.h>

#include "experiment/correlation.h"
#include "experiment/theory.h"
#include "experiment/theory_bound.h"
#include "experiment/theory_decomposition.h"
#include "experiment/theory_distance.h"
#include "experiment/theory_gain.h"
#include "experiment/theory_json.h"
#include "experiment/theory_optimizee.h"
#include "experiment/theory_sweep.h"
#include "experiment/theory_unroll.h"
#include "optimizers/optimizer.h"
#include "problems/linear_model.h"
#include "run/check.h"
#include "training.h"

#define CHECK(call)                                                                                                    \
    do {                                                                                                               \
        if ((call) != L2O_OK) fail_msg("%s", error.text);                                                              \
    } while (0)

static void assert_near(double a, double b, double tolerance) {
    if (!(fabs(a - b) <= tolerance * fmax(1, fabs(b)))) fail_msg("%.17g is not %.17g", a, b);
}

/* ------------------------------------------------------------------------------------------------------- distances */

static void test_expected_distances(void **state) {
    (void)state;
    l2o_error error = {0};
    l2o_settings *settings = training_settings("n=10 batch=12 dtype=float64 b=uniform:0:1");
    theory_task normal, wide, uniform, mixed;
    CHECK(theory_task_create(settings, "normal", "normal:2", STREAM_TEST, &normal, &error));
    CHECK(theory_task_create(settings, "wide", "normal:5", STREAM_TEST, &wide, &error));
    CHECK(theory_task_create(settings, "uniform", "uniform:0:3", STREAM_TEST, &uniform, &error));
    CHECK(theory_task_create(settings, "mixed", "mix:normal:2,normal:5,uniform:0:3", STREAM_TEST, &mixed, &error));
    const theory_moments none = {.known = true};
    double x[10], length = 0, sum = 0;
    for (int j = 0; j < 10; j++) {
        x[j] = sin(j + 1);
        length += x[j] * x[j];
        sum += x[j];
    }
    /* N(0, s^2): n |s1^2 - s2^2|, and that times ||x||. */
    assert_near(theory_hessian_expected(&normal.moments, &wide.moments, 10), 10 * 21, 1e-12);
    assert_near(theory_gradient_expected(&normal.moments, &wide.moments, 10, x), 10 * 21 * sqrt(length), 1e-12);
    /* U[0, s): the largest eigenvalue of E A'A is n s^2 (1/12 + n/4). */
    assert_near(theory_hessian_expected(&uniform.moments, &none, 10), 10 * 9 * (1.0 / 12 + 10.0 / 4), 1e-12);
    /* E A'A x - E A'b with E A'b = n (s / 2) (1 / 2) in each entry. */
    double expected = 0;
    for (int j = 0; j < 10; j++) {
        double g = 10 * (9.0 / 12 * x[j] + 9.0 / 4 * sum) - 10 * 1.5 * 0.5;
        expected += g * g;
    }
    assert_near(theory_gradient_expected(&uniform.moments, &none, 10, x), sqrt(expected), 1e-12);
    /* A mixture is the mean of its components, which have a third of the batch each. */
    assert_near(mixed.moments.diagonal, 10 * (4 + 25 + 9.0 / 12) / 3, 1e-12);
    assert_near(mixed.moments.common, 10 * (9.0 / 4) / 3, 1e-12);
    theory_task_free(&normal);
    theory_task_free(&wide);
    theory_task_free(&uniform);
    theory_task_free(&mixed);
    l2o_settings_free(settings);
}

static void test_unknown_moments(void **state) {
    (void)state;
    l2o_error error = {0};
    const char *const without[] = {"b=truth", "unit-columns=yes", "shared-A=yes"};
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        l2o_settings *settings = training_settings("n=3 batch=2");
        training_set(settings, without[i]);
        theory_task task;
        CHECK(theory_task_create(settings, "task", "normal:2", STREAM_TEST, &task, &error));
        assert_false(task.moments.known);
        assert_true(isnan(theory_hessian_expected(&task.moments, &task.moments, 3)));
        theory_task_free(&task);
        l2o_settings_free(settings);
    }
}

/* The mean of many drawn Hessians comes near the expectation, and single pairs are the norm of a matrix that is made
 * entry by entry. */
static void test_drawn_distances(void **state) {
    (void)state;
    l2o_error error = {0};
    enum { N = 4, BATCH = 4000 };
    l2o_settings *settings = training_settings("n=4 batch=4000 dtype=float64");
    l2o_context *context = training_context(1);
    theory_task p, q;
    arena scratch = {0};
    CHECK(theory_task_create(settings, "p", "normal:2", STREAM_TRAINING, &p, &error));
    CHECK(theory_task_create(settings, "q", "uniform:0:1", STREAM_TEST, &q, &error));
    CHECK(problem_sample(p.problem, 3, STREAM_TRAINING, 0, 0, &error));
    CHECK(problem_sample(q.problem, 3, STREAM_TEST, 0, 0, &error));
    assert_near(theory_task_entry(&p), 2, 0.02);

    double first[N * N] = {0}, second[N * N] = {0}, of_means;
    CHECK(theory_hessian_sum(p.problem, first, &scratch, &error));
    CHECK(theory_hessian_sum(q.problem, second, &scratch, &error));
    for (int i = 0; i < N * N; i++) first[i] = (first[i] - second[i]) / BATCH;
    CHECK(theory_spectral_norm(N, first, &of_means, &scratch, &error));
    assert_near(of_means, theory_hessian_expected(&p.moments, &q.moments, N), 0.05);

    double *pairs = malloc(BATCH * sizeof *pairs), *itself = malloc(BATCH * sizeof *itself);
    assert_true(pairs != NULL && itself != NULL);
    CHECK(theory_hessian_distances(p.problem, q.problem, pairs, &scratch, &error));
    CHECK(theory_hessian_distances(p.problem, p.problem, itself, &scratch, &error));
    for (int i = 0; i < 5; i++) {
        const double *a = linear_model_matrix(p.problem->model, i), *b = linear_model_matrix(q.problem->model, i);
        double difference[N * N], norm;
        for (int j = 0; j < N; j++)
            for (int k = 0; k < N; k++) {
                difference[j * N + k] = 0;
                for (int r = 0; r < N; r++)
                    difference[j * N + k] += a[r * N + j] * a[r * N + k] - b[r * N + j] * b[r * N + k];
            }
        CHECK(theory_spectral_norm(N, difference, &norm, &scratch, &error));
        assert_near(pairs[i], norm, 1e-9);
        assert_true(itself[i] == 0);
    }
    /* An indefinite matrix, whose largest eigenvalue in size is negative. */
    const double indefinite[4] = {1, 2, 2, -5};
    double norm;
    CHECK(theory_spectral_norm(2, indefinite, &norm, &scratch, &error));
    assert_near(norm, 2 + sqrt(13), 1e-9);

    double x[N] = {0.3, -0.1, 0.2, 0.5}, mean[N] = {0};
    double *gradients = malloc((size_t)BATCH * N * sizeof *gradients);
    assert_non_null(gradients);
    for (int side = 0; side < 2; side++) {
        CHECK(theory_gradients(context, side == 0 ? p.problem : q.problem, x, gradients, &scratch, &error));
        for (int i = 0; i < BATCH * N; i++) mean[i % N] += (side == 0 ? 1 : -1) * gradients[i] / BATCH;
    }
    assert_near(check_norm(N, mean), theory_gradient_expected(&p.moments, &q.moments, N, x), 0.1);
    free(gradients);
    free(pairs);
    free(itself);
    arena_free(&scratch);
    theory_task_free(&p);
    theory_task_free(&q);
    l2o_context_free(context);
    l2o_settings_free(settings);
}

/* ------------------------------------------------------------------------------------------------- meta-gradients */

#define SMALL "n=3 batch=6 layers=1 hidden=4 unroll=5 dtype=float64 seed=7 b=uniform:0:1 A=uniform:0:1 "

typedef struct bench {
    l2o_context *context;
    l2o_settings *settings;
    theory_tasks tasks;
    optimizer *optimizer;
    arena memory;
    l2o_error error;
} bench;

static bench *bench_create(int threads, const char *more) {
    bench *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->context = training_context(threads);
    self->settings = training_settings(SMALL "theory-test-A=normal:3 theory-adapt-A=normal:1;normal:2");
    training_set(self->settings, more);
    if (theory_tasks_create(self->settings, &self->tasks, &self->error) != L2O_OK ||
        optimizer_create(self->settings, NULL, &self->optimizer, &self->error) != L2O_OK)
        fail_msg("%s", self->error.text);
    optimizer_initialise(self->optimizer, 7, 0, self->optimizer->weights);
    return self;
}

static void bench_free(bench *self) {
    optimizer_free(self->optimizer);
    theory_tasks_free(&self->tasks, self->settings);
    arena_free(&self->memory);
    l2o_settings_free(self->settings);
    l2o_context_free(self->context);
    free(self);
}

static void test_tasks_share_x0(void **state) {
    (void)state;
    bench *self = bench_create(1, "");
    assert_int_equal(self->tasks.count, THEORY_CANDIDATES + 2);
    if (theory_tasks_sample(&self->tasks, 7, 2, &self->error) != L2O_OK) fail_msg("%s", self->error.text);
    const problem *test = self->tasks.task[THEORY_TEST].problem;
    for (int k = 0; k < self->tasks.count; k++) {
        const problem *other = self->tasks.task[k].problem;
        assert_memory_equal(other->x0, test->x0, 3 * 6 * sizeof(double));
        for (int j = 0; j < k; j++) /* and nothing else */
            assert_memory_not_equal(other->model->a, self->tasks.task[j].problem->model->a, sizeof(double));
    }
    bench_free(self);
}

/* Each cell of the sweep is the distance of two gradients that are computed here. */
static void test_sweep_is_direct_computation(void **state) {
    (void)state;
    enum { STEPS = 5, RUNS = 2 };
    bench *self = bench_create(1, "");
    l2o_error error = {0};
    theory_sweep sweep;
    const meta_loss *loss = meta_loss_at(1);
    const double *weights = self->optimizer->weights;
    int64_t total = self->optimizer->weight_total;
    CHECK(theory_sweep_run(self->context, &self->tasks, self->optimizer, weights, loss, STEPS, RUNS, 7, &self->memory,
                           &sweep, &error));
    double *a = calloc((size_t)total, sizeof *a), *b = calloc((size_t)total, sizeof *b);
    assert_true(a != NULL && b != NULL);
    for (int run = 0; run < RUNS; run++) {
        CHECK(theory_tasks_sample(&self->tasks, 7, (uint32_t)run, &error));
        for (int inputs = 0; inputs < THEORY_INPUTS; inputs++)
            for (int task = 0; task < self->tasks.count; task++)
                for (int64_t steps = 1; steps <= STEPS; steps++) {
                    theory_unroll p, q;
                    double value;
                    problem *training = self->tasks.task[THEORY_TRAINING].problem,
                            *other = self->tasks.task[task].problem;
                    CHECK(theory_unroll_create(self->context, training, self->optimizer, steps, &p, &error));
                    CHECK(theory_unroll_create(self->context, other, self->optimizer, steps, &q, &error));
                    CHECK(theory_unroll_run(&p, loss, steps, inputs == 0, weights, &value, a, &error));
                    CHECK(theory_unroll_run(&q, loss, steps, inputs == 0, weights, &value, b, &error));
                    double cosine = check_dot(total, a, b) / (check_norm(total, a) * check_norm(total, b));
                    for (int64_t i = 0; i < total; i++) a[i] -= b[i];
                    int64_t at = theory_sweep_at(&sweep, (theory_inputs)inputs, THEORY_TRAINING, task, steps) + run;
                    assert_true(sweep.distance[at] == check_norm(total, a));
                    assert_near(sweep.cosine[at], cosine, 1e-12);
                    assert_true(task == THEORY_TRAINING ? sweep.distance[at] == 0 : sweep.distance[at] > 0);
                    theory_unroll_free(&p);
                    theory_unroll_free(&q);
                }
    }
    /* What is farther away in its Hessian is so in its meta-gradient, and both grow with T. */
    for (int inputs = 0; inputs < THEORY_INPUTS; inputs++) {
        const double *near = sweep.distance + theory_sweep_at(&sweep, (theory_inputs)inputs, 0, THEORY_CANDIDATES, 1);
        const double *far = sweep.distance + theory_sweep_at(&sweep, (theory_inputs)inputs, 0, THEORY_TEST, 1);
        assert_true(near[(STEPS - 1) * RUNS] > near[0] && far[(STEPS - 1) * RUNS] > far[0]);
        assert_true(far[(STEPS - 1) * RUNS] > near[(STEPS - 1) * RUNS]);
    }
    free(a);
    free(b);
    bench_free(self);
}

/* With full inputs the gradient is that of the value itself. */
static void test_unroll_gradient_against_differences(void **state) {
    (void)state;
    bench *self = bench_create(1, "");
    l2o_error error = {0};
    theory_unroll unroll;
    int64_t total = self->optimizer->weight_total;
    double *gradient = calloc((size_t)total, sizeof *gradient), *weights = calloc((size_t)total, sizeof *weights);
    assert_true(gradient != NULL && weights != NULL);
    CHECK(theory_tasks_sample(&self->tasks, 7, 0, &error));
    CHECK(theory_unroll_create(self->context, self->tasks.task[THEORY_TEST].problem, self->optimizer, 5, &unroll,
                               &error));
    double value, ends[2], slope = 0;
    const double width = 1e-5;
    CHECK(theory_unroll_run(&unroll, meta_loss_at(1), 5, false, self->optimizer->weights, &value, gradient, &error));
    for (int64_t i = 0; i < total; i++) slope += gradient[i] * cos((double)i);
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < total; i++)
            weights[i] = self->optimizer->weights[i] + (side == 0 ? width : -width) * cos((double)i);
        CHECK(theory_unroll_run(&unroll, meta_loss_at(1), 5, false, weights, &ends[side], NULL, &error));
    }
    assert_true(fabs((ends[0] - ends[1]) / (2 * width) / slope - 1) < 1e-4);
    theory_unroll_free(&unroll);
    free(gradient);
    free(weights);
    bench_free(self);
}

static void test_fit(void **state) {
    (void)state;
    double exponential[6], power[6], factor, exponent;
    for (int i = 0; i < 6; i++) {
        exponential[i] = 3 * pow(1.5, i + 2);
        power[i] = 3 * pow(i + 2, 1.5);
    }
    theory_fit_growth(exponential, 6, 2, &factor, &exponent);
    assert_near(factor, 1.5, 1e-12);
    theory_fit_growth(power, 6, 2, &factor, &exponent);
    assert_near(exponent, 1.5, 1e-12);
    theory_fit_growth(power, 1, 2, &factor, &exponent);
    assert_true(isnan(factor) && isnan(exponent));
    power[3] = 0;
    theory_fit_growth(power, 6, 2, &factor, &exponent);
    assert_true(isnan(factor) && isnan(exponent));
}

/* Plain gradient descent moves by rate times the gradient as it sees it: its slope is the rate everywhere. */
static void test_bound_of_gradient_descent(void **state) {
    (void)state;
    bench *self = bench_create(1, "optimizer=sgd rate=0.03");
    l2o_error error = {0};
    theory_bound bound;
    const theory_task *task = &self->tasks.task[THEORY_TEST];
    CHECK(theory_tasks_sample(&self->tasks, 7, 0, &error));
    CHECK(theory_bound_of(self->context, task, 7, 0, self->optimizer, NULL, 4, &bound, &error));
    assert_near(bound.slope_mean, 0.03, 1e-7);
    assert_near(bound.slope_largest, 0.03, 1e-7);
    evaluation evaluation = {.scratch = &self->memory, .error = &error};
    double norms[6], largest = 0, logarithms = 0;
    double scale = self->optimizer->scale_by_batch ? 1.0 / 6 : 1;
    CHECK(linear_model_squared_norms(task->problem->model, norms, &evaluation));
    for (int p = 0; p < 6; p++) {
        largest = fmax(largest, scale * norms[p]);
        logarithms += log1p(0.03 * scale * norms[p]) / 6;
    }
    assert_near(bound.lipschitz_largest, largest, 1e-12);
    assert_near(bound.growth, 1 + 0.03 * largest, 1e-7);
    assert_near(bound.growth_typical, exp(logarithms), 1e-7);
    bench_free(self);
}

/* ---------------------------------------------------------------------------------------- gains and Eq. 8 */

static void test_gains(void **state) {
    (void)state;
    bench *self = bench_create(1, "theory-seeds=2 theory-updates=3 theory-unrolls=2 adaptation-updates=3 "
                                  "theory-most-updates=12 evaluation-steps=9 inner-rate=0.01");
    l2o_error error = {0};
    theory_start start;
    theory_gain gain;
    CHECK(theory_start_create(self->context, self->settings, THEORY_TL, &start, &error));
    assert_int_equal(start.count, 2);
    int64_t total = start.optimizer->weight_total;
    assert_memory_not_equal(theory_start_weights(&start, 0), theory_start_weights(&start, 1), sizeof(double));
    CHECK(theory_gain_run(self->context, self->settings, &self->tasks, &start, 2, 7, &self->memory, &gain, &error));
    const int64_t points[] = {0, 1, 2, 3, 5, 10, 12};
    assert_int_equal(gain.point_count, 7);
    for (int i = 0; i < 7; i++) assert_int_equal(gain.points[i], points[i]);
    assert_int_equal(gain.adapted, 3);
    assert_near(gain.rates[2], 1e-4, 1e-12);

    /* One step of the smallest rate brings rate times the squared gradient where it was taken on the test problem
     * itself: done by hand for one sample, seed 1 and draw 1. */
    double value, before, after, over[4], *phi = calloc((size_t)total, sizeof *phi),
                                          *gradient = calloc((size_t)total, sizeof *gradient);
    assert_true(phi != NULL && gradient != NULL);
    int task = THEORY_CANDIDATES + 1, sample = 3;
    theory_unroll candidate, test;
    CHECK(theory_tasks_sample(&self->tasks, 7, 1, &error));
    CHECK(theory_unroll_create(self->context, self->tasks.task[task].problem, start.optimizer, 5, &candidate, &error));
    CHECK(
        theory_unroll_create(self->context, self->tasks.task[THEORY_TEST].problem, start.optimizer, 5, &test, &error));
    memcpy(phi, theory_start_weights(&start, 1), (size_t)total * sizeof *phi);
    CHECK(theory_unroll_run(&candidate, meta_loss_at(0), 5, true, phi, &value, gradient, &error));
    CHECK(theory_unroll_run(&test, meta_loss_at(0), 5, true, phi, &before, NULL, &error));
    for (int64_t i = 0; i < total; i++) phi[i] -= 0.01 * gradient[i];
    CHECK(theory_unroll_run(&test, meta_loss_at(0), 5, true, phi, &after, NULL, &error));
    assert_near(gain.test[theory_gain_at(&gain, task, 0) + sample], before - after, 1e-9);
    /* A small step along its own gradient helps on problems of the same kind. */
    assert_true(gain.own[theory_gain_at(&gain, task, 3) + sample] > 0);
    theory_gain_over_none(&gain, task, 0, over);
    for (int i = 0; i < 4; i++) assert_true(over[i] == 0);
    theory_gain_over_none(&gain, task, 6, over);
    for (int i = 0; i < 4; i++)
        assert_true(over[i] == theory_gain_minimum(&gain, task, 0)[i] - theory_gain_minimum(&gain, task, 6)[i]);
    theory_unroll_free(&candidate);
    theory_unroll_free(&test);
    free(phi);
    free(gradient);
    theory_start_free(&start);
    bench_free(self);
}

static void test_decomposition(void **state) {
    (void)state;
    bench *self = bench_create(1, "theory-seeds=1 theory-updates=3 theory-unrolls=2 theory-long-updates=0");
    l2o_error error = {0};
    theory_start start;
    theory_decomposition out;
    CHECK(theory_start_create(self->context, self->settings, THEORY_ML2O, &start, &error));
    CHECK(theory_decomposition_run(self->context, self->settings, &self->tasks, &start, 2, 7, &self->memory, &out,
                                   &error));
    for (int sample = 0; sample < 2; sample++) {
        assert_true(out.training[sample] == 0); /* not trained on: the optimum is where the weights are */
        assert_true(out.apart[sample] > 0 && out.test_sample[sample] > 0 && out.lipschitz[sample] > 0);
        for (int task = THEORY_CANDIDATES; task < self->tasks.count; task++) {
            int64_t at = (int64_t)task * out.samples + sample;
            assert_true(out.gradient[at] > 0);
            assert_true(isfinite(out.left[at]));
        }
    }
    assert_true(out.lipschitz[1] >= out.lipschitz[0]);
    theory_start_free(&start);
    bench_free(self);
}

static void test_correlation(void **state) {
    (void)state;
    const double x[] = {1, 2, 3, 4, 5}, rising[] = {1, 10, 100, 1000, 1e4}, tied[] = {1, 1, 2, 2, 3}, flat[5] = {0};
    assert_near(correlation_spearman(x, rising, 5), 1, 1e-12);
    assert_true(correlation_pearson(x, rising, 5) < 0.9);
    assert_near(correlation_spearman(x, tied, 5), 9 / sqrt(10 * 9), 1e-12); /* ranks 1.5 1.5 3.5 3.5 5 */
    assert_near(correlation_pearson(x, x, 5), 1, 1e-12);
    assert_true(isnan(correlation_pearson(x, flat, 5)));
    assert_true(isnan(correlation_pearson(x, x, 1)));
    const double broken[] = {1, NAN, 3};
    assert_true(isnan(correlation_spearman(x, broken, 3)));
}

/* Means over draws and over seeds have intervals of their own. */
static void test_spread(void **state) {
    (void)state;
    const double values[] = {1, 2, 3, 5, 6, 7}; /* two seeds, three draws */
    theory_spread spread = theory_spread_of(values, 2, 3);
    assert_near(spread.mean, 4, 1e-12);
    assert_near(spread.half, 4.302652729911275 / sqrt(3), 1e-9);
    assert_near(spread.seeds_half, 12.706204736432095 * 2, 1e-9);
    assert_near(theory_spread_half(&spread), 12.706204736432095 * 2, 1e-9);
}

/* ----------------------------------------------------------------------------------------------------- the whole */

#define WHOLE                                                                                                          \
    "theory-seeds=2 theory-runs=2 theory-updates=4 theory-unrolls=2 theory-long-updates=2 theory-most-updates=5 "      \
    "evaluation-steps=12 theory-points=2"

static void count_parts(void *user, int done, int parts) {
    int *next = user;
    assert_int_equal(done, (*next)++);
    assert_true(done < parts);
}

static json_t *whole(int threads, const char *more, l2o_status expected, l2o_error *error) {
    l2o_context *context = training_context(threads);
    l2o_settings *settings = training_settings(SMALL "theory-test-A=normal:3 theory-adapt-A=normal:1;normal:2 " WHOLE);
    training_set(settings, more);
    json_t *results = json_pack("{s:[], s:[], s:[], s:[]}", "tables", "figures", "claims", "notes");
    assert_non_null(results);
    int parts = 0;
    l2o_status status = theory_run(context, settings, count_parts, &parts, json_object_get(results, "tables"),
                                   json_object_get(results, "figures"), json_object_get(results, "claims"),
                                   json_object_get(results, "notes"), error);
    if (status != expected) fail_msg("%s", error->text);
    if (status == L2O_OK && settings_check_used(settings, "the theory", error) != L2O_OK) fail_msg("%s", error->text);
    l2o_settings_free(settings);
    l2o_context_free(context);
    return results;
}

static void test_whole(void **state) {
    (void)state;
    l2o_error error = {0};
    json_t *one = whole(1, "", L2O_OK, &error), *two = whole(2, "", L2O_OK, &error);
    assert_true(json_equal(one, two)); /* the same bits */
    size_t i, j;
    json_t *table, *row;
    json_array_foreach(json_object_get(one, "tables"), i, table) {
        size_t columns = json_array_size(json_object_get(table, "columns"));
        assert_true(json_array_size(json_object_get(table, "rows")) > 0);
        json_array_foreach(json_object_get(table, "rows"), j, row)
            assert_int_equal(json_array_size(json_object_get(row, "cells")), columns);
    }
    assert_int_equal(json_array_size(json_object_get(one, "tables")), 7);
    assert_int_equal(json_array_size(json_object_get(one, "figures")), 7);
    assert_true(json_array_size(json_object_get(one, "notes")) >= 5);
    assert_int_equal(json_array_size(json_object_get(one, "claims")), 4);
    const json_t *decision = json_array_get(json_object_get(one, "tables"), 0);
    assert_string_equal(json_string_value(json_object_get(decision, "name")), "decision");
    assert_int_equal(json_array_size(json_object_get(decision, "rows")), 2);
    json_decref(one);
    json_decref(two);
}

/* Weights from files take the place of training. */
static void test_files(void **state) {
    (void)state;
    l2o_error error = {0};
    directory folder;
    directory_create(&folder);
    l2o_context *context = training_context(1);
    l2o_settings *settings =
        training_settings("n=3 batch=6 layers=1 hidden=4 unroll=5 dtype=float64 A=uniform:0:1 stages=2 stage-draws=2 "
                          "evaluate-every=0 seeds=3-4");
    l2o_training_run runs[2];
    char path[128], more[512];
    snprintf(path, sizeof path, "%s", directory_file(&folder, "w-{seed}.safetensors"));
    if (l2o_train_runs(context, settings, path, NULL, NULL, runs) != L2O_OK) fail_msg("%s", l2o_context_error(context));
    snprintf(more, sizeof more, "theory-ml2o=%s/w-3.safetensors,%s/w-4.safetensors theory-tl=%s/w-3.safetensors",
             folder.path, folder.path, folder.path);
    l2o_settings *own = training_settings(SMALL);
    training_set(own, more);
    theory_start start;
    CHECK(theory_start_create(context, own, THEORY_ML2O, &start, &error));
    assert_int_equal(start.count, 2);
    assert_true(start.seeds[0] == 3 && start.seeds[1] == 4);
    theory_start_free(&start);
    l2o_settings_free(own);
    more[strcspn(more, " ")] = '\0'; /* the baseline is trained */
    json_decref(whole(1, more, L2O_OK, &error));
    own = training_settings(SMALL "theory-tl=,");
    assert_int_equal(theory_start_create(context, own, THEORY_TL, &start, &error), L2O_ERROR_INPUT);
    assert_contains(error.text, "no file of weights");
    l2o_settings_free(own);
    l2o_settings_free(settings);
    l2o_context_free(context);
    directory_remove(&folder);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *settings, *sentence;
        l2o_status status;
    } cases[] = {{"theory-adapt-A=normal:1;;normal:2", "theory-adapt-A", L2O_ERROR_INPUT},
                 {"theory-adapt-A=gamma:1", "gamma", L2O_ERROR_INPUT},
                 {"problem=rosenbrock n=2", "least squares", L2O_ERROR_UNSUPPORTED},
                 {"optimizer=adam", "hand-designed", L2O_ERROR_INPUT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        l2o_error error = {0};
        json_decref(whole(1, cases[i].settings, cases[i].status, &error));
        assert_contains(error.text, cases[i].sentence);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expected_distances),
        cmocka_unit_test(test_unknown_moments),
        cmocka_unit_test(test_drawn_distances),
        cmocka_unit_test(test_tasks_share_x0),
        cmocka_unit_test(test_sweep_is_direct_computation),
        cmocka_unit_test(test_unroll_gradient_against_differences),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_bound_of_gradient_descent),
        cmocka_unit_test(test_gains),
        cmocka_unit_test(test_decomposition),
        cmocka_unit_test(test_correlation),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
