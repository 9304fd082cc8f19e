/* Sums over pieces of work that are the same bits however the pieces are shared out. Each piece leaves a row of
 * float64; rows are added along a binary tree over the pieces' numbers, which depends on how many pieces there are and
 * on nothing else. So whoever holds a contiguous range of pieces can add up what of the tree lies within it, and hands
 * on the few rows that are left: one, where ranks are a power of two and pieces divide evenly.
 *
 * Over R ranks the rows are cut into R slices; rank k gets slice k of what everyone has left, finishes its tree, and
 * gives the finished slice to all: two collectives, and each number travels about twice. */
#ifndef L2O_DIST_SUMS_H
#define L2O_DIST_SUMS_H

#include "dist/context.h"

enum { MOST_PIECES = 256, MOST_SUMS = 64 };

typedef struct sums {
    int64_t pieces;        /* of all ranks; at most MOST_PIECES */
    int64_t first, end;    /* those of this rank */
    bool shared;           /* over ranks; else every rank has all pieces and nothing is exchanged */
    int64_t before, among; /* shared: these are pieces before, before + 1, ... among those of all sums */
    int64_t length;        /* of a row */
    double *rows;          /* [end - first, length], one for each piece of this rank; used up by the summation */
    double *costs;         /* [pieces], this rank's first, of which the largest counts */
    size_t room;           /* doubles that `rows` has room for */
    double *total;         /* out: [length] */
    double largest;        /* out: of all costs */
} sums;

l2o_status sums_create(sums *sums, int64_t pieces, l2o_error *error);
void sums_free(sums *sums);
/* Shares the pieces of several sums over the context's ranks, all of them as evenly as can be. Before any rows. */
void sums_share(const l2o_context *context, int count, sums *const *all);
/* Makes room for rows of `length`; what the rows hold afterwards is not defined. */
l2o_status sums_reserve(sums *sums, int64_t length, l2o_error *error);
double *sums_row(const sums *sums, int64_t piece);
/* Fills `total` and `largest` of several sums, at most MOST_SUMS, which are shared alike. `failed`: the lowest of this
 * rank's pieces that failed, counted over all sums together, with its error; -1 where it failed before any; INT64_MAX:
 * none. Collective when shared: the lowest failure of all ranks is what every rank returns. */
l2o_status sums_finish(l2o_context *context, int count, sums *const *all, int64_t failed, l2o_error *error);

#endif
