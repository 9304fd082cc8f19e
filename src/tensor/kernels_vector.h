/* Vectors of REAL: loading, storing (whole and in part), splatting and selecting. Included by kernels_body.h. */

typedef REAL VECTOR __attribute__((vector_size(VECTOR_BYTES)));
typedef REAL_INTEGER MASK __attribute__((vector_size(VECTOR_BYTES))); /* 0 or -1 in each lane, from a comparison */
typedef REAL_UNSIGNED BITS __attribute__((vector_size(VECTOR_BYTES)));
typedef REAL NAME(vector_unaligned) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

INLINE VECTOR NAME(load)(const REAL *source) { return *(const NAME(vector_unaligned) *)(const void *)source; }

INLINE void NAME(store)(REAL *target, VECTOR v) { *(NAME(vector_unaligned) *)(void *)target = v; }

/* The first `count` lanes, 0 < count <= LANES; the others are 0 and their memory is not touched. */
#if VECTOR_BYTES == 64 && REAL_BITS == 32
INLINE VECTOR NAME(load_part)(const REAL *source, int64_t count) {
    return (VECTOR)_mm512_maskz_loadu_ps((__mmask16)((1U << count) - 1), source);
}
/* A masked store holds up loads from the memory of its unwritten lanes, which is mostly the next row: a quarter, as
 * rows of 20 leave over, is stored without. */
INLINE void NAME(store_part)(REAL *target, VECTOR v, int64_t count) {
    if (count == 4)
        _mm_storeu_ps(target, _mm512_castps512_ps128((__m512)v));
    else
        _mm512_mask_storeu_ps(target, (__mmask16)((1U << count) - 1), (__m512)v);
}
#elif VECTOR_BYTES == 64
INLINE VECTOR NAME(load_part)(const REAL *source, int64_t count) {
    return (VECTOR)_mm512_maskz_loadu_pd((__mmask8)((1U << count) - 1), source);
}
INLINE void NAME(store_part)(REAL *target, VECTOR v, int64_t count) {
    _mm512_mask_storeu_pd(target, (__mmask8)((1U << count) - 1), (__m512d)v);
}
#elif VECTOR_BYTES == 32 && REAL_BITS == 32
INLINE __m256i NAME(part)(int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE VECTOR NAME(load_part)(const REAL *source, int64_t count) {
    return (VECTOR)_mm256_maskload_ps(source, NAME(part)(count));
}
INLINE void NAME(store_part)(REAL *target, VECTOR v, int64_t count) {
    _mm256_maskstore_ps(target, NAME(part)(count), (__m256)v);
}
#elif VECTOR_BYTES == 32
INLINE __m256i NAME(part)(int64_t count) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
}
INLINE VECTOR NAME(load_part)(const REAL *source, int64_t count) {
    return (VECTOR)_mm256_maskload_pd(source, NAME(part)(count));
}
INLINE void NAME(store_part)(REAL *target, VECTOR v, int64_t count) {
    _mm256_maskstore_pd(target, NAME(part)(count), (__m256d)v);
}
#else
INLINE VECTOR NAME(load_part)(const REAL *source, int64_t count) {
    VECTOR v = {0};
    for (int64_t lane = 0; lane < LANES; lane++)
        if (lane < count) v[lane] = source[lane];
    return v;
}
INLINE void NAME(store_part)(REAL *target, VECTOR v, int64_t count) {
    for (int64_t lane = 0; lane < LANES; lane++)
        if (lane < count) target[lane] = v[lane];
}
#endif

/* x - 0 is x also for x = -0. */
INLINE VECTOR NAME(splat)(REAL x) { return x - (VECTOR){0}; }

INLINE VECTOR NAME(select)(MASK mask, VECTOR yes, VECTOR no) {
    return (VECTOR)((mask & (MASK)yes) | (~mask & (MASK)no));
}

/* The lesser of x and a limit; a NaN in x stays one. */
INLINE VECTOR NAME(at_most)(VECTOR x, VECTOR limit) {
#if VECTOR_BYTES == 64 && REAL_BITS == 32
    return (VECTOR)_mm512_min_ps((__m512)limit, (__m512)x);
#elif VECTOR_BYTES == 64
    return (VECTOR)_mm512_min_pd((__m512d)limit, (__m512d)x);
#elif VECTOR_BYTES == 32 && REAL_BITS == 32
    return (VECTOR)_mm256_min_ps((__m256)limit, (__m256)x);
#elif VECTOR_BYTES == 32
    return (VECTOR)_mm256_min_pd((__m256d)limit, (__m256d)x);
#else
    return NAME(select)(x > limit, limit, x);
#endif
}

/* a b + c, rounded once wherever the table's instruction set can: a compiler left to itself fuses in one place and not
 * in another, and then equal elements would get other bits in other tiles. */
INLINE VECTOR NAME(multiply_add)(VECTOR a, VECTOR b, VECTOR c) {
#if VECTOR_BYTES == 64 && REAL_BITS == 32
    return (VECTOR)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif VECTOR_BYTES == 64
    return (VECTOR)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif VECTOR_BYTES == 32 && REAL_BITS == 32
    return (VECTOR)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif VECTOR_BYTES == 32
    return (VECTOR)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
    return a * b + c;
#endif
}

/* The lanes' sum, always in the same order. */
INLINE double NAME(lanes_sum)(VECTOR v) {
    double sum = 0;
    for (int64_t lane = 0; lane < LANES; lane++) sum += (double)v[lane];
    return sum;
}
