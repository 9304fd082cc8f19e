/* The model of scale of docs/scaling.md: the time of one meta-step from what one core takes for one shard, on threads
 * and ranks. All times are seconds. It is a model of this program: what is shared out, what every rank does alone, and
 * what is exchanged, as src/run/segment.c, src/dist/sums.c and src/meta/trainer.c do it.
 *
 *     step = phases (work + tree + exchange) + serial + drawing / UPDATES_A_DRAW
 *
 * Not in it: evaluations, checkpoints, and how much slower a core gets when others use the same cache and memory, but
 * for the factor `crowding` that is measured where the model is. */
#ifndef L2O_BENCH_SCALING_MODEL_H
#define L2O_BENCH_SCALING_MODEL_H

#include <stdint.h>

enum {
    SCALING_WORKLOADS = 3,   /* a plain step, b first-order MAML, c exact MAML */
    SCALING_MESSAGE_SIZE = 8 /* bytes of a number that is sent */
};

/* The network that predictions assume: 100 Gbit/s Ethernet or InfiniBand between machines. */
static const double SCALING_LATENCY = 2e-6;     /* of a message, its handling included */
static const double SCALING_BANDWIDTH = 12.5e9; /* bytes per second, each way */
/* Updates on one draw of problems: the default curriculum has 6050 on 384 draws. */
static const double SCALING_UPDATES_A_DRAW = 16;

/* What is measured. */
typedef struct scaling_machine {
    int cores;
    double gradient, product;         /* a shard's gradient, and its Hessian-vector product */
    double crowding;                  /* how many times longer a shard takes while all cores work */
    double add_near, add_far;         /* one number added in the tree: rows in cache; more rows than the caches hold */
    double serial[SCALING_WORKLOADS]; /* a step's Adam and the loop around segments */
    double draw;                      /* one instance drawn, its state reset */
    double region;                    /* a parallel region of two threads */
    double looks, nap;                /* waiting: the time in which a rank only yields, and one sleep after that */
} scaling_machine;

typedef struct scaling_case {
    char workload;            /* 'a' .. 'c' */
    int tasks;                /* K */
    int64_t batch, dimension; /* B, n */
    int64_t row;              /* L, numbers of a piece's row */
    int ranks, threads;       /* R; of each rank */
    int cores;                /* of all machines together */
    double exchange;          /* tree and exchange of one phase, where they were measured; NAN: from the constants */
    double updates_a_draw;    /* INFINITY: nothing is drawn */
} scaling_case;

/* Where the time of a step goes. */
typedef struct scaling_time {
    double work, tree, exchange, serial, drawing;
} scaling_time;

/* What a rank sends in one meta-step. */
typedef struct scaling_messages {
    int64_t count;
    double bytes;
} scaling_messages;

int scaling_phases(char workload);                        /* exchanges of a meta-step */
int64_t scaling_shards(int64_t batch, int64_t dimension); /* of a task */
int64_t scaling_pieces(int64_t batch, int64_t dimension); /* of a task */
scaling_time scaling_predict(const scaling_machine *machine, const scaling_case *of);
double scaling_total(const scaling_time *time);
scaling_messages scaling_sent(const scaling_case *of);

#endif
