/* The transpose of a matrix, by blocks held in registers. Included by kernels_body.h. */

typedef REAL NAME(quad) __attribute__((vector_size(4 * sizeof(REAL))));
typedef REAL NAME(quad_unaligned) __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

#if VECTOR_BYTES == 64 && REAL_BITS == 32
/* 16 by 16: rows by pairs, pairs by fours, and quarters of vectors twice. */
INLINE void NAME(transpose_block)(const REAL *x, int64_t x_stride, REAL *out, int64_t out_stride) {
    __m512 a[16], b[16];
    UNROLL for (int i = 0; i < 16; i++) a[i] = (__m512)NAME(load)(x + i * x_stride);
    UNROLL for (int i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
    UNROLL for (int i = 0; i < 16; i += 4) {
        UNROLL for (int k = 0; k < 2; k++) {
            const __m512d even = _mm512_castps_pd(b[i + k]), odd = _mm512_castps_pd(b[i + k + 2]);
            a[i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(even, odd));
            a[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(even, odd));
        }
    }
    /* a[4 q + k]: columns k, 4 + k, 8 + k and 12 + k of rows 4 q .. 4 q + 3, a quarter each. */
    UNROLL for (int k = 0; k < 4; k++) {
        const __m512 low0 = _mm512_shuffle_f32x4(a[k], a[4 + k], 0x88);
        const __m512 high0 = _mm512_shuffle_f32x4(a[k], a[4 + k], 0xdd);
        const __m512 low1 = _mm512_shuffle_f32x4(a[8 + k], a[12 + k], 0x88);
        const __m512 high1 = _mm512_shuffle_f32x4(a[8 + k], a[12 + k], 0xdd);
        NAME(store)(out + k * out_stride, (VECTOR)_mm512_shuffle_f32x4(low0, low1, 0x88));
        NAME(store)(out + (4 + k) * out_stride, (VECTOR)_mm512_shuffle_f32x4(high0, high1, 0x88));
        NAME(store)(out + (8 + k) * out_stride, (VECTOR)_mm512_shuffle_f32x4(low0, low1, 0xdd));
        NAME(store)(out + (12 + k) * out_stride, (VECTOR)_mm512_shuffle_f32x4(high0, high1, 0xdd));
    }
}
#endif

static void NAME(transpose)(int64_t rows, int64_t columns, const void *x, int64_t ldb, void *out_data, int64_t stride) {
    const REAL *b = x;
    REAL *out = out_data;
    int64_t j = 0;
#if VECTOR_BYTES == 64 && REAL_BITS == 32
    if (columns % 16 == 0)
        for (; j + 16 <= rows; j += 16)
            for (int64_t p = 0; p < columns; p += 16)
                NAME(transpose_block)(b + j * ldb + p, ldb, out + p * stride + j, stride);
#endif
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
