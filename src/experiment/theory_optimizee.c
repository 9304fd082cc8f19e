/* Draw by draw: the grid of points, each task's gradients there, and both distances to training and test. */
#include "experiment/theory_optimizee.h"

#include <math.h>
#include <string.h>

#include "experiment/theory_distance.h"
#include "experiment/theory_unroll.h"
#include "run/check.h"

enum { REFERENCES = 2 }; /* THEORY_TRAINING, THEORY_TEST */

typedef struct surveyor {
    l2o_context *context;
    theory_tasks *tasks;
    theory_optimizee *out;
    arena *scratch;
    int points; /* all */
    int64_t batch, dimension;
    double *grid;         /* [points, n] */
    double *gradients;    /* [task, points, B, n] of this draw */
    double *gradient_sum; /* [task, points, n] over instances and draws */
    double *hessian_sum;  /* [task, n, n] likewise */
    double *pairs;        /* [B] */
    double *work;         /* [n, n] */
} surveyor;

/* Half of the points are x0 of the first instances, half iterates: of instance i at step T (i + 1) / half. */
static l2o_status make_grid(surveyor *own, const optimizer *optimizer, const double *weights, int64_t steps,
                            l2o_error *error) {
    problem *training = own->tasks->task[THEORY_TRAINING].problem;
    int64_t n = own->dimension, half = own->points / 2;
    theory_unroll unroll;
    double *trajectory =
        arena_allocate(own->scratch, (size_t)((steps + 1) * own->batch * n) * sizeof *trajectory, error);
    if (trajectory == NULL) return error->status;
    TRY(theory_unroll_create(own->context, training, optimizer, steps, &unroll, error));
    carry_reset(&unroll.carry, training);
    segment pass = {.weights = weights, .steps = steps, .from = &unroll.carry, .trajectory = trajectory};
    l2o_status status = segment_run(&unroll.runner, &pass, error);
    theory_unroll_free(&unroll);
    for (int64_t i = 0; i < half; i++) {
        int64_t instance = i % own->batch, step = steps * (i + 1) / half;
        memcpy(own->grid + i * n, trajectory + instance * n, (size_t)n * sizeof(double));
        memcpy(own->grid + (half + i) * n, trajectory + (step * own->batch + instance) * n, (size_t)n * sizeof(double));
    }
    return status;
}

static double *gradients_at(const surveyor *own, int task, int point) {
    return own->gradients + ((int64_t)task * own->points + point) * own->batch * own->dimension;
}

static double *sum_at(const surveyor *own, int task, int point) {
    return own->gradient_sum + ((int64_t)task * own->points + point) * own->dimension;
}

static l2o_status take_gradients(surveyor *own, l2o_error *error) {
    int64_t n = own->dimension;
    for (int k = 0; k < own->tasks->count; k++)
        for (int g = 0; g < own->points; g++) {
            double *gradients = gradients_at(own, k, g), *sum = sum_at(own, k, g);
            TRY(theory_gradients(own->context, own->tasks->task[k].problem, own->grid + g * n, gradients, own->scratch,
                                 error));
            for (int64_t i = 0; i < own->batch * n; i++) sum[i % n] += gradients[i];
        }
    return L2O_OK;
}

static double mean_gradient_distance(const surveyor *own, const double *a, const double *b) {
    int64_t n = own->dimension;
    double mean = 0;
    for (int64_t p = 0; p < own->batch; p++) {
        double squared = 0;
        for (int64_t i = p * n; i < (p + 1) * n; i++) squared += (a[i] - b[i]) * (a[i] - b[i]);
        mean += sqrt(squared) / (double)own->batch;
    }
    return mean;
}

static l2o_status compare(surveyor *own, int reference, int task, int run, l2o_error *error) {
    const problem *p = own->tasks->task[reference].problem, *q = own->tasks->task[task].problem;
    int64_t at = theory_optimizee_at(own->out, reference, task) + run;
    double hessian = 0, gradient = 0, largest = 0;
    if (task == reference) {
        own->out->hessian[at] = own->out->gradient[at] = own->out->gradient_largest[at] = 0;
        return L2O_OK;
    }
    TRY(theory_hessian_distances(p, q, own->pairs, own->scratch, error));
    for (int64_t i = 0; i < own->batch; i++) hessian += own->pairs[i] / (double)own->batch;
    for (int g = 0; g < own->points; g++) {
        double mean = mean_gradient_distance(own, gradients_at(own, reference, g), gradients_at(own, task, g));
        gradient += mean / own->points;
        largest = fmax(largest, mean);
    }
    own->out->hessian[at] = hessian;
    own->out->gradient[at] = gradient;
    own->out->gradient_largest[at] = largest;
    return L2O_OK;
}

/* Between means over all draws, and between expectations. */
static l2o_status compare_means(surveyor *own, int reference, int task, l2o_error *error) {
    const theory_task *p = &own->tasks->task[reference], *q = &own->tasks->task[task];
    theory_optimizee *out = own->out;
    int64_t n = own->dimension, at = (int64_t)reference * out->tasks + task;
    double drawn = (double)(own->batch * out->runs);
    for (int64_t i = 0; i < n * n; i++)
        own->work[i] = (own->hessian_sum[reference * n * n + i] - own->hessian_sum[task * n * n + i]) / drawn;
    out->hessian_means[at] = out->gradient_means[at] = 0;
    if (task != reference) TRY(theory_spectral_norm(n, own->work, &out->hessian_means[at], own->scratch, error));
    out->hessian_expected[at] = theory_hessian_expected(&p->moments, &q->moments, n);
    out->gradient_expected[at] = p->moments.known && q->moments.known ? 0 : NAN;
    for (int g = 0; g < own->points; g++) {
        const double *a = sum_at(own, reference, g), *b = sum_at(own, task, g);
        for (int64_t i = 0; i < n; i++) own->work[i] = (a[i] - b[i]) / drawn;
        out->gradient_means[at] = fmax(out->gradient_means[at], check_norm(n, own->work));
        double expected = theory_gradient_expected(&p->moments, &q->moments, n, own->grid + g * n);
        if (!isnan(expected)) out->gradient_expected[at] = fmax(out->gradient_expected[at], expected);
    }
    return L2O_OK;
}

static l2o_status run_all(surveyor *own, const optimizer *optimizer, const double *weights, int64_t steps,
                          uint64_t seed, l2o_error *error) {
    theory_optimizee *out = own->out;
    int64_t n = own->dimension;
    for (int run = 0; run < out->runs; run++) {
        TRY(theory_tasks_sample(own->tasks, seed, (uint32_t)run, error));
        if (run == 0) TRY(make_grid(own, optimizer, weights, steps, error));
        TRY(take_gradients(own, error));
        for (int k = 0; k < out->tasks; k++)
            TRY(theory_hessian_sum(own->tasks->task[k].problem, own->hessian_sum + k * n * n, own->scratch, error));
        for (int reference = 0; reference < REFERENCES; reference++)
            for (int k = 0; k < out->tasks; k++) TRY(compare(own, reference, k, run, error));
    }
    for (int reference = 0; reference < REFERENCES; reference++)
        for (int k = 0; k < out->tasks; k++) TRY(compare_means(own, reference, k, error));
    for (int k = 0; k < out->tasks; k++) out->entry[k] = theory_task_entry(&own->tasks->task[k]);
    return L2O_OK;
}

static double *zeros(arena *memory, int64_t count, l2o_error *error) {
    double *row = arena_allocate(memory, (size_t)count * sizeof *row, error);
    if (row != NULL) memset(row, 0, (size_t)count * sizeof *row);
    return row;
}

l2o_status theory_optimizee_run(l2o_context *context, theory_tasks *tasks, const optimizer *optimizer,
                                const double *weights, int64_t steps, int points, int runs, uint64_t seed,
                                arena *memory, theory_optimizee *out, l2o_error *error) {
    const problem *any = tasks->task[THEORY_TRAINING].problem;
    int64_t batch = any->batch, n = any->dimension, cells = REFERENCES * (int64_t)tasks->count;
    *out = (theory_optimizee){.tasks = tasks->count, .runs = runs};
    arena scratch = {0};
    surveyor own = {.context = context,
                    .tasks = tasks,
                    .out = out,
                    .scratch = &scratch,
                    .points = 2 * points,
                    .batch = batch,
                    .dimension = n};
    const struct {
        double **row;
        int64_t count;
        arena *memory;
    } rows[] = {
        {&out->hessian, cells * runs, memory},
        {&out->gradient, cells * runs, memory},
        {&out->gradient_largest, cells * runs, memory},
        {&out->hessian_means, cells, memory},
        {&out->hessian_expected, cells, memory},
        {&out->gradient_means, cells, memory},
        {&out->gradient_expected, cells, memory},
        {&out->entry, tasks->count, memory},
        {&own.grid, own.points * n, &scratch},
        {&own.gradients, tasks->count * own.points * batch * n, &scratch},
        {&own.gradient_sum, tasks->count * own.points * n, &scratch},
        {&own.hessian_sum, tasks->count * n * n, &scratch},
        {&own.pairs, batch, &scratch},
        {&own.work, n * n, &scratch},
    };
    l2o_status status = L2O_OK;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && status == L2O_OK; i++)
        if ((*rows[i].row = zeros(rows[i].memory, rows[i].count, error)) == NULL) status = error->status;
    if (status == L2O_OK) status = run_all(&own, optimizer, weights, steps, seed, error);
    arena_free(&scratch);
    return status;
}
