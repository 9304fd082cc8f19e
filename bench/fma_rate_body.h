/* The loop for one float type: CHAINS independent chains of vector multiply-adds, more than latency times throughput of
 * any processor of today asks for (4 cycles, 2 each cycle), few enough for 16 registers. Included with REAL, RATE
 * (the function's name) and VECTOR_BYTES defined. The values tend to 2: no infinities, no subnormal numbers. */

static double RATE(int64_t rounds) {
    typedef REAL vector __attribute__((vector_size(VECTOR_BYTES)));
    volatile REAL half = (REAL)0.5; /* hidden from the compiler */
    const vector factor = half - (vector){0}, addend = factor + factor;
    vector chain[CHAINS];
    UNROLL for (int k = 0; k < CHAINS; k++) chain[k] = factor * (REAL)k;
    for (int64_t round = 0; round < rounds; round++) {
        UNROLL for (int k = 0; k < CHAINS; k++) chain[k] = chain[k] * factor + addend;
    }
    vector sum = {0};
    UNROLL for (int k = 0; k < CHAINS; k++) sum += chain[k];
    return (double)sum[0];
}
