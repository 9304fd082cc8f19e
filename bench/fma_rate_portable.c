/* Vectors of 16 bytes, which any compiler knows, multiplied and added in two instructions where there is no fused one.
 */
#include "fma_rate.h"

#include "tensor/kernels_types.h"

enum { CHAINS = 12 };
#define VECTOR_BYTES 16

#define REAL float
#define RATE rate_float32
#include "fma_rate_body.h"
#undef REAL
#undef RATE
#define REAL double
#define RATE rate_float64
#include "fma_rate_body.h"

const fma_rate fma_rate_portable = {
    .multiply_adds = {CHAINS * VECTOR_BYTES / 4, CHAINS *VECTOR_BYTES / 8},
    .run = {rate_float32, rate_float64},
};
