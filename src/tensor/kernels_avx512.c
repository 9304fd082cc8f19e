/* x86 with AVX-512 (F, DQ, VL, BW): 64-byte vectors, 32 registers. */
#include "tensor/kernels_tables.h"

#ifdef L2O_X86

#define KERNELS_PATH avx512
#define VECTOR_BYTES 64
#define TILE_VECTORS 5 /* the widest register tile, in vectors */

#include "tensor/kernels_types.h"

#define REAL_BITS 32
#include "tensor/kernels_body.h"
#undef REAL_BITS

#define REAL_BITS 64
#include "tensor/kernels_body.h"
#undef REAL_BITS

#endif
