/* Large matrix products by OpenBLAS, always on the calling thread alone.
 *
 * OpenBLAS gives other bits for other thread counts, and setting its count sets OpenMP's for the whole process. So its
 * OpenMP build is used, whose count is the calling thread's own: it is 1 for the time of a call, whether inside a
 * parallel region or not, and the user's again after it. Other builds of OpenBLAS have no such count (and the serial
 * one is not safe to call from several threads): with them, or without OpenMP, the built-in kernels do all products. */
#ifndef L2O_TENSOR_BLAS_H
#define L2O_TENSOR_BLAS_H

#include <stdbool.h>
#include <stdint.h>

/* Whether there is a BLAS to use, and the product is so large that it beats the built-in kernels. */
bool blas_is_better(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc);

/* What OpenBLAS was built with and runs on, for records of a run; "none" without it. */
const char *blas_description(void);

/* C[m, n] = alpha op(A) op(B) + beta C, all row-major. Only where blas_is_better(). */
void blas_gemm_float32(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                       int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
void blas_gemm_float64(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, double alpha,
                       const double *a, int64_t lda, const double *b, int64_t ldb, double beta, double *c, int64_t ldc);

#endif
