/* Comparisons: the same problems for all, whatever the number of threads; what rows, curves and costs must add up to;
 * adaptation, tuning, a user's data, the limit, divergence, and the sentences of mistakes in the list. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "experiment/catalog.h"
#include "experiment/compare.h"
#include "experiment/statistics.h"
#include "io/file.h"
#include "io/json.h"
#include "l2o/settings.h"
#include "problems/linear_model.h"

/* "name=value|name=value" */
static l2o_settings *make_settings(const char *text) {
    l2o_error error = {0};
    l2o_settings *settings;
    if (catalog_settings(&settings, &error) != L2O_OK) fail_msg("%s", error.text);
    char copy[2048];
    snprintf(copy, sizeof copy, "%s", text);
    char *rest;
    for (char *word = strtok_r(copy, "|", &rest); word != NULL; word = strtok_r(NULL, "|", &rest)) {
        char *equals = strchr(word, '=');
        assert_non_null(equals);
        *equals = '\0';
        if (settings_set(settings, word, equals + 1, "test", &error) != L2O_OK) fail_msg("%s", error.text);
    }
    return settings;
}

typedef struct messages {
    int count;
    char last[1024];
} messages;

static void keep_message(void *user, const char *text) {
    messages *kept = user;
    kept->count++;
    snprintf(kept->last, sizeof kept->last, "%s", text);
}

static messages ignored;

static l2o_context *make_context(int threads) {
    l2o_context *context;
    assert_int_equal(l2o_context_create(threads, "portable", &context), L2O_OK);
    l2o_context_on_message(context, keep_message, &ignored);
    return context;
}

static l2o_comparison *compare_on(l2o_context *context, const char *text) {
    l2o_settings *settings = make_settings(text);
    l2o_comparison *made;
    if (l2o_compare(context, settings, NULL, NULL, &made) != L2O_OK) fail_msg("%s", l2o_context_error(context));
    settings_free(settings);
    return made;
}

static l2o_comparison *compare(const char *text) {
    l2o_context *context = make_context(2);
    l2o_comparison *made = compare_on(context, text);
    l2o_context_free(context);
    return made;
}

static void assert_same(double a, double b) {
    if (memcmp(&a, &b, sizeof a) != 0) fail_msg("%.17g is not %.17g", a, b);
}

static void assert_close(double a, double b, double tolerance) {
    if (!(fabs(a - b) <= tolerance)) fail_msg("%.17g is not %.17g within %g", a, b, tolerance);
}

/* Everything but time. */
static void assert_same_rows(const l2o_compare_row *a, const l2o_compare_row *b) {
    assert_int_equal(a->points, b->points);
    assert_same(a->minimum, b->minimum);
    assert_same(a->minimum_half, b->minimum_half);
    assert_same(a->last, b->last);
    assert_same(a->minimum_step, b->minimum_step);
    assert_memory_equal(a->mean, b->mean, (size_t)a->points * sizeof(double));
    assert_memory_equal(a->half, b->half, (size_t)a->points * sizeof(double));
    if (!a->is_limit) assert_memory_equal(a->evaluations, b->evaluations, (size_t)a->points * sizeof(double));
}

#define SMALL "n=5|batch=6|steps=40|runs=4|lambda=0.05|"

static void test_same_problems_for_all(void **state) {
    (void)state;
    l2o_comparison *made = compare(SMALL "optimizers=fista, adam:rate=0.02,fista,rnnprop,Mine=rnnprop,cd,cd");
    assert_int_equal(l2o_comparison_rows(made), 8);
    static const char *const labels[] = {"fista", "adam:rate=0.02", "fista (2)", "rnnprop", "Mine",
                                         "cd",    "cd (2)",         "ln f*"};
    for (int i = 0; i < 8; i++) assert_string_equal(l2o_comparison_row(made, i)->label, labels[i]);
    assert_null(l2o_comparison_row(made, 8));
    assert_null(l2o_comparison_row(made, -1));
    assert_same_rows(l2o_comparison_row(made, 0), l2o_comparison_row(made, 2));
    assert_same_rows(l2o_comparison_row(made, 3), l2o_comparison_row(made, 4));
    assert_same_rows(l2o_comparison_row(made, 5), l2o_comparison_row(made, 6));
    for (int i = 1; i < 7; i++) { /* all start at the same point */
        assert_close(l2o_comparison_row(made, 0)->mean[0], l2o_comparison_row(made, i)->mean[0], 1e-6);
        assert_true(isnan(l2o_comparison_row(made, i)->rate));
    }
    l2o_comparison_free(made);
}

static void test_threads(void **state) {
    (void)state;
    const char *text = "n=4|batch=50|steps=30|runs=2|optimizers=adam:tune,fista,rnnprop:adapt,cd|tune-problems=1|"
                       "adaptation-updates=2|unroll=5";
    l2o_context *one = make_context(1), *three = make_context(3);
    l2o_comparison *a = compare_on(one, text), *b = compare_on(three, text);
    assert_int_equal(l2o_comparison_rows(a), 5);
    for (int i = 0; i < 5; i++) {
        assert_same_rows(l2o_comparison_row(a, i), l2o_comparison_row(b, i));
        assert_same(l2o_comparison_row(a, i)->rate, l2o_comparison_row(b, i)->rate);
    }
    l2o_comparison_free(a);
    l2o_comparison_free(b);
    l2o_context_free(one);
    l2o_context_free(three);
}

/* Against the definition, from single runs: run r of a comparison is not changed by how many runs there are. */
static void test_intervals(void **state) {
    (void)state;
    l2o_comparison *two = compare(SMALL "optimizers=adam:rate=0.02"),
                   *first = compare(SMALL "runs=1|optimizers=adam:rate=0.02");
    const compare_result *result = &two->results[0];
    const l2o_compare_row *row = &result->row, *single = l2o_comparison_row(first, 0);
    assert_same(result->minimum[0], single->minimum);
    assert_true(isnan(single->minimum_half) && isnan(single->half[3]));
    double mean = 0, squares = 0, steps = 0;
    for (int r = 0; r < 4; r++) {
        double least = INFINITY, at = 0;
        const double *ln = result->logarithm + r * result->points;
        for (int t = 1; t < result->points; t++)
            if (ln[t] < least) least = ln[t], at = t;
        assert_same(result->minimum[r], least);
        assert_same(result->last[r], ln[result->points - 1]);
        mean += least / 4;
        steps += at / 4;
    }
    for (int r = 0; r < 4; r++) squares += pow(result->minimum[r] - mean, 2);
    assert_close(row->minimum, mean, 1e-14);
    assert_close(row->minimum_half, 3.182446305284263 * sqrt(squares / 3) / 2, 1e-12);
    assert_close(row->minimum_step, steps, 1e-12);
    assert_close(row->last, row->mean[40], 0);
    assert_close(row->last_half, row->half[40], 0);
    l2o_comparison_free(two);
    l2o_comparison_free(first);
}

static void test_costs(void **state) {
    (void)state;
    l2o_comparison *made = compare(SMALL "optimizers=fista,rnnprop,rnnprop:adapt,cd|adaptation-updates=3|unroll=7");
    const l2o_compare_row *fista = l2o_comparison_row(made, 0), *plain = l2o_comparison_row(made, 1),
                          *adapted = l2o_comparison_row(made, 2), *cd = l2o_comparison_row(made, 3);
    assert_close(fista->gradient_evaluations, 40, 1e-9);
    assert_close(fista->preparation_evaluations, 0, 0);
    assert_close(plain->gradient_evaluations, 40, 1e-9);
    assert_true(adapted->preparation_evaluations >= 3 * 7);
    assert_true(adapted->preparation_evaluations <= 3 * 8);
    assert_true(adapted->preparation_seconds > 0 && adapted->preparation_seconds < adapted->seconds);
    assert_close(adapted->gradient_evaluations, 40 + adapted->preparation_evaluations, 1e-9);
    assert_close(adapted->evaluations[0], adapted->preparation_evaluations, 1e-9);
    assert_true(adapted->mean[40] != plain->mean[40]);
    assert_close(adapted->mean[0], plain->mean[0], 0);
    assert_true(cd->gradient_evaluations > 0);
    assert_close(cd->evaluations[0], 0, 0);
    for (int i = 0; i < 4; i++) {
        const l2o_compare_row *row = l2o_comparison_row(made, i);
        assert_int_equal(row->points, 41);
        for (int t = 1; t <= 40; t++) {
            assert_true(row->evaluations[t] >= row->evaluations[t - 1]);
            assert_true(row->time[t] >= row->time[t - 1]);
        }
        assert_same(row->seconds, row->time[40]);
        assert_same(row->gradient_evaluations, row->evaluations[40]);
    }
    assert_same(cd->evaluations[30], cd->evaluations[40]); /* it stands still long before */
    l2o_comparison_free(made);
}

/* A choice among rates is paid for: the updates at all of them and the measuring on held-out problems. Slashes separate
 * rates where commas separate entries. */
static void test_costs_of_choosing(void **state) {
    (void)state;
    l2o_comparison *made =
        compare(SMALL "optimizers=rnnprop:adapt:adaptation-rates=1e-3/1e-2:keep=best:evaluation-steps=11,"
                      "rnnprop:adapt:adaptation-rate=1e-3|adaptation-updates=3|unroll=7");
    const l2o_compare_row *chosen = l2o_comparison_row(made, 0), *plain = l2o_comparison_row(made, 1);
    double updates = plain->preparation_evaluations, measuring = (1 + 2 * 3) * 11;
    assert_close(chosen->preparation_evaluations, 2 * updates + measuring, 1e-9);
    assert_close(chosen->gradient_evaluations, 40 + chosen->preparation_evaluations, 1e-9);
    l2o_comparison_free(made);
}

/* Each float type: nobody gets below the limit, and those that converge reach it. */
static void test_limit(void **state) {
    (void)state;
    static const char *const texts[] = {
        "dtype=float32|n=6|m=4|batch=9|steps=3000|runs=3|lambda=0.05|optimizers=ista,fista,cd,adam:tune|tune-problems="
        "1",
        "dtype=float64|n=6|m=4|batch=9|steps=3000|runs=3|lambda=0.05|optimizers=ista,fista,cd,adam:tune|tune-problems="
        "1",
        "problem=quadratic|dtype=float64|n=4|m=9|batch=9|steps=3000|runs=3|optimizers=sgd,nesterov,cd,adam:tune|"
        "tune-problems=1",
        "problem=logistic|dtype=float64|n=4|m=20|batch=9|steps=2000|runs=3|lambda=0.02|optimizers=ista,fista,cd,"
        "adam:rate=0.01"};
    for (int i = 0; i < 4; i++) {
        double tolerance = i == 0 ? 1e-5 : 1e-10;
        l2o_comparison *made = compare(texts[i]);
        assert_int_equal(l2o_comparison_rows(made), 5);
        const compare_result *limit = &made->results[4];
        assert_true(limit->row.is_limit);
        assert_int_equal(limit->row.points, 1);
        assert_same(limit->row.minimum, limit->row.mean[0]);
        if (i == 3) assert_true(limit->gap >= 0 && limit->gap <= 1e-12);
        for (int k = 0; k < 4; k++)
            for (int r = 0; r < 3; r++)
                if (made->results[k].minimum[r] < limit->minimum[r] - tolerance)
                    fail_msg("%s reaches %.17g, below %.17g", made->results[k].row.label, made->results[k].minimum[r],
                             limit->minimum[r]);
        assert_close(l2o_comparison_row(made, 1)->minimum, limit->row.minimum, 1e-4);
        assert_close(l2o_comparison_row(made, 2)->minimum, limit->row.minimum, tolerance);
        l2o_comparison_free(made);
    }
    l2o_comparison *without = compare(SMALL "limit=no|optimizers=fista");
    assert_int_equal(l2o_comparison_rows(without), 1);
    l2o_comparison_free(without);
    without = compare("problem=rosenbrock|batch=4|steps=10|runs=2|optimizers=adam:rate=0.01");
    assert_int_equal(l2o_comparison_rows(without), 1);
    l2o_comparison_free(without);
    without = compare("problem=quadratic|dtype=float64|n=3|batch=4|steps=10|runs=2|optimizers=sgd"); /* f* = 0 */
    assert_int_equal(l2o_comparison_rows(without), 1);
    l2o_comparison_free(without);
}

static void test_tuning(void **state) {
    (void)state;
    l2o_comparison *made = compare(SMALL "optimizers=adam:tune|tune-problems=2");
    const l2o_compare_row *tuned = l2o_comparison_row(made, 0);
    assert_true(tuned->rate > 0);
    double tries = tuned->preparation_evaluations / (2 * 40);
    assert_close(tries, round(tries), 1e-9);
    assert_true(tries >= 13);
    assert_close(tuned->gradient_evaluations, tuned->preparation_evaluations + 40, 1e-9);
    /* The tuned rate is one of the grid, and runs as that rate does when it is given. */
    char text[256];
    snprintf(text, sizeof text, SMALL "optimizers=adam:rate=%.4g,adam:rate=%.4g,adam:rate=%.4g", tuned->rate,
             tuned->rate * 31.62, tuned->rate / 31.62);
    l2o_comparison *fixed = compare(text);
    const l2o_compare_row *same = l2o_comparison_row(fixed, 0);
    assert_memory_equal(same->mean, tuned->mean, 41 * sizeof(double));
    for (int i = 1; i < 3; i++) assert_true(l2o_comparison_row(fixed, i)->minimum > tuned->minimum);
    l2o_comparison_free(fixed);
    /* A range that misses it is extended to it, from either side. */
    static const char *const ranges[] = {"tune-lowest=1e-9|tune-highest=1e-8", "tune-lowest=1e3|tune-highest=1e4"};
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, SMALL "optimizers=adam:tune|tune-problems=2|%s", ranges[i]);
        l2o_comparison *extended = compare(text);
        if (i == 0) assert_close(l2o_comparison_row(extended, 0)->rate, tuned->rate, 1e-9);
        assert_true(l2o_comparison_row(extended, 0)->rate != 1e-8 && l2o_comparison_row(extended, 0)->rate != 1e3);
        l2o_comparison_free(extended);
    }
    l2o_comparison_free(made);
}

static void test_divergence(void **state) {
    (void)state;
    l2o_context *context = make_context(2);
    l2o_comparison *made = compare_on(context, SMALL "A=normal:30|optimizers=sgd:rate=1,fista");
    const l2o_compare_row *row = l2o_comparison_row(made, 0);
    assert_true(isinf(row->last) && row->last > 0 && isnan(row->last_half));
    assert_true(isfinite(row->minimum)); /* its first steps were finite */
    assert_true(isfinite(l2o_comparison_row(made, 1)->last));
    char *json;
    assert_int_equal(l2o_comparison_json(context, made, &json), L2O_OK);
    json_t *document;
    l2o_error error = {0};
    assert_int_equal(json_parse(json, strlen(json), "comparison", &document, &error), L2O_OK);
    assert_string_equal(json_string_value(json_object_get(document, "problem")), "lasso");
    assert_int_equal(json_integer_value(json_object_get(document, "runs")), 4);
    assert_non_null(json_object_get(json_object_get(document, "settings"), "lambda"));
    const json_t *rows = json_object_get(document, "rows"), *first = json_array_get(rows, 0);
    assert_int_equal(json_array_size(rows), 3);
    assert_string_equal(json_string_value(json_object_get(first, "status")), "diverged in 4 of 4 runs");
    const json_t *last = json_object_get(first, "last");
    assert_true(json_is_null(json_object_get(last, "mean")));
    assert_string_equal(json_string_value(json_object_get(last, "status")), "diverged");
    const json_t *second = json_array_get(rows, 1), *curve = json_object_get(second, "curve");
    assert_string_equal(json_string_value(json_object_get(second, "status")), "finite");
    assert_int_equal(json_array_size(json_object_get(curve, "mean")), 41);
    assert_same(json_real_value(json_array_get(json_object_get(curve, "mean"), 40)),
                l2o_comparison_row(made, 1)->mean[40]);
    assert_true(json_is_true(json_object_get(json_array_get(rows, 2), "is_limit")));
    json_decref(document);
    l2o_string_free(json);

    char path[] = "/tmp/l2o_compare_XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    assert_int_equal(l2o_comparison_plot(context, made, "A title", path), L2O_OK);
    buffer svg = {0};
    assert_int_equal(file_read(path, 0, &svg, &error), L2O_OK);
    assert_non_null(strstr(buffer_text(&svg), "A title"));
    assert_non_null(strstr(buffer_text(&svg), "ln f*"));
    assert_non_null(strstr(buffer_text(&svg), "not finite from here on"));
    buffer_free(&svg);
    unlink(path);
    assert_int_equal(l2o_comparison_plot(context, made, NULL, "/nonexistent/folder/figure.svg"), L2O_ERROR_IO);
    l2o_comparison_free(made);
    l2o_context_free(context);
}

static void make_folder(char path[], const char *name, const char *content, char *out, size_t size) {
    snprintf(out, size, "%s/%s", path, name);
    l2o_error error = {0};
    if (content != NULL) assert_int_equal(file_write(out, content, strlen(content), &error), L2O_OK);
}

static void test_weights_and_data(void **state) {
    (void)state;
    char folder[] = "/tmp/l2o_compare_XXXXXX", weights[128], a[128], b[128], text[1024];
    assert_non_null(mkdtemp(folder));
    l2o_context *context = make_context(1);
    make_folder(folder, "w.safetensors", NULL, weights, sizeof weights);
    make_folder(folder, "a.csv", "1,2,0\n0,1,1\n", a, sizeof a);
    make_folder(folder, "b.csv", "1,2\n3,1\n0,2\n-1,1\n2,-2\n", b, sizeof b);
    l2o_settings *settings = make_settings("optimizer=rnnprop|hidden=4|layers=1|seed=5");
    l2o_optimizer *optimizer;
    assert_int_equal(l2o_optimizer_create(context, settings, &optimizer), L2O_OK);
    assert_int_equal(l2o_optimizer_save(context, optimizer, weights), L2O_OK);
    l2o_optimizer_free(optimizer);
    settings_free(settings);

    /* A file's weights are the same in each run: those that were made fresh in run 0 of the same seed. Adaptation
     * starts from the file each time, and options may say on what. */
    snprintf(text, sizeof text,
             SMALL "seed=5|optimizers=%s,rnnprop:hidden=4:layers=1,%s:adapt,rnnprop:hidden=4:layers=1:adapt,"
                   "%s:adapt:A=normal:10:batch=3",
             weights, weights, weights);
    l2o_comparison *made = compare_on(context, text);
    const compare_result *results = made->results;
    for (int k = 0; k < 3; k += 2) {
        assert_memory_equal(results[k].logarithm, results[k + 1].logarithm, 41 * sizeof(double));
        assert_true(results[k].minimum[1] != results[k + 1].minimum[1]);
    }
    assert_true(results[0].minimum[0] != results[2].minimum[0]);
    assert_true(results[2].minimum[0] != results[4].minimum[0]);
    assert_same(results[2].logarithm[0], results[4].logarithm[0]); /* the test stays as it is */
    l2o_comparison_free(made);

    /* A user's instances: one run of all of them. */
    snprintf(text, sizeof text, "A=%s|b=%s|held-out=0|x0=0|steps=50|optimizers=fista,cd,%s", a, b, weights);
    made = compare_on(context, text);
    assert_int_equal(made->runs, 1);
    assert_int_equal(json_integer_value(json_object_get(made->about, "batch")), 5);
    assert_true(json_is_false(json_object_get(json_object_get(made->about, "test"), "apart"))); /* who knows */
    assert_close(l2o_comparison_row(made, 1)->minimum, l2o_comparison_row(made, 3)->minimum, 1e-4);
    assert_close(l2o_comparison_row(made, 0)->mean[0], log((5 + 10 + 4 + 2 + 8) / 10.0), 1e-6);
    l2o_comparison_free(made);
    snprintf(text, sizeof text, "A=%s|b=%s|x0=0|steps=50|optimizers=fista,%s", a, b, weights);
    made = compare_on(context, text);
    assert_int_equal(json_integer_value(json_object_get(made->about, "batch")), 1); /* a fifth is held out */
    l2o_comparison_free(made);
    snprintf(text, sizeof text, "A=%s|b=%s|x0=0|steps=50|runs=2|optimizers=fista", a, b);
    made = compare_on(context, text);
    assert_same(made->results[0].minimum[0], made->results[0].minimum[1]);
    l2o_comparison_free(made);

    snprintf(text, sizeof text, SMALL "optimizers=%s:layers=2", weights);
    settings = make_settings(text);
    assert_int_equal(l2o_compare(context, settings, NULL, NULL, &made), L2O_ERROR_INPUT);
    assert_non_null(strstr(l2o_context_error(context), "its weights have layers = 1"));
    settings_free(settings);
    l2o_context_free(context);
    unlink(weights);
    unlink(a);
    unlink(b);
    rmdir(folder);
}

/* How a user's instances are divided, as the document and the last message but those of progress say. */
static void assert_division(const char *text, const char *part, int apart, int instances, const char *sentence) {
    l2o_context *context = make_context(1);
    ignored = (messages){0};
    l2o_comparison *made = compare_on(context, text);
    const json_t *test = json_object_get(made->about, "test");
    assert_string_equal(json_string_value(json_object_get(test, "part")), part);
    assert_int_equal(json_is_true(json_object_get(test, "apart")), apart);
    if (instances == 0) {
        assert_null(json_object_get(test, "instances"));
        assert_int_equal(ignored.count, 0);
    } else {
        assert_int_equal(json_integer_value(json_object_get(test, "instances")), instances);
        assert_int_equal(json_integer_value(json_object_get(made->about, "batch")), instances);
        assert_int_equal(made->runs, 1);
        assert_int_equal(ignored.count, 1);
        if (strstr(ignored.last, sentence) == NULL) fail_msg("%s", ignored.last);
    }
    l2o_comparison_free(made);
    l2o_context_free(context);
}

/* Where something adapts or is tuned, the test is on instances that were held out: b of instance p is [p + 1, 0], and
 * A the identity, so f(0) tells which they are. */
static void test_held_out(void **state) {
    (void)state;
    char folder[] = "/tmp/l2o_compare_XXXXXX", a[128], b[128], one[128], text[1024];
    assert_non_null(mkdtemp(folder));
    make_folder(folder, "a.csv", "1,0\n0,1\n", a, sizeof a);
    make_folder(folder, "b.csv", "1,0\n2,0\n4,0\n8,0\n16,0\n", b, sizeof b);
    make_folder(folder, "one.csv", "1,0\n", one, sizeof one);
    static const char *const common = "x0=0|steps=5|lambda=0.01";
    static const char *const practised[] = {"fista,rnnprop:adapt:hidden=2:layers=1:unroll=2",
                                            "fista,sgd:tune:tune-problems=1"};
    for (int k = 0; k < 2; k++) {
        snprintf(text, sizeof text, "A=%s|b=%s|held-out=0.4|%s|optimizers=%s", a, b, common, practised[k]);
        assert_division(text, "held out", 1, 2, "tested on the 2 of 5 instances that are held out");
        l2o_comparison *made = compare(text);
        double tested = exp(l2o_comparison_row(made, 0)->mean[0]) * 4, kept = 0, all = 0; /* sum of b^2 */
        l2o_comparison_free(made);
        l2o_settings *settings = make_settings(text);
        l2o_error error = {0};
        problem *practice;
        assert_int_equal(problem_create_for(settings, COMPONENT_ALL, STREAM_ADAPTATION, &practice, &error), L2O_OK);
        assert_int_equal(
            problem_sample(practice, (uint64_t)settings_integer(settings, "seed"), STREAM_ADAPTATION, 0, 0, &error),
            L2O_OK);
        assert_int_equal(practice->batch, 3);
        for (int p = 0; p < 3; p++) kept += pow(problem_load(practice->type, practice->model->b, 2 * p), 2);
        for (int p = 0; p < 5; p++) all += pow(2, 2 * p);
        assert_close(tested + kept, all, 1e-3);
        problem_free(practice);
        settings_free(settings);
        snprintf(text, sizeof text, "A=%s|b=%s|held-out=0|%s|optimizers=%s", a, b, common, practised[k]);
        assert_division(text, "all", 0, 5, "warning: nothing is held out of 5 instances (held-out is 0)");
        snprintf(text, sizeof text, "A=%s|b=%s|%s|optimizers=%s", a, one, common, practised[k]);
        assert_division(text, "all", 0, 1, "warning: nothing is held out of 1 instance, so");
        snprintf(text, sizeof text, "A=%s|b=normal:1|batch=3|runs=2|%s|optimizers=%s", a, common, practised[k]);
        assert_division(text, "drawn", 1, 0, "");
    }
    snprintf(text, sizeof text, "A=%s|b=%s|x0=0|steps=5|optimizers=fista,cd", a, b);
    assert_division(text, "all", 1, 5, "tested on all 5 instances");
    snprintf(text, sizeof text, "A=%s|b=%s|x0=0|steps=5|optimizers=sgd:tune:held-out=0.6", a, b);
    l2o_settings *settings = make_settings(text);
    l2o_context *context = make_context(1);
    l2o_comparison *made;
    assert_int_equal(l2o_compare(context, settings, NULL, NULL, &made), L2O_ERROR_INPUT);
    assert_non_null(strstr(l2o_context_error(context), "'held-out' decides which of your instances"));
    settings_free(settings);
    l2o_context_free(context);
    unlink(a);
    unlink(b);
    unlink(one);
    rmdir(folder);
}

static void test_mistakes(void **state) {
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"optimizers=fista,adma", "optimizers: 'adma': optimizer: there is no optimizer 'adma'"},
        {"optimizers=fista,,cd", "optimizers: entry 2 of the list is empty"},
        {"optimizers=X=adam:rte=3", "optimizers: 'X=adam:rte=3': its options: there is no setting 'rte'"},
        {"optimizers=adam:rate=x", "takes a number, not 'x'"},
        {"optimizers=adam:quick", "optimizers: 'adam:quick': 'quick' is no option"},
        {"optimizers==adam", "neither of them empty"},
        {"optimizers=adam:adapt", "adam is hand-designed and has no weights to adapt"},
        {"optimizers=rnnprop:tune", "rnnprop has no rate that could be tuned"},
        {"optimizers=adam:tune:rate=1", "the rate is 1 already"},
        {"optimizers=adam:rate=1:rate=2", "'rate' is given twice"},
        {"optimizers=adam:hidden=3", "'hidden'"},
        {"optimizers=adam:n=3", "'n'"},
        {"optimizers=adam:runs=3", "'runs'"},
        {"optimizers=missing.safetensors", "missing.safetensors"},
        {"optimizers=fista|problem=rosenbrock", "optimizers: 'fista': the optimizer 'fista' needs a problem with"},
        {"optimizers=fista|steps=0", "steps is 0 (test), but a comparison needs at least 1"},
        {"optimizers=fista|steps=1000000000000", "out of memory"},
        {"optimizers=fista|hidden=3", "the setting 'hidden' (3) is not used by this comparison"},
        {"optimizers=fista|adaptation-updates=3", "the setting 'adaptation-updates' (3) is not used"},
        {"optimizers=fista|optimizer=adam", "the setting 'optimizer' (adam) is not used"},
        {"optimizers=adam:tune|tune-lowest=1|tune-highest=0.1", "tune-lowest is 1, which is above tune-highest"},
    };
    l2o_context *context = make_context(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        l2o_settings *settings = make_settings(cases[i].text);
        l2o_comparison *made;
        l2o_status status = l2o_compare(context, settings, NULL, NULL, &made);
        if (status == L2O_OK || strstr(l2o_context_error(context), cases[i].sentence) == NULL)
            fail_msg("%s gives: %s", cases[i].text, l2o_context_error(context));
        assert_null(made);
        settings_free(settings);
    }
    l2o_context_free(context);
}

typedef struct seen {
    l2o_context *context;
    int64_t calls, last, total, cancel_at;
    char label[64];
} seen;

static void watch(void *user, const char *label, int64_t done, int64_t total) {
    seen *self = user;
    assert_true(done >= self->last && done <= total);
    self->calls++;
    self->last = done;
    self->total = total;
    if (self->calls == 1) snprintf(self->label, sizeof self->label, "%s", label);
    if (self->calls == self->cancel_at) l2o_context_cancel(self->context);
}

static void test_progress_and_cancellation(void **state) {
    (void)state;
    l2o_context *context = make_context(1);
    l2o_settings *settings = make_settings(SMALL "optimizers=adam:tune,fista|tune-problems=1");
    l2o_comparison *made;
    seen self = {.context = context};
    assert_int_equal(l2o_compare(context, settings, watch, &self, &made), L2O_OK);
    assert_int_equal(self.total, 1 + 4 * 3); /* tuning; two optimizers and the limit in each run */
    assert_int_equal(self.last, self.total);
    assert_string_equal(self.label, "adam:tune");
    l2o_comparison_free(made);
    self = (seen){.context = context, .cancel_at = 5};
    assert_int_equal(l2o_compare(context, settings, watch, &self, &made), L2O_ERROR_CANCELLED);
    assert_int_equal(self.calls, 5);
    assert_null(made);
    settings_free(settings);
    l2o_context_free(context);
}

static void test_default_list(void **state) {
    (void)state;
    l2o_comparison *made = compare(SMALL "tune-problems=1");
    assert_int_equal(l2o_comparison_rows(made), 5);
    assert_string_equal(l2o_comparison_row(made, 0)->label, "adam:tune");
    assert_string_equal(l2o_comparison_row(made, 3)->label, "cd");
    l2o_comparison_free(made);
    made = compare("problem=rosenbrock|batch=4|steps=10|runs=2|tune-problems=1");
    assert_int_equal(l2o_comparison_rows(made), 1);
    l2o_comparison_free(made);
    made = compare("A=mix:normal:1,normal:5,uniform:0:1|n=4|batch=7|steps=10|runs=2|optimizers=rnnprop:adapt,fista");
    assert_int_equal(l2o_comparison_rows(made), 3);
    l2o_comparison_free(made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_problems_for_all),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_costs_of_choosing),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_tuning),
        cmocka_unit_test(test_divergence),
        cmocka_unit_test(test_weights_and_data),
        cmocka_unit_test(test_held_out),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_progress_and_cancellation),
        cmocka_unit_test(test_default_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
