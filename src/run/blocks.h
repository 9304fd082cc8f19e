/* The state of coordinates in blocks, for an optimizer that offers a fused step: who steps without recording, through
 * few coordinates or through many, steps through these. Coordinates of several instances lie flat, one instance behind
 * another. Blocks go over the context's threads, and give the same bits for any number of them. */
#ifndef L2O_RUN_BLOCKS_H
#define L2O_RUN_BLOCKS_H

#include "dist/context.h"
#include "optimizers/fused_step.h"
#include "run/carry.h"

typedef struct blocks {
    l2o_context *context;
    const optimizer *optimizer;
    const kernels *kernels;
    const void *weights;                 /* as the fused step reads them */
    const void *lengths;                 /* likewise, of the coordinates; NULL: none */
    int64_t coordinates, columns, count; /* columns of every block but the last */
    int64_t last;                        /* columns of the last block */
    int64_t features;                    /* numbers of state per coordinate */
    char *records;                       /* [count, features, columns] */
} blocks;

/* Lays out blocks for an optimizer with a fused step; the caller then gives them `records` and `weights`. */
blocks blocks_plan(l2o_context *context, const optimizer *optimizer, const kernels *kernels, int64_t coordinates);
/* What the records take. At the start they are zero. */
size_t blocks_bytes(const blocks *blocks);

/* The step number `step` (1 at the first): moves x [coordinates] and the state along g [coordinates], the gradient as
 * the optimizer is to see it. Takes scratch memory from the workers' arenas, and nothing from the heap once these are
 * warm. */
l2o_status blocks_step(blocks *blocks, int64_t step, void *x, const void *g, l2o_error *error);

/* Fills the records from the rows of a carry beginning with `first`, a state without memory counting as zero; and the
 * way back. */
void blocks_load(const blocks *blocks, const carry *from, int64_t first);
void blocks_store(const blocks *blocks, carry *to, int64_t first);
/* Keeps the instances listed in `keep` (increasing) alone, of `dimension` coordinates each. */
l2o_status blocks_compact(blocks *blocks, int64_t dimension, const int64_t *keep, int64_t count, arena *scratch,
                          l2o_error *error);

#endif
