/* Meta-training from outside: what is set up before the first update, and what is written after the last. */
#include "meta/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "optimizers/weights_file.h"

static size_t weight_bytes(const trainer *trainer) { return (size_t)trainer->optimizer->weight_total * sizeof(double); }

void trainer_report(const trainer *trainer, double loss, const char *event) {
    if (trainer->report == NULL || !ranks_leads(trainer->context)) return;
    l2o_training_progress progress = {.seed = (int64_t)trainer->options.seed,
                                      .updates = trainer->state.updates,
                                      .expected_updates = trainer->options.expected,
                                      .resumed = trainer->resumed,
                                      .stage = trainer->state.stage,
                                      .stages = trainer->options.stage_count,
                                      .layers = trainer->options.layers,
                                      .draws = trainer->state.draws,
                                      .loss = loss,
                                      .validation = trainer->state.validation,
                                      .best_validation = trainer->state.kept,
                                      .event = event};
    if (progress.stage < progress.stages) progress.layer = trainer_stage(trainer)->layer;
    trainer->report(trainer->report_user, &progress);
}

void trainer_say(const trainer *trainer, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    trainer_report(trainer, NAN, text);
}

static l2o_status learn_range(trainer *trainer, l2o_error *error) {
    for (int k = 0; k < trainer->task_count; k++) {
        problem *problem = trainer->tasks[k].problem;
        evaluation evaluation = {trainer->tasks[k].runner.kernels, &trainer->context->workers[0].arena, error};
        TRY(problem_sample(problem, trainer->options.seed, STREAM_TRAINING, 0, (uint16_t)k, error));
        TRY(range_extend(&trainer->range, problem, &evaluation));
    }
    return L2O_OK;
}

/* The settings that decide the outcome; NULL and an error on failure. */
static json_t *recipe_json(const trainer *trainer, l2o_error *error) {
    json_t *settings = optimizer_settings_json(trainer->optimizer, trainer->settings, error);
    if (settings != NULL) trainer_forget_settings(settings);
    return settings;
}

static l2o_status note_provenance(trainer *trainer, l2o_error *error) {
    optimizer *optimizer = trainer->optimizer;
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)trainer->options.seed);
    json_t *settings = recipe_json(trainer, error);
    if (settings == NULL) return error->status;
    TRY(optimizer_note(optimizer, "settings", settings, error));
    TRY(optimizer_note(optimizer, "recipe", json_sprintf("train %s", trainer->estimator.kind->name), error));
    TRY(optimizer_note(optimizer, "seed", json_string(seed), error));
    TRY(optimizer_note(optimizer, "kernel", json_string(trainer->context->kernel), error));
    TRY(optimizer_note(optimizer, "updates", json_sprintf("%lld", (long long)trainer->state.updates), error));
    return optimizer_note(optimizer, "range", range_json(&trainer->range), error);
}

/* The curves of the whole training and what they warn of, both from its log. */
static l2o_status look_back(const trainer *trainer, l2o_error *error) {
    training_log log;
    l2o_status status = training_log_read(trainer->log_path, &log, error);
    if (status == L2O_OK) status = trainer_plot(trainer, &log, error);
    if (status == L2O_OK) trainer_warn(trainer, &log);
    training_log_free(&log);
    return status;
}

static l2o_status write_result(trainer *trainer, l2o_error *error) {
    TRY(note_provenance(trainer, error));
    if (!ranks_leads(trainer->context)) return L2O_OK;
    TRY(weights_file_write(trainer->optimizer, trainer->tasks[0].problem->type, trainer->path, error));
    return look_back(trainer, error);
}

/* ------------------------------------------------------------------------------------------------- setting it up */

static l2o_status name_files(trainer *trainer, const char *path, l2o_error *error) {
    static const char extension[] = ".safetensors";
    size_t stem = strlen(path) - (sizeof extension - 1);
    if (!weights_file_recognised(path))
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: weights are written as FILE.safetensors; name the output like that", path);
    if (strlen(path) + 16 >= sizeof trainer->path)
        return error_set(error, L2O_ERROR_INPUT, "%s: the path is longer than %zu bytes", path,
                         sizeof trainer->path - 16);
    snprintf(trainer->path, sizeof trainer->path, "%s", path);
    snprintf(trainer->checkpoint_path, sizeof trainer->checkpoint_path, "%.*s.checkpoint", (int)stem, path);
    snprintf(trainer->log_path, sizeof trainer->log_path, "%.*s.log.jsonl", (int)stem, path);
    snprintf(trainer->plot_path, sizeof trainer->plot_path, "%.*s.svg", (int)stem, path);
    return L2O_OK;
}

static l2o_status make_buffers(trainer *trainer, l2o_error *error) {
    size_t total = (size_t)trainer->optimizer->weight_total;
    double **buffers[] = {&trainer->best, &trainer->good, &trainer->boundary.weights, &trainer->boundary.m,
                          &trainer->boundary.v};
    bool copies = false;
    for (int s = 0; s < trainer->options.stage_count; s++) copies = copies || trainer->options.stages[s].unrolls > 1;
    for (size_t i = 0; i < (copies ? 5 : 2); i++) {
        *buffers[i] = memory_allocate(total, sizeof(double), error);
        if (*buffers[i] == NULL) return error->status;
    }
    size_t tensors = (size_t)trainer->optimizer->weight_count, bytes = 0;
    trainer->active = memory_allocate(tensors, sizeof *trainer->active, error);
    trainer->parts = memory_allocate(tensors, sizeof *trainer->parts, error);
    if (trainer->active == NULL || trainer->parts == NULL) return error->status;
    for (int k = 0; k < trainer->task_count; k++) bytes += carry_bytes(&trainer->tasks[k].now);
    if (trainer->options.layers > 1 && trainer->options.parts > 1)
        TRY(features_create(trainer->options.training_draws, trainer->task_count, bytes, &trainer->features, error));
    return adam_create(&trainer->adam, trainer->optimizer->weight_total,
                       settings_real(trainer->settings, "adam-epsilon"),
                       settings_choice(trainer->settings, "epsilon-place") == 0, error);
}

/* The optimizer by name, with fresh weights, or from a file: training goes on from there. */
static l2o_status make_optimizer(trainer *trainer, l2o_error *error) {
    const char *spec = settings_text(trainer->settings, "optimizer");
    TRY(optimizer_from_spec(trainer->settings, spec, 0, &trainer->optimizer, error));
    if (trainer->optimizer->weights == NULL)
        return error_set(error, L2O_ERROR_INPUT, "%s: the optimizer '%s' is hand-designed and has no weights to train",
                         settings_origin(trainer->settings, "optimizer"), spec);
    return L2O_OK;
}

/* Where a setting comes from; a default is told by its name and value, for "default" is a preset's name, too. */
static const char *origin_of(const trainer *trainer, const char *name, char text[128]) {
    const l2o_settings *settings = trainer->settings;
    if (settings_is_set(settings, name)) return settings_origin(settings, name);
    const char *value = settings_peek(settings, name);
    snprintf(text, 128, "%s%s%s by default", name, value != NULL ? " = " : "", value != NULL ? value : "");
    return text;
}

/* Unrolls that follow one another, and the outer segment after them, where the first leave nothing to learn for the
 * others. */
static l2o_status check_unrolls(const trainer *trainer, l2o_error *error) {
    const trainer_options *options = &trainer->options;
    const char *name = trainer->optimizer->ops->name;
    char where[128];
    int64_t steps = trainer->optimizer->learned_steps, unroll = trainer->estimator.unroll, most = 0;
    for (int s = 0; s < options->stage_count; s++)
        most = options->stages[s].unrolls > most ? options->stages[s].unrolls : most;
    if (options->layers > 0 || steps == 0) return L2O_OK;
    if ((most - 1) * unroll >= steps)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: the weights of '%s' act in its first %lld steps alone, so of %lld unrolls of %lld steps "
                         "the later ones would teach nothing; use stages = 1, or layer-wise = yes",
                         origin_of(trainer, "stages", where), name, (long long)steps, (long long)most,
                         (long long)unroll);
    if (!trainer->estimator.next_segment || most * unroll < steps) return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT,
                     "%s: the weights of '%s' act in its first %lld steps alone, so the outer segment that begins "
                     "after step %lld would teach nothing; use outer-segment = same",
                     origin_of(trainer, "outer-segment", where), name, (long long)steps, (long long)(most * unroll));
}

static l2o_status prepare(trainer *trainer, const l2o_settings *settings, l2o_problem *const *given, int count,
                          const char *path, l2o_error *error) {
    TRY(name_files(trainer, path, error));
    TRY(settings_copy(settings, &trainer->settings, error));
    TRY(trainer_options_read(trainer->settings, &trainer->options, error));
    TRY(make_optimizer(trainer, error));
    estimator_options_read(trainer->settings, trainer->optimizer, &trainer->estimator);
    TRY(trainer_prepare_layers(trainer, error));
    TRY(check_unrolls(trainer, error));
    trainer->weights = trainer->optimizer->weights;
    TRY(trainer_make_tasks(trainer, given, count, error));
    TRY(make_buffers(trainer, error));
    bool resume = settings_flag(trainer->settings, "resume");
    settings_share_use(trainer->settings, settings);
    TRY(settings_check_used(settings, "training", error));
    trainer->state = (trainer_state){.best = INFINITY, .kept = NAN, .validation = NAN, .rate_factor = 1};
    if (trainer->options.layers > 0) trainer->state.phase = PHASE_BEGINNING;
    memcpy(trainer->good, trainer->weights, weight_bytes(trainer));
    memcpy(trainer->best, trainer->weights, weight_bytes(trainer));
    if (resume) TRY(checkpoint_read(trainer, &trainer->resumed, error));
    if (!trainer->state.finished) trainer_enter_stage(trainer);
    return learn_range(trainer, error);
}

/* Once all ranks are ready, so that no log is overwritten for a training that cannot begin. */
static l2o_status begin(trainer *trainer, l2o_error *error) {
    TRY(ranks_agree(trainer->context, trainer_log_open(trainer, trainer->resumed, error), error));
    char name[64];
    if (trainer->resumed && !trainer->state.finished)
        trainer_say(trainer, "resuming after %lld updates, in %s", (long long)trainer->state.updates,
                    trainer_stage_name(trainer, name));
    return L2O_OK;
}

static void trainer_release(trainer *trainer) {
    trainer_log_close(trainer);
    json_decref(trainer->identity);
    for (int k = 0; k < trainer->task_count; k++) meta_task_free(&trainer->tasks[k]);
    for (int k = 0; k < MOST_TASKS; k++) problem_free(trainer->owned[k]);
    void *buffers[] = {trainer->best,       trainer->good,       trainer->active,          trainer->parts,
                       trainer->boundary.m, trainer->boundary.v, trainer->boundary.weights};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) memory_free(buffers[i]);
    features_free(&trainer->features);
    training_tasks_free(&trainer->kinds);
    adam_free(&trainer->adam);
    optimizer_free(trainer->optimizer);
    settings_free(trainer->settings);
    memory_free(trainer);
}

l2o_status trainer_rehearse(l2o_context *context, const l2o_settings *settings, const char *path, json_t **recipe,
                            l2o_error *error) {
    trainer *trainer = memory_allocate(1, sizeof *trainer, error);
    if (trainer == NULL) return error->status;
    *trainer = (struct trainer){.context = context};
    l2o_status status = prepare(trainer, settings, NULL, 0, path, error);
    if (status == L2O_OK && recipe != NULL && (*recipe = recipe_json(trainer, error)) == NULL) status = error->status;
    trainer_release(trainer);
    return status;
}

static void fill_report(const trainer *trainer, double seconds, l2o_training_report *out) {
    *out = (l2o_training_report){.updates = trainer->state.updates,
                                 .draws = trainer->state.draws,
                                 .stages_done = trainer->state.stage,
                                 .finished = trainer->state.finished,
                                 .resumed = trainer->resumed,
                                 .recoveries = trainer->state.recoveries,
                                 .best_validation = trainer->state.kept,
                                 .gradient_evaluations = trainer->state.gradient_evaluations,
                                 .seconds = seconds};
    memcpy(out->weights_path, trainer->path, sizeof out->weights_path);
    memcpy(out->checkpoint_path, trainer->checkpoint_path, sizeof out->checkpoint_path);
    memcpy(out->log_path, trainer->log_path, sizeof out->log_path);
    memcpy(out->plot_path, trainer->plot_path, sizeof out->plot_path);
}

l2o_status l2o_train_on(l2o_context *context, const l2o_settings *settings, l2o_problem *const *tasks, int task_count,
                        const char *path, l2o_training_function function, void *user, l2o_training_report *out) {
    l2o_error *error = &context->error;
    error_clear(error);
    double started = clock_seconds();
    trainer *trainer = memory_allocate(1, sizeof *trainer, error);
    if (trainer == NULL) {
        *out = (l2o_training_report){.best_validation = NAN};
        return ranks_agree(context, error->status, error);
    }
    *trainer = (struct trainer){.context = context, .report = function, .report_user = user};
    l2o_status status = ranks_agree(context, prepare(trainer, settings, tasks, task_count, path, error), error);
    if (status == L2O_OK) status = checkpoint_compare(trainer, error);
    if (status == L2O_OK) status = begin(trainer, error);
    if (status == L2O_OK) status = trainer_run(trainer, error);
    if (status == L2O_OK) status = ranks_agree(context, write_result(trainer, error), error);
    fill_report(trainer, clock_seconds() - started, out);
    trainer_release(trainer);
    return status;
}

l2o_status l2o_train(l2o_context *context, const l2o_settings *settings, const char *path,
                     l2o_training_function function, void *user, l2o_training_report *out) {
    return l2o_train_on(context, settings, NULL, 0, path, function, user, out);
}
