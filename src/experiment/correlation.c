/* Pearson's correlation, of values or of ranks. Ranks are counted, which for a handful of values needs no sorting. */
#include "experiment/correlation.h"

#include <math.h>

typedef double row_entry(const double *row, size_t count, size_t i);

static double value_entry(const double *row, size_t count, size_t i) {
    (void)count;
    return row[i];
}

/* 1 for the smallest; equal values share the mean of their ranks. */
static double rank_entry(const double *row, size_t count, size_t i) {
    double below = 0, equal = 0;
    for (size_t j = 0; j < count; j++) {
        below += row[j] < row[i];
        equal += row[j] == row[i];
    }
    return below + (equal + 1) / 2;
}

static double correlate(const double *x, const double *y, size_t count, row_entry *entry) {
    double mean_x = 0, mean_y = 0, covariance = 0, variance_x = 0, variance_y = 0;
    if (count < 2) return NAN;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) return NAN;
        mean_x += entry(x, count, i) / (double)count;
        mean_y += entry(y, count, i) / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        double apart_x = entry(x, count, i) - mean_x, apart_y = entry(y, count, i) - mean_y;
        covariance += apart_x * apart_y;
        variance_x += apart_x * apart_x;
        variance_y += apart_y * apart_y;
    }
    return variance_x > 0 && variance_y > 0 ? covariance / sqrt(variance_x * variance_y) : NAN;
}

double correlation_pearson(const double *x, const double *y, size_t count) {
    return correlate(x, y, count, value_entry);
}

double correlation_spearman(const double *x, const double *y, size_t count) {
    return correlate(x, y, count, rank_entry);
}
