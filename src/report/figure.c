/* Figures: an SVG that stands on paper and where scripts are off, and the data from which report.js draws its own. Both
 * get the colours of the curves here. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/plot.h"
#include "io/plot_curve.h"
#include "report/page.h"

enum { DIGITS = 7, STYLES_MAX = 4096 }; /* of the numbers in figures; of labels with a style of their own */

/* ----------------------------------------------------------------------------------------------------- references */

/* The level of a curve of the group "limit" that is flat: a line across the figure rather than a curve. NaN: none. */
static double reference_level(const results_series *series) {
    double level = NAN;
    if (strcmp(series->group, "limit") != 0) return NAN;
    for (size_t i = 0; i < series->count; i++) {
        if (isnan(series->mean[i])) continue;
        if (!isnan(level) && series->mean[i] != level) return NAN;
        level = series->mean[i];
    }
    return level;
}

static size_t style_of(const report_styles *styles, const char *label) {
    size_t at = 0;
    while (at < styles->count && strcmp(styles->labels[at], label) != 0) at++;
    return at;
}

l2o_status report_styles_make(const results *results, arena *arena, report_styles *out, l2o_error *error) {
    size_t most = 0;
    for (size_t f = 0; f < results->figure_count; f++) most += results->figures[f].series_count;
    *out = (report_styles){.labels = arena_allocate(arena, most * sizeof *out->labels, error)};
    if (out->labels == NULL) return error->status;
    for (size_t f = 0; f < results->figure_count; f++)
        for (size_t s = 0; s < results->figures[f].series_count; s++) {
            const results_series *series = &results->figures[f].series[s];
            if (out->count < STYLES_MAX && isnan(reference_level(series)) && style_of(out, series->label) == out->count)
                out->labels[out->count++] = series->label;
        }
    return L2O_OK;
}

/* ---------------------------------------------------------------------------------------------------------- range */

/* Curves that diverge would flatten all others. Where the whole range is several times that from the start down to the
 * best and as much upwards, the second is what is shown at first. False: all is shown. */
static bool find_focus(const results_figure *figure, double *low, double *high) {
    static const double margin = 0.05, several = 3.0;
    double least = INFINITY, most = -INFINITY, start = -INFINITY, worst = -INFINITY;
    if (figure->y.logarithmic) return false;
    for (size_t s = 0; s < figure->series_count; s++) {
        const results_series *series = &figure->series[s];
        bool first = isnan(reference_level(series));
        double own = INFINITY;
        for (size_t i = 0; i < series->count; i++) {
            if (isnan(series->mean[i])) continue;
            if (first) start = fmax(start, series->mean[i]);
            first = false;
            own = fmin(own, series->mean[i]);
            most = fmax(most, series->mean[i]);
        }
        least = fmin(least, own);
        if (isfinite(own)) worst = fmax(worst, own);
    }
    double top = fmax(2 * start - least, worst + margin * (start - least));
    if (!(least < start) || !(most - least > several * (top - least))) return false;
    *low = least - margin * (top - least);
    *high = top;
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ SVG */

static void write_svg(markup_writer *writer, const results_figure *figure, const report_styles *styles, arena *arena) {
    l2o_error *error = writer->error;
    plot_panel panel = {.x = {figure->x.label, figure->x.logarithmic, 0, 0},
                        .y = {figure->y.label, figure->y.logarithmic, 0, 0}};
    plot_series *series = arena_allocate(arena, figure->series_count * sizeof *series, error);
    plot_line *lines = arena_allocate(arena, figure->series_count * sizeof *lines, error);
    plot_span *spans = arena_allocate(arena, figure->span_count * sizeof *spans, error);
    if (series == NULL || lines == NULL || spans == NULL) {
        writer->status = error->status;
        return;
    }
    for (size_t s = 0; s < figure->series_count; s++) {
        const results_series *from = &figure->series[s];
        double level = reference_level(from);
        if (!isnan(level))
            lines[panel.line_count++] = (plot_line){from->label, level};
        else
            series[panel.series_count++] = (plot_series){.label = from->label,
                                                         .count = from->count,
                                                         .x = from->x,
                                                         .mean = from->mean,
                                                         .low = from->low,
                                                         .high = from->high,
                                                         .style = style_of(styles, from->label) + 1};
    }
    for (size_t i = 0; i < figure->span_count; i++)
        spans[i] = (plot_span){figure->spans[i].label, figure->spans[i].low, figure->spans[i].high};
    panel.series = series;
    panel.lines = lines;
    panel.spans = spans;
    panel.span_count = figure->span_count;
    find_focus(figure, &panel.y.low, &panel.y.high);
    const plot plot = {.panels = &panel, .panel_count = 1, .width = 960, .height = 480};
    if (writer->status == L2O_OK) writer->status = plot_svg(&plot, writer->out, error);
}

/* ----------------------------------------------------------------------------------------------------------- data */

static json_t *numbers(const double *values, size_t count) {
    static const double exact = 1e15; /* whole numbers below need no decimal point */
    json_t *array = json_array();
    for (size_t i = 0; i < count && array != NULL; i++) {
        double value = values[i];
        json_t *number = isnan(value)                                   ? json_null()
                         : value == floor(value) && fabs(value) < exact ? json_integer((json_int_t)value)
                                                                        : json_real(value);
        if (json_array_append_new(array, number) == 0) continue;
        json_decref(array);
        array = NULL;
    }
    return array;
}

static json_t *series_json(const results_series *series, const results_series *before, const report_styles *styles) {
    double level = reference_level(series);
    if (!isnan(level))
        return json_pack("{s:s, s:s, s:f}", "label", series->label, "group", series->group, "level", level);
    plot_style style = plot_style_at(style_of(styles, series->label));
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:o}", "label", series->label, "group", series->group, "colour",
                               style.colour, "dash", style.dash, "mean", numbers(series->mean, series->count));
    /* Without x: the same as the series before. */
    bool shared = before != NULL && before->x == series->x && isnan(reference_level(before));
    bool failed = object == NULL;
    if (!failed && !shared) failed = json_object_set_new(object, "x", numbers(series->x, series->count)) != 0;
    if (!failed && series->low != NULL)
        failed = json_object_set_new(object, "low", numbers(series->low, series->count)) != 0 ||
                 json_object_set_new(object, "high", numbers(series->high, series->count)) != 0;
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

static json_t *axis_json(const results_axis *axis) {
    return json_pack("{s:s, s:b}", "label", axis->label, "log", axis->logarithmic);
}

static json_t *figure_json(const results_figure *figure, const report_styles *styles) {
    json_t *series = json_array(), *spans = json_array();
    bool failed = series == NULL || spans == NULL;
    for (size_t s = 0; s < figure->series_count && !failed; s++)
        failed = json_array_append_new(
                     series, series_json(&figure->series[s], s > 0 ? &figure->series[s - 1] : NULL, styles)) != 0;
    for (size_t i = 0; i < figure->span_count && !failed; i++) {
        const results_span *span = &figure->spans[i];
        failed = json_array_append_new(spans, json_pack("{s:s, s:f, s:f}", "label", span->label, "low", span->low,
                                                        "high", span->high)) != 0;
    }
    json_t *object = json_pack("{s:s, s:o, s:o, s:o, s:o}", "title", figure->title, "x", axis_json(&figure->x), "y",
                               axis_json(&figure->y), "series", series, "spans", spans);
    double low, high;
    if (object != NULL && !failed && find_focus(figure, &low, &high))
        failed = json_object_set_new(object, "focus", json_pack("[f, f]", low, high)) != 0;
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

/* Inside of a script element neither an end tag nor a comment may begin; other signs are ASCII already. */
static void write_script_json(markup_writer *writer, const json_t *value) {
    char *text =
        value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(DIGITS));
    if (text == NULL && writer->status == L2O_OK)
        writer->status = error_set(writer->error, L2O_ERROR_MEMORY, "out of memory while a page was written");
    for (const char *at = text; at != NULL && *at != '\0' && writer->status == L2O_OK;) {
        size_t plain = strcspn(at, "<>&");
        writer->status = buffer_append(writer->out, at, plain, writer->error);
        at += plain;
        if (*at != '\0') markup_write(writer, *at == '<' ? "\\u003c" : *at == '>' ? "\\u003e" : "\\u0026");
        at += *at != '\0';
    }
    free(text);
}

void report_figure_write(markup_writer *writer, const results_figure *figure, const report_styles *styles, size_t index,
                         arena *arena) {
    int number = (int)index + 1;
    markup_write(
        writer,
        "<figure class=\"figure\" id=\"figure-%d\" aria-labelledby=\"caption-%d\">\n"
        "<figcaption id=\"caption-%d\">%t</figcaption>\n<div class=\"still\" role=\"img\" aria-label=\"%t\">\n",
        number, number, number, figure->title, figure->title);
    if (writer->status == L2O_OK) write_svg(writer, figure, styles, arena);
    markup_write(writer, "</div>\n<script type=\"application/json\">");
    json_t *data = figure_json(figure, styles);
    write_script_json(writer, data);
    json_decref(data);
    markup_write(writer, "</script>\n</figure>\n");
}
