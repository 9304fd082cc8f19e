/* Trainings: planned without doubles, taken from the shipped weights where these were made by the same recipe, else
 * trained into the cache, one training a thread. A training that was interrupted goes on from its checkpoint. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "experiment/session.h"
#include "experiment/shipped.h"
#include "io/file.h"
#include "io/shared_file.h"
#include "meta/named_files.h"
#include "meta/trainer.h"

enum { WEIGHTS_FORMAT = 1, LONGEST_SECONDS = 64 };
static const double NOTE_EVERY = 5.0; /* seconds: so many are lost where a training is killed */

static const char PHASE[] = "training";

static const training *find(const session *session, const experiment_weights *weights,
                            const experiment_variant *variant, const experiment_panel *panel, int64_t seed) {
    if (!weights->on_panel) panel = NULL;
    for (int64_t i = 0; i < session->training_count; i++) {
        const training *training = &session->trainings[i];
        if (training->weights == weights && training->seed == seed && training->panel == panel &&
            (training->variant == variant || weights->fixed ||
             (variant->training.count == 0 && training->variant->training.count == 0)))
            return training;
    }
    return NULL;
}

/* Of trainings that come to the same file the first does the work. */
static const training *first_of_file(const session *session, const training *training) {
    const struct training *at = session->trainings;
    while (strcmp(at->path, training->path) != 0) at++;
    return at;
}

const char *session_weights(const session *session, const experiment_weights *weights,
                            const experiment_variant *variant, const experiment_panel *panel, int64_t seed) {
    const training *found = find(session, weights, variant, panel, seed);
    return found == NULL ? NULL : found->path;
}

double session_training_seconds(const session *session, const experiment_weights *weights,
                                const experiment_variant *variant, const experiment_panel *panel, int64_t seed) {
    const training *found = find(session, weights, variant, panel, seed);
    double seconds = found == NULL ? (double)NAN : 0;
    for (; found != NULL; found = found->first < 0 ? NULL : &session->trainings[found->first])
        seconds += first_of_file(session, found)->seconds;
    return seconds;
}

/* How long a training took, with what went before an interruption, is kept beside its weights, which themselves hold no
 * times. */
static l2o_status name_seconds(const training *training, buffer *path, l2o_error *error) {
    return buffer_print(path, error, "%s.seconds", training->path);
}

static l2o_status write_seconds(const training *training, l2o_error *error) {
    buffer path = {0};
    char text[LONGEST_SECONDS];
    if (isnan(training->seconds)) return L2O_OK;
    int length = snprintf(text, sizeof text, "%.3f\n", training->seconds);
    l2o_status status = name_seconds(training, &path, error);
    if (status == L2O_OK) status = file_write(buffer_text(&path), text, (size_t)length, error);
    buffer_free(&path);
    return status;
}

/* One finite number that is not negative, else NAN. */
static double parse_seconds(const buffer *text) {
    char *end;
    double seconds = strtod(buffer_text(text), &end);
    bool alone = text->size > 0 && end != buffer_text(text) && end + strspn(end, " \n") == text->bytes + text->size;
    return alone && isfinite(seconds) && seconds >= 0 ? seconds : (double)NAN;
}

/* Nothing but what is told of times hangs on them: a file that is damaged or cannot be read stops no experiment, its
 * seconds are not known. */
static l2o_status read_seconds(training *training, l2o_error *error) {
    buffer path = {0}, text = {0};
    l2o_error fault = {0};
    l2o_status status = name_seconds(training, &path, error);
    if (status == L2O_OK && !training->shipped && file_exists(buffer_text(&path)) &&
        file_read(buffer_text(&path), LONGEST_SECONDS, &text, &fault) == L2O_OK)
        training->seconds = parse_seconds(&text);
    if (fault.status == L2O_ERROR_MEMORY) status = (*error = fault).status;
    buffer_free(&path);
    buffer_free(&text);
    return status;
}

/* "400 updates in 27 s": all of them, also where training was interrupted. Where the seconds before that are not known,
 * "in more than 27 s, resumed". scripts/models reads it. */
static void say_seconds(const training *training, const l2o_training_report *report, char text[80]) {
    bool known = !isnan(training->seconds);
    snprintf(text, 80, "%lld updates in %s%.0f s%s", (long long)report->updates, known ? "" : "more than ",
             known ? training->seconds : report->seconds, known ? "" : ", resumed");
}

/* ------------------------------------------------------------------------------------------------- shipped weights */

/* The file to take instead of training, or NULL; where weights are to be shipped, also where they go. */
static l2o_status find_file(const session *session, training *training, const char *name, char **path,
                            l2o_error *error) {
    if (!session->ships) return session->train ? L2O_OK : shared_file_find("models", name, path, error);
    buffer target = {0};
    l2o_status status = buffer_print(&target, error, "%s/%s", session->folder, name);
    training->target = status == L2O_OK ? memory_string(buffer_text(&target), error) : NULL;
    if (training->target != NULL && !session->train && file_exists(training->target))
        status = (*path = memory_string(buffer_text(&target), error)) != NULL ? L2O_OK : error->status;
    buffer_free(&target);
    return training->target == NULL ? error->status : status;
}

static l2o_status note_file(void *user, const char *what, uint32_t checksum, l2o_error *error) {
    training *training = user;
    (void)what, (void)checksum, (void)error;
    training->reads_files = true;
    return L2O_OK;
}

static l2o_status look_for_files(const session *session, training *training, json_t *recipe, l2o_error *error) {
    const char *name;
    json_t *value;
    training->reads_files = training->first >= 0 && session->trainings[training->first].reads_files;
    json_object_foreach(recipe, name, value) {
        TRY(named_files_visit(name, json_string_value(value), note_file, training, error));
    }
    return L2O_OK;
}

/* Shipped weights tell the names of the files that they were made from, not what these held: they cannot be known for
 * those that such a recipe asks for. */
static l2o_status look_for_shipped(const session *session, training *training, json_t *recipe,
                                   const l2o_settings *settings, l2o_error *error) {
    TRY(look_for_files(session, training, recipe, error));
    if (training->weights->file == NULL) return L2O_OK;
    buffer name = {0};
    char *path = NULL;
    bool same = false;
    l2o_status status = shipped_name(training->weights->file, training->seed, &name, error);
    if (status == L2O_OK) status = find_file(session, training, buffer_text(&name), &path, error);
    if (status == L2O_OK && path != NULL && !training->reads_files)
        status = shipped_of_recipe(path, recipe, settings, &same, error);
    if (same) {
        training->path = path;
        training->shipped = training->present = true;
        path = NULL;
    }
    memory_free(path);
    buffer_free(&name);
    return status;
}

/* Lays a copy of trained weights where they are shipped from. */
static l2o_status ship(session *session, const training *training, const l2o_training_report *report,
                       l2o_error *error) {
    if (training->target == NULL || training->shipped) return L2O_OK;
    buffer bytes = {0};
    char text[640], seconds[80];
    l2o_status status = file_read(training->path, 0, &bytes, error);
    if (status == L2O_OK) status = file_write(training->target, bytes.bytes, bytes.size, error);
    buffer_free(&bytes);
    if (report != NULL) say_seconds(training, report, seconds);
    snprintf(text, sizeof text, "shipped %.500s: %s", training->target, report != NULL ? seconds : "trained before");
    if (status == L2O_OK) session_progress(session, PHASE, 0, text);
    return status;
}

/* -------------------------------------------------------------------------------------------------------- the plan */

/* The file of an earlier training that comes to the same, or one of its own. */
static l2o_status name_file(const session *session, training *training, l2o_error *error) {
    for (const struct training *at = session->trainings; at < training; at++)
        if (at->checksum == training->checksum && at->seed == training->seed)
            return (training->path = memory_string(at->path, error)) == NULL ? error->status : L2O_OK;
    buffer path = {0};
    l2o_status status = buffer_print(&path, error, "%s/weights/%s-%lld-%08lx.safetensors", session->cache,
                                     training->weights->name, (long long)training->seed, training->checksum);
    if (status == L2O_OK && (training->path = memory_string(buffer_text(&path), error)) == NULL) status = error->status;
    buffer_free(&path);
    return status;
}

static l2o_status identify(const session *session, training *training, const l2o_settings *settings, l2o_error *error) {
    buffer text = {0};
    l2o_status status = buffer_print(&text, error, "weights %d of l2o %s on %s\n", (int)WEIGHTS_FORMAT, L2O_VERSION,
                                     session->context->kernel);
    if (status == L2O_OK) status = experiment_describe_settings(settings, &text, error);
    if (status == L2O_OK && training->first >= 0) {
        const char *first = session->trainings[training->first].path, *slash = strrchr(first, '/');
        status = buffer_print(&text, error, "from %s\n", slash != NULL ? slash + 1 : first);
    }
    if (status == L2O_OK) training->checksum = (unsigned long)crc32_z(0, (const void *)text.bytes, text.size);
    buffer_free(&text);
    return status == L2O_OK ? name_file(session, training, error) : status;
}

static l2o_status settings_of(const session *session, const training *training, l2o_settings **settings,
                              l2o_error *error) {
    return experiment_training_settings(session->experiment, session->given, training->weights, training->variant,
                                        training->panel, training->seed, settings, error);
}

static l2o_status locate(const session *session, training *training, const l2o_settings *settings, l2o_error *error) {
    json_t *recipe = NULL;
    TRY(trainer_rehearse(session->context, settings, "rehearsal.safetensors", &recipe, error));
    l2o_status status = look_for_shipped(session, training, recipe, settings, error);
    json_decref(recipe);
    TRY(status);
    if (training->path == NULL) TRY(identify(session, training, settings, error));
    training->present = file_exists(training->path);
    return training->present ? read_seconds(training, error) : L2O_OK;
}

/* Two recipes that come to the same are trained once: the later one has the earlier one's file. What a recipe begins
 * with is planned before it. */
static l2o_status plan_one(session *session, const experiment_weights *weights, const experiment_variant *variant,
                           const experiment_panel *panel, int64_t seed, l2o_error *error) {
    int64_t first = -1;
    if (find(session, weights, variant, panel, seed) != NULL) return L2O_OK;
    if (weights->from != NULL) {
        const experiment_weights *before = experiment_find_weights(session->experiment, weights->from);
        TRY(plan_one(session, before, variant, panel, seed, error));
        first = find(session, before, variant, panel, seed) - session->trainings;
    }
    int64_t count = session->training_count;
    training *grown =
        memory_grow(session->trainings, (size_t)count, (size_t)count + 1, sizeof *session->trainings, error);
    if (grown == NULL) return error->status;
    session->trainings = grown;
    training *fresh = &grown[session->training_count++];
    *fresh = (training){.weights = weights,
                        .variant = variant,
                        .panel = weights->on_panel ? panel : NULL,
                        .seed = seed,
                        .first = first,
                        .round = first < 0 ? 0 : grown[first].round + 1,
                        .seconds = NAN};
    l2o_settings *settings;
    TRY(settings_of(session, fresh, &settings, error));
    l2o_status status = locate(session, fresh, settings, error);
    if (session->given != NULL) settings_share_use(settings, session->given);
    settings_free(settings);
    if (status != L2O_OK && status != L2O_ERROR_CANCELLED && status != L2O_ERROR_MEMORY) {
        l2o_error cause = *error;
        return error_set(error, status, "[weights %s]: %s", weights->name, cause.text);
    }
    return status;
}

/* A recipe that is only to be shipped needs the name of a file. */
static l2o_status plan_if_wanted(session *session, const experiment_weights *weights, const experiment_variant *variant,
                                 int64_t seed, l2o_error *error) {
    const experiment *experiment = session->experiment;
    if (weights == NULL || (session->ships && weights->file == NULL)) return L2O_OK;
    if (!weights->on_panel) return plan_one(session, weights, variant, NULL, seed, error);
    for (int p = 0; p < experiment->panel_count; p++)
        TRY(plan_one(session, weights, variant, &experiment->panels[p], seed, error));
    return L2O_OK;
}

static l2o_status plan_variant(session *session, const experiment_variant *variant, int64_t seed, l2o_error *error) {
    const experiment *experiment = session->experiment;
    for (int i = 0; i < experiment->method_count; i++) {
        const experiment_weights *weights = experiment_weights_of(experiment, &experiment->methods[i], variant);
        TRY(plan_if_wanted(session, weights, variant, seed, error));
    }
    for (int i = 0; i < experiment->weights_count && experiment->method_count == 0; i++)
        TRY(plan_if_wanted(session, &experiment->weights[i], variant, seed, error));
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------ doing it */

typedef struct training_job {
    session *session;
    training *training;
    double before;         /* seconds until it was interrupted; NAN: unknown */
    double started, noted; /* in this run; when seconds were last written */
    l2o_status status;     /* of writing them */
    l2o_error error;
} training_job;

static void note_seconds(training_job *job, bool resumed) {
    job->noted = clock_seconds();
    job->training->seconds = (resumed ? job->before : 0) + job->noted - job->started;
    if (job->status == L2O_OK) job->status = write_seconds(job->training, &job->error);
}

static void on_training(void *user, const l2o_training_progress *now) {
    training_job *job = user;
    int64_t more = now->updates - job->training->updates;
    if (clock_seconds() - job->noted > NOTE_EVERY) note_seconds(job, now->resumed);
    job->training->updates = now->updates;
    session_progress(job->session, PHASE, more, NULL);
}

/* With the file that it begins with, which is there by now. */
static l2o_status settings_to_train(const session *session, const training *training, l2o_settings **settings,
                                    l2o_error *error) {
    TRY(settings_of(session, training, settings, error));
    l2o_status status = settings_set(*settings, "resume", "yes", "resume", error);
    if (status == L2O_OK && training->first >= 0)
        status = settings_set(*settings, "optimizer", session->trainings[training->first].path,
                              training->weights->origin, error);
    if (status != L2O_OK) settings_free(*settings);
    return status;
}

static l2o_status train(void *argument, int64_t number, l2o_context *context, l2o_error *error) {
    session *session = argument;
    training *training = &session->trainings[number];
    if (training->present || training->round != session->round || first_of_file(session, training) != training)
        return L2O_OK;
    TRY(read_seconds(training, error));
    training_job job = {
        .session = session, .training = training, .before = training->seconds, .started = clock_seconds()};
    l2o_training_report report;
    l2o_settings *settings;
    TRY(settings_to_train(session, training, &settings, error));
    l2o_status status = l2o_train(context, settings, training->path, on_training, &job, &report);
    if (status != L2O_OK) *error = context->error;
    settings_free(settings);
    if (status == L2O_OK || status == L2O_ERROR_CANCELLED) note_seconds(&job, report.resumed);
    if (status == L2O_ERROR_CANCELLED) return error_set(error, status, "cancelled by the user");
    if (status != L2O_OK) {
        l2o_error cause = *error;
        return error_set(error, status, "[weights %s], seed %lld: %s", training->weights->name,
                         (long long)training->seed, cause.text);
    }
    if (job.status != L2O_OK) {
        *error = job.error;
        return job.status;
    }
    char text[256], seconds[80];
    say_seconds(training, &report, seconds);
    snprintf(text, sizeof text, "trained %.100s%s%.60s, seed %lld: %s", training->weights->name,
             training->panel != NULL ? " for " : "", training->panel != NULL ? training->panel->name : "",
             (long long)training->seed, seconds);
    session_progress(session, PHASE, training->expected - training->updates, text);
    return ship(session, training, &report, error);
}

/* How many updates the stages hold at most. */
static l2o_status expect(const session *session, training *training, l2o_error *error) {
    l2o_settings *settings;
    trainer_options options;
    TRY(settings_of(session, training, &settings, error));
    l2o_status status = trainer_options_read(settings, &options, error);
    settings_free(settings);
    training->expected = options.expected;
    return status;
}

l2o_status session_plan_training(session *session, l2o_error *error) {
    const experiment *experiment = session->experiment;
    for (int64_t s = 0; s < session->seed_count; s++)
        for (int v = 0; v < (session->ships ? 1 : experiment->variant_count); v++)
            TRY(plan_variant(session, &experiment->variants[v], session->seeds[s], error));
    return L2O_OK;
}

l2o_status session_train(session *session, l2o_error *error) {
    int rounds = 0;
    session->done = session->total = 0;
    for (int64_t i = 0; i < session->training_count; i++) {
        training *training = &session->trainings[i];
        if (training->present) TRY(ship(session, training, NULL, error));
        if (training->present || first_of_file(session, training) != training) continue;
        if (training->round > rounds) rounds = training->round;
        TRY(expect(session, training, error));
        session->total += training->expected;
        session->trained++;
    }
    if (session->trained == 0) return L2O_OK;
    for (session->round = 0; session->round <= rounds; session->round++)
        TRY(jobs_run(session->context, session->training_count, train, session, error));
    return L2O_OK;
}
