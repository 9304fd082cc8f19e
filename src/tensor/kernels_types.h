/* What the bodies share whatever the float type: headers, name building, and hints to the compiler. Each
 * instruction-set file includes it once, after naming its path and vector width, before the bodies. */
#ifndef L2O_TENSOR_KERNELS_TYPES_H
#define L2O_TENSOR_KERNELS_TYPES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "tensor/blas.h"
#include "tensor/kernels.h"
#include "tensor/kernels_tables.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)
#define TEXT_(a)    #a
#define TEXT(a)     TEXT_(a)

#define INLINE static inline __attribute__((always_inline, unused))

/* Unrolls the next loop fully: its arrays of vectors must become registers. Not under sanitizers, whose checks
 * multiplied by the unrolling take compilers minutes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define L2O_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define L2O_SANITIZED 1
#endif
#endif
#if defined(L2O_SANITIZED) && defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(disable)")
#elif defined(L2O_SANITIZED)
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#endif
