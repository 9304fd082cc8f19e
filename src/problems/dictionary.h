/* What unrolled optimizers of the LISTA family know of the A that all instances share, in float64: its spectrum, its
 * pseudo-inverse and the analytic weight of ALISTA (Liu, Chen, Wang and Yin, ICLR 2019), in closed form:
 *
 *   W minimises ||W'A||_F among those with w_i'a_i = 1:   w_i = (A+)'e_i / P_ii,   P = A+ A,
 *
 * which is (AA')^-1 a_i / (a_i'(AA')^-1 a_i) where AA' is regular, and then sum_{i != j} (w_i'a_j)^2 = sum_i 1/P_ii -
 * n. The remedy for an A that lacks rank is that A+ leaves out singular values below 1e-5 of the largest: everything
 * above holds of it still, `rank` says how many are left. Everything comes from one eigen-decomposition, of the smaller
 * of AA' and A'A, whatever the type of A. Weights are as they are: unit columns are no condition. */
#ifndef L2O_PROBLEMS_DICTIONARY_H
#define L2O_PROBLEMS_DICTIONARY_H

#include "problems/problem.h"

typedef struct dictionary {
    int64_t m, n;
    int64_t rank;                            /* of A; less than both m and n: deficient */
    double norm_squared;                     /* ||A||_2^2, the largest eigenvalue of A'A */
    double least_eigenvalue;                 /* of AA', or of A'A where m > n; 0 or rounding where A lacks rank */
    double trace;                            /* tr(A'A) = ||A||_F^2 */
    double trace_pseudo_inverse;             /* tr(A+ A+') = ||A+||_F^2 */
    double coherence;                        /* max_{i != j} |w_i'a_j| */
    double symmetric_coherence;              /* max_{i != j} (n/m) |P_ij|: see below */
    const double *matrix;                    /* [m, n] A itself */
    const double *analytic;                  /* [m, n] W */
    const double *pseudo_inverse_transposed; /* [m, n] (A+)' = (AA')^-1 A */
} dictionary;

/* Symmetric weights D = GA for measurements G b, G = sqrt(n/m) (AA')^-1/2 (HyperLISTA), need no G: in
 * x - D'(D x - G b) the two products are D'D = (n/m) P and D'G = (n/m) A+, and D+ (D x - G b) = A+ (A x - b). So their
 * weight for the plain residual A x - b is (n/m) (A+)', with symmetric_coherence for its mu. */

/* The dictionary of a problem after problem_prepare(STRUCTURE_DICTIONARY); NULL before. It lives as long as the
 * problem, whose shared A never changes. */
const dictionary *problem_dictionary(const problem *problem);

/* For problem_prepare(): finds it. Errors: instances with an A each, a sparse A, a column of zeros. */
l2o_status dictionary_create(problem *problem, const evaluation *evaluation);

#endif
