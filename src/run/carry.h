/* What an optimizer carries from one step to the next, for a whole batch: x, its state, and how many steps it has
 * taken. */
#ifndef L2O_RUN_CARRY_H
#define L2O_RUN_CARRY_H

#include "optimizers/optimizer.h"

typedef struct carry {
    int64_t batch, dimension, steps;
    dtype type;
    void *x;                       /* [B, n] */
    void *state[OPTIMIZER_STATES]; /* [B * n * width] or [B * width] */
    int state_count;
    size_t row_bytes[OPTIMIZER_STATES]; /* of one instance's part of each state */
    bool starts_at_x[OPTIMIZER_STATES];
} carry;

l2o_status carry_create(const problem *problem, const optimizer *optimizer, carry *carry, l2o_error *error);
void carry_free(carry *carry);
/* x from the problem's x0, state zero (or x0 where the layout says so), no steps taken. */
void carry_reset(carry *carry, const problem *problem);
/* Between carries of one problem and optimizer. */
void carry_copy(const carry *from, carry *to);
size_t carry_x_bytes(const carry *carry); /* of one instance's x */
size_t carry_bytes(const carry *carry);   /* of x and state of the whole batch */

#endif
