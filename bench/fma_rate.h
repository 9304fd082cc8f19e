/* Loops of multiply-adds that never leave the registers: how fast this machine can multiply and add at all. One file
 * for each instruction set, compiled with the flags of its kernels. */
#ifndef L2O_BENCH_FMA_RATE_H
#define L2O_BENCH_FMA_RATE_H

#include <stdint.h>

#include "tensor/kernels.h"

typedef struct fma_rate {
    int64_t multiply_adds[2];         /* of one round, by dtype */
    double (*run[2])(int64_t rounds); /* by dtype; the number returned keeps the compiler from leaving work out */
} fma_rate;

/* The loops that may run on a kernel path, the widest vectors first: processors may clock lower with those than with
 * narrower ones. NULL past the end. */
const fma_rate *fma_rate_at(const char *path, int index);

extern const fma_rate fma_rate_portable;
#ifdef L2O_X86
extern const fma_rate fma_rate_avx2, fma_rate_avx512;
#endif

#endif
