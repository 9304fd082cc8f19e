/* Penalties for one float type; REAL, TYPED, ROOT as in penalty.c. x and g are [count, n], f is [count]. */

/* f += lambda ||x||_1. Four rows at a time: each is added up in its own order, none waits for another. */
static void TYPED(add_l1_value)(int64_t n, instances rows, const double *lambda, const REAL *x, REAL *f) {
    for (int64_t first = 0; first < rows.count; first += 4) {
        int64_t left = rows.count - first;
        const REAL *row[4];
        double sum[4] = {0};
        for (int k = 0; k < 4; k++) row[k] = x + (first + (k < left ? k : 0)) * n;
        for (int64_t j = 0; j < n; j++)
            for (int k = 0; k < 4; k++) sum[k] += fabs((double)row[k][j]);
        for (int k = 0; k < 4 && k < left; k++) f[first + k] += (REAL)(lambda[rows.index[first + k]] * sum[k]);
    }
}

/* The same, and g += lambda sign(x) with sign(0) = 0; f and g may be NULL. */
static void TYPED(add_l1)(int64_t n, instances rows, const double *lambda, const REAL *x, REAL *f, REAL *g) {
    if (f != NULL) TYPED(add_l1_value)(n, rows, lambda, x, f);
    if (g == NULL) return;
    for (int64_t r = 0; r < rows.count; r++) {
        REAL weight = (REAL)lambda[rows.index[r]];
        for (int64_t j = r * n; j < (r + 1) * n; j++) g[j] += weight * (REAL)((x[j] > 0) - (x[j] < 0));
    }
}

static double TYPED(product)(int64_t n, const REAL *x, const REAL *y) {
    double sum = 0;
    for (int64_t j = 0; j < n; j++) sum += (double)x[j] * (double)y[j];
    return sum;
}

/* f += lambda ||x||_2, g += lambda x / ||x||_2, nothing at 0. */
static void TYPED(add_l2)(int64_t n, instances rows, const double *lambda, const REAL *x, REAL *f, REAL *g) {
    for (int64_t r = 0; r < rows.count; r++, x += n) {
        double norm = sqrt(TYPED(product)(n, x, x)), weight = lambda[rows.index[r]];
        if (f != NULL) f[r] += (REAL)(weight * norm);
        if (g == NULL || norm == 0) continue;
        for (int64_t j = 0; j < n; j++) g[r * n + j] += (REAL)(weight / norm * (double)x[j]);
    }
}

/* out += lambda (v / ||x|| - x x'v / ||x||^3) */
static void TYPED(add_l2_hess_vec)(int64_t n, instances rows, const double *lambda, const REAL *x, const REAL *v,
                                   REAL *out) {
    for (int64_t r = 0; r < rows.count; r++, x += n, v += n, out += n) {
        double norm = sqrt(TYPED(product)(n, x, x));
        if (norm == 0) continue;
        double weight = lambda[rows.index[r]] / norm;
        double along = TYPED(product)(n, x, v) / norm / norm;
        for (int64_t j = 0; j < n; j++) out[j] += (REAL)(weight * ((double)v[j] - along * (double)x[j]));
    }
}

/* out += the gradient of u'Hv = lambda (u'v / ||x|| - u'x x'v / ||x||^3) */
static void TYPED(add_l2_third)(int64_t n, instances rows, const double *lambda, const REAL *x, const REAL *u,
                                const REAL *v, REAL *out) {
    for (int64_t r = 0; r < rows.count; r++, x += n, u += n, v += n, out += n) {
        double norm = sqrt(TYPED(product)(n, x, x));
        if (norm == 0) continue;
        double weight = lambda[rows.index[r]] / norm / norm / norm;
        double along_u = TYPED(product)(n, u, x), along_v = TYPED(product)(n, v, x);
        double along_x = 3 * (along_u / norm) * (along_v / norm) - TYPED(product)(n, u, v);
        for (int64_t j = 0; j < n; j++)
            out[j] += (REAL)(weight * (along_x * (double)x[j] - along_v * (double)u[j] - along_u * (double)v[j]));
    }
}
