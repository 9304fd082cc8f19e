/* Experiments: their files are read as written and mistakes get a sentence; cells are what a comparison gives, come
 * back from the cache as they went in, and are the same for any number of threads; statistics over seeds and runs;
 * claims; shipped weights are taken only where the recipe is theirs. */
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
#include "experiment/claims.h"
#include "experiment/compare.h"
#include "experiment/experiment_kinds.h"
#include "experiment/sample.h"
#include "io/file.h"
#include "io/json.h"

#include "experiment_text.h"

#define HEAD "[experiment]\ntitle = t\nkind = table\n"
#define TINY                                                                                                           \
    "[settings]\nn = 3\nbatch = 4\nsteps = 12\nruns = 3\nhidden = 4\nlayers = 1\nunroll = 4\nstages = 1,2\n"           \
    "stage-draws = 3,2\nevaluate-every = 2\n"
#define METHODS                                                                                                        \
    "[weights w]\nestimator = plain\n[method plain]\nweights = w\n[method adapted]\nweights = w\nadapt = yes\n"        \
    "[method fresh]\noptimizer = rnnprop\nadapt = yes\n[method adam]\noptimizer = adam\ntune = family\n"               \
    "[method fista]\noptimizer = fista\n[method limit]\nlimit = yes\n"
#define BARE   "[panel one]\nA = normal:1\n"
#define PANELS "[panel one]\nA = normal:1\npaper.plain = 0.5\n[panel ten]\nA = normal:10\n"

/* --------------------------------------------------------------------------------------------------------- the file */

static void test_parts(void **state) {
    (void)state;
    experiment made = parse(HEAD "at = 7\n" TINY METHODS PANELS
                                 "[variant a]\ntrain.inner-rate = 0.01\n[variant b]\nadapt.A = normal:2\n");
    assert_int_equal(made.method_count, 6);
    assert_int_equal(made.panel_count, 2);
    assert_int_equal(made.variant_count, 2);
    assert_int_equal(made.at[0], 7);
    assert_string_equal(made.methods[2].name, "fresh");
    assert_string_equal(made.methods[2].group, "learned");
    assert_string_equal(made.methods[4].group, "classical");
    assert_string_equal(made.methods[5].group, "limit");
    assert_int_equal(made.methods[3].tune, RATE_BY_FAMILY);
    const experiment_published *paper = experiment_find_published(&made.panels[0], "plain");
    assert_true(paper != NULL && paper->count == 1 && isnan(paper->step[0]) && paper->value[0] == 0.5);
    assert_null(experiment_find_published(&made.panels[1], "plain"));
    assert_string_equal(value_list_find(&made.variants[0].training, "inner-rate"), "0.01");
    assert_ptr_equal(made.kind, &kind_table);
    experiment_free(&made);
}

/* A heading alone is a part that has nothing of its own. */
static void test_empty_sections(void **state) {
    (void)state;
    experiment made = parse(HEAD "panels = plain, noisy\n[panel plain]\n[weights w]\n[method a]\nweights = w\n"
                                 "[panel noisy]\nsnr = 20\n[variant as-it-is]\n[variant other]\nbatch = 3\n");
    assert_int_equal(made.panel_count, 2);
    assert_string_equal(made.panels[0].name, "plain");
    assert_int_equal(made.panels[0].settings.count, 0);
    assert_int_equal(made.weights_count, 1);
    assert_int_equal(made.variant_count, 2);
    assert_string_equal(made.variants[0].name, "as-it-is");
    experiment_free(&made);
    assert_refused(HEAD BARE "[method a]\n", "needs one of weights, optimizer and limit = yes, and has 0");
    assert_refused(HEAD METHODS BARE "[claim c]\n", "[claim c] lacks text");
    assert_refused("[methods]\n" HEAD METHODS BARE, "test.ini:1: [methods] is no section");
}

static void test_sweep(void **state) {
    (void)state;
    experiment made =
        parse("[experiment]\ntitle = t\nkind = sweep\nmethods = fresh , adam\npanels = ten\n" METHODS PANELS
              "[sweep]\nx = A\nof = adapt\nvalues = normal:1, normal:5 ,normal:1e2\n");
    assert_int_equal(made.method_count, 2);
    assert_string_equal(made.methods[0].name, "fresh");
    assert_string_equal(made.panels[0].name, "ten");
    assert_int_equal(made.variant_count, 3);
    assert_string_equal(made.variants[1].name, "normal:5");
    assert_true(made.variants[2].x == 100);
    assert_string_equal(value_list_find(&made.variants[1].adapt, "A"), "normal:5");
    assert_string_equal(made.x_label, "A");
    experiment_free(&made);
}

static void test_mistakes(void **state) {
    (void)state;
    assert_refused("x = 1\n", "test.ini:1: 'x' stands before any section");
    assert_refused("[experiment]\nkind = table\n", "needs title and kind");
    assert_refused("[experiment]\nkind = tabel\n", "no kind of experiment 'tabel'; there are table, sweep");
    assert_refused("[experiment]\nkinds = table\n", "'kinds' is no key of [experiment]");
    assert_refused(HEAD "[methods]\na = b\n", "[methods] is no section");
    assert_refused(HEAD "[method]\na = b\n", "[method] is no section");
    assert_refused(HEAD METHODS, "needs a section [panel NAME]");
    assert_refused(HEAD PANELS, "needs a section [method NAME]");
    assert_refused(HEAD BARE "[method a]\nadapt = yes\n", "needs one of weights, optimizer and limit = yes, and has 0");
    assert_refused(HEAD BARE "[method a]\noptimizer = adam\nweights = w\n", "has 2");
    assert_refused(HEAD BARE "[method a]\nlimit = yes\ntune = family\n", "takes no other keys");
    assert_refused(HEAD BARE "[method a]\nweights = w\n", "no section [weights w]");
    assert_refused(HEAD PANELS "[method a]\noptimizer = adam\nrat = 1\n", "test.ini:11: there is no setting 'rat'");
    assert_refused(HEAD BARE "[method a]\noptimizer = adam\nadapt = maybe\n", "'adapt' is yes or no, not 'maybe'");
    assert_refused(HEAD BARE "[method a]\noptimizer = adam\ntune = all\n", "'tune' is family");
    assert_refused(HEAD "[panel a]\nbatch = many\n", "'batch' takes a whole number");
    assert_refused(HEAD "[panel a]\npaper.x = good\n", "'paper.x' is a number");
    assert_refused(HEAD "[weights w]\npreset = none\n", "there is no preset 'none'");
    assert_refused(HEAD "[weights w]\nseeds = 1-3\n", "are set by 'seeds' in [settings]");
    assert_refused(HEAD "[sweep]\nx = A\n", "needs both x and values");
    assert_refused(HEAD "[sweep]\nx = A\nvalues = normal:1\nof = all\n", "'of' is adapt, train or test");
    assert_refused(HEAD "[sweep]\nx = A\nvalues = normal:1\n[variant v]\nb = normal:1\n", "keep one of them");
    assert_refused(HEAD "methods = a, b\n[method a]\noptimizer = adam\n", "names 'b', but there is no such section");
    assert_refused(HEAD "baseline = x\n" METHODS PANELS, "the baseline 'x' is no method");
    assert_refused(HEAD METHODS PANELS "[claim c]\nmethod = adam\nbelow = fista\n", "[claim c] lacks text");
    assert_refused(HEAD METHODS PANELS "[claim c]\ntext = t\nmethod = adam\nbelow = ista\n",
                   "'ista', which is no method");
    assert_refused(HEAD METHODS PANELS "[claim c]\ntext = t\nmethod = adam\nbelow = fista\npanel = two\n",
                   "is about the panel 'two', which is not among those here");
    assert_refused(HEAD METHODS PANELS "[claim c]\ntext = t\nmethod = adam\nbelow = fista\nvariant = v\n",
                   "is about the variant 'v'");
    assert_refused("[experiment]\ntitle = t\nkind = interpolation\n" METHODS PANELS
                   "[variant a]\n[variant b]\nb = normal:1\n[claim c]\ntext = t\nmethod = adam\nbelow = fista\n",
                   "claims are about the tables of the kinds table and sweep");
    assert_refused("[experiment]\ntitle = t\nkind = theory\n[panel a]\nA = normal:1\n",
                   "the kind theory has no use for sections [panel NAME]");
    assert_refused("[experiment]\ntitle = t\nkind = theory\n[sweep]\nx = n\nvalues = 3, 4\n",
                   "no use for sections [variant NAME] and [sweep]");
    assert_refused(HEAD "methods = adam, fista, adam\n" METHODS PANELS, "'methods' names 'adam' twice");
    assert_refused(HEAD METHODS PANELS "[sweep]\nx = n\nof = test\nvalues = 3, 4, 3\n", "the same value stands twice");
    assert_refused(HEAD METHODS "[panel a]\npaper.plane = 1\n", "'paper.plane': there is no [method plane]");
    assert_refused(HEAD METHODS PANELS "[variant v]\nweights.plane = w\n", "there is no [method plane] with weights");
    assert_refused(HEAD METHODS PANELS "[variant v]\nweights.adam = w\n", "there is no [method adam] with weights");
    assert_refused(HEAD
                   "row-header = a heading that is so long that no table on earth would ever have a place for it\n",
                   "at most 60 characters");
    assert_refused(HEAD "summary = caf\xe9\n", "test.ini:4: not text in UTF-8");
    assert_refused(HEAD METHODS PANELS "[claim c]\ntext = t\nmeasure = best\n", "'measure' is minimum, last or spread");
}

static void write_text(const char *path, const char *text) {
    l2o_error error = {0};
    if (file_write(path, text, strlen(text), &error) != L2O_OK) fail_msg("%s", error.text);
}

static void test_inheritance(void **state) {
    (void)state;
    l2o_error error = {0};
    experiment made;
    write_text("parent.ini", HEAD TINY METHODS PANELS "[claim c]\ntext = t\nmethod = adam\nbelow = fista\n");
    write_text("child.ini",
               "[experiment]\ninherit = parent\ntitle = child\n[panel ten]\nA = normal:20\n[settings]\nn = 5\n");
    write_text("circle.ini", "[experiment]\ninherit = circle\n");
    if (experiment_read("child.ini", "child", &made, &error) != L2O_OK) fail_msg("%s", error.text);
    assert_string_equal(made.title, "child");
    assert_int_equal(made.panel_count, 2);
    assert_int_equal(made.claim_count, 0);
    assert_string_equal(value_list_find(&made.panels[1].settings, "A"), "normal:20");
    assert_string_equal(value_list_find(&made.settings, "n"), "5");
    assert_string_equal(value_list_find(&made.settings, "batch"), "4");
    experiment_free(&made);
    assert_int_equal(experiment_read("circle.ini", "circle", &made, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "perhaps in a circle"));
    assert_int_equal(experiment_read("absent.ini", "absent", &made, &error), L2O_ERROR_IO);
}

static l2o_status read_one(void *user, const char *name, const char *path, l2o_error *error) {
    experiment made;
    ++*(int *)user;
    TRY(experiment_read(path, name, &made, error));
    assert_string_equal(made.name, name);
    experiment_free(&made);
    return L2O_OK;
}

/* Those that come with the project, which is where the tests began; leave_source() goes back even when this fails, so
 * that other tests never write there. */
typedef struct places {
    char source[1024], folder[64];
} places;

static int enter_source(void **state) { return chdir(((const places *)*state)->source); }
static int leave_source(void **state) { return chdir(((const places *)*state)->folder); }

static void test_own_experiments(void **state) {
    (void)state;
    l2o_error error = {0};
    int count = 0;
    if (experiment_find_all(read_one, &count, &error) != L2O_OK) fail_msg("%s", error.text);
    assert_true(count >= 8);
}

/* ------------------------------------------------------------------------------------------------------- statistics */

static void assert_near(double a, double b) {
    if (!(fabs(a - b) <= 1e-12 * (1 + fabs(b)))) fail_msg("%.17g is not %.17g", a, b);
}

static void test_samples(void **state) {
    (void)state;
    l2o_error error = {0};
    /* Two seeds, three runs: the seeds' means are 2 and 4, the runs' are 2, 3 and 4. */
    double a[] = {1, 2, 3, 3, 4, 5}, b[] = {1, 1, 1, 2, 2, 2}, c[] = {0, 1, 5};
    sample first = {2, 3, a}, second = {2, 3, b}, single = {1, 3, c};
    sample_summary summary;
    assert_int_equal(sample_summarise(&first, &summary, &error), L2O_OK);
    assert_near(summary.mean, 3);
    assert_near(summary.half, 4.302652729749464 * 1 / sqrt(3)); /* t_{0.975, 2} */
    assert_near(summary.seeds_deviation, sqrt(2));
    assert_near(summary.seeds_half, 12.706204736174694); /* t_{0.975, 1} sqrt(2) / sqrt(2) */
    assert_near(summary.deviation, sqrt(2));             /* of all six: squares 4 1 0 0 1 4 over 5 */
    assert_int_equal(sample_difference(&first, &second, &summary, &error), L2O_OK);
    assert_near(summary.mean, 1.5);
    assert_near(summary.seeds_deviation, sqrt(0.5)); /* 1 and 2 */
    assert_int_equal(sample_difference(&first, &single, &summary, &error), L2O_OK);
    assert_near(summary.mean, 1);
    assert_near(summary.half, 4.302652729749464); /* over runs: 2, 2, -1 less the mean 1 */
    assert_int_equal(sample_summarise(&single, &summary, &error), L2O_OK);
    assert_true(isnan(summary.seeds_half));
    c[1] = INFINITY;
    assert_int_equal(sample_summarise(&single, &summary, &error), L2O_OK);
    assert_true(isinf(summary.mean) && isnan(summary.half));
}

/* ------------------------------------------------------------------------------------------------------------- cells
 */

static l2o_context *make_context(int threads) {
    l2o_context *context;
    assert_int_equal(l2o_context_create(threads, "portable", &context), L2O_OK);
    return context;
}

static l2o_settings *make_settings(const char *const (*pairs)[2]) {
    l2o_error error = {0};
    l2o_settings *settings;
    assert_int_equal(catalog_settings(&settings, &error), L2O_OK);
    for (; (*pairs)[0] != NULL; pairs++)
        if (settings_set(settings, (*pairs)[0], (*pairs)[1], "test", &error) != L2O_OK) fail_msg("%s", error.text);
    return settings;
}

/* The cell of a method is the row of a comparison with the same seed. */
static void test_cell_is_comparison(void **state) {
    (void)state;
    l2o_error error = {0};
    experiment made = parse(HEAD TINY METHODS PANELS);
    l2o_context *context = make_context(1);
    l2o_comparison *comparison;
    static const char *const pairs[][2] = {
        {"n", "3"},      {"batch", "4"},     {"steps", "12"},
        {"runs", "3"},   {"layers", "1"},    {"hidden", "4"},
        {"unroll", "4"}, {"A", "normal:10"}, {"optimizers", "rnnprop:adapt,adam:tune,fista"},
        {NULL, NULL}};
    l2o_settings *settings = make_settings(pairs);
    if (l2o_compare(context, settings, NULL, NULL, &comparison) != L2O_OK) fail_msg("%s", l2o_context_error(context));
    static const int methods[] = {2, 3, 4, 5};
    for (int i = 0; i < 4; i++) {
        l2o_settings *own;
        cell cell = {.method = &made.methods[methods[i]], .panel = &made.panels[1], .variant = &made.variants[0]};
        assert_int_equal(experiment_cell_settings(&made, NULL, cell.panel, cell.variant, &own, &error), L2O_OK);
        assert_int_equal(cell_describe(&cell, "portable", &made, NULL, own, ".", &error), L2O_OK);
        if (cell_run(&cell, context, &made, NULL, own, &error) != L2O_OK) fail_msg("%s", error.text);
        const compare_result *row = &comparison->results[i];
        assert_int_equal(cell.runs, 3);
        assert_memory_equal(cell.minimum, row->minimum, 3 * sizeof(double));
        assert_memory_equal(cell.last, row->last, 3 * sizeof(double));
        if (i < 3) assert_memory_equal(cell.minimum_step, row->minimum_step, 3 * sizeof(double));
        if (i < 3) assert_int_equal(cell.points, 13); /* all of 12 steps */
        if (i < 3) assert_memory_equal(cell.curve, row->logarithm, 3 * 13 * sizeof(double));
        assert_near(cell.preparation_evaluations, i < 3 ? row->row.preparation_evaluations : 0);
        cell_free(&cell);
        settings_free(own);
    }
    l2o_comparison_free(comparison);
    settings_free(settings);
    l2o_context_free(context);
    experiment_free(&made);
}

/* Adam's best rate for each problem is no worse than any one rate for all of them. */
static void test_best_rate(void **state) {
    (void)state;
    l2o_error error = {0};
    experiment made =
        parse(HEAD TINY "[method best]\noptimizer = adam\ntune = problem\n[method given]\noptimizer = adam\n"
                        "rate = 0.1\n[panel one]\nA = normal:1\n");
    l2o_context *context = make_context(1);
    cell cells[2];
    for (int i = 0; i < 2; i++) {
        l2o_settings *own;
        cells[i] = (cell){.method = &made.methods[i], .panel = &made.panels[0], .variant = &made.variants[0]};
        assert_int_equal(experiment_cell_settings(&made, NULL, cells[i].panel, cells[i].variant, &own, &error), L2O_OK);
        if (cell_run(&cells[i], context, &made, NULL, own, &error) != L2O_OK) fail_msg("%s", error.text);
        settings_free(own);
    }
    for (int r = 0; r < 3; r++) {
        assert_true(cells[0].minimum[r] <= cells[1].minimum[r]);
        if (cells[0].rate[r] == 0.1) assert_true(cells[0].minimum[r] == cells[1].minimum[r]);
        assert_true(cells[0].rate[r] >= 1e-5 && cells[0].rate[r] <= 10);
    }
    assert_near(cells[0].preparation_evaluations, 12 * cells[1].evaluations[cells[1].points - 1]); /* 13 rates */
    for (int i = 0; i < 2; i++) cell_free(&cells[i]);
    l2o_context_free(context);
    experiment_free(&made);
}

static void test_cell_file(void **state) {
    (void)state;
    l2o_error error = {0};
    experiment made = parse(HEAD METHODS PANELS);
    cell written = {.method = &made.methods[3], .panel = &made.panels[0], .variant = &made.variants[0]};
    l2o_settings *settings;
    assert_int_equal(experiment_cell_settings(&made, NULL, written.panel, written.variant, &settings, &error), L2O_OK);
    cell read = written, other = written;
    assert_int_equal(cell_describe(&written, "portable", &made, NULL, settings, ".", &error), L2O_OK);
    assert_int_equal(cell_describe(&read, "portable", &made, NULL, settings, ".", &error), L2O_OK);
    assert_int_equal(cell_describe(&other, "avx2", &made, NULL, settings, ".", &error), L2O_OK);
    assert_string_equal(written.path, read.path);
    assert_string_not_equal(written.path, other.path);
    assert_int_equal(cell_allocate(&written, 2, 3, &error), L2O_OK);
    written.steps = 8;
    for (int i = 0; i < 3; i++) written.point[i] = 4 * i;
    written.minimum[0] = 0.1;
    written.minimum[1] = INFINITY;
    written.last[0] = -INFINITY;
    written.curve[5] = 1.0 / 3;
    written.preparation_seconds = 1e-300;
    bool found;
    assert_int_equal(cell_write(&written, &error), L2O_OK);
    assert_int_equal(cell_read(&read, &found, &error), L2O_OK);
    assert_true(found);
    assert_int_equal(read.steps, 8);
    assert_int_equal(read.point[2], 8);
    assert_true(read.minimum[0] == 0.1 && isinf(read.minimum[1]) && read.last[0] == -INFINITY && isnan(read.last[1]));
    assert_true(read.curve[5] == 1.0 / 3 && isnan(read.curve[0]) && read.preparation_seconds == 1e-300);
    cell_free(&read);
    read = (cell){.method = written.method, .panel = written.panel, .variant = written.variant};
    assert_int_equal(cell_describe(&read, "portable", &made, NULL, settings, ".", &error), L2O_OK);
    write_text(read.path, "{\"description\": 1");
    assert_int_equal(cell_read(&read, &found, &error), L2O_OK);
    assert_false(found);
    cell_free(&written);
    cell_free(&read);
    cell_free(&other);
    settings_free(settings);
    experiment_free(&made);
}

/* -------------------------------------------------------------------------------------------------------- whole runs
 */

static json_t *run_file(const char *path, int threads, const char *folder, const l2o_settings *settings) {
    l2o_context *context = make_context(threads);
    l2o_experiment_options options = {.folder = folder};
    char *text;
    if (l2o_experiment_run(context, settings, path, &options, NULL, NULL, &text) != L2O_OK)
        fail_msg("%s", l2o_context_error(context));
    l2o_error error = {0};
    json_t *results = NULL;
    if (json_parse(text, strlen(text), "results", &results, &error) != L2O_OK) fail_msg("%s", error.text);
    l2o_string_free(text);
    l2o_context_free(context);
    return results;
}

static const json_t *table_named(const json_t *results, const char *name) {
    const json_t *tables = json_object_get(results, "tables");
    for (size_t i = 0; i < json_array_size(tables); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(tables, i), "name")), name) == 0)
            return json_array_get(tables, i);
    fail_msg("there is no table %s", name);
    return NULL;
}

/* Tables of what was reached, not of time. */
static void assert_same_tables(const json_t *a, const json_t *b) {
    static const char *const names[] = {"minimum", "minimum-step", "last", "differences", "rates"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!json_equal(table_named(a, names[i]), table_named(b, names[i]))) fail_msg("the tables %s differ", names[i]);
}

static const json_t *cell_at(const json_t *results, const char *table, size_t row, size_t column) {
    const json_t *rows = json_object_get(table_named(results, table), "rows");
    return json_array_get(json_object_get(json_array_get(rows, row), "cells"), column);
}

static double mean_at(const json_t *results, const char *table, size_t row, size_t column) {
    return json_number_value(json_object_get(cell_at(results, table, row, column), "mean"));
}

static void test_run(void **state) {
    (void)state;
    write_text("run.ini",
               HEAD TINY "seeds = 1-2\n" METHODS PANELS
                         "[claim limit]\ntext = nobody passes the limit\nmethod = limit\nbelow = fista\n"
                         "[claim false]\ntext = everybody is at 100\nmethod = adam\nnear = 100\nbound = 1\n");
    json_t *one = run_file("run.ini", 1, "one", NULL), *two = run_file("run.ini", 2, "two", NULL);
    json_t *again = run_file("run.ini", 2, "two", NULL);
    assert_same_tables(one, two);
    assert_same_tables(two, again);
    const json_t *work = json_object_get(json_object_get(again, "ran"), "work");
    assert_int_equal(json_integer_value(json_object_get(work, "trainings")), 2);
    assert_int_equal(json_integer_value(json_object_get(work, "of these in this run")), 0);
    assert_int_equal(json_integer_value(json_object_get(work, "cells")), 2 * (2 + 2 + 4));
    assert_int_equal(json_integer_value(json_object_get(work, "of those in this run")), 0);
    for (size_t row = 0; row < 2; row++) {
        for (size_t m = 0; m < 5; m++) assert_true(mean_at(one, "minimum", row, 5) <= mean_at(one, "minimum", row, m));
        assert_non_null(json_object_get(cell_at(one, "minimum", row, 0), "seeds_half"));
        assert_null(json_object_get(cell_at(one, "minimum", row, 4), "seeds_half"));
        assert_true(json_is_null(cell_at(one, "differences", row, 2)));
        assert_true(json_is_null(cell_at(one, "minimum-step", row, 5)));
        double difference = mean_at(one, "minimum", row, 4) - mean_at(one, "minimum", row, 2);
        assert_true(fabs(mean_at(one, "differences", row, 4) - difference) < 1e-6);
    }
    assert_non_null(json_object_get(cell_at(one, "minimum", 0, 0), "verdict"));
    assert_null(json_object_get(cell_at(one, "minimum", 1, 0), "verdict"));
    assert_int_equal(json_array_size(json_object_get(one, "figures")), 6);
    assert_int_equal(json_array_size(json_object_get(one, "notes")), 2);
    const json_t *claims = json_object_get(one, "claims");
    assert_true(json_is_true(json_object_get(json_array_get(claims, 0), "holds")));
    assert_true(json_is_false(json_object_get(json_array_get(claims, 1), "holds")));
    json_decref(one);
    json_decref(two);
    json_decref(again);
}

/* Two panels, a method that diverged on the first of them, and deviations over seeds. */
static void assert_claim(const char *keys, bool holds, double measured) {
    static const char results[] =
        "{\"tables\": [{\"name\": \"minimum\", \"columns\": [\"adam\", \"fista\"], \"rows\": ["
        "{\"label\": \"one\", \"cells\": [{\"mean\": null}, {\"mean\": -1, \"seeds_deviation\": 3}]},"
        "{\"label\": \"ten\", \"cells\": [{\"mean\": -5, \"seeds_deviation\": 1}, "
        "{\"mean\": -2, \"seeds_deviation\": 4}]}]}]}";
    char text[2048], sentence[512];
    l2o_error error = {0};
    json_t *document;
    snprintf(text, sizeof text, HEAD "methods = adam, fista\n" METHODS PANELS "[claim c]\ntext = t\n%s", keys);
    experiment made = parse(text);
    assert_int_equal(json_parse(results, sizeof results - 1, "results", &document, &error), L2O_OK);
    double found;
    bool held;
    if (claim_measure_of(&made, &made.claims[0], document, &found, &held, &error) != L2O_OK) fail_msg("%s", error.text);
    claim_sentence(&made.claims[0], found, held, sentence, sizeof sentence);
    assert_int_equal(held, holds);
    bool stated = strstr(keys, "unmet") != NULL;
    assert_int_equal(claim_is_as_stated(&made.claims[0], held), holds != stated);
    assert_int_equal(strstr(sentence, "because of reasons") != NULL, stated);
    if (isnan(measured))
        assert_true(isnan(found) && strstr(sentence, "does not hold (measured nothing finite") != NULL);
    else
        assert_near(found, measured);
    json_decref(document);
    experiment_free(&made);
}

static void test_claims(void **state) {
    (void)state;
    assert_claim("method = adam\nbelow = fista\npanel = ten\n", true, -3);
    assert_claim("method = adam\nbelow = fista\n", false, NAN); /* diverged where it is not the last panel */
    assert_claim("method = fista\nbelow = -1\n", true, 0);
    assert_claim("method = fista\nnear = -1\nbound = 0.5\n", false, 1);
    assert_claim("method = fista\nnear = -1\nbound = 0.5\nunmet = because of reasons\n", false, 1);
    assert_claim("method = fista\nbelow = -1\nunmet = because of reasons\n", true, 0);
    assert_claim("method = adam\nbelow = fista\nfactor = 0.5\nmeasure = spread\npanel = ten\n", true, -1);
    assert_claim("method = fista\nbelow = 5\nmeasure = spread\n", true, sqrt(12.5) - 5);
    assert_claim("method = fista\nnear = 5\nmeasure = spread\n", false, 5 - sqrt(12.5));
    assert_claim("method = adam\nbelow = fista\nmeasure = spread\n", false, NAN); /* no deviation on one of them */
}

typedef struct verdicts {
    int count, held;
} verdicts;

static void count_claim(void *user, int holds, const char *sentence) {
    verdicts *verdicts = user;
    verdicts->count++;
    verdicts->held += holds;
    assert_non_null(strstr(sentence, holds ? "holds (measured" : "does not hold (measured"));
}

/* After test_run(). */
static void test_verify(void **state) {
    (void)state;
    l2o_context *context = make_context(1);
    verdicts verdicts = {0};
    int failed;
    if (l2o_experiment_verify(context, "run.ini", "one/results.json", count_claim, &verdicts, &failed) != L2O_OK)
        fail_msg("%s", l2o_context_error(context));
    assert_int_equal(verdicts.count, 2);
    assert_int_equal(verdicts.held, 1);
    assert_int_equal(failed, 1);
    assert_int_equal(l2o_experiment_verify(context, "run.ini", "parent.ini", NULL, NULL, &failed), L2O_ERROR_INPUT);
    write_text("other.json", "{\"format\": \"l2o results 1\", \"name\": \"run\", \"tables\": []}");
    assert_int_equal(l2o_experiment_verify(context, "run.ini", "other.json", NULL, NULL, &failed), L2O_ERROR_INPUT);
    assert_non_null(strstr(l2o_context_error(context), "have no table 'minimum'"));
    assert_int_equal(l2o_experiment_verify(context, "parent.ini", "one/results.json", NULL, NULL, &failed),
                     L2O_ERROR_INPUT);
    assert_non_null(strstr(l2o_context_error(context), "holds the results of 'run', not of 'parent'"));
    l2o_context_free(context);
}

/* Adaptation by no update is none at all, and a sweep's first value shows it; the tests are the same for all values. */
static void test_sweep_run(void **state) {
    (void)state;
    write_text(
        "sweep.ini",
        "[experiment]\ntitle = t\nkind = sweep\nmethods = plain, adapted, fista\npanels = ten\n" TINY METHODS PANELS
        "[sweep]\nx = adaptation-updates\nvalues = 0, 2\n");
    json_t *results = run_file("sweep.ini", 2, "sweep", NULL);
    assert_true(mean_at(results, "minimum-ten", 0, 0) == mean_at(results, "minimum-ten", 0, 1));
    assert_true(mean_at(results, "minimum-ten", 1, 0) != mean_at(results, "minimum-ten", 1, 1));
    assert_true(mean_at(results, "minimum-ten", 0, 2) == mean_at(results, "minimum-ten", 1, 2));
    const json_t *work = json_object_get(json_object_get(results, "ran"), "work");
    assert_int_equal(json_integer_value(json_object_get(work, "cells")), 4); /* two of the adapted one */
    const json_t *figure = json_array_get(json_object_get(results, "figures"), 0);
    const json_t *series = json_array_get(json_object_get(figure, "series"), 1);
    assert_true(json_number_value(json_array_get(json_object_get(series, "x"), 1)) == 2);
    json_decref(results);
}

/* The ends of an interpolation are the adapted optimizers of its two variants, which a sweep compares; methods that do
 * not adapt are the same all along. */
static void test_interpolation_run(void **state) {
    (void)state;
#define ENDS "[variant near]\nadapt.A = normal:1\n[variant far]\nadapt.A = normal:10\nadapt.adaptation-updates = 3\n"
#define LINE "title = t\nmethods = adapted, fresh, fista\npanels = ten\n" TINY "seeds = 1-2\n" METHODS PANELS
    write_text("ends.ini", "[experiment]\nkind = sweep\n" LINE ENDS);
    write_text("line.ini", "[experiment]\nkind = interpolation\n" LINE ENDS);
    json_t *ends = run_file("ends.ini", 2, "ends", NULL), *line = run_file("line.ini", 2, "line", NULL);
    json_t *alone = run_file("line.ini", 1, "alone", NULL);
    assert_true(json_equal(table_named(line, "minimum-ten"), table_named(alone, "minimum-ten")));
    for (size_t m = 0; m < 3; m++) {
        assert_near(mean_at(line, "minimum-ten", 0, m), mean_at(ends, "minimum-ten", 0, m));
        assert_near(mean_at(line, "minimum-ten", 10, m), mean_at(ends, "minimum-ten", 1, m));
    }
    assert_true(mean_at(line, "minimum-ten", 5, 0) != mean_at(line, "minimum-ten", 0, 0));
    assert_true(mean_at(line, "minimum-ten", 5, 2) == mean_at(line, "minimum-ten", 0, 2));
    json_decref(ends);
    json_decref(line);
    json_decref(alone);
    assert_refused("[experiment]\nkind = interpolation\n" LINE, "is between two [variant NAME] sections");
}

static const char *source_of(const json_t *results) {
    const json_t *settings = json_object_get(json_object_get(results, "ran"), "settings");
    return json_string_value(json_object_get(json_array_get(json_object_get(settings, "weights"), 0), "from"));
}

static void test_shipped_weights(void **state) {
    (void)state;
    write_text("ships.ini", HEAD "methods = plain\n" TINY "seeds = 1\n" METHODS PANELS);
    json_t *trained = run_file("ships.ini", 1, "ships", NULL);
    assert_string_equal(source_of(trained), "trained now");
    json_decref(trained);
    assert_int_equal(system("mkdir -p models && cp ships/cache/weights/w-1-*.safetensors models/w-1.safetensors"), 0);
    static const char *const pairs[][2] = {{"hidden", "5"}, {NULL, NULL}};
    l2o_settings *settings = make_settings(pairs);
    write_text("uses.ini", "[experiment]\ninherit = ships\ntitle = u\n[weights w]\nfile = w-{seed}.safetensors\n");
    json_t *same = run_file("uses.ini", 1, "uses", NULL), *other = run_file("uses.ini", 1, "uses", settings);
    assert_string_equal(source_of(same), "shipped");
    assert_string_equal(source_of(other), "trained now");
    json_decref(same);
    json_decref(other);
    settings_free(settings);
}

/* A variant that trains as the recipe says has weights of its own beside one that changes the recipe. */
static void test_variants_train_apart(void **state) {
    (void)state;
    write_text("apart.ini", "[experiment]\ntitle = t\nkind = table\nmethods = plain\npanels = one\n" TINY METHODS PANELS
                            "[variant other]\ntrain.unroll = 2\n[variant plain]\nadapt.unroll = 4\n");
    write_text("alone.ini",
               "[experiment]\ntitle = t\nkind = table\nmethods = plain\npanels = one\n" TINY METHODS PANELS);
    json_t *both = run_file("apart.ini", 1, "apart", NULL), *alone = run_file("alone.ini", 1, "alone", NULL);
    assert_true(json_equal(cell_at(both, "minimum-plain", 0, 0), cell_at(alone, "minimum", 0, 0)) ||
                mean_at(both, "minimum-plain", 0, 0) == mean_at(alone, "minimum", 0, 0));
    assert_true(mean_at(both, "minimum-other", 0, 0) != mean_at(both, "minimum-plain", 0, 0));
    json_decref(both);
    json_decref(alone);
}

static const json_t *training_of(const json_t *results, const char *weights, const char *panel) {
    const json_t *list = json_object_get(json_object_get(json_object_get(results, "ran"), "settings"), "weights"),
                 *found = NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i), *on = json_object_get(item, "panel");
        if (strcmp(json_string_value(json_object_get(item, "weights")), weights) != 0) continue;
        if ((panel == NULL) == (on == NULL) && (on == NULL || strcmp(json_string_value(on), panel) == 0)) found = item;
    }
    if (found == NULL) fail_msg("no training of %s", weights);
    return json_object_get(found, "settings");
}

/* Recipes on panels are trained on the panel's problems, and those that begin with others' weights go on from them. */
static void test_recipes_on_panels(void **state) {
    (void)state;
#define RECIPES                                                                                                        \
    "[weights w]\nestimator = plain\n[weights here]\nestimator = plain\non = panel\n"                                  \
    "[weights on]\nestimator = fomaml\nfrom = w\ntraining-tasks = A=normal:2 | A=normal:3\n"                           \
    "[weights still]\nestimator = plain\nfrom = on\non = panel\nouter-rate = 0\n"                                      \
    "[method plain]\nweights = w\n[method here]\nweights = here\n[method on]\nweights = on\n"                          \
    "[method still]\nweights = still\n[method adapted]\nweights = on\nadapt = yes\n"
    write_text("panels.ini", HEAD TINY "seeds = 1-2\n" RECIPES PANELS);
    json_t *one = run_file("panels.ini", 1, "panels-one", NULL), *two = run_file("panels.ini", 2, "panels-two", NULL);
    json_t *again = run_file("panels.ini", 2, "panels-two", NULL);
    assert_true(json_equal(table_named(one, "minimum"), table_named(two, "minimum")));
    assert_true(json_equal(table_named(two, "minimum"), table_named(again, "minimum")));
    const json_t *work = json_object_get(json_object_get(again, "ran"), "work");
    assert_int_equal(json_integer_value(json_object_get(work, "trainings")), 2 * (1 + 2 + 1 + 2));
    assert_int_equal(json_integer_value(json_object_get(work, "of these in this run")), 0);
    for (size_t row = 0; row < 2; row++) {
        assert_true(mean_at(one, "minimum", row, 2) != mean_at(one, "minimum", row, 0));
        assert_true(mean_at(one, "minimum", row, 3) == mean_at(one, "minimum", row, 2)); /* at a rate of 0 */
    }
    /* The default of A is that of the first panel. */
    assert_true(mean_at(one, "minimum", 0, 1) == mean_at(one, "minimum", 0, 0));
    assert_true(mean_at(one, "minimum", 1, 1) != mean_at(one, "minimum", 1, 0));
    assert_string_equal(json_string_value(json_object_get(training_of(one, "here", "ten"), "A")), "normal:10");
    assert_string_equal(json_string_value(json_object_get(training_of(one, "on", NULL), "training-tasks")),
                        "A=normal:2 | A=normal:3");
    /* What they begin with goes by its section, and not by a file of this machine. */
    assert_string_equal(json_string_value(json_object_get(training_of(one, "on", NULL), "optimizer")), "w");
    assert_string_equal(json_string_value(json_object_get(training_of(one, "still", "ten"), "optimizer")), "on");
    json_decref(one);
    json_decref(two);
    json_decref(again);
#define ON(text) HEAD BARE "[method m]\nweights = a\n" text
    assert_refused(ON("[weights a]\non = test\n"), "'on' is panel");
    assert_refused(ON("[weights a]\non = panel\nfile = a.safetensors\n"), "are not shipped; drop 'file'");
    assert_refused(ON("[weights a]\nfrom = b\n"), "no section [weights b]");
    assert_refused(ON("[weights a]\nfrom = a\n"), "'from' leads in a circle");
    assert_refused(ON("[weights a]\nfrom = b\n[weights b]\nfrom = c\n[weights c]\nfrom = b\n"), "in a circle");
    assert_refused(ON("[weights a]\nfrom = b\n[weights b]\non = panel\n"), "add on = panel");
    assert_refused(ON("[weights a]\nfrom = b\noptimizer = rnnprop\n[weights b]\nunroll = 3\n"), "drop 'optimizer'");
    assert_refused("[experiment]\ntitle = t\nkind = theory\n[weights a]\non = panel\n", "not for theory");
}

/* A method's own value, and the user's that takes its place, which is also the one for all: two results. */
static void test_user_replaces_option(void **state) {
    (void)state;
    write_text("option.ini", "[experiment]\ntitle = t\nkind = table\nat = 7\n" TINY
                             "rate = 0.01\nseed = 5\n[method adam]\noptimizer = adam\nrate = 0.5\n[panel one]\n"
                             "A = normal:1\n");
    static const char *const pairs[][2] = {{"rate", "0.01"}, {NULL, NULL}};
    l2o_settings *settings = make_settings(pairs);
    json_t *own = run_file("option.ini", 1, "option", NULL), *users = run_file("option.ini", 1, "option", settings);
    assert_true(mean_at(own, "minimum", 0, 0) != mean_at(users, "minimum", 0, 0));
    assert_non_null(table_named(own, "at"));
    const json_t *seeds = json_object_get(json_object_get(own, "ran"), "seeds");
    assert_string_equal(json_string_value(json_object_get(seeds, "problems")), "5");
    json_decref(own);
    json_decref(users);
    settings_free(settings);
}

/* The step that is asked about is among a curve's points, also where the cache holds a curve without it. */
static void test_step_of_its_own(void **state) {
    (void)state;
#define LONG TINY "[method adam]\noptimizer = adam\n[panel one]\nA = normal:1\nsteps = 400\n"
    write_text("before.ini", HEAD LONG);
    write_text("after.ini", HEAD "at = 33\n" LONG);
    l2o_context *context = make_context(1);
    static const char *const files[] = {"before.ini", "after.ini"};
    for (int i = 0; i < 2; i++) {
        l2o_experiment_options options = {.folder = files[i], .cache = "shared"};
        char *text = NULL;
        options.folder = i == 0 ? "before" : "after";
        if (l2o_experiment_run(context, NULL, files[i], &options, NULL, NULL, &text) != L2O_OK)
            fail_msg("%s", l2o_context_error(context));
        l2o_error error = {0};
        json_t *results;
        assert_int_equal(json_parse(text, strlen(text), "results", &results, &error), L2O_OK);
        if (i == 1) assert_true(json_is_real(json_object_get(cell_at(results, "at", 0, 0), "mean")));
        json_decref(results);
        l2o_string_free(text);
    }
    l2o_context_free(context);
    static const char *const pairs[][2] = {{"steps", "20"}, {NULL, NULL}};
    l2o_settings *settings = make_settings(pairs);
    write_text("shorter.ini", HEAD "at = 33\n" TINY "[method adam]\noptimizer = adam\n[panel one]\nA = normal:1\n");
    json_t *results = run_file("shorter.ini", 1, "shorter", settings);
    const json_t *notes = json_object_get(results, "notes");
    assert_non_null(strstr(json_string_value(json_array_get(notes, 0)), "no table of step 33"));
    json_decref(results);
    settings_free(settings);
}

static void test_user_settings(void **state) {
    (void)state;
    static const struct {
        const char *name, *value, *sentence;
    } cases[] = {{"A", "normal:3", "the experiment itself sets 'A'"},
                 {"gap", "0.1", "the setting 'gap' (0.1) is not used by this experiment"},
                 {"steps", "0", "needs at least 1"},
                 {"rate", "0.1", "the rate is found by tuning here"},
                 {"seeds", "1,1-", "'seeds' is a list"},
                 {"seeds", "1-3,2", "'seeds' is a list"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const pairs[][2] = {{cases[i].name, cases[i].value}, {NULL, NULL}};
        l2o_settings *settings = make_settings(pairs);
        l2o_context *context = make_context(1);
        l2o_experiment_options options = {.folder = "refused"};
        assert_int_equal(l2o_experiment_run(context, settings, "run.ini", &options, NULL, NULL, NULL), L2O_ERROR_INPUT);
        if (strstr(l2o_context_error(context), cases[i].sentence) == NULL) fail_msg("%s", l2o_context_error(context));
        l2o_context_free(context);
        settings_free(settings);
    }
    assert_false(file_exists("refused/results.json"));
}

/* -------------------------------------------------------------------------------------------------------------- jobs
 */

typedef struct counting {
    atomic_int begun;
    int64_t fails;
    l2o_context *cancels;
} counting;

static l2o_status count_job(void *argument, int64_t job, l2o_context *context, l2o_error *error) {
    counting *counting = argument;
    atomic_fetch_add(&counting->begun, 1);
    if (counting->cancels != NULL) {
        l2o_context_cancel(counting->cancels);
        assert_true(context_cancelled(context));
    }
    return job == counting->fails ? error_set(error, L2O_ERROR_INPUT, "job %lld", (long long)job) : L2O_OK;
}

static void test_jobs(void **state) {
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        l2o_context *context = make_context(threads);
        l2o_error error = {0};
        counting all = {.fails = -1}, failing = {.fails = 0}, cancelled = {.fails = -1, .cancels = context};
        assert_int_equal(jobs_run(context, 7, count_job, &all, &error), L2O_OK);
        assert_int_equal(all.begun, 7);
        assert_int_equal(jobs_run(context, 100000, count_job, &failing, &error), L2O_ERROR_INPUT);
        assert_string_equal(error.text, "job 0");
        assert_true(failing.begun < 100000);
        assert_int_equal(jobs_run(context, 100000, count_job, &cancelled, &error), L2O_ERROR_CANCELLED);
        l2o_context_free(context);
    }
}

int main(void) {
    places places = {.folder = "/tmp/l2o-experiment-XXXXXX"};
    char command[80];
    if (getcwd(places.source, sizeof places.source) == NULL || mkdtemp(places.folder) == NULL ||
        chdir(places.folder) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_empty_sections),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_inheritance),
        cmocka_unit_test_prestate_setup_teardown(test_own_experiments, enter_source, leave_source, &places),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_cell_is_comparison),
        cmocka_unit_test(test_best_rate),
        cmocka_unit_test(test_cell_file),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_sweep_run),
        cmocka_unit_test(test_interpolation_run),
        cmocka_unit_test(test_shipped_weights),
        cmocka_unit_test(test_variants_train_apart),
        cmocka_unit_test(test_recipes_on_panels),
        cmocka_unit_test(test_user_replaces_option),
        cmocka_unit_test(test_step_of_its_own),
        cmocka_unit_test(test_user_settings),
        cmocka_unit_test(test_jobs),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", places.folder);
    return system(command) != 0 || failed;
}
