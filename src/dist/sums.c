/* Rows of pieces, added along a binary tree. */
#include "dist/sums.h"

#include "base/memory.h"

l2o_status sums_create(sums *sums, int64_t pieces, l2o_error *error) {
    *sums = (struct sums){.pieces = pieces, .end = pieces};
    sums->costs = memory_allocate((size_t)pieces, sizeof(double), error);
    return sums->costs == NULL ? error->status : L2O_OK;
}

void sums_free(sums *sums) {
    memory_free(sums->rows);
    memory_free(sums->costs);
    *sums = (struct sums){0};
}

l2o_status sums_reserve(sums *sums, int64_t length, l2o_error *error) {
    size_t needed = (size_t)((sums->end - sums->first) * length);
    sums->length = length;
    if (sums->rows != NULL && needed <= sums->room) return L2O_OK;
    memory_free(sums->rows);
    sums->room = 0;
    sums->rows = memory_allocate(needed, sizeof(double), error);
    if (sums->rows == NULL) return error->status;
    sums->room = needed;
    return L2O_OK;
}

double *sums_row(const sums *sums, int64_t piece) { return sums->rows + (piece - sums->first) * sums->length; }

static void add_row(int64_t length, double *restrict to, const double *restrict from) {
    for (int64_t i = 0; i < length; i++) to[i] += from[i];
}

/* Row i takes in row i + stride when both subtrees, of `stride` pieces each, are in hand as a whole. */
static void add_own(sums *sums) {
    for (int64_t stride = 1; stride < sums->pieces; stride *= 2)
        for (int64_t i = 0; i + stride < sums->end; i += 2 * stride) {
            int64_t end = i + 2 * stride < sums->pieces ? i + 2 * stride : sums->pieces;
            if (i >= sums->first && end <= sums->end)
                add_row(sums->length, sums_row(sums, i), sums_row(sums, i + stride));
        }
}

void sums_finish(sums *sums) {
    add_own(sums);
    sums->total = sums->rows;
    sums->largest = 0;
    for (int64_t i = 0; i < sums->end - sums->first; i++)
        if (sums->costs[i] > sums->largest) sums->largest = sums->costs[i];
}
