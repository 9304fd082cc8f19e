/* Cells, tables, series and figures of the results file. */
#include "experiment/results_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

measure results_judged(const experiment *experiment) {
    return experiment->quantity->last ? MEASURE_LAST : MEASURE_MINIMUM;
}

static double value_at(const cell *cell, int64_t run, int64_t step) {
    for (int64_t k = 0; k < cell->points; k++)
        if (cell->point[k] == step || cell->points == 1) return cell->curve[run * cell->points + k];
    return NAN;
}

static double value_of(const session *session, const cell *cell, int64_t run, measure measure) {
    switch (measure) {
    case MEASURE_MINIMUM: return cell->minimum[run];
    case MEASURE_STEP: return cell->minimum_step[run];
    case MEASURE_LAST: return cell->last[run];
    case MEASURE_RATE: return cell->rate[run];
    case MEASURE_OTHER: return cell->paired ? cell->other[(run + 1) * cell->points - 1] : (double)NAN;
    case MEASURE_AT: break;
    }
    return value_at(cell, run, session->experiment->at[0]);
}

l2o_status results_sample(const session *session, int variant, int panel, int method, measure measure, sample *out,
                          l2o_error *error) {
    int64_t seeds = session_seeds(session, &session->experiment->methods[method]);
    TRY(sample_create(seeds, session_cell(session, variant, panel, method, 0)->runs, out, error));
    for (int64_t s = 0; s < seeds; s++) {
        const cell *cell = session_cell(session, variant, panel, method, s);
        for (int64_t r = 0; r < out->runs; r++) out->values[s * out->runs + r] = value_of(session, cell, r, measure);
    }
    return L2O_OK;
}

l2o_status results_sample_at(const session *session, int variant, int panel, int method, int64_t step, sample *out,
                             l2o_error *error) {
    int64_t seeds = session_seeds(session, &session->experiment->methods[method]);
    TRY(sample_create(seeds, session_cell(session, variant, panel, method, 0)->runs, out, error));
    for (int64_t s = 0; s < seeds; s++) {
        const cell *cell = session_cell(session, variant, panel, method, s);
        for (int64_t r = 0; r < out->runs; r++) out->values[s * out->runs + r] = value_at(cell, r, step);
    }
    return L2O_OK;
}

json_t *results_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

bool results_set(json_t *object, const char *key, json_t *value) {
    if (object != NULL && value != NULL && json_object_set_new(object, key, value) == 0) return true;
    if (object == NULL) json_decref(value);
    return false;
}

json_t *results_cell(const sample_summary *summary) {
    json_t *cell = json_object();
    bool fine = results_set(cell, "mean", results_number(summary->mean));
    if (isfinite(summary->half)) fine = fine && results_set(cell, "half", results_number(summary->half));
    if (isfinite(summary->seeds_half)) {
        fine = fine && results_set(cell, "seeds_half", results_number(summary->seeds_half));
        fine = fine && results_set(cell, "seeds_deviation", results_number(summary->seeds_deviation));
    }
    if (fine) return cell;
    json_decref(cell);
    return NULL;
}

json_t *results_cell_beside(const quantity *quantity, const sample_summary *summary, double paper) {
    json_t *cell = results_cell(summary);
    if (cell == NULL || isnan(paper)) return cell;
    double near =
        fmax(quantity_nearness(quantity, paper), fmax(summary->half, summary->seeds_half)); /* fmax() passes over NaN */
    const char *verdict = fabs(summary->mean - paper) <= near ? "agrees" : summary->mean < paper ? "better" : "worse";
    if (results_set(cell, "paper", results_number(paper)) && results_set(cell, "verdict", json_string(verdict)))
        return cell;
    json_decref(cell);
    return NULL;
}

void results_note(const quantity *quantity, const char *meaning, char *text, size_t size) {
    snprintf(
        text, size,
        "%s, mean over runs and meta-training seeds. First interval: Student's 95 %% over runs, of the mean over "
        "seeds; second: over meta-training seeds, of the mean over runs. All methods see the same problems. Marked "
        "is the best of the learned methods. A published number is that of the paper's method of that name; it "
        "agrees where it lies within our wider interval, or within %s.",
        meaning, quantity->near_text);
}

json_t *results_table(const char *name, const char *title, const char *note, const char *row_header) {
    return json_pack("{s:s, s:s, s:s, s:s, s:[], s:[]}", "name", name, "title", title, "note", note, "row_header",
                     row_header != NULL ? row_header : "", "columns", "rows");
}

bool results_add(json_t *array, json_t *value) {
    if (array != NULL && value != NULL && json_array_append_new(array, value) == 0) return true;
    if (array == NULL) json_decref(value);
    return false;
}

void results_mark_best(const experiment *experiment, json_t *cells) {
    json_t *best = NULL;
    double least = INFINITY;
    for (int m = 0; m < experiment->method_count; m++) {
        json_t *cell = json_array_get(cells, (size_t)m);
        const json_t *mean = json_object_get(cell, "mean");
        if (strcmp(experiment->methods[m].group, "learned") != 0 || !json_is_number(mean)) continue;
        if (!(json_number_value(mean) < least)) continue;
        least = json_number_value(mean);
        best = cell;
    }
    if (best != NULL) json_object_set_new(best, "best", json_true());
}

static json_t *numbers(const double *values, int64_t count) {
    json_t *array = json_array();
    for (int64_t i = 0; i < count; i++) {
        if (results_add(array, results_number(values[i]))) continue;
        json_decref(array);
        return NULL;
    }
    return array;
}

json_t *results_series(const char *label, const char *group, int64_t count, const double *x, const double *mean,
                       const double *low, const double *high) {
    json_t *series = json_pack("{s:s, s:s, s:o, s:o}", "label", label, "group", group, "x", numbers(x, count), "mean",
                               numbers(mean, count));
    if (low == NULL ||
        (results_set(series, "low", numbers(low, count)) && results_set(series, "high", numbers(high, count))))
        return series;
    json_decref(series);
    return NULL;
}

json_t *results_figure(const quantity *quantity, const char *name, const char *title, const char *x_label, bool x_log,
                       json_t *series) {
    return json_pack("{s:s, s:s, s:{s:s, s:b}, s:{s:s, s:b}, s:o}", "name", name, "title", title, "x", "label", x_label,
                     "log", x_log, "y", "label", quantity->symbol, "log", quantity->logarithmic, "series", series);
}

void results_label(const session *session, int variant, int panel, char *text, size_t size) {
    const experiment *experiment = session->experiment;
    const char *header = experiment->row_header != NULL ? experiment->row_header : "";
    const char *name = experiment->variants[variant].name;
    snprintf(text, size, "%s%s%s%s%s", header, header[0] != '\0' ? " " : "", experiment->panels[panel].name,
             name[0] != '\0' ? ", " : "", name);
}
