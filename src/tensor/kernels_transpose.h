/* The transpose of a matrix, by blocks held in registers. Included by kernels_body.h. */

typedef REAL NAME(quad) __attribute__((vector_size(4 * sizeof(REAL))));
typedef REAL NAME(quad_unaligned) __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

/* out[p][j] = b[j][p], in blocks of 4 by 4. */
static void NAME(transpose_quads)(int64_t rows, int64_t columns, const void *x, int64_t ldb, void *out_data,
                                  int64_t stride) {
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

#if VECTOR_BYTES == 64 && REAL_BITS == 32
/* A block of 16 by 16, in two rounds of pairs and two of quarters. */
INLINE void NAME(transpose_block)(const REAL *b, int64_t ldb, REAL *out, int64_t stride) {
    __m512 r[16], s[16];
    UNROLL for (int j = 0; j < 16; j++) r[j] = (__m512)NAME(load)(b + j * ldb);
    UNROLL for (int j = 0; j < 16; j += 2) {
        s[j] = _mm512_unpacklo_ps(r[j], r[j + 1]);
        s[j + 1] = _mm512_unpackhi_ps(r[j], r[j + 1]);
    }
    /* r[j + q] holds in quarter k what belongs to row 4 k + q, from columns j .. j + 3 */
    UNROLL for (int j = 0; j < 16; j += 4) {
        UNROLL for (int half = 0; half < 2; half++) {
            const __m512d low = _mm512_castps_pd(s[j + half]), high = _mm512_castps_pd(s[j + half + 2]);
            r[j + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            r[j + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    }
    UNROLL for (int q = 0; q < 4; q++) {
        const __m512 even = _mm512_shuffle_f32x4(r[q], r[q + 4], 0x88),
                     odd = _mm512_shuffle_f32x4(r[q], r[q + 4], 0xDD);
        const __m512 even_high = _mm512_shuffle_f32x4(r[q + 8], r[q + 12], 0x88);
        const __m512 odd_high = _mm512_shuffle_f32x4(r[q + 8], r[q + 12], 0xDD);
        NAME(store)(out + q * stride, (VECTOR)_mm512_shuffle_f32x4(even, even_high, 0x88));
        NAME(store)(out + (q + 8) * stride, (VECTOR)_mm512_shuffle_f32x4(even, even_high, 0xDD));
        NAME(store)(out + (q + 4) * stride, (VECTOR)_mm512_shuffle_f32x4(odd, odd_high, 0x88));
        NAME(store)(out + (q + 12) * stride, (VECTOR)_mm512_shuffle_f32x4(odd, odd_high, 0xDD));
    }
}

/* Whole blocks, and what is left over at both ends in quads. */
static void NAME(transpose)(int64_t rows, int64_t columns, const void *x, int64_t x_stride, void *out_data,
                            int64_t out_stride) {
    const REAL *b = x;
    REAL *out = out_data;
    const int64_t whole_rows = rows / LANES * LANES, whole_columns = columns / LANES * LANES;
    for (int64_t j = 0; j < whole_rows; j += LANES)
        for (int64_t p = 0; p < whole_columns; p += LANES)
            NAME(transpose_block)(b + j * x_stride + p, x_stride, out + p * out_stride + j, out_stride);
    NAME(transpose_quads)
    (whole_rows, columns - whole_columns, b + whole_columns, x_stride, out + whole_columns * out_stride, out_stride);
    NAME(transpose_quads)
    (rows - whole_rows, columns, b + whole_rows * x_stride, x_stride, out + whole_rows, out_stride);
}
#else
static void NAME(transpose)(int64_t rows, int64_t columns, const void *x, int64_t x_stride, void *out,
                            int64_t out_stride) {
    NAME(transpose_quads)(rows, columns, x, x_stride, out, out_stride);
}
#endif
