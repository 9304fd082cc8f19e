/* A segment of steps over all shards: objectives, gradient and Hessian-vector product, summed in a fixed order. */
#include "run/segment.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "optimizers/unroll.h"
#include "run/driver.h"

/* Coordinates per shard: enough rows to keep the matrix products busy, few enough that a step's values stay in cache.
 */
enum { SHARD_COORDINATES = 160 };

l2o_status runner_create(l2o_context *context, problem *problem, const optimizer *optimizer, runner *runner,
                         l2o_error *error) {
    *runner = (struct runner){.context = context, .problem = problem, .optimizer = optimizer};
    TRY(optimizer_suits(optimizer, problem, error));
    TRY(kernels_select(context->kernel, problem->type, &runner->kernels, error));
    const fused_unroll *fused = optimizer->ops->fused;
    int64_t coordinates = fused != NULL ? fused->shard_coordinates : SHARD_COORDINATES;
    runner->shard_size = coordinates / (problem->dimension > 0 ? problem->dimension : 1);
    if (runner->shard_size < 1) runner->shard_size = 1;
    runner->shard_count = (problem->batch + runner->shard_size - 1) / runner->shard_size;
    size_t slots = (size_t)(runner->shard_count * optimizer->weight_total);
    runner->identity = memory_allocate((size_t)problem->batch, sizeof(int64_t), error);
    runner->shard_cost = memory_allocate((size_t)runner->shard_count, sizeof(double), error);
    runner->shard_gradient = memory_allocate(slots, sizeof(double), error);
    runner->shard_hessian = memory_allocate(slots, sizeof(double), error);
    if (runner->identity == NULL || runner->shard_cost == NULL || runner->shard_gradient == NULL ||
        runner->shard_hessian == NULL) {
        runner_free(runner);
        return error->status;
    }
    for (int64_t p = 0; p < problem->batch; p++) runner->identity[p] = p;
    return L2O_OK;
}

void runner_free(runner *runner) {
    memory_free(runner->identity);
    memory_free(runner->shard_cost);
    memory_free(runner->objective);
    memory_free(runner->shard_gradient);
    memory_free(runner->shard_hessian);
    *runner = (struct runner){0};
}

const double *runner_objective(const runner *runner, int64_t step) {
    return runner->objective + step * runner->problem->batch;
}

/* One shard's work. */
typedef struct task {
    runner *runner;
    segment *segment;
} task;

static void keep_objective(const runner *runner, const driver *driver, const value *f, int64_t step, int64_t first) {
    if (f == NULL) return;
    driver->kernels->to_double(f->rows, f->data, runner->objective + step * runner->problem->batch + first);
}

static void keep_trajectory(const runner *runner, const segment *segment, const driver *driver, int64_t step,
                            int64_t first) {
    if (segment->trajectory == NULL || driver_status(driver) != L2O_OK) return;
    int64_t n = runner->problem->dimension;
    driver->kernels->to_double(driver->x->rows * n, driver->x->data,
                               segment->trajectory + (step * runner->problem->batch + first) * n);
}

/* Flattens a gradient's tensors into one row of float64. */
static void flatten(const runner *runner, value *const *parts, double *out) {
    for (int k = 0; k < runner->optimizer->weight_count; k++) {
        const weight_layout *layout = &runner->optimizer->layout[k];
        runner->kernels->to_double(layout->rows * layout->columns, parts[k]->data, out + layout->offset);
    }
}

/* Gradient of the shard's share of the meta-loss, and with a direction the gradient's derivative along it: reverse over
 * reverse, with the first gradient recorded. */
static l2o_status differentiate(runner *runner, const segment *segment, driver *driver, value *const *objectives,
                                int64_t shard) {
    tape *tape = &driver->tape;
    int64_t total = runner->optimizer->weight_total, count = driver->rows.count;
    int tensors = runner->optimizer->weight_count;
    int terms = (int)segment->steps + 1;
    size_t pointers = (size_t)terms * sizeof(value *), slots = (size_t)tensors * sizeof(value *);
    value **seeds = arena_allocate(tape->arena, pointers, tape->error);
    value **gradient = arena_allocate(tape->arena, slots, tape->error);
    value **direction = arena_allocate(tape->arena, slots, tape->error);
    value **curved = arena_allocate(tape->arena, slots, tape->error);
    if (seeds == NULL || gradient == NULL || direction == NULL || curved == NULL) return tape->error->status;
    for (int t = 0; t < terms; t++)
        seeds[t] = tape_fill(tape, count, 1, segment->loss_weights[t] / (double)runner->problem->batch);
    tape->recording = segment->direction != NULL;
    TRY(tape_gradient(tape, terms, objectives, seeds, tensors, driver->weights, gradient));
    flatten(runner, gradient, runner->shard_gradient + shard * total);
    if (segment->direction == NULL) return L2O_OK;
    for (int k = 0; k < tensors; k++) {
        const weight_layout *layout = &runner->optimizer->layout[k];
        direction[k] = tape_from_double(tape, layout->rows, layout->columns, segment->direction + layout->offset);
    }
    tape->recording = false;
    TRY(tape_gradient(tape, tensors, gradient, direction, tensors, driver->weights, curved));
    flatten(runner, curved, runner->shard_hessian + shard * total);
    return L2O_OK;
}

/* The optimizer's own unroll, where it has one that covers this segment. */
static bool runs_fused(const runner *runner, const segment *segment) {
    const fused_unroll *fused = runner->optimizer->ops->fused;
    if (fused == NULL || segment->on_tape || segment->log != NULL) return false;
    if (segment->gradient != NULL && !segment->detached) return false;
    return segment->direction == NULL || (fused->second_order && runner->problem->ops->hess_vec != NULL);
}

static l2o_status run_fused(const runner *runner, const segment *segment, int64_t shard, int64_t first, int64_t count,
                            worker *worker) {
    const problem *problem = runner->problem;
    const optimizer *optimizer = runner->optimizer;
    const carry *from = segment->from, *to = segment->to;
    const void *state[OPTIMIZER_STATES];
    void *state_next[OPTIMIZER_STATES];
    size_t x_first = (size_t)first * carry_x_bytes(from);
    for (int k = 0; k < optimizer->state_count; k++) {
        size_t row = (size_t)first * from->row_bytes[k];
        state[k] = (const char *)from->state[k] + row;
        if (to != NULL) state_next[k] = (char *)to->state[k] + row;
    }
    double *loss_weights = NULL;
    if (segment->gradient != NULL) {
        loss_weights = arena_allocate(&worker->arena, (size_t)(segment->steps + 1) * sizeof(double), &worker->error);
        if (loss_weights == NULL) return worker->error.status;
        for (int64_t t = 0; t <= segment->steps; t++)
            loss_weights[t] = segment->loss_weights[t] / (double)problem->batch;
    }
    int64_t total = optimizer->weight_total;
    unroll own = {
        .context = runner->context,
        .optimizer = optimizer,
        .problem = problem,
        .kernels = runner->kernels,
        .rows = {count, runner->identity + first},
        .weights = segment->weights,
        .steps = segment->steps,
        .first_step = segment->first_step > 0 ? segment->first_step : from->steps + 1,
        .gradient_scale = optimizer->scale_by_batch ? 1.0 / (double)problem->batch : 1.0,
        .x = (const char *)from->x + x_first,
        .state = state,
        .x_next = to == NULL ? NULL : (char *)to->x + x_first,
        .state_next = state_next,
        .objective = runner->objective + first,
        .objective_stride = problem->batch,
        .trajectory = segment->trajectory == NULL ? NULL : segment->trajectory + first * problem->dimension,
        .loss_weights = loss_weights,
        .gradient = segment->gradient == NULL ? NULL : runner->shard_gradient + shard * total,
        .direction = segment->direction,
        .hessian_vector = runner->shard_hessian + shard * total,
    };
    runner->shard_cost[shard] = (double)segment->steps;
    return optimizer->ops->fused->run(&own, &worker->arena, &worker->error);
}

static l2o_status run_shard(void *argument, int64_t shard, worker *worker) {
    task *task = argument;
    runner *runner = task->runner;
    segment *segment = task->segment;
    int64_t first = shard * runner->shard_size;
    int64_t count =
        runner->problem->batch - first < runner->shard_size ? runner->problem->batch - first : runner->shard_size;
    if (runs_fused(runner, segment)) return run_fused(runner, segment, shard, first, count, worker);

    bool recording = segment->gradient != NULL;
    instances rows = {count, runner->identity + first};
    driver driver;
    driver_begin(&driver, runner->kernels, &worker->arena, &worker->error, runner->problem, runner->optimizer,
                 segment->weights, &rows, segment->from, first, recording, segment->detached);
    driver.context.log = segment->log;
    driver.context.log_row = first;
    value **objectives = NULL;
    if (recording) {
        objectives = arena_allocate(&worker->arena, (size_t)(segment->steps + 1) * sizeof *objectives, &worker->error);
        if (objectives == NULL) return worker->error.status;
    }
    int64_t first_step = segment->first_step > 0 ? segment->first_step : segment->from->steps + 1;
    for (int64_t t = 0; t <= segment->steps && driver_status(&driver) == L2O_OK; t++) {
        value *f = driver_objective(&driver);
        keep_objective(runner, &driver, f, t, first);
        keep_trajectory(runner, segment, &driver, t, first);
        /* A term without weight is left out, so that 0 times infinity does not spoil the gradient. */
        if (recording) objectives[t] = segment->loss_weights[t] != 0 ? f : NULL;
        if (t < segment->steps) driver_step(&driver, first_step + t);
        if (context_cancelled(runner->context))
            return error_set(&worker->error, L2O_ERROR_CANCELLED, "cancelled by the user");
    }
    TRY(driver_status(&driver));
    runner->shard_cost[shard] = driver.gradient_evaluations;
    if (segment->to != NULL) driver_store(&driver, segment->to, first);
    return recording ? differentiate(runner, segment, &driver, objectives, shard) : L2O_OK;
}

static l2o_status check_finite(const runner *runner, const segment *segment, l2o_error *error) {
    int64_t batch = runner->problem->batch;
    for (int64_t t = 0; t <= segment->steps; t++)
        for (int64_t p = 0; p < batch; p++)
            if (!isfinite(runner->objective[t * batch + p]))
                return error_set(error, L2O_ERROR_NUMERIC,
                                 "the objective of instance %lld of '%s' is %g after %lld steps of this unroll",
                                 (long long)p, runner->problem->ops->name, runner->objective[t * batch + p],
                                 (long long)t);
    return L2O_OK;
}

/* Sums the shards' rows in order. */
static l2o_status reduce(const runner *runner, const double *rows, const char *what, bool require_finite, double *out,
                         l2o_error *error) {
    int64_t total = runner->optimizer->weight_total;
    memset(out, 0, (size_t)total * sizeof *out);
    for (int64_t shard = 0; shard < runner->shard_count; shard++)
        for (int64_t i = 0; i < total; i++) out[i] += rows[shard * total + i];
    for (int k = 0; require_finite && k < runner->optimizer->weight_count; k++) {
        const weight_layout *layout = &runner->optimizer->layout[k];
        for (int64_t i = 0; i < layout->rows * layout->columns; i++)
            if (!isfinite(out[layout->offset + i]))
                return error_set(error, L2O_ERROR_NUMERIC, "the %s of '%s' on '%s' is %g in %s[%lld]", what,
                                 runner->optimizer->ops->name, runner->problem->ops->name, out[layout->offset + i],
                                 layout->name, (long long)i);
    }
    return L2O_OK;
}

static l2o_status grow_objective(runner *runner, int64_t steps, l2o_error *error) {
    if (runner->objective != NULL && steps <= runner->objective_steps) return L2O_OK;
    memory_free(runner->objective);
    runner->objective = memory_allocate((size_t)((steps + 1) * runner->problem->batch), sizeof(double), error);
    if (runner->objective == NULL) return error->status;
    runner->objective_steps = steps;
    return L2O_OK;
}

l2o_status segment_run(runner *runner, segment *segment, l2o_error *error) {
    bool first_order = segment->gradient != NULL, second_order = segment->direction != NULL;
    if ((first_order && segment->loss_weights == NULL) || (second_order && !first_order) ||
        second_order != (segment->hessian_vector != NULL))
        return error_set(error, L2O_ERROR_INTERNAL,
                         "a segment's gradient needs loss weights, and its Hessian-vector product the gradient too");
    TRY(grow_objective(runner, segment->steps, error));
    evaluation evaluation = {runner->kernels, &runner->context->workers[0].arena, error};
    TRY(optimizer_prepare(runner->optimizer, runner->problem, &evaluation));
    task task = {runner, segment};
    TRY(pieces_run(runner->context, runner->shard_count, runner->problem->concurrent, run_shard, &task, error));
    if (segment->to != NULL) segment->to->steps = segment->from->steps + segment->steps;

    int64_t batch = runner->problem->batch;
    segment->gradient_evaluations = runner->shard_cost[0];
    for (int64_t shard = 1; shard < runner->shard_count; shard++)
        if (runner->shard_cost[shard] > segment->gradient_evaluations)
            segment->gradient_evaluations = runner->shard_cost[shard];
    segment->loss = 0;
    for (int64_t t = 0; t <= segment->steps; t++) {
        double sum = 0;
        for (int64_t p = 0; p < batch; p++) sum += runner->objective[t * batch + p];
        if (segment->mean_objective != NULL) segment->mean_objective[t] = sum / (double)batch;
        if (segment->loss_weights != NULL && segment->loss_weights[t] != 0)
            segment->loss += segment->loss_weights[t] * sum / (double)batch;
    }
    if (segment->require_finite) TRY(check_finite(runner, segment, error));
    if (segment->gradient != NULL)
        TRY(reduce(runner, runner->shard_gradient, "meta-gradient", segment->require_finite, segment->gradient, error));
    if (segment->direction != NULL)
        TRY(reduce(runner, runner->shard_hessian, "second derivative", segment->require_finite, segment->hessian_vector,
                   error));
    return L2O_OK;
}
