/* The page of a report: one HTML document that needs nothing beside it. Tables are HTML; figures are SVG for paper and
 * for browsers without scripts, and data for report.js, which puts dygraphs in their place. All text comes from files
 * and is escaped; a policy in the page's head keeps it from loading anything. */
#ifndef L2O_REPORT_PAGE_H
#define L2O_REPORT_PAGE_H

#include "io/markup.h"
#include "report/results.h"

/* Appends the page to `out`. The text is a function of `results` and the program's version. */
l2o_status report_page_write(const results *results, buffer *out, l2o_error *error);
/* The part between the head and the scripts. */
void report_body_write(markup_writer *writer, const results *results, arena *arena);

/* A number as text: three decimals where it is small, fewer as it grows, an exponent where that would mislead; a minus
 * sign instead of a hyphen. "not finite" for NaN and infinities. */
typedef struct report_number {
    char text[48];
} report_number;
int report_decimals(double value); /* how many decimals report_number_of() takes for such a number */
report_number report_number_of(double value, int decimals);

/* `index` makes the ids of the page's parts differ. */
void report_table_write(markup_writer *writer, const results_table *table, size_t index);
/* A nested object as a list of definitions, what lies deeper folded. */
void report_definitions_write(markup_writer *writer, const json_t *object);

/* The labels of all curves on a page in order: a label has one colour in all figures. */
typedef struct report_styles {
    const char **labels;
    size_t count;
} report_styles;
l2o_status report_styles_make(const results *results, arena *arena, report_styles *out, l2o_error *error);
void report_figure_write(markup_writer *writer, const results_figure *figure, const report_styles *styles, size_t index,
                         arena *arena);

#endif
