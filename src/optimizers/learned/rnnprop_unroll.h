/* The inside of RNNprop's fused unroll: coordinates in blocks of columns, the network's weights in the working type,
 * and what the forward pass keeps for the way back. For rnnprop_*.c alone. */
#ifndef L2O_OPTIMIZERS_LEARNED_RNNPROP_UNROLL_H
#define L2O_OPTIMIZERS_LEARNED_RNNPROP_UNROLL_H

#include "optimizers/learned/rnnprop_weights.h"

/* What one step makes of one block, or a state alone, which is h and c. All are [.., columns of the block]. */
typedef struct rnnprop_record {
    void *signal; /* [hidden]: the projected inputs, which the first layer sees */
    struct {
        void *gates, *tanh_c, *c, *h; /* [4 hidden], [hidden], [hidden], [hidden]; c and h are the new ones */
    } layer[RNNPROP_MOST_LAYERS];
} rnnprop_record;

/* Coordinates first .. first + columns - 1, of which the last few may be padding: their inputs, gradients and states at
 * the start are zero. */
typedef struct rnnprop_block {
    int64_t first, columns, count; /* count of them are no padding */
    rnnprop_record now;            /* the state on the way forward */
    rnnprop_record other;          /* where the next one goes, when steps are not recorded */
    char *records;                 /* [window] */
    char *checkpoints;             /* [steps / window, rounded up]: the states at the start of each window */
} rnnprop_block;

/* Coordinates of all instances lie flat, one instance behind another, padded to a multiple of COLUMN_MULTIPLE at the
 * end. Arrays "of all steps" hold one row of `width` coordinates per step, more of them for features and head. */
typedef struct rnnprop_unroll {
    const unroll *asked;
    const kernels *kernels;
    const rnnprop *network;
    arena *arena;
    l2o_error *error;
    rnnprop_weights weights;
    int64_t coordinates, width;  /* without and with padding */
    int64_t head_rows;           /* columns_saved() */
    const void *lengths;         /* [width]: of steps, see rnnprop_lengths() */
    int64_t block_count, widest; /* columns of the widest block */
    rnnprop_block *blocks;
    size_t size;      /* of one number */
    bool keeping;     /* x, g, features and head are kept for all steps, and there are checkpoints */
    bool all_saved;   /* records too; otherwise they are made again, window by window, and blocks share their memory */
    bool far;         /* records leave the caches before the way back */
    int64_t window;   /* steps between checkpoints */
    char *x, *g;      /* [steps + 1, width]: x_t, and the instances' own gradients, not scaled */
    char *features;   /* [steps, 2 width]: of a block [2, columns] at 2 first */
    char *head;       /* [steps, head_rows width]: what the step saved; of a block [head_rows, columns] */
    void *m, *v, *d;  /* [width]; d with momentum alone */
    void *scaled, *f; /* [width], [rows]: g as the optimizer sees it, f */
} rnnprop_unroll;

/* Element `index` of an array of numbers. */
static inline void *rnnprop_at(const rnnprop_unroll *it, const void *array, int64_t index) {
    return (char *)(uintptr_t)array + index * (int64_t)it->size;
}
/* Rows of arrays of all steps; there is only one when nothing is kept. */
static inline void *rnnprop_row(const rnnprop_unroll *it, const char *array, int64_t t, int64_t width) {
    return rnnprop_at(it, array, it->keeping ? t * width : 0);
}
/* What step t saved of a block's head. */
static inline void *rnnprop_head(const rnnprop_unroll *it, const rnnprop_block *block, int64_t t) {
    return rnnprop_at(it, it->head, it->head_rows * (t * it->width + block->first));
}
/* The lengths of a block's steps; NULL: all the same. */
static inline const void *rnnprop_block_lengths(const rnnprop_unroll *it, const rnnprop_block *block) {
    return it->lengths == NULL ? NULL : rnnprop_at(it, it->lengths, block->first);
}
/* NULL and an error when there is no memory. */
void *rnnprop_numbers(rnnprop_unroll *it, int64_t count);

/* How many numbers a record and a state have, and those of step t in memory laid out like a block's. */
int64_t rnnprop_record_length(const rnnprop_unroll *it, const rnnprop_block *block);
int64_t rnnprop_state_length(const rnnprop_unroll *it, const rnnprop_block *block);
rnnprop_record rnnprop_record_of(const rnnprop_unroll *it, const rnnprop_block *block, const char *records, int64_t t);
rnnprop_record rnnprop_state_of(const rnnprop_unroll *it, const rnnprop_block *block, const char *checkpoints,
                                int64_t t);
/* The record of step t, while that is saved. */
rnnprop_record rnnprop_saved(const rnnprop_unroll *it, const rnnprop_block *block, int64_t t);
/* The state before step t: the record of the step before, or a checkpoint. */
rnnprop_record rnnprop_before(const rnnprop_unroll *it, const rnnprop_block *block, int64_t t);
/* Makes sure that the records of the window that begins with step t, of `steps` steps, are there. */
void rnnprop_recall(rnnprop_unroll *it, const rnnprop_block *block, int64_t t, int64_t steps);
/* The last step whose objective counts in the meta-loss; 0: none behind the first. */
int64_t rnnprop_last_term(const rnnprop_unroll *it);

/* The gradient of the meta-loss, after the way forward. */
l2o_status rnnprop_gradient(rnnprop_unroll *it);
/* Its derivative along the direction, after the way forward. */
l2o_status rnnprop_hessian(rnnprop_unroll *it);

#endif
