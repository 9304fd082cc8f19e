/* All kernels of one table. Written once; an instruction-set file includes it for each float type, with
 *   KERNELS_PATH   the table's name, VECTOR_BYTES its vector width, TILE_VECTORS its widest register tile;
 *   REAL_BITS      32 or 64: the float type.
 * Here these become REAL (the type), VECTOR (LANES of it) and NAME(x), which makes the names of the two types differ.
 * The vectors are those of GCC and Clang (vector_size); intrinsics appear only where a part of a vector is loaded. */

#define NAME(name) JOIN(name, REAL_NAME)
#if REAL_BITS == 32
#define REAL                float
#define REAL_NAME           float32
#define REAL_INTEGER        int32_t
#define REAL_UNSIGNED       uint32_t
#define REAL_DTYPE          DTYPE_FLOAT32
#define REAL_FUNCTION(name) name##f
#else
#define REAL                double
#define REAL_NAME           float64
#define REAL_INTEGER        int64_t
#define REAL_UNSIGNED       uint64_t
#define REAL_DTYPE          DTYPE_FLOAT64
#define REAL_FUNCTION(name) name
#endif
#define LANES  ((int64_t)(VECTOR_BYTES / sizeof(REAL)))
#define VECTOR NAME(vector)
#define MASK   NAME(mask)
#define BITS   NAME(bits)
#define WIDE   NAME(wide)

#include "tensor/kernels_vector.h"

#include "tensor/kernels_math.h"

#include "tensor/kernels_trigonometric.h"

#include "tensor/kernels_elementwise.h"

#include "tensor/kernels_sums.h"

#include "tensor/kernels_transpose.h"

#include "tensor/kernels_gemm.h"

#include "tensor/kernels_lstm.h"

#include "tensor/kernels_columns.h"

#include "tensor/kernels_columns_projection.h"
#include "tensor/kernels_least_squares.h"

#include "tensor/kernels_columns_tangent.h"

#include "tensor/kernels_columns_head.h"

const kernels NAME(JOIN(kernels, KERNELS_PATH)) = {
    .name = TEXT(KERNELS_PATH),
    .type = REAL_DTYPE,
    .gemm = NAME(gemm),
    .affine = NAME(affine),
    .unary = NAME(unary),
    .binary = NAME(binary),
    .sum_rows = NAME(sum_rows),
    .sum_columns = NAME(sum_columns),
    .soft_threshold = NAME(soft_threshold),
    .split_columns = NAME(split_columns),
    .axpy = NAME(axpy),
    .dot = NAME(dot),
    .moments = NAME(moments),
    .lstm_forward = NAME(lstm_forward),
    .lstm_backward = NAME(lstm_backward),
    .transpose = NAME(transpose),
    .columns_lstm_pack = NAME(columns_lstm_pack),
    .columns_lstm_forward = NAME(columns_lstm_forward),
    .columns_lstm_backward = NAME(columns_lstm_backward),
    .columns_projection = NAME(columns_projection),
    .columns_projection_backward = NAME(columns_projection_backward),
    .columns_head = NAME(columns_head),
    .columns_head_backward = NAME(columns_head_backward),
    .least_squares = NAME(least_squares),
    .columns_lstm_tangent = NAME(columns_lstm_tangent),
    .columns_lstm_tangent_backward = NAME(columns_lstm_tangent_backward),
    .columns_projection_tangent = NAME(columns_projection_tangent),
    .columns_projection_tangent_backward = NAME(columns_projection_tangent_backward),
    .columns_head_tangent = NAME(columns_head_tangent),
    .columns_head_tangent_backward = NAME(columns_head_tangent_backward),
    .to_double = NAME(to_double),
    .from_double = NAME(from_double),
};

#undef NAME
#undef REAL
#undef REAL_NAME
#undef REAL_INTEGER
#undef REAL_UNSIGNED
#undef REAL_DTYPE
#undef REAL_FUNCTION
#undef LANES
#undef VECTOR
#undef MASK
#undef BITS
#undef ABREAST
#undef WIDE
#undef WIDE_LANES
#undef WIDE_PARTS
