/* The counts, as docs/benchmarks.md derives them. */
#include "cost_model.h"

#include <math.h>

enum { INPUTS = 2, GATES = 4, MOMENTS = 2 };

cost cost_of(char workload, const cost_size *size) {
    double hidden = (double)size->hidden, layers = (double)size->layers;
    double coordinate_steps = (double)(size->coordinates * size->steps * size->tasks);
    /* Per coordinate and step: the input projection, the gates of each layer, the head. */
    double projection = INPUTS * hidden, forward = projection + layers * GATES * 2 * hidden * hidden + hidden;
    double gradient = 3 * forward - projection; /* forward, both factors' gradients, but none of the features */
    /* The gradient's derivative along a direction, on top of the gradient: twice each product but for the features,
     * which are constants. */
    double product = 6 * forward - 4 * projection;
    double tanh = layers * (GATES + 1) * hidden + 1, elu = hidden;
    double passes = 0, multiply_adds = 0, bytes = 0;
    switch (workload) {
    case 'a':
        passes = 1;
        multiply_adds = gradient;
        break;
    case 'b':
        passes = 2;
        multiply_adds = 2 * gradient;
        break;
    case 'c':
        passes = 2;
        multiply_adds = 2 * gradient + product;
        break;
    case 'd':
        passes = 1;
        multiply_adds = forward;
        break;
    case 'e':
        passes = 1;
        multiply_adds = forward;
        /* x, its moments, h and c of each layer are read and written; the gradient is read. */
        bytes = (2 * (1 + MOMENTS + layers * 2 * hidden) + 1) * (double)dtype_size(size->type);
        break;
    default: break;
    }
    return (cost){.multiply_adds = multiply_adds * coordinate_steps,
                  .tanh = passes * tanh * coordinate_steps,
                  .elu = passes * elu * coordinate_steps,
                  .bytes = bytes * coordinate_steps};
}

double cost_arithmetic(const cost *cost, const limits *limits) {
    return 2 * cost->multiply_adds * limits->seconds[LIMIT_FMA] + cost->tanh * limits->seconds[LIMIT_TANH] +
           cost->elu * limits->seconds[LIMIT_ELU];
}

double cost_memory(const cost *cost, const limits *limits) {
    return cost->bytes * fmin(limits->seconds[LIMIT_UPDATE], limits->seconds[LIMIT_COPY]);
}
