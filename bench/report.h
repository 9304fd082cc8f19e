/* What becomes of the benchmarks' runs: numbers compared, times in one table. */
#ifndef L2O_BENCH_REPORT_H
#define L2O_BENCH_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "cost_model.h"

/* Prints how far apart the numbers of two files (npz) are that both have; true when they agree. */
bool report_compare(const char *ours, const char *peer);

/* Several runs of the same program, form, workload and number of threads are one row, with all their samples: the runs
 * take turns, so that a busy stretch of the machine meets all of them. */
enum { REPORT_ROWS = 64, REPORT_SAMPLES = 4096 };

typedef struct report_row {
    const char *form; /* "l2o", or the peer's: "manual", "folded", "plain" */
    char workload;
    int threads, count;
    double samples[REPORT_SAMPLES]; /* milliseconds */
    double median;
    double processor;  /* the least processor time */
    json_int_t memory; /* KiB, the most among its runs */
} report_row;

typedef struct report_rows {
    int count;
    report_row rows[REPORT_ROWS];
    int limit_count;
    limits limits[REPORT_SAMPLES]; /* of one thread, float32 */
    limits limit;                  /* medians of medians, and the best of the best */
} report_rows;

/* Adds one run, as the programs write it. It must outlive the rows. */
void report_collect(report_rows *rows, const json_t *run);
void report_summarize(report_rows *rows);
const report_row *report_find(const report_rows *rows, const char *form, char workload, int threads);
/* The model's time in milliseconds; NaN without measured limits. */
typedef enum report_bound {
    BOUND_SUM,    /* arithmetic and memory one after the other */
    BOUND_GREATER /* the greater one of both: perfectly overlapped */
} report_bound;
double report_limit(const report_rows *rows, char workload, report_bound bound, bool best);

void report_print(const report_rows *rows);
/* All rows, and each workload's counts and limit. NULL when out of memory. */
json_t *report_to_json(const report_rows *rows);

#endif
