/* One step of an optimizer around the tape, as it may offer it for runs of which nothing is recorded: over coordinates
 * in blocks, each of which stays in the cache while it is worked on. The tape is the reference that it is tested
 * against.
 *
 * A block's state is one record [features, columns]: the rows of the optimizer's states, in the order of its layout and
 * all of them per coordinate, with one column for each coordinate. The last block of a run may be narrower than the
 * others; its columns are a multiple of COLUMN_MULTIPLE, of which the last few may be padding. What becomes of a
 * coordinate depends on nothing but its own numbers and the weights, to the bit. */
#ifndef L2O_OPTIMIZERS_FUSED_STEP_H
#define L2O_OPTIMIZERS_FUSED_STEP_H

#include "optimizers/optimizer.h"

/* Some blocks of the same number of columns, one behind another. */
typedef struct block_step {
    const optimizer *optimizer;
    const kernels *kernels;
    const void *weights; /* what load() made */
    int64_t step;        /* 1 at the first */
    int64_t columns, blocks;
    void *records;       /* [blocks, features, columns] */
    void *x;             /* [blocks, columns] */
    const void *g;       /* [blocks, columns]: the gradient as the optimizer is to see it */
    const void *lengths; /* [blocks, columns] of what lengths() made, or NULL */
} block_step;

struct fused_step {
    int64_t columns; /* of a block */
    /* The flat float64 weights as steps want them, in memory from `arena`; NULL and an error without. */
    const void *(*load)(const optimizer *optimizer, const kernels *kernels, const double *weights, arena *arena,
                        l2o_error *error);
    /* What steps take of the instances `rows`: a number for each coordinate [rows->count n, padded to a multiple of
     * COLUMN_MULTIPLE] in the working type, in memory from `arena`. NULL where they take nothing, and without memory.
     * Optional. */
    const void *(*lengths)(const optimizer *optimizer, const problem *problem, const instances *rows,
                           double gradient_scale, const kernels *kernels, arena *arena, l2o_error *error);
    /* Moves x and the records. Scratch memory is taken from `arena` and given back by the caller. */
    l2o_status (*run)(const block_step *step, arena *arena, l2o_error *error);
};

#endif
