/* Runs a comparison: reads everything, checks everything, tunes, and then runs all optimizers on one test problem after
 * another. */
#include "experiment/compare.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "experiment/compare_entry.h"
#include "optimizers/weights_file.h"
#include "problems/user_data.h"
#include "run/divergence.h"
#include "run/range.h"

const setting compare_settings[] = {
    {"optimizers", SETTING_TEXT, "", NULL, 0, 0, NULL,
     "What is compared, separated by commas: LABEL=SPEC or SPEC, a SPEC the name of an optimizer or a file of weights "
     "with options after colons: SETTING=VALUE, `adapt` (anew for each run), `tune` (the best of half-decade rates). "
     "Not given: adam:tune, and those of ista, fista and cd that suit the problem"},
    {"steps", SETTING_INTEGER, "steps", "1000", 0, 1e12, NULL,
     "Steps that each optimizer takes, at least 1; fewer where it has a last step"},
    {"runs", SETTING_INTEGER, "runs", NULL, 1, 1e6, NULL,
     "Test problems, each of them run by all optimizers. Not given: 10; with a user's instances 1, because every run "
     "sees the same ones"},
    {"A-seeds", SETTING_TEXT, "", NULL, 0, 0, NULL,
     "Instead of A-seed, in experiments: a list of seeds of the shared A, which the runs take in turn"},
    {"limit", SETTING_FLAG, "", "yes", 0, 0, NULL,
     "Adds the optimum ln f*, found by coordinate descent, where the problem is a least-squares or a logistic one, "
     "with "
     "or without an L1 term"},
    {"tune-problems", SETTING_INTEGER, "problems", "3", 1, 10000, NULL,
     "Tuning problems (batches) over which a tuned rate has the least mean of ln of the minimum"},
    {"tune-lowest", SETTING_REAL, "", "1e-5", 1e-20, 1e20, NULL,
     "Where the half-decade rates that are tried begin; the range is extended as long as its end is the best"},
    {"tune-highest", SETTING_REAL, "", "10", 1e-20, 1e20, NULL, "Where the half-decade rates that are tried end"},
    {NULL, SETTING_TEXT, NULL, NULL, 0, 0, NULL, NULL},
};

enum { RUNS = 10 };

/* An optimum below this share of f(x0) is rounding: the true one is 0 and has no logarithm. */
static const double RESOLUTION = 1e-20;

typedef struct comparing {
    l2o_context *context;
    const l2o_settings *settings;
    l2o_compare_function function;
    void *user;
    l2o_comparison *out;
    problem *test;
    random_stream stream; /* that the test problems are drawn from */
    bool practised;       /* some optimizer adapts, is tuned or was trained */
    uint64_t seed;
    bool limit;
    int entry_count;
    compare_entry *entries;
    compare_track track;
    double *limits; /* [runs] */
    arena memory;
    int64_t done, total;
    l2o_error *error;
} comparing;

static l2o_status report(comparing *self, const char *label) {
    if (context_cancelled(self->context)) return error_set(self->error, L2O_ERROR_CANCELLED, "cancelled by the user");
    if (self->function != NULL) self->function(self->user, label, self->done, self->total);
    return L2O_OK;
}

/* Fewer than asked for where the optimizer has a last step. */
static int64_t steps_of(const comparing *self, const compare_entry *entry) {
    int64_t limit = entry->optimizer->step_limit;
    return limit > 0 && limit < self->out->steps ? limit : self->out->steps;
}

/* -------------------------------------------------------------------------------------------------- before any work */

static l2o_status prepare_results(comparing *self) {
    l2o_comparison *out = self->out;
    out->count = self->entry_count + (self->limit ? 1 : 0);
    out->results = arena_allocate(&out->memory, (size_t)out->count * sizeof *out->results, self->error);
    if (out->results == NULL) return self->error->status;
    for (int i = 0; i < self->entry_count; i++)
        TRY(compare_result_create(&out->memory, self->entries[i].label, self->entries[i].spec, out->runs,
                                  steps_of(self, &self->entries[i]) + 1, &out->results[i], self->error));
    if (self->limit)
        TRY(compare_result_create(&out->memory, "ln f*", "limit", out->runs, 1, &out->results[self->entry_count],
                                  self->error));
    return compare_track_create(out->steps, &self->memory, &self->track, self->error);
}

/* Are there no other instances for a second run? */
static bool sees_all(const comparing *self) {
    const problem *test = self->test;
    return test->source != NULL && user_data_part(test->source, self->stream) == test->batch;
}

/* Of a user's instances, those that are held out from practice, where there is practice. Trained weights may have been
 * trained on these very instances. */
static l2o_status create_test(comparing *self) {
    for (int i = 0; i < self->entry_count; i++) {
        const compare_entry *entry = &self->entries[i];
        self->practised |= entry->adapt || entry->tune || weights_file_recognised(entry->name);
    }
    TRY(problem_create_for(self->settings, COMPONENT_ALL, self->practised ? STREAM_HELD_OUT : STREAM_TEST, &self->test,
                           self->error));
    const user_data *source = self->test->source;
    bool split = self->practised && source != NULL && source->instances > 0 && source->held_out > 0;
    self->stream = split ? STREAM_HELD_OUT : STREAM_TEST;
    return L2O_OK;
}

static void tell_test(const comparing *self) {
    const user_data *source = self->test->source;
    if (source == NULL || source->instances == 0) return;
    long long count = (long long)source->instances;
    if (self->stream == STREAM_HELD_OUT)
        context_message(self->context,
                        "tested on the %lld of %lld instances that are held out (held-out), because optimizers adapt, "
                        "are tuned or may have been trained on the others",
                        (long long)source->held_out, count);
    else if (self->practised)
        context_message(self->context,
                        "warning: nothing is held out of %lld instance%s%s, so optimizers are tested on what they "
                        "adapt to, are tuned on or may have been trained on",
                        count, count == 1 ? "" : "s", count == 1 ? "" : " (held-out is 0)");
    else
        context_message(self->context, "tested on all %lld instance%s", count, count == 1 ? "" : "s");
}

static l2o_status prepare(comparing *self) {
    const l2o_settings *settings = self->settings;
    l2o_comparison *out = self->out;
    self->seed = (uint64_t)settings_integer(settings, "seed");
    out->steps = settings_integer(settings, "steps");
    if (out->steps < 1)
        return error_set(self->error, L2O_ERROR_INPUT, "steps is %lld (%s), but a comparison needs at least 1",
                         (long long)out->steps, settings_origin(settings, "steps"));
    TRY(compare_entries_parse(settings_text(settings, "optimizers"), problem_find(settings_peek(settings, "problem")),
                              &self->memory, &self->entries, &self->entry_count, self->error));
    TRY(create_test(self));
    out->runs = sees_all(self) ? 1 : RUNS;
    if (settings_is_set(settings, "runs")) out->runs = settings_integer(settings, "runs");
    self->limit = settings_flag(settings, "limit") && compare_limit_exists(self->test);
    for (int i = 0; i < self->entry_count; i++) {
        compare_entry *entry = &self->entries[i];
        TRY(compare_entry_create(self->context, entry, settings, self->test, &self->memory, self->error));
        self->total += out->runs + entry->tune;
    }
    if (self->limit) self->total += out->runs;
    TRY(settings_check_used(settings, "this comparison", self->error));
    tell_test(self);
    return prepare_results(self);
}

/* --------------------------------------------------------------------------------------------------------- the runs */

/* Adaptation and a run on the test problem. Weights that adaptation cannot get finite gradients for stay as they are;
 * it says so itself. */
static l2o_status run_entry(comparing *self, int index, int64_t run) {
    compare_entry *entry = &self->entries[index];
    double evaluations, seconds;
    TRY(report(self, entry->label));
    TRY(compare_entry_begin(self->context, entry, (uint32_t)run, &evaluations, &seconds, self->error));
    if (run == 0 && !entry->adapt) TRY(range_warn(self->context, entry->optimizer, self->test, self->error));
    TRY(compare_run(self->context, self->test, entry->optimizer, steps_of(self, entry), &self->track, self->error));
    if (run == 0)
        divergence_warn_of_mean(self->context, entry->optimizer, self->track.objective[0],
                                self->track.objective[steps_of(self, entry)]);
    compare_result_add(&self->out->results[index], run, &self->track, evaluations, seconds);
    self->done++;
    return L2O_OK;
}

static l2o_status run_limit(comparing *self, int64_t run) {
    compare_result *result = &self->out->results[self->entry_count];
    double optimum, gap, started = clock_seconds();
    TRY(report(self, result->row.label));
    TRY(compare_limit(self->context, self->test, &optimum, &gap, self->error));
    double unspent = 0, seconds = clock_seconds() - started;
    compare_track track = {&optimum, &unspent, &seconds, NULL};
    if (optimum <= RESOLUTION * self->track.objective[0]) optimum = 0;
    compare_result_add(result, run, &track, 0, 0);
    result->gap = run == 0 ? gap : fmax(result->gap, gap);
    self->done++;
    return L2O_OK;
}

static l2o_status run_all(comparing *self) {
    for (int i = 0; i < self->entry_count; i++) {
        compare_entry *entry = &self->entries[i];
        if (!entry->tune) continue;
        TRY(report(self, entry->label));
        TRY(compare_entry_tune(self->context, entry, steps_of(self, entry), &self->memory, self->error));
        self->done++;
    }
    for (int64_t run = 0; run < self->out->runs; run++) {
        TRY(problem_sample(self->test, self->seed, self->stream, (uint32_t)run, 0, self->error));
        for (int i = 0; i < self->entry_count; i++) {
            l2o_status status = run_entry(self, i, run);
            if (status != L2O_OK) return compare_entry_failed(&self->entries[i], status, self->error);
        }
        if (self->limit) TRY(run_limit(self, run));
    }
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------- afterwards */

/* Which instances were tested on, and whether nobody practised on them. */
static json_t *describe_test(const comparing *self) {
    const user_data *source = self->test->source;
    bool drawn = source == NULL || source->instances == 0, held_out = self->stream == STREAM_HELD_OUT;
    if (drawn) return json_pack("{s:s, s:b}", "part", "drawn", "apart", 1);
    return json_pack("{s:s, s:b, s:I, s:I}", "part", held_out ? "held out" : "all", "apart",
                     held_out || !self->practised, "instances",
                     (json_int_t)(held_out ? source->held_out : source->instances), "of",
                     (json_int_t)source->instances);
}

static l2o_status describe(comparing *self) {
    const l2o_context *context = self->context;
    const problem *test = self->test;
    json_t *settings = settings_json(self->settings, self->error);
    if (settings == NULL) return self->error->status;
    self->out->about = json_pack("{s:s, s:s, s:i, s:s, s:I, s:I, s:s, s:I, s:I, s:I, s:o, s:o}", "program",
                                 "l2o " L2O_VERSION, "kernel", context->kernel, "threads", context->threads, "problem",
                                 test->ops->name, "n", (json_int_t)test->dimension, "batch", (json_int_t)test->batch,
                                 "dtype", test->type == DTYPE_FLOAT32 ? "float32" : "float64", "seed",
                                 (json_int_t)self->seed, "runs", (json_int_t)self->out->runs, "steps",
                                 (json_int_t)self->out->steps, "settings", settings, "test", describe_test(self));
    if (self->out->about == NULL)
        return error_set(self->error, L2O_ERROR_MEMORY, "out of memory while the comparison was described");
    return L2O_OK;
}

static l2o_status finish(comparing *self) {
    l2o_comparison *out = self->out;
    for (int i = 0; i < out->count; i++) TRY(compare_result_finish(&out->results[i], self->error));
    for (int i = 0; i < self->entry_count; i++) out->results[i].row.rate = self->entries[i].rate;
    if (self->limit) {
        l2o_compare_row *row = &out->results[self->entry_count].row;
        row->is_limit = 1;
        row->rate = NAN;
        row->gradient_evaluations = row->preparation_evaluations = NAN; /* not of this kind */
        out->results[self->entry_count].evaluations[0] = NAN;
        if (isinf(row->minimum)) out->count--; /* f* = 0 */
    }
    TRY(describe(self));
    return report(self, "");
}

static l2o_status work(comparing *self) {
    TRY(prepare(self));
    TRY(run_all(self));
    return finish(self);
}

l2o_status l2o_compare(l2o_context *context, const l2o_settings *settings, l2o_compare_function function, void *user,
                       l2o_comparison **comparison) {
    error_clear(&context->error);
    *comparison = NULL;
    l2o_comparison *out = memory_allocate(1, sizeof *out, &context->error);
    if (out == NULL) return context->error.status;
    comparing self = {.context = context,
                      .settings = settings,
                      .function = function,
                      .user = user,
                      .out = out,
                      .error = &context->error};
    l2o_status status = work(&self);
    for (int i = 0; i < self.entry_count; i++) compare_entry_free(&self.entries[i]);
    problem_free(self.test);
    arena_free(&self.memory);
    if (status != L2O_OK) {
        l2o_comparison_free(out);
        return status;
    }
    *comparison = out;
    return L2O_OK;
}

int l2o_comparison_rows(const l2o_comparison *comparison) { return comparison->count; }

const l2o_compare_row *l2o_comparison_row(const l2o_comparison *comparison, int index) {
    return index >= 0 && index < comparison->count ? &comparison->results[index].row : NULL;
}

void l2o_comparison_free(l2o_comparison *comparison) {
    if (comparison == NULL) return;
    json_decref(comparison->about);
    arena_free(&comparison->memory);
    memory_free(comparison);
}
