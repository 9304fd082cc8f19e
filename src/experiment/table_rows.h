/* Tables of methods: one row, or all rows of one measure. */
#ifndef L2O_EXPERIMENT_TABLE_ROWS_H
#define L2O_EXPERIMENT_TABLE_ROWS_H

#include "experiment/results_parts.h"

/* An empty table whose columns are the methods; those without the measure (the step of a limit) stay empty. */
json_t *table_of_methods(const session *session, const char *name, const char *title, const char *note,
                         const char *row_header);
/* Appends the row of one variant and panel. */
l2o_status table_add_row(const session *session, int variant, int panel, measure measure, const char *label,
                         json_t *table, l2o_error *error);
/* The same, of the differences to the method `baseline`. */
l2o_status table_add_differences(const session *session, int variant, int panel, int baseline, const char *label,
                                 json_t *table, l2o_error *error);
/* The value of the published curve, or the lone number, that stands beside what is tabulated; NAN where there is none.
 */
double table_published(const session *session, int variant, int panel, int method, measure measure);
/* The method that differences are taken from: the experiment's, else the last learned one; -1: there is none. */
int table_baseline(const experiment *experiment);
l2o_status table_out_of_memory(l2o_error *error);

#endif
