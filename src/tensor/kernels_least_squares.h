/* Value and gradient of least squares, an A per instance. Included by kernels_body.h.
 *
 * Small instances are taken WIDE_LANES at a time, an instance to a lane, in float64: A, b and x are brought from rows
 * into lanes by perfect shuffles, every sum then runs down a lane, and there is nothing to add across. Large instances
 * are taken one by one in REAL, a few rows of A at a time while these are in the cache, so that A is read once. */

#define GROUP        ((int)WIDE_LANES)
#define SUMS         5 /* sums abreast */
#define ROWS_AT_ONCE 4

/* source[lane][0..count) into out[count, GROUP]; out is written up to the next multiple of LANES. */
static void NAME(rows_to_lanes)(int64_t count, const REAL *const *source, WIDE *out) {
    for (int64_t k = 0; k < count; k += LANES) {
        VECTOR v[GROUP], shuffled[GROUP];
        const int64_t part = count - k;
        if (part >= LANES)
            UNROLL for (int i = 0; i < GROUP; i++) v[i] = NAME(load)(source[i] + k);
        else
            UNROLL for (int i = 0; i < GROUP; i++) v[i] = NAME(load_part)(source[i] + k, part);
        UNROLL for (int stage = 1; stage < GROUP; stage *= 2) {
            UNROLL for (int i = 0; i < GROUP / 2; i++) {
                shuffled[2 * i] = NAME(interleave_low)(v[i], v[i + GROUP / 2]);
                shuffled[2 * i + 1] = NAME(interleave_high)(v[i], v[i + GROUP / 2]);
            }
            UNROLL for (int i = 0; i < GROUP; i++) v[i] = shuffled[i];
        }
        UNROLL for (int i = 0; i < GROUP; i++) NAME(widen)(v[i], out + k + i * WIDE_PARTS);
    }
}

/* The way back, for the first `lanes` rows of `target`, which are `count` long and follow each other; `in` is read up
 * to the next multiple of LANES. */
static void NAME(lanes_to_rows)(int64_t lanes, int64_t count, const WIDE *in, REAL *target) {
    for (int64_t k = 0; k < count; k += LANES) {
        VECTOR v[GROUP], shuffled[GROUP];
        const int64_t part = count - k < LANES ? count - k : LANES;
        UNROLL for (int i = 0; i < GROUP; i++) v[i] = NAME(narrow)(in + k + i * WIDE_PARTS);
        UNROLL for (int stage = 1; stage < GROUP; stage *= 2) {
            UNROLL for (int i = 0; i < GROUP / 2; i++) {
                shuffled[i] = NAME(evens)(v[2 * i], v[2 * i + 1]);
                shuffled[i + GROUP / 2] = NAME(odds)(v[2 * i], v[2 * i + 1]);
            }
            UNROLL for (int i = 0; i < GROUP; i++) v[i] = shuffled[i];
        }
        UNROLL for (int i = 0; i < GROUP; i++) if (i < lanes) NAME(store_part)(target + i * count + k, v[i], part);
    }
}

/* out[s] = sum over k < count of a[k * step + s * stride] v[k], for s < sums. */
INLINE void NAME(lane_sums)(const int sums, int64_t count, const WIDE *a, int64_t step, int64_t stride, const WIDE *v,
                            WIDE *out) {
    WIDE sum[SUMS];
    UNROLL for (int s = 0; s < sums; s++) sum[s] = (WIDE){0};
    for (int64_t k = 0; k < count; k++, a += step)
        UNROLL for (int s = 0; s < sums; s++) sum[s] = NAME(wide_multiply_add)(a[s * stride], v[k], sum[s]);
    UNROLL for (int s = 0; s < sums; s++) out[s] = sum[s];
}

/* The matrix a, or its transpose, times v, lane by lane: `rows` sums of `count` terms each. */
static void NAME(lane_product)(int64_t rows, int64_t count, const WIDE *a, int64_t step, int64_t stride, const WIDE *v,
                               WIDE *out) {
    int64_t i = 0;
    for (; i + SUMS <= rows; i += SUMS) NAME(lane_sums)(SUMS, count, a + i * stride, step, stride, v, out + i);
    for (; i < rows; i++) NAME(lane_sums)(1, count, a + i * stride, step, stride, v, out + i);
}

/* Rows r to r + lanes of x. */
static void NAME(least_squares_group)(const least_squares_arguments *arguments, int64_t r, int64_t lanes) {
    const int64_t m = arguments->m, n = arguments->n;
    WIDE *a = arguments->work, *b = a + least_squares_padded(m * n), *x = b + least_squares_padded(m);
    WIDE *g = x + least_squares_padded(n), *residual = g + least_squares_padded(n);
    const REAL *matrices[GROUP], *targets[GROUP], *points[GROUP];
    WIDE l1 = {0}, sum = {0}, size = {0};
    for (int64_t lane = 0; lane < GROUP; lane++) {
        const int64_t row = r + (lane < lanes ? lane : lanes - 1), instance = arguments->index[row];
        matrices[lane] = (const REAL *)arguments->a + instance * m * n;
        points[lane] = (const REAL *)arguments->x + row * n;
        if (arguments->b != NULL) targets[lane] = (const REAL *)arguments->b + instance * m;
        if (arguments->l1 != NULL) g[0][lane] = arguments->l1[instance];
    }
    if (arguments->l1 != NULL) l1 = g[0];
    NAME(rows_to_lanes)(m * n, matrices, a);
    NAME(rows_to_lanes)(n, points, x);
    NAME(lane_product)(m, n, a, 1, n, x, residual);
    if (arguments->b != NULL) {
        NAME(rows_to_lanes)(m, targets, b);
        for (int64_t i = 0; i < m; i++) {
            residual[i] -= b[i];
            sum += residual[i] * residual[i];
        }
    }
    if (arguments->g != NULL) {
        NAME(lane_product)(n, m, a, n, 1, residual, g);
        for (int64_t j = 0; arguments->l1 != NULL && j < n; j++)
            g[j] += NAME(wide_select)(x[j] > 0, l1, NAME(wide_select)(x[j] < 0, -l1, (WIDE){0}));
        NAME(lanes_to_rows)(lanes, n, g, (REAL *)arguments->g + r * n);
    }
    if (arguments->f == NULL) return;
    for (int64_t i = 0; arguments->b == NULL && i < m; i++) sum += residual[i] * residual[i];
    for (int64_t j = 0; arguments->l1 != NULL && j < n; j++) size += NAME(wide_select)(x[j] < 0, -x[j], x[j]);
    sum = sum * 0.5 + l1 * size;
    for (int64_t lane = 0; lane < lanes; lane++) ((REAL *)arguments->f)[r + lane] = (REAL)sum[lane];
}

/* The lanes' sum, in every lane: sums of neighbours, then of neighbouring sums. */
INLINE VECTOR NAME(lanes_fold)(VECTOR v) {
    UNROLL for (int stage = 1; stage < (int)LANES; stage *= 2) v = NAME(evens)(v, v) + NAME(odds)(v, v);
    return v;
}

/* A few rows of one instance: residual[i] = row i of A times x, less b; then g += those rows, times the residual. */
INLINE void NAME(least_squares_rows)(const int rows, int64_t n, const REAL *a, const REAL *b, const REAL *x, REAL *g,
                                     double *squares) {
    VECTOR sum[ROWS_AT_ONCE];
    const int64_t whole = n / LANES * LANES, part = n - whole;
    UNROLL for (int i = 0; i < rows; i++) sum[i] = (VECTOR){0};
    for (int64_t j = 0; j < whole; j += LANES) {
        const VECTOR point = NAME(load)(x + j);
        UNROLL for (int i = 0; i < rows; i++) sum[i] = NAME(multiply_add)(NAME(load)(a + i * n + j), point, sum[i]);
    }
    if (part > 0)
        UNROLL for (int i = 0; i < rows; i++) sum[i] +=
            NAME(load_part)(a + i * n + whole, part) * NAME(load_part)(x + whole, part);
    UNROLL for (int i = 0; i < rows; i++) {
        sum[i] = NAME(lanes_fold)(sum[i]) - (b == NULL ? 0 : b[i]);
        *squares += (double)sum[i][0] * (double)sum[i][0];
    }
    if (g == NULL) return;
    for (int64_t j = 0; j < whole; j += LANES) {
        VECTOR total = NAME(load)(g + j);
        UNROLL for (int i = 0; i < rows; i++) total = NAME(multiply_add)(NAME(load)(a + i * n + j), sum[i], total);
        NAME(store)(g + j, total);
    }
    if (part > 0) {
        VECTOR total = NAME(load_part)(g + whole, part);
        UNROLL for (int i = 0; i < rows; i++) total =
            NAME(multiply_add)(NAME(load_part)(a + i * n + whole, part), sum[i], total);
        NAME(store_part)(g + whole, total, part);
    }
}

static void NAME(least_squares_one)(const least_squares_arguments *arguments, int64_t r) {
    const int64_t m = arguments->m, n = arguments->n, instance = arguments->index[r];
    const REAL *a = (const REAL *)arguments->a + instance * m * n, *x = (const REAL *)arguments->x + r * n;
    const REAL *b = arguments->b == NULL ? NULL : (const REAL *)arguments->b + instance * m;
    REAL *g = arguments->g == NULL ? NULL : (REAL *)arguments->g + r * n;
    double squares = 0, size = 0;
    for (int64_t j = 0; g != NULL && j < n; j++) g[j] = 0;
    int64_t i = 0;
    for (; i + ROWS_AT_ONCE <= m; i += ROWS_AT_ONCE)
        NAME(least_squares_rows)(ROWS_AT_ONCE, n, a + i * n, b == NULL ? NULL : b + i, x, g, &squares);
    for (; i < m; i++) NAME(least_squares_rows)(1, n, a + i * n, b == NULL ? NULL : b + i, x, g, &squares);
    const double l1 = arguments->l1 == NULL ? 0 : arguments->l1[instance];
    for (int64_t j = 0; arguments->l1 != NULL && j < n; j++) {
        size += (double)REAL_FUNCTION(fabs)(x[j]);
        if (g != NULL) g[j] += (REAL)l1 * (REAL)((x[j] > 0) - (x[j] < 0));
    }
    if (arguments->f != NULL) ((REAL *)arguments->f)[r] = (REAL)(0.5 * squares + l1 * size);
}

static void NAME(least_squares)(const least_squares_arguments *arguments) {
    const int64_t count = arguments->count;
    if (arguments->m * arguments->n <= LEAST_SQUARES_IN_DOUBLE)
        for (int64_t r = 0; r < count; r += GROUP)
            NAME(least_squares_group)(arguments, r, count - r < GROUP ? count - r : GROUP);
    else
        for (int64_t r = 0; r < count; r++) NAME(least_squares_one)(arguments, r);
}

#undef GROUP
#undef SUMS
#undef ROWS_AT_ONCE
