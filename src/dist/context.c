/* A context: its threads and their arenas, its kernels, its cancellation, its messages and its last error. */
#include "dist/context.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef L2O_HAVE_OPENMP
#include <omp.h>
#endif

#include "base/memory.h"
#include "tensor/kernels.h"

enum { MOST_THREADS = 1024 };

static void message_to_standard_error(void *user, const char *text) {
    (void)user;
    fprintf(stderr, "l2o: %s\n", text);
}

l2o_status l2o_context_create(int threads, const char *kernel, l2o_context **out) {
    *out = NULL;
    l2o_error error = {0};
    l2o_context *context = memory_allocate(1, sizeof *context, &error);
    if (context == NULL) return error.status;
    *out = context;
    context->message = message_to_standard_error;
    atomic_init(&context->cancelled, false);
    ranks_begin(&context->ranks);
    if (threads < 0 || threads > MOST_THREADS)
        return error_set(&context->error, L2O_ERROR_INPUT, "threads is %d, but must lie between 0 and %d", threads,
                         MOST_THREADS);
    if (threads == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        threads = cores < 1 ? 1 : cores > MOST_THREADS ? MOST_THREADS : (int)cores;
        context->threads_by_cores = true;
#ifdef L2O_HAVE_OPENMP
        int own = omp_get_num_procs();
        context->bound = own < threads;
        if (context->bound) threads = own;
#endif
    }
#ifndef L2O_HAVE_OPENMP
    threads = 1;
#endif
    const kernels *table;
    TRY(kernels_select(kernel, DTYPE_FLOAT32, &table, &context->error));
    snprintf(context->kernel, sizeof context->kernel, "%s", table->name);
    context->workers = memory_allocate((size_t)threads, sizeof *context->workers, &context->error);
    if (context->workers == NULL) return context->error.status;
    context->threads = threads;
    return L2O_OK;
}

void l2o_context_free(l2o_context *context) {
    if (context == NULL) return;
    ranks_leave(context);
    for (int i = 0; i < context->threads; i++) arena_free(&context->workers[i].arena);
    memory_free(context->workers);
    memory_free(context);
}

const char *l2o_context_error(const l2o_context *context) { return context->error.text; }
int l2o_context_threads(const l2o_context *context) { return context->threads; }
const char *l2o_context_kernel(const l2o_context *context) { return context->kernel; }
const char *l2o_version(void) { return L2O_VERSION; }

void l2o_context_on_message(l2o_context *context, l2o_message_function function, void *user) {
    context->message = function != NULL ? function : message_to_standard_error;
    context->message_user = user;
}

void l2o_context_cancel(l2o_context *context) { atomic_store(&context->cancelled, true); }
void l2o_context_resume(l2o_context *context) { atomic_store(&context->cancelled, false); }
bool context_cancelled(const l2o_context *context) {
    return atomic_load(&context->cancelled) || (context->parent != NULL && context_cancelled(context->parent));
}

void context_message(l2o_context *context, const char *format, ...) {
    if (!ranks_leads(context)) return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    context->message(context->message_user, text);
}
