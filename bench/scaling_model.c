/* The formulas; docs/scaling.md has them with every symbol. */
#include "scaling_model.h"

#include <math.h>

#include "dist/sums.h"

enum { SHARD = 80 }; /* coordinates, RNNprop's */

static const int gradients[] = {1, 2, 2}, products[] = {0, 0, 1};

int scaling_phases(char workload) { return gradients[workload - 'a'] + products[workload - 'a']; }

int64_t scaling_shards(int64_t batch, int64_t dimension) {
    int64_t size = dimension < SHARD ? SHARD / dimension : 1;
    return (batch + size - 1) / size;
}

int64_t scaling_pieces(int64_t batch, int64_t dimension) {
    int64_t shards = scaling_shards(batch, dimension);
    return shards < MOST_PIECES ? shards : MOST_PIECES;
}

static int64_t quotient_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Rows that are left of pieces first .. end - 1 of q when a rank has added what it can: the range cut into the tree's
 * own subtrees, the largest that fit. */
static int64_t subtrees(int64_t first, int64_t end, int64_t q) {
    int64_t count = 0;
    for (int64_t at = first; at < end; count++) {
        int64_t size = 1;
        while (at % (2 * size) == 0 && (at + 2 * size <= end || (end == q && at + size < q))) size *= 2;
        at += size;
    }
    return count;
}

/* The most rows that any rank has left, over all tasks. */
static int64_t rows_left(const scaling_case *of) {
    int64_t q = scaling_pieces(of->batch, of->dimension), all = q * of->tasks, most = 0;
    for (int64_t r = 0; r < of->ranks; r++) {
        int64_t first = r * all / of->ranks, end = (r + 1) * all / of->ranks, rows = 0;
        for (int64_t task = first / q; task * q < end; task++)
            rows += subtrees(first > task * q ? first - task * q : 0, end < (task + 1) * q ? end - task * q : q, q);
        if (rows > most) most = rows;
    }
    return most;
}

/* Bytes that a rank sends in one phase: its rows' slices to the others, then its finished slices. */
static double phase_bytes(const scaling_case *of) {
    double rows = (double)(rows_left(of) + of->tasks) * (double)of->row;
    return SCALING_MESSAGE_SIZE * rows * (of->ranks - 1) / of->ranks;
}

/* Everyone's slices go to each rank at once; finished ones are gathered by doubling. */
static int64_t phase_messages(const scaling_case *of) { return of->ranks - 1 + (int64_t)ceil(log2(of->ranks)); }

scaling_messages scaling_sent(const scaling_case *of) {
    int phases = scaling_phases(of->workload);
    return (scaling_messages){phases * phase_messages(of), phases * phase_bytes(of)};
}

/* A phase's pieces: rounds of the threads of the fullest rank, or all work over all cores where ranks share them. */
static double work(const scaling_machine *machine, const scaling_case *of) {
    int64_t q = scaling_pieces(of->batch, of->dimension), shards = scaling_shards(of->batch, of->dimension);
    int64_t rounds = quotient_up(quotient_up(q * of->tasks, of->ranks), of->threads);
    double own = (double)(rounds * quotient_up(shards, q)), shared = (double)(shards * of->tasks) / of->cores;
    double passes = own > shared ? own : shared, crowding = of->ranks * of->threads > 1 ? machine->crowding : 1;
    int which = of->workload - 'a';
    double each = gradients[which] * machine->gradient + products[which] * machine->product;
    double region = of->threads > 1 ? machine->region * log2(of->threads) : 0;
    return passes * crowding * each + scaling_phases(of->workload) * region;
}

/* One thread of each rank adds its rows up, then its slice of what all have left. */
static double tree(const scaling_machine *machine, const scaling_case *of) {
    int64_t pieces = quotient_up(scaling_pieces(of->batch, of->dimension) * of->tasks, of->ranks);
    int64_t left = of->ranks > 1 ? rows_left(of) : of->tasks;
    double rows = (double)(pieces > left ? pieces - left : 0);
    if (of->ranks > 1) rows += (double)left - (double)of->tasks / of->ranks;
    /* What other cores have written is no nearer than memory. */
    double each = of->threads == 1 && pieces <= 64 ? machine->add_near : machine->add_far;
    return rows * (double)of->row * each;
}

static double exchange(const scaling_machine *machine, const scaling_case *of) {
    if (of->ranks == 1) return 0;
    double seconds = (double)phase_messages(of) * SCALING_LATENCY + phase_bytes(of) / SCALING_BANDWIDTH;
    return seconds > machine->looks ? seconds + machine->nap : seconds;
}

scaling_time scaling_predict(const scaling_machine *machine, const scaling_case *of) {
    int phases = scaling_phases(of->workload);
    double crowd = of->ranks > of->cores ? (double)of->ranks / of->cores : 1;
    scaling_time out = {.work = work(machine, of),
                        .serial = machine->serial[of->workload - 'a'] * crowd,
                        .drawing = machine->draw * (double)of->batch * of->tasks * crowd / of->updates_a_draw};
    if (isnan(of->exchange)) {
        out.tree = phases * tree(machine, of);
        out.exchange = phases * exchange(machine, of);
    } else {
        out.exchange = phases * of->exchange;
    }
    return out;
}

double scaling_total(const scaling_time *time) {
    return time->work + time->tree + time->exchange + time->serial + time->drawing;
}
