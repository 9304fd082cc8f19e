/* Statistics against closed forms and published tables. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "experiment/statistics.h"

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance * fmax(1.0, fabs(expected))))
        fail_msg("%.17g is not %.17g within %g", value, expected, tolerance);
}

/* P(|T| < t) for whole degrees of freedom, by the finite sums of Abramowitz and Stegun 26.7.3 and 26.7.4. */
static double probability_within(double t, int freedom) {
    double angle = atan(t / sqrt(freedom)), square = cos(angle) * cos(angle), sum = 0.0, term = 1.0;
    if (freedom % 2 == 0) {
        for (int k = 0; k < freedom / 2; k++) {
            sum += term;
            term *= square * (2 * k + 1) / (2 * k + 2);
        }
        return sin(angle) * sum;
    }
    term = cos(angle);
    for (int k = 0; k < (freedom - 1) / 2; k++) {
        sum += term;
        term *= square * (2 * k + 2) / (2 * k + 3);
    }
    return 2.0 / 3.14159265358979323846 * (angle + sin(angle) * sum);
}

static void test_student_quantile_matches_known_values(void **state) {
    (void)state;
    const double pi = 3.14159265358979323846;
    /* One and two degrees of freedom have closed forms. */
    const double probabilities[] = {0.51, 0.6, 0.75, 0.9, 0.975, 0.995, 0.9999};
    for (size_t i = 0; i < sizeof probabilities / sizeof *probabilities; i++) {
        double p = probabilities[i];
        assert_near(statistics_student_quantile(p, 1.0), tan(pi * (p - 0.5)), 1e-11);
        assert_near(statistics_student_quantile(p, 2.0), (2.0 * p - 1.0) / sqrt(2.0 * p * (1.0 - p)), 1e-11);
        assert_near(statistics_student_quantile(1.0 - p, 7.5), -statistics_student_quantile(p, 7.5), 1e-11);
    }
    /* Published tables, to their digits. */
    const struct {
        double freedom, quantile;
    } table[] = {{1, 12.7062047}, {2, 4.3026527},  {3, 3.1824463},  {4, 2.7764451},  {5, 2.5705818},
                 {9, 2.2621572},  {19, 2.0930241}, {29, 2.0452296}, {99, 1.9842170}, {1e7, 1.9599642}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_near(statistics_student_quantile(0.975, table[i].freedom), table[i].quantile, 3e-8);
    for (int freedom = 1; freedom <= 60; freedom++)
        assert_near(probability_within(statistics_student_quantile(0.975, freedom), freedom), 0.95, 1e-13);
    assert_true(statistics_student_quantile(0.5, 3.0) == 0.0);
    assert_true(isinf(statistics_student_quantile(1.0, 3.0)));
    assert_true(isnan(statistics_student_quantile(1.5, 3.0)));
    assert_true(isnan(statistics_student_quantile(0.9, 0.0)));
}

static void test_incomplete_beta_matches_closed_forms(void **state) {
    (void)state;
    for (double x = 0.05; x < 1.0; x += 0.05) {
        assert_near(statistics_incomplete_beta(x, 1.0, 1.0), x, 1e-13);
        assert_near(statistics_incomplete_beta(x, 3.0, 1.0), x * x * x, 1e-13);
        assert_near(statistics_incomplete_beta(x, 1.0, 4.0), 1.0 - pow(1.0 - x, 4.0), 1e-13);
        assert_near(statistics_incomplete_beta(x, 2.0, 2.0), x * x * (3.0 - 2.0 * x), 1e-13);
        assert_near(statistics_incomplete_beta(x, 0.5, 0.5), 2.0 / 3.14159265358979323846 * asin(sqrt(x)), 1e-13);
    }
    assert_true(statistics_incomplete_beta(0.0, 2.0, 3.0) == 0.0);
    assert_true(statistics_incomplete_beta(1.0, 2.0, 3.0) == 1.0);
}

static void test_summary(void **state) {
    (void)state;
    l2o_error error = {0};
    const double values[] = {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0};
    statistics s;
    assert_int_equal(statistics_of(values, 8, &s, &error), L2O_OK);
    assert_int_equal(s.count, 8);
    assert_int_equal(s.finite, 8);
    assert_near(s.mean, 5.0, 1e-15);
    assert_near(s.deviation, sqrt(32.0 / 7.0), 1e-15);
    assert_near(s.half_width, 2.364624251592784 * sqrt(32.0 / 7.0 / 8.0), 1e-11);
    assert_near(s.median, 4.5, 1e-15);
    assert_near(s.minimum, 2.0, 0.0);
    assert_near(s.maximum, 9.0, 0.0);
    assert_int_equal(s.minimum_index, 0);
}

static void test_offset_does_not_cost_digits(void **state) {
    (void)state;
    const double values[] = {1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0};
    assert_near(statistics_deviation(values, 4), sqrt(30.0), 1e-12);
}

static void test_few_values(void **state) {
    (void)state;
    l2o_error error = {0};
    const double one[] = {3.0};
    statistics s;
    assert_int_equal(statistics_of(one, 1, &s, &error), L2O_OK);
    assert_true(s.mean == 3.0 && s.median == 3.0 && s.minimum == 3.0);
    assert_true(isnan(s.deviation) && isnan(s.half_width));
    assert_int_equal(statistics_of(NULL, 0, &s, &error), L2O_OK);
    assert_true(isnan(s.mean) && isnan(s.median) && isnan(s.minimum) && isnan(s.half_width));
    assert_int_equal(s.minimum_index, 0);
}

static void test_quantiles(void **state) {
    (void)state;
    l2o_error error = {0};
    const double values[] = {40.0, 10.0, 30.0, 20.0};
    double q;
    assert_int_equal(statistics_quantile(values, 4, 0.25, &q, &error), L2O_OK);
    assert_near(q, 17.5, 1e-14);
    assert_int_equal(statistics_quantile(values, 4, 0.0, &q, &error), L2O_OK);
    assert_near(q, 10.0, 0.0);
    assert_int_equal(statistics_quantile(values, 4, 1.0, &q, &error), L2O_OK);
    assert_near(q, 40.0, 0.0);
    assert_int_equal(statistics_quantile(values, 4, 1.25, &q, &error), L2O_ERROR_INPUT);
    assert_true(error.text[0] != '\0');
}

static void test_values_that_are_not_finite(void **state) {
    (void)state;
    l2o_error error = {0};
    const double failed[] = {NAN, 3.0, 1.0, 2.0, INFINITY};
    statistics s;
    assert_int_equal(statistics_of(failed, 5, &s, &error), L2O_OK);
    assert_int_equal(s.finite, 3);
    assert_true(isnan(s.mean) && isnan(s.deviation) && isnan(s.half_width));
    assert_true(s.median == 3.0);
    assert_true(s.minimum == 1.0 && s.minimum_index == 2);
    assert_true(isnan(s.maximum));
    const double diverged[] = {1.0, INFINITY};
    assert_int_equal(statistics_of(diverged, 2, &s, &error), L2O_OK);
    assert_true(isinf(s.mean) && isnan(s.deviation) && isinf(s.median));
    const double none[] = {NAN, NAN};
    double minimum = 0.0;
    assert_int_equal(statistics_minimum(none, 2, &minimum), 2);
    assert_true(isnan(minimum));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_student_quantile_matches_known_values),
        cmocka_unit_test(test_incomplete_beta_matches_closed_forms),
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_offset_does_not_cost_digits),
        cmocka_unit_test(test_few_values),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_values_that_are_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
