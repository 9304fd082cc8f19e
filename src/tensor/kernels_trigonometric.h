/* sin and cos on vectors, worked out in float64 for both types. Included by kernels_body.h.
 *
 * x = n pi/2 + r with |r| <= pi/4, pi/2 in three pieces of which two have so few bits that n times them is exact (Cody
 * and Waite): r keeps its relative accuracy also where x is close to a multiple. The polynomials are those of fdlibm,
 * s_sin.c. Errors stay within a few units in the last place. Beyond FARTHEST the C library takes over, number by
 * number, as it does for infinities and NaN. */

#define TWO_OVER_PI    6.36619772367581382433e-01
#define HALF_PI_HIGH   1.57079632673412561417e+00 /* 33 bits of pi/2 */
#define HALF_PI_MIDDLE 6.07710050630396597660e-11 /* 33 bits of the rest */
#define HALF_PI_LOW    2.02226624879595063154e-21
#define FARTHEST       1e6                /* n stays below 2^20 */
#define ROUNDING_MAGIC 6755399441055744.0 /* 1.5 * 2^52 */
enum { NAME(TRIGONOMETRIC_BLOCK) = 128 }; /* numbers looked through for far ones at a time */

INLINE WIDE NAME(polynomial)(WIDE z, const double *coefficient, const int terms) {
    WIDE sum = NAME(wide_splat)(coefficient[terms - 1]);
    UNROLL for (int k = terms - 2; k >= 0; k--) sum = NAME(wide_multiply_add)(sum, z, NAME(wide_splat)(coefficient[k]));
    return sum;
}

/* sin(x + shift pi/2) for |x| <= FARTHEST. */
INLINE WIDE NAME(wide_sine)(WIDE x, int64_t shift) {
    static const double sine[] = {-1.66666666666666324348e-01, 8.33333333332248946124e-03,  -1.98412698298579493134e-04,
                                  2.75573137070700676789e-06,  -2.50507602534068634195e-08, 1.58969099521155010221e-10};
    static const double cosine[] = {4.16666666666666019037e-02, -1.38888888888741095749e-03,
                                    2.48015872894767294178e-05, -2.75573143513906633035e-07,
                                    2.08757232129817482790e-09, -1.13596475577881948265e-11};
    const WIDE shifted = x * TWO_OVER_PI + ROUNDING_MAGIC;
    const WIDE n = shifted - ROUNDING_MAGIC;
    const WIDE r = ((x - n * HALF_PI_HIGH) - n * HALF_PI_MIDDLE) - n * HALF_PI_LOW;
    const WIDE z = r * r, half = z * 0.5;
    const WIDE odd = z * r * NAME(polynomial)(z, sine, 6) + r;
    const WIDE one = NAME(wide_splat)(1), rest = one - half;
    const WIDE even = rest + (((one - rest) - half) + z * z * NAME(polynomial)(z, cosine, 6));
    const NAME(wide_mask) quadrant = (NAME(wide_mask))shifted + shift;
    const NAME(wide_mask) sign = (NAME(wide_mask))((NAME(wide_bits))(quadrant & 2) << 62);
    return (WIDE)((NAME(wide_mask))NAME(wide_select)((quadrant & 1) != 0, even, odd) ^ sign);
}

INLINE VECTOR NAME(vector_sine)(VECTOR x, int64_t shift) {
    WIDE parts[WIDE_PARTS];
    NAME(widen)(x, parts);
    UNROLL for (int k = 0; k < (int)WIDE_PARTS; k++) parts[k] = NAME(wide_sine)(parts[k], shift);
    return NAME(narrow)(parts);
}

/* out = sin(x + shift pi/2), shift 0 or 1; out may be x. */
static void NAME(trigonometric_row)(int64_t shift, int64_t count, const REAL *x, REAL *out) {
    for (int64_t start = 0; start < count; start += NAME(TRIGONOMETRIC_BLOCK)) {
        REAL block[NAME(TRIGONOMETRIC_BLOCK)]; /* x, which may be written over */
        const int64_t left = count - start;
        const int64_t length = left < NAME(TRIGONOMETRIC_BLOCK) ? left : NAME(TRIGONOMETRIC_BLOCK);
        MASK near = ~(MASK){0};
        for (int64_t i = 0; i < length; i += LANES) {
            const bool whole = length - i >= LANES;
            const VECTOR v = whole ? NAME(load)(x + start + i) : NAME(load_part)(x + start + i, length - i);
            near &= NAME(vector_abs)(v) <= (REAL)FARTHEST;
            NAME(store)(block + i, v);
            if (whole)
                NAME(store)(out + start + i, NAME(vector_sine)(v, shift));
            else
                NAME(store_part)(out + start + i, NAME(vector_sine)(v, shift), length - i);
        }
        bool all_near = true;
        for (int64_t lane = 0; lane < LANES; lane++) all_near = all_near && near[lane] != 0;
        for (int64_t i = 0; !all_near && i < length; i++) {
            const REAL v = block[i];
            if (!(REAL_FUNCTION(fabs)(v) <= (REAL)FARTHEST))
                out[start + i] = shift == 0 ? REAL_FUNCTION(sin)(v) : REAL_FUNCTION(cos)(v);
        }
    }
}

#undef TWO_OVER_PI
#undef HALF_PI_HIGH
#undef HALF_PI_MIDDLE
#undef HALF_PI_LOW
#undef FARTHEST
#undef ROUNDING_MAGIC
