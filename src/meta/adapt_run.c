/* The updates of adaptation: at each rate from the same weights on the same problems, measured on held-out ones.
 *
 * An update is one unroll's plain meta-gradient and a step of Adam or SGD; SGD's is the inner step of MAML (Yang et
 * al., ICLR 2023, Eq. 5). Successive updates go on along the trajectory, the first begins at x0 or after a warm-up.
 * Weights that no gradient tells of are searched for after that step, on the same problems; or all weights are, without
 * it. Then all updates begin where the first does, because losses of different unrolls are not comparable. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "meta/adam.h"
#include "meta/adapt.h"
#include "meta/evaluation.h"
#include "meta/search.h"

typedef struct adaptation {
    l2o_context *context;
    problem *problem;
    const optimizer *optimizer; /* its weights are those from before, until all is done */
    uint32_t draw;
    adapt_options options;
    meta_task task;
    carry start; /* where the warm-up ends; only made when there is one */
    adam adam;
    adam_part *parts;   /* [weight_count]: one for each tensor */
    search search;      /* of no weights, where there is none */
    double search_loss; /* at the present weights; NAN: not known */
    double *present;    /* [weight_total] of the trial at hand */
    double *kept;       /* [weight_total] the choice so far */
    bool measure;       /* whether asked for or needed for a choice */
    l2o_adaptation_report *report;
} adaptation;

static void release(adaptation *self) {
    memory_free(self->present);
    memory_free(self->kept);
    memory_free(self->parts);
    adam_free(&self->adam);
    carry_free(&self->start);
    meta_task_free(&self->task);
}

static l2o_status prepare(adaptation *self, const l2o_settings *settings, l2o_error *error) {
    const optimizer *optimizer = self->optimizer;
    adapt_options *options = &self->options;
    if (optimizer->weights == NULL)
        return error_set(error, L2O_ERROR_INPUT,
                         "the optimizer '%s' is hand-designed and has no weights to adapt; give a file of weights or "
                         "`rnnprop`",
                         optimizer->ops->name);
    TRY(adapt_options_read(settings, optimizer, options, error));
    if (options->candidates > 0)
        TRY(search_create(optimizer, options->method == ADAPT_SEARCH, options->candidates, &self->search, error));
    TRY(meta_task_create(self->context, self->problem, optimizer, &options->estimator, &self->task, error));
    TRY(adam_create(&self->adam, optimizer->weight_total, options->epsilon, options->tensorflow, error));
    if (options->warmup > 0) TRY(carry_create(self->problem, optimizer, &self->start, error));
    self->present = memory_allocate((size_t)optimizer->weight_total, sizeof(double), error);
    self->kept = memory_allocate((size_t)optimizer->weight_total, sizeof(double), error);
    self->parts = memory_allocate((size_t)optimizer->weight_count, sizeof *self->parts, error);
    if (self->present == NULL || self->kept == NULL || self->parts == NULL) return error->status;
    for (int k = 0; k < optimizer->weight_count; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        self->parts[k] = (adam_part){layout->offset, layout->rows * layout->columns, 1, 1, 1};
    }
    return L2O_OK;
}

static l2o_status sample(adaptation *self, l2o_error *error) {
    return problem_sample(self->problem, self->options.seed, STREAM_ADAPTATION, self->draw, 0, error);
}

/* ------------------------------------------------------------------------------------------------------- measuring */

static l2o_status measure(adaptation *self, const double *weights, l2o_quality *quality, l2o_error *error) {
    const adapt_options *options = &self->options;
    double started = clock_seconds(), draws = (double)options->held_out_draws, step = 0;
    *quality = (l2o_quality){0};
    for (int d = 0; d < options->held_out_draws; d++) {
        l2o_quality one;
        TRY(problem_sample(self->problem, options->seed, STREAM_HELD_OUT, self->draw, (uint16_t)d, error));
        TRY(evaluate_quality(&self->task.runner, &self->task.ahead, weights, options->evaluation_steps, &one,
                             &self->report->measuring_evaluations, error));
        quality->minimum += one.minimum / draws;
        quality->last += one.last / draws;
        quality->mean += one.mean / draws;
        step += (double)one.minimum_step / draws;
    }
    quality->minimum_step = llround(step);
    self->report->measuring_seconds += clock_seconds() - started;
    return L2O_OK;
}

static double measured(const adaptation *self, const l2o_quality *quality) {
    switch (self->options.keep_by) {
    case ADAPT_LAST: return quality->last;
    case ADAPT_MEAN: return quality->mean;
    case ADAPT_MINIMUM: break;
    }
    return quality->minimum;
}

/* A NaN (one batch at zero, another one diverged) is as bad as infinity. */
static bool better(const adaptation *self, const l2o_quality *a, const l2o_quality *b) {
    double first = measured(self, a), second = measured(self, b);
    return first < second || (isnan(second) && first < (double)INFINITY);
}

static void keep(adaptation *self, const l2o_quality *quality, int64_t update) {
    self->report->kept = *quality;
    self->report->kept_update = update;
    memcpy(self->kept, self->present, (size_t)self->optimizer->weight_total * sizeof(double));
}

/* --------------------------------------------------------------------------------------------------------- updates */

/* Moves present weights along the task's gradient. False, and nothing moved, when the gradient is not finite. */
static bool move(adaptation *self, double rate) {
    const double *gradient = self->task.gradient;
    int64_t total = self->optimizer->weight_total;
    double largest = 0, sum = 0;
    for (int64_t i = 0; i < total; i++) {
        if (!isfinite(gradient[i])) return false;
        largest = fmax(largest, fabs(gradient[i]));
    }
    if (self->options.method == ADAPT_ADAM) {
        adam_update step = {rate, self->options.relative, self->optimizer->weight_count, self->parts, 1, &gradient};
        adam_apply(&self->adam, self->context, &step, self->present);
        return true;
    }
    if (self->options.method == ADAPT_SGD_NORMALISED && largest > 0) {
        for (int64_t i = 0; i < total; i++) sum += (gradient[i] / largest) * (gradient[i] / largest);
        rate /= largest * sqrt(sum);
    }
    for (int64_t i = 0; i < total; i++) self->present[i] -= rate * gradient[i];
    return true;
}

/* Along the un-adapted weights, for all trials and restarts. */
static l2o_status warm_up(adaptation *self, l2o_error *error) {
    if (self->options.warmup == 0) return L2O_OK;
    TRY(sample(self, error));
    carry_reset(&self->start, self->problem);
    segment pass = {
        .weights = self->optimizer->weights, .steps = self->options.warmup, .from = &self->start, .to = &self->start};
    TRY(segment_run(&self->task.runner, &pass, error));
    self->report->gradient_evaluations += pass.gradient_evaluations;
    return L2O_OK;
}

static void begin(adaptation *self) {
    if (self->options.warmup > 0)
        carry_copy(&self->start, &self->task.now);
    else
        carry_reset(&self->task.now, self->problem);
}

static l2o_status loss_at(void *argument, const double *weights, double *loss, l2o_error *error) {
    adaptation *self = argument;
    return meta_task_loss(&self->task, &self->options.estimator, weights, loss, &self->report->gradient_evaluations,
                          error);
}

static l2o_status sweep(adaptation *self, bool first, l2o_error *error) {
    const search_loss loss = {loss_at, self};
    begin(self);
    if (first && self->options.scatter > 0)
        TRY(search_scatter(&self->search, &loss, self->options.scatter, self->present, &self->search_loss, error));
    TRY(search_sweep(&self->search, &loss, self->present, &self->search_loss, error));
    self->report->candidates = self->search.candidates;
    return L2O_OK;
}

/* The update by the gradient. When the unroll is not finite the weights are left as they are and *stopped says so. */
static l2o_status descend(adaptation *self, const l2o_adaptation_trial *trial, bool *stopped, l2o_error *error) {
    const estimator_options *options = &self->options.estimator;
    l2o_status status = options->kind->gradients(1, &self->task, options, self->present, error);
    self->search_loss = NAN;
    if (status == L2O_OK) self->report->gradient_evaluations += self->task.result.gradient_evaluations;
    if (status == L2O_OK && !move(self, trial->rate))
        status = error_set(error, L2O_ERROR_NUMERIC, "the gradient of the meta-loss is not finite");
    if (status != L2O_ERROR_NUMERIC) return status;
    context_message(self->context, "adaptation stops after %lld updates at rate %g, with the weights it had: %s",
                    (long long)trial->updates, trial->rate, error->text);
    error_clear(error);
    *stopped = true;
    return L2O_OK;
}

static l2o_status update(adaptation *self, const l2o_adaptation_trial *trial, bool *stopped, l2o_error *error) {
    if (self->options.method != ADAPT_SEARCH) TRY(descend(self, trial, stopped, error));
    return self->search.count == 0 || *stopped ? L2O_OK : sweep(self, trial->updates == 0, error);
}

/* The updates at one rate, from the weights from before. */
static l2o_status run_trial(adaptation *self, l2o_adaptation_trial *trial, l2o_error *error) {
    const adapt_options *options = &self->options;
    bool stopped = false;
    memcpy(self->present, self->optimizer->weights, (size_t)self->optimizer->weight_total * sizeof(double));
    adam_reset(&self->adam);
    search_reset(&self->search);
    self->search_loss = NAN;
    TRY(sample(self, error));
    begin(self);
    while (trial->updates < options->updates) {
        if (options->restart > 0 && trial->updates > 0 && trial->updates % options->restart == 0) begin(self);
        TRY(update(self, trial, &stopped, error));
        if (stopped) break;
        trial->updates++;
        if (!options->keep_best) continue;
        TRY(measure(self, self->present, &trial->after, error));
        TRY(sample(self, error));
        if (trial->best_update == 0 || better(self, &trial->after, &trial->best)) {
            trial->best = trial->after;
            trial->best_update = trial->updates;
        }
        if (better(self, &trial->after, &self->report->kept)) keep(self, &trial->after, trial->updates);
    }
    if (options->keep_best || trial->updates == 0) return L2O_OK;
    if (self->measure) TRY(measure(self, self->present, &trial->after, error));
    trial->best = trial->after;
    trial->best_update = trial->updates;
    return L2O_OK;
}

static l2o_status run(adaptation *self, l2o_error *error) {
    const adapt_options *options = &self->options;
    l2o_adaptation_report *report = self->report;
    const l2o_adaptation_trial *chosen = NULL;
    if (self->measure) TRY(measure(self, self->optimizer->weights, &report->before, error));
    report->kept = report->before;
    memcpy(self->kept, self->optimizer->weights, (size_t)self->optimizer->weight_total * sizeof(double));
    TRY(warm_up(self, error));
    for (int r = 0; r < options->rate_count; r++) {
        l2o_adaptation_trial *trial = &report->trials[report->trial_count++];
        *trial = (l2o_adaptation_trial){
            .rate = options->rates[r], .after = report->before, .best = {INFINITY, INFINITY, INFINITY, 0}};
        TRY(run_trial(self, trial, error));
        if (chosen != NULL && !better(self, &trial->best, &chosen->best)) continue;
        chosen = trial;
        if (!options->keep_best && trial->updates > 0) keep(self, &trial->after, trial->updates);
    }
    report->rate = chosen->rate;
    report->updates = chosen->updates;
    report->after = chosen->after;
    return L2O_OK;
}

l2o_status adapt_run(l2o_context *context, const l2o_settings *settings, problem *problem, optimizer *optimizer,
                     uint32_t draw, bool measure, l2o_adaptation_report *report, l2o_error *error) {
    const l2o_quality unknown = {NAN, NAN, NAN, 0};
    *report = (l2o_adaptation_report){.before = unknown, .after = unknown, .kept = unknown};
    double started = clock_seconds();
    adaptation self = {.context = context, .problem = problem, .optimizer = optimizer, .draw = draw, .report = report};
    l2o_status status = prepare(&self, settings, error);
    self.measure = measure || self.options.keep_best || self.options.rate_count > 1;
    if (status == L2O_OK) status = run(&self, error);
    if (status == L2O_OK) memcpy(optimizer->weights, self.kept, (size_t)optimizer->weight_total * sizeof(double));
    release(&self);
    report->seconds = clock_seconds() - started - report->measuring_seconds;
    return status;
}

l2o_status adapt_check(l2o_context *context, const l2o_settings *settings, problem *problem, optimizer *optimizer,
                       l2o_error *error) {
    adaptation self = {.context = context, .problem = problem, .optimizer = optimizer};
    l2o_status status = prepare(&self, settings, error);
    if (status == L2O_OK) status = sample(&self, error);
    release(&self);
    return status;
}
