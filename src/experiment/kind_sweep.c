/* The kind `sweep`: methods against one variable (a number of adaptation updates, a rate, what is adapted on), a table
 * and a figure for each kind of problems. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "experiment/rivals.h"
#include "experiment/table_rows.h"

static l2o_status add_table(const session *session, int panel, measure measure, const char *name, const char *what,
                            json_t *tables, l2o_error *error) {
    const experiment *experiment = session->experiment;
    char full[96], title[256];
    snprintf(full, sizeof full, "%s-%.60s", name, experiment->panels[panel].name);
    snprintf(title, sizeof title, "%s %.60s: %s", experiment->row_header != NULL ? experiment->row_header : "",
             experiment->panels[panel].name, what);
    char note[NOTE_SIZE];
    const quantity *quantity = experiment->quantity;
    results_note(quantity, measure == MEASURE_OTHER ? quantity->other_meaning : quantity->meaning, note, sizeof note);
    json_t *table = table_of_methods(session, full, title, note, experiment->x_label);
    l2o_status status = table == NULL ? table_out_of_memory(error) : L2O_OK;
    for (int v = 0; v < experiment->variant_count && status == L2O_OK; v++)
        status = table_add_row(session, v, panel, measure, experiment->variants[v].name, table, error);
    if (status == L2O_OK) return results_add(tables, table) ? L2O_OK : table_out_of_memory(error);
    json_decref(table);
    return status;
}

/* Differences from the baseline, value by value. */
static l2o_status add_differences(const session *session, int panel, json_t *tables, l2o_error *error) {
    const experiment *experiment = session->experiment;
    int baseline = table_baseline(experiment);
    if (baseline < 0) return L2O_OK;
    char name[96], title[256];
    snprintf(name, sizeof name, "differences-%.60s", experiment->panels[panel].name);
    snprintf(title, sizeof title, "%s %.60s: paired differences of the %s from %.80s",
             experiment->row_header != NULL ? experiment->row_header : "", experiment->panels[panel].name,
             experiment->quantity->judged, experiment->methods[baseline].name);
    json_t *table = table_of_methods(session, name, title,
                                     "Method less baseline on the same problems and at the same value: negative is "
                                     "better than the baseline. Intervals as elsewhere.",
                                     experiment->x_label);
    l2o_status status = table == NULL ? table_out_of_memory(error) : L2O_OK;
    for (int v = 0; v < experiment->variant_count && status == L2O_OK; v++)
        status = table_add_differences(session, v, panel, baseline, experiment->variants[v].name, table, error);
    if (status == L2O_OK) return results_add(tables, table) ? L2O_OK : table_out_of_memory(error);
    json_decref(table);
    return status;
}

static l2o_status method_series(const session *session, int panel, int method, double *room, json_t *series,
                                l2o_error *error) {
    const experiment *experiment = session->experiment;
    const experiment_method *of = &experiment->methods[method];
    int count = experiment->variant_count;
    double *x = room, *mean = room + count, *low = mean + count, *high = low + count;
    for (int v = 0; v < count; v++) {
        sample sample;
        sample_summary summary;
        l2o_status status = results_sample(session, v, panel, method, results_judged(experiment), &sample, error);
        if (status == L2O_OK) status = sample_summarise(&sample, &summary, error);
        sample_free(&sample);
        TRY(status);
        double half = isfinite(summary.half) ? summary.half : 0;
        x[v] = isnan(experiment->variants[v].x) ? v + 1 : experiment->variants[v].x;
        mean[v] = summary.mean;
        low[v] = summary.mean - half;
        high[v] = summary.mean + half;
    }
    return results_add(series, results_series(of->name, of->group, count, x, mean, low, high))
               ? L2O_OK
               : table_out_of_memory(error);
}

static l2o_status add_figure(const session *session, int panel, json_t *figures, l2o_error *error) {
    const experiment *experiment = session->experiment;
    double *room = memory_allocate((size_t)experiment->variant_count * 4, sizeof *room, error);
    if (room == NULL) return error->status;
    json_t *series = json_array();
    l2o_status status = L2O_OK;
    for (int m = 0; m < experiment->method_count && status == L2O_OK; m++)
        status = method_series(session, panel, m, room, series, error);
    memory_free(room);
    if (status != L2O_OK) {
        json_decref(series);
        return status;
    }
    char name[96], title[256];
    snprintf(name, sizeof name, "sweep-%d", panel);
    snprintf(title, sizeof title, "%s %.60s: %s against %.80s",
             experiment->row_header != NULL ? experiment->row_header : "", experiment->panels[panel].name,
             experiment->quantity->judged, experiment->x_label != NULL ? experiment->x_label : "x");
    json_t *figure = results_figure(experiment->quantity, name, title,
                                    experiment->x_label != NULL ? experiment->x_label : "x", experiment->x_log, series);
    return results_add(figures, figure) ? L2O_OK : table_out_of_memory(error);
}

static l2o_status add_tables(const session *session, int panel, json_t *tables, l2o_error *error) {
    const quantity *quantity = session->experiment->quantity;
    char name[32], what[128];
    if (!quantity->last) {
        TRY(add_table(session, panel, MEASURE_MINIMUM, "minimum", "least ln f over the steps", tables, error));
        return add_table(session, panel, MEASURE_LAST, "last", "ln f after the last step", tables, error);
    }
    TRY(add_table(session, panel, MEASURE_LAST, "last", quantity->judged, tables, error));
    snprintf(name, sizeof name, "last-%s", quantity->other);
    snprintf(what, sizeof what, "%s after the last step", quantity->other_symbol);
    return add_table(session, panel, MEASURE_OTHER, name, what, tables, error);
}

static l2o_status run(session *session, results *results, l2o_error *error) {
    const experiment *experiment = session->experiment;
    for (int p = 0; p < experiment->panel_count; p++) {
        TRY(add_tables(session, p, results->tables, error));
        TRY(add_differences(session, p, results->tables, error));
        TRY(add_figure(session, p, results->figures, error));
        for (int v = 0; v < experiment->variant_count; v++) TRY(rivals_note(session, v, p, results->notes, error));
    }
    return L2O_OK;
}

const experiment_kind kind_sweep = {
    .name = "sweep",
    .summary = "methods against one variable, a table and a figure for each kind of problems",
    .compares = true,
    .run = run,
};
