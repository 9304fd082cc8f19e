/* The kind `theory`: what is measured of M-L2O's theory, for the weights of the recipes `ml2o` and `transfer`; without
 * them, for weights that are trained on the way. */
#include <string.h>

#include "experiment/compare.h"
#include "experiment/experiment_kinds.h"
#include "experiment/theory.h"
#include "solve/solve.h"

/* The files of a recipe's weights, one for each seed, as the setting that names them. */
static l2o_status set_files(const session *session, const char *recipe, const char *name, l2o_settings *settings,
                            l2o_error *error) {
    const experiment *experiment = session->experiment;
    const experiment_weights *weights = experiment_find_weights(experiment, recipe);
    if (weights == NULL || settings_is_given(settings, name)) return L2O_OK;
    buffer files = {0};
    l2o_status status = L2O_OK;
    for (int64_t s = 0; s < session->seed_count && status == L2O_OK; s++)
        status = buffer_print(&files, error, "%s%s", s > 0 ? "," : "",
                              session_weights(session, weights, &experiment->variants[0], NULL, session->seeds[s]));
    if (status == L2O_OK) status = settings_set(settings, name, buffer_text(&files), weights->origin, error);
    buffer_free(&files);
    return status;
}

static void on_part(void *user, int done, int parts) {
    session *session = user;
    session->done = done;
    session->total = parts;
    session_progress(session, "theory", 0, NULL);
}

static l2o_status run(session *session, results *results, l2o_error *error) {
    l2o_settings *settings;
    TRY(experiment_base_settings(session->experiment, session->given, &settings, error));
    l2o_status status = set_files(session, "ml2o", "theory-ml2o", settings, error);
    if (status == L2O_OK) status = set_files(session, "transfer", "theory-tl", settings, error);
    if (status == L2O_OK)
        status = theory_run(session->context, settings, on_part, session, results->tables, results->figures, NULL,
                            results->notes, error);
    settings_free(settings);
    return status;
}

static l2o_status check(const experiment *experiment, l2o_error *error) {
    const char *idle = experiment->method_count > 0              ? "[method NAME]"
                       : experiment->panel_count > 0             ? "[panel NAME]"
                       : experiment->variants[0].name[0] != '\0' ? "[variant NAME] and [sweep]"
                                                                 : NULL;
    if (idle == NULL) return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT,
                     "%s: an experiment of the kind theory has no use for sections %s; remove them", experiment->path,
                     idle);
}

static const setting *const idle_settings[] = {compare_settings, solve_settings, NULL};

const experiment_kind kind_theory = {
    .name = "theory",
    .summary = "distances between training, adaptation and test problems and their meta-gradients, beside what "
               "adaptation gains",
    .check = check,
    .idle = idle_settings,
    .run = run,
};
