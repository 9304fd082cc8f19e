/* The calls to OpenBLAS; see blas.h for why they run on one thread and how. */
#include "tensor/blas.h"

#if defined(L2O_HAVE_BLAS) && defined(L2O_HAVE_OPENMP)

#include <cblas.h>
#include <limits.h>
#include <omp.h>

enum { BLAS_SMALLEST = 128 }; /* below this in any direction the built-in kernels are as fast or faster */

bool blas_is_better(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc) {
    return m >= BLAS_SMALLEST && n >= BLAS_SMALLEST && k >= BLAS_SMALLEST && m <= INT_MAX && n <= INT_MAX &&
           k <= INT_MAX && lda <= INT_MAX && ldb <= INT_MAX && ldc <= INT_MAX &&
           openblas_get_parallel() == OPENBLAS_OPENMP;
}

const char *blas_description(void) { return openblas_get_config(); }

/* The number of threads of the next parallel region belongs to the calling thread: setting it disturbs nobody else. */
#define ON_ONE_THREAD(call)                                                                                            \
    do {                                                                                                               \
        const int threads = omp_get_max_threads();                                                                     \
        omp_set_num_threads(1);                                                                                        \
        call;                                                                                                          \
        omp_set_num_threads(threads);                                                                                  \
    } while (0)

void blas_gemm_float32(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                       int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
    ON_ONE_THREAD(cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                              transpose_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, alpha, a,
                              (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc));
}

void blas_gemm_float64(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, double alpha,
                       const double *a, int64_t lda, const double *b, int64_t ldb, double beta, double *c,
                       int64_t ldc) {
    ON_ONE_THREAD(cblas_dgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                              transpose_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, alpha, a,
                              (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc));
}

#else

bool blas_is_better(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc) {
    (void)m, (void)n, (void)k, (void)lda, (void)ldb, (void)ldc;
    return false;
}

const char *blas_description(void) { return "none"; }

#endif
