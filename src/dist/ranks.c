/* Joining, waiting, agreeing: what ranks do apart from the computation. */
#include "dist/ranks.h"

#include <dlfcn.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "dist/context.h"
#include "tensor/kernels.h"

#ifndef L2O_MPI_MODULE
#define L2O_MPI_MODULE ""
#endif

/* Once cancelled, how long a rank waits for the others to come to the same point before it takes them for dead. Others
 * wait longer than the rank that leads: when they end, launchers end it too, and it has a checkpoint to write. */
static const double PATIENCE_SECONDS = 5, LONGER_SECONDS = 10;

void ranks_begin(ranks *ranks) { *ranks = (struct ranks){.place = {0, 1, 1}, .all = {0, 1, 1}}; }

bool ranks_leads(const l2o_context *context) { return context->ranks.place.rank == 0; }

int l2o_context_rank(const l2o_context *context) { return context->ranks.all.rank; }
int l2o_context_ranks(const l2o_context *context) { return context->ranks.all.count; }

/* ---------------------------------------------------------------------------------------------------------- waiting */

static l2o_status lose(l2o_context *context, const char *why, l2o_error *error) {
    context->ranks.lost = true;
    return error_set(error, L2O_ERROR_LOST, "rank %d of %d lost contact with another rank: %.700s",
                     context->ranks.place.rank, context->ranks.place.count, why);
}

static l2o_status check_contact(const l2o_context *context, l2o_error *error) {
    if (!context->ranks.lost) return L2O_OK;
    return error_set(error, L2O_ERROR_LOST, "another rank was lost before; start all ranks anew");
}

/* At first the processor is only offered to others, for a fraction of a millisecond; then this rank sleeps between
 * looks, so that ranks which still compute have it to themselves. */
static void pause_between_looks(int looks) {
    if (looks < 50) {
        sched_yield();
        return;
    }
    struct timespec nap = {.tv_nsec = looks < 1000 ? 20000 : 200000};
    nanosleep(&nap, NULL);
}

static l2o_status wait_for_others(l2o_context *context, const char *failure, l2o_error *error) {
    ranks *ranks = &context->ranks;
    double cancelled_at = -1;
    bool done = false;
    for (int looks = 0; failure == NULL; looks += looks < INT_MAX) {
        failure = ranks->transport->test(ranks->group, &done);
        if (done) return L2O_OK;
        pause_between_looks(looks);
        if (!context_cancelled(context)) continue;
        if (cancelled_at < 0) cancelled_at = clock_seconds();
        if (clock_seconds() - cancelled_at > (ranks_leads(context) ? PATIENCE_SECONDS : LONGER_SECONDS))
            failure = "this rank was asked to stop, and another did not answer for some seconds";
    }
    return lose(context, failure, error);
}

/* ------------------------------------------------------------------------------------------------------- exchanging */

l2o_status ranks_exchange(l2o_context *context, const rank_parts *send, const rank_parts *receive, l2o_error *error) {
    TRY(check_contact(context, error));
    ranks *ranks = &context->ranks;
    return wait_for_others(context, ranks->transport->exchange(ranks->group, send, receive), error);
}

l2o_status ranks_gather(l2o_context *context, const double *send, const rank_parts *receive, l2o_error *error) {
    TRY(check_contact(context, error));
    ranks *ranks = &context->ranks;
    int count = receive->counts[ranks->place.rank];
    return wait_for_others(context, ranks->transport->gather(ranks->group, send, count, receive), error);
}

l2o_status ranks_broadcast(l2o_context *context, void *bytes, size_t size, int root, l2o_error *error) {
    ranks *ranks = &context->ranks;
    if (ranks->group == NULL) return L2O_OK;
    TRY(check_contact(context, error));
    return wait_for_others(context, ranks->transport->broadcast(ranks->group, bytes, (int)size, root), error);
}

l2o_status ranks_reserve(l2o_context *context, int64_t count, l2o_error *error) {
    ranks *ranks = &context->ranks;
    if (count <= ranks->room) return L2O_OK;
    memory_free(ranks->send);
    memory_free(ranks->receive);
    ranks->room = 0;
    ranks->send = memory_allocate((size_t)count, sizeof(double), error);
    ranks->receive = memory_allocate((size_t)count, sizeof(double), error);
    l2o_status status = ranks->send == NULL || ranks->receive == NULL ? error->status : L2O_OK;
    TRY(ranks_agree(context, status, error));
    ranks->room = count;
    return L2O_OK;
}

/* --------------------------------------------------------------------------------------------------------- agreeing */

enum { AGREED = 8 };

/* `count` numbers of each rank, at most AGREED: those of rank r at (*all)[r * count]. */
static l2o_status gather_few(l2o_context *context, int count, const double *own, const double **all, l2o_error *error) {
    ranks *ranks = &context->ranks;
    int *counts = ranks->numbers, *offsets = counts + ranks->all.count;
    double *send = ranks->agreed, *receive = ranks->agreed + AGREED;
    for (int r = 0; r < ranks->place.count; r++) {
        counts[r] = count;
        offsets[r] = r * count;
    }
    memcpy(send, own, (size_t)count * sizeof *own);
    *all = receive;
    return ranks_gather(context, send, &(rank_parts){receive, counts, offsets}, error);
}

l2o_status ranks_share_error(l2o_context *context, int root, l2o_error *error) {
    ranks *ranks = &context->ranks;
    l2o_error shared = *error;
    bool local = shared.status != L2O_ERROR_NUMERIC && shared.status != L2O_ERROR_CANCELLED;
    if (ranks->place.rank == root && local && root > 0) {
        char host[64] = "";
        (void)gethostname(host, sizeof host - 1);
        snprintf(shared.text, sizeof shared.text, "rank %d, on %s: %.900s", ranks->all.rank, host, error->text);
    }
    TRY(ranks_broadcast(context, &shared, sizeof shared, root, error));
    *error = shared;
    return shared.status;
}

l2o_status ranks_agree(l2o_context *context, l2o_status status, l2o_error *error) {
    if (context->ranks.group == NULL) return status;
    if (context->ranks.lost) return status != L2O_OK ? status : check_contact(context, error);
    const double *all;
    TRY(gather_few(context, 1, &(double){status}, &all, error));
    for (int r = 0; r < context->ranks.place.count; r++)
        if (all[r] != L2O_OK) return ranks_share_error(context, r, error);
    return L2O_OK;
}

l2o_status l2o_context_agree(l2o_context *context, l2o_status status, const char *sentence) {
    if (status != L2O_OK && sentence != context->error.text) error_set(&context->error, status, "%s", sentence);
    return ranks_agree(context, status, &context->error);
}

l2o_status ranks_compare(l2o_context *context, int count, const char *const *names, const uint32_t *checksums,
                         l2o_error *error) {
    if (context->ranks.group == NULL) return L2O_OK;
    const double *all;
    double own[AGREED];
    for (int i = 0; i < count; i++) own[i] = checksums[i];
    TRY(gather_few(context, count, own, &all, error));
    for (int i = 0; i < count; i++)
        for (int r = 1; r < context->ranks.place.count; r++)
            if (all[r * count + i] != all[i])
                return error_set(error, L2O_ERROR_INPUT,
                                 "rank %d has another %s than rank 0; all ranks must run one program, with the same "
                                 "settings, on the same files",
                                 r, names[i]);
    return L2O_OK;
}

/* --------------------------------------------------------------------------------------------- joining and leaving */

int l2o_launched_ranks(void) {
    /* How many processes the launchers of MPICH, Open MPI and Slurm say there are. */
    static const char *const counts[] = {"PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const char *text = getenv(counts[i]);
        if (text != NULL) return atoi(text) > 1 ? atoi(text) : 1;
    }
    return 1;
}

static l2o_status load_transport(ranks *ranks, l2o_error *error) {
    /* By name first: it is looked for beside the library or the tool. */
    void *module = dlopen("l2o_mpi.so", RTLD_NOW | RTLD_LOCAL);
    if (module == NULL && L2O_MPI_MODULE[0] != '\0') module = dlopen(L2O_MPI_MODULE, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        const char *why = dlerror();
        return error_set(error, L2O_ERROR_UNSUPPORTED,
                         "ranks need the module l2o_mpi.so, which is built where MPI is found (Debian: libmpich-dev), "
                         "and it cannot be loaded: %.600s",
                         why == NULL ? "?" : why);
    }
    ranks->module = module;
    transport_function function;
    void *symbol = dlsym(module, TRANSPORT_FUNCTION);
    memcpy(&function, &symbol, sizeof function); /* ISO C has no cast from data to function pointers */
    const transport *transport = function == NULL ? NULL : function();
    if (transport == NULL || strcmp(transport->version, L2O_VERSION) != 0)
        return error_set(error, L2O_ERROR_UNSUPPORTED, "the module l2o_mpi.so is not of this version of l2o, %s",
                         L2O_VERSION);
    ranks->transport = transport;
    return L2O_OK;
}

/* All ranks compute with one kernel path: that of the least machine, which is the only one that all can run. */
static l2o_status agree_on_kernels(l2o_context *context, l2o_error *error) {
    ranks *ranks = &context->ranks;
    char common[sizeof context->kernel], own[sizeof context->kernel];
    double name[sizeof own / sizeof(double)];
    const double *all;
    const int words = sizeof name / sizeof *name, count = ranks->all.count;
    memcpy(own, context->kernel, sizeof own);
    memcpy(name, own, sizeof name);
    TRY(gather_few(context, words, name, &all, error));
    bool same = true;
    for (int r = 0; r < count; r++) same = same && memcmp(all + r * words, name, sizeof name) == 0;
    /* The names of two ranks may be equal here and differ there, so every rank must learn that some differ. */
    double differ = !same;
    TRY(gather_few(context, 1, &differ, &all, error));
    for (int r = 0; r < count; r++) same = same && all[r] == 0;
    if (same) return L2O_OK;
    for (int r = 0; r < count; r++) {
        const kernels *table;
        l2o_error unable = {0};
        memcpy(common, own, sizeof common);
        TRY(ranks_broadcast(context, common, sizeof common, r, error));
        double runs = kernels_select(common, DTYPE_FLOAT32, &table, &unable) == L2O_OK;
        TRY(gather_few(context, 1, &runs, &all, error));
        bool everywhere = true;
        for (int other = 0; other < count; other++) everywhere = everywhere && all[other] != 0;
        if (everywhere) memcpy(context->kernel, common, sizeof common);
    }
    context_message(context, "the machines differ: all ranks use the kernels '%s', which each of them can run",
                    context->kernel);
    return L2O_OK;
}

/* Where no number of threads was asked for, ranks on one machine share its cores; unless each was bound to its own. */
static void share_cores(l2o_context *context) {
    int neighbours = context->ranks.all.neighbours;
    if (!context->threads_by_cores || context->bound) return;
    context->threads = context->threads > neighbours ? context->threads / neighbours : 1;
}

l2o_status l2o_context_join_ranks(l2o_context *context) {
    l2o_error *error = &context->error;
    error_clear(error);
    ranks *ranks = &context->ranks;
    if (ranks->everyone != NULL) return L2O_OK;
    TRY(load_transport(ranks, error));
    const char *failure = ranks->transport->open(&ranks->everyone, &ranks->all);
    if (failure != NULL) {
        error_set(error, L2O_ERROR_UNSUPPORTED, "MPI cannot be started: %.900s", failure);
        ranks_leave(context);
        return error->status;
    }
    ranks->group = ranks->everyone;
    ranks->place = ranks->all;
    size_t count = (size_t)ranks->all.count;
    ranks->numbers = memory_allocate(4 * count, sizeof *ranks->numbers, error);
    ranks->agreed = memory_allocate(AGREED * (1 + count), sizeof *ranks->agreed, error);
    if (ranks->numbers == NULL || ranks->agreed == NULL) {
        ranks->lost = true; /* nothing can be agreed on, so the launcher is to end the others */
        return error->status;
    }
    share_cores(context);
    return agree_on_kernels(context, error);
}

/* Groups grow their room each for itself, which all together must do alike. */
static void drop_room(ranks *ranks) {
    memory_free(ranks->send);
    memory_free(ranks->receive);
    ranks->send = ranks->receive = NULL;
    ranks->room = 0;
}

l2o_status ranks_split(l2o_context *context, int part, l2o_error *error) {
    ranks *ranks = &context->ranks;
    if (ranks->everyone == NULL) return L2O_OK;
    void *group;
    rank_place place = {0, 1, 1};
    TRY(check_contact(context, error));
    const char *failure = ranks->transport->split(ranks->everyone, part, &group, &place);
    if (failure != NULL) return lose(context, failure, error);
    drop_room(ranks);
    ranks->group = group;
    ranks->place = place;
    return L2O_OK;
}

void ranks_unite(l2o_context *context) {
    ranks *ranks = &context->ranks;
    if (ranks->everyone == NULL || ranks->group == ranks->everyone) return;
    if (!ranks->lost) ranks->transport->close(ranks->group);
    drop_room(ranks);
    ranks->group = ranks->everyone;
    ranks->place = ranks->all;
}

/* A group that lost a rank cannot be closed in order, nor can MPI be ended: the launcher clears up. */
void ranks_leave(l2o_context *context) {
    ranks *ranks = &context->ranks;
    ranks_unite(context);
    if (ranks->everyone != NULL && !ranks->lost) ranks->transport->close(ranks->everyone);
    drop_room(ranks);
    memory_free(ranks->numbers);
    memory_free(ranks->agreed);
    if (ranks->module != NULL && ranks->everyone == NULL) (void)dlclose(ranks->module); /* MPI stays, once started */
    ranks_begin(ranks);
}
