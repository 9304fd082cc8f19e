/* The transpose of a matrix, by blocks held in registers. Included by kernels_body.h. */

typedef REAL NAME(quad) __attribute__((vector_size(4 * sizeof(REAL))));
typedef REAL NAME(quad_unaligned) __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

static void NAME(transpose)(int64_t rows, int64_t columns, const void *x, int64_t ldb, void *out_data, int64_t stride) {
    const REAL *b = x;
    REAL *out = out_data;
    int64_t j = 0;
    for (; j + 4 <= rows; j += 4) {
        int64_t p = 0;
        for (; p + 4 <= columns; p += 4) {
            const REAL *from = b + j * ldb + p;
            const NAME(quad) r0 = *(const NAME(quad_unaligned) *)(const void *)from;
            const NAME(quad) r1 = *(const NAME(quad_unaligned) *)(const void *)(from + ldb);
            const NAME(quad) r2 = *(const NAME(quad_unaligned) *)(const void *)(from + 2 * ldb);
            const NAME(quad) r3 = *(const NAME(quad_unaligned) *)(const void *)(from + 3 * ldb);
            const NAME(quad) low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
            const NAME(quad) high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
            const NAME(quad) low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
            const NAME(quad) high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
            REAL *to = out + p * stride + j;
            *(NAME(quad_unaligned) *)(void *)to = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
            *(NAME(quad_unaligned) *)(void *)(to + stride) = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
            *(NAME(quad_unaligned) *)(void *)(to + 2 * stride) = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
            *(NAME(quad_unaligned) *)(void *)(to + 3 * stride) = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
        }
        for (; p < columns; p++)
            for (int64_t i = j; i < j + 4; i++) out[p * stride + i] = b[i * ldb + p];
    }
    for (; j < rows; j++)
        for (int64_t p = 0; p < columns; p++) out[p * stride + j] = b[j * ldb + p];
}
