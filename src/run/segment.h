/* A segment: T steps of an optimizer over a whole batch, from one carry to the next; its objectives, and on request the
 * gradient of the meta-loss with respect to the weights, and that gradient's own derivative along a direction.
 *
 * The batch is cut into shards whose size depends on the problem alone; each is one fused unroll, or runs on one tape.
 * Successive shards make a piece, which is one thread's work and adds up what its shards give, in order; pieces are
 * summed along a fixed tree. So the result is the same bits for any number of threads, and memory does not grow with
 * the number of shards. */
#ifndef L2O_RUN_SEGMENT_H
#define L2O_RUN_SEGMENT_H

#include "dist/sums.h"
#include "run/carry.h"
#include "run/products.h"

/* The workplace of a problem and an optimizer: buffers that are allocated once. */
typedef struct runner {
    l2o_context *context;
    problem *problem;
    const optimizer *optimizer;
    const kernels *kernels;
    int64_t shard_size, shard_count;
    int64_t *identity; /* [B] 0, 1, 2, ... */
    double *objective; /* [T + 1, B] of the longest segment so far; of this rank's instances */
    int64_t objective_steps;
    sums sums;       /* over pieces: [gradient, hessian_vector, objectives summed over instances, their logarithms] */
    double *means;   /* [T + 1] of the last segment's objectives; within `sums` */
    void *converted; /* see runner_convert() */
    product_slot *slots;     /* [PRODUCT_ROUND]; of all segments that are run together with this one as the first */
    double *stretch_squares; /* [products_stretches()] */
    bool agrees;             /* all ranks run all of it, and return one status: see runners_share() */
} runner;

l2o_status runner_create(l2o_context *context, problem *problem, const optimizer *optimizer, runner *runner,
                         l2o_error *error);
void runner_free(runner *runner);

/* Weights in the problem's type, see run/converted.h, into runner->converted: until the next time. */
l2o_status runner_convert(runner *runner, const double *weights, l2o_error *error);

/* Shares the pieces of these runners over the context's ranks, for good: what becomes of an instance (its objectives,
 * its trajectory, its part of a carry) is known to its rank alone, sums are known to all. Segments on them are then
 * collective. Without this call every rank runs all pieces; and so it stays where the optimizer has weights that
 * products_defer(), whose gradient is as large as what there is to share, but that ranks agree on the status. */
void runners_share(int count, runner *const *runners);

typedef struct segment {
    const double *weights;      /* [weight_total]; NULL for hand-designed optimizers */
    int64_t steps;              /* T */
    int64_t first_step;         /* the step index of the first step; 0: one more than the carry has taken */
    bool detached;              /* gradients seen by the optimizer are constants */
    bool require_finite;        /* L2O_ERROR_NUMERIC, naming step and instance, when an objective is not finite */
    const double *loss_weights; /* [T + 1]: the meta-loss is sum_t loss_weights[t] * mean_p f_p(x_t) */
    const bool *active;         /* [weight_count]: with respect to which tensors; NULL: all. What is written below of
                                   the others, in gradient, hessian_vector, stays as it was */
    bool logarithm;             /* of ln f_p instead of f_p; what is below zero has none and fails like the infinite */
    const carry *from;
    carry *to;                   /* where x and state end up; may be `from`; NULL: dropped */
    double *gradient;            /* out [weight_total]; NULL: not wanted */
    double *squares;             /* out [weight_count]: of each tensor's gradient, their sum; NULL: not wanted */
    const double *direction;     /* [weight_total] or NULL; the gradient need not be wanted too */
    double *hessian_vector;      /* out: the Hessian of the meta-loss times direction */
    bool on_tape;                /* the tape runs even where the optimizer has a fused unroll: for checks */
    bool undeferred;             /* gradients of large weights shard by shard, like all others: for checks */
    bool unguarded;              /* steps as they are recorded, without an optimizer's guard: for checks */
    gradient_log *log;           /* keeps or replays what the optimizer sees of the gradients; NULL: neither */
    double *trajectory;          /* out [T + 1, B, n], x_0 .. x_T; NULL: not wanted */
    double *mean_objective;      /* out [T + 1], the batch's mean; NULL: not wanted */
    double loss;                 /* out: the meta-loss, when loss_weights is given */
    double gradient_evaluations; /* out: per instance */
} segment;

l2o_status segment_run(runner *runner, segment *segment, l2o_error *error);
/* Several segments at once, at most MOST_SUMS, segments[k] on runners[k], which are different runners on one context:
 * their pieces are handed out together, so that threads stay busy. Fails like the first that fails. */
l2o_status segments_run(int count, runner *const *runners, segment *segments, l2o_error *error);
/* f of each instance at step t of the last segment: [B]. */
const double *runner_objective(const runner *runner, int64_t step);
/* The batch's mean of f at step t of the last segment. */
double runner_mean_objective(const runner *runner, int64_t step);

#endif
