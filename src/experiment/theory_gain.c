/* Steps and updates from the start's weights, each measured on the test problem of the same draw. */
#include "experiment/theory_gain.h"

#include <math.h>
#include <string.h>

#include "experiment/theory_unroll.h"
#include "meta/adam.h"
#include "meta/evaluation.h"

typedef struct gainer {
    l2o_context *context;
    const theory_start *start;
    theory_tasks *tasks;
    theory_gain *out;
    estimator_options options;
    uint64_t seed;
    double adam_rate, epsilon;
    bool tensorflow;
    int64_t evaluation_steps;
    theory_unroll test;
    adam adam;
    double *weights, *gradient; /* [weight_total] */
} gainer;

static l2o_status value_at(gainer *own, theory_unroll *unroll, const double *weights, double *value, double *gradient,
                           l2o_error *error) {
    return theory_unroll_run(unroll, own->options.loss, own->options.unroll, own->options.detached, weights, value,
                             gradient, error);
}

/* What steps of all rates along `gradient` bring on `unroll`'s problem: out[rate] with `samples` between rates. */
static l2o_status try_rates(gainer *own, theory_unroll *unroll, const double *phi, double *gains, l2o_error *error) {
    int64_t total = own->start->optimizer->weight_total;
    double before, after;
    TRY(value_at(own, unroll, phi, &before, NULL, error));
    for (int rate = 0; rate < THEORY_RATES; rate++) {
        for (int64_t i = 0; i < total; i++) own->weights[i] = phi[i] - own->out->rates[rate] * own->gradient[i];
        TRY(value_at(own, unroll, own->weights, &after, NULL, error));
        gains[rate * own->out->samples] = before - after;
    }
    return L2O_OK;
}

/* phi - alpha grad g on the candidate as it is drawn; then the candidate is drawn again, for problems of the same kind.
 */
static l2o_status one_step(gainer *own, int task, uint32_t draw, const double *phi, int64_t sample, l2o_error *error) {
    theory_task *candidate = &own->tasks->task[task];
    theory_unroll unroll;
    double value;
    int64_t at = theory_gain_at(own->out, task, 0) + sample;
    TRY(theory_unroll_create(own->context, candidate->problem, own->start->optimizer, own->options.unroll, &unroll,
                             error));
    l2o_status status = value_at(own, &unroll, phi, &value, own->gradient, error);
    if (status == L2O_OK) status = problem_sample(candidate->problem, own->seed, STREAM_HELD_OUT, draw, 1, error);
    if (status == L2O_OK) status = try_rates(own, &unroll, phi, own->out->own + at, error);
    theory_unroll_free(&unroll);
    TRY(status);
    return try_rates(own, &own->test, phi, own->out->test + at, error);
}

static l2o_status measure(gainer *own, const double *weights, double *minimum, l2o_error *error) {
    l2o_quality quality;
    TRY(evaluate_quality(&own->test.runner, &own->test.carry, weights, own->evaluation_steps, &quality, NULL, error));
    *minimum = quality.minimum;
    return L2O_OK;
}

/* Updates until the curve's end. One that is not finite leaves the weights where they were, for all points that follow:
 * adaptation would stop there. */
static l2o_status updates(gainer *own, meta_task *practice, double *minimum, l2o_error *error) {
    const theory_gain *out = own->out;
    bool stopped = false;
    for (int point = 1; point < out->point_count; point++) {
        for (int64_t k = out->points[point - 1]; k < out->points[point] && !stopped; k++) {
            estimate ignored;
            l2o_status status = meta_gradient(practice, &own->options, own->weights, own->gradient, &ignored, error);
            stopped = status == L2O_ERROR_NUMERIC;
            if (status != L2O_OK && !stopped) return status;
            if (stopped)
                error_clear(error);
            else
                adam_step(&own->adam, own->adam_rate, own->gradient, own->weights);
        }
        TRY(measure(own, own->weights, &minimum[point * out->samples], error));
    }
    return L2O_OK;
}

static l2o_status curve(gainer *own, int task, const double *phi, double at_none, int64_t sample, l2o_error *error) {
    problem *candidate = own->tasks->task[task].problem;
    double *minimum = own->out->minimum + (int64_t)task * own->out->point_count * own->out->samples + sample;
    meta_task practice;
    minimum[0] = at_none;
    memcpy(own->weights, phi, (size_t)own->start->optimizer->weight_total * sizeof(double));
    adam_reset(&own->adam);
    TRY(meta_task_create(own->context, candidate, own->start->optimizer, &own->options, &practice, error));
    carry_reset(&practice.now, candidate);
    l2o_status status = updates(own, &practice, minimum, error);
    meta_task_free(&practice);
    return status;
}

static l2o_status run_all(gainer *own, l2o_error *error) {
    TRY(theory_unroll_create(own->context, own->tasks->task[THEORY_TEST].problem, own->start->optimizer,
                             own->options.unroll, &own->test, error));
    for (int k = 0; k < own->start->count; k++)
        for (int run = 0; run < own->out->runs; run++) {
            const double *phi = theory_start_weights(own->start, k);
            int64_t sample = (int64_t)k * own->out->runs + run;
            double at_none;
            TRY(theory_tasks_sample(own->tasks, own->seed, (uint32_t)run, error));
            TRY(measure(own, phi, &at_none, error));
            for (int task = THEORY_CANDIDATES; task < own->tasks->count; task++) {
                TRY(curve(own, task, phi, at_none, sample, error));
                TRY(one_step(own, task, (uint32_t)run, phi, sample, error));
            }
        }
    return L2O_OK;
}

/* 0, 1, 2, 5, 10, 20, 50, ... up to `most`, `most` itself, and the adaptation's own number, in order. */
static void choose_points(theory_gain *gain, int64_t own, int64_t most) {
    static const int64_t leading[] = {1, 2, 5};
    if (most < own) most = own;
    gain->point_count = 1;
    gain->points[0] = 0;
    gain->adapted = 0;
    for (int64_t i = 0, decade = 1; gain->points[gain->point_count - 1] < most; i++) {
        int64_t last = gain->points[gain->point_count - 1], next = leading[i % 3] * decade;
        if (i % 3 == 2) decade *= 10;
        if (last < own && own < next) gain->points[gain->point_count++] = own;
        gain->points[gain->point_count] = next < most ? next : most;
        if (gain->points[gain->point_count] > gain->points[gain->point_count - 1]) gain->point_count++;
    }
    for (int i = 0; i < gain->point_count; i++)
        if (gain->points[i] == own) gain->adapted = i;
}

static l2o_status reserve(theory_gain *gain, arena *memory, l2o_error *error) {
    size_t rows = (size_t)(gain->tasks * gain->samples) * sizeof(double);
    gain->own = arena_allocate(memory, rows * THEORY_RATES, error);
    gain->test = arena_allocate(memory, rows * THEORY_RATES, error);
    gain->minimum = arena_allocate(memory, rows * (size_t)gain->point_count, error);
    return gain->own != NULL && gain->test != NULL && gain->minimum != NULL ? L2O_OK : error->status;
}

l2o_status theory_gain_run(l2o_context *context, const l2o_settings *settings, theory_tasks *tasks,
                           const theory_start *start, int runs, uint64_t seed, arena *memory, theory_gain *gain,
                           l2o_error *error) {
    *gain = (theory_gain){.tasks = tasks->count, .runs = runs, .samples = runs * start->count};
    choose_points(gain, settings_integer(settings, "adaptation-updates"),
                  settings_integer(settings, "theory-most-updates"));
    TRY(reserve(gain, memory, error));
    gain->rates[0] = settings_real(settings, "inner-rate");
    for (int i = 1; i < THEORY_RATES; i++) gain->rates[i] = gain->rates[i - 1] / 10;
    int64_t total = start->optimizer->weight_total;
    gainer own = {.context = context,
                  .start = start,
                  .tasks = tasks,
                  .out = gain,
                  .seed = seed,
                  .adam_rate = settings_real(settings, "adaptation-rate"),
                  .epsilon = settings_real(settings, "adam-epsilon"),
                  .tensorflow = settings_choice(settings, "epsilon-place") == 0,
                  .evaluation_steps = settings_integer(settings, "evaluation-steps")};
    estimator_options_plain(settings, &own.options);
    own.weights = arena_allocate(memory, (size_t)total * sizeof(double), error);
    own.gradient = arena_allocate(memory, (size_t)total * sizeof(double), error);
    if (own.weights == NULL || own.gradient == NULL) return error->status;
    l2o_status status = adam_create(&own.adam, total, own.epsilon, own.tensorflow, error);
    if (status == L2O_OK) status = run_all(&own, error);
    theory_unroll_free(&own.test);
    adam_free(&own.adam);
    return status;
}

const double *theory_gain_minimum(const theory_gain *gain, int task, int point) {
    return gain->minimum + ((int64_t)task * gain->point_count + point) * gain->samples;
}

void theory_gain_over_none(const theory_gain *gain, int task, int point, double *out) {
    const double *before = theory_gain_minimum(gain, task, 0), *after = theory_gain_minimum(gain, task, point);
    for (int i = 0; i < gain->samples; i++) out[i] = before[i] - after[i];
}
