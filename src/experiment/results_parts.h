/* Parts of a results file that several kinds of experiments make: cells of tables, tables, series, figures. All
 * functions return NULL when memory has run out, and accept NULL. */
#ifndef L2O_EXPERIMENT_RESULTS_PARTS_H
#define L2O_EXPERIMENT_RESULTS_PARTS_H

#include "experiment/experiment_kinds.h"
#include "experiment/quantity.h"
#include "experiment/sample.h"

/* What of a run is tabulated; MEASURE_OTHER: the second definition of the quantity, after the last step. */
typedef enum measure { MEASURE_MINIMUM, MEASURE_STEP, MEASURE_LAST, MEASURE_AT, MEASURE_RATE, MEASURE_OTHER } measure;

/* What the experiment's quantity is judged by. */
measure results_judged(const experiment *experiment);
/* Of a method in a cell of the table; MEASURE_AT: at the experiment's first step `at`. For sample_free(). */
l2o_status results_sample(const session *session, int variant, int panel, int method, measure measure, sample *out,
                          l2o_error *error);

json_t *results_number(double value); /* null where it is not finite */
json_t *results_cell(const sample_summary *summary);
/* The quantity at a step that the curves hold. */
l2o_status results_sample_at(const session *session, int variant, int panel, int method, int64_t step, sample *out,
                             l2o_error *error);

/* With the published number and a verdict; NAN: there is none. */
json_t *results_cell_beside(const quantity *quantity, const sample_summary *summary, double paper);
/* How intervals and verdicts were made, after what the quantity means. */
enum { NOTE_SIZE = 1024 };
void results_note(const quantity *quantity, const char *meaning, char *text, size_t size);

/* A table without rows: the column headings are names of methods. */
json_t *results_table(const char *name, const char *title, const char *note, const char *row_header);
bool results_add(json_t *array, json_t *value);                   /* takes over `value`; false: out of memory */
bool results_set(json_t *object, const char *key, json_t *value); /* likewise */
/* Marks the best of the learned methods' cells in a row. */
void results_mark_best(const experiment *experiment, json_t *cells);

/* [count] values of a curve; low and high may be NULL. */
json_t *results_series(const char *label, const char *group, int64_t count, const double *x, const double *mean,
                       const double *low, const double *high);
json_t *results_figure(const quantity *quantity, const char *name, const char *title, const char *x_label, bool x_log,
                       json_t *series);

/* "sigma 10", or with a variant "sigma 10, reference" */
void results_label(const session *session, int variant, int panel, char *text, size_t size);

#endif
