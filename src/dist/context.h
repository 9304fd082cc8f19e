/* The context's inside: the worker threads' memory and tapes, the kernels, the error. */
#ifndef L2O_DIST_CONTEXT_H
#define L2O_DIST_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "dist/ranks.h"
#include "l2o/context.h"

/* What one thread works with: memory that is given back after each piece of work, and its own error. */
typedef struct worker {
    arena arena;
    l2o_error error;
} worker;

struct l2o_context {
    l2o_error error;
    char kernel[16];
    int threads;
    bool threads_by_cores; /* nobody asked for a number of threads */
    bool bound;            /* the launcher gave this process cores of its own */
    worker *workers;       /* [threads] */
    int runs;              /* of pieces that are under way on the first worker alone, one inside the other */
    bool spread;           /* a run of pieces over threads is under way */
    ranks ranks;
    l2o_message_function message;
    void *message_user;
    atomic_bool cancelled;
    const l2o_context *parent; /* whose cancellation is this one's, too; NULL: none */
};

/* Runs function(argument, piece, worker) for piece = 0 .. count - 1 over the context's threads, or one after another
 * when `concurrent` is false. Which thread takes which piece is not defined, so a piece must depend on nothing but its
 * number; sums over pieces are taken by the caller, in order. The error of the lowest failing piece is returned; a
 * cancelled context gives L2O_ERROR_CANCELLED before its next piece. What a piece takes from its worker's arena is
 * given back when it ends.
 *
 * A piece may run pieces itself. Where its own run is on the first worker alone (one piece, one thread, or not
 * concurrent), they go over the threads; where its run is over threads already, they follow one another on its worker.
 * Such inner runs come to their end when the context is cancelled: where to stop is the outer piece's affair.
 * Outside of any piece nothing may be kept in a worker's arena across a run. */
typedef l2o_status (*piece_function)(void *argument, int64_t piece, worker *worker);
l2o_status pieces_run(l2o_context *context, int64_t count, bool concurrent, piece_function function, void *argument,
                      l2o_error *error);
/* The same, with the number of the lowest failing piece. */
l2o_status pieces_run_noting(l2o_context *context, int64_t count, bool concurrent, piece_function function,
                             void *argument, int64_t *failed, l2o_error *error);

/* The same over threads, and to the end though the context be cancelled: for what must not be left half done, or done
 * by some ranks alone. It fails only if a piece fails. */
l2o_status pieces_run_whole(l2o_context *context, int64_t count, piece_function function, void *argument,
                            l2o_error *error);

/* A message for the user, formatted; from the rank that leads alone. */
void context_message(l2o_context *context, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool context_cancelled(const l2o_context *context);

#endif
