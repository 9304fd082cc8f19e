/* The results of an experiment as they stand in a file: JSON of the format "l2o results 1", read strictly. Tables of
 * means with intervals and a paper's numbers, figures of curves with bands, claims that hold or do not, notes, and what
 * ran. Where a key is missing or of another kind the file is refused with its place; keys that are not known are passed
 * over. Numbers that are not finite are null in the file and NaN here. */
#ifndef L2O_REPORT_RESULTS_H
#define L2O_REPORT_RESULTS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"

#define RESULTS_FORMAT "l2o results 1"
/* Levels of what ran, settings inside settings; curves of a figure, beyond which nobody can tell them apart and pages
 * take minutes. */
enum { RESULTS_DEPTH_MAX = 32, RESULTS_SERIES_MAX = 512 };

typedef enum results_verdict {
    RESULTS_NO_VERDICT,
    RESULTS_AGREES, /* the paper's number lies in our interval, or near ours */
    RESULTS_BETTER, /* ours is lower */
    RESULTS_WORSE
} results_verdict;

typedef struct results_cell {
    bool present;  /* false: null in the file, nothing to show */
    bool has_mean; /* a mean is given, if only as null: not finite */
    double mean, half, seeds_half, paper;
    results_verdict verdict;
    bool best;
    const char *text; /* shown instead of the mean; NULL: none */
} results_cell;

typedef struct results_row {
    const char *label;
    results_cell *cells; /* [column_count] */
} results_row;

typedef struct results_table {
    const char *title, *note, *row_header; /* the last two: "" when there are none */
    size_t column_count, row_count;
    const char **columns;
    results_row *rows;
} results_table;

typedef struct results_axis {
    const char *label;
    bool logarithmic;
} results_axis;

typedef struct results_series {
    const char *label, *group;
    size_t count;
    const double *x, *mean;   /* [count]; x of successive series is one array where the file repeats it */
    const double *low, *high; /* [count], or both NULL */
} results_series;

typedef struct results_span { /* a stretch of the x axis with a name; a moment where low is high */
    const char *label;
    double low, high;
} results_span;

typedef struct results_figure {
    const char *title;
    results_axis x, y;
    size_t series_count, span_count;
    results_series *series;
    results_span *spans;
} results_figure;

typedef struct results_claim {
    const char *text;
    double measured, bound; /* NaN: none */
    bool holds;
} results_claim;

typedef struct results {
    const char *title, *summary; /* summary: "" when there is none */
    const json_t *ran;           /* an object; NULL: nothing is said */
    size_t table_count, figure_count, claim_count, note_count;
    results_table *tables;
    results_figure *figures;
    results_claim *claims;
    const char **notes;
} results;

/* Reads `document`, whose texts `out` goes on to use; arrays come from `arena`. `source` names the file in errors. */
l2o_status results_read(const json_t *document, const char *source, arena *arena, results *out, l2o_error *error);

#endif
