/* What the problem tests share: settings from a line of text, a problem from settings, evaluation at a point. */
#ifndef L2O_TESTS_PROBLEM_FIXTURE_H
#define L2O_TESTS_PROBLEM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problems/problem.h"

enum { FIXTURE_TABLES = 32 };

typedef struct fixture {
    l2o_error error;
    arena scratch;
    settings_table tables[FIXTURE_TABLES];
    l2o_settings *settings;
    problem *problem;
    evaluation evaluation;
    int64_t *index; /* 0, 1, ..., B - 1 */
} fixture;

/* Sets "name=value name=value ..."; values hold no spaces. */
static inline void fixture_settings(fixture *self, const char *text) {
    memset(self, 0, sizeof *self);
    int count = 0;
    self->tables[count++] = (settings_table){"problems", problem_common_settings};
    for (int i = 0; problem_at(i) != NULL; i++)
        if (problem_at(i)->settings != NULL)
            self->tables[count++] = (settings_table){problem_at(i)->name, problem_at(i)->settings};
    assert_int_equal(settings_create(self->tables, count, &self->settings, &self->error), L2O_OK);
    char *copy = strdup(text);
    assert_non_null(copy);
    char *rest;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(word, '=');
        assert_non_null(equals);
        *equals = '\0';
        if (settings_set(self->settings, word, equals + 1, "test", &self->error) != L2O_OK)
            fail_msg("%s", self->error.text);
    }
    free(copy);
}

static inline l2o_status fixture_try(fixture *self, const char *text, int component) {
    fixture_settings(self, text);
    return problem_create(self->settings, component, &self->problem, &self->error);
}

static inline void fixture_ready(fixture *self) {
    if (kernels_select("portable", self->problem->type, &self->evaluation.kernels, &self->error) != L2O_OK)
        fail_msg("%s", self->error.text);
    self->evaluation.scratch = &self->scratch;
    self->evaluation.error = &self->error;
    self->index = calloc((size_t)self->problem->batch, sizeof *self->index);
    assert_non_null(self->index);
    for (int64_t p = 0; p < self->problem->batch; p++) self->index[p] = p;
}

static inline void fixture_create(fixture *self, const char *text) {
    if (fixture_try(self, text, COMPONENT_ALL) != L2O_OK) fail_msg("%s", self->error.text);
    fixture_ready(self);
}

static inline void fixture_sample(fixture *self, uint64_t seed, random_stream stream, uint32_t draw) {
    if (problem_sample(self->problem, seed, stream, draw, 0, &self->error) != L2O_OK) fail_msg("%s", self->error.text);
}

static inline void fixture_free(fixture *self) {
    problem_free(self->problem);
    settings_free(self->settings);
    arena_free(&self->scratch);
    free(self->index);
}

static inline instances fixture_rows(const fixture *self) { return (instances){self->problem->batch, self->index}; }

static inline void fixture_value_gradient(fixture *self, const void *x, void *f, void *g) {
    l2o_status status =
        self->problem->ops->value_gradient(self->problem, fixture_rows(self), x, f, g, &self->evaluation);
    if (status != L2O_OK) fail_msg("%s", self->error.text);
}

/* Asserts |a - b| <= tolerance (1 + |b|), with the place in words when not. */
static inline void assert_near(double a, double b, double tolerance, const char *what) {
    double difference = a > b ? a - b : b - a, size = b < 0 ? -b : b;
    if (!(difference <= tolerance * (1 + size)))
        fail_msg("%s: %.17g is not %.17g (tolerance %g)", what, a, b, tolerance);
}

#endif
