/* Eigenvalues and eigenvectors of a symmetric matrix in float64: Householder's reduction to tridiagonal form, then
 * implicit QR steps with Wilkinson's shift (Golub and Van Loan, Matrix Computations, sections 8.3.1 to 8.3.5). Errors
 * are absolute, a few roundings of the largest eigenvalue. For matrices of up to a few thousand rows, on one thread;
 * the same bits on every kernel path. */
#ifndef L2O_PROBLEMS_EIGEN_H
#define L2O_PROBLEMS_EIGEN_H

#include <stdint.h>

#include "base/error.h"

/* matrix[size, size], symmetric, both triangles filled: becomes the eigenvectors, one a row. values[size], ascending.
 * work: room for 3 size numbers. L2O_ERROR_NUMERIC when the matrix is not finite. */
l2o_status eigen_symmetric(int64_t size, double *matrix, double *values, double *work, l2o_error *error);

#endif
