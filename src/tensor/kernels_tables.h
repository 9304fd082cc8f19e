/* The tables that the instruction-set files define, for kernels_select() and for nobody else. */
#ifndef L2O_TENSOR_KERNELS_TABLES_H
#define L2O_TENSOR_KERNELS_TABLES_H

#include "tensor/kernels.h"

extern const kernels kernels_portable_float32, kernels_portable_float64;
#ifdef L2O_X86
extern const kernels kernels_avx2_float32, kernels_avx2_float64;
extern const kernels kernels_avx512_float32, kernels_avx512_float64;
#endif

#endif
