/* Meta-training: draws, updates, evaluation and the curriculum's rules, recovery from NaN, and checkpoints between. */
#include "meta/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "optimizers/weights_file.h"

static size_t weight_bytes(const trainer *trainer) { return (size_t)trainer->optimizer->weight_total * sizeof(double); }

static const stage *present_stage(const trainer *trainer) { return &trainer->options.stages[trainer->state.stage]; }

static void report(const trainer *trainer, double loss, const char *event) {
    if (trainer->report == NULL || !ranks_leads(trainer->context)) return;
    l2o_training_progress progress = {.seed = (int64_t)trainer->options.seed,
                                      .updates = trainer->state.updates,
                                      .expected_updates = trainer->options.expected,
                                      .stage = trainer->state.stage,
                                      .stages = trainer->options.stage_count,
                                      .draws = trainer->state.draws,
                                      .loss = loss,
                                      .validation = trainer->state.validation,
                                      .best_validation = trainer->state.kept,
                                      .event = event};
    trainer->report(trainer->report_user, &progress);
}

static void say(const trainer *trainer, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(const trainer *trainer, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    report(trainer, NAN, text);
}

/* ------------------------------------------------------------------------------------------------------ one draw */

/* Each tensor of a task's gradient is held to the norm `clip`. */
static void clip_tensors(const trainer *trainer, double *gradient) {
    if (trainer->options.clip <= 0) return;
    for (int k = 0; k < trainer->optimizer->weight_count; k++) {
        const weight_layout *layout = &trainer->optimizer->layout[k];
        double *part = gradient + layout->offset, squares = 0;
        int64_t count = layout->rows * layout->columns;
        for (int64_t i = 0; i < count; i++) squares += part[i] * part[i];
        double norm = sqrt(squares);
        if (norm <= trainer->options.clip) continue;
        for (int64_t i = 0; i < count; i++) part[i] *= trainer->options.clip / norm;
    }
}

static const double PI = 3.14159265358979323846;

static double present_rate(const trainer *trainer) {
    const trainer_options *options = &trainer->options;
    double rate = options->rate * trainer->state.rate_factor;
    if (!options->cosine) return rate;
    return rate * 0.5 * (1 + cos(PI * (double)trainer->state.updates / (double)options->expected));
}

/* One meta-update: the mean of the tasks' gradients, and a step of Adam along it. */
static l2o_status meta_update(trainer *trainer, double *loss, double *last, l2o_error *error) {
    int64_t total = trainer->optimizer->weight_total;
    memset(trainer->gradient, 0, weight_bytes(trainer));
    *loss = *last = 0;
    TRY(trainer->estimator.kind->gradients(trainer->task_count, trainer->tasks, &trainer->estimator, trainer->weights,
                                           error));
    for (int k = 0; k < trainer->task_count; k++) {
        const meta_task *task = &trainer->tasks[k];
        clip_tensors(trainer, task->gradient);
        double share = 1.0 / (double)trainer->task_count;
        for (int64_t i = 0; i < total; i++) trainer->gradient[i] += share * task->gradient[i];
        *loss += share * task->result.outer_loss;
        *last += share * task->result.last_objective;
        trainer->state.gradient_evaluations += task->result.gradient_evaluations;
    }
    adam_step(&trainer->adam, present_rate(trainer), trainer->gradient, trainer->weights);
    trainer->state.updates++;
    return L2O_OK;
}

static bool updates_left(const trainer *trainer) {
    return trainer->options.updates == 0 || trainer->state.updates < trainer->options.updates;
}

/* New instances for all tasks, at their start. */
static l2o_status sample_tasks(trainer *trainer, random_stream stream, int64_t draw, l2o_error *error) {
    l2o_status status = L2O_OK;
    for (int k = 0; k < trainer->task_count && status == L2O_OK; k++) {
        meta_task *task = &trainer->tasks[k];
        status = problem_sample(task->problem, trainer->options.seed, stream, (uint32_t)draw, (uint16_t)k, error);
        if (status == L2O_OK) carry_reset(&task->now, task->problem);
    }
    return ranks_agree(trainer->context, status, error);
}

static l2o_status draw_once(trainer *trainer, double *loss, double *last, l2o_error *error) {
    TRY(sample_tasks(trainer, STREAM_TRAINING, trainer->state.draws, error));
    for (int64_t i = 0; i < present_stage(trainer)->unrolls && updates_left(trainer); i++) {
        TRY(meta_update(trainer, loss, last, error));
        report(trainer, *loss, NULL);
    }
    return L2O_OK;
}

/* Back to the last weights that evaluated finite, with fresh Adam slots and half the rate. */
static l2o_status recover(trainer *trainer, l2o_error *error) {
    trainer_state *state = &trainer->state;
    if (state->recoveries >= trainer->options.recoveries) {
        char reason[sizeof error->text];
        memcpy(reason, error->text, sizeof reason);
        return error_set(error, L2O_ERROR_NUMERIC,
                         "training met NaN or infinity once more after %d recoveries; try a smaller --outer-rate or "
                         "--inner-rate; the last: %.700s",
                         state->recoveries, reason);
    }
    state->recoveries++;
    state->rate_factor *= 0.5;
    memcpy(trainer->weights, trainer->good, weight_bytes(trainer));
    adam_reset(&trainer->adam);
    char reason[256];
    snprintf(reason, sizeof reason, "%.255s", error->text);
    error_clear(error);
    context_message(trainer->context,
                    "in draw %lld: %s; going back to the last good weights, with the rate times %g (recovery %d of %d)",
                    (long long)state->draws, reason, state->rate_factor, state->recoveries,
                    trainer->options.recoveries);
    trainer_log_recovery(trainer, reason);
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------ evaluation */

/* Mean over tasks and draws of the fixed set of the mean f after the last step, or of that mean's logarithm where the
 * meta-loss is one; NaN or infinite when weights diverge. */
static l2o_status validate(trainer *trainer, double *validation, l2o_error *error) {
    double sum = 0;
    int64_t steps = present_stage(trainer)->evaluation_unrolls * trainer->estimator.unroll;
    runner *runners[MOST_TASKS];
    segment passes[MOST_TASKS];
    for (int64_t d = 0; d < trainer->options.evaluation_draws; d++) {
        TRY(sample_tasks(trainer, STREAM_VALIDATION, d, error));
        for (int k = 0; k < trainer->task_count; k++) {
            meta_task *task = &trainer->tasks[k];
            runners[k] = &task->runner;
            passes[k] = (segment){.weights = trainer->weights, .steps = steps, .from = &task->now, .to = &task->now};
        }
        TRY(segments_run(trainer->task_count, runners, passes, error));
        for (int k = 0; k < trainer->task_count; k++) {
            double mean = runner_mean_objective(runners[k], steps);
            sum += trainer->estimator.loss->logarithm ? log(mean) : mean;
        }
    }
    *validation = sum / (double)(trainer->task_count * trainer->options.evaluation_draws);
    trainer->state.validation = *validation;
    return L2O_OK;
}

static void keep_best(trainer *trainer, double validation) {
    trainer->state.best = trainer->state.kept = validation;
    trainer->state.has_best = true;
    memcpy(trainer->best, trainer->weights, weight_bytes(trainer));
}

/* The next stage starts from the best weights so far, measured at its own length. */
static l2o_status next_stage(trainer *trainer, l2o_error *error) {
    trainer_state *state = &trainer->state;
    if (state->has_best) memcpy(trainer->weights, trainer->best, weight_bytes(trainer));
    state->stage++;
    state->stage_draws = state->evaluations = 0;
    state->improved = false;
    state->best = INFINITY;
    if (state->stage == trainer->options.stage_count) {
        state->finished = true;
        return L2O_OK;
    }
    if (trainer->options.evaluate_every == 0) return L2O_OK;
    double validation;
    TRY(validate(trainer, &validation, error));
    if (isfinite(validation)) state->best = validation;
    say(trainer, "stage %d of %d begins: %lld unrolls a draw; validation %.5g", state->stage + 1,
        trainer->options.stage_count, (long long)present_stage(trainer)->unrolls, validation);
    trainer_log_evaluation(trainer, validation, "stage begins");
    return L2O_OK;
}

/* The rule of the authors' curriculum: weights that improve are kept; after `min_evaluations`, the first evaluation
 * that does not improve ends the stage, or all of training if the stage brought nothing. */
static l2o_status evaluate(trainer *trainer, l2o_error *error) {
    trainer_state *state = &trainer->state;
    double validation;
    TRY(validate(trainer, &validation, error));
    state->evaluations++;
    if (isfinite(validation)) memcpy(trainer->good, trainer->weights, weight_bytes(trainer));
    const char *decision = "training ends";
    bool ends = false;
    if (validation < state->best) {
        keep_best(trainer, validation);
        state->improved = true;
        decision = "kept";
    } else if (!trainer->options.early_stop || state->evaluations < trainer->options.min_evaluations) {
        decision = "not better";
    } else if (state->improved) {
        decision = "stage ends";
        ends = true;
    } else {
        say(trainer, "stage %d brought nothing in %lld evaluations: training ends", state->stage + 1,
            (long long)state->evaluations);
        state->finished = true;
    }
    trainer_log_evaluation(trainer, validation, decision);
    return ends ? next_stage(trainer, error) : L2O_OK;
}

/* ---------------------------------------------------------------------------------------------------- the whole run */

static void mark_boundary(trainer *trainer) {
    trainer->state.adam_steps = trainer->adam.steps;
    trainer->boundary.state = trainer->state;
    memcpy(trainer->boundary.weights, trainer->weights, weight_bytes(trainer));
    memcpy(trainer->boundary.m, trainer->adam.m, weight_bytes(trainer));
    memcpy(trainer->boundary.v, trainer->adam.v, weight_bytes(trainer));
}

static l2o_status step_of_run(trainer *trainer, l2o_error *error) {
    trainer_state *state = &trainer->state;
    double loss = NAN, last = NAN;
    l2o_status status = draw_once(trainer, &loss, &last, error);
    state->draws++;
    state->stage_draws++;
    if (status == L2O_ERROR_NUMERIC)
        TRY(recover(trainer, error));
    else if (status != L2O_OK)
        return status;
    else
        trainer_log_draw(trainer, loss, last);
    bool evaluates = trainer->options.evaluate_every > 0;
    bool ended = state->stage_draws >= present_stage(trainer)->draws || !updates_left(trainer);
    if (evaluates && (state->stage_draws % trainer->options.evaluate_every == 0 || ended)) {
        int stage = state->stage;
        TRY(evaluate(trainer, error));
        state->finished = state->finished || !updates_left(trainer);
        if (state->finished || state->stage != stage) return L2O_OK;
    }
    state->finished = state->finished || !updates_left(trainer);
    if (state->finished) return L2O_OK;
    return ended ? next_stage(trainer, error) : L2O_OK;
}

/* A cancelled run leaves the checkpoint of the last boundary, and so does one that has lost a rank; its own error comes
 * first. */
static l2o_status leave(trainer *trainer, l2o_status status, l2o_error *error) {
    if (status != L2O_ERROR_CANCELLED && status != L2O_ERROR_LOST) return status;
    l2o_error second = {0};
    if (ranks_leads(trainer->context) && checkpoint_write(trainer, &second) != L2O_OK) {
        *error = second;
        return second.status;
    }
    char reason[256];
    snprintf(reason, sizeof reason, "%.255s", error->text);
    return error_set(error, status, "interrupted after %lld updates (%s); --resume goes on from %s",
                     (long long)trainer->boundary.state.updates, reason, trainer->checkpoint_path);
}

/* At a boundary: a checkpoint when it is time for one, and whether all could be written, which all ranks learn. */
static l2o_status keep_boundary(trainer *trainer, l2o_error *error) {
    mark_boundary(trainer);
    *error = trainer->unwritten;
    bool due =
        trainer->state.finished || clock_seconds() - trainer->last_checkpoint >= trainer->options.checkpoint_seconds;
    if (due && error->status == L2O_OK && ranks_leads(trainer->context)) {
        checkpoint_write(trainer, error);
        trainer->last_checkpoint = clock_seconds();
    }
    return ranks_agree(trainer->context, error->status, error);
}

static l2o_status run(trainer *trainer, l2o_error *error) {
    mark_boundary(trainer);
    trainer->last_checkpoint = clock_seconds();
    while (!trainer->state.finished) {
        l2o_status status = step_of_run(trainer, error);
        if (status == L2O_OK) status = keep_boundary(trainer, error);
        if (status != L2O_OK) return leave(trainer, status, error);
    }
    if (trainer->state.updates == 0 && trainer->state.recoveries > 0)
        return error_set(error, L2O_ERROR_NUMERIC,
                         "every draw met NaN or infinity, so nothing was trained (%d recoveries); choose problems of a "
                         "smaller scale (A, b, x0), or dtype = float64",
                         trainer->state.recoveries);
    if (trainer->state.has_best) memcpy(trainer->weights, trainer->best, weight_bytes(trainer));
    return L2O_OK;
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

static l2o_status write_result(trainer *trainer, l2o_error *error) {
    TRY(note_provenance(trainer, error));
    if (!ranks_leads(trainer->context)) return L2O_OK;
    TRY(weights_file_write(trainer->optimizer, trainer->tasks[0].problem->type, trainer->path, error));
    return trainer_plot(trainer, error);
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

static l2o_status make_tasks(trainer *trainer, l2o_problem *const *given, int count, l2o_error *error) {
    const l2o_settings *settings = trainer->settings;
    int components = 1, choice = given == NULL ? settings_choice(settings, "tasks") : 0;
    if (given == NULL) TRY(problem_components(settings, &components, error));
    bool apart = choice == 1 || (choice == 0 && trainer->estimator.kind->adapts);
    int tasks = given != NULL ? count : apart ? components : 1;
    if (tasks < 1 || tasks > MOST_TASKS)
        return error_set(error, L2O_ERROR_INPUT, "training takes 1 to %d tasks, not %d", (int)MOST_TASKS, tasks);
    for (int k = 0; k < tasks; k++) {
        problem *problem = given != NULL ? given[k] : NULL;
        if (problem == NULL) {
            TRY(problem_create_for(settings, apart && components > 1 ? k : COMPONENT_ALL, STREAM_TRAINING, &problem,
                                   error));
            trainer->owned[k] = problem;
        }
        TRY(meta_task_create(trainer->context, problem, trainer->optimizer, &trainer->estimator, &trainer->tasks[k],
                             error));
        trainer->task_count = k + 1;
    }
    meta_tasks_share(tasks, trainer->tasks);
    return L2O_OK;
}

static l2o_status make_buffers(trainer *trainer, l2o_error *error) {
    size_t total = (size_t)trainer->optimizer->weight_total;
    double **buffers[] = {&trainer->gradient,         &trainer->best,       &trainer->good,
                          &trainer->boundary.weights, &trainer->boundary.m, &trainer->boundary.v};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        *buffers[i] = memory_allocate(total, sizeof(double), error);
        if (*buffers[i] == NULL) return error->status;
    }
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

static l2o_status prepare(trainer *trainer, const l2o_settings *settings, l2o_problem *const *given, int count,
                          const char *path, l2o_error *error) {
    TRY(name_files(trainer, path, error));
    TRY(settings_copy(settings, &trainer->settings, error));
    TRY(trainer_options_read(trainer->settings, &trainer->options, error));
    estimator_options_read(trainer->settings, &trainer->estimator);
    TRY(make_optimizer(trainer, error));
    trainer->weights = trainer->optimizer->weights;
    TRY(make_tasks(trainer, given, count, error));
    TRY(make_buffers(trainer, error));
    bool resume = settings_flag(trainer->settings, "resume");
    settings_share_use(trainer->settings, settings);
    TRY(settings_check_used(settings, "training", error));
    trainer->state = (trainer_state){.best = INFINITY, .kept = NAN, .validation = NAN, .rate_factor = 1};
    memcpy(trainer->good, trainer->weights, weight_bytes(trainer));
    memcpy(trainer->best, trainer->weights, weight_bytes(trainer));
    if (resume) TRY(checkpoint_read(trainer, &trainer->resumed, error));
    return learn_range(trainer, error);
}

/* Once all ranks are ready, so that no log is overwritten for a training that cannot begin. */
static l2o_status begin(trainer *trainer, l2o_error *error) {
    TRY(ranks_agree(trainer->context, trainer_log_open(trainer, trainer->resumed, error), error));
    if (trainer->resumed && !trainer->state.finished)
        say(trainer, "resuming after %lld updates, in stage %d of %d", (long long)trainer->state.updates,
            trainer->state.stage + 1, trainer->options.stage_count);
    return L2O_OK;
}

static void trainer_release(trainer *trainer) {
    trainer_log_close(trainer);
    json_decref(trainer->identity);
    for (int k = 0; k < trainer->task_count; k++) meta_task_free(&trainer->tasks[k]);
    for (int k = 0; k < MOST_TASKS; k++) problem_free(trainer->owned[k]);
    double *buffers[] = {trainer->gradient,         trainer->best,       trainer->good,
                         trainer->boundary.weights, trainer->boundary.m, trainer->boundary.v};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) memory_free(buffers[i]);
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
    if (status == L2O_OK) status = run(trainer, error);
    if (status == L2O_OK) status = ranks_agree(context, write_result(trainer, error), error);
    fill_report(trainer, clock_seconds() - started, out);
    trainer_release(trainer);
    return status;
}

l2o_status l2o_train(l2o_context *context, const l2o_settings *settings, const char *path,
                     l2o_training_function function, void *user, l2o_training_report *out) {
    return l2o_train_on(context, settings, NULL, 0, path, function, user, out);
}
