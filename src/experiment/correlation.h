/* Correlation of two short rows of numbers: Pearson's, and Spearman's of their ranks (ties share their mean rank). NaN
 * for fewer than two pairs, where one row is constant, or where a value is not finite. */
#ifndef L2O_EXPERIMENT_CORRELATION_H
#define L2O_EXPERIMENT_CORRELATION_H

#include <stddef.h>

double correlation_pearson(const double *x, const double *y, size_t count);
double correlation_spearman(const double *x, const double *y, size_t count);

#endif
