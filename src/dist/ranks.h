/* Ranks: processes that share pieces of one computation (MPI). A context is alone, rank 0 of 1, until it joins the
 * others; then all ranks make the same calls in the same order, and what they exchange is decided here.
 *
 * Waiting for others gives the processor away. A rank that cannot be reached any more is L2O_ERROR_LOST, and nothing
 * is exchanged after it. */
#ifndef L2O_DIST_RANKS_H
#define L2O_DIST_RANKS_H

#include <stdint.h>

#include "base/error.h"
#include "dist/transport.h"
#include "l2o/context.h"

typedef struct ranks {
    rank_place place; /* in the present group: {0, 1, 1} alone */
    void *group;      /* NULL: alone */
    bool lost;        /* another rank cannot be reached */
    rank_place all;   /* among all processes, whatever the group */
    void *everyone;   /* the group of all */
    const transport *transport;
    void *module;
    double *send, *receive; /* [room]: what is exchanged */
    int64_t room;
    int *numbers;   /* [4, all.count]: for the caller's counts and offsets, to send and to receive */
    double *agreed; /* [8 (1 + all.count)]: what is agreed on */
} ranks;

/* The present group's rank 0: the one that writes files and messages. */
bool ranks_leads(const l2o_context *context);
/* Room for `count` numbers to send and to receive: the same number on all ranks. Collective where it must grow. */
l2o_status ranks_reserve(l2o_context *context, int64_t count, l2o_error *error);
/* parts->counts[r] numbers from and to each rank r. */
l2o_status ranks_exchange(l2o_context *context, const rank_parts *send, const rank_parts *receive, l2o_error *error);
/* receive->counts[rank] numbers of this rank to everyone. */
l2o_status ranks_gather(l2o_context *context, const double *send, const rank_parts *receive, l2o_error *error);
l2o_status ranks_broadcast(l2o_context *context, void *bytes, size_t size, int root, l2o_error *error);
/* The error of rank `root`, on all ranks; what only one machine can have run into gets the rank's name. */
l2o_status ranks_share_error(l2o_context *context, int root, l2o_error *error);
/* All ranks get the error of the lowest rank whose `status` is not L2O_OK. */
l2o_status ranks_agree(l2o_context *context, l2o_status status, l2o_error *error);
/* L2O_ERROR_INPUT, naming names[i] and a rank, when a rank's checksums[i] is not that of rank 0. */
l2o_status ranks_compare(l2o_context *context, int count, const char *const *names, const uint32_t *checksums,
                         l2o_error *error);

/* From here on the ranks of this rank's `part` are a group of their own; until ranks_unite(). Collective. */
l2o_status ranks_split(l2o_context *context, int part, l2o_error *error);
void ranks_unite(l2o_context *context);

void ranks_begin(ranks *ranks); /* alone */
void ranks_leave(l2o_context *context);

#endif
