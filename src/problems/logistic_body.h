/* The pointwise part of logistic regression for one float type; REAL and TYPED as in logistic.c. Arrays of [count, m].
 */

/* From z = A x to the loss (1/m) sum log(1 + exp(-b z)) and, in place, its derivative by z. f may be NULL. */
static void TYPED(loss)(const linear_model *model, instances rows, REAL *z, REAL *f) {
    int64_t m = model->m;
    for (int64_t r = 0; r < rows.count; r++, z += m) {
        const REAL *b = (const REAL *)model->b + rows.index[r] * m;
        double sum = 0;
        for (int64_t i = 0; i < m; i++) {
            double margin = (double)b[i] * (double)z[i];
            if (f != NULL) sum += logistic_loss(margin);
            z[i] = (REAL)(-(double)b[i] * logistic_tail(margin) / (double)m);
        }
        if (f != NULL) f[r] = (REAL)(sum / (double)m);
    }
}

/* out = sigmoid'(z) v / m; the labels' signs cancel. */
static void TYPED(curvature)(int64_t total, int64_t m, const REAL *z, const REAL *v, REAL *out) {
    for (int64_t i = 0; i < total; i++) {
        double small = exp(-fabs((double)z[i]));
        out[i] = (REAL)(small / ((1 + small) * (1 + small)) * (double)v[i] / (double)m);
    }
}

/* out = sigmoid''(z) u v / m */
static void TYPED(skew)(int64_t total, int64_t m, const REAL *z, const REAL *u, const REAL *v, REAL *out) {
    for (int64_t i = 0; i < total; i++) {
        double small = exp(-fabs((double)z[i])), sum = 1 + small;
        double second = -small * (1 - small) / (sum * sum * sum) * (z[i] < 0 ? -1 : 1);
        out[i] = (REAL)(second * (double)u[i] * (double)v[i] / (double)m);
    }
}
