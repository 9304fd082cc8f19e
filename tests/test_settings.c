/* The settings store: types, ranges, suggestions of names and of values, use, copies. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/settings.h"
#include "dist/context.h"
#include "l2o/catalog.h"

static const setting first[] = {{"batch", SETTING_INTEGER, "instances", "128", 1, 1e9, NULL, "How many"},
                                {"rate", SETTING_REAL, "", "0.01", 0, 10, NULL, "How fast"},
                                {"early-stop", SETTING_FLAG, "", "yes", 0, 0, NULL, "Whether"},
                                {"loss", SETTING_CHOICE, "", "sum", 0, 0, "sum|last|logarithm", "Which"},
                                {"path", SETTING_TEXT, "", NULL, 0, 0, NULL, "Where"},
                                {"seed", SETTING_INTEGER, "", "1", 0, 9.2e18, NULL, "From what"},
                                {0}};
static const setting second[] = {{"rate", SETTING_REAL, "", "0.5", 0, 10, NULL, "The same name in another table"},
                                 {"momentum", SETTING_REAL, "", "0.9", 0, 1, NULL, "How heavy"},
                                 {0}};
static const settings_table tables[] = {{"general", first}, {"other", second}};

static l2o_error error;

static l2o_settings *create(void) {
    l2o_settings *settings = NULL;
    error_clear(&error);
    assert_int_equal(settings_create(tables, 2, &settings, &error), L2O_OK);
    return settings;
}

static void set(l2o_settings *settings, const char *name, const char *value) {
    if (settings_set(settings, name, value, "--test", &error) != L2O_OK) fail_msg("%s", error.text);
}

static void refuse(l2o_settings *settings, const char *name, const char *value, const char *part) {
    char before[64] = "";
    if (settings_is_defined(settings, name) && settings_peek(settings, name) != NULL)
        snprintf(before, sizeof before, "%s", settings_peek(settings, name));
    assert_int_equal(settings_set(settings, name, value, "run.ini:7", &error), L2O_ERROR_INPUT);
    if (strstr(error.text, part) == NULL || strstr(error.text, "run.ini:7") == NULL)
        fail_msg("\"%s\" lacks \"%s\" or its origin", error.text, part);
    if (before[0] != '\0') assert_string_equal(settings_peek(settings, name), before);
    error_clear(&error);
}

static void test_defaults(void **state) {
    (void)state;
    l2o_settings *settings = create();
    assert_int_equal(settings_integer(settings, "batch"), 128);
    assert_true(settings_real(settings, "rate") == 0.01); /* the first table's */
    assert_true(settings_flag(settings, "early-stop"));
    assert_int_equal(settings_choice(settings, "loss"), 0);
    assert_null(settings_text(settings, "path"));
    assert_false(settings_is_set(settings, "batch"));
    assert_string_equal(settings_origin(settings, "batch"), "default");
    assert_int_equal(settings_table_count(settings), 2);
    assert_string_equal(settings_table_at(settings, 1)->title, "other");
    settings_free(settings);
    settings_free(NULL);
}

static void test_values(void **state) {
    (void)state;
    l2o_settings *settings = create();
    set(settings, "batch", "1");
    assert_int_equal(settings_integer(settings, "batch"), 1);
    set(settings, "batch", "1000000000");
    assert_int_equal(settings_integer(settings, "batch"), 1000000000);
    set(settings, "rate", "1e-3");
    assert_true(settings_real(settings, "rate") == 1e-3);
    static const char *const yes[] = {"yes", "TRUE", "on", "1"}, *const no[] = {"No", "false", "off", "0"};
    for (int i = 0; i < 4; i++) {
        set(settings, "early-stop", yes[i]);
        assert_true(settings_flag(settings, "early-stop"));
        set(settings, "early-stop", no[i]);
        assert_false(settings_flag(settings, "early-stop"));
    }
    set(settings, "loss", "logarithm");
    assert_int_equal(settings_choice(settings, "loss"), 2);
    assert_string_equal(settings_text(settings, "loss"), "logarithm");
    set(settings, "path", "a b");
    assert_string_equal(settings_text(settings, "path"), "a b");
    assert_string_equal(settings_origin(settings, "path"), "--test");
    settings_free(settings);
}

static void test_refusals(void **state) {
    (void)state;
    l2o_settings *settings = create();
    refuse(settings, "batch", "0", "between 1 and");
    refuse(settings, "batch", "1e3", "a whole number");
    refuse(settings, "batch", "12x", "a whole number");
    refuse(settings, "batch", "", "a whole number");
    refuse(settings, "batch", "99999999999999999999999", "a whole number");
    refuse(settings, "rate", "nan", "a number");
    refuse(settings, "rate", "inf", "a number");
    refuse(settings, "rate", "-0.1", "between 0 and 10");
    refuse(settings, "rate", "10.5", "between 0 and 10");
    refuse(settings, "rate", "1,5", "a number");
    refuse(settings, "early-stop", "maybe", "yes or no");
    refuse(settings, "loss", "su", "sum|last|logarithm");
    refuse(settings, "loss", "sum|last", "sum|last|logarithm");
    refuse(settings, "loss", "", "sum|last|logarithm");
    refuse(settings, "path", "", "needs a value");
    settings_free(settings);
}

static void test_unknown_names(void **state) {
    (void)state;
    l2o_settings *settings = create();
    refuse(settings, "btach", "1", "did you mean 'batch'?");
    refuse(settings, "earlystop", "1", "did you mean 'early-stop'?");
    refuse(settings, "mom", "1", "did you mean 'momentum'?");
    refuse(settings, "zzzzzzzzzz", "1", "l2o list settings");
    char longest[300];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    refuse(settings, longest, "1", "there is no setting");
    assert_false(settings_is_defined(settings, "btach"));
    settings_free(settings);
}

static void test_seeds_have_all_their_bits(void **state) {
    (void)state;
    l2o_settings *settings = create();
    set(settings, "seed", "9007199254740993"); /* 2^53 + 1: no double */
    assert_true(settings_integer(settings, "seed") == 9007199254740993);
    set(settings, "seed", "9123456789012345679");
    assert_true(settings_integer(settings, "seed") == 9123456789012345679);
    l2o_settings *copy;
    assert_int_equal(settings_copy(settings, &copy, &error), L2O_OK);
    assert_true(settings_integer(copy, "seed") == 9123456789012345679);
    settings_free(copy);
    settings_free(settings);
}

static void test_unused(void **state) {
    (void)state;
    l2o_settings *settings = create();
    assert_int_equal(settings_check_used(settings, "this", &error), L2O_OK);
    set(settings, "momentum", "0.8");
    assert_int_equal(settings_check_used(settings, "solving with ista", &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "--test"));
    assert_non_null(strstr(error.text, "'momentum' (0.8)"));
    assert_non_null(strstr(error.text, "solving with ista"));
    error_clear(&error);
    assert_non_null(settings_peek(settings, "momentum")); /* looking is no use */
    assert_true(settings_is_set(settings, "momentum"));
    assert_int_equal(settings_check_used(settings, "this", &error), L2O_ERROR_INPUT);
    error_clear(&error);
    assert_int_equal(settings_check_origin(settings, "other", &error), L2O_OK);
    assert_int_equal(settings_check_origin(settings, "--test", &error), L2O_ERROR_INPUT);
    error_clear(&error);
    settings_real(settings, "momentum");
    assert_int_equal(settings_check_used(settings, "this", &error), L2O_OK);
    assert_int_equal(settings_check_origin(settings, "--test", &error), L2O_OK);
    set(settings, "path", "x");
    settings_mark_used(settings, "path");
    assert_int_equal(settings_check_used(settings, "this", &error), L2O_OK);
    settings_free(settings);
}

static void test_suggestions_yield(void **state) {
    (void)state;
    l2o_settings *settings = create();
    assert_int_equal(settings_suggest(settings, "rate", "0.2", "preset", &error), L2O_OK);
    assert_true(settings_real(settings, "rate") == 0.2);
    assert_true(settings_is_set(settings, "rate") && !settings_is_given(settings, "rate"));
    set(settings, "rate", "0.3"); /* the user after the preset */
    assert_int_equal(settings_suggest(settings, "rate", "0.4", "preset", &error), L2O_OK);
    assert_true(settings_real(settings, "rate") == 0.3); /* the user before the preset */
    assert_true(settings_is_given(settings, "rate"));
    assert_int_equal(settings_suggest(settings, "loss", "last", "preset", &error), L2O_OK);
    assert_int_equal(settings_suggest(settings, "loss", "sum", "preset", &error), L2O_OK);
    assert_string_equal(settings_peek(settings, "loss"), "sum");             /* of two suggestions, the later */
    assert_int_equal(settings_check_used(settings, "this", &error), L2O_OK); /* suggestions need not be used */
    assert_int_equal(settings_suggest(settings, "rate2", "1", "preset", &error), L2O_ERROR_INPUT);
    assert_int_equal(settings_suggest(settings, "momentum", "2", "preset", &error), L2O_ERROR_INPUT);
    settings_free(settings);
}

static void test_forgetting(void **state) {
    (void)state;
    l2o_settings *settings = create();
    double before = settings_real(settings, "rate");
    set(settings, "rate", "0.25");
    settings_forget(settings, "rate");
    assert_false(settings_is_set(settings, "rate"));
    assert_true(settings_real(settings, "rate") == before);
    assert_string_equal(settings_origin(settings, "rate"), "default");
    settings_free(settings);
}

static void test_equality(void **state) {
    (void)state;
    l2o_settings *settings = create();
    set(settings, "rate", "0.010");
    assert_true(settings_equals(settings, "rate", "1e-2"));
    assert_false(settings_equals(settings, "rate", "0.011"));
    set(settings, "early-stop", "on");
    assert_true(settings_equals(settings, "early-stop", "yes"));
    assert_false(settings_equals(settings, "early-stop", "no"));
    assert_true(settings_equals(settings, "batch", "0128"));
    assert_false(settings_equals(settings, "path", "x"));
    set(settings, "path", "x");
    assert_true(settings_equals(settings, "path", "x"));
    assert_false(settings_equals(settings, "path", "X"));
    settings_free(settings);
}

static void test_copies(void **state) {
    (void)state;
    l2o_settings *settings = create(), *copy;
    set(settings, "rate", "3");
    assert_int_equal(settings_suggest(settings, "loss", "last", "preset", &error), L2O_OK);
    settings_real(settings, "rate");
    assert_int_equal(settings_copy(settings, &copy, &error), L2O_OK);
    assert_int_equal(settings_check_used(copy, "the copy", &error), L2O_ERROR_INPUT); /* use is not copied */
    error_clear(&error);
    assert_true(settings_real(copy, "rate") == 3 && !settings_is_given(copy, "loss"));
    assert_string_equal(settings_origin(copy, "rate"), "--test");
    set(copy, "rate", "4");
    set(copy, "momentum", "0.25");
    assert_true(settings_real(settings, "rate") == 3);
    assert_false(settings_is_set(settings, "momentum"));
    set(settings, "momentum", "0.75");
    settings_real(copy, "momentum");
    settings_share_use(copy, settings);
    assert_int_equal(settings_check_used(settings, "this", &error), L2O_OK);
    settings_free(settings);
    assert_true(settings_real(copy, "rate") == 4); /* stands on its own */
    settings_free(copy);
}

static void collect(void *context, const char *name, const char *value) {
    char *text = context;
    size_t used = strlen(text);
    snprintf(text + used, 256 - used, "%s=%s;", name, value);
}

static void test_echo(void **state) {
    (void)state;
    l2o_settings *settings = create();
    char text[256] = "";
    settings_visit_used(settings, collect, text);
    assert_string_equal(text, "");
    set(settings, "momentum", "0.5");
    settings_real(settings, "momentum");
    settings_integer(settings, "batch");
    settings_text(settings, "path"); /* has no value */
    settings_visit_used(settings, collect, text);
    assert_string_equal(text, "batch=128;momentum=0.5;");
    settings_free(settings);
}

/* The library's own reference: every default is a valid value, and every name has a help. */
static void test_reference(void **state) {
    (void)state;
    l2o_context *context;
    l2o_settings *settings;
    assert_int_equal(l2o_context_create(1, "portable", &context), L2O_OK);
    assert_int_equal(l2o_settings_create(context, &settings), L2O_OK);
    l2o_setting_description description;
    int count = 0;
    for (; l2o_settings_describe(settings, count, &description); count++) {
        assert_true(description.help != NULL && strlen(description.help) > 8);
        assert_non_null(description.unit);
        if (description.default_value != NULL &&
            l2o_settings_set(context, settings, description.name, description.default_value) != L2O_OK)
            fail_msg("%s", l2o_context_error(context));
    }
    assert_true(count > 50);
    assert_null(l2o_settings_get(settings, "no-such-name"));
    assert_string_equal(l2o_settings_get(settings, "unroll"), "20");
    l2o_settings_free(settings);
    l2o_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_seeds_have_all_their_bits),
        cmocka_unit_test(test_unused),
        cmocka_unit_test(test_suggestions_yield),
        cmocka_unit_test(test_forgetting),
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
