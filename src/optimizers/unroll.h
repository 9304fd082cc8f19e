/* The fused unroll of a shard, as an optimizer may offer it: all T steps over some instances of a problem, their
 * objectives, and on request the gradient of the meta-loss and its derivative along a direction, without the tape. The
 * tape is the reference that it is tested against.
 *
 * Gradients that the network sees are constants (detached inputs). What a fused unroll does not cover runs on the tape:
 * full derivatives, and gradients that are logged or replayed. */
#ifndef L2O_OPTIMIZERS_UNROLL_H
#define L2O_OPTIMIZERS_UNROLL_H

#include <float.h>
#include <math.h>

#include "dist/context.h"
#include "optimizers/optimizer.h"

typedef struct unroll {
    l2o_context *context; /* for cancellation */
    const optimizer *optimizer;
    const problem *problem;
    const kernels *kernels;
    instances rows;             /* count of them, below */
    const double *weights;      /* [weight_total] */
    int64_t steps, first_step;  /* T; the step index of the first step, from 1 */
    double gradient_scale;      /* of the gradients that the optimizer sees */
    const void *x;              /* [count, n] at the start */
    const void *const *state;   /* the rows' part of each state, as laid out in a carry */
    void *x_next;               /* where x ends up; may be `x`; NULL: dropped, and so is the state */
    void *const *state_next;    /* may be `state` */
    double *objective;          /* f of row r at x_t: objective[t * objective_stride + r] */
    int64_t objective_stride;   /* B */
    double *trajectory;         /* x_t of row r: trajectory[(t * objective_stride + r) * n]; NULL: not wanted */
    const double *loss_weights; /* [T + 1]: of f_p(x_t) in the meta-loss; NULL without derivatives */
    bool logarithm;             /* of ln f_p instead of f_p */
    double *gradient;           /* out [weight_total], these rows' share; NULL: not wanted */
    const double *direction;    /* [weight_total]; NULL: no Hessian-vector product */
    double *hessian_vector;     /* out [weight_total], these rows' share */
    size_t most_saved;          /* bytes kept for the way back; beyond, steps are computed twice. 0: a default */
} unroll;

/* Has 1 / f, or its square in a pass that takes second derivatives, too, no number in this type? Then the gradient of
 * ln f is taken as 0, as it is where f is 0: the instance is solved to the last bit, and infinity times the zeros on
 * the way back is NaN. */
static inline bool unroll_is_solved(dtype type, bool second_order, double f) {
    double slope = second_order ? 1 / f / f : 1 / f;
    return !(fabs(slope) <= (type == DTYPE_FLOAT32 ? (double)FLT_MAX : DBL_MAX)) && !isnan(f);
}

struct fused_unroll {
    int64_t shard_coordinates; /* how many coordinates a shard should have, as near as whole instances come */
    bool second_order;         /* can give Hessian-vector products */
    /* Memory is taken from `arena` and given back by the caller. */
    l2o_status (*run)(const unroll *unroll, arena *arena, l2o_error *error);
};

#endif
