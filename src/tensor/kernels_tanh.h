/* tanh in float32 on AVX-512 by table: polynomials of degree 4 on 32 intervals of |x|, their coefficients looked up by
 * a permutation of two registers. Included by kernels_math.h.
 *
 * The interval is what the exponent and the top three bits of the mantissa of |x| + 3/4 say: width 1/16 up to 1/4, 1/8
 * up to 5/4, then 1/4, 1/2 and 1. Each polynomial is in the distance from its interval's lower end and minimax there,
 * in the first interval for the relative error; the coefficients were fitted one after the other, each after rounding
 * those before it. Relative errors stay below 1.1e-7, that is one unit in the last place. No division, no exponential.
 */

#define TANH_SHIFT 0.75F
#define TANH_LAST  11.0F /* tanh is 1 from 9.02 on; larger arguments would leave the table */

/* [k][i]: the factor of d^k in the interval whose number has the low five bits i; the first interval has 20. */
/* clang-format off */
static const float tanh_table[5][32] __attribute__((aligned(64))) = {
    {0.848283648F, 0.905148268F, 0.941375554F, 0.964027584F, 0.978026092F, 0.986614287F, 0.991859734F, 0.995054781F,
     0.996997654F, 0.998894453F, 0.999593139F, 0.999850333F, 0.999944925F, 0.999979734F, 0.999992549F, 0.999997258F,
     0.999998987F, 0.999999881F, 1, 1, 0, 0.0624187477F, 0.124352999F, 0.185333207F,
     0.244918659F, 0.3583574F, 0.462117165F, 0.554599702F, 0.635148942F, 0.703905582F, 0.761594176F, 0.809301078F},
    {0.280417085F, 0.180705622F, 0.113810025F, 0.0706493855F, 0.0434651487F, 0.0265923366F, 0.0162133388F, 0.00986427721F,
     0.00599298393F, 0.0022087784F, 0.000813544961F, 0.000298573752F, 0.000110184854F, 4.06529216e-05F, 1.48287309e-05F, 5.47898753e-06F,
     2.07001881e-06F, 4.12152055e-08F, 0, 0, 1, 0.996103585F, 0.984536767F, 0.965649962F,
     0.940014482F, 0.871579885F, 0.786447585F, 0.69242233F, 0.596587956F, 0.504520118F, 0.419972867F, 0.345031381F},
    {-0.237977579F, -0.163547307F, -0.107080124F, -0.0680580884F, -0.0424893163F, -0.0262224954F, -0.0160578433F, -0.00978505239F,
     -0.0059297625F, -0.00218878454F, -0.000809633406F, -0.000292171608F, -0.000109917826F, -4.12798399e-05F, -1.42733352e-05F, -5.42207681e-06F,
     -2.15115847e-06F, 5.6886762e-07F, 0, 0, 5.9416152e-06F, -0.0621448494F, -0.122442953F, -0.178863958F,
     -0.230175763F, -0.312335253F, -0.363460332F, -0.384157687F, -0.379035592F, -0.355270386F, -0.319841623F, -0.279245734F},
    {0.109773181F, 0.0877032131F, 0.0622898303F, 0.0415058918F, 0.0267187711F, 0.0167702734F, 0.010297603F, 0.00623297971F,
     0.00367162121F, 0.00135770801F, 0.000510069309F, 0.000172071494F, 6.97594951e-05F, 2.79073356e-05F, 7.83262112e-06F, 3.33786033e-06F,
     1.35370624e-06F, -9.63245498e-07F, 0, 0, -0.333910853F, -0.329364419F, -0.313182473F, -0.29131344F,
     -0.258468598F, -0.178660721F, -0.0932051837F, -0.015246368F, 0.0441677086F, 0.0842675194F, 0.104260229F, 0.111587934F},
    {-0.0208001491F, -0.0250348859F, -0.0208022352F, -0.0150331985F, -0.0102372346F, -0.00660048891F, -0.00399412261F, -0.00231391494F,
     -0.00121993781F, -0.000451593165F, -0.000175366455F, -5.04934978e-05F, -2.43063805e-05F, -1.0935204e-05F, -1.85959846e-06F, -1.08970175e-06F,
     -3.96513997e-07F, 4.55777212e-07F, 0, 0, 0.0159637164F, 0.0618925206F, 0.0921310708F, 0.140371174F,
     0.156642467F, 0.169810101F, 0.15450871F, 0.117565691F, 0.0792006105F, 0.0412658229F, 0.0171313845F, -0.00446068775F},
};
/* clang-format on */

INLINE VECTOR NAME(tanh_coefficient)(int power, BITS interval) {
    const float *row = tanh_table[power];
    return (VECTOR)_mm512_permutex2var_ps(_mm512_load_ps(row), (__m512i)interval, _mm512_load_ps(row + 16));
}

/* out[k] = tanh(x[k]). */
INLINE void NAME(tanh_abreast)(const int count, const VECTOR *x, VECTOR *out) {
    const BITS sign = (BITS)NAME(splat)(-0.0F);
    BITS interval[ABREAST];
    VECTOR size[ABREAST], shifted[ABREAST], d[ABREAST], sum[ABREAST];
    UNROLL for (int k = 0; k < count; k++) size[k] =
        NAME(at_most)((VECTOR)((BITS)x[k] & ~sign), NAME(splat)(TANH_LAST));
    UNROLL for (int k = 0; k < count; k++) shifted[k] = size[k] + TANH_SHIFT;
    UNROLL for (int k = 0; k < count; k++) interval[k] = (BITS)shifted[k] >> 20;
    UNROLL for (int k = 0; k < count; k++) shifted[k] = (VECTOR)((BITS)shifted[k] & 0xFFF00000U) - TANH_SHIFT;
    UNROLL for (int k = 0; k < count; k++) d[k] = size[k] - shifted[k];
    UNROLL for (int k = 0; k < count; k++) sum[k] = NAME(tanh_coefficient)(4, interval[k]);
    UNROLL for (int power = 3; power >= 0; power--) {
        UNROLL for (int k = 0; k < count; k++) sum[k] =
            NAME(multiply_add)(sum[k], d[k], NAME(tanh_coefficient)(power, interval[k]));
    }
    UNROLL for (int k = 0; k < count; k++) out[k] = (VECTOR)((BITS)sum[k] | ((BITS)x[k] & sign));
}

#undef TANH_SHIFT
#undef TANH_LAST
