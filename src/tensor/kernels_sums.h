/* Sums in a fixed order, and the dot product. Included by kernels_body.h.
 *
 * Long sums are taken in blocks: within a block in REAL, over blocks in float64 or at least apart, so that the rounding
 * error grows with the block and not with the length. The order depends on the shape alone. */

#define SUM_BLOCK 4096 /* elements summed lane by lane before they join the float64 total */
#define ROW_BLOCK 64   /* rows summed before they join the total of a column */

static double NAME(sum_contiguous)(int64_t count, const REAL *x) {
    double total = 0;
    for (int64_t start = 0; start < count; start += SUM_BLOCK) {
        const int64_t end = count - start < SUM_BLOCK ? count : start + SUM_BLOCK;
        VECTOR a = {0}, b = {0}, c = {0}, d = {0};
        int64_t i = start;
        for (; i + 4 * LANES <= end; i += 4 * LANES) {
            a += NAME(load)(x + i);
            b += NAME(load)(x + i + LANES);
            c += NAME(load)(x + i + 2 * LANES);
            d += NAME(load)(x + i + 3 * LANES);
        }
        for (; i + LANES <= end; i += LANES) a += NAME(load)(x + i);
        if (i < end) b += NAME(load_part)(x + i, end - i);
        total += NAME(lanes_sum)((a + b) + (c + d));
    }
    return total;
}

static void NAME(sum_columns)(int64_t rows, int64_t columns, const void *x_data, void *out_data) {
    const REAL *x = x_data;
    REAL *out = out_data;
    for (int64_t i = 0; i < rows; i++) out[i] = (REAL)NAME(sum_contiguous)(columns, columns > 0 ? x + i * columns : x);
}

static void NAME(sum_rows)(int64_t rows, int64_t columns, const void *x_data, void *out_data) {
    const REAL *x = x_data;
    REAL *out = out_data;
    if (columns == 1) {
        out[0] = (REAL)NAME(sum_contiguous)(rows, x);
        return;
    }
    for (int64_t j = 0; j < columns; j += LANES) {
        const int64_t width = columns - j < LANES ? columns - j : LANES;
        VECTOR total = {0};
        for (int64_t start = 0; start < rows; start += ROW_BLOCK) {
            const int64_t end = rows - start < ROW_BLOCK ? rows : start + ROW_BLOCK;
            VECTOR even = {0}, odd = {0};
            int64_t i = start;
            for (; i + 2 <= end; i += 2) {
                const REAL *row = x + i * columns + j;
                even += width == LANES ? NAME(load)(row) : NAME(load_part)(row, width);
                odd += width == LANES ? NAME(load)(row + columns) : NAME(load_part)(row + columns, width);
            }
            if (i < end) even += NAME(load_part)(x + i * columns + j, width);
            total += even + odd;
        }
        NAME(store_part)(out + j, total, width);
    }
}

/* Eight chains of float64, whatever the vector width: the compiler makes vectors of them. */
static double NAME(dot)(int64_t count, const void *x_data, const void *y_data) {
    const REAL *x = x_data, *y = y_data;
    enum { CHAINS = 32 };
    double chain[CHAINS] = {0};
    int64_t i = 0;
    for (; i + CHAINS <= count; i += CHAINS)
        for (int64_t lane = 0; lane < CHAINS; lane++) chain[lane] += (double)x[i + lane] * (double)y[i + lane];
    double total = 0;
    for (; i < count; i++) total += (double)x[i] * (double)y[i];
    for (int64_t lane = 0; lane < CHAINS; lane++) total += chain[lane];
    return total;
}

#undef SUM_BLOCK
#undef ROW_BLOCK
