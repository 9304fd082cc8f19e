/* The loop: draw, reset, a few updates along the trajectory, again. */
#include "experiment/theory_training.h"

#include <string.h>

#include "base/memory.h"
#include "meta/adam.h"
#include "meta/trainer.h"

typedef struct loop {
    const theory_training *training;
    estimator_options options;
    meta_task tasks[MOST_TASKS];
    problem *problems[MOST_TASKS];
    int count;
    adam adam;
    double rate;
    double *gradient; /* [weight_total], the mean of the tasks' */
} loop;

static l2o_status make_tasks(loop *own, const optimizer *optimizer, l2o_error *error) {
    const theory_training *training = own->training;
    int components = 1;
    if (own->options.kind->adapts) TRY(problem_components(training->settings, &components, error));
    if (components > MOST_TASKS)
        return error_set(error, L2O_ERROR_INPUT, "A: %d tasks, but meta-training takes %d at most", components,
                         (int)MOST_TASKS);
    for (; own->count < components; own->count++) {
        int k = own->count;
        TRY(problem_create_for(training->settings, components > 1 ? k : COMPONENT_ALL, STREAM_TRAINING,
                               &own->problems[k], error));
        l2o_status status =
            meta_task_create(training->context, own->problems[k], optimizer, &own->options, &own->tasks[k], error);
        if (status == L2O_OK) continue;
        problem_free(own->problems[k]);
        return status;
    }
    return L2O_OK;
}

static l2o_status draw_tasks(loop *own, uint32_t draw, l2o_error *error) {
    for (int k = 0; k < own->count; k++) {
        TRY(problem_sample(own->problems[k], own->training->seed, STREAM_TRAINING, draw, (uint16_t)k, error));
        carry_reset(&own->tasks[k].now, own->problems[k]);
    }
    return L2O_OK;
}

static l2o_status run(loop *own, uint32_t first_draw, int64_t updates, double *weights, l2o_error *error) {
    int64_t total = own->adam.count, unrolls = own->training->unrolls;
    for (int64_t i = 0; i < updates; i++) {
        uint32_t draw = own->training->frozen ? first_draw : first_draw + (uint32_t)(i / unrolls);
        if (i % unrolls == 0) TRY(draw_tasks(own, draw, error));
        TRY(own->options.kind->gradients(own->count, own->tasks, &own->options, weights, error));
        memset(own->gradient, 0, (size_t)total * sizeof(double));
        for (int k = 0; k < own->count; k++)
            for (int64_t j = 0; j < total; j++) own->gradient[j] += own->tasks[k].gradient[j] / own->count;
        adam_step(&own->adam, own->rate, own->gradient, weights);
    }
    return L2O_OK;
}

l2o_status theory_train(const theory_training *training, const optimizer *optimizer, uint32_t first_draw,
                        int64_t updates, double *weights, l2o_error *error) {
    const l2o_settings *settings = training->settings;
    loop own = {.training = training, .rate = settings_real(settings, "outer-rate")};
    estimator_options_read(settings, optimizer, &own.options);
    if (training->plain) estimator_options_plain(settings, &own.options);
    own.gradient = memory_allocate((size_t)optimizer->weight_total, sizeof(double), error);
    l2o_status status = own.gradient == NULL ? error->status : L2O_OK;
    if (status == L2O_OK)
        status = adam_create(&own.adam, optimizer->weight_total, settings_real(settings, "adam-epsilon"),
                             settings_choice(settings, "epsilon-place") == 0, error);
    if (status == L2O_OK) status = make_tasks(&own, optimizer, error);
    if (status == L2O_OK) status = run(&own, first_draw, updates, weights, error);
    for (int k = 0; k < own.count; k++) {
        meta_task_free(&own.tasks[k]);
        problem_free(own.problems[k]);
    }
    adam_free(&own.adam);
    memory_free(own.gradient);
    return status;
}

uint32_t theory_training_draws(const theory_training *training, int64_t updates) {
    return (uint32_t)((updates + training->unrolls - 1) / training->unrolls);
}
