/* Reading an experiment, naming a cell and summarising a sample come out with a status when any allocation fails. */
#include "fault.h"

#include <string.h>

#include "experiment/cell.h"
#include "experiment/sample.h"

static const char TEXT[] = "[experiment]\ntitle = t\nkind = sweep\nmethods = a, b\n[settings]\nn = 3\nbatch = 2\n"
                           "[weights w]\npreset = matched\nestimator = plain\n[method a]\nweights = w\nadapt = yes\n"
                           "[method b]\noptimizer = adam\n[panel p]\nA = normal:1\n[sweep]\nx = adaptation-rate\n"
                           "values = 1e-4, 1e-3\n";

static l2o_status read_and_describe(l2o_error *error) {
    experiment made;
    TRY(experiment_parse(TEXT, sizeof TEXT - 1, "test.ini", &made, error));
    l2o_settings *settings = NULL;
    cell cell = {.method = &made.methods[1], .panel = &made.panels[0], .variant = &made.variants[1]};
    l2o_status status = experiment_cell_settings(&made, NULL, cell.panel, cell.variant, &settings, error);
    if (status == L2O_OK) status = cell_describe(&cell, "portable", &made, NULL, settings, ".", error);
    if (status == L2O_OK) status = cell_allocate(&cell, 2, 3, error);
    settings_free(settings);
    settings = NULL;
    if (status == L2O_OK)
        status = experiment_training_settings(&made, NULL, &made.weights[0], cell.variant, NULL, 1, &settings, error);
    settings_free(settings);
    cell_free(&cell);
    experiment_free(&made);
    return status;
}

static l2o_status summarise(l2o_error *error) {
    sample a = {0}, b = {0};
    sample_summary summary;
    l2o_status status = sample_create(2, 3, &a, error);
    if (status == L2O_OK) status = sample_create(1, 3, &b, error);
    if (status == L2O_OK) status = sample_summarise(&a, &summary, error);
    if (status == L2O_OK) status = sample_difference(&a, &b, &summary, error);
    sample_free(&a);
    sample_free(&b);
    return status;
}

static void fail_each(l2o_status (*work)(l2o_error *error)) {
    l2o_error error = {0};
    fault_arm(0);
    assert_int_equal(work(&error), L2O_OK);
    size_t count = fault_count();
    assert_true(count > 2);
    for (size_t nth = 1; nth <= count; nth++) {
        error = (l2o_error){0};
        fault_arm(nth);
        l2o_status status = work(&error);
        fault_arm(0);
        if (status != L2O_ERROR_MEMORY || error.text[0] == '\0')
            fail_msg("allocation %zu of %zu: status %d, '%s'", nth, count, (int)status, error.text);
    }
}

static void test_reading(void **state) {
    (void)state;
    fail_each(read_and_describe);
}

static void test_samples(void **state) {
    (void)state;
    fail_each(summarise);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reading), cmocka_unit_test(test_samples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
