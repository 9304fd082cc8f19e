/* tanh in float32 on AVX-512 by table: polynomials of degree 5 on 16 intervals of |x|, their coefficients looked up by
 * a permutation of one register. Included by kernels_math.h.
 *
 * The interval is what the exponent and the top two bits of the mantissa of |x| + 5/8 say: width 1/8 up to 3/8, 1/4 up
 * to 11/8, then 1/2, 1 and 2. Each polynomial is in the distance from its interval's lower end and minimax there for
 * the relative error; the coefficients were fitted one after the other, each after rounding those before it. Relative
 * errors stay below 9e-8, that is one unit in the last place. No division, no exponential, and few of the operations
 * are ones that a processor does where it multiplies: tanh often runs beside matrix products. */

#define TANH_SHIFT 0.625F
#define TANH_LAST  9.25F /* tanh is 1 from 9.02 on; larger arguments would leave the table */

#define SIXTEEN(x)                                                                                                     \
    { x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x }

/* coefficient[k][i]: the factor of d^k in the interval whose number has the low four bits i; the first interval has 9.
 */
typedef struct tanh_constants {
    float coefficient[6][16];
    float last[16], shift[16];
    uint32_t sign[16], interval[16];
} tanh_constants;

/* clang-format off */
static const tanh_constants tanh_table __attribute__((aligned(64))) = {
    .coefficient = {
    {0.879826665F, 0.954045236F, 0.982845008F, 0.993654609F, 0.997660995F, 0.999683142F, 0.999957085F, 0.999994218F,
     0.999999225F, 0, 0.124352999F, 0.244918659F, 0.3583574F, 0.554599702F, 0.703905582F, 0.809301078F},
    {0.225910231F, 0.0897997469F, 0.034017235F, 0.0126528088F, 0.00467020227F, 0.000632752373F, 8.7012595e-05F, 1.04599048e-05F,
     1.29531168e-06F, 1, 0.984537542F, 0.94001615F, 0.871578753F, 0.692423224F, 0.504521608F, 0.345030487F},
    {-0.198886096F, -0.08570005F, -0.0334498584F, -0.0126039833F, -0.00462940754F, -0.000624262495F, -9.53373092e-05F, -2.37944505e-06F,
     -4.245139e-07F, 3.11899527e-07F, -0.122512385F, -0.23031196F, -0.312267631F, -0.384146482F, -0.355297208F, -0.279204071F},
    {0.100741655F, 0.0519345142F, 0.0215601437F, 0.00843326747F, 0.0029400175F, 0.000386901578F, 8.26268006e-05F, -1.82749009e-05F,
     -6.62020682e-07F, -0.333355635F, -0.311064333F, -0.25507766F, -0.179925099F, -0.0164038539F, 0.0838650092F, 0.110805057F},
    {-0.0263311286F, -0.0210913997F, -0.00984501F, -0.00426574983F, -0.00119815115F, -0.000147587503F, -5.45113617e-05F, 2.62831236e-05F,
     5.9611051e-07F, 0.00047281821F, 0.0628218353F, 0.123680435F, 0.179318398F, 0.1321145F, 0.0497552864F, 0.00254183426F},
    {0.00121595315F, 0.00484335981F, 0.00268125138F, 0.00139003713F, 0.000239512316F, 2.6150361e-05F, 1.73453172e-05F, -1.11154623e-05F,
     -1.37011128e-07F, 0.129985854F, 0.161941752F, 0.109847963F, -0.0253599491F, -0.0516981743F, -0.034367118F, -0.0235649981F},
    },
    .last = SIXTEEN(TANH_LAST),
    .shift = SIXTEEN(TANH_SHIFT),
    .sign = SIXTEEN(0x80000000U),
    .interval = SIXTEEN(0xFFE00000U),
};
/* clang-format on */

INLINE VECTOR NAME(tanh_coefficient)(const tanh_constants *constants, int power, BITS interval) {
    return (VECTOR)_mm512_permutexvar_ps((__m512i)interval, _mm512_load_ps(constants->coefficient[power]));
}

/* out[k] = tanh(x[k]). */
INLINE void NAME(tanh_with)(const tanh_constants *constants, const int count, const VECTOR *x, VECTOR *out) {
    const BITS sign = (BITS)_mm512_load_si512(constants->sign);
    const BITS start = (BITS)_mm512_load_si512(constants->interval);
    const VECTOR last = (VECTOR)_mm512_load_ps(constants->last), shift = (VECTOR)_mm512_load_ps(constants->shift);
    BITS interval[ABREAST];
    VECTOR size[ABREAST], shifted[ABREAST], d[ABREAST], sum[ABREAST];
    UNROLL for (int k = 0; k < count; k++) size[k] = NAME(at_most)((VECTOR)((BITS)x[k] & ~sign), last);
    UNROLL for (int k = 0; k < count; k++) shifted[k] = size[k] + shift;
    UNROLL for (int k = 0; k < count; k++) interval[k] = (BITS)shifted[k] >> 21;
    UNROLL for (int k = 0; k < count; k++) shifted[k] = (VECTOR)((BITS)shifted[k] & start) - shift;
    UNROLL for (int k = 0; k < count; k++) d[k] = size[k] - shifted[k];
    UNROLL for (int k = 0; k < count; k++) sum[k] = NAME(tanh_coefficient)(constants, 5, interval[k]);
    UNROLL for (int power = 4; power >= 0; power--) {
        UNROLL for (int k = 0; k < count; k++) sum[k] =
            NAME(multiply_add)(sum[k], d[k], NAME(tanh_coefficient)(constants, power, interval[k]));
    }
    UNROLL for (int k = 0; k < count; k++) out[k] = (VECTOR)((BITS)sum[k] | ((BITS)x[k] & sign));
}

INLINE void NAME(tanh_abreast)(const int count, const VECTOR *x, VECTOR *out) {
    NAME(tanh_with)(&tanh_table, count, x, out);
}

/* tanh where other work needs the registers: all constants are read from memory each time, which a compiler that knows
 * them would not do. */
INLINE VECTOR NAME(tanh_beside)(VECTOR x) {
    const tanh_constants *constants = &tanh_table;
    __asm__ volatile("" : "+r"(constants));
    VECTOR out;
    NAME(tanh_with)(constants, 1, &x, &out);
    return out;
}

#undef TANH_SHIFT
#undef TANH_LAST
#undef SIXTEEN
