/* Making and running the workloads. */
#include "workload.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "experiment/catalog.h"

enum { SEED = 1 };
static const double RATE = 1e-3; /* of Adam and of the inner step */
static const char *const spreads[WORKLOAD_TASKS] = {"normal:0.1", "normal:0.5", "normal:1"};

workload_options workload_reference(char kind) {
    return (workload_options){.kind = kind,
                              .family = "lasso",
                              .dtype = "float32",
                              .threads = 1,
                              .batch = 128,
                              .dimension = 10,
                              .layers = 2,
                              .hidden = 20,
                              .unroll = 20,
                              .steps = 1000,
                              .tasks = WORKLOAD_TASKS,
                              .length = 1000000};
}

static bool has_tasks(const workload_options *options) { return options->kind == 'b' || options->kind == 'c'; }

static l2o_status set_number(l2o_settings *settings, const char *name, int64_t number, l2o_error *error) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)number);
    return settings_set(settings, name, text, "the workload", error);
}

static l2o_status make_settings(workload *workload, l2o_error *error) {
    const workload_options *options = &workload->options;
    TRY(catalog_settings(&workload->settings, error));
    l2o_settings *settings = workload->settings;
    TRY(settings_set(settings, "problem", options->family, "the workload", error));
    TRY(settings_set(settings, "dtype", options->dtype, "the workload", error));
    TRY(settings_set(settings, "b", "uniform:0:1", "the workload", error));
    TRY(set_number(settings, "batch", options->batch, error));
    TRY(set_number(settings, "n", options->dimension, error));
    TRY(set_number(settings, "layers", options->layers, error));
    return set_number(settings, "hidden", options->hidden, error);
}

static l2o_status make_task(workload *workload, int task, l2o_error *error) {
    const char *spread = has_tasks(&workload->options) ? spreads[task % WORKLOAD_TASKS] : "normal:1";
    TRY(settings_set(workload->settings, "A", spread, "the workload", error));
    TRY(problem_create(workload->settings, COMPONENT_ALL, &workload->problems[task], error));
    problem *problem = workload->problems[task];
    TRY(problem_sample(problem, SEED, STREAM_TRAINING, 0, (uint16_t)task, error));
    TRY(meta_task_create(workload->context, problem, workload->optimizer, &workload->estimator, &workload->tasks[task],
                         error));
    carry_reset(&workload->tasks[task].now, problem);
    return L2O_OK;
}

l2o_status workload_create(const workload_options *options, workload *workload, l2o_error *error) {
    *workload = (struct workload){.options = *options};
    if (l2o_context_create(options->threads, options->kernel, &workload->context) != L2O_OK)
        return error_set(error, L2O_ERROR_INPUT, "%s",
                         workload->context == NULL ? "out of memory" : l2o_context_error(workload->context));
    if (l2o_launched_ranks() > 1 && l2o_context_join_ranks(workload->context) != L2O_OK)
        return error_set(error, L2O_ERROR_UNSUPPORTED, "%s", l2o_context_error(workload->context));
    TRY(make_settings(workload, error));
    TRY(optimizer_create(workload->settings, "rnnprop", &workload->optimizer, error));
    size_t total = (size_t)workload->optimizer->weight_total;
    workload->estimator = (estimator_options){.kind = estimator_at(options->kind == 'b'   ? 1
                                                                   : options->kind == 'c' ? 2
                                                                                          : 0),
                                              .loss = meta_loss_at(0),
                                              .unroll = options->unroll,
                                              .detached = true,
                                              .next_segment = options->kind == 'b',
                                              .inner_rate = RATE,
                                              .inner_steps = 1};
    int count = has_tasks(options) ? options->tasks : options->kind == 'e' ? 0 : 1;
    workload->weights = memory_allocate(total, sizeof(double), error);
    workload->gradient = memory_allocate(total, sizeof(double), error);
    workload->objectives = memory_allocate((size_t)options->steps + 1, sizeof(double), error);
    workload->problems = memory_allocate((size_t)count, sizeof(problem *), error);
    workload->tasks = memory_allocate((size_t)count, sizeof(meta_task), error);
    TRY(error->status);
    workload->task_count = count;
    for (int task = 0; task < count; task++) TRY(make_task(workload, task, error));
    if (count > 0) meta_tasks_share(count, workload->tasks);
    optimizer_initialise(workload->optimizer, SEED, 0, workload->weights);
    TRY(adam_create(&workload->adam, (int64_t)total, 1e-8, false, error));
    if (count > 0) return L2O_OK;
    memcpy(workload->optimizer->weights, workload->weights, total * sizeof(double));
    return workload_vector_create(workload->context, workload->optimizer, options->length, workload_size(options).type,
                                  &workload->vector, error);
}

void workload_free(workload *workload) {
    for (int task = 0; task < workload->task_count; task++) {
        meta_task_free(&workload->tasks[task]);
        problem_free(workload->problems[task]);
    }
    memory_free(workload->tasks);
    memory_free(workload->problems);
    workload_vector_free(&workload->vector);
    adam_free(&workload->adam);
    memory_free(workload->weights);
    memory_free(workload->gradient);
    memory_free(workload->objectives);
    optimizer_free(workload->optimizer);
    settings_free(workload->settings);
    l2o_context_free(workload->context);
    *workload = (struct workload){0};
}

static l2o_status update_weights(workload *workload, l2o_error *error) {
    int64_t total = workload->optimizer->weight_total;
    double part = 1.0 / workload->task_count;
    memset(workload->gradient, 0, (size_t)total * sizeof *workload->gradient);
    workload->support_loss = 0;
    TRY(workload->estimator.kind->gradients(workload->task_count, workload->tasks, &workload->estimator,
                                            workload->weights, error));
    for (int k = 0; k < workload->task_count; k++) {
        const meta_task *task = &workload->tasks[k];
        for (int64_t i = 0; i < total; i++) workload->gradient[i] += part * task->gradient[i];
        workload->support_loss += part * task->result.support_loss;
    }
    adam_step(&workload->adam, RATE, workload->gradient, workload->weights);
    return L2O_OK;
}

static l2o_status evaluate(workload *workload, l2o_error *error) {
    meta_task *task = &workload->tasks[0];
    carry_reset(&task->now, task->problem);
    segment pass = {.weights = workload->weights,
                    .steps = workload->options.steps,
                    .detached = true,
                    .from = &task->now,
                    .mean_objective = workload->objectives};
    return segment_run(&task->runner, &pass, error);
}

l2o_status workload_run(void *argument, l2o_error *error) {
    workload *workload = argument;
    switch (workload->options.kind) {
    case 'd': return evaluate(workload, error);
    case 'e': return workload_vector_step(workload->context, &workload->vector, error);
    default: return update_weights(workload, error);
    }
}

cost_size workload_size(const workload_options *options) {
    bool vector = options->kind == 'e';
    return (cost_size){.coordinates = vector ? options->length : options->batch * options->dimension,
                       .steps = vector                 ? 1
                                : options->kind == 'd' ? options->steps
                                                       : options->unroll,
                       .tasks = has_tasks(options) ? options->tasks : 1,
                       .layers = options->layers,
                       .hidden = options->hidden,
                       .type = strcmp(options->dtype, "float64") == 0 ? DTYPE_FLOAT64 : DTYPE_FLOAT32};
}
