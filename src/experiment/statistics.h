/* Statistics of a handful of runs: mean, sample standard deviation, Student's 95 % interval, quantiles, minimum.
 *
 * Values that are not finite are never dropped in silence. Mean, deviation and interval carry them on: with a NaN or an
 * infinity among the values the mean is NaN or infinite, deviation and interval are NaN. Quantiles and the minimum go
 * by order, where a NaN counts as worse than +infinity: the median of five runs of which one failed is still a number.
 * Sums are taken in the order given, so equal input gives equal bits. */
#ifndef L2O_EXPERIMENT_STATISTICS_H
#define L2O_EXPERIMENT_STATISTICS_H

#include <stddef.h>

#include "base/error.h"

typedef struct statistics {
    size_t count, finite; /* how many values, and how many of them are finite */
    double mean;
    double deviation;  /* sample standard deviation, with n - 1; NaN for fewer than two values */
    double half_width; /* of the 95 % interval of the mean, t_{0.975, n-1} deviation / sqrt(n); NaN as deviation */
    double median, minimum, maximum;
    size_t minimum_index; /* the first that attains the minimum; `count` when all are NaN */
} statistics;

/* All of the above at once. No values: every number is NaN. */
l2o_status statistics_of(const double *values, size_t count, statistics *result, l2o_error *error);

double statistics_mean(const double *values, size_t count);
double statistics_deviation(const double *values, size_t count);
double statistics_half_width(const double *values, size_t count);
/* The index of the first smallest value, `count` when there is none; *minimum (may be NULL) is NaN then. */
size_t statistics_minimum(const double *values, size_t count, double *minimum);

/* The quantile at `probability` in [0, 1] by linear interpolation between order statistics, at position
 * (n - 1) probability (the default of R, type 7, and of NumPy). */
l2o_status statistics_quantile(const double *values, size_t count, double probability, double *result,
                               l2o_error *error);

/* The quantile of Student's t distribution with `freedom` > 0 degrees of freedom; NaN outside 0 <= probability <= 1. */
double statistics_student_quantile(double probability, double freedom);
/* The regularised incomplete beta function I_x(a, b), for 0 <= x <= 1 and a, b > 0. */
double statistics_incomplete_beta(double x, double a, double b);

#endif
