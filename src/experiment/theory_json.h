/* Tables and figures in the form of the results format, put together piece by piece. Numbers that are not finite become
 * null. Running out of memory is remembered and told at the end by theory_json_status(). */
#ifndef L2O_EXPERIMENT_THEORY_JSON_H
#define L2O_EXPERIMENT_THEORY_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct theory_json {
    json_t *tables, *figures, *claims, *notes; /* arrays of the caller's; claims NULL: they become notes */
    bool failed;
} theory_json;

l2o_status theory_json_status(const theory_json *json, l2o_error *error);

/* A table that has been appended already; `columns` ends with NULL. NULL on failure, which all below accept. */
json_t *theory_json_table(theory_json *json, const char *name, const char *title, const char *note,
                          const char *row_header, const char *const *columns);
json_t *theory_json_row(theory_json *json, json_t *table, const char *label); /* the row's cells, none yet */
void theory_json_number(theory_json *json, json_t *cells, double mean);
void theory_json_text(theory_json *json, json_t *cells, const char *text);
/* Mean and 95 % intervals of values[seeds, draws]: over draws, of their means over seeds, and over seeds, of their
 * means over draws. */
void theory_json_values(theory_json *json, json_t *cells, const double *values, int seeds, int draws);

typedef struct theory_spread {
    double mean, half, seeds_half; /* NaN where there is only one */
} theory_spread;

theory_spread theory_spread_of(const double *values, int seeds, int draws);
/* The larger half width; NaN where there is none. */
double theory_spread_half(const theory_spread *spread);

typedef struct theory_axis {
    const char *label;
    bool logarithmic;
} theory_axis;

json_t *theory_json_figure(theory_json *json, const char *name, const char *title, theory_axis x, theory_axis y);
/* A series of `points` points with the means of values[point * stride + seed * draws + draw], and as the band the
 * interval over draws of the means over seeds. */
void theory_json_series(theory_json *json, json_t *figure, const char *label, const char *group, const double *x,
                        int points, const double *values, int64_t stride, int seeds, int draws);

void theory_json_note(theory_json *json, const char *format, ...) __attribute__((format(printf, 2, 3)));
void theory_json_claim(theory_json *json, const char *text, double measured, double bound, bool holds);

#endif
