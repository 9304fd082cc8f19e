/* One body, compiled for the vectors that every processor of the kind has and for wider ones. */
#include "tensor/adam_move.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline))

/* With epsilon = 0 it would be 0 / 0. */
INLINE double quotient(double m, double root) { return m == 0 ? 0 : m / root; }

INLINE void move_body(const adam_move_arguments *a) {
    const double *restrict gradient = a->gradient;
    double *restrict m = a->m, *restrict v = a->v, *restrict weights = a->weights;
    const double beta1 = a->beta1, beta2 = a->beta2, first = a->first, second = a->second, rate = a->rate;
    const double epsilon = a->epsilon, scaled = rate * sqrt(second) / first;
    const int64_t count = a->count;
    for (int64_t i = 0; i < count; i++) {
        m[i] = beta1 * m[i] + (1.0 - beta1) * gradient[i];
        v[i] = beta2 * v[i] + (1.0 - beta2) * gradient[i] * gradient[i];
    }
    if (a->tensorflow)
        for (int64_t i = 0; i < count; i++) weights[i] -= quotient(scaled * m[i], sqrt(v[i]) + epsilon);
    else
        for (int64_t i = 0; i < count; i++)
            weights[i] -= quotient(rate * (m[i] / first), sqrt(v[i] / second) + epsilon);
}

static void move_anywhere(const adam_move_arguments *a) { move_body(a); }

#ifdef L2O_X86
#ifdef __clang__
#define AVX512 "avx512f"
#else
#define AVX512 "avx512f,prefer-vector-width=512" /* or it takes half of each register */
#endif
__attribute__((target("avx2"))) static void move_avx2(const adam_move_arguments *a) { move_body(a); }
__attribute__((target(AVX512))) static void move_avx512(const adam_move_arguments *a) { move_body(a); }

void adam_move(const adam_move_arguments *a) {
    if (__builtin_cpu_supports("avx512f"))
        move_avx512(a);
    else if (__builtin_cpu_supports("avx2"))
        move_avx2(a);
    else
        move_anywhere(a);
}
#else
void adam_move(const adam_move_arguments *a) { move_anywhere(a); }
#endif
