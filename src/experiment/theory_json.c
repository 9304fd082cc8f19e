/* Objects by jansson; a failed call returns NULL or -1, which is all that is looked at. */
#include "experiment/theory_json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "experiment/statistics.h"

l2o_status theory_json_status(const theory_json *json, l2o_error *error) {
    return json->failed ? error_set(error, L2O_ERROR_MEMORY, "out of memory for the experiment's tables") : L2O_OK;
}

static json_t *number_of(double value) { return isfinite(value) ? json_real(value) : json_null(); }

/* Takes over `value`; the result is the array's, NULL on failure. */
static json_t *append(theory_json *json, json_t *array, json_t *value) {
    if (json_array_append_new(array, value) == 0) return value;
    json->failed = true;
    return NULL;
}

static void set(theory_json *json, json_t *object, const char *key, json_t *value) {
    if (object == NULL || json_object_set_new(object, key, value) != 0) json->failed = true;
}

json_t *theory_json_table(theory_json *json, const char *name, const char *title, const char *note,
                          const char *row_header, const char *const *columns) {
    json_t *table = append(json, json->tables,
                           json_pack("{s:s, s:s, s:s, s:s, s:[], s:[]}", "name", name, "title", title, "note", note,
                                     "row_header", row_header, "columns", "rows"));
    for (; *columns != NULL; columns++) append(json, json_object_get(table, "columns"), json_string(*columns));
    return table;
}

json_t *theory_json_row(theory_json *json, json_t *table, const char *label) {
    json_t *row = append(json, json_object_get(table, "rows"), json_pack("{s:s, s:[]}", "label", label, "cells"));
    return json_object_get(row, "cells");
}

void theory_json_number(theory_json *json, json_t *cells, double mean) {
    append(json, cells, json_pack("{s:o}", "mean", number_of(mean)));
}

void theory_json_text(theory_json *json, json_t *cells, const char *text) {
    append(json, cells, json_pack("{s:s}", "text", text));
}

enum { MOST_MEANS = 1024 };

theory_spread theory_spread_of(const double *values, int seeds, int draws) {
    double of_draws[MOST_MEANS] = {0}, of_seeds[MOST_MEANS] = {0};
    for (int k = 0; k < seeds; k++)
        for (int r = 0; r < draws; r++) {
            of_draws[r] += values[k * draws + r] / seeds;
            of_seeds[k] += values[k * draws + r] / draws;
        }
    return (theory_spread){.mean = statistics_mean(values, (size_t)(seeds * draws)),
                           .half = statistics_half_width(of_draws, (size_t)draws),
                           .seeds_half = statistics_half_width(of_seeds, (size_t)seeds)};
}

double theory_spread_half(const theory_spread *spread) { return fmax(spread->half, spread->seeds_half); }

void theory_json_values(theory_json *json, json_t *cells, const double *values, int seeds, int draws) {
    theory_spread spread = theory_spread_of(values, seeds, draws);
    json_t *cell = append(json, cells, json_pack("{s:o}", "mean", number_of(spread.mean)));
    if (isfinite(spread.half)) set(json, cell, "half", json_real(spread.half));
    if (isfinite(spread.seeds_half)) set(json, cell, "seeds_half", json_real(spread.seeds_half));
}

static json_t *axis_of(theory_axis axis) {
    return json_pack("{s:s, s:b}", "label", axis.label, "log", (int)axis.logarithmic);
}

json_t *theory_json_figure(theory_json *json, const char *name, const char *title, theory_axis x, theory_axis y) {
    return append(json, json->figures,
                  json_pack("{s:s, s:s, s:o, s:o, s:[]}", "name", name, "title", title, "x", axis_of(x), "y",
                            axis_of(y), "series"));
}

void theory_json_series(theory_json *json, json_t *figure, const char *label, const char *group, const double *x,
                        int points, const double *values, int64_t stride, int seeds, int draws) {
    json_t *series = append(json, json_object_get(figure, "series"),
                            json_pack("{s:s, s:s, s:[], s:[]}", "label", label, "group", group, "x", "mean"));
    bool band = true;
    for (int i = 0; i < points; i++) {
        const double *own = values + i * stride;
        append(json, json_object_get(series, "x"), json_real(x[i]));
        theory_spread spread = theory_spread_of(own, seeds, draws);
        append(json, json_object_get(series, "mean"), number_of(spread.mean));
        band = band && isfinite(spread.half);
    }
    if (!band) return;
    set(json, series, "low", json_array());
    set(json, series, "high", json_array());
    for (int i = 0; i < points; i++) {
        const double *own = values + i * stride;
        theory_spread spread = theory_spread_of(own, seeds, draws);
        append(json, json_object_get(series, "low"), json_real(spread.mean - spread.half));
        append(json, json_object_get(series, "high"), json_real(spread.mean + spread.half));
    }
}

void theory_json_note(theory_json *json, const char *format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    append(json, json->notes, json_string(text));
}

void theory_json_claim(theory_json *json, const char *text, double measured, double bound, bool holds) {
    if (json->claims == NULL) {
        theory_json_note(json, "%s %.3g (bound %.3g): %s.", text, measured, bound, holds ? "holds" : "does not hold");
        return;
    }
    append(json, json->claims,
           json_pack("{s:s, s:o, s:o, s:b}", "text", text, "measured", number_of(measured), "bound", number_of(bound),
                     "holds", (int)holds));
}
