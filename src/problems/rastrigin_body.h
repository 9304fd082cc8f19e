/* Rastrigin's function for one float type; REAL and TYPED as in rastrigin.c. sine and cosine [count, n] are those of
 * pi x: 1 - cos(2 pi x) = 2 sine^2 keeps its digits near the minimum. */

/* The angle pi (x - nearest integer) [count * n]: reduced exactly, so far points are as accurate as near ones. Adding
 * 1.5 * 2^52 rounds to an integer, in a way that compilers make vectors of. From 2^51 on it is not the nearest any
 * more, but some integer, which changes no product of two of the sine and the cosine. */
static void TYPED(reduce)(int64_t total, const REAL *x, REAL *angle) {
    const double magic = 6755399441055744.0;
    for (int64_t i = 0; i < total; i++) {
        double at = (double)x[i], nearest = (at + magic) - magic;
        angle[i] = (REAL)3.14159265358979323846 * (REAL)(at - nearest);
    }
}

static void TYPED(value_gradient)(int64_t n, instances rows, const double *alpha, const REAL *x, const REAL *sine,
                                  const REAL *cosine, REAL *f, REAL *g) {
    for (int64_t r = 0; r < rows.count; r++) {
        REAL twice = (REAL)(2 * alpha[rows.index[r]]), slope = (REAL)(TWO_PI * 2 * alpha[rows.index[r]]);
        double sum = 0;
        for (int64_t i = r * n; i < (r + 1) * n; i++) {
            sum += (double)(x[i] * x[i] + twice * sine[i] * sine[i]);
            if (g != NULL) g[i] = 2 * x[i] + slope * sine[i] * cosine[i];
        }
        if (f != NULL) f[r] = (REAL)sum;
    }
}

/* H = diagonal of 2 + alpha (2 pi)^2 cos(2 pi x) */
static void TYPED(hess_vec)(int64_t n, instances rows, const double *alpha, const REAL *sine, const REAL *v,
                            REAL *out) {
    for (int64_t r = 0; r < rows.count; r++) {
        REAL scale = (REAL)(TWO_PI * TWO_PI * alpha[rows.index[r]]);
        for (int64_t i = r * n; i < (r + 1) * n; i++) out[i] = (2 + scale * (1 - 2 * sine[i] * sine[i])) * v[i];
    }
}

static void TYPED(third)(int64_t n, instances rows, const double *alpha, const REAL *sine, const REAL *cosine,
                         const REAL *u, const REAL *v, REAL *out) {
    for (int64_t r = 0; r < rows.count; r++) {
        REAL scale = (REAL)(-2 * TWO_PI * TWO_PI * TWO_PI * alpha[rows.index[r]]);
        for (int64_t i = r * n; i < (r + 1) * n; i++) out[i] = scale * sine[i] * cosine[i] * u[i] * v[i];
    }
}
