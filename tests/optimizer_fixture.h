/* A problem, an optimizer and a context from one line of settings: "problem=lasso n=5 ... rate=0.1". */
#ifndef L2O_TESTS_OPTIMIZER_FIXTURE_H
#define L2O_TESTS_OPTIMIZER_FIXTURE_H

#include "problem_fixture.h"

#include "dist/context.h"
#include "l2o/check.h"
#include "optimizers/optimizer.h"
#include "run/segment.h"
#include "solve/solve.h"

enum { BENCH_TABLES = 64 };

typedef struct bench {
    l2o_error error;
    l2o_context *context;
    settings_table tables[BENCH_TABLES];
    l2o_settings *settings;
    problem *problem;
    optimizer *optimizer;
} bench;

static inline void bench_settings(bench *self, const char *text) {
    int count = 0;
    self->tables[count++] = (settings_table){"problems", problem_common_settings};
    self->tables[count++] = (settings_table){"optimizers", optimizer_common_settings};
    self->tables[count++] = (settings_table){"solve", solve_settings};
    for (int i = 0; problem_at(i) != NULL; i++)
        if (problem_at(i)->settings != NULL)
            self->tables[count++] = (settings_table){problem_at(i)->name, problem_at(i)->settings};
    for (int i = 0; optimizer_at(i) != NULL; i++)
        if (optimizer_at(i)->settings != NULL)
            self->tables[count++] = (settings_table){optimizer_at(i)->name, optimizer_at(i)->settings};
    assert_true(count <= BENCH_TABLES);
    assert_int_equal(settings_create(self->tables, count, &self->settings, &self->error), L2O_OK);
    char *copy = strdup(text), *rest;
    assert_non_null(copy);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(word, '=');
        assert_non_null(equals);
        *equals = '\0';
        if (settings_set(self->settings, word, equals + 1, "test", &self->error) != L2O_OK)
            fail_msg("%s", self->error.text);
    }
    free(copy);
}

/* Everything, with draw 0 of the test stream sampled. */
static inline void bench_create(bench *self, const char *text, int threads) {
    memset(self, 0, sizeof *self);
    bench_settings(self, text);
    assert_int_equal(l2o_context_create(threads, "portable", &self->context), L2O_OK);
    if (problem_create(self->settings, COMPONENT_ALL, &self->problem, &self->error) != L2O_OK ||
        problem_sample(self->problem, 1, STREAM_TEST, 0, 0, &self->error) != L2O_OK ||
        optimizer_create(self->settings, NULL, &self->optimizer, &self->error) != L2O_OK)
        fail_msg("%s", self->error.text);
}

static inline void bench_free(bench *self) {
    optimizer_free(self->optimizer);
    problem_free(self->problem);
    settings_free(self->settings);
    l2o_context_free(self->context);
}

/* Runs `steps` steps from x0; x [B, n] and, where not NULL, the mean objectives [steps + 1]. */
static inline void bench_run(bench *self, int64_t steps, double *x, double *mean) {
    runner runner;
    carry carry;
    if (runner_create(self->context, self->problem, self->optimizer, &runner, &self->error) != L2O_OK)
        fail_msg("%s", self->error.text);
    assert_int_equal(carry_create(self->problem, self->optimizer, &carry, &self->error), L2O_OK);
    carry_reset(&carry, self->problem);
    segment segment = {.weights = self->optimizer->weights,
                       .steps = steps,
                       .detached = true,
                       .from = &carry,
                       .to = &carry,
                       .mean_objective = mean};
    if (segment_run(&runner, &segment, &self->error) != L2O_OK) fail_msg("%s", self->error.text);
    runner.kernels->to_double(carry.batch * carry.dimension, carry.x, x);
    carry_free(&carry);
    runner_free(&runner);
}

/* The meta-gradient and its derivative, in the forms of `l2o check`, agree with differences: six rows of points. */
static inline void bench_check_meta_derivatives(bench *self, const char *label) {
    l2o_derivative_check *check = NULL;
    if (l2o_check_derivatives(self->context, self->problem, self->optimizer, 3, &check) != L2O_OK)
        fail_msg("%s", l2o_context_error(self->context));
    int found = 0;
    for (int r = 0; r < l2o_derivative_check_rows(check); r++) {
        const l2o_check_row *row = l2o_derivative_check_row(check, r);
        if (strncmp(row->what, "meta", 4) != 0) continue;
        found++;
        if (!row->passed || row->points == 0)
            fail_msg("%s, %s: %lld points, error %g, %s", label, row->what, (long long)row->points, row->error,
                     row->why);
    }
    assert_int_equal(found, 6);
    l2o_derivative_check_free(check);
}

#endif
