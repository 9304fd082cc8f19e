/* Adapts two ways, walks from one end to the other, and tests each point on the same problems. */
#include "experiment/interpolation.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "experiment/compare.h"
#include "meta/adapt.h"
#include "optimizers/interpolate.h"
#include "optimizers/weights_file.h"
#include "problems/user_data.h"

typedef struct walk {
    l2o_context *context;
    const interpolation_options *options;
    interpolation *out;
    l2o_compare_function function;
    void *user;
    optimizer *optimizer; /* whose weights are those that are run */
    bool fresh;           /* made by name: its weights are drawn for each run */
    double *start;        /* [weight_total] */
    double *ends[2];
    problem *practice[2], *test;
    random_stream stream; /* that test problems are drawn from */
    compare_track track;
    int64_t done;
    l2o_error *error;
} walk;

static l2o_status report(walk *self, const char *label) {
    int64_t total = self->options->runs * (2 + self->options->points);
    if (context_cancelled(self->context)) return error_set(self->error, L2O_ERROR_CANCELLED, "cancelled by the user");
    if (self->function != NULL) self->function(self->user, label, self->done, total);
    self->done++;
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------ before runs */

static l2o_status create_optimizer(walk *self) {
    const char *start = self->options->start;
    self->fresh = !weights_file_recognised(start);
    if (self->fresh)
        TRY(optimizer_create(self->options->ends[0], start, &self->optimizer, self->error));
    else
        TRY(weights_file_read(start, self->options->ends[0], &self->optimizer, self->error));
    size_t bytes = (size_t)self->optimizer->weight_total * sizeof(double);
    self->start = arena_allocate(&self->out->memory, bytes, self->error);
    for (int k = 0; k < 2; k++) self->ends[k] = arena_allocate(&self->out->memory, bytes, self->error);
    if (self->start == NULL || self->ends[0] == NULL || self->ends[1] == NULL) return self->error->status;
    if (!self->fresh) memcpy(self->start, self->optimizer->weights, bytes);
    return L2O_OK;
}

/* Of a user's instances, the test is on those that are held out from adaptation, where there are any. */
static l2o_status create_problems(walk *self) {
    const interpolation_options *options = self->options;
    for (int k = 0; k < 2; k++) {
        TRY(problem_create_for(options->ends[k], COMPONENT_ALL, STREAM_ADAPTATION, &self->practice[k], self->error));
        TRY(adapt_check(self->context, options->ends[k], self->practice[k], self->optimizer, self->error));
    }
    TRY(problem_create_for(options->test, COMPONENT_ALL, STREAM_HELD_OUT, &self->test, self->error));
    const user_data *source = self->test->source;
    bool split = source != NULL && source->instances > 0 && source->held_out > 0;
    self->stream = split ? STREAM_HELD_OUT : STREAM_TEST;
    return optimizer_suits(self->optimizer, self->test, self->error);
}

static l2o_status create_results(walk *self) {
    const interpolation_options *options = self->options;
    interpolation *out = self->out;
    size_t runs = (size_t)options->runs, count = (size_t)options->points;
    size_t report_bytes, value_bytes;
    TRY(memory_product(runs, sizeof(l2o_adaptation_report), "runs", &report_bytes, self->error));
    TRY(memory_product(runs, 2 * count * sizeof(double), "runs of all points", &value_bytes, self->error));
    out->points = arena_allocate(&out->memory, count * sizeof *out->points, self->error);
    double *values = arena_allocate(&out->memory, value_bytes, self->error);
    for (int k = 0; k < 2; k++) {
        out->adaptations[k] = arena_allocate(&out->memory, report_bytes, self->error);
        if (out->adaptations[k] == NULL) return self->error->status;
    }
    if (out->points == NULL || values == NULL) return self->error->status;
    out->runs = options->runs;
    out->count = options->points;
    for (size_t i = 0; i < count; i++)
        out->points[i] = (interpolation_point){.a = (double)i / (double)(count - 1),
                                               .minimum = values + 2 * i * runs,
                                               .last = values + (2 * i + 1) * runs};
    return compare_track_create(options->steps, &out->memory, &self->track, self->error);
}

static l2o_status check(const walk *self) {
    const interpolation_options *options = self->options;
    if (options->points >= 2 && options->runs >= 1 && options->steps >= 1) return L2O_OK;
    return error_set(self->error, L2O_ERROR_INPUT,
                     "an interpolation of %d points in %lld runs of %lld steps: it needs at least 2, 1 and 1",
                     options->points, (long long)options->runs, (long long)options->steps);
}

/* ------------------------------------------------------------------------------------------------------------- runs */

static l2o_status adapt_end(walk *self, int k, int64_t run) {
    interpolation *out = self->out;
    optimizer *optimizer = self->optimizer;
    size_t bytes = (size_t)optimizer->weight_total * sizeof(double);
    l2o_adaptation_report *adaptation = &out->adaptations[k][run];
    char label[32];
    snprintf(label, sizeof label, "adapts to a = %d", k);
    TRY(report(self, label));
    memcpy(optimizer->weights, self->start, bytes);
    TRY(adapt_run(self->context, self->options->ends[k], self->practice[k], optimizer, (uint32_t)run, false, adaptation,
                  self->error));
    memcpy(self->ends[k], optimizer->weights, bytes);
    out->evaluations[k] += adaptation->gradient_evaluations + adaptation->measuring_evaluations;
    out->seconds[k] += adaptation->seconds + adaptation->measuring_seconds;
    return L2O_OK;
}

static l2o_status run_point(walk *self, interpolation_point *point, int64_t run) {
    optimizer *optimizer = self->optimizer;
    int64_t steps = self->options->steps;
    char label[32];
    snprintf(label, sizeof label, "a = %g", point->a);
    TRY(report(self, label));
    interpolate_weights(optimizer->weight_total, self->ends[0], self->ends[1], point->a, optimizer->weights);
    TRY(compare_run(self->context, self->test, optimizer, steps, &self->track, self->error));
    point->minimum[run] = compare_track_minimum(&self->track, steps, NULL);
    point->last[run] = compare_logarithm(self->track.objective[steps]);
    self->out->test_evaluations += self->track.evaluations[steps];
    self->out->test_seconds += self->track.seconds[steps];
    return L2O_OK;
}

static l2o_status run_all(walk *self) {
    optimizer *optimizer = self->optimizer;
    uint64_t start_seed = (uint64_t)settings_integer(self->options->ends[0], "seed");
    uint64_t test_seed = (uint64_t)settings_integer(self->options->test, "seed");
    for (int64_t run = 0; run < self->options->runs; run++) {
        if (self->fresh) optimizer_initialise(optimizer, start_seed, (uint32_t)run, self->start);
        for (int k = 0; k < 2; k++) TRY(adapt_end(self, k, run));
        TRY(problem_sample(self->test, test_seed, self->stream, (uint32_t)run, 0, self->error));
        for (int i = 0; i < self->options->points; i++) TRY(run_point(self, &self->out->points[i], run));
    }
    return L2O_OK;
}

static l2o_status summarise(walk *self) {
    interpolation *out = self->out;
    size_t runs = (size_t)out->runs;
    double *gain = arena_allocate(&out->memory, runs * sizeof *gain, self->error);
    if (gain == NULL) return self->error->status;
    for (int i = 0; i < out->count; i++) {
        interpolation_point *point = &out->points[i];
        for (size_t r = 0; r < runs; r++) gain[r] = point->minimum[r] - out->points[0].minimum[r];
        TRY(statistics_of(point->minimum, runs, &point->over_runs, self->error));
        TRY(statistics_of(gain, runs, &point->gain, self->error));
    }
    return L2O_OK;
}

static l2o_status work(walk *self) {
    TRY(check(self));
    TRY(create_optimizer(self));
    TRY(create_problems(self));
    TRY(create_results(self));
    TRY(run_all(self));
    return summarise(self);
}

l2o_status interpolation_run(l2o_context *context, const interpolation_options *options, l2o_compare_function function,
                             void *user, interpolation *result, l2o_error *error) {
    *result = (interpolation){0};
    walk self = {
        .context = context, .options = options, .out = result, .function = function, .user = user, .error = error};
    l2o_status status = work(&self);
    optimizer_free(self.optimizer);
    for (int k = 0; k < 2; k++) problem_free(self.practice[k]);
    problem_free(self.test);
    if (status != L2O_OK) interpolation_free(result);
    return status;
}

void interpolation_free(interpolation *result) {
    arena_free(&result->memory);
    *result = (interpolation){0};
}
