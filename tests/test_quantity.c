/* What experiments measure besides ln f: both errors of sparse recovery are those of the iterates, the relative loss is
 * that of the objectives and optima; runs take several dictionaries in turn; a method may have a penalty of its own;
 * published curves and their verdicts; the sentences of mistakes. */
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

#include "experiment/catalog.h"
#include "experiment/cell.h"
#include "experiment/quantity.h"
#include "io/file.h"
#include "io/json.h"
#include "l2o/experiment.h"
#include "run/segment.h"

#include "experiment_text.h"

#define HEAD "[experiment]\ntitle = t\nkind = table\nquantity = nmse\n"
#define RECOVERY                                                                                                       \
    "problem = recovery\nm = 8\nn = 12\nshared-A = on\nunit-columns = yes\nbatch = 6\nsteps = 5\nruns = 4\n"
#define METHODS                                                                                                        \
    "[method ista]\noptimizer = ista\ntest.lambda = 0.1\n[method amp]\noptimizer = amp\n[method lista]\noptimizer = "  \
    "lista\n"
#define PANEL "[panel one]\ndensity = 0.2\n"

static l2o_context *make_context(void) {
    l2o_context *context;
    assert_int_equal(l2o_context_create(1, "portable", &context), L2O_OK);
    return context;
}

static l2o_status try_cell(l2o_context *context, const experiment *of, int method, cell *out, l2o_error *error) {
    l2o_settings *settings;
    *out = (cell){.method = &of->methods[method], .panel = &of->panels[0], .variant = &of->variants[0]};
    TRY(experiment_cell_settings(of, NULL, out->panel, out->variant, &settings, error));
    l2o_status status = cell_describe(out, "portable", of, NULL, settings, ".", error);
    if (status == L2O_OK) status = cell_run(out, context, of, NULL, settings, error);
    settings_free(settings);
    return status;
}

static cell run_cell(l2o_context *context, const experiment *of, int method) {
    l2o_error error = {0};
    cell made;
    if (try_cell(context, of, method, &made, &error) != L2O_OK) fail_msg("%s", error.text);
    return made;
}

static void assert_cell_refused(const char *text, const char *sentence) {
    l2o_error error = {0};
    l2o_context *context = make_context();
    experiment of = parse(text);
    cell made;
    assert_int_equal(try_cell(context, &of, 0, &made, &error), L2O_ERROR_INPUT);
    if (strstr(error.text, sentence) == NULL) fail_msg("'%s' is not in '%s'", sentence, error.text);
    cell_free(&made);
    experiment_free(&of);
    l2o_context_free(context);
}

/* --------------------------------------------------------------------------------------------- errors of recovery */

/* Iterates x_0 .. x_5 of the cell's run, [6, 6, 12], and the truths. */
static void iterate(l2o_context *context, const char *name, uint32_t run, double *trajectory, double *truth) {
    static const char *const pairs[][2] = {
        {"problem", "recovery"}, {"m", "8"},     {"n", "12"},        {"shared-A", "yes"},
        {"unit-columns", "yes"}, {"batch", "6"}, {"density", "0.2"}, {"lambda", "0.1"}};
    l2o_error error = {0};
    l2o_settings *settings;
    problem *test;
    optimizer *optimizer;
    runner runner;
    carry now;
    assert_int_equal(catalog_settings(&settings, &error), L2O_OK);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_int_equal(settings_set(settings, pairs[i][0], pairs[i][1], "test", &error), L2O_OK);
    assert_int_equal(problem_create(settings, COMPONENT_ALL, &test, &error), L2O_OK);
    assert_int_equal(problem_sample(test, 1, STREAM_TEST, run, 0, &error), L2O_OK);
    assert_int_equal(optimizer_create(settings, name, &optimizer, &error), L2O_OK);
    if (optimizer->weight_total > 0) optimizer_initialise(optimizer, 1, run, optimizer->weights);
    assert_int_equal(runner_create(context, test, optimizer, &runner, &error), L2O_OK);
    assert_int_equal(carry_create(test, optimizer, &now, &error), L2O_OK);
    carry_reset(&now, test);
    segment part = {
        .weights = optimizer->weights, .steps = 5, .detached = true, .from = &now, .trajectory = trajectory};
    assert_int_equal(segment_run(&runner, &part, &error), L2O_OK);
    for (int64_t i = 0; i < 6 * 12; i++) truth[i] = problem_load(test->type, test->truth, i);
    carry_free(&now);
    runner_free(&runner);
    optimizer_free(optimizer);
    problem_free(test);
    settings_free(settings);
}

static void nmse_by_definition(const double *x, const double *truth, double value[2]) {
    double mean = 0, errors = 0, truths = 0;
    for (int p = 0; p < 6; p++) {
        double error = 0, size = 0;
        for (int j = 0; j < 12; j++) {
            error += pow(x[12 * p + j] - truth[12 * p + j], 2);
            size += pow(truth[12 * p + j], 2);
        }
        mean += 10 * log10((error / 12 + 1e-10) / (size / 12 + 1e-10)) / 6;
        errors += error;
        truths += size;
    }
    value[0] = mean;
    value[1] = 10 * log10(errors / truths);
}

static void test_errors_are_those_of_iterates(void **state) {
    (void)state;
    static const char *const names[] = {"ista", "amp", "lista"};
    double trajectory[6 * 6 * 12], truth[6 * 12];
    l2o_context *context = make_context();
    experiment of = parse(HEAD "[settings]\n" RECOVERY METHODS PANEL);
    for (int m = 0; m < 3; m++) {
        cell made = run_cell(context, &of, m);
        assert_int_equal(made.points, 6);
        assert_true(made.instances == 6 && (made.weight_total > 0) == (m == 2));
        for (uint32_t run = 0; run < 2; run++) {
            iterate(context, names[m], run, trajectory, truth);
            for (uint32_t t = 0; t <= 5; t++) {
                double expected[2];
                nmse_by_definition(trajectory + 72 * t, truth, expected);
                assert_true(fabs(made.curve[6 * run + t] - expected[0]) < 1e-4);
                assert_true(fabs(made.other[6 * run + t] - expected[1]) < 1e-4);
            }
            assert_true(fabs(made.curve[6 * run]) < 1e-5 && fabs(made.other[6 * run]) < 1e-5); /* x_0 = 0 */
            assert_true(made.last[run] == made.curve[6 * run + 5]);
        }
        cell_free(&made);
    }
    experiment_free(&of);
    l2o_context_free(context);
}

/* Signals that are zero count 0 dB while x is zero, and what is reached exactly stands at the offset. */
static void test_error_of_zero(void **state) {
    (void)state;
    l2o_context *context = make_context();
    experiment of = parse(HEAD "[settings]\n" RECOVERY METHODS "[panel zero]\nnonzeros = 0\n");
    cell made = run_cell(context, &of, 0);
    for (int64_t i = 0; i < made.runs * made.points; i++) assert_true(made.curve[i] == 0 && isfinite(made.other[i]));
    cell_free(&made);
    experiment_free(&of);
    l2o_context_free(context);
}

static void test_paired_cell_file(void **state) {
    (void)state;
    l2o_error error = {0};
    l2o_context *context = make_context();
    experiment of = parse(HEAD "[settings]\n" RECOVERY METHODS PANEL), plain;
    cell written = run_cell(context, &of, 1), read = {.paired = true}, other = {0};
    bool found;
    assert_int_equal(cell_write(&written, &error), L2O_OK);
    read.path = written.path;
    read.description = written.description;
    assert_int_equal(cell_read(&read, &found, &error), L2O_OK);
    assert_true(found && read.instances == 6 && read.weight_total == 0);
    assert_memory_equal(read.curve, written.curve, 4 * 6 * sizeof(double));
    assert_memory_equal(read.other, written.other, 4 * 6 * sizeof(double));
    arena_free(&read.memory);
    /* Another quantity is another cell. */
    plain = parse("[experiment]\ntitle = t\nkind = table\n[settings]\n" RECOVERY METHODS PANEL);
    assert_int_equal(try_cell(context, &plain, 1, &other, &error), L2O_OK);
    assert_string_not_equal(other.path, written.path);
    assert_null(other.other);
    cell_free(&other);
    cell_free(&written);
    experiment_free(&plain);
    experiment_free(&of);
    l2o_context_free(context);
}

/* -------------------------------------------------------------------------------- dictionaries and own penalties */

/* Run r on the r-th dictionary in turn is run r of an experiment on that dictionary alone. */
static void test_dictionaries_take_turns(void **state) {
    (void)state;
    static const char *const settings[] = {"A-seeds = 7,3\n", "A-seed = 7\n", "A-seed = 3\n"};
    l2o_context *context = make_context();
    for (int m = 0; m < 3; m++) {
        cell made[3];
        experiment of[3];
        for (int k = 0; k < 3; k++) {
            char text[1024];
            snprintf(text, sizeof text, HEAD "[settings]\n" RECOVERY "%s" METHODS PANEL, settings[k]);
            of[k] = parse(text);
            made[k] = run_cell(context, &of[k], m);
        }
        for (int r = 0; r < 4; r++) assert_true(made[0].last[r] == made[1 + r % 2].last[r]);
        assert_true(made[1].last[0] != made[2].last[0]);
        for (int k = 0; k < 3; k++) {
            cell_free(&made[k]);
            experiment_free(&of[k]);
        }
    }
    l2o_context_free(context);
}

static void test_penalty_of_a_method(void **state) {
    (void)state;
    l2o_context *context = make_context();
    experiment own = parse(HEAD "[settings]\n" RECOVERY METHODS PANEL);
    experiment all = parse(HEAD "[settings]\n" RECOVERY "lambda = 0.1\n[method a]\noptimizer = ista\n" PANEL);
    experiment none = parse(HEAD "[settings]\n" RECOVERY "[method a]\noptimizer = ista\n" PANEL);
    cell one = run_cell(context, &own, 0), two = run_cell(context, &all, 0), three = run_cell(context, &none, 0);
    assert_memory_equal(one.curve, two.curve, 4 * 6 * sizeof(double));
    assert_true(one.last[0] != three.last[0]);
    assert_string_not_equal(one.path, three.path);
    cell_free(&one);
    cell_free(&two);
    cell_free(&three);
    experiment_free(&own);
    experiment_free(&all);
    experiment_free(&none);
    l2o_context_free(context);
}

/* ----------------------------------------------------------------------------------------------- the relative loss */

#define LASSO                                                                                                          \
    "problem = lasso\nm = 4\nn = 8\nshared-A = yes\nunit-columns = yes\nb = truth\nx0 = 0\ndtype = float64\nbatch = "  \
    "7\nsteps = 400\nruns = 2\n"

static void test_relative_loss(void **state) {
    (void)state;
    l2o_error error = {0};
    l2o_context *context = make_context();
    static const char methods[] = "[settings]\n" LASSO "[method fista]\noptimizer = fista\n[panel p]\ndensity = 0.3\n";
    char text[1024];
    snprintf(text, sizeof text, "[experiment]\ntitle = t\nkind = table\nquantity = relative\nat = 13\n%s", methods);
    experiment of = parse(text);
    snprintf(text, sizeof text, "[experiment]\ntitle = t\nkind = table\nat = 13\n%s", methods);
    experiment logarithms = parse(text);
    cell made = run_cell(context, &of, 0), plain = run_cell(context, &logarithms, 0);
    l2o_settings *settings;
    problem *test;
    assert_int_equal(experiment_cell_settings(&of, NULL, made.panel, made.variant, &settings, &error), L2O_OK);
    assert_int_equal(problem_create(settings, COMPONENT_ALL, &test, &error), L2O_OK);
    assert_int_equal(made.points, plain.points);
    for (uint32_t run = 0; run < 2; run++) {
        double optimum, gap;
        assert_int_equal(problem_sample(test, 1, STREAM_TEST, run, 0, &error), L2O_OK);
        assert_int_equal(compare_limit(context, test, &optimum, &gap, &error), L2O_OK);
        for (int64_t k = 0; k < made.points; k++) {
            double f = exp(plain.curve[run * made.points + k]), excess = made.other[run * made.points + k];
            assert_true(fabs(made.curve[run * made.points + k] - (f / optimum - 1)) < 1e-9 * (f / optimum));
            assert_true(fabs(excess - (f - optimum)) < 1e-9 * f);
        }
        assert_true(made.curve[run * made.points] > 1 && made.last[run] < 0.1 && made.last[run] > -1e-9);
    }
    problem_free(test);
    settings_free(settings);
    cell_free(&made);
    cell_free(&plain);
    experiment_free(&of);
    experiment_free(&logarithms);
    l2o_context_free(context);
}

/* ------------------------------------------------------------------------------------------------- published curves */

static void test_published_curves(void **state) {
    (void)state;
    experiment of =
        parse(HEAD METHODS "[panel one]\ndensity = 0.2\npaper.ista = 0, -1.5,-2\npaper.amp = 1:9, 4:.5, 100:1e-3\n"
                           "paper.lista = -3\n");
    const experiment_published *curve = experiment_find_published(&of.panels[0], "ista");
    assert_int_equal(curve->count, 3);
    assert_true(curve->step[2] == 2 && curve->value[1] == -1.5 && curve->value[2] == -2);
    curve = experiment_find_published(&of.panels[0], "amp");
    assert_int_equal(curve->count, 3);
    assert_true(curve->step[0] == 1 && curve->step[2] == 100 && curve->value[1] == 0.5 && curve->value[2] == 1e-3);
    curve = experiment_find_published(&of.panels[0], "lista");
    assert_true(curve->count == 1 && isnan(curve->step[0]) && curve->value[0] == -3);
    assert_null(experiment_find_published(&of.panels[0], "fista"));
    experiment_free(&of);
    assert_refused(HEAD METHODS "[panel one]\npaper.ista = 1:2, 1:3\n", "with increasing steps, not '1:2, 1:3'");
    assert_refused(HEAD METHODS "[panel one]\npaper.ista = 0, x\n", "'paper.ista' is a number, or a list");
    assert_refused(HEAD METHODS "[panel one]\npaper.ista = 0, 1.5:3\n", "'paper.ista' is a number, or a list");
}

static const json_t *named(const json_t *results, const char *list, const char *name) {
    const json_t *items = json_object_get(results, list);
    for (size_t i = 0; i < json_array_size(items); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(items, i), "name")), name) == 0)
            return json_array_get(items, i);
    fail_msg("there is no %s in %s", name, list);
    return NULL;
}

static const json_t *cell_of(const json_t *table, size_t row, size_t column) {
    const json_t *rows = json_object_get(table, "rows");
    return json_array_get(json_object_get(json_array_get(rows, row), "cells"), column);
}

static double mean_of(const json_t *cell) { return json_number_value(json_object_get(cell, "mean")); }

static void test_tables(void **state) {
    (void)state;
    l2o_error error = {0};
    static const char text[] =
        "[experiment]\ntitle = t\nkind = table\nquantity = nmse\nat = 1, 3\nbaseline = amp\n[settings]\n" RECOVERY
        "seeds = 1-2\nunroll = 5\nmeta-loss = last\nestimator = plain\nstages = 1\nstage-draws = 2\n"
        "depth = 5\n[weights w]\noptimizer = lista\nlambda = 0.1\n" METHODS
        "[method trained]\nweights = w\n[panel one]\ndensity = 0.2\npaper.ista = 0, -1, -1, -1, -1, 100\n"
        "paper.amp = 5:-200\npaper.lista = 0, -5\n[claim c]\ntext = amp ends below 50 dB\nmethod = amp\nbelow = 50\n";
    assert_int_equal(file_write("quantity.ini", text, strlen(text), &error), L2O_OK);
    l2o_context *context = make_context();
    l2o_experiment_options options = {.folder = "quantity"};
    char *bytes;
    if (l2o_experiment_run(context, NULL, "quantity.ini", &options, NULL, NULL, &bytes) != L2O_OK)
        fail_msg("%s", l2o_context_error(context));
    json_t *results = NULL;
    assert_int_equal(json_parse(bytes, strlen(bytes), "results", &results, &error), L2O_OK);
    l2o_string_free(bytes);
    const json_t *last = named(results, "tables", "last"), *ratio = named(results, "tables", "last-ratio");
    const json_t *summary = named(results, "tables", "summary-one");
    assert_int_equal(json_array_size(json_object_get(summary, "columns")), 7);
    for (size_t m = 0; m < 4; m++) {
        assert_true(mean_of(cell_of(last, 0, m)) == mean_of(cell_of(summary, m, 0)));
        assert_true(mean_of(cell_of(ratio, 0, m)) == mean_of(cell_of(summary, m, 1)));
        assert_true(mean_of(cell_of(summary, m, 4)) > 0); /* seconds */
    }
    assert_true(mean_of(cell_of(summary, 2, 6)) > 0 && mean_of(cell_of(summary, 0, 6)) == 0); /* weights */
    assert_true(json_is_null(cell_of(summary, 0, 5)) && mean_of(cell_of(summary, 3, 5)) > 0); /* trained now */
    assert_string_equal(json_string_value(json_object_get(cell_of(last, 0, 0), "verdict")), "better");
    assert_string_equal(json_string_value(json_object_get(cell_of(last, 0, 1), "verdict")), "worse");
    assert_null(json_object_get(cell_of(last, 0, 2), "verdict")); /* nothing is published of the last step */
    double difference = mean_of(cell_of(last, 0, 0)) - mean_of(cell_of(last, 0, 1));
    assert_true(fabs(mean_of(cell_of(named(results, "tables", "differences"), 0, 0)) - difference) < 1e-6);
    const json_t *figure = named(results, "figures", "convergence-0-0-steps"),
                 *series = json_object_get(figure, "series");
    assert_string_equal(json_string_value(json_object_get(json_object_get(figure, "y"), "label")), "NMSE (dB)");
    assert_int_equal(json_array_size(series), 7);
    const json_t *published = json_array_get(series, 4);
    assert_string_equal(json_string_value(json_object_get(published, "label")), "ista (published)");
    assert_string_equal(json_string_value(json_object_get(published, "group")), "paper");
    assert_int_equal(json_array_size(json_object_get(published, "x")), 6);
    assert_true(json_is_true(json_object_get(json_array_get(json_object_get(results, "claims"), 0), "holds")));
    json_decref(results);
    l2o_context_free(context);
}

/* ------------------------------------------------------------------------------------------------------- mistakes */

static void test_mistakes(void **state) {
    (void)state;
    assert_refused("[experiment]\nquantity = mse\n", "there is no quantity 'mse'; there are ln, nmse, relative");
    assert_refused(HEAD "at = 1, x\n", "'at' is a step, a whole number from 0, or a list of steps");
    assert_refused(HEAD PANEL "[method l]\nlimit = yes\n", "is the limit of ln f alone");
    assert_refused(HEAD PANEL "[method a]\noptimizer = ista\ntest.rate = 1\n",
                   "its own lambda or lambda-relative alone");
    assert_refused(HEAD METHODS PANEL "[claim c]\ntext = t\nmethod = amp\nbelow = 1\nmeasure = minimum\n",
                   "with quantity = nmse there is no measure 'minimum'");
    assert_refused("[experiment]\ntitle = t\nkind = interpolation\nquantity = nmse\n" METHODS PANEL
                   "[variant a]\n[variant b]\nb = normal:1\n",
                   "quantity = nmse is for the kinds table and sweep, not for interpolation");
    assert_refused("[experiment]\ntitle = t\nkind = table\nat = 1, 2\n" METHODS PANEL, "have one step 'at'");
    assert_cell_refused(HEAD "[settings]\n" LASSO "[method a]\noptimizer = ista\n" PANEL,
                        "compares x with a true x*, which the problem lasso does not");
    assert_cell_refused(
        "[experiment]\ntitle = t\nkind = table\nquantity = relative\n[settings]\n" RECOVERY METHODS PANEL,
        "needs the optimum, which nothing finds for the problem recovery");
    assert_cell_refused("[experiment]\ntitle = t\nkind = table\n[settings]\n" LASSO METHODS PANEL,
                        "another lambda would be another objective of the problem lasso");
    assert_cell_refused(HEAD "[settings]\n" RECOVERY "A-seeds = 1,x\n" METHODS PANEL, "'A-seeds'");
    assert_cell_refused(HEAD "[settings]\n" RECOVERY "A-seeds = 1,2,3,4,5\n" METHODS PANEL,
                        "A-seeds lists 5 dictionaries, which the runs take in turn, but runs is 4; list fewer");
}

int main(void) {
    char command[80], folder[] = "/tmp/l2o-quantity-XXXXXX"; /* for what tests write */
    if (mkdtemp(folder) == NULL || chdir(folder) != 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_are_those_of_iterates),
        cmocka_unit_test(test_error_of_zero),
        cmocka_unit_test(test_paired_cell_file),
        cmocka_unit_test(test_dictionaries_take_turns),
        cmocka_unit_test(test_penalty_of_a_method),
        cmocka_unit_test(test_relative_loss),
        cmocka_unit_test(test_published_curves),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_mistakes),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || failed;
}
