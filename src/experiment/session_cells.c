/* Cells: planned without doubles, read from the cache where they are there, else run, one cell a thread. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "experiment/session.h"

static const char PHASE[] = "running";

int64_t session_seeds(const session *session, const experiment_method *method) {
    return method->weights != NULL ? session->seed_count : 1;
}

static int64_t place_of(const session *session, int variant, int panel, int method, int64_t seed) {
    const experiment *experiment = session->experiment;
    int64_t row = (int64_t)variant * experiment->panel_count + panel;
    return (row * experiment->method_count + method) * session->seed_count + seed;
}

const cell *session_cell(const session *session, int variant, int panel, int method, int64_t seed) {
    return &session->cells[session->places[place_of(session, variant, panel, method, seed)]];
}

/* ---------------------------------------------------------------------------------------------------------- the plan
 */

/* Adds the last cell to those before it, or finds it among them. */
static void unite(session *session, int64_t *place) {
    cell *last = &session->cells[session->cell_count];
    for (*place = 0; *place < session->cell_count; ++*place) {
        if (strcmp(buffer_text(&session->cells[*place].description), buffer_text(&last->description)) != 0) continue;
        cell_free(last);
        *last = (cell){0};
        return;
    }
    session->cell_count++;
}

static l2o_status plan_cell(session *session, int v, int p, int m, int64_t s, l2o_error *error) {
    const experiment *experiment = session->experiment;
    const experiment_variant *variant = &experiment->variants[v];
    const experiment_method *method = &experiment->methods[m];
    const experiment_weights *weights = experiment_weights_of(experiment, method, variant);
    cell *cell = &session->cells[session->cell_count];
    *cell = (struct cell){.method = method, .panel = &experiment->panels[p], .variant = variant};
    if (weights != NULL) cell->weights = session_weights(session, weights, variant, cell->panel, session->seeds[s]);
    l2o_settings *settings;
    buffer folder = {0};
    TRY(experiment_cell_settings(experiment, session->given, cell->panel, variant, &settings, error));
    l2o_status status = buffer_print(&folder, error, "%s/cells", session->cache);
    if (status == L2O_OK)
        status = cell_describe(cell, session->context->kernel, experiment, session->given, settings,
                               buffer_text(&folder), error);
    buffer_free(&folder);
    settings_free(settings);
    if (status != L2O_OK) {
        cell_free(cell);
        return status;
    }
    unite(session, &session->places[place_of(session, v, p, m, s)]);
    return L2O_OK;
}

static l2o_status plan(session *session, l2o_error *error) {
    const experiment *experiment = session->experiment;
    size_t count = (size_t)experiment->variant_count * (size_t)experiment->panel_count *
                   (size_t)experiment->method_count * (size_t)session->seed_count;
    session->cells = memory_allocate(count, sizeof *session->cells, error);
    session->places = memory_allocate(count, sizeof *session->places, error);
    if (session->cells == NULL || session->places == NULL) return error->status;
    for (int v = 0; v < experiment->variant_count; v++)
        for (int p = 0; p < experiment->panel_count; p++)
            for (int m = 0; m < experiment->method_count; m++)
                for (int64_t s = 0; s < session_seeds(session, &experiment->methods[m]); s++)
                    TRY(plan_cell(session, v, p, m, s, error));
    return L2O_OK;
}

/* -------------------------------------------------------------------------------------------------------- rehearsal */

/* Before there are weights, those that the recipe begins with stand for them. */
static l2o_status rehearse(session *session, const experiment_variant *variant, const experiment_panel *panel,
                           const experiment_method *method, const l2o_settings *settings, l2o_error *error) {
    const experiment_weights *weights = experiment_weights_of(session->experiment, method, variant);
    l2o_settings *recipe = NULL;
    cell trial = {.method = method, .panel = panel, .variant = variant};
    if (weights != NULL) {
        TRY(experiment_training_settings(session->experiment, session->given, weights, variant, panel,
                                         session->seeds[0], &recipe, error));
        trial.weights = settings_text(recipe, "optimizer");
    }
    l2o_status status = cell_rehearse(&trial, session->context, session->experiment, session->given, settings, error);
    settings_free(recipe);
    return status;
}

/* Each panel in the first variant, and the first panel in each variant. */
static l2o_status rehearse_panel(session *session, int v, int p, l2o_error *error) {
    const experiment *experiment = session->experiment;
    l2o_settings *settings;
    TRY(experiment_cell_settings(experiment, session->given, &experiment->panels[p], &experiment->variants[v],
                                 &settings, error));
    l2o_status status = L2O_OK;
    for (int m = 0; m < experiment->method_count && status == L2O_OK && (v == 0 || p == 0); m++)
        status = rehearse(session, &experiment->variants[v], &experiment->panels[p], &experiment->methods[m], settings,
                          error);
    if (session->given != NULL) settings_share_use(settings, session->given);
    settings_free(settings);
    return status;
}

l2o_status session_rehearse(session *session, l2o_error *error) {
    const experiment *experiment = session->experiment;
    for (int v = 0; v < experiment->variant_count; v++)
        for (int p = 0; p < experiment->panel_count; p++) TRY(rehearse_panel(session, v, p, error));
    return L2O_OK;
}

/* --------------------------------------------------------------------------------------------------------- doing it */

static l2o_status run_cell(void *argument, int64_t number, l2o_context *context, l2o_error *error) {
    session *session = argument;
    cell *cell = &session->cells[number];
    if (cell->points > 0) return L2O_OK; /* read from the cache */
    l2o_settings *settings;
    TRY(experiment_cell_settings(session->experiment, session->given, cell->panel, cell->variant, &settings, error));
    l2o_status status = cell_run(cell, context, session->experiment, session->given, settings, error);
    if (status == L2O_OK) status = cell_write(cell, error);
    settings_free(settings);
    if (status == L2O_OK) session_progress(session, PHASE, 1, NULL);
    return status;
}

l2o_status session_run(session *session, l2o_error *error) {
    TRY(plan(session, error));
    session->done = 0;
    session->total = session->cell_count;
    for (int64_t i = 0; i < session->cell_count; i++) {
        bool found;
        TRY(cell_read(&session->cells[i], &found, error));
        if (found)
            session->done++;
        else
            session->cells[i].points = 0;
    }
    session->ran = session->cell_count - session->done;
    if (session->ran == 0) return L2O_OK;
    session_progress(session, PHASE, 0, NULL);
    return jobs_run(session->context, session->cell_count, run_cell, session, error);
}
