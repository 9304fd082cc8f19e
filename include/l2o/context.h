/* The context: what one thread of a user's program works with. It owns the worker threads' memory, the chosen kernels
 * and the sentence of the last error. Handles made with a context must not outlive it, and are used by one thread at a
 * time; two threads with two contexts share nothing. */
#ifndef L2O_CONTEXT_H
#define L2O_CONTEXT_H

#include "l2o/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct l2o_context l2o_context;

/* `threads`: 0 for as many as the machine has cores. `kernel`: "auto" (or NULL), "portable", "avx2", "avx512": the
 * instruction set of the compute kernels. Results are the same bits for any number of threads on one kernel path.
 * On failure *context still holds a context with the error's sentence where memory allows, else NULL. */
L2O_API l2o_status l2o_context_create(int threads, const char *kernel, l2o_context **context);
L2O_API void l2o_context_free(l2o_context *context); /* NULL is allowed */

/* The sentence of the last failure on this context; "" when there was none. Valid until the next call. */
L2O_API const char *l2o_context_error(const l2o_context *context);

/* Messages that are worth a user's attention (warnings, recoveries). Default: standard error. */
typedef void (*l2o_message_function)(void *user, const char *text);
L2O_API void l2o_context_on_message(l2o_context *context, l2o_message_function function, void *user);

/* Asks whatever runs on this context to stop at the next safe point and return L2O_ERROR_CANCELLED. May be called from
 * a signal handler or another thread. */
L2O_API void l2o_context_cancel(l2o_context *context);
/* A cancelled context refuses all work until this is called. */
L2O_API void l2o_context_resume(l2o_context *context);

/* Ranks: several processes, started by an MPI launcher, that share one computation. The library starts no MPI by
 * itself; this call joins the others (starting MPI where the program has not, with one thread calling it), before
 * anything else is made with the context. From then on l2o_train() and its kin are collective: every rank makes the
 * same calls with the same settings, and files and messages come from rank 0 alone. All other functions work on each
 * rank by itself. Results are the same bits for any number of ranks. L2O_ERROR_UNSUPPORTED where MPI was not built or
 * cannot start. The context that joined first is freed last; freeing it ends MPI where joining started it. */
L2O_API l2o_status l2o_context_join_ranks(l2o_context *context);
L2O_API int l2o_context_rank(const l2o_context *context);  /* 0 before joining */
L2O_API int l2o_context_ranks(const l2o_context *context); /* how many there are; 1 before joining */
/* How many processes an MPI launcher (of MPICH, Open MPI or Slurm) says that it started this one among; else 1. */
L2O_API int l2o_launched_ranks(void);
/* Collective: every rank gets the `status` of the lowest rank whose status is not L2O_OK, and its sentence as the
 * context's error. For programs whose ranks may fail one by one, reading a file say, before they compute together. */
L2O_API l2o_status l2o_context_agree(l2o_context *context, l2o_status status, const char *sentence);

L2O_API int l2o_context_threads(const l2o_context *context);
L2O_API const char *l2o_context_kernel(const l2o_context *context); /* the path in use: "avx512", ... */

/* The library's version, such as "0.1.0". */
L2O_API const char *l2o_version(void);

#ifdef __cplusplus
}
#endif
#endif
