/* Any machine: 16-byte vectors, which every supported compiler lowers to what the target has. */
#define KERNELS_PATH portable
#define VECTOR_BYTES 16
#define TILE_VECTORS 3 /* the widest register tile, in vectors */

#include "tensor/kernels_types.h"

#define REAL_BITS 32
#include "tensor/kernels_body.h"
#undef REAL_BITS

#define REAL_BITS 64
#include "tensor/kernels_body.h"
#undef REAL_BITS
