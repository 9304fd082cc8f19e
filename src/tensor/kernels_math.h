/* exp, expm1, tanh and sigmoid on vectors, all from one expansion. Included by kernels_body.h.
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2, and expm1(r) by its Taylor series, whose first omitted term is below a quarter
 * of a unit in the last place. Errors stay within a few units in the last place, relative, also for tiny arguments;
 * infinities saturate, NaN passes through. Comparisons are written so that a NaN keeps its lane: `x < low ? low : x`.
 */

#if REAL_BITS == 32
#define REAL_C(x)      x##F
#define MANTISSA_BITS  23
#define EXPONENT_BIAS  127U
#define ROUNDING_MAGIC 12582912.0F  /* 1.5 * 2^23: adding it rounds to an integer, kept in the low bits */
#define LN2_HIGH       0.693359375F /* few enough bits that n * LN2_HIGH is exact */
#define LN2_LOW        (-2.12194440e-4F)
#define EXP_LOWEST     (-105.0F) /* exp is 0 below, infinite above */
#define EXP_HIGHEST    89.0F
#define TANH_SATURATES 10.0F
#else
#define REAL_C(x)      x
#define MANTISSA_BITS  52
#define EXPONENT_BIAS  UINT64_C(1023)
#define ROUNDING_MAGIC 6755399441055744.0 /* 1.5 * 2^52 */
#define LN2_HIGH       6.93147180369123816490e-01
#define LN2_LOW        1.90821492927058770002e-10
#define EXP_LOWEST     (-746.0)
#define EXP_HIGHEST    710.0
#define TANH_SATURATES 20.0
#endif
#define ABREAST  (TILE_VECTORS != 5 ? 2 : REAL_BITS == 32 ? 3 : 5) /* vectors that share the registers in tanh */
#define LN2      REAL_C(0.69314718055994530942)
#define LOG2_E   REAL_C(1.44269504088896340736)
#define SIGN_BIT ((REAL_UNSIGNED)1 << (REAL_BITS - 1))

/* exp(r) - 1 for |r| <= ln 2 / 2: r + r^2 (1/2! + r/3! + r^2/4! + ...), the terms taken in pairs and the pairs in
 * pairs: these functions wait for their longest chain of operations, not for their number. */
INLINE VECTOR NAME(expm1_reduced)(VECTOR r) {
    const VECTOR r2 = r * r;
    const VECTOR p2 = r * (REAL)(1.0 / 6) + (REAL)(1.0 / 2);
    const VECTOR p4 = r * (REAL)(1.0 / 120) + (REAL)(1.0 / 24);
    const VECTOR p6 = r * (REAL)(1.0 / 5040) + (REAL)(1.0 / 720);
#if REAL_BITS == 32
    const VECTOR series = (p6 * r2 + p4) * r2 + p2;
#else
    const VECTOR r4 = r2 * r2;
    const VECTOR p8 = r * (REAL)(1.0 / 362880) + (REAL)(1.0 / 40320);
    const VECTOR p10 = r * (REAL)(1.0 / 39916800) + (REAL)(1.0 / 3628800);
    const VECTOR p12 = r * (REAL)(1.0 / 6227020800) + (REAL)(1.0 / 479001600);
    const VECTOR series = ((p12 * r2 + p10) * r4 + (p8 * r2 + p6)) * r4 + (p4 * r2 + p2);
#endif
    return series * r2 + r;
}

/* 2^n where the low bits of `bits` hold the integer n, which must give a normal number. */
INLINE VECTOR NAME(power_of_two)(BITS bits) {
    return (VECTOR)((bits << MANTISSA_BITS) + ((REAL_UNSIGNED)EXPONENT_BIAS << MANTISSA_BITS));
}

/* The power of two is applied in two halves: at both ends of the range one factor alone is not a normal number. */
INLINE VECTOR NAME(vector_exp)(VECTOR x) {
    const VECTOR shifted = x * LOG2_E + ROUNDING_MAGIC;
    const VECTOR n = shifted - ROUNDING_MAGIC;
    const VECTOR half = n * REAL_C(0.5) + ROUNDING_MAGIC;
    const VECTOR r = (x - n * LN2_HIGH) - n * LN2_LOW;
    VECTOR result = NAME(expm1_reduced)(r) + REAL_C(1.0);
    result = result * NAME(power_of_two)((BITS)half) * NAME(power_of_two)((BITS)shifted - (BITS)half);
    result = NAME(select)(x < EXP_LOWEST, (VECTOR){0}, result);
    return NAME(select)(x > EXP_HIGHEST, NAME(splat)((REAL)INFINITY), result);
}

/* exp(x) - 1 while 2^n is a normal number; anything else gives some number or NaN, for the caller to replace. ln 2 in
 * one piece will do: its error counts only where n is large, and there by what tanh and exp(x) - 1 for x < 0 do not
 * see. */
INLINE VECTOR NAME(vector_expm1)(VECTOR x) {
    const VECTOR shifted = x * LOG2_E + ROUNDING_MAGIC;
    const VECTOR n = shifted - ROUNDING_MAGIC;
    const VECTOR power = NAME(power_of_two)((BITS)shifted);
    return NAME(expm1_reduced)(x - n * LN2) * power + (power - REAL_C(1.0));
}

#if VECTOR_BYTES == 64 && REAL_BITS == 32
#include "tensor/kernels_tanh.h"
#else
/* out[k] = tanh(x[k]): e / (e + 1) with e = (exp(y) - 1) / 2, y = 2 |x|, and the sign of x. |x| is cut off where tanh
 * is 1 to rounding. As in expm1, y = n ln 2 + r; but the number that rounds holds the exponent's bias (less one, for
 * 2^n / 2), and in float32 the series is a minimax polynomial: the most often called function of all deserves one of
 * its own. `count` vectors go abreast, for a processor that waits for each chain of operations in turn would wait most
 * of the time. */
INLINE void NAME(tanh_abreast)(const int count, const VECTOR *x, VECTOR *out) {
    const REAL magic = ROUNDING_MAGIC + (REAL)(EXPONENT_BIAS - 1);
    VECTOR y[ABREAST], shifted[ABREAST], r[ABREAST], power[ABREAST], e[ABREAST];
    UNROLL for (int k = 0; k < count; k++) y[k] =
        NAME(at_most)((VECTOR)((BITS)x[k] & ~SIGN_BIT), NAME(splat)(TANH_SATURATES));
    UNROLL for (int k = 0; k < count; k++) y[k] += y[k];
    UNROLL for (int k = 0; k < count; k++) shifted[k] = y[k] * LOG2_E + magic;
    UNROLL for (int k = 0; k < count; k++) power[k] = (VECTOR)((BITS)shifted[k] << MANTISSA_BITS);
    UNROLL for (int k = 0; k < count; k++) shifted[k] -= magic;
    UNROLL for (int k = 0; k < count; k++) r[k] = y[k] - shifted[k] * LN2;
#if REAL_BITS == 32
    VECTOR r2[ABREAST], p2[ABREAST], p4[ABREAST];
    UNROLL for (int k = 0; k < count; k++) r2[k] = r[k] * r[k];
    UNROLL for (int k = 0; k < count; k++) p4[k] = r[k] * 0.00836321F + 0.04166637F;
    UNROLL for (int k = 0; k < count; k++) p2[k] = r[k] * 0.16666577F + 0.5F;
    UNROLL for (int k = 0; k < count; k++) p4[k] = r2[k] * 0.00139412F + p4[k];
    UNROLL for (int k = 0; k < count; k++) p2[k] = p4[k] * r2[k] + p2[k];
    UNROLL for (int k = 0; k < count; k++) e[k] = p2[k] * r2[k] + r[k];
#else
    UNROLL for (int k = 0; k < count; k++) e[k] = NAME(expm1_reduced)(r[k]);
#endif
    UNROLL for (int k = 0; k < count; k++) e[k] = e[k] * power[k] + (power[k] - REAL_C(0.5));
    UNROLL for (int k = 0; k < count; k++) e[k] = e[k] / (e[k] + REAL_C(1.0));
    UNROLL for (int k = 0; k < count; k++) out[k] = (VECTOR)((BITS)e[k] | ((BITS)x[k] & SIGN_BIT));
}
#endif

INLINE VECTOR NAME(vector_tanh)(VECTOR x) {
    NAME(tanh_abreast)(1, &x, &x);
    return x;
}

#if VECTOR_BYTES != 64 || REAL_BITS != 32
INLINE VECTOR NAME(tanh_beside)(VECTOR x) { return NAME(vector_tanh)(x); }
#endif

/* out = tanh(x), out may be x. */
static void NAME(tanh_row)(int64_t count, const REAL *x, REAL *out) {
    int64_t j = 0;
    for (; j + ABREAST * LANES <= count; j += ABREAST * LANES) {
        VECTOR v[ABREAST], y[ABREAST];
        UNROLL for (int k = 0; k < ABREAST; k++) v[k] = NAME(load)(x + j + k * LANES);
        NAME(tanh_abreast)(ABREAST, v, y);
        UNROLL for (int k = 0; k < ABREAST; k++) NAME(store)(out + j + k * LANES, y[k]);
    }
    for (; j + LANES <= count; j += LANES) NAME(store)(out + j, NAME(vector_tanh)(NAME(load)(x + j)));
    if (j < count) NAME(store_part)(out + j, NAME(vector_tanh)(NAME(load_part)(x + j, count - j)), count - j);
}

INLINE VECTOR NAME(vector_sigmoid)(VECTOR x) { return REAL_C(1.0) / (REAL_C(1.0) + NAME(vector_exp)(-x)); }

INLINE VECTOR NAME(vector_elu)(VECTOR x) {
    const VECTOR low = NAME(select)(x < -2 * TANH_SATURATES, NAME(splat)(-1), NAME(vector_expm1)(x));
    return NAME(select)(x > 0, x, low);
}

INLINE VECTOR NAME(vector_abs)(VECTOR x) { return (VECTOR)((BITS)x & ~SIGN_BIT); }

INLINE VECTOR NAME(vector_sign)(VECTOR x) {
    VECTOR one = NAME(splat)(1);
    return NAME(select)(x > 0, one, NAME(select)(x < 0, -one, x));
}

/* max(x, 0), a NaN staying one. */
INLINE VECTOR NAME(vector_positive)(VECTOR x) { return NAME(select)(x <= 0, (VECTOR){0}, x); }

#undef REAL_C
#undef MANTISSA_BITS
#undef EXPONENT_BIAS
#undef ROUNDING_MAGIC
#undef LN2_HIGH
#undef LN2_LOW
#undef EXP_LOWEST
#undef EXP_HIGHEST
#undef TANH_SATURATES
#undef LN2
#undef LOG2_E
#undef SIGN_BIT
