/* Products of one small dense matrix with one vector: MATRIX and VECTOR are the float types, TYPED(name) makes the
 * names. The loops have fixed-width partial sums and contiguous columns, so that compilers vectorize them without being
 * allowed to reorder sums. Large shared matrices go through the kernels' gemm instead. */

/* out[m] = A x */
static inline void TYPED(dense_apply)(int64_t m, int64_t n, const MATRIX *restrict a, const VECTOR *restrict x,
                                      VECTOR *restrict out) {
    for (int64_t i = 0; i < m; i++, a += n) {
        VECTOR lane[8] = {0};
        int64_t j = 0;
        for (; j + 8 <= n; j += 8)
            for (int l = 0; l < 8; l++) lane[l] += (VECTOR)a[j + l] * x[j + l];
        VECTOR sum = ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
        for (; j < n; j++) sum += (VECTOR)a[j] * x[j];
        out[i] = sum;
    }
}

/* out[n] = A' r */
static inline void TYPED(dense_transpose)(int64_t m, int64_t n, const MATRIX *restrict a, const VECTOR *restrict r,
                                          VECTOR *restrict out) {
    for (int64_t j = 0; j < n; j++) out[j] = 0;
    int64_t i = 0;
    for (; i + 4 <= m; i += 4, a += 4 * n)
        for (int64_t j = 0; j < n; j++)
            out[j] += ((VECTOR)a[j] * r[i] + (VECTOR)a[n + j] * r[i + 1]) +
                      ((VECTOR)a[2 * n + j] * r[i + 2] + (VECTOR)a[3 * n + j] * r[i + 3]);
    for (; i < m; i++, a += n)
        for (int64_t j = 0; j < n; j++) out[j] += (VECTOR)a[j] * r[i];
}
