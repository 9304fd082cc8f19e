/* A segment of steps over all shards: objectives, gradient and Hessian-vector product, summed in a fixed order. */
#include "run/segment.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "optimizers/unroll.h"
#include "problems/linear_model.h"
#include "run/converted.h"
#include "run/driver.h"

/* Coordinates per shard: enough rows to keep the matrix products busy, few enough that a step's values stay in cache.
 */
enum { SHARD_COORDINATES = 160 };

/* Rows begin at multiples of a cache line. */
static int64_t padded(int64_t length) { return (length + 7) / 8 * 8; }

/* Pieces, with rows of this length: as many as make 256 MB of rows at most, so that wide networks have few. */
static int64_t choose_pieces(const runner *runner, int64_t length) {
    int64_t affordable = (INT64_C(32) << 20) / (length + 1);
    int64_t most = affordable < 1 ? 1 : affordable;
    if (most > MOST_PIECES) most = MOST_PIECES;
    return runner->shard_count < most ? runner->shard_count : most;
}

/* Where all instances share a dense A, a hand-designed method's products with it are worth having for many at once: one
 * by one, each would read all of A. What learned optimizers want is their own affair (shard_size). */
static int64_t least_shard(const problem *problem, const optimizer *optimizer) {
    const linear_model *model = problem->model;
    bool together = model != NULL && model->shared && model->sparse == NULL && !optimizer->ops->learned &&
                    optimizer->ops->step != NULL;
    return together && optimizer->shard_size < INSTANCES_TOGETHER ? INSTANCES_TOGETHER : optimizer->shard_size;
}

static l2o_status create_products(runner *runner, l2o_error *error) {
    runner->slots = memory_allocate(PRODUCT_ROUND, sizeof *runner->slots, error);
    runner->stretch_squares = memory_allocate((size_t)products_stretches(runner->optimizer), sizeof(double), error);
    return runner->slots == NULL || runner->stretch_squares == NULL ? error->status : L2O_OK;
}

l2o_status runner_create(l2o_context *context, problem *problem, const optimizer *optimizer, runner *runner,
                         l2o_error *error) {
    *runner = (struct runner){.context = context, .problem = problem, .optimizer = optimizer};
    TRY(optimizer_suits(optimizer, problem, error));
    TRY(kernels_select(context->kernel, problem->type, &runner->kernels, error));
    const fused_unroll *fused = optimizer->ops->fused;
    int64_t coordinates = fused != NULL ? fused->shard_coordinates : SHARD_COORDINATES;
    runner->shard_size = coordinates / (problem->dimension > 0 ? problem->dimension : 1);
    if (runner->shard_size < least_shard(problem, optimizer)) runner->shard_size = least_shard(problem, optimizer);
    if (runner->shard_size < 1) runner->shard_size = 1;
    runner->shard_count = (problem->batch + runner->shard_size - 1) / runner->shard_size;
    bool defers = products_any(optimizer); /* then rows are as long as the segment says */
    int64_t pieces = choose_pieces(runner, defers ? 0 : padded(optimizer->weight_total));
    runner->identity = memory_allocate((size_t)problem->batch, sizeof(int64_t), error);
    if (sums_create(&runner->sums, pieces, error) != L2O_OK || runner->identity == NULL ||
        (defers && create_products(runner, error) != L2O_OK)) {
        runner_free(runner);
        return error->status;
    }
    for (int64_t p = 0; p < problem->batch; p++) runner->identity[p] = p;
    return L2O_OK;
}

void runner_free(runner *runner) {
    memory_free(runner->identity);
    memory_free(runner->objective);
    memory_free(runner->converted);
    memory_free(runner->stretch_squares);
    for (int k = 0; runner->slots != NULL && k < PRODUCT_ROUND; k++) arena_free(&runner->slots[k].memory);
    memory_free(runner->slots);
    sums_free(&runner->sums);
    *runner = (struct runner){0};
}

const double *runner_objective(const runner *runner, int64_t step) {
    return runner->objective + step * runner->problem->batch;
}

/* Which shards a piece holds: from this one up to the next piece's. */
static int64_t first_shard(const runner *runner, int64_t piece) {
    return piece * runner->shard_count / runner->sums.pieces;
}

/* A shard: successive instances, and where its share of the derivatives goes. */
typedef struct shard {
    int64_t first, count;
    double *gradient, *hessian; /* [weight_total]; NULL: not wanted */
    product_slot *slot;         /* where it leaves the factors of what is deferred; NULL: nothing is */
    double cost;                /* out: gradient evaluations per instance */
} shard;

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

static bool differentiates(const segment *segment) { return segment->gradient != NULL || segment->direction != NULL; }

/* The optimizer's own unroll, where it has one that covers this segment. */
static bool runs_fused(const runner *runner, const segment *segment) {
    const fused_unroll *fused = runner->optimizer->ops->fused;
    if (fused == NULL || segment->on_tape || segment->log != NULL) return false;
    if (differentiates(segment) && !segment->detached) return false;
    return segment->direction == NULL || (fused->second_order && runner->problem->ops->hess_vec != NULL);
}

/* Are the gradients of large weights left to the end of a round? Not where they are differentiated themselves. */
static bool defers(const runner *runner, const segment *segment) {
    return runner->slots != NULL && segment->gradient != NULL && segment->direction == NULL && !segment->undeferred &&
           !runs_fused(runner, segment);
}

static bool is_deferred(const runner *runner, const segment *segment, int k) {
    return defers(runner, segment) && products_defer(runner->optimizer, k);
}

/* Is the derivative with respect to tensor k wanted? */
static bool is_active(const segment *segment, int k) { return segment->active == NULL || segment->active[k]; }

/* Those that are wanted and not deferred stand one behind another in a row. */
static bool is_in_row(const runner *runner, const segment *segment, int k) {
    return is_active(segment, k) && !is_deferred(runner, segment, k);
}

static int64_t tensor_length(const runner *runner, int k) {
    return runner->optimizer->layout[k].rows * runner->optimizer->layout[k].columns;
}

/* Flattens a gradient's tensors into one row of float64. */
static void flatten(const runner *runner, const segment *segment, value *const *parts, double *out) {
    for (int k = 0; k < runner->optimizer->weight_count; k++) {
        if (!is_in_row(runner, segment, k)) continue;
        runner->kernels->to_double(tensor_length(runner, k), parts[k]->data, out);
        out += tensor_length(runner, k);
    }
}

static l2o_status keep_products(const runner *runner, const driver *driver, value *const *inputs,
                                value *const *gradient, product_slot *slot) {
    const tape *tape = &driver->tape;
    for (int k = 0; k < runner->optimizer->weight_count; k++)
        if (inputs[k] != NULL && inputs[k]->deferred && gradient[k] != NULL)
            return error_set(tape->error, L2O_ERROR_INTERNAL,
                             "the weights '%s' of '%s' do more than multiply from the right",
                             runner->optimizer->layout[k].name, runner->optimizer->ops->name);
    return product_slot_keep(slot, tape, runner->optimizer->weight_count, inputs, tape->error);
}

/* Gradient of the shard's share of the meta-loss, and with a direction the gradient's derivative along it: reverse over
 * reverse, with the first gradient recorded. */
static l2o_status differentiate(const runner *runner, const segment *segment, driver *driver, value *const *objectives,
                                const shard *shard) {
    tape *tape = &driver->tape;
    int64_t count = driver->rows.count;
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
    value **inputs = arena_allocate(tape->arena, slots, tape->error);
    if (inputs == NULL) return tape->error->status;
    for (int k = 0; k < tensors; k++) inputs[k] = is_active(segment, k) ? driver->weights[k] : NULL;
    for (int k = 0; k < tensors; k++)
        if (inputs[k] != NULL) inputs[k]->deferred = shard->slot != NULL && products_defer(runner->optimizer, k);
    TRY(tape_gradient(tape, terms, objectives, seeds, tensors, inputs, gradient));
    if (shard->slot != NULL) TRY(keep_products(runner, driver, inputs, gradient, shard->slot));
    if (shard->gradient != NULL) flatten(runner, segment, gradient, shard->gradient);
    if (segment->direction == NULL) return L2O_OK;
    for (int k = 0; k < tensors; k++) {
        direction[k] = NULL;
        if (inputs[k] == NULL) continue;
        const weight_layout *layout = &runner->optimizer->layout[k];
        direction[k] = tape_from_double(tape, layout->rows, layout->columns, segment->direction + layout->offset);
    }
    tape->recording = false;
    TRY(tape_gradient(tape, tensors, gradient, direction, tensors, inputs, curved));
    flatten(runner, segment, curved, shard->hessian);
    return L2O_OK;
}

/* The active tensors of a whole vector. */
static void pick(const runner *runner, const segment *segment, const double *whole, double *out) {
    for (int k = 0; k < runner->optimizer->weight_count; k++) {
        if (!is_in_row(runner, segment, k)) continue;
        memcpy(out, whole + runner->optimizer->layout[k].offset, (size_t)tensor_length(runner, k) * sizeof *out);
        out += tensor_length(runner, k);
    }
}

static l2o_status run_fused(const runner *runner, const segment *segment, shard *shard, worker *worker) {
    const problem *problem = runner->problem;
    const optimizer *optimizer = runner->optimizer;
    const carry *from = segment->from, *to = segment->to;
    const void *state[OPTIMIZER_STATES];
    void *state_next[OPTIMIZER_STATES];
    size_t x_first = (size_t)shard->first * carry_x_bytes(from);
    for (int k = 0; k < optimizer->state_count; k++) {
        size_t row = (size_t)shard->first * from->row_bytes[k];
        state[k] = (const char *)from->state[k] + row;
        if (to != NULL) state_next[k] = (char *)to->state[k] + row;
    }
    double *loss_weights = NULL;
    if (differentiates(segment)) {
        loss_weights = arena_allocate(&worker->arena, (size_t)(segment->steps + 1) * sizeof(double), &worker->error);
        if (loss_weights == NULL) return worker->error.status;
        for (int64_t t = 0; t <= segment->steps; t++)
            loss_weights[t] = segment->loss_weights[t] / (double)problem->batch;
    }
    double *gradient = shard->gradient, *hessian = shard->hessian;
    if (segment->active != NULL) { /* an unroll writes whole vectors */
        size_t bytes = (size_t)optimizer->weight_total * sizeof(double);
        if (gradient != NULL) gradient = arena_allocate(&worker->arena, bytes, &worker->error);
        if (hessian != NULL) hessian = arena_allocate(&worker->arena, bytes, &worker->error);
        if ((gradient == NULL) != (shard->gradient == NULL) || (hessian == NULL) != (shard->hessian == NULL))
            return worker->error.status;
    }
    unroll own = {
        .context = runner->context,
        .optimizer = optimizer,
        .problem = problem,
        .kernels = runner->kernels,
        .rows = {shard->count, runner->identity + shard->first},
        .weights = segment->weights,
        .steps = segment->steps,
        .first_step = segment->first_step > 0 ? segment->first_step : from->steps + 1,
        .gradient_scale = optimizer->scale_by_batch ? 1.0 / (double)problem->batch : 1.0,
        .x = (const char *)from->x + x_first,
        .state = state,
        .x_next = to == NULL ? NULL : (char *)to->x + x_first,
        .state_next = state_next,
        .objective = runner->objective + shard->first,
        .objective_stride = problem->batch,
        .trajectory = segment->trajectory == NULL ? NULL : segment->trajectory + shard->first * problem->dimension,
        .loss_weights = loss_weights,
        .logarithm = segment->logarithm,
        .gradient = gradient,
        .direction = segment->direction,
        .hessian_vector = hessian,
    };
    shard->cost = (double)segment->steps;
    TRY(optimizer->ops->fused->run(&own, &worker->arena, &worker->error));
    if (gradient != shard->gradient) pick(runner, segment, gradient, shard->gradient);
    if (hessian != shard->hessian) pick(runner, segment, hessian, shard->hessian);
    return L2O_OK;
}

/* Instances whose logarithm has no derivative become constants of 0, which pass none on; the others keep their bits. */
static value *without_solved(const segment *segment, driver *driver, value *f) {
    tape *tape = &driver->tape;
    if (f == NULL) return NULL;
    double *counts = arena_allocate(tape->arena, (size_t)f->rows * sizeof *counts, tape->error);
    if (counts == NULL) return NULL;
    bool any = false;
    driver->kernels->to_double(f->rows, f->data, counts);
    for (int64_t r = 0; r < f->rows; r++) {
        bool solved = unroll_is_solved(driver->kernels->type, segment->direction != NULL, counts[r]);
        any |= solved;
        counts[r] = solved ? 0 : 1;
    }
    return any ? tape_multiply(tape, f, tape_from_double(tape, f->rows, 1, counts)) : f;
}

/* What of an objective enters the meta-loss. */
static value *judged(const segment *segment, driver *driver, value *f) {
    return segment->logarithm ? tape_unary(&driver->tape, UNARY_LOG, 0, without_solved(segment, driver, f)) : f;
}

static l2o_status run_shard(const runner *runner, const segment *segment, shard *shard, worker *worker) {
    if (runs_fused(runner, segment)) return run_fused(runner, segment, shard, worker);

    int64_t first = shard->first;
    bool recording = differentiates(segment);
    instances rows = {shard->count, runner->identity + first};
    driver driver;
    driver_begin_converted(&driver, runner->kernels, &worker->arena, &worker->error, runner->problem, runner->optimizer,
                           runner->converted, &rows, segment->from, first, recording, segment->detached);
    driver.context.guarded = !recording && !segment->unguarded;
    for (int k = 0; recording && driver.weights != NULL && k < runner->optimizer->weight_count; k++)
        if (!is_active(segment, k) && driver.weights[k] != NULL) driver.weights[k]->differentiable = false;
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
        if (recording) objectives[t] = segment->loss_weights[t] != 0 ? judged(segment, &driver, f) : NULL;
        if (t < segment->steps) driver_step(&driver, first_step + t);
        if (context_cancelled(runner->context))
            return error_set(&worker->error, L2O_ERROR_CANCELLED, "cancelled by the user");
    }
    TRY(driver_status(&driver));
    shard->cost = driver.gradient_evaluations;
    if (segment->to != NULL) driver_store(&driver, segment->to, first);
    return recording ? differentiate(runner, segment, &driver, objectives, shard) : L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------ pieces */

static l2o_status check_finite(const runner *runner, const segment *segment, int64_t first, int64_t end,
                               l2o_error *error) {
    int64_t batch = runner->problem->batch;
    for (int64_t t = 0; t <= segment->steps; t++)
        for (int64_t p = first; p < end; p++)
            if (!isfinite(runner->objective[t * batch + p]))
                return error_set(error, L2O_ERROR_NUMERIC,
                                 "the objective of instance %lld of '%s' is %g after %lld steps of this unroll",
                                 (long long)p, runner->problem->ops->name, runner->objective[t * batch + p],
                                 (long long)t);
            else if (segment->logarithm && segment->loss_weights[t] != 0 && runner->objective[t * batch + p] < 0)
                return error_set(
                    error, L2O_ERROR_NUMERIC,
                    "the objective of instance %lld of '%s' is %g after %lld steps of this unroll, and has "
                    "no logarithm; with objectives below zero use meta-loss = sum or last",
                    (long long)p, runner->problem->ops->name, runner->objective[t * batch + p], (long long)t);
    return L2O_OK;
}

/* ln f, for the meta-loss's value; where f is zero, where no gradient is taken either, the smallest there is. */
static double logarithm(double f) { return log(f == 0 ? DBL_MIN : f); }

/* A piece's row: its share of the gradient, of the Hessian-vector product, each where it is wanted, and of the T + 1
 * objectives, and of their logarithms where these are asked for. */
static int64_t derivative_length(const runner *runner, const segment *segment) {
    int64_t length = 0;
    for (int k = 0; k < runner->optimizer->weight_count; k++)
        if (is_in_row(runner, segment, k)) length += tensor_length(runner, k);
    return padded(length);
}

static int64_t hessian_at(const runner *runner, const segment *segment) {
    return segment->gradient != NULL ? derivative_length(runner, segment) : 0;
}

static int64_t objectives_at(const runner *runner, const segment *segment) {
    return hessian_at(runner, segment) + (segment->direction != NULL ? derivative_length(runner, segment) : 0);
}

static int64_t row_length(const runner *runner, const segment *segment) {
    return objectives_at(runner, segment) + (segment->steps + 1) * (segment->logarithm ? 2 : 1);
}

static void add(int64_t count, const double *from, double *to) {
    for (int64_t i = 0; i < count; i++) to[i] += from[i];
}

/* All shards of a piece, one after another, into the piece's row; into `slot` what is deferred. */
static l2o_status run_piece(const runner *runner, const segment *segment, int64_t piece, product_slot *slot,
                            worker *worker) {
    int64_t batch = runner->problem->batch, length = objectives_at(runner, segment);
    int64_t begin = first_shard(runner, piece), end = first_shard(runner, piece + 1);
    double *row = sums_row(&runner->sums, piece), *cost = &runner->sums.costs[piece - runner->sums.first];
    double *more = NULL;
    if (length > 0 && end - begin > 1) {
        more = arena_allocate(&worker->arena, (size_t)length * sizeof *more, &worker->error);
        if (more == NULL) return worker->error.status;
        memset(more, 0, (size_t)length * sizeof *more); /* the padding is added, too */
    }
    arena_mark mark = arena_position(&worker->arena);
    *cost = 0;
    for (int64_t number = begin; number < end; number++) {
        double *out = number == begin ? row : more;
        shard shard = {.first = number * runner->shard_size, .count = runner->shard_size, .slot = slot};
        if (shard.count > batch - shard.first) shard.count = batch - shard.first;
        if (segment->gradient != NULL) shard.gradient = out;
        if (segment->direction != NULL) shard.hessian = out + hessian_at(runner, segment);
        TRY(run_shard(runner, segment, &shard, worker));
        if (shard.cost > *cost) *cost = shard.cost;
        if (number > begin) add(length, more, row);
        arena_reset(&worker->arena, mark);
    }
    int64_t first = begin * runner->shard_size, after = end * runner->shard_size;
    if (after > batch) after = batch;
    double *objectives = row + length;
    for (int64_t t = 0; t <= segment->steps; t++) {
        objectives[t] = 0;
        for (int64_t p = first; p < after; p++) objectives[t] += runner->objective[t * batch + p];
    }
    for (int64_t t = 0; segment->logarithm && t <= segment->steps; t++) {
        double *sum = &objectives[segment->steps + 1 + t];
        *sum = 0;
        for (int64_t p = first; p < after; p++) *sum += logarithm(runner->objective[t * batch + p]);
    }
    return segment->require_finite ? check_finite(runner, segment, first, after, &worker->error) : L2O_OK;
}

/* Several segments, their pieces numbered through, and the number that a round of them begins with. */
typedef struct job {
    int count;
    runner *const *runners;
    const segment *segments;
    int64_t first;
} job;

static int64_t own_pieces(const runner *runner) { return runner->sums.end - runner->sums.first; }

static l2o_status run_numbered(void *argument, int64_t number, worker *worker) {
    const job *job = argument;
    product_slot *slot = NULL;
    int64_t piece = job->first + number;
    int k = 0;
    for (; piece >= own_pieces(job->runners[k]); k++) piece -= own_pieces(job->runners[k]);
    if (defers(job->runners[k], &job->segments[k])) {
        slot = &job->runners[0]->slots[number];
        product_slot_clear(slot);
    }
    return run_piece(job->runners[k], &job->segments[k], job->runners[k]->sums.first + piece, slot, worker);
}

/* After a round: the products of each segment's pieces in it. */
static l2o_status sum_products(const job *job, int64_t end, l2o_error *error) {
    int64_t from = 0; /* the segment's first number */
    for (int k = 0; k < job->count; k++) {
        const runner *runner = job->runners[k];
        const segment *segment = &job->segments[k];
        int64_t to = from + own_pieces(runner);
        int64_t first = from > job->first ? from : job->first, after = to < end ? to : end;
        if (defers(runner, segment) && first < after) {
            product_sum sum = {.optimizer = runner->optimizer,
                               .kernels = runner->kernels,
                               .active = segment->active,
                               .slot_count = (int)(after - first),
                               .slots = job->runners[0]->slots + (first - job->first),
                               .adding = first > from,
                               .gradient = segment->gradient,
                               .stretch_squares = runner->stretch_squares};
            TRY(products_sum(runner->context, &sum, error));
        }
        from = to;
    }
    return L2O_OK;
}

/* ---------------------------------------------------------------------------------------------------- segments */

static l2o_status grow_objective(runner *runner, int64_t steps, l2o_error *error) {
    if (runner->objective != NULL && steps <= runner->objective_steps) return L2O_OK;
    memory_free(runner->objective);
    runner->objective = memory_allocate((size_t)((steps + 1) * runner->problem->batch), sizeof(double), error);
    if (runner->objective == NULL) return error->status;
    runner->objective_steps = steps;
    return L2O_OK;
}

l2o_status runner_convert(runner *runner, const double *weights, l2o_error *error) {
    const optimizer *optimizer = runner->optimizer;
    if (runner->converted == NULL) {
        size_t count = (size_t)converted_offset(optimizer, optimizer->weight_count);
        runner->converted = memory_allocate(count, dtype_size(runner->kernels->type), error);
        if (runner->converted == NULL) return error->status;
    }
    if (optimizer->weight_count > 0)
        converted_spread(runner->context, optimizer, runner->kernels, weights, runner->converted);
    return L2O_OK;
}

static l2o_status begin(runner *runner, const segment *segment, l2o_error *error) {
    if ((differentiates(segment) && segment->loss_weights == NULL) ||
        (segment->direction != NULL) != (segment->hessian_vector != NULL))
        return error_set(error, L2O_ERROR_INTERNAL,
                         "a segment's derivatives need loss weights, and a direction goes with its product");
    TRY(grow_objective(runner, segment->steps, error));
    if (runner->slots != NULL)
        runner->sums.pieces = runner->sums.end = choose_pieces(runner, row_length(runner, segment));
    if (runner->optimizer->weight_count > 0 && !runs_fused(runner, segment))
        TRY(runner_convert(runner, segment->weights, error));
    TRY(sums_reserve(&runner->sums, row_length(runner, segment), error));
    evaluation evaluation = {runner->kernels, &runner->context->workers[0].arena, error};
    return optimizer_prepare(runner->optimizer, runner->problem, &evaluation);
}

/* A tensor of the sum over pieces on its way to the caller. Threads take stretches of it; what a stretch's squares add
 * up to shows whether all is finite, and makes up the tensor's norm. */
enum { TAKEN = 16384, MOST_TAKEN = 512 };

typedef struct taking {
    const runner *runner;
    const char *what;
    const weight_layout *layout;
    int64_t count, stretch;
    const double *from;
    double *to;
    bool require_finite;
    double squares[MOST_TAKEN];
} taking;

/* Names what is not finite; there may be none, where squares were too large. */
static l2o_status find_infinite(const taking *self, int64_t first, int64_t end, l2o_error *error) {
    while (first < end && isfinite(self->from[first])) first++;
    if (first == end) return L2O_OK;
    return error_set(error, L2O_ERROR_NUMERIC, "the %s of '%s' on '%s' is %g in %s[%lld]", self->what,
                     self->runner->optimizer->ops->name, self->runner->problem->ops->name, self->from[first],
                     self->layout->name, (long long)first);
}

static l2o_status take_stretch(void *argument, int64_t piece, worker *worker) {
    taking *self = argument;
    int64_t first = piece * self->stretch;
    int64_t end = first + self->stretch < self->count ? first + self->stretch : self->count;
    double squares = 0;
    for (int64_t i = first; i < end; i++) {
        self->to[i] = self->from[i];
        squares += self->from[i] * self->from[i];
    }
    self->squares[piece] = squares;
    if (isfinite(squares) || !self->require_finite) return L2O_OK;
    return find_infinite(self, first, end, &worker->error);
}

static l2o_status take_derivative(const runner *runner, const segment *segment, const double *sum, const char *what,
                                  double *out, double *squares, l2o_error *error) {
    for (int k = 0; k < runner->optimizer->weight_count; k++) {
        if (!is_in_row(runner, segment, k)) continue;
        const weight_layout *layout = &runner->optimizer->layout[k];
        taking self = {.runner = runner,
                       .what = what,
                       .layout = layout,
                       .count = tensor_length(runner, k),
                       .from = sum,
                       .to = out + layout->offset,
                       .require_finite = segment->require_finite};
        int64_t least = (self.count + MOST_TAKEN - 1) / MOST_TAKEN;
        self.stretch = least < TAKEN ? TAKEN : least;
        int64_t pieces = (self.count + self.stretch - 1) / self.stretch;
        TRY(pieces_run_whole(runner->context, pieces, take_stretch, &self, error));
        sum += self.count;
        if (squares == NULL) continue;
        squares[k] = 0;
        for (int64_t p = 0; p < pieces; p++) squares[k] += self.squares[p];
    }
    return L2O_OK;
}

/* What was deferred is where it belongs: its squares, which show whether it is finite. */
static l2o_status take_products(const runner *runner, const segment *segment, l2o_error *error) {
    product_sum sum = {.optimizer = runner->optimizer, .stretch_squares = runner->stretch_squares};
    for (int k = 0; k < runner->optimizer->weight_count; k++) {
        if (!is_active(segment, k) || !is_deferred(runner, segment, k)) continue;
        const weight_layout *layout = &runner->optimizer->layout[k];
        double squares = products_squares(&sum, k);
        if (segment->squares != NULL) segment->squares[k] = squares;
        if (isfinite(squares) || !segment->require_finite) continue;
        taking self = {
            .runner = runner, .what = "meta-gradient", .layout = layout, .from = segment->gradient + layout->offset};
        TRY(find_infinite(&self, 0, tensor_length(runner, k), error));
    }
    return L2O_OK;
}

/* What the caller gets of the sums over pieces. */
static l2o_status finish(runner *runner, segment *segment, l2o_error *error) {
    if (segment->to != NULL) segment->to->steps = segment->from->steps + segment->steps;
    segment->gradient_evaluations = runner->sums.largest;
    runner->means = runner->sums.total + objectives_at(runner, segment);
    segment->loss = 0;
    for (int64_t t = 0; t <= segment->steps; t++) {
        runner->means[t] /= (double)runner->problem->batch;
        if (segment->mean_objective != NULL) segment->mean_objective[t] = runner->means[t];
        double mean = segment->logarithm ? runner->means[segment->steps + 1 + t] / (double)runner->problem->batch
                                         : runner->means[t];
        if (segment->loss_weights != NULL && segment->loss_weights[t] != 0)
            segment->loss += segment->loss_weights[t] * mean;
    }
    const double *sum = runner->sums.total;
    if (segment->gradient != NULL)
        TRY(take_derivative(runner, segment, sum, "meta-gradient", segment->gradient, segment->squares, error));
    TRY(take_products(runner, segment, error));
    if (segment->direction != NULL)
        TRY(take_derivative(runner, segment, sum + hessian_at(runner, segment), "second derivative",
                            segment->hessian_vector, NULL, error));
    return L2O_OK;
}

double runner_mean_objective(const runner *runner, int64_t step) { return runner->means[step]; }

void runners_share(int count, runner *const *runners) {
    sums *all[MOST_SUMS];
    if (runners[0]->slots != NULL) {
        for (int k = 0; k < count; k++) runners[k]->agrees = true;
        return;
    }
    for (int k = 0; k < count; k++) all[k] = &runners[k]->sums;
    sums_share(runners[0]->context, count, all);
}

/* Where piece `number` of this rank, counted over all segments, stands among the pieces of all ranks. */
static int64_t place_of(const job *job, int64_t number) {
    int64_t before = 0;
    for (int k = 0; k < job->count; k++) {
        const sums *sums = &job->runners[k]->sums;
        if (number < sums->end - sums->first) return before + sums->first + number;
        number -= sums->end - sums->first;
        before += sums->pieces;
    }
    return before;
}

l2o_status segments_run(int count, runner *const *runners, segment *segments, l2o_error *error) {
    l2o_context *context = runners[0]->context;
    job job = {count, runners, segments, 0};
    sums *all[MOST_SUMS];
    int64_t pieces = 0, failed = -1;
    bool concurrent = true, deferring = false;
    l2o_status status = L2O_OK;
    for (int k = 0; k < count; k++) {
        all[k] = &runners[k]->sums;
        all[k]->length = row_length(runners[k], &segments[k]); /* a rank that fails here sends as much as the others */
        if (status == L2O_OK) status = begin(runners[k], &segments[k], error);
        pieces += all[k]->end - all[k]->first;
        concurrent = concurrent && runners[k]->problem->concurrent;
        deferring = deferring || defers(runners[k], &segments[k]);
    }
    if (status == L2O_OK) failed = INT64_MAX;
    for (int64_t round = deferring ? PRODUCT_ROUND : pieces, end; status == L2O_OK && job.first < pieces;
         job.first = end) {
        end = job.first + round < pieces ? job.first + round : pieces;
        status = pieces_run_noting(context, end - job.first, concurrent, run_numbered, &job, &failed, error);
        if (status != L2O_OK)
            failed = place_of(&job, job.first + failed);
        else if (deferring && (status = sum_products(&job, end, error)) != L2O_OK)
            failed = place_of(&job, job.first);
    }
    if (runners[0]->agrees && ranks_agree(context, status, error) != L2O_OK) failed = 0;
    TRY(sums_finish(context, count, all, failed, error));
    for (int k = 0; k < count; k++) TRY(finish(runners[k], &segments[k], error));
    return L2O_OK;
}

l2o_status segment_run(runner *runner, segment *segment, l2o_error *error) {
    return segments_run(1, &runner, segment, error);
}
