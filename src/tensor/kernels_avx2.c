/* x86 with AVX2 and FMA: 32-byte vectors, 16 registers. */
#include "tensor/kernels_tables.h"

#ifdef L2O_X86

#define KERNELS_PATH avx2
#define VECTOR_BYTES 32
#define TILE_VECTORS 3 /* the widest register tile, in vectors */

#include "tensor/kernels_types.h"

#define REAL_BITS 32
#include "tensor/kernels_body.h"
#undef REAL_BITS

#define REAL_BITS 64
#include "tensor/kernels_body.h"
#undef REAL_BITS

#endif
