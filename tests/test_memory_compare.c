/* A comparison, its figure and its document with each allocation failed once. */
#include <string.h>

#include "fault.h"

#include "experiment/catalog.h"
#include "experiment/compare.h"
#include "experiment/interpolation.h"

static void ignore_message(void *user, const char *text) {
    (void)user;
    (void)text;
}

static l2o_status make_settings(const l2o_settings *all, const char *optimizers, l2o_settings **out, l2o_error *error) {
    static const char *const values[][2] = {{"n", "2"}, {"batch", "2"}, {"steps", "3"}, {"runs", "2"}};
    TRY(settings_copy(all, out, error));
    l2o_status status = settings_set(*out, "optimizers", optimizers, "test", error);
    for (size_t i = 0; i < sizeof values / sizeof *values && status == L2O_OK; i++)
        status = settings_set(*out, values[i][0], values[i][1], "test", error);
    if (status != L2O_OK) settings_free(*out);
    return status;
}

typedef struct inputs {
    const l2o_settings *all;
    const char *optimizers;
} inputs;

static l2o_status body(void *argument, l2o_error *error) {
    const inputs *given = argument;
    l2o_context *context;
    l2o_status status = l2o_context_create(1, "portable", &context);
    if (status != L2O_OK) {
        l2o_context_free(context);
        return error_set(error, status, "no context");
    }
    l2o_context_on_message(context, ignore_message, NULL);
    l2o_settings *settings;
    status = make_settings(given->all, given->optimizers, &settings, error);
    if (status == L2O_OK) {
        l2o_comparison *made;
        status = l2o_compare(context, settings, NULL, NULL, &made);
        if (status == L2O_OK) l2o_comparison_free(made);
        *error = context->error;
        settings_free(settings);
    }
    l2o_context_free(context);
    return status;
}

static void test_each_allocation(void **state) {
    (void)state;
    static const char *const lists[] = {"sgd:rate=0.1,sgd:rate=0.1", "adam:tune:tune-problems=1:tune-lowest=1", "cd",
                                        "rnnprop:hidden=2:layers=1:adapt:unroll=2:adaptation-updates=1"};
    l2o_error error = {0};
    l2o_settings *all;
    assert_int_equal(catalog_settings(&all, &error), L2O_OK);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        inputs given = {all, lists[i]};
        assert_true(fault_each(body, &given) > 20);
    }
    settings_free(all);
}

static l2o_status interpolate(void *argument, l2o_error *error) {
    const inputs *given = argument;
    l2o_context *context;
    l2o_status status = l2o_context_create(1, "portable", &context);
    if (status != L2O_OK) {
        l2o_context_free(context);
        return error_set(error, status, "no context");
    }
    l2o_settings *settings;
    status = make_settings(given->all, given->optimizers, &settings, error);
    if (status == L2O_OK) {
        const interpolation_options options = {
            .start = "rnnprop", .ends = {settings, settings}, .test = settings, .points = 2, .runs = 1, .steps = 2};
        interpolation made;
        status = interpolation_run(context, &options, NULL, NULL, &made, error);
        if (status == L2O_OK) interpolation_free(&made);
        settings_free(settings);
    }
    l2o_context_free(context);
    return status;
}

static void test_interpolation(void **state) {
    (void)state;
    l2o_error error = {0};
    l2o_settings *all;
    assert_int_equal(catalog_settings(&all, &error), L2O_OK);
    inputs given = {all, "rnnprop"};
    assert_true(fault_each(interpolate, &given) > 20);
    settings_free(all);
}

typedef struct outputs {
    l2o_context *context;
    const l2o_comparison *comparison;
} outputs;

static l2o_status write_out(void *argument, l2o_error *error) {
    const outputs *given = argument;
    char *json;
    l2o_status status = l2o_comparison_json(given->context, given->comparison, &json);
    if (status == L2O_OK) l2o_string_free(json);
    if (status == L2O_OK) status = l2o_comparison_plot(given->context, given->comparison, "title", "/dev/null");
    *error = given->context->error;
    return status;
}

/* Of one comparison, because how long its texts are depends on the seconds in them. */
static void test_writing(void **state) {
    (void)state;
    l2o_error error = {0};
    l2o_settings *all, *settings;
    outputs given;
    l2o_comparison *made;
    assert_int_equal(catalog_settings(&all, &error), L2O_OK);
    assert_int_equal(make_settings(all, "fista,adam:rate=0.1", &settings, &error), L2O_OK);
    assert_int_equal(l2o_context_create(1, "portable", &given.context), L2O_OK);
    assert_int_equal(l2o_compare(given.context, settings, NULL, NULL, &made), L2O_OK);
    given.comparison = made;
    assert_true(fault_each(write_out, &given) > 5);
    l2o_comparison_free(made);
    l2o_context_free(given.context);
    settings_free(settings);
    settings_free(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_allocation), cmocka_unit_test(test_interpolation),
                                       cmocka_unit_test(test_writing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
