/* Jobs: pieces of work so large that each has a context of its own (a whole training, all runs of an optimizer). As
 * many run at once as the context has threads, on one thread each; a single job gets all threads. A job gives the same
 * bits either way. */
#ifndef L2O_DIST_JOBS_H
#define L2O_DIST_JOBS_H

#include "dist/context.h"

/* Job number `job`, on a context that is its own for the time being: it hears of the cancellation of the context that
 * jobs_run() was given, and its messages go nowhere. Its failure is in `error`. */
typedef l2o_status (*job_function)(void *argument, int64_t job, l2o_context *context, l2o_error *error);

/* Jobs 0 .. count - 1. After a failure no further ones are begun; the error is that of the lowest that failed. */
l2o_status jobs_run(l2o_context *context, int64_t count, job_function function, void *argument, l2o_error *error);

/* What jobs share is held while it is changed. */
typedef struct job_lock job_lock;
job_lock *job_lock_create(l2o_error *error); /* NULL: out of memory */
void job_lock_free(job_lock *lock);
void job_lock_take(job_lock *lock);
void job_lock_release(job_lock *lock);

#endif
