/* What the tests of run share: contexts, problems and optimizers, made in one call. */
#ifndef L2O_TESTS_RUN_PROBLEM_H
#define L2O_TESTS_RUN_PROBLEM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "closed_form.h"
#include "dist/context.h"
#include "experiment/catalog.h"
#include "optimizers/optimizer.h"

static inline l2o_context *test_context_on(int threads, const char *kernel) {
    l2o_context *context = NULL;
    if (l2o_context_create(threads, kernel, &context) != L2O_OK) fail_msg("%s", l2o_context_error(context));
    return context;
}

static inline l2o_context *test_context(int threads) { return test_context_on(threads, "auto"); }

static inline l2o_settings *test_settings(void) {
    l2o_error error = {0};
    l2o_settings *settings = NULL;
    if (catalog_settings(&settings, &error) != L2O_OK) fail_msg("%s", error.text);
    return settings;
}

static inline void test_set(l2o_settings *settings, const char *name, const char *value) {
    l2o_error error = {0};
    if (settings_set(settings, name, value, "test", &error) != L2O_OK) fail_msg("%s", error.text);
}

static inline void test_set_integer(l2o_settings *settings, const char *name, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    test_set(settings, name, text);
}

/* "NAME=VALUE NAME=VALUE ..." */
static inline void test_set_all(l2o_settings *settings, const char *text) {
    char copy[256], *rest = NULL;
    assert_true(snprintf(copy, sizeof copy, "%s", text) < (int)sizeof copy);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        assert_non_null(value);
        *value = '\0';
        test_set(settings, word, value + 1);
    }
}

/* The forms that a step of RNNprop has, as settings; the first is the paper's. NULL past the end. */
static inline const char *test_rule(int number) {
    static const char *const rules[] = {"",
                                        "normalise=spectral",
                                        "step-range=1.5",
                                        "step-range=1.5 normalise=spectral",
                                        "update=momentum step-scale=0.002 damping=2",
                                        "update=momentum step-scale=0.002 step-range=0.7 normalise=spectral"};
    return number < (int)(sizeof rules / sizeof *rules) ? rules[number] : NULL;
}

/* Drawn, with x0. */
static inline problem *test_problem(const char *family, int64_t n, int64_t batch, const char *type) {
    l2o_settings *settings = test_settings();
    l2o_error error = {0};
    problem *made = NULL;
    test_set(settings, "problem", family);
    if (problem_find(family)->fixed_dimension == 0) test_set_integer(settings, "n", n);
    test_set_integer(settings, "batch", batch);
    test_set(settings, "dtype", type);
    if (problem_create(settings, COMPONENT_ALL, &made, &error) != L2O_OK) fail_msg("%s", error.text);
    if (problem_sample(made, 11, STREAM_TEST, 0, 0, &error) != L2O_OK) fail_msg("%s", error.text);
    settings_free(settings);
    return made;
}

/* With fresh weights when it has some. */
static inline optimizer *test_optimizer_with(const char *name, int64_t hidden, const char *options) {
    l2o_settings *settings = test_settings();
    l2o_error error = {0};
    optimizer *made = NULL;
    if (hidden > 0) test_set_integer(settings, "hidden", hidden);
    test_set_all(settings, options);
    if (optimizer_create(settings, name, &made, &error) != L2O_OK) fail_msg("%s", error.text);
    if (made->weight_total > 0) optimizer_initialise(made, 21, 0, made->weights);
    settings_free(settings);
    return made;
}

static inline optimizer *test_optimizer(const char *name, int64_t hidden) {
    return test_optimizer_with(name, hidden, "");
}

/* The problem of closed_form.h in float64. */
static inline problem test_closed_form(int64_t n, int64_t batch) {
    l2o_error error = {0};
    problem made = {.ops = &closed_form_ops,
                    .type = DTYPE_FLOAT64,
                    .batch = batch,
                    .dimension = n,
                    .component = COMPONENT_ALL,
                    .concurrent = true};
    made.x0 = arena_allocate(&made.memory, (size_t)(batch * n) * sizeof(double), &error);
    assert_non_null(made.x0);
    for (int64_t i = 0; i < batch * n; i++)
        ((double *)made.x0)[i] = random_normal((random_key){.seed = 31, .stream = STREAM_TEST}, (uint64_t)i);
    return made;
}

#endif
