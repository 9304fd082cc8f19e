/* All weights in a problem's float type: converted once for a segment or a solve, and read by all its shards. */
#ifndef L2O_RUN_CONVERTED_H
#define L2O_RUN_CONVERTED_H

#include "dist/context.h"
#include "optimizers/optimizer.h"

/* Where tensor k begins, in numbers, each at a cache line; for k = weight_count: how many numbers there are in all. */
int64_t converted_offset(const optimizer *optimizer, int k);
/* On the calling thread. `out` [converted_offset(optimizer, weight_count)] */
void converted_fill(const optimizer *optimizer, const kernels *kernels, const double *weights, void *out);
/* Over the context's threads. */
void converted_spread(l2o_context *context, const optimizer *optimizer, const kernels *kernels, const double *weights,
                      void *out);

#endif
