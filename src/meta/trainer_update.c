/* A draw of the problems and its meta-updates: the steps that do not move, the estimator's gradients, clipping, and one
 * pass of Adam that also takes the mean over tasks. */
#include <math.h>
#include <string.h>

#include "meta/trainer.h"

static const double PI = 3.14159265358979323846;

bool trainer_updates_left(const trainer *trainer) {
    return trainer->options.updates == 0 || trainer->state.updates < trainer->options.updates;
}

l2o_status trainer_sample(trainer *trainer, random_stream stream, int64_t draw, l2o_error *error) {
    l2o_status status = L2O_OK;
    for (int k = 0; k < trainer->task_count && status == L2O_OK; k++) {
        meta_task *task = &trainer->tasks[k];
        status = problem_sample(task->problem, trainer->options.seed, stream, (uint32_t)draw, (uint16_t)k, error);
        if (status == L2O_OK) carry_reset(&task->now, task->problem);
    }
    return ranks_agree(trainer->context, status, error);
}

/* --------------------------------------------------------------------------------------------------------- updates */

/* Each tensor of a task's gradient, of those that move, is held to the norm `clip`. */
static void clip_tensors(const trainer *trainer, const meta_task *task) {
    double clip = trainer->options.clip;
    for (int k = 0; clip > 0 && k < trainer->optimizer->weight_count; k++) {
        const weight_layout *layout = &trainer->optimizer->layout[k];
        if (!trainer->active[k]) continue;
        double norm = sqrt(task->squares[k]);
        if (norm <= clip) continue;
        double *part = task->gradient + layout->offset;
        for (int64_t i = 0; i < layout->rows * layout->columns; i++) part[i] *= clip / norm;
    }
}

static double present_rate(const trainer *trainer) {
    const trainer_options *options = &trainer->options;
    double rate = options->rate * trainer->state.rate_factor;
    if (!options->cosine) return rate;
    bool layer_wise = options->layers > 0;
    double done = (double)(layer_wise ? trainer->state.stage_draws : trainer->state.updates);
    double whole = (double)(layer_wise ? trainer_stage(trainer)->draws : options->expected);
    return rate * 0.5 * (1 + cos(PI * done / whole));
}

/* One meta-update: a step of Adam along the mean of the tasks' gradients. */
static l2o_status update(trainer *trainer, double *loss, double *last, l2o_error *error) {
    const double *gradients[MOST_TASKS];
    double share = 1.0 / (double)trainer->task_count;
    *loss = *last = 0;
    TRY(trainer->estimator.kind->gradients(trainer->task_count, trainer->tasks, &trainer->estimator, trainer->weights,
                                           error));
    for (int k = 0; k < trainer->task_count; k++) {
        const meta_task *task = &trainer->tasks[k];
        clip_tensors(trainer, task);
        gradients[k] = task->gradient;
        *loss += share * task->result.outer_loss;
        *last += share * task->result.last_objective;
        trainer->state.gradient_evaluations += task->result.gradient_evaluations;
    }
    adam_update step = {present_rate(trainer), trainer->options.relative, trainer->part_count,
                        trainer->parts,        trainer->task_count,       gradients};
    adam_apply(&trainer->adam, trainer->context, &step, trainer->weights);
    trainer->state.updates++;
    return L2O_OK;
}

/* Where the layer's last step alone moves, those before it lead where they always lead: they are run as they are
 * recorded, but without a record, once for each draw of a fixed set. The count of evaluations is as if they were run
 * each time, so that it does not depend on what is kept. */
static l2o_status run_frozen_steps(trainer *trainer, int64_t draw, l2o_error *error) {
    int64_t steps = trainer_stage(trainer)->steps - trainer->estimator.unroll;
    runner *runners[MOST_TASKS];
    segment passes[MOST_TASKS];
    int taken = 0;
    if (steps == 0) return L2O_OK;
    for (int k = 0; k < trainer->task_count; k++) {
        meta_task *task = &trainer->tasks[k];
        trainer->state.gradient_evaluations += (double)steps;
        taken += features_take(&trainer->features, draw, k, &task->now);
        runners[k] = &task->runner;
        passes[k] = (segment){.weights = trainer->weights,
                              .steps = steps,
                              .unguarded = true,
                              .require_finite = true,
                              .from = &task->now,
                              .to = &task->now};
    }
    if (taken > 0) return L2O_OK; /* tasks are kept together */
    TRY(segments_run(trainer->task_count, runners, passes, error));
    l2o_status status = L2O_OK;
    for (int k = 0; k < trainer->task_count && status == L2O_OK; k++) {
        const meta_task *task = &trainer->tasks[k];
        status = features_keep(&trainer->features, draw, k, &task->now, task->problem, trainer->optimizer, error);
    }
    return ranks_agree(trainer->context, status, error);
}

l2o_status trainer_draw(trainer *trainer, double *loss, double *last, l2o_error *error) {
    int64_t draw = trainer->state.draws;
    if (trainer->options.training_draws > 0) draw %= trainer->options.training_draws;
    TRY(trainer_sample(trainer, STREAM_TRAINING, draw, error));
    TRY(run_frozen_steps(trainer, draw, error));
    for (int64_t i = 0; i < trainer_stage(trainer)->unrolls && trainer_updates_left(trainer); i++) {
        TRY(update(trainer, loss, last, error));
        trainer_report(trainer, *loss, NULL);
    }
    return L2O_OK;
}
