/* The gradients of large weights that do nothing but multiply: sums of products l' r over all rows of a batch, where
 * each shard has few rows and a product of its own would cost as much memory as the weights have.
 *
 * A shard leaves the factors l and r, in the problem's type. When a round of pieces is through, threads take stretches
 * of the tensors' rows, add up the products of all shards in order in the problem's type, and hand the sum on as
 * float64; sums of rounds are added in float64. What comes out depends on the shards and rounds, which the problem
 * decides alone, and not on the threads. */
#ifndef L2O_RUN_PRODUCTS_H
#define L2O_RUN_PRODUCTS_H

#include "dist/context.h"
#include "optimizers/optimizer.h"

enum { PRODUCT_ROUND = 32 }; /* pieces whose factors are kept at a time */

typedef struct kept_product kept_product;

/* What the shards of a piece left, in their order. */
typedef struct product_slot {
    arena memory;
    kept_product *first, *last;
} product_slot;

/* Is this tensor one of them? The smaller ones are not worth it. */
bool products_defer(const optimizer *optimizer, int k);
bool products_any(const optimizer *optimizer);

void product_slot_clear(product_slot *slot);
/* Copies the factors that a shard's tape has noted for its `weights`. */
l2o_status product_slot_keep(product_slot *slot, const tape *tape, int tensors, value *const *weights,
                             l2o_error *error);

/* How many stretches of rows these tensors are summed in. */
int64_t products_stretches(const optimizer *optimizer);

typedef struct product_sum {
    const optimizer *optimizer;
    const kernels *kernels;
    const bool *active; /* [weight_count]; NULL: all */
    int slot_count;     /* of this round, in the order of their pieces */
    const product_slot *slots;
    bool adding;             /* not the first round: what `gradient` holds is added to */
    double *gradient;        /* [weight_total]; of tensors that are not deferred: as it was */
    double *stretch_squares; /* out [products_stretches()]: of the gradient so far */
} product_sum;

l2o_status products_sum(l2o_context *context, product_sum *sum, l2o_error *error);
/* The sum of the squares of a tensor's gradient after that. */
double products_squares(const product_sum *sum, int k);

#endif
