/* The dual point is u_i = sigmoid(-margin_i) scaled by s <= 1 to be feasible (Koh, Kim and Boyd, JMLR 8, 2007). The gap
 * is written as terms that are none of them negative, because primal minus dual would cancel near the optimum: for each
 * row the divergence between the Bernoulli distributions of s u_i and u_i, for each variable lambda |x_j| - s x_j c_j
 * with c the correlation. */
#include "problems/logistic_gap.h"

/* Divergence between Bernoulli(s u) and Bernoulli(u) where u = sigmoid(-margin): s u log s + (1 - s u) log((1 - s u) /
 * (1 - u)), whose last logarithm is that of 1 + (1 - s) exp(-margin). */
static double row_gap(double margin, double s) {
    double small = exp(-fabs(margin)), u = logistic_tail(margin);
    double quotient = margin >= 0 ? log1p((1 - s) * small) : s < 1 ? -margin + log(small + (1 - s)) : 0;
    double divergence = (s > 0 ? s * u * log(s) : 0) + (1 - s * u) * quotient;
    return fmax(divergence, 0);
}

double logistic_gap(int64_t m, int64_t n, const double *margin, const double *x, const double *correlation,
                    double lambda) {
    double largest = 0, rows = 0, variables = 0;
    for (int64_t j = 0; j < n; j++) largest = fmax(largest, fabs(correlation[j]));
    double s = largest > lambda ? lambda / largest : 1;
    for (int64_t i = 0; i < m; i++) rows += row_gap(margin[i], s);
    for (int64_t j = 0; j < n; j++) variables += fmax(lambda * fabs(x[j]) - s * x[j] * correlation[j], 0);
    return rows / (double)m + variables;
}
