/* Rows are methods here, so that a panel with many of them and their costs fits a page. */
#include "experiment/summary_table.h"

#include <math.h>
#include <stdio.h>

#include "experiment/table_rows.h"

static void add_column(json_t *table, const char *heading) {
    results_add(json_object_get(table, "columns"), json_string(heading));
}

static bool some_adapt(const experiment *experiment) {
    bool found = false;
    for (int m = 0; m < experiment->method_count; m++) found |= experiment->methods[m].adapt;
    return found;
}

static json_t *make_table(const session *session, int variant, int panel) {
    const experiment *experiment = session->experiment;
    const quantity *quantity = experiment->quantity;
    const char *of = experiment->variants[variant].name;
    char name[160], title[256], label[160], heading[64], note[NOTE_SIZE + 512], how[NOTE_SIZE];
    results_label(session, variant, panel, label, sizeof label);
    snprintf(name, sizeof name, "summary-%.60s%s%.60s", experiment->panels[panel].name, of[0] != '\0' ? "-" : "", of);
    snprintf(title, sizeof title, "%s: what each method reaches, and what it takes", label);
    results_note(quantity, quantity->meaning, how, sizeof how);
    snprintf(
        note, sizeof note,
        "%s %s. Seconds per 1000 instances are those of all steps on one thread, preparation included, while as "
        "many cells run as there are threads; of adaptation, those of one run; of training, those of one seed on one "
        "thread, with the training that it begins with, where known.",
        how, quantity->other_meaning);
    json_t *table = results_table(name, title, note, "method");
    add_column(table, quantity->judged);
    add_column(table, quantity->other_symbol);
    for (int i = 0; i < experiment->at_count; i++) {
        snprintf(heading, sizeof heading, "after step %lld", (long long)experiment->at[i]);
        add_column(table, heading);
    }
    add_column(table, "s per 1000 instances");
    if (some_adapt(experiment)) add_column(table, "s of adaptation");
    add_column(table, "s of training");
    add_column(table, "weights");
    return table;
}

static l2o_status add_summary(json_t *cells, const quantity *quantity, const sample *sample, double paper,
                              l2o_error *error) {
    sample_summary summary;
    TRY(sample_summarise(sample, &summary, error));
    json_t *cell = isnan(summary.mean) ? json_null() : results_cell_beside(quantity, &summary, paper);
    return results_add(cells, cell) ? L2O_OK : table_out_of_memory(error);
}

/* NAN: nothing to show. */
static l2o_status add_number(json_t *cells, double value, l2o_error *error) {
    json_t *cell = isnan(value) ? json_null() : json_pack("{s:o}", "mean", results_number(value));
    return results_add(cells, cell) ? L2O_OK : table_out_of_memory(error);
}

static double seconds_of_training(const session *session, const experiment_weights *weights,
                                  const experiment_variant *variant, const experiment_panel *panel) {
    double sum = 0;
    int64_t count = 0;
    for (int64_t s = 0; s < session->seed_count && weights != NULL; s++) {
        double seconds = session_training_seconds(session, weights, variant, panel, session->seeds[s]);
        if (isnan(seconds)) continue;
        sum += seconds;
        count++;
    }
    return count > 0 ? sum / (double)count : (double)NAN;
}

static l2o_status add_costs(const session *session, int variant, int panel, int method, json_t *cells,
                            l2o_error *error) {
    const experiment *experiment = session->experiment;
    const experiment_method *of = &experiment->methods[method];
    int64_t seeds = session_seeds(session, of);
    double seconds = 0, adaptation = 0, weights = 0;
    for (int64_t s = 0; s < seeds; s++) {
        const cell *cell = session_cell(session, variant, panel, method, s);
        double whole = cell->preparation_seconds + cell->seconds[cell->points - 1];
        seconds += whole * 1000 / cell->instances / (double)seeds;
        adaptation += cell->preparation_seconds / (double)seeds;
        weights = cell->weight_total;
    }
    const experiment_weights *recipe = experiment_weights_of(experiment, of, &experiment->variants[variant]);
    double training = seconds_of_training(session, recipe, &experiment->variants[variant], &experiment->panels[panel]);
    TRY(add_number(cells, seconds, error));
    if (some_adapt(experiment)) TRY(add_number(cells, of->adapt ? adaptation : (double)NAN, error));
    TRY(add_number(cells, training, error));
    return add_number(cells, weights, error);
}

static l2o_status add_cells(const session *session, int variant, int panel, int method, json_t *cells,
                            l2o_error *error) {
    const experiment *experiment = session->experiment;
    for (int column = 0; column < 2 + experiment->at_count; column++) {
        sample sample = {0};
        double paper = NAN;
        l2o_status status;
        if (column < 2) {
            measure measure = column == 0 ? MEASURE_LAST : MEASURE_OTHER;
            status = results_sample(session, variant, panel, method, measure, &sample, error);
            paper = table_published(session, variant, panel, method, measure);
        } else {
            status = results_sample_at(session, variant, panel, method, experiment->at[column - 2], &sample, error);
        }
        if (status == L2O_OK) status = add_summary(cells, experiment->quantity, &sample, paper, error);
        sample_free(&sample);
        TRY(status);
    }
    return add_costs(session, variant, panel, method, cells, error);
}

l2o_status summary_table(const session *session, int variant, int panel, json_t *tables, l2o_error *error) {
    const experiment *experiment = session->experiment;
    json_t *table = make_table(session, variant, panel);
    l2o_status status = table == NULL ? table_out_of_memory(error) : L2O_OK;
    for (int m = 0; m < experiment->method_count && status == L2O_OK; m++) {
        json_t *cells = json_array();
        status = add_cells(session, variant, panel, m, cells, error);
        json_t *row = json_pack("{s:s, s:o}", "label", experiment->methods[m].name, "cells", cells);
        if (!results_add(json_object_get(table, "rows"), row) && status == L2O_OK) status = table_out_of_memory(error);
    }
    if (status == L2O_OK) return results_add(tables, table) ? L2O_OK : table_out_of_memory(error);
    json_decref(table);
    return status;
}
