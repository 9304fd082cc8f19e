/* One gradient for each task, T and kind of inputs; the distances of all tasks to training and test. */
#include "experiment/theory_sweep.h"

#include <math.h>

#include "experiment/theory_unroll.h"
#include "run/check.h"

typedef struct sweeper {
    theory_tasks *tasks;
    theory_sweep *out;
    const meta_loss *loss;
    const double *weights;
    int64_t total;
    int made;
    theory_unroll unrolls[THEORY_TASKS];
    double *gradients, *difference; /* [tasks, weight_total], [weight_total] */
} sweeper;

static l2o_status one_cell(sweeper *own, theory_inputs inputs, int64_t steps, int run, l2o_error *error) {
    for (int k = 0; k < own->tasks->count; k++) {
        double value;
        TRY(theory_unroll_run(&own->unrolls[k], own->loss, steps, inputs == THEORY_DETACHED, own->weights, &value,
                              own->gradients + k * own->total, error));
    }
    for (int reference = 0; reference < THEORY_REFERENCES; reference++)
        for (int k = 0; k < own->tasks->count; k++) {
            const double *a = own->gradients + reference * own->total, *b = own->gradients + k * own->total;
            for (int64_t i = 0; i < own->total; i++) own->difference[i] = a[i] - b[i];
            int64_t at = theory_sweep_at(own->out, inputs, reference, k, steps) + run;
            own->out->distance[at] = check_norm(own->total, own->difference);
            own->out->cosine[at] =
                check_dot(own->total, a, b) / (check_norm(own->total, a) * check_norm(own->total, b));
        }
    return L2O_OK;
}

static l2o_status run_all(sweeper *own, l2o_context *context, const optimizer *optimizer, uint64_t seed,
                          l2o_error *error) {
    theory_sweep *out = own->out;
    for (; own->made < own->tasks->count; own->made++)
        TRY(theory_unroll_create(context, own->tasks->task[own->made].problem, optimizer, out->steps,
                                 &own->unrolls[own->made], error));
    for (int run = 0; run < out->runs; run++) {
        TRY(theory_tasks_sample(own->tasks, seed, (uint32_t)run, error));
        for (int inputs = 0; inputs < THEORY_INPUTS; inputs++)
            for (int64_t steps = 1; steps <= out->steps; steps++)
                TRY(one_cell(own, (theory_inputs)inputs, steps, run, error));
    }
    return L2O_OK;
}

l2o_status theory_sweep_run(l2o_context *context, theory_tasks *tasks, const optimizer *optimizer,
                            const double *weights, const meta_loss *loss, int64_t steps, int runs, uint64_t seed,
                            arena *memory, theory_sweep *sweep, l2o_error *error) {
    *sweep = (theory_sweep){.steps = steps, .tasks = tasks->count, .runs = runs};
    size_t cells = (size_t)(THEORY_INPUTS * THEORY_REFERENCES * tasks->count * runs) * (size_t)steps;
    sweeper own = {.tasks = tasks, .out = sweep, .loss = loss, .weights = weights, .total = optimizer->weight_total};
    sweep->distance = arena_allocate(memory, cells * sizeof(double), error);
    sweep->cosine = arena_allocate(memory, cells * sizeof(double), error);
    own.gradients = arena_allocate(memory, (size_t)(tasks->count * own.total) * sizeof(double), error);
    own.difference = arena_allocate(memory, (size_t)own.total * sizeof(double), error);
    if (sweep->distance == NULL || sweep->cosine == NULL || own.gradients == NULL || own.difference == NULL)
        return error->status;
    l2o_status status = run_all(&own, context, optimizer, seed, error);
    for (int k = 0; k < own.made; k++) theory_unroll_free(&own.unrolls[k]);
    return status;
}

/* Slope of the line of least squares through (x, y). */
static double slope_of(const double *y, int64_t count, int64_t first, double (*abscissa)(double)) {
    double mean_x = 0, mean_y = 0, covariance = 0, variance = 0;
    for (int64_t i = 0; i < count; i++) {
        mean_x += abscissa((double)(first + i)) / (double)count;
        mean_y += log(y[i]) / (double)count;
    }
    for (int64_t i = 0; i < count; i++) {
        double apart = abscissa((double)(first + i)) - mean_x;
        covariance += apart * (log(y[i]) - mean_y);
        variance += apart * apart;
    }
    return covariance / variance;
}

static double itself(double x) { return x; }

void theory_fit_growth(const double *values, int64_t count, int64_t first, double *factor, double *power) {
    *factor = *power = NAN;
    if (count < 2) return;
    for (int64_t i = 0; i < count; i++)
        if (!(values[i] > 0) || !isfinite(values[i])) return;
    *factor = exp(slope_of(values, count, first, itself));
    *power = slope_of(values, count, first, log);
}
