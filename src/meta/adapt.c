/* Adaptation: a few updates of the weights by Adam on adaptation problems, measured on held-out ones. */
#include "meta/adapt.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "meta/adam.h"
#include "meta/estimator.h"
#include "meta/evaluation.h"
#include "meta/trainer.h"
#include "optimizers/weights_file.h"
#include "problems/user_data.h"
#include "run/range.h"

const setting adapt_settings[] = {
    {"adaptation-updates", SETTING_INTEGER, "updates", "5", 0, 1e6, NULL,
     "Updates of the weights when adapting; each is one unroll on the adaptation problems"},
    {"adaptation-rate", SETTING_REAL, "", "0.001", 0, 1e6, NULL, "Adam's rate when adapting"},
    {"adaptation-restart", SETTING_INTEGER, "updates", "0", 0, 1e6, NULL,
     "Start again from x0 after so many updates; 0: never"},
    {"evaluation-steps", SETTING_INTEGER, "steps", "1000", 1, 1e7, NULL,
     "Steps over which held-out adaptation problems are measured"},
    {"keep", SETTING_CHOICE, "", "always", 0, 0, "always|best",
     "After adapting: always the adapted weights (as the paper), or whichever were best on held-out problems"},
    {0}};

/* What adaptation works with. */
typedef struct adaptation {
    meta_task task;
    estimator_options options;
    adam adam;
    double *best;
    problem *problem;
    uint64_t seed;
    uint32_t draw;
    double rate, epsilon;
    bool tensorflow, keep_best;
    int64_t updates, restart, evaluation_steps;
} adaptation;

static void read_settings(const l2o_settings *settings, adaptation *own) {
    estimator_options_plain(settings, &own->options);
    own->seed = (uint64_t)settings_integer(settings, "seed");
    own->rate = settings_real(settings, "adaptation-rate");
    own->epsilon = settings_real(settings, "adam-epsilon");
    own->tensorflow = settings_choice(settings, "epsilon-place") == 0;
    own->keep_best = settings_choice(settings, "keep") == 1;
    own->updates = settings_integer(settings, "adaptation-updates");
    own->restart = settings_integer(settings, "adaptation-restart");
    own->evaluation_steps = settings_integer(settings, "evaluation-steps");
}

static l2o_status measure_held_out(adaptation *own, const double *weights, l2o_quality *quality, l2o_error *error) {
    TRY(problem_sample(own->problem, own->seed, STREAM_HELD_OUT, own->draw, 0, error));
    return evaluate_quality(&own->task.runner, &own->task.ahead, weights, own->evaluation_steps, quality, error);
}

static bool better(const l2o_quality *a, const l2o_quality *b) { return a->minimum < b->minimum; }

/* One update. When the unroll is not finite the weights are left as they are and *stopped says so. */
static l2o_status update(l2o_context *context, adaptation *own, double *weights, int64_t count, bool *stopped,
                         double *cost, l2o_error *error) {
    l2o_status status = own->options.kind->gradients(1, &own->task, &own->options, weights, error);
    if (status == L2O_ERROR_NUMERIC) {
        context_message(context, "adaptation stops after %lld updates, with the weights it had: %s", (long long)count,
                        error->text);
        error_clear(error);
        *stopped = true;
        return L2O_OK;
    }
    if (status != L2O_OK) return status;
    *cost += own->task.result.gradient_evaluations;
    adam_step(&own->adam, own->rate, own->task.gradient, weights);
    return L2O_OK;
}

static l2o_status run(l2o_context *context, adaptation *own, double *weights, bool measure,
                      l2o_adaptation_report *report, l2o_error *error) {
    int64_t updates = own->updates, restart = own->restart, best_update = 0;
    bool keep_best = own->keep_best, stopped = false;
    size_t bytes = (size_t)own->adam.count * sizeof(double);
    if (measure || keep_best) TRY(measure_held_out(own, weights, &report->before, error));
    l2o_quality best = report->before;
    memcpy(own->best, weights, bytes);
    TRY(problem_sample(own->problem, own->seed, STREAM_ADAPTATION, own->draw, 0, error));
    carry_reset(&own->task.now, own->problem);
    for (int64_t k = 1; k <= updates; k++) {
        if (restart > 0 && k > 1 && (k - 1) % restart == 0) carry_reset(&own->task.now, own->problem);
        TRY(update(context, own, weights, k - 1, &stopped, &report->gradient_evaluations, error));
        if (stopped) break;
        report->updates = report->kept_update = k;
        if (!keep_best && !(measure && k == updates)) continue;
        TRY(measure_held_out(own, weights, &report->after, error));
        TRY(problem_sample(own->problem, own->seed, STREAM_ADAPTATION, own->draw, 0, error));
        if (!better(&report->after, &best)) continue;
        best = report->after;
        best_update = k;
        memcpy(own->best, weights, bytes);
    }
    if (report->updates == 0) report->after = report->before;
    if (stopped && measure && !keep_best) TRY(measure_held_out(own, weights, &report->after, error));
    report->kept = report->after;
    if (!keep_best) return L2O_OK;
    report->kept = best;
    report->kept_update = best_update;
    memcpy(weights, own->best, bytes);
    return L2O_OK;
}

l2o_status adapt_run(l2o_context *context, const l2o_settings *settings, problem *problem, optimizer *optimizer,
                     uint32_t draw, bool measure, l2o_adaptation_report *report, l2o_error *error) {
    *report = (l2o_adaptation_report){.before = {NAN, NAN, 0}, .after = {NAN, NAN, 0}, .kept = {NAN, NAN, 0}};
    if (optimizer->weights == NULL)
        return error_set(error, L2O_ERROR_INPUT,
                         "the optimizer '%s' is hand-designed and has no weights to adapt; give a file of weights or "
                         "`rnnprop`",
                         optimizer->ops->name);
    double started = clock_seconds();
    adaptation own = {.problem = problem, .draw = draw};
    read_settings(settings, &own);
    TRY(meta_task_create(context, problem, optimizer, &own.options, &own.task, error));
    l2o_status status = adam_create(&own.adam, optimizer->weight_total, own.epsilon, own.tensorflow, error);
    own.best = memory_allocate((size_t)optimizer->weight_total, sizeof(double), error);
    if (status == L2O_OK && own.best == NULL) status = error->status;
    if (status == L2O_OK) status = run(context, &own, optimizer->weights, measure, report, error);
    memory_free(own.best);
    adam_free(&own.adam);
    meta_task_free(&own.task);
    report->seconds = clock_seconds() - started;
    return status;
}

static void warn_of_overlap(l2o_context *context, const problem *problem) {
    if (problem->source == NULL || problem->source->instances == 0 || problem->source->held_out > 0) return;
    context_message(context,
                    "warning: nothing is held out of %lld instance%s%s, so before and after are measured on what the "
                    "weights adapt to",
                    (long long)problem->source->instances, problem->source->instances == 1 ? "" : "s",
                    problem->source->instances == 1 ? "" : " (held-out is 0)");
}

/* The file of adapted weights says so, beside the recipe that it started from; and, where it is known, for what range
 * of problems they are now. */
static l2o_status note_adaptation(const l2o_settings *settings, optimizer *optimizer, const range *range,
                                  const l2o_adaptation_report *report, l2o_error *error) {
    json_t *used = optimizer_settings_json(optimizer, settings, error);
    if (used == NULL) return error->status;
    json_t *note = json_pack("{s:I, s:I, s:o}", "updates", (json_int_t)report->updates, "kept",
                             (json_int_t)report->kept_update, "settings", used);
    if (range != NULL && json_object_set_new(note, "range", range_json(range)) != 0) {
        json_decref(note);
        note = NULL;
    }
    return optimizer_note(optimizer, "adaptation", note, error);
}

static l2o_status adapt_on(l2o_context *context, const l2o_settings *settings, problem *problem, optimizer *optimizer,
                           const range *range, l2o_adaptation_report *report, l2o_error *error) {
    adaptation unused;
    read_settings(settings, &unused);
    TRY(settings_check_used(settings, "adaptation", error));
    warn_of_overlap(context, problem);
    TRY(adapt_run(context, settings, problem, optimizer, 0, true, report, error));
    return note_adaptation(settings, optimizer, range, report, error);
}

/* The range is not looked at: the evaluations of a caller's own problem are to be those of adaptation alone. */
l2o_status l2o_adapt_on(l2o_context *context, const l2o_settings *settings, l2o_problem *problem,
                        l2o_optimizer *optimizer, l2o_adaptation_report *report) {
    error_clear(&context->error);
    return adapt_on(context, settings, problem, optimizer, NULL, report, &context->error);
}

l2o_status l2o_adapt(l2o_context *context, const l2o_settings *settings, l2o_optimizer *optimizer,
                     l2o_adaptation_report *report) {
    l2o_error *error = &context->error;
    error_clear(error);
    problem *problem;
    range range;
    TRY(problem_create_for(settings, COMPONENT_ALL, STREAM_ADAPTATION, &problem, error));
    uint64_t seed = (uint64_t)settings_integer(settings, "seed");
    l2o_status status = problem_sample(problem, seed, STREAM_ADAPTATION, 0, 0, error);
    if (status == L2O_OK) status = range_of(context, problem, &range, error);
    if (status == L2O_OK) status = adapt_on(context, settings, problem, optimizer, &range, report, error);
    problem_free(problem);
    return status;
}
