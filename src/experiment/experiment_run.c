/* Runs experiments and writes their results; holds results against claims; lists what there is. */
#include "l2o/experiment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "experiment/claims.h"
#include "experiment/experiment_kinds.h"
#include "experiment/table_rows.h"
#include "io/file.h"
#include "io/json.h"
#include "optimizers/weights_file.h"

static const char FORMAT[] = "l2o results 1";

/* The last part of a path without its extension: what results are called by. */
static void short_name(const char *path, char name[128]) {
    const char *slash = strrchr(path, '/'), *start = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(start, '.');
    snprintf(name, 128, "%.*s", dot != NULL ? (int)(dot - start) : (int)strlen(start), start);
}

static l2o_status open_experiment(const char *given, experiment *out, l2o_error *error) {
    char *path, name[128];
    TRY(experiment_find(given, NULL, &path, error));
    short_name(path, name);
    l2o_status status = experiment_read(path, name, out, error);
    memory_free(path);
    return status;
}

/* ------------------------------------------------------------------------------------------------- the results file */

/* The processor's name as the system tells it; "" where it does not. */
static void processor_name(char *name, size_t size) {
    name[0] = '\0';
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (file == NULL) return;
    char line[512];
    while (fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL) continue;
        snprintf(name, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
        name[strcspn(name, "\n")] = '\0';
        break;
    }
    fclose(file);
}

static json_t *describe_weights(const session *session) {
    json_t *list = json_array();
    for (int64_t i = 0; i < session->training_count; i++) {
        const training *training = &session->trainings[i];
        json_t *metadata = NULL;
        l2o_error ignored = {0};
        weights_file_describe(training->path, &metadata, &ignored);
        json_t *settings = json_object_get(metadata, "settings");
        /* What it begins with goes by its section here: the file's place is this machine's. */
        if (settings != NULL && training->weights->from != NULL)
            json_object_set_new(settings, "optimizer", json_string(training->weights->from));
        const experiment_panel *panel = training->panel;
        json_t *item = json_pack("{s:s, s:s, s:I, s:s, s:O?, s:O?, s:O?}", "weights", training->weights->name,
                                 "variant", training->variant->name, "seed", (json_int_t)training->seed, "from",
                                 training->shipped   ? "shipped"
                                 : training->present ? "trained before"
                                                     : "trained now",
                                 "recipe", json_object_get(metadata, "recipe"), "updates",
                                 json_object_get(metadata, "updates"), "settings", settings);
        json_decref(metadata);
        if (panel != NULL) results_set(item, "panel", json_string(panel->name));
        if (!results_add(list, item)) break;
    }
    return list;
}

static json_t *describe_list(const value_list *list) {
    json_t *object = json_object();
    for (int i = 0; i < list->count; i++)
        json_object_set_new(object, list->items[i].name, json_string(list->items[i].value));
    return object;
}

static void visit_given(void *context, const char *name, const char *value, const char *origin, bool given) {
    (void)origin;
    if (given) json_object_set_new(context, name, json_text(value));
}

static json_t *describe_methods(const experiment *experiment) {
    json_t *methods = json_object();
    for (int m = 0; m < experiment->method_count; m++) {
        const experiment_method *method = &experiment->methods[m];
        static const char *const tuning[] = {"no", "for the family", "for each problem"};
        json_object_set_new(methods, method->name,
                            json_pack("{s:s, s:b, s:s, s:o}", method->weights != NULL ? "weights" : "optimizer",
                                      method->weights != NULL     ? method->weights
                                      : method->optimizer != NULL ? method->optimizer
                                                                  : "limit",
                                      "adapt", method->adapt, "tuned", tuning[method->tune], "options",
                                      describe_list(&method->options)));
    }
    return methods;
}

static json_t *describe_settings(const session *session) {
    const experiment *experiment = session->experiment;
    json_t *panels = json_object(), *given = json_object();
    for (int p = 0; p < experiment->panel_count; p++)
        json_object_set_new(panels, experiment->panels[p].name, describe_list(&experiment->panels[p].settings));
    if (session->given != NULL) settings_visit_set(session->given, visit_given, given);
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "all", describe_list(&experiment->settings), "given by the user",
                     given, "panels", panels, "methods", describe_methods(experiment), "weights",
                     describe_weights(session));
}

static json_t *describe_seeds(const session *session) {
    json_t *seeds = json_array();
    l2o_settings *base;
    l2o_error ignored = {0};
    if (experiment_base_settings(session->experiment, session->given, &base, &ignored) != L2O_OK) {
        json_decref(seeds);
        return NULL;
    }
    for (int64_t s = 0; s < session->seed_count; s++) results_add(seeds, json_integer(session->seeds[s]));
    json_t *described = json_pack("{s:o, s:s}", "meta-training", seeds, "problems", settings_peek(base, "seed"));
    settings_free(base);
    return described;
}

static json_t *describe_run(const session *session, double seconds, const char *command) {
    char date[32] = "", processor[256];
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    processor_name(processor, sizeof processor);
    return json_pack("{s:s, s:s, s:s, s:f, s:{s:o, s:s, s:i}, s:o, s:o, s:{s:I, s:I, s:I, s:I}, s:o}", "program", "l2o",
                     "version", L2O_VERSION, "date", date, "seconds", seconds, "machine", "processor",
                     json_text(processor), "kernels", session->context->kernel, "threads", session->context->threads,
                     "command", json_text(command != NULL ? command : ""), "seeds", describe_seeds(session), "work",
                     "trainings", (json_int_t)session->training_count, "of these in this run",
                     (json_int_t)session->trained, "cells", (json_int_t)session->cell_count, "of those in this run",
                     (json_int_t)session->ran, "settings", describe_settings(session));
}

static l2o_status assemble(const session *session, const results *results, double seconds, const char *command,
                           json_t **out, l2o_error *error) {
    const experiment *experiment = session->experiment;
    json_t *claims = NULL;
    json_t *document =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:O, s:O, s:[], s:O}", "format", FORMAT, "name", experiment->name, "title",
                  experiment->title, "summary", experiment->summary != NULL ? experiment->summary : "", "ran",
                  describe_run(session, seconds, command), "tables", results->tables, "figures", results->figures,
                  "claims", "notes", results->notes);
    if (document == NULL) return table_out_of_memory(error);
    l2o_status status = claims_check(experiment, document, &claims, error);
    if (status == L2O_OK && json_object_set_new(document, "claims", claims) != 0) status = table_out_of_memory(error);
    if (status == L2O_OK)
        *out = document;
    else
        json_decref(document);
    return status;
}

static l2o_status write_results(const session *session, const json_t *document, char **json, l2o_error *error) {
    buffer text = {0}, path = {0};
    l2o_status status = json_format_rounded(document, &text, error);
    if (status == L2O_OK) status = buffer_print(&path, error, "%s/results.json", session->folder);
    if (status == L2O_OK) status = file_write(buffer_text(&path), text.bytes, text.size, error);
    if (status == L2O_OK && json != NULL && (*json = strdup(buffer_text(&text))) == NULL)
        status = table_out_of_memory(error);
    buffer_free(&text);
    buffer_free(&path);
    return status;
}

/* --------------------------------------------------------------------------------------------------------- the run */

/* What a kind that compares would not use is refused before any work; other kinds read settings themselves. */
static l2o_status fill(session *session, results *results, l2o_error *error) {
    bool compares = session->experiment->kind->compares;
    if (session->experiment->reference != NULL)
        results_add(results->notes, json_sprintf("After %s.", session->experiment->reference));
    if (session->given != NULL) TRY(experiment_kind_check_given(session->experiment->kind, session->given, error));
    TRY(session_plan_training(session, error));
    if (compares) TRY(session_rehearse(session, error));
    if (compares && session->given != NULL) TRY(settings_check_used(session->given, "this experiment", error));
    TRY(session_train(session, error));
    if (compares) TRY(session_run(session, error));
    return session->experiment->kind->run(session, results, error);
}

static l2o_status run_session(session *session, const char *command, void *json, l2o_error *error) {
    double started = clock_seconds();
    results results = {json_array(), json_array(), json_array()};
    json_t *document = NULL;
    l2o_status status = results.tables == NULL || results.figures == NULL || results.notes == NULL
                            ? table_out_of_memory(error)
                            : session_begin(session, error);
    if (status == L2O_OK) status = fill(session, &results, error);
    if (status == L2O_OK) status = assemble(session, &results, clock_seconds() - started, command, &document, error);
    if (status == L2O_OK) status = write_results(session, document, json, error);
    json_decref(document);
    json_decref(results.tables);
    json_decref(results.figures);
    json_decref(results.notes);
    session_end(session);
    return status;
}

/* Opens the experiment, names its folders, and works on the session. */
static l2o_status with_session(session *session, const char *name, const l2o_experiment_options *options,
                               l2o_status work(struct session *session, const char *command, void *result,
                                               l2o_error *error),
                               void *result) {
    l2o_error *error = &session->context->error;
    experiment experiment;
    buffer folder = {0}, cache = {0};
    error_clear(error);
    TRY(open_experiment(name, &experiment, error));
    l2o_status status = options->folder != NULL && !session->ships
                            ? buffer_append_text(&folder, options->folder, error)
                            : buffer_print(&folder, error, "results/%s", experiment.name);
    if (status == L2O_OK)
        status = options->cache != NULL ? buffer_append_text(&cache, options->cache, error)
                                        : buffer_print(&cache, error, "%s/cache", buffer_text(&folder));
    session->experiment = &experiment;
    session->folder = session->ships ? options->folder : buffer_text(&folder);
    session->cache = buffer_text(&cache);
    session->train = options->train != 0;
    if (status == L2O_OK) status = work(session, options->command, result, error);
    buffer_free(&folder);
    buffer_free(&cache);
    experiment_free(&experiment);
    return status;
}

l2o_status l2o_experiment_run(l2o_context *context, const l2o_settings *settings, const char *name,
                              const l2o_experiment_options *options, l2o_experiment_function function, void *user,
                              char **json) {
    session session = {.context = context, .given = settings, .function = function, .user = user};
    if (json != NULL) *json = NULL;
    return with_session(&session, name, options, run_session, json);
}

static l2o_status ship_session(session *session, const char *command, void *result, l2o_error *error) {
    (void)command;
    int64_t *count = result;
    l2o_status status = session_begin(session, error);
    if (status == L2O_OK) status = session_plan_training(session, error);
    if (status == L2O_OK && session->given != NULL)
        status = settings_check_used(session->given, "the trainings of this experiment", error);
    if (status == L2O_OK && session->training_count == 0)
        status = error_set(error, L2O_ERROR_INPUT,
                           "%s: no recipe names a file, so there is nothing to ship; give one `file = "
                           "NAME-{seed}.safetensors` in its section [weights ...]",
                           session->experiment->path);
    if (status == L2O_OK) status = session_train(session, error);
    if (count != NULL) *count = session->training_count;
    session_end(session);
    return status;
}

l2o_status l2o_experiment_ship(l2o_context *context, const l2o_settings *settings, const char *name,
                               const l2o_experiment_options *options, l2o_experiment_function function, void *user,
                               int64_t *count) {
    session session = {.context = context, .given = settings, .ships = true, .function = function, .user = user};
    return with_session(&session, name, options, ship_session, count);
}

/* ---------------------------------------------------------------------------------------------------- verification */

static l2o_status check_results(const experiment *experiment, const json_t *results, const char *path,
                                l2o_error *error) {
    const char *format = json_string_value(json_object_get(results, "format"));
    const char *name = json_string_value(json_object_get(results, "name"));
    if (format == NULL || strcmp(format, FORMAT) != 0)
        return error_set(error, L2O_ERROR_INPUT, "%s: not a file of results: its \"format\" is not \"%s\"", path,
                         FORMAT);
    if (name == NULL || strcmp(name, experiment->name) != 0)
        return error_set(error, L2O_ERROR_INPUT, "%s: holds the results of '%.60s', not of '%s'", path,
                         name != NULL ? name : "", experiment->name);
    return L2O_OK;
}

static l2o_status verify(const experiment *experiment, const char *path, l2o_claim_function function, void *user,
                         int *failed, l2o_error *error) {
    json_t *results = NULL;
    l2o_status status = json_read_file(path, &results, error);
    if (status == L2O_OK) status = check_results(experiment, results, path, error);
    if (status == L2O_OK && experiment->claim_count == 0)
        status = error_set(error, L2O_ERROR_INPUT, "%s: the experiment claims nothing; add sections [claim NAME]",
                           experiment->path);
    for (int i = 0; i < experiment->claim_count && status == L2O_OK; i++) {
        double measured;
        bool holds;
        char sentence[1024];
        status = claim_measure_of(experiment, &experiment->claims[i], results, &measured, &holds, error);
        if (status != L2O_OK) break;
        claim_sentence(&experiment->claims[i], measured, holds, sentence, sizeof sentence);
        if (function != NULL) function(user, holds, sentence);
        *failed += !claim_is_as_stated(&experiment->claims[i], holds);
    }
    json_decref(results);
    return status;
}

l2o_status l2o_experiment_verify(l2o_context *context, const char *name, const char *results_path,
                                 l2o_claim_function function, void *user, int *failed) {
    l2o_error *error = &context->error;
    experiment experiment;
    buffer path = {0};
    error_clear(error);
    *failed = 0;
    TRY(open_experiment(name, &experiment, error));
    l2o_status status = results_path != NULL ? buffer_append_text(&path, results_path, error)
                                             : buffer_print(&path, error, "results/%s/results.json", experiment.name);
    if (status == L2O_OK) status = verify(&experiment, buffer_text(&path), function, user, failed, error);
    buffer_free(&path);
    experiment_free(&experiment);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ the list
 */

static l2o_status list_one(void *user, const char *name, const char *path, l2o_error *error) {
    experiment experiment;
    TRY(experiment_read(path, name, &experiment, error));
    json_t *item = json_pack("{s:s, s:s, s:s, s:s?, s:s}", "name", name, "title", experiment.title, "kind",
                             experiment.kind->name, "reference", experiment.reference, "path", path);
    experiment_free(&experiment);
    return results_add(user, item) ? L2O_OK : table_out_of_memory(error);
}

l2o_status l2o_experiment_list(l2o_context *context, char **json) {
    l2o_error *error = &context->error;
    error_clear(error);
    *json = NULL;
    json_t *list = json_array();
    l2o_status status = experiment_find_all(list_one, list, error);
    if (status == L2O_OK && (*json = json_dumps(list, JSON_INDENT(2))) == NULL) status = table_out_of_memory(error);
    json_decref(list);
    return status;
}
