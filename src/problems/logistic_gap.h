/* The duality gap of L1-regularised logistic regression at one point, in float64. */
#ifndef L2O_PROBLEMS_LOGISTIC_GAP_H
#define L2O_PROBLEMS_LOGISTIC_GAP_H

#include <math.h>
#include <stdint.h>

/* sigmoid(-margin), accurate and without overflow at both ends. */
static inline double logistic_tail(double margin) {
    double small = exp(-fabs(margin));
    return margin >= 0 ? small / (1 + small) : 1 / (1 + small);
}

/* log(1 + exp(-margin)) */
static inline double logistic_loss(double margin) { return log1p(exp(-fabs(margin))) + (margin < 0 ? -margin : 0); }

/* An upper bound of f(x) - f*, never negative: margin[m] = b A x, correlation[n] = A'(b sigmoid(-margin)) / m. */
double logistic_gap(int64_t m, int64_t n, const double *margin, const double *x, const double *correlation,
                    double lambda);

#endif
