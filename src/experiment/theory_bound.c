/* What the optimizer sees of the gradients is kept in one run; then each step is run again from the same state with its
 * gradient moved, up and down. */
#include "experiment/theory_bound.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "problems/linear_model.h"
#include "run/segment.h"

static const double STEP = 1e-4; /* of the gradient's size, per coordinate */

typedef struct prober {
    problem *problem;
    runner runner;
    carry carry;
    int64_t steps, batch, dimension;
    const double *weights;
    gradient_log log;
    double *seen;              /* [T, B, n] gradients as they were seen */
    double *forward, *back;    /* [T + 1, B, n] trajectories */
    double *lipschitz, *slope; /* [B], [B n] */
} prober;

static l2o_status create(prober *own, l2o_context *context, const theory_task *task, uint64_t seed, uint32_t draw,
                         const optimizer *optimizer, l2o_error *error) {
    l2o_settings *settings;
    TRY(settings_copy(task->settings, &settings, error));
    l2o_status status = settings_set(settings, "dtype", "float64", task->label, error);
    if (status == L2O_OK) status = problem_create_for(settings, COMPONENT_ALL, task->stream, &own->problem, error);
    settings_free(settings);
    if (status != L2O_OK) return status;
    TRY(problem_sample(own->problem, seed, task->stream, draw, 0, error));
    own->batch = own->problem->batch;
    own->dimension = own->problem->dimension;
    for (int64_t i = 0; i < own->batch * own->dimension; i++)
        problem_store(DTYPE_FLOAT64, own->problem->x0, i, problem_load(task->problem->type, task->problem->x0, i));
    TRY(runner_create(context, own->problem, optimizer, &own->runner, error));
    TRY(carry_create(own->problem, optimizer, &own->carry, error));
    size_t points = (size_t)(own->batch * own->dimension), steps = (size_t)own->steps;
    own->seen = memory_allocate(steps * points, sizeof(double), error);
    own->forward = memory_allocate((steps + 1) * points, sizeof(double), error);
    own->back = memory_allocate((steps + 1) * points, sizeof(double), error);
    own->lipschitz = memory_allocate((size_t)own->batch, sizeof(double), error);
    own->slope = memory_allocate(points, sizeof(double), error);
    own->log = (gradient_log){.calls = own->steps, .batch = own->batch, .dimension = own->dimension};
    own->log.gradients = memory_allocate(steps * points, sizeof(double), error);
    bool whole = own->seen != NULL && own->forward != NULL && own->back != NULL && own->lipschitz != NULL &&
                 own->slope != NULL && own->log.gradients != NULL;
    return whole ? L2O_OK : error->status;
}

static void release(prober *own) {
    runner_free(&own->runner);
    carry_free(&own->carry);
    problem_free(own->problem);
    memory_free(own->seen);
    memory_free(own->forward);
    memory_free(own->back);
    memory_free(own->lipschitz);
    memory_free(own->slope);
    memory_free(own->log.gradients);
}

static l2o_status run(prober *own, int64_t steps, double *trajectory, l2o_error *error) {
    carry_reset(&own->carry, own->problem);
    segment pass = {.weights = own->weights,
                    .steps = steps,
                    .detached = true,
                    .from = &own->carry,
                    .log = &own->log,
                    .trajectory = trajectory};
    return segment_run(&own->runner, &pass, error);
}

/* Slopes of step t, 0-based, for all coordinates. */
static l2o_status probe(prober *own, int64_t t, l2o_error *error) {
    int64_t points = own->batch * own->dimension;
    double *replayed = own->log.gradients + t * points;
    const double *seen = own->seen + t * points;
    double sum = 0;
    for (int64_t i = 0; i < points; i++) sum += seen[i] * seen[i];
    double typical = sqrt(sum / (double)points), *ends[2] = {own->forward, own->back};
    if (typical == 0) typical = 1;
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < points; i++) {
            double width = STEP * (seen[i] != 0 ? fabs(seen[i]) : typical);
            replayed[i] = seen[i] + (side == 0 ? width : -width);
        }
        TRY(run(own, t + 1, ends[side], error));
    }
    for (int64_t i = 0; i < points; i++) {
        double width = STEP * (seen[i] != 0 ? fabs(seen[i]) : typical);
        own->slope[i] = fabs(own->forward[(t + 1) * points + i] - own->back[(t + 1) * points + i]) / (2 * width);
    }
    memcpy(replayed, seen, (size_t)points * sizeof(double));
    return L2O_OK;
}

static l2o_status measure(prober *own, theory_bound *bound, l2o_error *error) {
    int64_t points = own->batch * own->dimension;
    arena *scratch = &own->runner.context->workers[0].arena;
    arena_mark mark = arena_position(scratch);
    evaluation evaluation = {own->runner.kernels, scratch, error};
    TRY(linear_model_squared_norms(own->problem->model, own->lipschitz, &evaluation));
    arena_reset(scratch, mark);
    double scale = own->runner.optimizer->scale_by_batch ? 1.0 / (double)own->batch : 1.0, logarithms = 0;
    for (int64_t p = 0; p < own->batch; p++) {
        own->lipschitz[p] *= scale;
        bound->lipschitz_mean += own->lipschitz[p] / (double)own->batch;
        bound->lipschitz_largest = fmax(bound->lipschitz_largest, own->lipschitz[p]);
    }
    TRY(run(own, own->steps, own->forward, error));
    memcpy(own->seen, own->log.gradients, (size_t)(own->steps * points) * sizeof(double));
    own->log.replay = true;
    for (int64_t t = 0; t < own->steps; t++) {
        TRY(probe(own, t, error));
        for (int64_t p = 0; p < own->batch; p++) {
            double squared = 0;
            for (int64_t j = 0; j < own->dimension; j++) {
                double slope = own->slope[p * own->dimension + j];
                squared += slope * slope;
                bound->slope_mean += slope / (double)(own->steps * points);
                bound->slope_largest = fmax(bound->slope_largest, slope);
            }
            logarithms += log1p(own->lipschitz[p] * sqrt(squared / (double)own->dimension));
        }
    }
    bound->growth = 1 + bound->lipschitz_largest * bound->slope_largest;
    bound->growth_typical = exp(logarithms / (double)(own->steps * own->batch));
    return L2O_OK;
}

l2o_status theory_bound_of(l2o_context *context, const theory_task *task, uint64_t seed, uint32_t draw,
                           const optimizer *optimizer, const double *weights, int64_t steps, theory_bound *bound,
                           l2o_error *error) {
    *bound = (theory_bound){0};
    prober own = {.steps = steps, .weights = weights};
    l2o_status status = create(&own, context, task, seed, draw, optimizer, error);
    if (status == L2O_OK) status = measure(&own, bound, error);
    release(&own);
    return status;
}
