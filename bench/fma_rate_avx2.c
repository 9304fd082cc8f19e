/* x86 with AVX2 and FMA: 32-byte vectors. */
#include "fma_rate.h"

#ifdef L2O_X86

#include "tensor/kernels_types.h"

enum { CHAINS = 12 };
#define VECTOR_BYTES 32

#define REAL float
#define RATE rate_float32
#include "fma_rate_body.h"
#undef REAL
#undef RATE
#define REAL double
#define RATE rate_float64
#include "fma_rate_body.h"

const fma_rate fma_rate_avx2 = {
    .multiply_adds = {CHAINS * VECTOR_BYTES / 4, CHAINS *VECTOR_BYTES / 8},
    .run = {rate_float32, rate_float64},
};

#endif
