/* From measurements to tables, figures, claims and an answer in words. */
#ifndef L2O_EXPERIMENT_THEORY_TABLES_H
#define L2O_EXPERIMENT_THEORY_TABLES_H

#include "experiment/theory_bound.h"
#include "experiment/theory_decomposition.h"
#include "experiment/theory_gain.h"
#include "experiment/theory_json.h"
#include "experiment/theory_optimizee.h"
#include "experiment/theory_sweep.h"

typedef struct theory_results {
    theory_tasks tasks;
    theory_start starts[THEORY_STARTS];
    int runs;
    int64_t steps;        /* T of the longest unroll */
    theory_inputs inputs; /* what adaptation is run with */
    bool last;            /* g_T is the last objective, not their sum */
    theory_optimizee optimizee;
    theory_sweep sweep;
    theory_bound bounds[THEORY_TASKS];
    theory_gain gains[THEORY_STARTS];
    theory_decomposition decomposition;
} theory_results;

void theory_tables(const theory_results *results, theory_json *json);

/* theory_answer.c: the table that decides, the correlations, and the answer. */
void theory_answer(const theory_results *results, theory_json *json);

#endif
