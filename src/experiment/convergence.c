/* Figures of convergence and the table of costs. */
#include "experiment/convergence.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "experiment/table_rows.h"

typedef enum axis { AXIS_STEPS, AXIS_EVALUATIONS, AXIS_SECONDS, AXES } axis;

typedef struct curve {
    int64_t points;
    double *x[AXES], *mean, *low, *high; /* [points] each */
    double *room;
} curve;

static l2o_status curve_create(int64_t points, curve *out, l2o_error *error) {
    *out = (curve){.points = points};
    out->room = memory_allocate((size_t)points * (AXES + 3), sizeof(double), error);
    if (out->room == NULL) return error->status;
    for (int a = 0; a < AXES; a++) out->x[a] = out->room + (size_t)a * (size_t)points;
    out->mean = out->room + (size_t)AXES * (size_t)points;
    out->low = out->mean + points;
    out->high = out->low + points;
    return L2O_OK;
}

/* Means over seeds of steps and costs at each point, and the summary of the quantity there. */
static l2o_status curve_fill(const session *session, int variant, int panel, int method, curve *curve,
                             l2o_error *error) {
    int64_t seeds = session_seeds(session, &session->experiment->methods[method]);
    int64_t runs = session_cell(session, variant, panel, method, 0)->runs;
    sample sample;
    TRY(sample_create(seeds, runs, &sample, error));
    l2o_status status = L2O_OK;
    for (int64_t k = 0; k < curve->points && status == L2O_OK; k++) {
        for (int64_t s = 0; s < seeds; s++) {
            const cell *cell = session_cell(session, variant, panel, method, s);
            double share = 1 / (double)seeds;
            curve->x[AXIS_STEPS][k] = (double)cell->point[k];
            curve->x[AXIS_EVALUATIONS][k] += share * (cell->preparation_evaluations + cell->evaluations[k]);
            curve->x[AXIS_SECONDS][k] += share * (cell->preparation_seconds + cell->seconds[k]);
            for (int64_t r = 0; r < runs; r++) sample.values[s * runs + r] = cell->curve[r * cell->points + k];
        }
        sample_summary summary;
        status = sample_summarise(&sample, &summary, error);
        if (status != L2O_OK) break;
        double half = isfinite(summary.half) ? summary.half : 0;
        curve->mean[k] = summary.mean;
        curve->low[k] = summary.mean - half;
        curve->high[k] = summary.mean + half;
    }
    sample_free(&sample);
    return status;
}

/* The limit is a line over the whole width. */
static l2o_status add_limits(const session *session, int variant, int panel, const double widest[AXES],
                             json_t *series[AXES], l2o_error *error) {
    const experiment *experiment = session->experiment;
    for (int m = 0; m < experiment->method_count; m++) {
        if (!experiment->methods[m].limit) continue;
        curve curve;
        TRY(curve_create(1, &curve, error));
        l2o_status status = curve_fill(session, variant, panel, m, &curve, error);
        double mean[2] = {curve.mean[0], curve.mean[0]};
        memory_free(curve.room);
        TRY(status);
        for (int a = 0; a < AXES; a++) {
            double x[2] = {0, widest[a]};
            if (!results_add(series[a], results_series(experiment->methods[m].name, experiment->methods[m].group, 2, x,
                                                       mean, NULL, NULL)))
                return table_out_of_memory(error);
        }
    }
    return L2O_OK;
}

static l2o_status add_methods(const session *session, int variant, int panel, double widest[AXES], json_t *series[AXES],
                              l2o_error *error) {
    const experiment *experiment = session->experiment;
    for (int m = 0; m < experiment->method_count; m++) {
        const experiment_method *method = &experiment->methods[m];
        if (method->limit) continue;
        curve curve;
        TRY(curve_create(session_cell(session, variant, panel, m, 0)->points, &curve, error));
        l2o_status status = curve_fill(session, variant, panel, m, &curve, error);
        for (int a = 0; a < AXES && status == L2O_OK; a++) {
            widest[a] = fmax(widest[a], curve.x[a][curve.points - 1]);
            if (!results_add(series[a], results_series(method->name, method->group, curve.points, curve.x[a],
                                                       curve.mean, curve.low, curve.high)))
                status = table_out_of_memory(error);
        }
        memory_free(curve.room);
        TRY(status);
    }
    return L2O_OK;
}

/* The paper's curves, where it has them, beside ours of the same name. */
static l2o_status add_published(const session *session, int panel, json_t *series, l2o_error *error) {
    const experiment *experiment = session->experiment;
    for (int m = 0; m < experiment->method_count; m++) {
        const experiment_method *method = &experiment->methods[m];
        const experiment_published *paper = experiment_find_published(&experiment->panels[panel], method->name);
        char label[96];
        if (paper == NULL || isnan(paper->step[0])) continue;
        snprintf(label, sizeof label, "%.70s (published)", method->name);
        if (!results_add(series, results_series(label, "paper", paper->count, paper->step, paper->value, NULL, NULL)))
            return table_out_of_memory(error);
    }
    return L2O_OK;
}

l2o_status convergence_figures(const session *session, int variant, int panel, json_t *figures, l2o_error *error) {
    static const struct {
        const char *name, *label;
    } axes[AXES] = {{"steps", "step"}, {"evaluations", "gradient evaluations"}, {"seconds", "seconds"}};
    const quantity *quantity = session->experiment->quantity;
    double widest[AXES] = {0};
    json_t *series[AXES];
    for (int a = 0; a < AXES; a++) series[a] = json_array();
    l2o_status status = add_methods(session, variant, panel, widest, series, error);
    if (status == L2O_OK) status = add_limits(session, variant, panel, widest, series, error);
    if (status == L2O_OK && variant == 0) status = add_published(session, panel, series[AXIS_STEPS], error);
    char label[160];
    results_label(session, variant, panel, label, sizeof label);
    for (int a = 0; a < AXES; a++) {
        char name[64], title[256];
        snprintf(name, sizeof name, "convergence-%d-%d-%s", variant, panel, axes[a].name);
        snprintf(title, sizeof title, "%s: %s against %s", label, quantity->symbol, axes[a].name);
        if (status != L2O_OK)
            json_decref(series[a]);
        else if (!results_add(figures, results_figure(quantity, name, title, axes[a].label,
                                                      a != AXIS_STEPS || session->experiment->x_log, series[a])))
            status = table_out_of_memory(error);
    }
    return status;
}

/* -------------------------------------------------------------------------------------------------------- the costs */

static json_t *plain(double value) { return json_pack("{s:o}", "mean", results_number(value)); }

l2o_status convergence_costs(const session *session, int variant, json_t *tables, l2o_error *error) {
    static const char *const columns[] = {"gradient evaluations", "evaluations to prepare", "seconds",
                                          "seconds to prepare"};
    const experiment *experiment = session->experiment;
    const char *of = experiment->variants[variant].name;
    char name[96], title[160];
    snprintf(name, sizeof name, "costs%s%.60s", of[0] != '\0' ? "-" : "", of);
    snprintf(title, sizeof title, "What a run costs%s%.80s", of[0] != '\0' ? ": " : "", of);
    json_t *table = results_table(
        name, title,
        "Means over panels, runs and seeds; evaluations are gradients per instance, seconds are those of the whole "
        "batch on one thread, while as many cells run as there are threads. To prepare: adapting and tuning. Tuning "
        "for the family is counted in full, as if for one run; a rate of one's own for each problem pays for every "
        "rate tried. Meta-training is not counted.",
        "method");
    for (int i = 0; i < 4; i++) results_add(json_object_get(table, "columns"), json_string(columns[i]));
    for (int m = 0; m < experiment->method_count; m++) {
        double sums[4] = {0};
        int64_t seeds = session_seeds(session, &experiment->methods[m]), count = 0;
        if (experiment->methods[m].limit) continue;
        for (int p = 0; p < experiment->panel_count; p++)
            for (int64_t s = 0; s < seeds; s++, count++) {
                const cell *cell = session_cell(session, variant, p, m, s);
                int64_t last = cell->points - 1;
                sums[0] += cell->preparation_evaluations + cell->evaluations[last];
                sums[1] += cell->preparation_evaluations;
                sums[2] += cell->preparation_seconds + cell->seconds[last];
                sums[3] += cell->preparation_seconds;
            }
        for (int i = 0; i < 4; i++) sums[i] /= (double)count;
        results_add(json_object_get(table, "rows"),
                    json_pack("{s:s, s:[o, o, o, o]}", "label", experiment->methods[m].name, "cells", plain(sums[0]),
                              plain(sums[1]), plain(sums[2]), plain(sums[3])));
    }
    return results_add(tables, table) ? L2O_OK : table_out_of_memory(error);
}
