/* Rows of pieces, added along a binary tree, on one rank or over several. */
#include "dist/sums.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

/* Numbers of each row that are added up at a time: they stay in cache while the tree is walked, and threads share them.
 */
enum { STRETCH = 8192 };

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

/* A rank's range of the pieces. */
static void range_of_rank(const sums *sums, int rank, int ranks, int64_t *first, int64_t *end) {
    int64_t from = rank * sums->among / ranks - sums->before, to = (rank + 1) * sums->among / ranks - sums->before;
    *first = from < 0 ? 0 : from > sums->pieces ? sums->pieces : from;
    *end = to < 0 ? 0 : to > sums->pieces ? sums->pieces : to;
}

void sums_share(const l2o_context *context, int count, sums *const *all) {
    const rank_place *place = &context->ranks.place;
    if (place->count == 1) return;
    int64_t among = 0;
    for (int j = 0; j < count; j++) among += all[j]->pieces;
    int64_t before = 0;
    for (int j = 0; j < count; j++) {
        sums *sums = all[j];
        sums->shared = true;
        sums->before = before;
        sums->among = among;
        before += sums->pieces;
        range_of_rank(sums, place->rank, place->count, &sums->first, &sums->end);
    }
}

l2o_status sums_reserve(sums *sums, int64_t length, l2o_error *error) {
    int64_t rows = sums->end - sums->first;
    if (rows == 0) rows = 1; /* for the total */
    size_t needed = (size_t)(rows * length);
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

/* Does piece i, with what was added to it, go into a lower piece within the range? Its partner in the tree lies as far
 * below it as its lowest bit says; both subtrees must lie in the range as a whole. */
static bool merges(const sums *sums, int64_t i, int64_t first, int64_t end) {
    int64_t stride = i & -i, after = i + stride < sums->pieces ? i + stride : sums->pieces;
    return i > 0 && i - stride >= first && after <= end;
}

/* Adds up what of the tree lies within this rank's range, for the numbers of one stretch. */
static l2o_status add_stretch(void *argument, int64_t piece, worker *worker) {
    const sums *sums = argument;
    int64_t from = piece * STRETCH, length = sums->length - from < STRETCH ? sums->length - from : STRETCH;
    (void)worker;
    for (int64_t stride = 1; stride < sums->pieces; stride *= 2)
        for (int64_t i = stride; i < sums->end; i += 2 * stride)
            if (i >= sums->first && merges(sums, i, sums->first, sums->end))
                add_row(length, sums_row(sums, i - stride) + from, sums_row(sums, i) + from);
    return L2O_OK;
}

static void add_own(l2o_context *context, sums *sums) {
    l2o_error unused; /* nothing in it fails */
    if (sums->length <= STRETCH)
        add_stretch(sums, 0, NULL);
    else if (sums->end - sums->first > 1)
        pieces_run_whole(context, (sums->length + STRETCH - 1) / STRETCH, add_stretch, sums, &unused);
}

static void finish_alone(l2o_context *context, sums *sums) {
    add_own(context, sums);
    sums->total = sums->rows;
    sums->largest = 0;
    for (int64_t i = 0; i < sums->pieces; i++) sums->largest = fmax(sums->largest, sums->costs[i]);
}

/* ------------------------------------------------------------------------------------------------------- over ranks */

/* Which part of a row of `length` is slice `k`. */
static int64_t slice_start(const l2o_context *context, int64_t length, int k) {
    return length * k / context->ranks.place.count;
}

static int64_t slice_length(const l2o_context *context, int64_t length, int k) {
    return slice_start(context, length, k + 1) - slice_start(context, length, k);
}

/* How many rows a rank has left when it has added up its own. */
static int64_t rows_left(const l2o_context *context, const sums *sums, int rank) {
    int64_t first, end, left = 0;
    range_of_rank(sums, rank, context->ranks.place.count, &first, &end);
    for (int64_t i = first; i < end; i++) left += !merges(sums, i, first, end);
    return left;
}

/* Each message begins with the sender's failure and the largest costs of its pieces. */
static int64_t header_length(int count) { return 1 + count; }

/* Numbers that rank `from` sends to rank `to`. */
static int64_t message_length(const l2o_context *context, int count, sums *const *all, int from, int to) {
    int64_t length = header_length(count);
    for (int j = 0; j < count; j++)
        length += rows_left(context, all[j], from) * slice_length(context, all[j]->length, to);
    return length;
}

static int64_t slices_length(const l2o_context *context, int count, sums *const *all, int rank) {
    int64_t length = 0;
    for (int j = 0; j < count; j++) length += slice_length(context, all[j]->length, rank);
    return length;
}

/* The same on all ranks: what the rank with the most to send or receive needs. */
static l2o_status reserve_messages(l2o_context *context, int count, sums *const *all, l2o_error *error) {
    int ranks = context->ranks.place.count;
    int64_t most = 0, left = 0, lengths = 0, widest = 0;
    for (int j = 0; j < count; j++) {
        int64_t rows = 0, largest = 0;
        for (int r = 0; r < ranks; r++) {
            int64_t own = rows_left(context, all[j], r);
            rows += own;
            largest = own > largest ? own : largest;
        }
        left += largest * all[j]->length;
        widest += rows * (all[j]->length / ranks + 1);
        lengths += all[j]->length;
    }
    most = left > widest ? left : widest;
    most = ranks * header_length(count) + (most > lengths ? most : lengths);
    if (most > INT_MAX)
        return error_set(
            error, L2O_ERROR_UNSUPPORTED,
            "a sum over ranks of %lld numbers is more than MPI counts; use fewer tasks or a smaller network",
            (long long)most);
    return ranks_reserve(context, most, error);
}

/* counts[r] and offsets[r], one message behind another; `sending`: to rank r, else from it. */
static rank_parts message_parts(l2o_context *context, int count, sums *const *all, bool sending) {
    const rank_place *place = &context->ranks.place;
    int *counts = context->ranks.numbers + (sending ? 0 : 2) * context->ranks.all.count;
    int *offsets = counts + context->ranks.all.count, at = 0;
    for (int r = 0; r < place->count; r++) {
        offsets[r] = at;
        counts[r] = (int)message_length(context, count, all, sending ? place->rank : r, sending ? r : place->rank);
        at += counts[r];
    }
    return (rank_parts){sending ? context->ranks.send : context->ranks.receive, counts, offsets};
}

static void pack(const l2o_context *context, int count, sums *const *all, int64_t failed, const rank_parts *send) {
    for (int r = 0; r < context->ranks.place.count; r++) {
        double *out = send->values + send->offsets[r];
        *out++ = failed == INT64_MAX ? INFINITY : (double)failed;
        for (int j = 0; j < count; j++) {
            *out = 0;
            for (int64_t i = 0; i < all[j]->end - all[j]->first; i++) *out = fmax(*out, all[j]->costs[i]);
            out++;
        }
        if (failed != INT64_MAX) continue; /* there is nothing to send, but the message is as long as others expect */
        for (int j = 0; j < count; j++) {
            const sums *sums = all[j];
            int64_t start = slice_start(context, sums->length, r), length = slice_length(context, sums->length, r);
            for (int64_t i = sums->first; i < sums->end; i++) {
                if (merges(sums, i, sums->first, sums->end)) continue;
                memcpy(out, sums_row(sums, i) + start, (size_t)length * sizeof *out);
                out += length;
            }
        }
    }
}

/* The lowest failure, which all ranks see alike, and the costs. */
static l2o_status read_headers(l2o_context *context, int count, sums *const *all, const rank_parts *receive,
                               l2o_error *error) {
    double lowest = INFINITY;
    int root = 0;
    for (int j = 0; j < count; j++) all[j]->largest = 0;
    for (int r = 0; r < context->ranks.place.count; r++) {
        const double *header = receive->values + receive->offsets[r];
        for (int j = 0; j < count; j++) all[j]->largest = fmax(all[j]->largest, header[1 + j]);
        if (header[0] >= lowest) continue;
        lowest = header[0];
        root = r;
    }
    return lowest < INFINITY ? ranks_share_error(context, root, error) : L2O_OK;
}

/* Finishes the tree of one of the sums on this rank's slice. `at`: how far each rank's message was read. */
static void add_slices(const l2o_context *context, const sums *sums, const rank_parts *receive, int *at, double *out) {
    const rank_place *place = &context->ranks.place;
    int64_t length = slice_length(context, sums->length, place->rank);
    double *rows[MOST_PIECES] = {NULL};
    for (int r = 0; r < place->count; r++) {
        int64_t first, end;
        range_of_rank(sums, r, place->count, &first, &end);
        for (int64_t i = first; i < end; i++) {
            if (merges(sums, i, first, end)) continue;
            rows[i] = receive->values + receive->offsets[r] + at[r];
            at[r] += (int)length;
        }
    }
    for (int64_t stride = 1; stride < sums->pieces; stride *= 2)
        for (int64_t i = stride; i < sums->pieces; i += 2 * stride)
            if (rows[i] != NULL) add_row(length, rows[i - stride], rows[i]);
    memcpy(out, rows[0], (size_t)length * sizeof *out);
}

/* Gives this rank's finished slices to all, and puts everyone's together. */
static l2o_status spread_slices(l2o_context *context, int count, sums *const *all, l2o_error *error) {
    ranks *ranks = &context->ranks;
    int *counts = ranks->numbers, *offsets = counts + ranks->all.count, at = 0;
    for (int r = 0; r < ranks->place.count; r++) {
        counts[r] = (int)slices_length(context, count, all, r);
        offsets[r] = at;
        at += counts[r];
    }
    TRY(ranks_gather(context, ranks->send, &(rank_parts){ranks->receive, counts, offsets}, error));
    const double *in = ranks->receive;
    for (int r = 0; r < ranks->place.count; r++)
        for (int j = 0; j < count; j++) {
            int64_t length = slice_length(context, all[j]->length, r);
            memcpy(all[j]->total + slice_start(context, all[j]->length, r), in, (size_t)length * sizeof *in);
            in += length;
        }
    return L2O_OK;
}

static l2o_status finish_shared(l2o_context *context, int count, sums *const *all, int64_t failed, l2o_error *error) {
    TRY(reserve_messages(context, count, all, error));
    for (int j = 0; j < count && failed == INT64_MAX; j++) add_own(context, all[j]);
    rank_parts send = message_parts(context, count, all, true), receive = message_parts(context, count, all, false);
    pack(context, count, all, failed, &send);
    TRY(ranks_exchange(context, &send, &receive, error));
    TRY(read_headers(context, count, all, &receive, error));
    double *out = context->ranks.send;
    int *at = context->ranks.numbers; /* what was sent needs no counts any more */
    for (int r = 0; r < context->ranks.place.count; r++) at[r] = (int)header_length(count);
    for (int j = 0; j < count; j++) {
        add_slices(context, all[j], &receive, at, out);
        out += slice_length(context, all[j]->length, context->ranks.place.rank);
        all[j]->total = all[j]->rows;
    }
    return spread_slices(context, count, all, error);
}

l2o_status sums_finish(l2o_context *context, int count, sums *const *all, int64_t failed, l2o_error *error) {
    if (all[0]->shared) return finish_shared(context, count, all, failed, error);
    if (failed != INT64_MAX) return error->status;
    for (int j = 0; j < count; j++) finish_alone(context, all[j]);
    return L2O_OK;
}
