/* The phases of training: draws, evaluations and the stages' beginnings, recovery from NaN, and the boundaries between
 * them, where checkpoints are written. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "meta/trainer.h"

static size_t weight_bytes(const trainer *trainer) { return (size_t)trainer->optimizer->weight_total * sizeof(double); }

/* ------------------------------------------------------------------------------------------------------- evaluation */

/* Mean over tasks and draws of the fixed set of the mean f after the last step, or of that mean's logarithm where the
 * meta-loss is one; NaN or infinite when weights diverge. */
static l2o_status validate(trainer *trainer, double *validation, l2o_error *error) {
    double sum = 0;
    int64_t steps = trainer_stage(trainer)->evaluation_steps;
    runner *runners[MOST_TASKS];
    segment passes[MOST_TASKS];
    for (int64_t d = 0; d < trainer->options.evaluation_draws; d++) {
        TRY(trainer_sample(trainer, STREAM_VALIDATION, d, error));
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

/* ----------------------------------------------------------------------------------------------------------- stages */

static void keep_best(trainer *trainer, double validation) {
    trainer->state.best = trainer->state.kept = validation;
    if (trainer->options.result_last) return; /* the weights themselves are what is kept */
    trainer->state.has_best = true;
    memcpy(trainer->best, trainer->weights, weight_bytes(trainer));
}

/* The next stage starts from the best weights so far, or from the last. Layer by layer each starts with fresh slots,
 * and goes back to its own beginning until something was evaluated: other layers must not move with it. */
static void next_stage(trainer *trainer) {
    trainer_state *state = &trainer->state;
    if (state->has_best) memcpy(trainer->weights, trainer->best, weight_bytes(trainer));
    state->stage++;
    state->stage_draws = state->evaluations = state->stalled = 0;
    state->improved = false;
    state->best = INFINITY;
    state->finished = state->stage == trainer->options.stage_count;
    if (state->finished) return;
    state->phase = PHASE_BEGINNING;
    if (trainer->options.layers > 0) {
        trainer_start_layer(trainer);
        adam_reset(&trainer->adam);
        memcpy(trainer->good, trainer->weights, weight_bytes(trainer));
    }
    trainer_enter_stage(trainer);
}

/* What the stage starts from, measured at its own length. */
static l2o_status begin_stage(trainer *trainer, l2o_error *error) {
    trainer_state *state = &trainer->state;
    const stage *stage = trainer_stage(trainer);
    char name[64];
    if (trainer->options.evaluate_every == 0) {
        if (stage->layer > 0) trainer_say(trainer, "%s begins", trainer_stage_name(trainer, name));
    } else {
        double validation;
        TRY(validate(trainer, &validation, error));
        if (isfinite(validation)) state->best = validation;
        if (isfinite(validation) && stage->layer > 0) keep_best(trainer, validation);
        trainer_stage_name(trainer, name);
        if (stage->layer > 0)
            trainer_say(trainer, "%s begins: validation %.5g", name, validation);
        else
            trainer_say(trainer, "%s begins: %lld unrolls a draw; validation %.5g", name, (long long)stage->unrolls,
                        validation);
        trainer_log_evaluation(trainer, validation, "stage begins");
    }
    state->phase = PHASE_DRAW;
    state->finished = !trainer_updates_left(trainer);
    return L2O_OK;
}

/* The rule of the authors' curriculum, with patience: weights that improve are kept; after `min_evaluations`, and so
 * many in a row that do not improve, the stage ends, or all of training if the stage brought nothing. Layer by layer
 * only the stage does: a layer that has nothing to learn does not keep the others from it. */
static bool judge(trainer *trainer, double validation) {
    trainer_state *state = &trainer->state;
    const trainer_options *options = &trainer->options;
    state->evaluations++;
    state->stalled++;
    if (isfinite(validation)) memcpy(trainer->good, trainer->weights, weight_bytes(trainer));
    const char *decision = "training ends";
    bool ends = false;
    if (validation < state->best) {
        keep_best(trainer, validation);
        state->improved = true;
        state->stalled = 0;
        decision = options->result_last ? "better" : "kept";
    } else if (!options->early_stop || state->evaluations < options->min_evaluations ||
               state->stalled < options->patience) {
        decision = "not better";
    } else if (state->improved || options->layers > 0) {
        decision = "stage ends";
        ends = true;
    } else {
        trainer_say(trainer, "stage %d brought nothing in %lld evaluations: training ends", state->stage + 1,
                    (long long)state->evaluations);
        state->finished = true;
    }
    if (options->result_last) state->kept = validation;
    trainer_log_evaluation(trainer, validation, decision);
    return ends;
}

static bool stage_is_over(const trainer *trainer) {
    return trainer->state.stage_draws >= trainer_stage(trainer)->draws || !trainer_updates_left(trainer);
}

/* After a draw, and after its evaluation where it has one. */
static void go_on(trainer *trainer) {
    trainer->state.phase = PHASE_DRAW;
    trainer->state.finished = trainer->state.finished || !trainer_updates_left(trainer);
    if (!trainer->state.finished && stage_is_over(trainer)) next_stage(trainer);
}

static l2o_status evaluate(trainer *trainer, l2o_error *error) {
    double validation;
    TRY(validate(trainer, &validation, error));
    if (judge(trainer, validation))
        next_stage(trainer);
    else
        go_on(trainer);
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------------ draws */

/* What helps against numbers that overflow again and again: what this training has not done yet. */
static void name_remedies(const trainer *trainer, char remedies[128]) {
    const meta_loss *loss = trainer->estimator.loss;
    const char *wider = trainer->tasks[0].problem->type == DTYPE_FLOAT32 ? "--dtype float64, " : "";
    const char *tamer = !loss->logarithm                      ? ""
                        : strcmp(loss->name, "log-last") == 0 ? "--meta-loss last, "
                                                              : "--meta-loss sum, ";
    bool adapts = trainer->estimator.kind->adapts;
    snprintf(remedies, 128, "%s%s%sa smaller --outer-rate%s", wider, tamer,
             !adapts && (*wider != 0 || *tamer != 0) ? "or " : "", adapts ? " or --inner-rate" : "");
}

/* Back to the last weights that evaluated finite, with fresh Adam slots and half the rate. */
static l2o_status recover(trainer *trainer, l2o_error *error) {
    trainer_state *state = &trainer->state;
    if (state->recoveries >= trainer->options.recoveries) {
        char reason[sizeof error->text], remedies[128];
        memcpy(reason, error->text, sizeof reason);
        name_remedies(trainer, remedies);
        return error_set(error, L2O_ERROR_NUMERIC,
                         "training met NaN or infinity once more after %d recoveries; try %s; the last: %.700s",
                         state->recoveries, remedies, reason);
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

static l2o_status draw(trainer *trainer, l2o_error *error) {
    trainer_state *state = &trainer->state;
    double loss = NAN, last = NAN;
    l2o_status status = trainer_draw(trainer, &loss, &last, error);
    state->draws++;
    state->stage_draws++;
    if (status == L2O_ERROR_NUMERIC)
        TRY(recover(trainer, error));
    else if (status != L2O_OK)
        return status;
    else
        trainer_log_draw(trainer, loss, last);
    int64_t every = trainer->options.evaluate_every;
    if (every > 0 && (state->stage_draws % every == 0 || stage_is_over(trainer)))
        state->phase = PHASE_EVALUATION;
    else
        go_on(trainer);
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------- boundaries */

static void mark_boundary(trainer *trainer) {
    trainer->state.adam_steps = trainer->adam.steps;
    trainer->boundary.state = trainer->state;
    trainer->boundary.copied = false;
}

/* Before a draw that will move weights and slots more than once. */
static void copy_boundary(trainer *trainer) {
    memcpy(trainer->boundary.weights, trainer->weights, weight_bytes(trainer));
    memcpy(trainer->boundary.m, trainer->adam.m, weight_bytes(trainer));
    memcpy(trainer->boundary.v, trainer->adam.v, weight_bytes(trainer));
    trainer->boundary.copied = true;
}

static l2o_status run_phase(trainer *trainer, l2o_error *error) {
    switch ((trainer_phase)trainer->state.phase) {
    case PHASE_BEGINNING: return begin_stage(trainer, error);
    case PHASE_EVALUATION: return evaluate(trainer, error);
    case PHASE_DRAW: break;
    }
    if (trainer_stage(trainer)->unrolls > 1) copy_boundary(trainer);
    return draw(trainer, error);
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

l2o_status trainer_run(trainer *trainer, l2o_error *error) {
    mark_boundary(trainer);
    trainer->last_checkpoint = clock_seconds();
    while (!trainer->state.finished) {
        l2o_status status = run_phase(trainer, error);
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
