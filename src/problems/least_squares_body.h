/* 1/2 ||A x - b||^2 with one A for all instances, for one float type: REAL and TYPED as in least_squares.c. */

/* From A x in `residual` [count, m] to A x - b and the value. */
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
