/* Rosenbrock's function for one float type: REAL is the type, TYPED(name) makes the names. Included by rosenbrock.c.
 * Value and gradient are worked out in float64: in the valley y - x^2 is a small difference of large numbers. */

static void TYPED(value_gradient)(int64_t count, int64_t n, const REAL *x, REAL *f, REAL *g) {
    for (int64_t r = 0; r < count; r++) {
        double sum = 0;
        for (int64_t j = r * n; j < (r + 1) * n; j += 2) {
            double first = (double)x[j], a = 1 - first, b = (double)x[j + 1] - first * first;
            sum += a * a + 100 * b * b;
            if (g == NULL) continue;
            g[j] = (REAL)(-2 * a - 400 * first * b);
            g[j + 1] = (REAL)(200 * b);
        }
        if (f != NULL) f[r] = (REAL)sum;
    }
}

/* H = [2 - 400 y + 1200 x^2, -400 x; -400 x, 200] for each pair (x, y). */
static void TYPED(hess_vec)(int64_t count, int64_t n, const REAL *x, const REAL *v, REAL *out) {
    for (int64_t j = 0; j < count * n; j += 2) {
        REAL diagonal = 2 - 400 * x[j + 1] + 1200 * x[j] * x[j], off = -400 * x[j];
        REAL first = diagonal * v[j] + off * v[j + 1];
        out[j + 1] = off * v[j] + 200 * v[j + 1];
        out[j] = first;
    }
}

static void TYPED(third)(int64_t count, int64_t n, const REAL *x, const REAL *u, const REAL *v, REAL *out) {
    for (int64_t j = 0; j < count * n; j += 2) {
        REAL first = 2400 * x[j] * u[j] * v[j] - 400 * (u[j] * v[j + 1] + u[j + 1] * v[j]);
        out[j + 1] = -400 * u[j] * v[j];
        out[j] = first;
    }
}
