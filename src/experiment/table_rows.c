/* Rows of tables whose columns are methods. */
#include "experiment/table_rows.h"

#include <math.h>
#include <string.h>

l2o_status table_out_of_memory(l2o_error *error) {
    return error_set(error, L2O_ERROR_MEMORY, "out of memory while results were put together");
}

json_t *table_of_methods(const session *session, const char *name, const char *title, const char *note,
                         const char *row_header) {
    json_t *table = results_table(name, title, note, row_header);
    for (int m = 0; m < session->experiment->method_count && table != NULL; m++)
        results_add(json_object_get(table, "columns"), json_string(session->experiment->methods[m].name));
    return table;
}

/* Published numbers belong to a table, and there to the first variant alone. */
double table_published(const session *session, int variant, int panel, int method, measure measure) {
    const experiment *experiment = session->experiment;
    if (measure != results_judged(experiment) || variant != 0 || experiment->kind != &kind_table) return NAN;
    const experiment_published *paper =
        experiment_find_published(&experiment->panels[panel], experiment->methods[method].name);
    if (paper == NULL) return NAN;
    if (isnan(paper->step[0])) return paper->value[0];
    double last = (double)session_cell(session, variant, panel, method, 0)->steps;
    for (int64_t k = 0; k < paper->count; k++)
        if (paper->step[k] == last) return paper->value[k];
    return NAN;
}

static l2o_status cell_of(const session *session, int variant, int panel, int method, measure measure, json_t **out,
                          l2o_error *error) {
    sample sample = {0};
    sample_summary summary;
    bool limit = session->experiment->methods[method].limit;
    if (limit && measure != MEASURE_MINIMUM && measure != MEASURE_LAST) {
        *out = json_null();
        return L2O_OK;
    }
    l2o_status status = results_sample(session, variant, panel, method, measure, &sample, error);
    if (status == L2O_OK) status = sample_summarise(&sample, &summary, error);
    sample_free(&sample);
    TRY(status);
    if (measure == MEASURE_RATE && isnan(summary.mean)) { /* has none */
        *out = json_null();
        return L2O_OK;
    }
    *out = results_cell_beside(session->experiment->quantity, &summary,
                               table_published(session, variant, panel, method, measure));
    if (measure == MEASURE_AT && isfinite(summary.deviation))
        results_set(*out, "text", json_sprintf("%.2f (%.2f)", summary.mean, summary.deviation));
    return *out == NULL ? table_out_of_memory(error) : L2O_OK;
}

static l2o_status add_row(json_t *table, const char *label, json_t *cells, l2o_error *error) {
    json_t *row = json_pack("{s:s, s:o}", "label", label, "cells", cells);
    return results_add(json_object_get(table, "rows"), row) ? L2O_OK : table_out_of_memory(error);
}

l2o_status table_add_row(const session *session, int variant, int panel, measure measure, const char *label,
                         json_t *table, l2o_error *error) {
    json_t *cells = json_array();
    for (int m = 0; m < session->experiment->method_count; m++) {
        json_t *cell = NULL;
        l2o_status status = cell_of(session, variant, panel, m, measure, &cell, error);
        if (status == L2O_OK && !results_add(cells, cell)) status = table_out_of_memory(error);
        if (status != L2O_OK) {
            json_decref(cells);
            return status;
        }
    }
    if (measure != MEASURE_STEP && measure != MEASURE_RATE) results_mark_best(session->experiment, cells);
    return add_row(table, label, cells, error);
}

int table_baseline(const experiment *experiment) {
    for (int m = experiment->method_count - 1; m >= 0; m--)
        if (experiment->baseline != NULL ? strcmp(experiment->methods[m].name, experiment->baseline) == 0
                                         : strcmp(experiment->methods[m].group, "learned") == 0)
            return m;
    return -1;
}

static l2o_status difference_of(const session *session, int variant, int panel, int method, int baseline, json_t **out,
                                l2o_error *error) {
    sample a = {0}, b = {0};
    sample_summary summary;
    measure judged = results_judged(session->experiment);
    if (method == baseline) {
        *out = json_null();
        return L2O_OK;
    }
    l2o_status status = results_sample(session, variant, panel, method, judged, &a, error);
    if (status == L2O_OK) status = results_sample(session, variant, panel, baseline, judged, &b, error);
    if (status == L2O_OK) status = sample_difference(&a, &b, &summary, error);
    sample_free(&a);
    sample_free(&b);
    TRY(status);
    *out = results_cell(&summary);
    return *out == NULL ? table_out_of_memory(error) : L2O_OK;
}

l2o_status table_add_differences(const session *session, int variant, int panel, int baseline, const char *label,
                                 json_t *table, l2o_error *error) {
    json_t *cells = json_array();
    for (int m = 0; m < session->experiment->method_count; m++) {
        json_t *cell = NULL;
        l2o_status status = difference_of(session, variant, panel, m, baseline, &cell, error);
        if (status == L2O_OK && !results_add(cells, cell)) status = table_out_of_memory(error);
        if (status != L2O_OK) {
            json_decref(cells);
            return status;
        }
    }
    return add_row(table, label, cells, error);
}
