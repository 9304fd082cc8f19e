/* The loop that drives an optimizer over a few instances of a problem (a shard), on one thread and one tape. An unroll,
 * an evaluation and a solve are all this loop; recorded or not is the only difference. */
#ifndef L2O_RUN_DRIVER_H
#define L2O_RUN_DRIVER_H

#include "run/blocks.h"

typedef struct driver {
    tape tape;
    step_context context;
    value *x, *state[OPTIMIZER_STATES];
    value **weights;
    const optimizer *optimizer;
    instances rows;
    const kernels *kernels;
    tape_mark start; /* before the optimizer's constants */
    tape_mark mark;  /* what a step makes is dropped back to here, when nothing is recorded */
    size_t x_bytes, state_bytes[OPTIMIZER_STATES]; /* of one instance */
    double gradient_evaluations;                   /* spent per instance so far */
    bool fused;                                    /* the state is in blocks, below, and nowhere else */
    blocks blocks;
} driver;

/* Starts on the rows of `from` named by `rows` (which must be consecutive instances when `rows` is a range of a carry).
 * With `recording`, weights are differentiable. Everything lives in `arena` until it is reset; on failure the error is
 * set and driver_status() tells. `weights` are the flat float64 weights, NULL for hand-designed optimizers. */
void driver_begin(driver *driver, const kernels *kernels, arena *arena, l2o_error *error, const problem *problem,
                  const optimizer *optimizer, const double *weights, const instances *rows, const carry *from,
                  int64_t first, bool recording, bool detached);
/* The same with weights that are in the problem's type already: see run/converted.h. They are not copied. */
void driver_begin_converted(driver *driver, const kernels *kernels, arena *arena, l2o_error *error,
                            const problem *problem, const optimizer *optimizer, const void *converted,
                            const instances *rows, const carry *from, int64_t first, bool recording, bool detached);
/* The same, not recording, with steps around the tape: for optimizers with a fused step. Blocks of coordinates go over
 * the context's threads where they may, see pieces_run(). A state that `from` has no memory for is zero. */
void driver_begin_fused(driver *driver, l2o_context *context, const kernels *kernels, arena *arena, l2o_error *error,
                        const problem *problem, const optimizer *optimizer, const double *weights,
                        const instances *rows, const carry *from, int64_t first);
l2o_status driver_status(const driver *driver);

/* The objective [count, 1] at the present x: on the tape when recording. */
value *driver_objective(driver *driver);
/* One step; `step` counts from 1 over the life of an instance. */
void driver_step(driver *driver, int64_t step);
/* Keeps only the rows listed in `keep` (indices into the present rows, increasing). Not while recording. `rows` is the
 * new list of instances and must stay valid, outside the driver's arena: what was made there since driver_begin() is
 * given back. */
void driver_compact(driver *driver, const int64_t *keep, int64_t count, const instances *rows);
/* Copies x and state back into the rows first, first + 1, ... of a carry. */
void driver_store(const driver *driver, carry *to, int64_t first);

#endif
