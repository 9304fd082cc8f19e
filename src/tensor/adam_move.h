/* Adam's arithmetic over a stretch of float64 weights: the same bits by every instruction set, for nothing in it is
 * fused or reordered. */
#ifndef L2O_TENSOR_ADAM_MOVE_H
#define L2O_TENSOR_ADAM_MOVE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct adam_move_arguments {
    int64_t count;
    double beta1, beta2, first, second; /* 1 - beta1^t, 1 - beta2^t */
    double rate, epsilon;
    bool tensorflow;        /* w -= rate sqrt(second) / first m / (sqrt(v) + epsilon), else
                               w -= rate (m / first) / (sqrt(v / second) + epsilon); where m = 0 nothing moves */
    const double *gradient; /* [count], apart from the others, as these are */
    double *m, *v, *weights;
} adam_move_arguments;

void adam_move(const adam_move_arguments *arguments);

#endif
