/* The transport over MPI, to the MPI-3 standard. Collectives are nonblocking, so that waiting is the caller's; errors
 * are returned. MPI is called by one thread alone. */
#include <mpi.h>
#include <stdlib.h>

#include "dist/transport.h"

typedef struct group {
    MPI_Comm communicator;
    MPI_Request request;
    bool started_mpi;
    char text[MPI_MAX_ERROR_STRING];
} group;

__attribute__((visibility("default"))) const transport *l2o_transport(void);

static const char *describe(group *self, int code) {
    if (code == MPI_SUCCESS) return NULL;
    int length;
    if (MPI_Error_string(code, self->text, &length) != MPI_SUCCESS) return "an error of MPI without a text";
    for (int i = 0; i < length; i++)
        if (self->text[i] == '\n') self->text[i] = ' ';
    return self->text;
}

/* Takes over the communicator. */
static const char *settle(group *self, rank_place *place) {
    self->request = MPI_REQUEST_NULL;
    int code = MPI_Comm_set_errhandler(self->communicator, MPI_ERRORS_RETURN);
    if (code == MPI_SUCCESS) code = MPI_Comm_rank(self->communicator, &place->rank);
    if (code == MPI_SUCCESS) code = MPI_Comm_size(self->communicator, &place->count);
    MPI_Comm near;
    if (code == MPI_SUCCESS)
        code = MPI_Comm_split_type(self->communicator, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &near);
    if (code != MPI_SUCCESS) return describe(self, code);
    code = MPI_Comm_size(near, &place->neighbours);
    (void)MPI_Comm_free(&near);
    return describe(self, code);
}

static void group_close(void *opaque) {
    group *self = opaque;
    bool ends_mpi = self->started_mpi;
    if (self->communicator != MPI_COMM_NULL) (void)MPI_Comm_free(&self->communicator);
    free(self);
    if (ends_mpi) (void)MPI_Finalize();
}

static const char *group_open(void **out, rank_place *place) {
    int running, over, level;
    *out = NULL;
    if (MPI_Initialized(&running) != MPI_SUCCESS || MPI_Finalized(&over) != MPI_SUCCESS) return "MPI does not answer";
    if (over) return "MPI was ended in this process, and cannot be started twice";
    group *self = calloc(1, sizeof *self);
    if (self == NULL) return "out of memory";
    *out = self;
    self->communicator = MPI_COMM_NULL;
    if (!running) {
        int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
        if (code != MPI_SUCCESS) return describe(self, code);
        self->started_mpi = true;
    }
    if (MPI_Query_thread(&level) != MPI_SUCCESS || level < MPI_THREAD_FUNNELED)
        return "MPI was started without support for threads; start it with MPI_Init_thread(MPI_THREAD_FUNNELED)";
    int code = MPI_Comm_dup(MPI_COMM_WORLD, &self->communicator);
    return code != MPI_SUCCESS ? describe(self, code) : settle(self, place);
}

static const char *group_split(void *opaque, int part, void **out, rank_place *place) {
    group *from = opaque, *self = calloc(1, sizeof *self);
    *out = self;
    if (self == NULL) return "out of memory";
    self->communicator = MPI_COMM_NULL;
    int code = MPI_Comm_split(from->communicator, part, 0, &self->communicator);
    return code != MPI_SUCCESS ? describe(self, code) : settle(self, place);
}

static const char *group_exchange(void *opaque, const rank_parts *send, const rank_parts *receive) {
    group *self = opaque;
    return describe(self,
                    MPI_Ialltoallv(send->values, send->counts, send->offsets, MPI_DOUBLE, receive->values,
                                   receive->counts, receive->offsets, MPI_DOUBLE, self->communicator, &self->request));
}

static const char *group_gather(void *opaque, const double *send, int count, const rank_parts *receive) {
    group *self = opaque;
    return describe(self, MPI_Iallgatherv(send, count, MPI_DOUBLE, receive->values, receive->counts, receive->offsets,
                                          MPI_DOUBLE, self->communicator, &self->request));
}

static const char *group_broadcast(void *opaque, void *bytes, int size, int root) {
    group *self = opaque;
    return describe(self, MPI_Ibcast(bytes, size, MPI_BYTE, root, self->communicator, &self->request));
}

static const char *group_test(void *opaque, bool *done) {
    group *self = opaque;
    int complete = 0;
    int code = MPI_Test(&self->request, &complete, MPI_STATUS_IGNORE);
    *done = complete != 0;
    return describe(self, code);
}

static const transport over_mpi = {.version = L2O_VERSION,
                                   .open = group_open,
                                   .split = group_split,
                                   .close = group_close,
                                   .exchange = group_exchange,
                                   .gather = group_gather,
                                   .broadcast = group_broadcast,
                                   .test = group_test};

const transport *l2o_transport(void) { return &over_mpi; }
