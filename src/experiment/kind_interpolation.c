/* The kind `interpolation`: weights on the straight line between two optimizers that were adapted from the same start,
 * each to problems of its own (the experiment's two variants), for every method that adapts. Beside them stand the
 * experiment's other methods, which do not depend on where on the line one is. Interpolations are not kept in the
 * cache: they take seconds. */
#include "experiment/interpolation.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "experiment/experiment_kinds.h"
#include "experiment/table_rows.h"

enum { POINTS = 11 };

static const char PHASE[] = "interpolating";

/* One method on one panel with the weights of one seed. */
typedef struct line {
    int panel, method;
    int64_t seed;
    int64_t runs;
    double *minimum; /* [POINTS, runs] */
} line;

typedef struct lines {
    session *session;
    line *items;
    int64_t count;
} lines;

/* What an end adapts to, and how. */
static l2o_status end_settings(const session *session, const line *line, int end, l2o_settings **out,
                               l2o_error *error) {
    const experiment *experiment = session->experiment;
    const experiment_panel *panel = &experiment->panels[line->panel];
    const experiment_variant *variant = &experiment->variants[end];
    TRY(experiment_cell_settings(experiment, session->given, panel, variant, out, error));
    l2o_status status = experiment_set_values(&experiment->methods[line->method].options, session->given, *out, error);
    if (status == L2O_OK) status = experiment_set_values(&panel->adapt, session->given, *out, error);
    if (status == L2O_OK) status = experiment_set_values(&variant->adapt, session->given, *out, error);
    return status;
}

static l2o_status keep(const interpolation *made, line *line, l2o_error *error) {
    line->runs = made->runs;
    line->minimum = memory_allocate(POINTS * (size_t)made->runs, sizeof(double), error);
    if (line->minimum == NULL) return error->status;
    for (int a = 0; a < POINTS; a++)
        for (int64_t r = 0; r < made->runs; r++) line->minimum[a * made->runs + r] = made->points[a].minimum[r];
    return L2O_OK;
}

static l2o_status run_line(void *argument, int64_t number, l2o_context *context, l2o_error *error) {
    lines *self = argument;
    session *session = self->session;
    const experiment *experiment = session->experiment;
    line *line = &self->items[number];
    const experiment_method *method = &experiment->methods[line->method];
    const cell *cell = session_cell(session, 0, line->panel, line->method, line->seed);
    l2o_settings *ends[2] = {NULL, NULL}, *test = NULL;
    interpolation made;
    l2o_status status = experiment_cell_settings(experiment, session->given, &experiment->panels[line->panel],
                                                 &experiment->variants[0], &test, error);
    for (int end = 0; end < 2 && status == L2O_OK; end++) status = end_settings(session, line, end, &ends[end], error);
    interpolation_options options = {.start = cell->weights != NULL ? cell->weights : method->optimizer,
                                     .ends = {ends[0], ends[1]},
                                     .test = test,
                                     .points = POINTS,
                                     .runs = cell->runs,
                                     .steps = cell->steps};
    if (status == L2O_OK) status = interpolation_run(context, &options, NULL, NULL, &made, error);
    if (status == L2O_OK) {
        status = keep(&made, line, error);
        interpolation_free(&made);
    }
    settings_free(ends[0]);
    settings_free(ends[1]);
    settings_free(test);
    if (status == L2O_OK) session_progress(session, PHASE, 1, NULL);
    return status;
}

static l2o_status plan(lines *self, l2o_error *error) {
    const experiment *experiment = self->session->experiment;
    size_t most =
        (size_t)experiment->panel_count * (size_t)experiment->method_count * (size_t)self->session->seed_count;
    self->items = memory_allocate(most, sizeof *self->items, error);
    if (self->items == NULL) return error->status;
    for (int p = 0; p < experiment->panel_count; p++)
        for (int m = 0; m < experiment->method_count; m++)
            for (int64_t s = 0;
                 experiment->methods[m].adapt && s < session_seeds(self->session, &experiment->methods[m]); s++)
                self->items[self->count++] = (line){.panel = p, .method = m, .seed = s};
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------- its results
 */

/* At one point of the line; methods that do not adapt are the same at all points. */
static l2o_status summarise(const lines *self, int panel, int method, int point, sample_summary *summary,
                            l2o_error *error) {
    const session *session = self->session;
    sample sample;
    TRY(results_sample(session, 0, panel, method, MEASURE_MINIMUM, &sample, error));
    for (int64_t i = 0; i < self->count; i++) {
        const line *line = &self->items[i];
        if (line->panel != panel || line->method != method) continue;
        for (int64_t r = 0; r < sample.runs; r++)
            sample.values[line->seed * sample.runs + r] = line->minimum[point * line->runs + r];
    }
    l2o_status status = sample_summarise(&sample, summary, error);
    sample_free(&sample);
    return status;
}

static l2o_status add_table(const lines *self, int panel, json_t *tables, l2o_error *error) {
    const experiment *experiment = self->session->experiment;
    char name[96], title[256];
    snprintf(name, sizeof name, "minimum-%.60s", experiment->panels[panel].name);
    snprintf(title, sizeof title, "%s %.60s: least ln f between two adapted optimizers",
             experiment->row_header != NULL ? experiment->row_header : "", experiment->panels[panel].name);
    char note[NOTE_SIZE];
    results_note(experiment->quantity, experiment->quantity->meaning, note, sizeof note);
    json_t *table = table_of_methods(self->session, name, title, note, "a");
    l2o_status status = table == NULL ? table_out_of_memory(error) : L2O_OK;
    for (int point = 0; point < POINTS && status == L2O_OK; point++) {
        json_t *cells = json_array();
        for (int m = 0; m < experiment->method_count && status == L2O_OK; m++) {
            sample_summary summary;
            status = summarise(self, panel, m, point, &summary, error);
            if (status == L2O_OK && !results_add(cells, results_cell(&summary))) status = table_out_of_memory(error);
        }
        char label[16];
        snprintf(label, sizeof label, "%.1f", (double)point / (POINTS - 1));
        if (status != L2O_OK)
            json_decref(cells);
        else if (!results_add(json_object_get(table, "rows"), json_pack("{s:s, s:o}", "label", label, "cells", cells)))
            status = table_out_of_memory(error);
    }
    if (status == L2O_OK) return results_add(tables, table) ? L2O_OK : table_out_of_memory(error);
    json_decref(table);
    return status;
}

static l2o_status add_series(const lines *self, int panel, json_t *series, l2o_error *error) {
    const experiment *experiment = self->session->experiment;
    for (int m = 0; m < experiment->method_count; m++) {
        double x[POINTS], mean[POINTS], low[POINTS], high[POINTS];
        for (int point = 0; point < POINTS; point++) {
            sample_summary summary;
            TRY(summarise(self, panel, m, point, &summary, error));
            double half = isfinite(summary.half) ? summary.half : 0;
            x[point] = (double)point / (POINTS - 1);
            mean[point] = summary.mean;
            low[point] = summary.mean - half;
            high[point] = summary.mean + half;
        }
        if (!results_add(series, results_series(experiment->methods[m].name, experiment->methods[m].group, POINTS, x,
                                                mean, low, high)))
            return table_out_of_memory(error);
    }
    return L2O_OK;
}

static l2o_status add_figure(const lines *self, int panel, json_t *figures, l2o_error *error) {
    const experiment *experiment = self->session->experiment;
    json_t *series = json_array();
    l2o_status status = add_series(self, panel, series, error);
    if (status != L2O_OK) {
        json_decref(series);
        return status;
    }
    char name[64], title[256], x[256];
    snprintf(name, sizeof name, "interpolation-%d", panel);
    snprintf(title, sizeof title, "%s %.60s: between two adapted optimizers",
             experiment->row_header != NULL ? experiment->row_header : "", experiment->panels[panel].name);
    snprintf(x, sizeof x, "a, from 0 (%.80s) to 1 (%.80s)", experiment->variants[0].name, experiment->variants[1].name);
    json_t *figure = results_figure(experiment->quantity, name, title, x, false, series);
    return results_add(figures, figure) ? L2O_OK : table_out_of_memory(error);
}

static l2o_status work(lines *self, results *results, l2o_error *error) {
    session *session = self->session;
    TRY(plan(self, error));
    session->done = 0;
    session->total = self->count;
    session_progress(session, PHASE, 0, NULL);
    TRY(jobs_run(session->context, self->count, run_line, self, error));
    for (int p = 0; p < session->experiment->panel_count; p++) {
        TRY(add_table(self, p, results->tables, error));
        TRY(add_figure(self, p, results->figures, error));
    }
    return L2O_OK;
}

static l2o_status run(session *session, results *results, l2o_error *error) {
    lines self = {.session = session};
    l2o_status status = work(&self, results, error);
    for (int64_t i = 0; i < self.count; i++) memory_free(self.items[i].minimum);
    memory_free(self.items);
    return status;
}

static l2o_status check(const experiment *experiment, l2o_error *error) {
    bool adapts = false;
    if (experiment->claim_count > 0)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: claims are about the tables of the kinds table and sweep; an interpolation has others",
                         experiment->claims[0].origin);
    for (int m = 0; m < experiment->method_count; m++) adapts |= experiment->methods[m].adapt;
    if (experiment->variant_count == 2 && adapts) return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT,
                     "%s: an interpolation is between two [variant NAME] sections, of which there are %d, for methods "
                     "with adapt = yes",
                     experiment->path, experiment->variant_count);
}

const experiment_kind kind_interpolation = {
    .name = "interpolation",
    .summary = "weights between two that were adapted to different problems",
    .compares = true,
    .check = check,
    .run = run,
};
