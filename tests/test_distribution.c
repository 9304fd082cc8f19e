/* Distributions: every way to write one, every way to get it wrong, and what is drawn. */
#include <math.h>

#include "problem_fixture.h"
#include "problems/distribution.h"

static distribution parse(const char *text) {
    l2o_error error = {0};
    distribution parsed;
    if (distribution_parse(text, "A", &parsed, &error) != L2O_OK) fail_msg("%s", error.text);
    return parsed;
}

static void assert_component(const char *text, distribution_kind kind, double first, double second) {
    distribution parsed = parse(text);
    assert_int_equal(parsed.count, 1);
    assert_int_equal(parsed.component[0].kind, kind);
    assert_true(parsed.component[0].first == first);
    assert_true(parsed.component[0].second == second);
}

static void test_ways_to_write(void **state) {
    (void)state;
    assert_component("normal:2", DISTRIBUTION_NORMAL, 0, 2);
    assert_component("normal:1:2", DISTRIBUTION_NORMAL, 1, 2);
    assert_component("normal(0,100)", DISTRIBUTION_NORMAL, 0, 100);
    assert_component(" N( 0 , 100 ) ", DISTRIBUTION_NORMAL, 0, 100);
    assert_component("uniform:-1:1", DISTRIBUTION_UNIFORM, -1, 1);
    assert_component("uniform(0,1)", DISTRIBUTION_UNIFORM, 0, 1);
    assert_component("U[0,1)", DISTRIBUTION_UNIFORM, 0, 1);
    assert_component("U[0,0.5]", DISTRIBUTION_UNIFORM, 0, 0.5);
    assert_component("log-uniform:1e-5:0.1", DISTRIBUTION_LOG_UNIFORM, 1e-5, 0.1);
    assert_component("fixed:3", DISTRIBUTION_FIXED, 3, 0);
    assert_component("-2.5e-1", DISTRIBUTION_FIXED, -0.25, 0);
}

static void test_mixtures(void **state) {
    (void)state;
    const char *ways[] = {"mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1", "mix(U[0,0.1],U[0,0.5],U[0,1])",
                          "mix: U[0,0.1) , uniform(0,0.5), uniform:0:1"};
    for (int i = 0; i < 3; i++) {
        distribution parsed = parse(ways[i]);
        assert_int_equal(parsed.count, 3);
        const double high[] = {0.1, 0.5, 1};
        for (int c = 0; c < 3; c++) {
            assert_int_equal(parsed.component[c].kind, DISTRIBUTION_UNIFORM);
            assert_true(parsed.component[c].second == high[c]);
        }
    }
}

static void test_errors_say_what_was_expected(void **state) {
    (void)state;
    const char *wrong[] = {"",
                           "norml:1",
                           "normal",
                           "normal:",
                           "normal:-1",
                           "normal:1:2:3",
                           "uniform:1",
                           "uniform:2:1",
                           "log-uniform:0:1",
                           "log-uniform:2:1",
                           "log-uniform:1e-300:1e300",
                           "loguniform:1:2",
                           "normal(0,1",
                           "mix:",
                           "mix:1,",
                           "mix(1,2",
                           "1 2",
                           "normal:nan",
                           "fixed:1:2",
                           "mix:mix:1,2",
                           "uniform:0,1",
                           "inf",
                           "normal:1x",
                           "fixed",
                           "normal(0;1)",
                           "mix:1,2)",
                           "abcdefghijklmnopqrstuvwxyz:1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        l2o_error error = {0};
        distribution parsed;
        if (distribution_parse(wrong[i], "x0", &parsed, &error) != L2O_ERROR_INPUT) fail_msg("'%s' was read", wrong[i]);
        assert_non_null(strstr(error.text, "x0: "));
        assert_non_null(strstr(error.text, "expected normal:SD"));
    }
    l2o_error error = {0};
    distribution parsed;
    assert_int_equal(distribution_parse("mix:1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "A", &parsed, &error),
                     L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "16 components"));
}

static void test_shares_of_a_mixture(void **state) {
    (void)state;
    distribution three = parse("mix:1,2,3");
    int count[3] = {0};
    for (int64_t p = 0; p < 128; p++) {
        int c = distribution_component_of(&three, p, 128);
        assert_int_equal(c, p < 42 ? 0 : p < 84 ? 1 : 2);
        count[c]++;
    }
    assert_int_equal(count[0], 42);
    assert_int_equal(count[1], 42);
    assert_int_equal(count[2], 44);
    assert_int_equal(distribution_component_of(&three, 1, 2), 1); /* fewer instances than components */
    l2o_error error = {0};
    distribution chosen = three;
    assert_int_equal(distribution_choose(&chosen, 2, "A", &error), L2O_OK);
    assert_int_equal(chosen.count, 1);
    assert_true(chosen.component[0].first == 3);
    assert_int_equal(distribution_choose(&three, 3, "A", &error), L2O_ERROR_INPUT);
    assert_int_equal(distribution_choose(&chosen, 7, "A", &error), L2O_OK); /* not a mixture any more */
}

static void test_least(void **state) {
    (void)state;
    const struct {
        const char *text;
        double least;
    } cases[] = {{"3", 3},
                 {"normal:2:0", 2},
                 {"normal:1", -INFINITY},
                 {"uniform:-1:5", -1},
                 {"log-uniform:0.5:5", 0.5},
                 {"mix:3,uniform:2:4,log-uniform:7:8", 2}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        distribution parsed = parse(cases[k].text);
        assert_true(distribution_least(&parsed) == cases[k].least);
    }
}

static void test_log_uniform(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    const random_key key = {.seed = 1, .stream = STREAM_TEST, .field = FIELD_LAMBDA};
    distribution parsed = parse("log-uniform:1e-4:10");
    double sum = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        double value = distribution_draw(&parsed.component[0], key, i);
        assert_true(value >= 1e-4 && value <= 10);
        sum += log10(value);
    }
    assert_near(sum / COUNT, -1.5, 0.02, "mean of the logarithm");
}

static void test_moments(void **state) {
    (void)state;
    const struct {
        const char *text;
        double mean, deviation;
    } cases[] = {{"normal:3:2", 3, 2}, {"uniform:-1:5", 2, 1.7320508}, {"7", 7, 0}};
    const random_key key = {.seed = 1, .stream = STREAM_TEST, .field = FIELD_A};
    for (int k = 0; k < 3; k++) {
        distribution parsed = parse(cases[k].text);
        double sum = 0, squares = 0;
        enum { COUNT = 20000 };
        for (uint64_t i = 0; i < COUNT; i++) {
            double value = distribution_draw(&parsed.component[0], key, i);
            sum += value;
            squares += value * value;
        }
        double mean = sum / COUNT;
        assert_near(mean, cases[k].mean, 0.02, "mean");
        assert_near(sqrt(squares / COUNT - mean * mean), cases[k].deviation, 0.02, "standard deviation");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ways_to_write),
        cmocka_unit_test(test_mixtures),
        cmocka_unit_test(test_errors_say_what_was_expected),
        cmocka_unit_test(test_shares_of_a_mixture),
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_log_uniform),
        cmocka_unit_test(test_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
