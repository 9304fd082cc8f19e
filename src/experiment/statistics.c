/* Statistics of a handful of runs. Student's quantile inverts the regularised incomplete beta function, which is
 * evaluated by its continued fraction (DLMF 8.17.22) with Lentz's method. No tests of significance live here. */
#include "experiment/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

double statistics_mean(const double *values, size_t count) {
    if (count == 0) return NAN;
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) sum += values[i];
    double mean = sum / (double)count;
    if (!isfinite(mean)) return mean;
    /* A second pass takes back what rounding lost in the first. */
    double rest = 0.0;
    for (size_t i = 0; i < count; i++) rest += values[i] - mean;
    return mean + rest / (double)count;
}

double statistics_deviation(const double *values, size_t count) {
    if (count < 2) return NAN;
    double mean = statistics_mean(values, count);
    if (!isfinite(mean)) return NAN;
    double squares = 0.0;
    for (size_t i = 0; i < count; i++) squares += (values[i] - mean) * (values[i] - mean);
    return sqrt(squares / (double)(count - 1));
}

double statistics_half_width(const double *values, size_t count) {
    if (count < 2) return NAN;
    return statistics_student_quantile(0.975, (double)(count - 1)) * statistics_deviation(values, count) /
           sqrt((double)count);
}

size_t statistics_minimum(const double *values, size_t count, double *minimum) {
    size_t best = count;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]) && (best == count || values[i] < values[best])) best = i;
    if (minimum) *minimum = best < count ? values[best] : NAN;
    return best;
}

/* Ascending, NaN after everything else. */
static int compare_values(const void *left, const void *right) {
    double a, b;
    memcpy(&a, left, sizeof a);
    memcpy(&b, right, sizeof b);
    if (isnan(a) || isnan(b)) return (isnan(a) != 0) - (isnan(b) != 0);
    return (a > b) - (a < b);
}

static double quantile_of_sorted(const double *sorted, size_t count, double probability) {
    if (count == 0) return NAN;
    double position = (double)(count - 1) * probability;
    size_t below = (size_t)position;
    if (below + 1 >= count) return sorted[count - 1];
    double weight = position - (double)below;
    /* Without weight the upper neighbour must not matter, not even when it is infinite or NaN. */
    if (weight == 0.0 || sorted[below] == sorted[below + 1]) return sorted[below];
    return (1.0 - weight) * sorted[below] + weight * sorted[below + 1];
}

static double *sorted_copy(const double *values, size_t count, l2o_error *error) {
    double *sorted = memory_allocate(count, sizeof *sorted, error);
    if (!sorted || count == 0) return sorted;
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_values);
    return sorted;
}

l2o_status statistics_quantile(const double *values, size_t count, double probability, double *result,
                               l2o_error *error) {
    if (!(probability >= 0.0 && probability <= 1.0))
        return error_set(error, L2O_ERROR_INPUT, "a quantile was asked for at probability %g; it must lie in [0, 1]",
                         probability);
    double *sorted = sorted_copy(values, count, error);
    if (!sorted) return error->status;
    *result = quantile_of_sorted(sorted, count, probability);
    memory_free(sorted);
    return L2O_OK;
}

l2o_status statistics_of(const double *values, size_t count, statistics *result, l2o_error *error) {
    double *sorted = sorted_copy(values, count, error);
    if (!sorted) return error->status;
    *result = (statistics){.count = count,
                           .mean = statistics_mean(values, count),
                           .deviation = statistics_deviation(values, count),
                           .half_width = statistics_half_width(values, count),
                           .median = quantile_of_sorted(sorted, count, 0.5),
                           .maximum = count ? sorted[count - 1] : NAN};
    result->minimum_index = statistics_minimum(values, count, &result->minimum);
    for (size_t i = 0; i < count; i++) result->finite += isfinite(values[i]) != 0;
    memory_free(sorted);
    return L2O_OK;
}

/* ln Gamma(x) for x > 0 by Stirling's series, after shifting x to where the series is exact to the last digits. The
 * standard lgamma() may write the global `signgam`, which two threads must not. */
static double log_gamma(double x) {
    static const double series[] = {1.0 / 12.0,   -1.0 / 360.0,      1.0 / 1260.0, -1.0 / 1680.0,
                                    1.0 / 1188.0, -691.0 / 360360.0, 1.0 / 156.0};
    double shift = 1.0;
    while (x < 12.0) shift *= x++;
    double inverse_square = 1.0 / (x * x), sum = 0.0;
    for (size_t i = sizeof series / sizeof *series; i-- > 0;) sum = sum * inverse_square + series[i];
    return (x - 0.5) * log(x) - x + 0.91893853320467274178 + sum / x - log(shift);
}

/* The continued fraction of I_x(a, b); converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double x, double a, double b) {
    const double tiny = 1e-300;
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0);
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    double fraction = d;
    for (int m = 1; m <= 10000; m++) {
        double last = 1.0;
        for (int odd = 0; odd < 2; odd++) {
            double term = odd ? -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
                              : m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
            d = 1.0 + term * d;
            d = 1.0 / (fabs(d) < tiny ? tiny : d);
            c = 1.0 + term / c;
            if (fabs(c) < tiny) c = tiny;
            last = c * d;
            fraction *= last;
        }
        if (fabs(last - 1.0) < 1e-16) break;
    }
    return fraction;
}

double statistics_incomplete_beta(double x, double a, double b) {
    if (!(x >= 0.0 && x <= 1.0 && a > 0.0 && b > 0.0)) return NAN;
    if (x == 0.0 || x == 1.0) return x;
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1.0) / (a + b + 2.0)) return front * beta_fraction(x, a, b) / a;
    return 1.0 - front * beta_fraction(1.0 - x, b, a) / b;
}

/* x with I_x(a, b) = target, by bisection down to neighbouring doubles: slow, sure, and called once per table. */
static double beta_inverse(double target, double a, double b) {
    double low = 0.0, high = 1.0;
    for (;;) {
        double middle = 0.5 * (low + high);
        if (middle <= low || middle >= high) return middle;
        if (statistics_incomplete_beta(middle, a, b) < target)
            low = middle;
        else
            high = middle;
    }
}

double statistics_student_quantile(double probability, double freedom) {
    if (!(probability >= 0.0 && probability <= 1.0 && freedom > 0.0)) return NAN;
    if (probability == 0.5) return 0.0;
    if (probability < 0.5) return -statistics_student_quantile(1.0 - probability, freedom);
    if (probability == 1.0) return INFINITY;
    /* P(|T| > t) = I_x(v/2, 1/2) at x = v / (v + t^2), and P(|T| < t) = I_y(1/2, v/2) at y = 1 - x. Of the two, the
     * one with the smaller probability is solved, whose argument keeps its digits. */
    double outside = 2.0 * (1.0 - probability);
    if (outside <= 0.5) {
        double x = beta_inverse(outside, 0.5 * freedom, 0.5);
        return sqrt(freedom * (1.0 - x) / x);
    }
    double y = beta_inverse(2.0 * (probability - 0.5), 0.5, 0.5 * freedom);
    return sqrt(freedom * y / (1.0 - y));
}
