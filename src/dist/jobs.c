/* Jobs over the context's threads: pieces of one run of pieces, each on a context of one thread. */
#include "dist/jobs.h"

#ifdef L2O_HAVE_OPENMP
#include <omp.h>
#endif

#include "base/memory.h"

struct job_lock {
#ifdef L2O_HAVE_OPENMP
    omp_lock_t lock;
#else
    char unused;
#endif
};

job_lock *job_lock_create(l2o_error *error) {
    job_lock *lock = memory_allocate(1, sizeof *lock, error);
#ifdef L2O_HAVE_OPENMP
    if (lock != NULL) omp_init_lock(&lock->lock);
#endif
    return lock;
}

void job_lock_free(job_lock *lock) {
    if (lock == NULL) return;
#ifdef L2O_HAVE_OPENMP
    omp_destroy_lock(&lock->lock);
#endif
    memory_free(lock);
}

void job_lock_take(job_lock *lock) {
#ifdef L2O_HAVE_OPENMP
    omp_set_lock(&lock->lock);
#endif
    (void)lock;
}

void job_lock_release(job_lock *lock) {
#ifdef L2O_HAVE_OPENMP
    omp_unset_lock(&lock->lock);
#endif
    (void)lock;
}

typedef struct jobs {
    l2o_context *context;
    l2o_context **own; /* [as many as run at once] */
    job_function function;
    void *argument;
    atomic_bool failed;
} jobs;

static void drop_message(void *user, const char *text) {
    (void)user;
    (void)text;
}

static l2o_status create_contexts(jobs *self, int count, int threads, l2o_error *error) {
    self->own = memory_allocate((size_t)count, sizeof(l2o_context *), error);
    if (self->own == NULL) return error->status;
    for (int i = 0; i < count; i++) {
        l2o_status status = l2o_context_create(threads, self->context->kernel, &self->own[i]);
        if (self->own[i] == NULL)
            return error_set(error, L2O_ERROR_MEMORY, "out of memory while %d jobs were prepared", count);
        if (status != L2O_OK) {
            *error = self->own[i]->error;
            return status;
        }
        self->own[i]->parent = self->context;
        l2o_context_on_message(self->own[i], drop_message, NULL);
    }
    return L2O_OK;
}

static l2o_status run_job(void *argument, int64_t job, worker *worker) {
    jobs *self = argument;
    if (atomic_load(&self->failed)) return L2O_OK;
    l2o_status status = self->function(self->argument, job, self->own[worker - self->context->workers], &worker->error);
    if (status != L2O_OK) atomic_store(&self->failed, true);
    return status;
}

l2o_status jobs_run(l2o_context *context, int64_t count, job_function function, void *argument, l2o_error *error) {
    jobs self = {.context = context, .function = function, .argument = argument};
    atomic_init(&self.failed, false);
    int most = count < context->threads ? (int)count : context->threads;
    if (most < 1) return L2O_OK;
    l2o_status status = create_contexts(&self, most, most == 1 ? context->threads : 1, error);
    if (status == L2O_OK) status = pieces_run(context, count, true, run_job, &self, error);
    for (int i = 0; i < most && self.own != NULL; i++) l2o_context_free(self.own[i]);
    memory_free(self.own);
    return status;
}
