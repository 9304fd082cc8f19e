/* One run of one optimizer over the whole batch, and what each point of it cost. Optimizers on the tape go through
 * segments, whose time is spread evenly over their steps; native ones are timed step by step, because their steps
 * differ, and are left alone once they stand still. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "experiment/compare.h"
#include "run/segment.h"

/* Objectives that one segment may keep, of all instances. */
enum { SEGMENT_OBJECTIVES = 1 << 24, NATIVE_SHARD = 16 };

double compare_logarithm(double objective) {
    return isfinite(objective) && objective >= 0 ? log(objective) : (double)INFINITY;
}

static double kept(double objective) { return isfinite(objective) && objective >= 0 ? objective : (double)INFINITY; }

l2o_status compare_track_create(int64_t steps, arena *arena, compare_track *track, l2o_error *error) {
    size_t bytes;
    TRY(memory_product((size_t)steps + 1, sizeof(double), "steps", &bytes, error));
    track->objective = arena_allocate(arena, bytes, error);
    track->evaluations = arena_allocate(arena, bytes, error);
    track->seconds = arena_allocate(arena, bytes, error);
    track->instances = NULL;
    return track->objective == NULL || track->evaluations == NULL || track->seconds == NULL ? error->status : L2O_OK;
}

l2o_status compare_track_keep_instances(int64_t steps, int64_t batch, arena *arena, compare_track *track,
                                        l2o_error *error) {
    size_t count, bytes;
    TRY(memory_product((size_t)steps + 1, (size_t)batch, "steps of all instances", &count, error));
    TRY(memory_product(count, sizeof(double), "steps of all instances", &bytes, error));
    track->instances = arena_allocate(arena, bytes, error);
    return track->instances == NULL ? error->status : L2O_OK;
}

double compare_track_minimum(const compare_track *track, int64_t steps, int64_t *step) {
    int64_t best = 1;
    for (int64_t t = 2; t <= steps; t++)
        if (track->objective[t] < track->objective[best]) best = t;
    if (step != NULL) *step = best;
    return compare_logarithm(track->objective[best]);
}

/* ------------------------------------------------------------------------------------------------------- the tape */

static l2o_status run_segments(runner *runner, carry *now, int64_t steps, compare_track *track, l2o_error *error) {
    int64_t longest = SEGMENT_OBJECTIVES / runner->problem->batch;
    if (longest < 1) longest = 1;
    carry_reset(now, runner->problem);
    track->evaluations[0] = track->seconds[0] = 0;
    for (int64_t first = 0; first < steps; first += longest) {
        int64_t count = steps - first < longest ? steps - first : longest;
        segment part = {.weights = runner->optimizer->weights,
                        .steps = count,
                        .detached = true,
                        .from = now,
                        .to = now,
                        .mean_objective = track->objective + first};
        double started = clock_seconds();
        TRY(segment_run(runner, &part, error));
        double seconds = clock_seconds() - started;
        size_t batch = (size_t)runner->problem->batch;
        for (int64_t k = 0; k <= count && track->instances != NULL; k++)
            memcpy(track->instances + (size_t)(first + k) * batch, runner_objective(runner, k), batch * sizeof(double));
        for (int64_t k = 1; k <= count; k++) {
            double share = (double)k / (double)count;
            track->evaluations[first + k] = track->evaluations[first] + share * part.gradient_evaluations;
            track->seconds[first + k] = track->seconds[first] + share * seconds;
        }
    }
    return L2O_OK;
}

static l2o_status run_tape(l2o_context *context, problem *problem, const optimizer *optimizer, int64_t steps,
                           compare_track *track, l2o_error *error) {
    runner runner;
    carry now;
    TRY(runner_create(context, problem, optimizer, &runner, error));
    l2o_status status = carry_create(problem, optimizer, &now, error);
    if (status == L2O_OK) {
        status = run_segments(&runner, &now, steps, track, error);
        carry_free(&now);
    }
    runner_free(&runner);
    return status;
}

/* ---------------------------------------------------------------------------------------------------- native steps */

typedef struct native {
    const problem *problem;
    const optimizer *optimizer;
    const kernels *kernels;
    int64_t steps;
    double *sums;      /* [shards, 3, T + 1]: objective, evaluations and seconds, summed over the shard's instances */
    double *instances; /* as of the track */
} native;

static l2o_status objective_at(const native *self, int64_t instance, const void *x, void *room, double *f,
                               const evaluation *evaluation) {
    arena_mark mark = arena_position(evaluation->scratch);
    instances row = {1, &instance};
    TRY(self->problem->ops->value_gradient(self->problem, row, x, room, NULL, evaluation));
    arena_reset(evaluation->scratch, mark);
    *f = problem_load(self->problem->type, room, 0);
    return L2O_OK;
}

static void keep(const native *self, int64_t step, int64_t instance, double f, double *sum) {
    *sum += f;
    if (self->instances != NULL) self->instances[step * self->problem->batch + instance] = f;
}

/* One instance, added to the shard's sums. A native step is a function of x alone: once x comes back to where it stood
 * one step or two ago (the rounding of the last bit), nothing new can follow. */
static l2o_status run_instance(const native *self, int64_t instance, double *objective, double *evaluations,
                               double *seconds, const evaluation *evaluation) {
    size_t bytes = (size_t)self->problem->dimension * dtype_size(self->problem->type);
    char *memory = arena_allocate(evaluation->scratch, 3 * bytes + sizeof(double), evaluation->error);
    if (memory == NULL) return evaluation->error->status;
    char *x = memory, *previous = memory + bytes, *older = memory + 2 * bytes;
    double *room = arena_allocate(evaluation->scratch, sizeof *room, evaluation->error), f;
    if (room == NULL) return evaluation->error->status;
    memcpy(x, (const char *)self->problem->x0 + (size_t)instance * bytes, bytes);
    memcpy(previous, x, bytes);
    TRY(objective_at(self, instance, x, room, &f, evaluation));
    keep(self, 0, instance, f, &objective[0]);
    double cost = 0, time = 0;
    bool still = false;
    for (int64_t t = 1; t <= self->steps; t++) {
        if (!still) {
            memcpy(older, previous, bytes);
            memcpy(previous, x, bytes);
            arena_mark mark = arena_position(evaluation->scratch);
            double started = clock_seconds();
            TRY(self->optimizer->ops->step_native(self->optimizer, self->problem, instance, x, &cost, evaluation));
            time += clock_seconds() - started;
            arena_reset(evaluation->scratch, mark);
            TRY(objective_at(self, instance, x, room, &f, evaluation));
            still = memcmp(x, previous, bytes) == 0 || (t > 1 && memcmp(x, older, bytes) == 0);
        }
        keep(self, t, instance, f, &objective[t]);
        evaluations[t] += cost;
        seconds[t] += time;
    }
    return L2O_OK;
}

static l2o_status run_native_shard(void *argument, int64_t shard, worker *worker) {
    const native *self = argument;
    evaluation evaluation = {self->kernels, &worker->arena, &worker->error};
    int64_t points = self->steps + 1, batch = self->problem->batch, first = shard * NATIVE_SHARD;
    int64_t last = first + NATIVE_SHARD < batch ? first + NATIVE_SHARD : batch;
    double *sums = self->sums + 3 * shard * points;
    for (int64_t p = first; p < last; p++) {
        arena_mark mark = arena_position(&worker->arena);
        TRY(run_instance(self, p, sums, sums + points, sums + 2 * points, &evaluation));
        arena_reset(&worker->arena, mark);
    }
    return L2O_OK;
}

/* Sums over shards, in order; the threads' time becomes wall time by its share of the whole. */
static void gather(const native *self, int64_t shards, double wall, compare_track *track) {
    int64_t points = self->steps + 1;
    double count = (double)self->problem->batch;
    for (int64_t t = 0; t < points; t++) {
        double sum[3] = {0, 0, 0};
        for (int64_t shard = 0; shard < shards; shard++)
            for (int k = 0; k < 3; k++) sum[k] += self->sums[(3 * shard + k) * points + t];
        track->objective[t] = sum[0] / count;
        track->evaluations[t] = sum[1] / count;
        track->seconds[t] = sum[2];
    }
    double total = track->seconds[self->steps];
    for (int64_t t = 0; t < points && total > 0; t++) track->seconds[t] *= wall / total;
}

static l2o_status run_native(l2o_context *context, problem *problem, const optimizer *optimizer, int64_t steps,
                             compare_track *track, l2o_error *error) {
    native self = {.problem = problem, .optimizer = optimizer, .steps = steps, .instances = track->instances};
    TRY(optimizer_suits(optimizer, problem, error));
    TRY(kernels_select(context->kernel, problem->type, &self.kernels, error));
    int64_t shards = (problem->batch + NATIVE_SHARD - 1) / NATIVE_SHARD;
    size_t count;
    TRY(memory_product((size_t)(3 * shards), (size_t)steps + 1, "steps of all instances", &count, error));
    self.sums = memory_allocate(count, sizeof *self.sums, error);
    if (self.sums == NULL) return error->status;
    double started = clock_seconds();
    evaluation evaluation = {self.kernels, &context->workers[0].arena, error};
    l2o_status status = optimizer_prepare(optimizer, problem, &evaluation);
    if (status == L2O_OK) status = pieces_run(context, shards, problem->concurrent, run_native_shard, &self, error);
    if (status == L2O_OK) gather(&self, shards, clock_seconds() - started, track);
    memory_free(self.sums);
    return status;
}

l2o_status compare_run(l2o_context *context, problem *problem, const optimizer *optimizer, int64_t steps,
                       compare_track *track, l2o_error *error) {
    problem->lipschitz_ready = false;
    TRY(optimizer->ops->step == NULL ? run_native(context, problem, optimizer, steps, track, error)
                                     : run_tape(context, problem, optimizer, steps, track, error));
    for (int64_t t = 0; t <= steps; t++) track->objective[t] = kept(track->objective[t]);
    return L2O_OK;
}
