/* Meta-gradients of one task: plain, first-order MAML and exact MAML (M-L2O, ICLR 2023, Eq. 5), over segments. */
#include "meta/estimator.h"

#include <string.h>

#include "base/memory.h"

const setting estimator_settings[] = {
    {"estimator", SETTING_CHOICE, "", "fomaml", 0, 0, "plain|fomaml|maml",
     "The meta-gradient: plain (no inner step), fomaml (first order), maml (exact, through the inner step)"},
    {"unroll", SETTING_INTEGER, "steps", "20", 1, 100000, NULL,
     "Optimizer steps T through which weights are differentiated"},
    {"meta-loss", SETTING_CHOICE, "", "sum", 0, 0, "sum|last",
     "What an unroll is judged by: all its objectives, or the last"},
    {"inputs", SETTING_CHOICE, "", "detached", 0, 0, "detached|full",
     "Whether the gradients that the optimizer sees are constants for the meta-gradient, or differentiated as well"},
    {"outer-segment", SETTING_CHOICE, "", NULL, 0, 0, "same|next",
     "The unroll that the outer gradient is taken on: the support's own, or the one after it. Default: next for fomaml "
     "(the authors' code), same for maml (the paper's Eq. 5)"},
    {"step-index", SETTING_CHOICE, "", "corrected", 0, 0, "corrected|reference",
     "With outer-segment = next: bias corrections count on (corrected), or repeat the support's count (the authors' "
     "code)"},
    {"inner-rate", SETTING_REAL, "", "0.001", 0, 1e6, NULL, "Rate alpha of the inner gradient step"},
    {"inner-steps", SETTING_INTEGER, "steps", "1", 1, 100, NULL, "Number of inner gradient steps"},
    {0}};

void estimator_options_plain(const l2o_settings *settings, estimator_options *options) {
    *options = (estimator_options){
        .kind = estimator_at(0),
        .loss = meta_loss_at(settings_choice(settings, "meta-loss")),
        .unroll = settings_integer(settings, "unroll"),
        .detached = settings_choice(settings, "inputs") == 0,
    };
}

void estimator_options_read(const l2o_settings *settings, estimator_options *options) {
    estimator_options_plain(settings, options);
    options->kind = estimator_at(settings_choice(settings, "estimator"));
    if (!options->kind->adapts) return;
    options->inner_rate = settings_real(settings, "inner-rate");
    options->inner_steps = (int)settings_integer(settings, "inner-steps");
    options->next_segment = settings_is_set(settings, "outer-segment") ? settings_choice(settings, "outer-segment") == 1
                                                                       : !options->kind->second_order;
    if (options->next_segment) options->reference_step_index = settings_choice(settings, "step-index") == 1;
}

l2o_status meta_task_create(l2o_context *context, problem *problem, const optimizer *optimizer,
                            const estimator_options *options, meta_task *task, l2o_error *error) {
    *task = (meta_task){.problem = problem};
    TRY(runner_create(context, problem, optimizer, &task->runner, error));
    size_t total = (size_t)optimizer->weight_total;
    l2o_status status = carry_create(problem, optimizer, &task->now, error);
    if (status == L2O_OK) status = carry_create(problem, optimizer, &task->ahead, error);
    task->loss_weights = memory_allocate((size_t)options->unroll + 1, sizeof(double), error);
    task->inner = memory_allocate((size_t)(options->inner_steps + 1) * total, sizeof(double), error);
    task->scratch = memory_allocate(total, sizeof(double), error);
    if (status == L2O_OK && (task->loss_weights == NULL || task->inner == NULL || task->scratch == NULL))
        status = error->status;
    if (status != L2O_OK) {
        meta_task_free(task);
        return status;
    }
    options->loss->weights(options->unroll, task->loss_weights);
    return L2O_OK;
}

void meta_task_free(meta_task *task) {
    runner_free(&task->runner);
    carry_free(&task->now);
    carry_free(&task->ahead);
    memory_free(task->loss_weights);
    memory_free(task->inner);
    memory_free(task->scratch);
    *task = (meta_task){0};
}

static segment segment_of(const meta_task *task, const estimator_options *options, const double *weights,
                          const carry *from, double *gradient) {
    return (segment){
        .weights = weights,
        .steps = options->unroll,
        .detached = options->detached,
        .require_finite = true,
        .loss_weights = task->loss_weights,
        .from = from,
        .gradient = gradient,
    };
}

/* The support segment under the un-adapted weights: its gradient, and the carry advanced into task->ahead. */
static l2o_status support(meta_task *task, const estimator_options *options, const double *weights, double *gradient,
                          estimate *result, l2o_error *error) {
    segment pass = segment_of(task, options, weights, &task->now, gradient);
    pass.to = &task->ahead;
    TRY(segment_run(&task->runner, &pass, error));
    const double *last = runner_objective(&task->runner, options->unroll);
    double sum = 0;
    for (int64_t p = 0; p < task->problem->batch; p++) sum += last[p];
    *result = (estimate){.support_loss = pass.loss,
                         .outer_loss = pass.loss,
                         .last_objective = sum / (double)task->problem->batch,
                         .gradient_evaluations = (double)options->unroll};
    return L2O_OK;
}

static void advance(meta_task *task) {
    carry old = task->now;
    task->now = task->ahead;
    task->ahead = old;
}

static l2o_status plain_gradient(meta_task *task, const estimator_options *options, const double *weights,
                                 double *gradient, estimate *result, l2o_error *error) {
    TRY(support(task, options, weights, gradient, result, error));
    advance(task);
    return L2O_OK;
}

static void inner_step(int64_t total, double rate, const double *from, const double *gradient, double *to) {
    for (int64_t i = 0; i < total; i++) to[i] = from[i] - rate * gradient[i];
}

/* phi_1 .. phi_K, and the outer gradient at phi_K. */
static l2o_status first_order(meta_task *task, const estimator_options *options, const double *weights,
                              double *gradient, estimate *result, l2o_error *error) {
    int64_t total = task->runner.optimizer->weight_total;
    memcpy(task->inner, weights, (size_t)total * sizeof(double));
    TRY(support(task, options, weights, gradient, result, error));
    for (int k = 0; k < options->inner_steps; k++) {
        double *phi = task->inner + k * total;
        if (k > 0) {
            segment again = segment_of(task, options, phi, &task->now, gradient);
            TRY(segment_run(&task->runner, &again, error));
            result->gradient_evaluations += (double)options->unroll;
        }
        inner_step(total, options->inner_rate, phi, gradient, phi + total);
    }
    segment outer = segment_of(task, options, task->inner + options->inner_steps * total,
                               options->next_segment ? &task->ahead : &task->now, gradient);
    if (options->reference_step_index) outer.first_step = task->now.steps + 1;
    TRY(segment_run(&task->runner, &outer, error));
    result->outer_loss = outer.loss;
    result->gradient_evaluations += (double)options->unroll;
    return L2O_OK;
}

static l2o_status fomaml_gradient(meta_task *task, const estimator_options *options, const double *weights,
                                  double *gradient, estimate *result, l2o_error *error) {
    TRY(first_order(task, options, weights, gradient, result, error));
    advance(task);
    return L2O_OK;
}

/* Back through the inner steps, the last first: G <- G - alpha H(phi_k) G. */
static l2o_status maml_gradient(meta_task *task, const estimator_options *options, const double *weights,
                                double *gradient, estimate *result, l2o_error *error) {
    int64_t total = task->runner.optimizer->weight_total;
    TRY(first_order(task, options, weights, gradient, result, error));
    for (int k = options->inner_steps - 1; k >= 0; k--) {
        segment pass = segment_of(task, options, task->inner + k * total, &task->now, task->scratch);
        pass.direction = gradient;
        pass.hessian_vector = task->inner + (k + 1) * total; /* phi_{k+1} has served */
        TRY(segment_run(&task->runner, &pass, error));
        for (int64_t i = 0; i < total; i++) gradient[i] -= options->inner_rate * pass.hessian_vector[i];
        result->gradient_evaluations += 2.0 * (double)options->unroll;
    }
    advance(task);
    return L2O_OK;
}

static const estimator estimators[] = {
    {"plain", "gradient of the meta-loss, no inner step", "Andrychowicz et al., NIPS 2016", false, false,
     plain_gradient},
    {"fomaml", "gradient at the inner-adapted weights, first order", "Yang et al., ICLR 2023, as their code runs", true,
     false, fomaml_gradient},
    {"maml", "exact gradient through the inner step", "Yang et al., ICLR 2023, Eq. 5", true, true, maml_gradient},
};

const estimator *estimator_at(int index) {
    return index >= 0 && index < (int)(sizeof estimators / sizeof *estimators) ? &estimators[index] : NULL;
}
