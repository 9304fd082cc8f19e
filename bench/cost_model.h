/* What each workload cannot do without, counted: multiply-adds, activations, bytes; and from the machine's measured
 * limits the time below which it cannot get. docs/benchmarks.md derives the counts. */
#ifndef L2O_BENCH_COST_MODEL_H
#define L2O_BENCH_COST_MODEL_H

#include <stdint.h>

#include "limits.h"

typedef struct cost_size {
    int64_t coordinates; /* B n, or N for workload e */
    int64_t steps;       /* T of one unroll, the steps of an evaluation, 1 for e */
    int64_t tasks;       /* 1 where there are none */
    int64_t layers, hidden;
    dtype type;
} cost_size;

typedef struct cost {
    double multiply_adds, tanh, elu; /* sigmoids count as tanh */
    double bytes;                    /* to and from memory; 0 where everything fits a cache */
} cost;

/* `workload`: 'a' plain step, 'b' first-order MAML, 'c' exact MAML, 'd' evaluation, 'e' one step on a long vector. */
cost cost_of(char workload, const cost_size *size);

/* Seconds of arithmetic and of moving bytes. The limit is their sum, as nothing overlaps them but luck; the greater one
 * of both is what perfect overlap would reach. */
double cost_arithmetic(const cost *cost, const limits *limits);
double cost_memory(const cost *cost, const limits *limits);

#endif
