/* Sums over pieces of work that are the same bits however the pieces are shared out. Each piece leaves a row of
 * float64; rows are added along a binary tree over the pieces' numbers, which depends on how many pieces there are and
 * on nothing else. So whoever holds a contiguous range of pieces can add up what of the tree lies within it, and hands
 * on the few rows that are left. */
#ifndef L2O_DIST_SUMS_H
#define L2O_DIST_SUMS_H

#include "dist/context.h"

enum { MOST_PIECES = 256 };

typedef struct sums {
    int64_t pieces;     /* of all ranks; at most MOST_PIECES */
    int64_t first, end; /* those of this rank */
    int64_t length;     /* of a row */
    double *rows;       /* [end - first, length], one for each piece of this rank; used up by the summation */
    double *costs;      /* [end - first], of which the largest counts */
    size_t room;        /* doubles that `rows` has room for */
    double *total;      /* out: [length] */
    double largest;     /* out: of all costs */
} sums;

l2o_status sums_create(sums *sums, int64_t pieces, l2o_error *error);
void sums_free(sums *sums);
/* Makes room for rows of `length`; what the rows hold afterwards is not defined. */
l2o_status sums_reserve(sums *sums, int64_t length, l2o_error *error);
double *sums_row(const sums *sums, int64_t piece);
/* Fills `total` and `largest`. */
void sums_finish(sums *sums);

#endif
