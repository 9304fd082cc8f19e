/* Vectors of REAL: loading, storing (whole and in part), splatting and selecting. Included by kernels_body.h. */

typedef REAL VECTOR __attribute__((vector_size(VECTOR_BYTES)));
typedef REAL_INTEGER MASK __attribute__((vector_size(VECTOR_BYTES))); /* 0 or -1 in each lane, from a comparison */
typedef REAL_UNSIGNED BITS __attribute__((vector_size(VECTOR_BYTES)));
typedef REAL NAME(vector_unaligned) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

INLINE VECTOR NAME(load)(const REAL *source) { return *(const NAME(vector_unaligned) *)(const void *)source; }

INLINE void NAME(store)(REAL *target, VECTOR v) { *(NAME(vector_unaligned) *)(void *)target = v; }

/* Around the caches; the target is aligned to the vector. Elsewhere than on x86, as any other store. */
INLINE void NAME(store_streaming)(REAL *target, VECTOR v) {
#if VECTOR_BYTES == 64
    _mm512_stream_si512((void *)target, (__m512i)v);
#elif VECTOR_BYTES == 32
    _mm256_stream_si256((void *)target, (__m256i)v);
#else
    NAME(store)(target, v);
#endif
}

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
#elif defined(__aarch64__) && REAL_BITS == 32
    return (VECTOR)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#elif defined(__aarch64__)
    return (VECTOR)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
    return a * b + c;
#endif
}

/* Two vectors interleaved, a0 b0 a1 b1 ..., in two halves; and the even and the odd elements of two in a row. */
#if VECTOR_BYTES == 64 && REAL_BITS == 32
#define LOW_HALVES  0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_HALVES 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define EVENS       0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODDS        1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif VECTOR_BYTES * 8 / REAL_BITS == 8
#define LOW_HALVES  0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_HALVES 4, 12, 5, 13, 6, 14, 7, 15
#define EVENS       0, 2, 4, 6, 8, 10, 12, 14
#define ODDS        1, 3, 5, 7, 9, 11, 13, 15
#elif VECTOR_BYTES * 8 / REAL_BITS == 4
#define LOW_HALVES  0, 4, 1, 5
#define HIGH_HALVES 2, 6, 3, 7
#define EVENS       0, 2, 4, 6
#define ODDS        1, 3, 5, 7
#else
#define LOW_HALVES  0, 2
#define HIGH_HALVES 1, 3
#define EVENS       0, 2
#define ODDS        1, 3
#endif
INLINE VECTOR NAME(interleave_low)(VECTOR a, VECTOR b) { return __builtin_shufflevector(a, b, LOW_HALVES); }
INLINE VECTOR NAME(interleave_high)(VECTOR a, VECTOR b) { return __builtin_shufflevector(a, b, HIGH_HALVES); }
INLINE VECTOR NAME(evens)(VECTOR a, VECTOR b) { return __builtin_shufflevector(a, b, EVENS); }
INLINE VECTOR NAME(odds)(VECTOR a, VECTOR b) { return __builtin_shufflevector(a, b, ODDS); }
#undef LOW_HALVES
#undef HIGH_HALVES
#undef EVENS
#undef ODDS

/* Vectors of float64 whatever REAL is, for what must be worked out in it; loaded from and stored to REAL. */
typedef double WIDE __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t NAME(wide_mask) __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t NAME(wide_bits) __attribute__((vector_size(VECTOR_BYTES)));
#define WIDE_LANES ((int64_t)(VECTOR_BYTES / sizeof(double)))

INLINE WIDE NAME(wide_splat)(double x) { return x - (WIDE){0}; }

INLINE WIDE NAME(wide_select)(NAME(wide_mask) mask, WIDE yes, WIDE no) {
    return (WIDE)((mask & (NAME(wide_mask))yes) | (~mask & (NAME(wide_mask))no));
}

INLINE WIDE NAME(wide_multiply_add)(WIDE a, WIDE b, WIDE c) {
#if VECTOR_BYTES == 64
    return (WIDE)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif VECTOR_BYTES == 32
    return (WIDE)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
    return a * b + c;
#endif
}

/* The parts of a vector in float64: one part for double, two halves for float. */
#define WIDE_PARTS (LANES / WIDE_LANES)
INLINE void NAME(widen)(VECTOR v, WIDE *parts) {
#if REAL_BITS == 64
    parts[0] = v;
#elif VECTOR_BYTES == 64
    parts[0] = (WIDE)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)v));
    parts[1] = (WIDE)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)v, 1));
#elif VECTOR_BYTES == 32
    parts[0] = (WIDE)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)v));
    parts[1] = (WIDE)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)v, 1));
#else
    parts[0] = (WIDE){(double)v[0], (double)v[1]};
    parts[1] = (WIDE){(double)v[2], (double)v[3]};
#endif
}
INLINE VECTOR NAME(narrow)(const WIDE *parts) {
#if REAL_BITS == 64
    return parts[0];
#elif VECTOR_BYTES == 64
    const __m512 low = _mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)parts[0]));
    return (VECTOR)_mm512_insertf32x8(low, _mm512_cvtpd_ps((__m512d)parts[1]), 1);
#elif VECTOR_BYTES == 32
    return (VECTOR)_mm256_set_m128(_mm256_cvtpd_ps((__m256d)parts[1]), _mm256_cvtpd_ps((__m256d)parts[0]));
#else
    return (VECTOR){(REAL)parts[0][0], (REAL)parts[0][1], (REAL)parts[1][0], (REAL)parts[1][1]};
#endif
}

/* The lanes' sum, always in the same order. */
INLINE double NAME(lanes_sum)(VECTOR v) {
    double sum = 0;
    for (int64_t lane = 0; lane < LANES; lane++) sum += (double)v[lane];
    return sum;
}
