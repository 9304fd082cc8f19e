/* What carries numbers between ranks: a table of functions that src/dist/mpi_module.c fills with MPI's. It is a module
 * of its own, loaded when ranks are joined, so that neither the library nor a program that runs alone depends on MPI or
 * loads it. Functions return NULL, or a text of what went wrong that stays valid until the next call. */
#ifndef L2O_DIST_TRANSPORT_H
#define L2O_DIST_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

/* Where a process stands in a group. */
typedef struct rank_place {
    int rank, count;
    int neighbours; /* how many of the group run on this machine, itself included */
} rank_place;

/* Numbers for, or from, each rank: counts[r] of them at values + offsets[r]. */
typedef struct rank_parts {
    double *values;
    const int *counts, *offsets; /* [count] */
} rank_parts;

typedef struct transport {
    const char *version; /* of the library that it was built with */
    /* A group of all processes. Starts MPI where nobody has; then close() of this group ends it. */
    const char *(*open)(void **group, rank_place *place);
    /* The part of the group whose processes give the same `part`, in the same order. */
    const char *(*split)(void *group, int part, void **made, rank_place *place);
    void (*close)(void *group);
    /* These begin; test() tells when it is done. One at a time in a group. */
    const char *(*exchange)(void *group, const rank_parts *send, const rank_parts *receive);
    const char *(*gather)(void *group, const double *send, int count, const rank_parts *receive);
    const char *(*broadcast)(void *group, void *bytes, int size, int root);
    const char *(*test)(void *group, bool *done);
} transport;

/* The module's one exported function. */
#define TRANSPORT_FUNCTION "l2o_transport"
typedef const transport *(*transport_function)(void);

#endif
