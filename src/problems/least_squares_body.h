/* 1/2 ||A x - b||^2 for one float type REAL; MATRIX, VECTOR and TYPED as in dense_body.h, sums being taken in VECTOR.
 */

/* A per instance: residual, value and gradient while the instance's A is in the cache. `scratch` is [m + 2 n]. */
static inline void TYPED(fused)(const linear_model *model, instances rows, const REAL *x, REAL *f, REAL *g,
                                VECTOR *scratch) {
    int64_t m = model->m, n = model->n;
    VECTOR *residual = scratch, *point = scratch + m, *gradient = point + n;
    for (int64_t r = 0; r < rows.count; r++) {
        const REAL *a = (const REAL *)model->a + rows.index[r] * m * n;
        const REAL *b = (const REAL *)model->b + rows.index[r] * m;
        for (int64_t j = 0; j < n; j++) point[j] = (VECTOR)x[r * n + j];
        TYPED(dense_apply)(m, n, a, point, residual);
        double sum = 0;
        for (int64_t i = 0; i < m; i++) {
            residual[i] -= (VECTOR)b[i];
            sum += (double)residual[i] * (double)residual[i];
        }
        if (f != NULL) f[r] = (REAL)(0.5 * sum);
        if (g == NULL) continue;
        TYPED(dense_transpose)(m, n, a, residual, gradient);
        for (int64_t j = 0; j < n; j++) g[r * n + j] = (REAL)gradient[j];
    }
}

/* One A for all: from A x in `residual` [count, m] to A x - b and the value. */
static inline void TYPED(subtract)(const linear_model *model, instances rows, REAL *residual, REAL *f) {
    int64_t m = model->m;
    for (int64_t r = 0; r < rows.count; r++) {
        const REAL *b = (const REAL *)model->b + rows.index[r] * m;
        double sum = 0;
        for (int64_t i = r * m; i < (r + 1) * m; i++) {
            residual[i] -= b[i - r * m];
            sum += (double)residual[i] * (double)residual[i];
        }
        if (f != NULL) f[r] = (REAL)(0.5 * sum);
    }
}
