/* 1/2 ||x - x*||^2 for one float type: REAL and TYPED as in recovery.c. */

static void TYPED(value_gradient)(const problem *problem, instances rows, const REAL *x, REAL *f, REAL *g) {
    int64_t n = problem->dimension;
    for (int64_t r = 0; r < rows.count; r++, x += n) {
        const REAL *truth = (const REAL *)problem->truth + rows.index[r] * n;
        double sum = 0;
        for (int64_t j = 0; j < n; j++) {
            REAL away = x[j] - truth[j];
            sum += (double)away * (double)away;
            if (g != NULL) g[r * n + j] = away;
        }
        if (f != NULL) f[r] = (REAL)(0.5 * sum);
    }
}
