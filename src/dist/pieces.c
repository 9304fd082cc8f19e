/* Pieces of work over OpenMP threads. Pieces are handed out one at a time, so uneven ones balance; results do not
 * depend on who took which, because a piece writes only what belongs to its number. */
#include <stdint.h>

#ifdef L2O_HAVE_OPENMP
#include <omp.h>
#endif

#include "dist/context.h"

typedef struct failure {
    int64_t piece; /* INT64_MAX: none */
    l2o_error error;
} failure;

static void piece_run(l2o_context *context, int64_t piece, worker *worker, bool inner, piece_function function,
                      void *argument, failure *failure) {
    if (failure->piece < piece) return;
    arena_mark mark = inner ? arena_position(&worker->arena) : (arena_mark){0};
    arena_reset(&worker->arena, mark);
    error_clear(&worker->error);
    l2o_status status = !inner && context_cancelled(context) /* within a piece, that piece decides when to stop */
                            ? error_set(&worker->error, L2O_ERROR_CANCELLED, "cancelled by the user")
                            : function(argument, piece, worker);
    arena_reset(&worker->arena, mark);
    if (status != L2O_OK) {
        failure->piece = piece;
        failure->error = worker->error;
    }
}

/* The worker of a thread that calls for pieces: the first, or while threads share pieces the one of its number. */
static worker *calling_worker(const l2o_context *context) {
#ifdef L2O_HAVE_OPENMP
    if (context->spread) return &context->workers[omp_get_thread_num()];
#endif
    return &context->workers[0];
}

l2o_status pieces_run_noting(l2o_context *context, int64_t count, bool concurrent, piece_function function,
                             void *argument, int64_t *failed, l2o_error *error) {
    failure first = {.piece = INT64_MAX};
    bool spread = context->spread, inner = spread || context->runs > 0;
#ifdef L2O_HAVE_OPENMP
    if (concurrent && !spread && context->threads > 1 && count > 1) {
        int threads = context->threads < count ? context->threads : (int)count;
        omp_lock_t lock; /* not a critical section, whose lock would be global and exported */
        omp_init_lock(&lock);
        context->spread = true;
#pragma omp parallel num_threads(threads)
        {
            worker *mine = &context->workers[omp_get_thread_num()];
            failure own = {.piece = INT64_MAX};
#pragma omp for schedule(dynamic, 1) nowait
            for (int64_t piece = 0; piece < count; piece++)
                piece_run(context, piece, mine, inner, function, argument, &own);
            omp_set_lock(&lock);
            if (own.piece < first.piece) first = own;
            omp_unset_lock(&lock);
        }
        context->spread = false;
        omp_destroy_lock(&lock);
    } else
#endif
    {
        worker *mine = calling_worker(context);
        if (!spread) context->runs++;
        for (int64_t piece = 0; piece < count; piece++)
            piece_run(context, piece, mine, inner, function, argument, &first);
        if (!spread) context->runs--;
    }
    (void)concurrent;
    if (first.piece == INT64_MAX) return L2O_OK;
    *failed = first.piece;
    *error = first.error;
    return first.error.status;
}

l2o_status pieces_run(l2o_context *context, int64_t count, bool concurrent, piece_function function, void *argument,
                      l2o_error *error) {
    int64_t failed;
    return pieces_run_noting(context, count, concurrent, function, argument, &failed, error);
}

/* As if within a piece: those come to their end. */
l2o_status pieces_run_whole(l2o_context *context, int64_t count, piece_function function, void *argument,
                            l2o_error *error) {
    bool outside = !context->spread;
    if (outside) context->runs++;
    l2o_status status = pieces_run(context, count, true, function, argument, error);
    if (outside) context->runs--;
    return status;
}
