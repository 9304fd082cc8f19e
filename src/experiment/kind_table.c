/* The kind `table`: methods against kinds of problems, as the tables and convergence figures of a paper. With variants,
 * each has tables of its own. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiment/convergence.h"
#include "experiment/rivals.h"
#include "experiment/summary_table.h"
#include "experiment/table_rows.h"

typedef struct tabulated {
    measure measure;
    const char *name, *title, *note;
} tabulated;

static const char PLAIN_NOTE[] =
    "Mean over runs and meta-training seeds. First interval: Student's 95 % over runs, of the mean over seeds; second: "
    "over meta-training seeds, of the mean over runs.";

static void entitle(const session *session, int variant, const char *name, const char *title, char full_name[96],
                    char full_title[256]) {
    const char *of = session->experiment->variants[variant].name;
    snprintf(full_name, 96, "%s%s%.60s", name, of[0] != '\0' ? "-" : "", of);
    snprintf(full_title, 256, "%s%s%.60s", title, of[0] != '\0' ? ": " : "", of);
}

static l2o_status add_table(const session *session, int variant, const tabulated *what, json_t *tables,
                            l2o_error *error) {
    const experiment *experiment = session->experiment;
    char name[96], title[256];
    entitle(session, variant, what->name, what->title, name, title);
    json_t *table = table_of_methods(session, name, title, what->note, experiment->row_header);
    l2o_status status = table == NULL ? table_out_of_memory(error) : L2O_OK;
    for (int p = 0; p < experiment->panel_count && status == L2O_OK; p++)
        status = table_add_row(session, variant, p, what->measure, experiment->panels[p].name, table, error);
    if (status == L2O_OK) return results_add(tables, table) ? L2O_OK : table_out_of_memory(error);
    json_decref(table);
    return status;
}

/* What the quantity is judged by, and beside it: where the least ln f stands and the last; or the quantity by its
 * second definition, and all of a method in a row. */
static l2o_status add_tables(const session *session, int variant, json_t *tables, l2o_error *error) {
    const experiment *experiment = session->experiment;
    const quantity *quantity = experiment->quantity;
    char note[NOTE_SIZE], other_note[NOTE_SIZE], name[32], title[128];
    results_note(quantity, quantity->meaning, note, sizeof note);
    if (!quantity->last) {
        const tabulated measures[] = {
            {MEASURE_MINIMUM, "minimum", "Least ln f over the steps", note},
            {MEASURE_STEP, "minimum-step", "Step at which the least ln f stands", PLAIN_NOTE},
            {MEASURE_LAST, "last", "ln f after the last step", note},
        };
        for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
            TRY(add_table(session, variant, &measures[i], tables, error));
        return L2O_OK;
    }
    TRY(add_table(session, variant, &(tabulated){MEASURE_LAST, "last", quantity->judged, note}, tables, error));
    results_note(quantity, quantity->other_meaning, other_note, sizeof other_note);
    snprintf(name, sizeof name, "last-%s", quantity->other);
    snprintf(title, sizeof title, "%s after the last step", quantity->other_symbol);
    TRY(add_table(session, variant, &(tabulated){MEASURE_OTHER, name, title, other_note}, tables, error));
    for (int p = 0; p < experiment->panel_count; p++) TRY(summary_table(session, variant, p, tables, error));
    return L2O_OK;
}

/* A user may run fewer steps than the file has in mind. */
static bool reaches(const session *session, int variant, int64_t step) {
    for (int p = 0; p < session->experiment->panel_count; p++)
        for (int m = 0; m < session->experiment->method_count; m++) {
            const cell *cell = session_cell(session, variant, p, m, 0);
            if (!cell->method->limit && cell->steps < step) return false;
        }
    return true;
}

static l2o_status add_at(const session *session, int variant, results *results, l2o_error *error) {
    char title[96];
    if (session->experiment->at_count == 0 || session->experiment->quantity->last) return L2O_OK;
    int64_t step = session->experiment->at[0];
    if (!reaches(session, variant, step))
        return results_add(results->notes,
                           json_sprintf("There is no table of step %lld, as fewer steps were run.", (long long)step))
                   ? L2O_OK
                   : table_out_of_memory(error);
    snprintf(title, sizeof title, "ln f after step %lld: mean (standard deviation)", (long long)step);
    tabulated what = {MEASURE_AT, "at", title,
                      "ln f: natural logarithm of the batch's mean objective, mean and sample standard deviation over "
                      "all runs of all meta-training seeds. Marked is the best of the learned methods."};
    return add_table(session, variant, &what, results->tables, error);
}

static l2o_status add_rates(const session *session, int variant, json_t *tables, l2o_error *error) {
    bool tuned = false;
    for (int m = 0; m < session->experiment->method_count; m++)
        tuned |= session->experiment->methods[m].tune != RATE_GIVEN;
    static const tabulated what = {MEASURE_RATE, "rates", "Rates that tuning chose", PLAIN_NOTE};
    return tuned ? add_table(session, variant, &what, tables, error) : L2O_OK;
}

static l2o_status add_differences(const session *session, int variant, json_t *tables, l2o_error *error) {
    const experiment *experiment = session->experiment;
    int baseline = table_baseline(experiment);
    if (baseline < 0) return L2O_OK;
    char base[144], name[96], title[256];
    snprintf(base, sizeof base, "Paired differences of the %.40s from %.60s", experiment->quantity->judged,
             experiment->methods[baseline].name);
    entitle(session, variant, "differences", base, name, title);
    json_t *table = table_of_methods(
        session, name, title,
        "Method less baseline on the same problems: negative is better than the baseline. First interval: Student's "
        "95 % over runs; second: over meta-training seeds, paired where both have them.",
        experiment->row_header);
    l2o_status status = table == NULL ? table_out_of_memory(error) : L2O_OK;
    for (int p = 0; p < experiment->panel_count && status == L2O_OK; p++)
        status = table_add_differences(session, variant, p, baseline, experiment->panels[p].name, table, error);
    if (status == L2O_OK) return results_add(tables, table) ? L2O_OK : table_out_of_memory(error);
    json_decref(table);
    return status;
}

static l2o_status run(session *session, results *results, l2o_error *error) {
    const experiment *experiment = session->experiment;
    for (int v = 0; v < experiment->variant_count; v++) {
        TRY(add_tables(session, v, results->tables, error));
        TRY(add_at(session, v, results, error));
        TRY(add_differences(session, v, results->tables, error));
        TRY(add_rates(session, v, results->tables, error));
        TRY(convergence_costs(session, v, results->tables, error));
        for (int p = 0; p < experiment->panel_count; p++) {
            if (experiment->curves) TRY(convergence_figures(session, v, p, results->figures, error));
            TRY(rivals_note(session, v, p, results->notes, error));
        }
    }
    return L2O_OK;
}

const experiment_kind kind_table = {
    .name = "table",
    .summary = "methods against kinds of problems: tables of what they reach, curves of convergence",
    .compares = true,
    .run = run,
};
