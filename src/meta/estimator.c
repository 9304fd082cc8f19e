/* Meta-gradients of tasks: plain, first-order MAML and exact MAML (M-L2O, ICLR 2023, Eq. 5), over segments. */
#include "meta/estimator.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

const setting estimator_settings[] = {
    {"estimator", SETTING_CHOICE, "", "fomaml", 0, 0, "plain|fomaml|maml",
     "The meta-gradient: plain (no inner step), fomaml (first order), maml (exact, through the inner step)"},
    {"unroll", SETTING_INTEGER, "steps", "20", 1, 100000, NULL,
     "Optimizer steps T through which weights are differentiated; unless given, in adaptation of unrolled optimizers "
     "as many as they have layers"},
    {"meta-loss", SETTING_CHOICE, "", "sum", 0, 0, "sum|last|log|log-last",
     "What an unroll is judged by: all its objectives, or the last; or their logarithms, so that large and small ones "
     "count alike (they must not be negative). Unless given, in adaptation of unrolled optimizers what they were "
     "trained by, or last"},
    {"inputs", SETTING_CHOICE, "", "detached", 0, 0, "detached|full",
     "Whether the gradients that the optimizer sees are constants for the meta-gradient, or differentiated as well"},
    {"outer-segment", SETTING_CHOICE, "", NULL, 0, 0, "same|next",
     "The unroll that the outer gradient is taken on: the support's own, or the one after it. Default: next for fomaml "
     "(the authors' code), same for maml (the paper's Eq. 5) and for unrolled optimizers"},
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

void estimator_options_read(const l2o_settings *settings, const optimizer *optimizer, estimator_options *options) {
    estimator_options_plain(settings, options);
    options->kind = estimator_at(settings_choice(settings, "estimator"));
    if (!options->kind->adapts) return;
    options->inner_rate = settings_real(settings, "inner-rate");
    options->inner_steps = (int)settings_integer(settings, "inner-steps");
    if (settings_is_set(settings, "outer-segment"))
        options->next_segment = settings_choice(settings, "outer-segment") == 1;
    else
        options->next_segment = !options->kind->second_order && optimizer->learned_steps == 0;
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
    size_t inner = options->kind->adapts ? (size_t)(options->inner_steps + 1) : 0;
    task->inner = memory_allocate(inner * total, sizeof(double), error);
    task->gradient = memory_allocate(total, sizeof(double), error);
    task->squares = memory_allocate((size_t)optimizer->weight_count, sizeof(double), error);
    bool whole = task->loss_weights != NULL && task->inner != NULL && task->gradient != NULL && task->squares != NULL;
    if (status == L2O_OK && !whole) status = error->status;
    if (status != L2O_OK) {
        meta_task_free(task);
        return status;
    }
    meta_task_shape(task, options, options->unroll);
    return L2O_OK;
}

void meta_task_shape(meta_task *task, const estimator_options *options, int64_t whole) {
    options->loss->weights(whole, task->loss_weights);
    memmove(task->loss_weights, task->loss_weights + (whole - options->unroll),
            (size_t)(options->unroll + 1) * sizeof *task->loss_weights);
    memset(task->gradient, 0, (size_t)task->runner.optimizer->weight_total * sizeof *task->gradient);
}

void meta_task_free(meta_task *task) {
    runner_free(&task->runner);
    carry_free(&task->now);
    carry_free(&task->ahead);
    memory_free(task->loss_weights);
    memory_free(task->inner);
    memory_free(task->gradient);
    memory_free(task->squares);
    *task = (meta_task){0};
}

void meta_tasks_share(int count, meta_task *tasks) {
    runner *runners[MOST_TASKS];
    for (int k = 0; k < count; k++) runners[k] = &tasks[k].runner;
    runners_share(count, runners);
}

/* One segment for each task, which are run together. */
typedef struct passes {
    runner *runners[MOST_TASKS];
    segment segments[MOST_TASKS];
} passes;

static segment *add_segment(passes *passes, int k, meta_task *task, const estimator_options *options,
                            const double *weights, const carry *from, double *gradient) {
    passes->runners[k] = &task->runner;
    passes->segments[k] = (segment){
        .weights = weights,
        .steps = options->unroll,
        .detached = options->detached,
        .require_finite = true,
        .loss_weights = task->loss_weights,
        .active = options->active,
        .logarithm = options->loss->logarithm,
        .from = from,
        .gradient = gradient,
        .squares = gradient == NULL ? NULL : task->squares,
    };
    return &passes->segments[k];
}

static l2o_status run_passes(int count, passes *passes, l2o_error *error) {
    return segments_run(count, passes->runners, passes->segments, error);
}

/* The support segments under the un-adapted weights: their gradients, and the carries advanced into task->ahead. */
static l2o_status support(int count, meta_task *tasks, const estimator_options *options, const double *weights,
                          l2o_error *error) {
    passes passes = {0};
    for (int k = 0; k < count; k++)
        add_segment(&passes, k, &tasks[k], options, weights, &tasks[k].now, tasks[k].gradient)->to = &tasks[k].ahead;
    TRY(run_passes(count, &passes, error));
    for (int k = 0; k < count; k++)
        tasks[k].result = (estimate){.support_loss = passes.segments[k].loss,
                                     .outer_loss = passes.segments[k].loss,
                                     .last_objective = runner_mean_objective(&tasks[k].runner, options->unroll),
                                     .gradient_evaluations = (double)options->unroll};
    return L2O_OK;
}

l2o_status meta_task_loss(meta_task *task, const estimator_options *options, const double *weights, double *loss,
                          double *gradient_evaluations, l2o_error *error) {
    passes passes = {0};
    segment *pass = add_segment(&passes, 0, task, options, weights, &task->now, NULL);
    pass->unguarded = true; /* as what is differentiated */
    l2o_status status = run_passes(1, &passes, error);
    *gradient_evaluations += (double)options->unroll;
    *loss = status == L2O_OK && isfinite(pass->loss) ? pass->loss : (double)INFINITY;
    if (status != L2O_ERROR_NUMERIC) return status;
    error_clear(error);
    return L2O_OK;
}

static void advance(int count, meta_task *tasks) {
    for (int k = 0; k < count; k++) {
        carry old = tasks[k].now;
        tasks[k].now = tasks[k].ahead;
        tasks[k].ahead = old;
    }
}

static l2o_status plain_gradients(int count, meta_task *tasks, const estimator_options *options, const double *weights,
                                  l2o_error *error) {
    TRY(support(count, tasks, options, weights, error));
    advance(count, tasks);
    return L2O_OK;
}

/* The inner step from phi_k to phi_{k+1}, along the task's present gradient. */
static void inner_step(meta_task *task, double rate, int k) {
    int64_t total = task->runner.optimizer->weight_total;
    const double *from = task->inner + k * total;
    double *to = task->inner + (k + 1) * total;
    for (int64_t i = 0; i < total; i++) to[i] = from[i] - rate * task->gradient[i];
}

static double *inner_weights(const meta_task *task, int k) {
    return task->inner + k * task->runner.optimizer->weight_total;
}

/* phi_1 .. phi_K, and the outer gradient at phi_K. */
static l2o_status first_order(int count, meta_task *tasks, const estimator_options *options, const double *weights,
                              l2o_error *error) {
    passes passes = {0};
    int last = options->inner_steps;
    for (int k = 0; k < count; k++)
        memcpy(tasks[k].inner, weights, (size_t)tasks[k].runner.optimizer->weight_total * sizeof(double));
    TRY(support(count, tasks, options, weights, error));
    for (int step = 0; step < last; step++) {
        for (int k = 0; k < count && step > 0; k++) {
            meta_task *task = &tasks[k];
            add_segment(&passes, k, task, options, inner_weights(task, step), &task->now, task->gradient);
            task->result.gradient_evaluations += (double)options->unroll;
        }
        if (step > 0) TRY(run_passes(count, &passes, error));
        for (int k = 0; k < count; k++) inner_step(&tasks[k], options->inner_rate, step);
    }
    for (int k = 0; k < count; k++) {
        meta_task *task = &tasks[k];
        segment *outer = add_segment(&passes, k, task, options, inner_weights(task, last),
                                     options->next_segment ? &task->ahead : &task->now, task->gradient);
        if (options->reference_step_index) outer->first_step = task->now.steps + 1;
    }
    TRY(run_passes(count, &passes, error));
    for (int k = 0; k < count; k++) {
        tasks[k].result.outer_loss = passes.segments[k].loss;
        tasks[k].result.gradient_evaluations += (double)options->unroll;
    }
    return L2O_OK;
}

static l2o_status fomaml_gradients(int count, meta_task *tasks, const estimator_options *options, const double *weights,
                                   l2o_error *error) {
    TRY(first_order(count, tasks, options, weights, error));
    advance(count, tasks);
    return L2O_OK;
}

/* G <- G - alpha H G, of the tensors that are active. */
static void subtract_product(meta_task *task, const estimator_options *options, const double *product) {
    const optimizer *optimizer = task->runner.optimizer;
    for (int k = 0; k < optimizer->weight_count; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        if (options->active != NULL && !options->active[k]) continue;
        int64_t end = layout->offset + layout->rows * layout->columns;
        double squares = 0;
        for (int64_t i = layout->offset; i < end; i++) {
            task->gradient[i] -= options->inner_rate * product[i];
            squares += task->gradient[i] * task->gradient[i];
        }
        task->squares[k] = squares;
    }
}

/* Back through the inner steps, the last first: G <- G - alpha H(phi_k) G. */
static l2o_status maml_gradients(int count, meta_task *tasks, const estimator_options *options, const double *weights,
                                 l2o_error *error) {
    passes passes = {0};
    TRY(first_order(count, tasks, options, weights, error));
    for (int step = options->inner_steps - 1; step >= 0; step--) {
        for (int k = 0; k < count; k++) {
            meta_task *task = &tasks[k];
            segment *pass = add_segment(&passes, k, task, options, inner_weights(task, step), &task->now, NULL);
            pass->direction = task->gradient;
            pass->hessian_vector = inner_weights(task, step + 1); /* phi_{k+1} has served */
        }
        TRY(run_passes(count, &passes, error));
        for (int k = 0; k < count; k++) {
            subtract_product(&tasks[k], options, passes.segments[k].hessian_vector);
            tasks[k].result.gradient_evaluations += 2.0 * (double)options->unroll;
        }
    }
    advance(count, tasks);
    return L2O_OK;
}

l2o_status meta_gradient(meta_task *task, const estimator_options *options, const double *weights, double *gradient,
                         estimate *result, l2o_error *error) {
    TRY(options->kind->gradients(1, task, options, weights, error));
    memcpy(gradient, task->gradient, (size_t)task->runner.optimizer->weight_total * sizeof *gradient);
    *result = task->result;
    return L2O_OK;
}

static const estimator estimators[] = {
    {"plain", "gradient of the meta-loss, no inner step", "Andrychowicz et al., NIPS 2016", false, false,
     plain_gradients},
    {"fomaml", "gradient at the inner-adapted weights, first order", "Yang et al., ICLR 2023, as their code runs", true,
     false, fomaml_gradients},
    {"maml", "exact gradient through the inner step", "Yang et al., ICLR 2023, Eq. 5", true, true, maml_gradients},
};

const estimator *estimator_at(int index) {
    return index >= 0 && index < (int)(sizeof estimators / sizeof *estimators) ? &estimators[index] : NULL;
}
