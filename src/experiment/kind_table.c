/* The kind `table`: methods against kinds of problems, as the tables and convergence figures of a paper. With variants,
 * each has tables of its own. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiment/convergence.h"
#include "experiment/rivals.h"
#include "experiment/table_rows.h"

typedef struct tabulated {
    measure measure;
    const char *name, *title, *note;
} tabulated;

static const char PLAIN_NOTE[] =
    "Mean over runs and meta-training seeds. First interval: Student's 95 % over runs, of the mean over seeds; second: "
    "over meta-training seeds, of the mean over runs.";

static const tabulated measures[] = {
    {MEASURE_MINIMUM, "minimum", "Least ln f over the steps", TABLE_NOTE},
    {MEASURE_STEP, "minimum-step", "Step at which the least ln f stands", PLAIN_NOTE},
    {MEASURE_LAST, "last", "ln f after the last step", TABLE_NOTE},
};

static void entitle(const session *session, int variant, const char *name, const char *title, char full_name[96],
                    char full_title[256]) {
    const char *of = session->experiment->variants[variant].name;
    snprintf(full_name, 96, "%s%s%.60s", name, of[0] != '\0' ? "-" : "", of);
    snprintf(full_title, 256, "%s%s%.120s", title, of[0] != '\0' ? ": " : "", of);
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
    if (session->experiment->at == 0) return L2O_OK;
    if (!reaches(session, variant, session->experiment->at))
        return results_add(results->notes, json_sprintf("There is no table of step %lld, as fewer steps were run.",
                                                        (long long)session->experiment->at))
                   ? L2O_OK
                   : table_out_of_memory(error);
    snprintf(title, sizeof title, "ln f after step %lld: mean (standard deviation)",
             (long long)session->experiment->at);
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
    char base[128], name[96], title[256];
    snprintf(base, sizeof base, "Paired differences of the least ln f from %.80s", experiment->methods[baseline].name);
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
        for (size_t i = 0; i < sizeof measures / sizeof *measures; i++)
            TRY(add_table(session, v, &measures[i], results->tables, error));
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
    .summary = "methods against kinds of problems: tables of the least and last objective, curves of convergence",
    .compares = true,
    .run = run,
};
