/* Trains the points that Eq. 8 compares, then measures its terms draw by draw. */
#include "experiment/theory_decomposition.h"

#include <math.h>
#include <string.h>

#include "experiment/theory_unroll.h"
#include "run/check.h"

/* One seed's points in weight space, and gradients there: each [weight_total]. */
typedef struct points {
    double *initial, *trained /* b */, *test /* c */, *test_stepped /* c' */, *best /* d */, *stepped;
    double *gradient, *test_gradient /* grad g3(c) */, *difference;
} points;

typedef struct decomposer {
    l2o_context *context;
    const l2o_settings *settings;
    theory_tasks *tasks;
    const theory_start *start;
    theory_decomposition *out;
    estimator_options options;
    int runs;
    uint64_t seed;
    double rate;
    int64_t total;
    points at;
    int made;
    theory_unroll unrolls[THEORY_TASKS];
} decomposer;

static double apart(decomposer *own, const double *a, const double *b) {
    for (int64_t i = 0; i < own->total; i++) own->at.difference[i] = a[i] - b[i];
    return check_norm(own->total, own->at.difference);
}

static l2o_status value_of(decomposer *own, int task, const double *weights, double *value, double *gradient,
                           l2o_error *error) {
    return theory_unroll_run(&own->unrolls[task], own->options.loss, own->options.unroll, own->options.detached,
                             weights, value, gradient, error);
}

static l2o_status train_points(decomposer *own, int k, l2o_error *error) {
    const optimizer *optimizer = own->start->optimizer;
    points *at = &own->at;
    size_t bytes = (size_t)own->total * sizeof(double);
    int64_t longer = settings_integer(own->settings, "theory-long-updates");
    theory_training training = theory_start_training(own->context, own->settings, own->start, THEORY_ML2O, k);
    optimizer_initialise(optimizer, training.seed, 0, at->initial);
    memcpy(at->trained, theory_start_weights(own->start, k), bytes);
    TRY(theory_train(&training, optimizer, theory_training_draws(&training, own->start->updates), longer, at->trained,
                     error));
    training.settings = own->tasks->task[THEORY_TEST].settings;
    training.frozen = true;
    memcpy(at->test, at->initial, bytes);
    TRY(theory_train(&training, optimizer, 0, own->start->updates + longer, at->test, error));
    training.frozen = false;
    training.plain = true;
    memcpy(at->best, at->initial, bytes);
    return theory_train(&training, optimizer, 0, own->start->updates + longer, at->best, error);
}

/* grad g3(c), on the batch that c was trained on, and c'. */
static l2o_status step_test_point(decomposer *own, int k, l2o_error *error) {
    double value;
    TRY(problem_sample(own->tasks->task[THEORY_TEST].problem, own->start->seeds[k], STREAM_TRAINING, 0, 0, error));
    TRY(value_of(own, THEORY_TEST, own->at.test, &value, own->at.test_gradient, error));
    for (int64_t i = 0; i < own->total; i++)
        own->at.test_stepped[i] = own->at.test[i] - own->rate * own->at.test_gradient[i];
    return L2O_OK;
}

/* g3 at a point, where it may be steepest. */
static l2o_status look(decomposer *own, const double *weights, double *value, double *steepest, l2o_error *error) {
    TRY(value_of(own, THEORY_TEST, weights, value, own->at.gradient, error));
    *steepest = fmax(*steepest, check_norm(own->total, own->at.gradient));
    return L2O_OK;
}

static l2o_status measure(decomposer *own, int k, int run, l2o_error *error) {
    theory_decomposition *out = own->out;
    points *at = &own->at;
    int64_t sample = (int64_t)k * own->runs + run;
    const double *start = theory_start_weights(own->start, k);
    double best, value, *steepest = &out->lipschitz[sample];
    TRY(theory_tasks_sample(own->tasks, own->seed, (uint32_t)run, error));
    out->training[sample] = apart(own, start, at->trained);
    out->test_sample[sample] = apart(own, at->test_stepped, at->best);
    out->apart[sample] = apart(own, at->trained, at->test);
    out->initial_distance[sample] = apart(own, start, at->initial);
    *steepest = run > 0 ? out->lipschitz[sample - 1] : 0;
    TRY(look(own, at->best, &best, steepest, error));
    TRY(look(own, start, &value, steepest, error));
    TRY(look(own, at->test_stepped, &value, steepest, error));
    for (int task = 0; task < own->tasks->count; task++) {
        if (task != THEORY_TRAINING && task != THEORY_TEST_TWIN && task < THEORY_CANDIDATES) continue;
        int64_t cell = (int64_t)task * out->samples + sample;
        TRY(value_of(own, task, start, &value, at->gradient, error));
        out->gradient[cell] = own->rate * apart(own, at->gradient, at->test_gradient);
        for (int64_t i = 0; i < own->total; i++) at->stepped[i] = start[i] - own->rate * at->gradient[i];
        TRY(look(own, at->stepped, &value, steepest, error));
        out->left[cell] = value - best;
    }
    return L2O_OK;
}

static l2o_status run_all(decomposer *own, l2o_error *error) {
    for (; own->made < own->tasks->count; own->made++)
        TRY(theory_unroll_create(own->context, own->tasks->task[own->made].problem, own->start->optimizer,
                                 own->options.unroll, &own->unrolls[own->made], error));
    for (int k = 0; k < own->start->count; k++) {
        TRY(train_points(own, k, error));
        TRY(step_test_point(own, k, error));
        for (int run = 0; run < own->runs; run++) TRY(measure(own, k, run, error));
    }
    return L2O_OK;
}

static l2o_status reserve(decomposer *own, arena *memory, l2o_error *error) {
    theory_decomposition *out = own->out;
    points *at = &own->at;
    size_t row = (size_t)out->samples * sizeof(double), grid = row * (size_t)out->tasks;
    double **const rows[] = {&out->training, &out->test_sample, &out->apart, &out->lipschitz, &out->initial_distance};
    double **const grids[] = {&out->gradient, &out->left};
    double **const vectors[] = {&at->initial, &at->trained,  &at->test,          &at->test_stepped, &at->best,
                                &at->stepped, &at->gradient, &at->test_gradient, &at->difference};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((*rows[i] = arena_allocate(memory, row, error)) == NULL) return error->status;
    for (size_t i = 0; i < sizeof grids / sizeof *grids; i++)
        if ((*grids[i] = arena_allocate(memory, grid, error)) == NULL) return error->status;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        if ((*vectors[i] = arena_allocate(memory, (size_t)own->total * sizeof(double), error)) == NULL)
            return error->status;
    return L2O_OK;
}

l2o_status theory_decomposition_run(l2o_context *context, const l2o_settings *settings, theory_tasks *tasks,
                                    const theory_start *start, int runs, uint64_t seed, arena *memory,
                                    theory_decomposition *out, l2o_error *error) {
    *out = (theory_decomposition){.tasks = tasks->count, .samples = runs * start->count};
    decomposer own = {.context = context,
                      .settings = settings,
                      .tasks = tasks,
                      .start = start,
                      .out = out,
                      .runs = runs,
                      .seed = seed,
                      .rate = settings_real(settings, "inner-rate"),
                      .total = start->optimizer->weight_total};
    estimator_options_plain(settings, &own.options);
    l2o_status status = reserve(&own, memory, error);
    if (status == L2O_OK) status = run_all(&own, error);
    for (int k = 0; k < own.made; k++) theory_unroll_free(&own.unrolls[k]);
    return status;
}
