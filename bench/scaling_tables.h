/* The tables of docs/scaling.md, in Markdown, and the same as JSON. */
#ifndef L2O_BENCH_SCALING_TABLES_H
#define L2O_BENCH_SCALING_TABLES_H

#include <jansson.h>

#include "scaling_model.h"

enum { MOST_RUNS = 64 };

/* A workload's step as it was timed here. */
typedef struct scaling_run {
    char workload;
    int ranks, threads;
    double exchange; /* seconds of one phase's tree and exchange without any work; NAN: not measured */
    double step;     /* seconds */
} scaling_run;

typedef struct scaling_measured {
    scaling_machine machine;
    int64_t row; /* L */
    int count;
    scaling_run runs[MOST_RUNS];
} scaling_measured;

void scaling_print(const scaling_measured *measured);
json_t *scaling_to_json(const scaling_measured *measured); /* NULL when out of memory */

#endif
