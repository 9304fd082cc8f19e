/* Runs a cell: run r has draw r of the test stream as its problem and draw r of the adaptation stream to adapt on, for
 * every method the same. */
#include "experiment/cell.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/settings_list.h"
#include "experiment/compare_entry.h"
#include "experiment/quantity.h"
#include "io/file.h"
#include "problems/user_data.h"

enum { CELL_FORMAT = 1, DENSE_STEPS = 10, CURVE_POINTS = 100, MOST_DICTIONARIES = 64 };

/* ------------------------------------------------------------------------------------------------------ its identity
 */

static l2o_status describe_weights(const char *path, buffer *text, l2o_error *error) {
    buffer file = {0};
    l2o_status status = file_read(path, 0, &file, error);
    if (status == L2O_OK) {
        unsigned long sum = crc32_z(0, (const void *)file.bytes, file.size);
        status = buffer_print(text, error, "weights=%08lx\n", sum);
    }
    buffer_free(&file);
    return status;
}

static bool is_given(const l2o_settings *given, const char *name) {
    return given != NULL && settings_is_given(given, name);
}

/* Those that the user's settings replace have no part in the cell; `given` is NULL for lists that hold in any case. */
static l2o_status describe_list(const value_list *list, const l2o_settings *given, const char *what, buffer *text,
                                l2o_error *error) {
    for (int i = 0; i < list->count; i++) {
        const named_value *value = &list->items[i];
        if (is_given(given, value->name)) continue;
        TRY(buffer_print(text, error, "%s %s=%s\n", what, value->name, value->value));
        TRY(experiment_describe_files(value->name, value->value, text, error));
    }
    return L2O_OK;
}

/* Steps whose points the curve always has: the first ones, then evenly, and the last. */
static bool is_regular(int64_t step, int64_t steps) {
    int64_t stride = steps / CURVE_POINTS;
    return step <= DENSE_STEPS || stride <= 1 || step % stride == 0 || step == steps;
}

/* These, and those that the experiment asks about. */
static bool is_point(int64_t step, int64_t steps, const experiment *experiment) {
    bool asked = false;
    for (int i = 0; i < experiment->at_count; i++) asked |= experiment->at[i] == step;
    return asked || is_regular(step, steps);
}

static uint64_t hash(const buffer *text) { /* FNV-1a */
    uint64_t value = 14695981039346656037u;
    for (size_t i = 0; i < text->size; i++) value = (value ^ (unsigned char)text->bytes[i]) * 1099511628211u;
    return value;
}

l2o_status cell_describe(cell *cell, const char *kernel, const experiment *experiment, const l2o_settings *given,
                         const l2o_settings *settings, const char *folder, l2o_error *error) {
    const experiment_method *method = cell->method;
    const quantity *quantity = experiment->quantity;
    buffer *text = &cell->description, path = {0};
    cell->paired = quantity->other != NULL;
    TRY(buffer_print(text, error, "cell %d of l2o %s on %s\n", (int)CELL_FORMAT, L2O_VERSION, kernel));
    TRY(buffer_print(text, error, "optimizer=%s limit=%d adapt=%d tune=%d\n",
                     method->optimizer != NULL ? method->optimizer : "", method->limit, method->adapt,
                     (int)method->tune));
    TRY(experiment_describe_files("optimizer", method->optimizer, text, error));
    if (cell->weights != NULL) TRY(describe_weights(cell->weights, text, error));
    if (quantity != &quantity_ln) TRY(buffer_print(text, error, "quantity=%s\n", quantity->name));
    TRY(describe_list(&method->options, given, "option", text, error));
    TRY(describe_list(&method->test, given, "test", text, error));
    if (method->adapt) TRY(describe_list(&cell->panel->adapt, NULL, "option", text, error));
    if (method->adapt) TRY(describe_list(&cell->variant->adapt, NULL, "option", text, error));
    int64_t steps = method->limit ? 0 : settings_integer(settings, "steps");
    for (int i = 0; i < experiment->at_count; i++) {
        int64_t at = experiment->at[i];
        if (at < steps && !is_regular(at, steps)) TRY(buffer_print(text, error, "at=%lld\n", (long long)at));
    }
    TRY(experiment_describe_settings(settings, text, error));
    TRY(buffer_print(&path, error, "%s/%016llx.json", folder, (unsigned long long)hash(text)));
    cell->path = memory_string(buffer_text(&path), error);
    buffer_free(&path);
    return cell->path == NULL ? error->status : L2O_OK;
}

/* --------------------------------------------------------------------------------------------------------- its memory
 */

static double *numbers(cell *cell, int64_t a, int64_t b, double value, l2o_error *error) {
    size_t count, bytes;
    if (memory_product((size_t)a, (size_t)b, "steps of all runs", &count, error) != L2O_OK) return NULL;
    if (memory_product(count, sizeof(double), "steps of all runs", &bytes, error) != L2O_OK) return NULL;
    double *made = arena_allocate(&cell->memory, bytes, error);
    for (size_t i = 0; i < count && made != NULL; i++) made[i] = value;
    return made;
}

l2o_status cell_allocate(cell *cell, int64_t runs, int64_t points, l2o_error *error) {
    cell->runs = runs;
    cell->points = points;
    cell->preparation_evaluations = cell->preparation_seconds = 0;
    double **const of_runs[] = {&cell->minimum, &cell->minimum_step, &cell->last, &cell->rate};
    for (int i = 0; i < 4; i++)
        if ((*of_runs[i] = numbers(cell, runs, 1, NAN, error)) == NULL) return error->status;
    cell->evaluations = numbers(cell, points, 1, 0, error);
    cell->seconds = numbers(cell, points, 1, 0, error);
    cell->curve = numbers(cell, runs, points, NAN, error);
    cell->other = cell->paired ? numbers(cell, runs, points, NAN, error) : NULL;
    cell->point = arena_allocate(&cell->memory, (size_t)points * sizeof *cell->point, error);
    bool complete = cell->evaluations && cell->seconds && cell->curve && cell->point && (cell->other || !cell->paired);
    return complete ? L2O_OK : error->status;
}

void cell_free(cell *cell) {
    buffer_free(&cell->description);
    memory_free(cell->path);
    arena_free(&cell->memory);
}

static l2o_status choose_points(cell *cell, int64_t runs, const experiment *experiment, l2o_error *error) {
    int64_t count = 0;
    for (int64_t t = 0; t <= cell->steps; t++) count += is_point(t, cell->steps, experiment);
    TRY(cell_allocate(cell, runs, count, error));
    count = 0;
    for (int64_t t = 0; t <= cell->steps; t++)
        if (is_point(t, cell->steps, experiment)) cell->point[count++] = t;
    return L2O_OK;
}

/* ---------------------------------------------------------------------------------------------------------- its runs
 */

typedef struct running {
    cell *cell;
    l2o_context *context;
    const experiment *experiment;
    const l2o_settings *given, *settings;
    l2o_settings *own; /* those of the present dictionary and of this method */
    problem *test;
    compare_entry entry;
    compare_track track, best; /* best: of the rates that were tried */
    arena memory;
    l2o_error *error;
} running;

static l2o_status add_options(running *self, const value_list *list) {
    compare_entry *entry = &self->entry;
    for (int i = 0; i < list->count; i++) {
        const named_value *value = &list->items[i];
        if (list == &self->cell->method->options && is_given(self->given, value->name)) continue; /* the user's holds */
        int k = 0;
        while (k < entry->option_count && strcmp(entry->options[k].key, value->name) != 0) k++;
        entry->options[k] = (compare_option){value->name, value->value}; /* a variant's stands above a panel's */
        if (k == entry->option_count) entry->option_count++;
    }
    return L2O_OK;
}

static char *text(running *self, const char *from) {
    char *copy = arena_allocate(&self->memory, strlen(from) + 1, self->error);
    if (copy != NULL) memcpy(copy, from, strlen(from) + 1);
    return copy;
}

static l2o_status create_entry(running *self) {
    cell *cell = self->cell;
    const experiment_method *method = cell->method;
    compare_entry *entry = &self->entry;
    size_t most = (size_t)(method->options.count + cell->panel->adapt.count + cell->variant->adapt.count);
    entry->label = text(self, method->name);
    entry->spec = text(self, method->name);
    entry->name = text(self, cell->weights != NULL ? cell->weights : method->optimizer);
    entry->options = arena_allocate(&self->memory, (most + 1) * sizeof *entry->options, self->error);
    if (!entry->label || !entry->spec || !entry->name || !entry->options) return self->error->status;
    if (method->tune != RATE_GIVEN && is_given(self->given, "rate"))
        return error_set(self->error, L2O_ERROR_INPUT, "%s: the rate is found by tuning here; remove it",
                         settings_origin(self->given, "rate"));
    entry->rate = NAN;
    entry->adapt = method->adapt;
    entry->tune = method->tune != RATE_GIVEN;
    TRY(add_options(self, &method->options));
    if (method->adapt) TRY(add_options(self, &cell->panel->adapt));
    if (method->adapt) TRY(add_options(self, &cell->variant->adapt));
    return compare_entry_create(self->context, entry, self->own, self->test, &self->memory, self->error);
}

static bool has_dictionaries(const running *self) {
    return settings_is_set(self->settings, "A-seeds") && settings_equals(self->settings, "shared-A", "yes") &&
           !data_file_recognised(settings_peek(self->settings, "A"));
}

/* Several dictionaries take turns: run r has the r-th of the list, which begins anew at its end. */
static l2o_status read_dictionaries(const running *self, int64_t dictionaries[MOST_DICTIONARIES], int *count) {
    *count = 1;
    if (!has_dictionaries(self)) return L2O_OK;
    return settings_integers(self->settings, "A-seeds", (list_limits){0, 9007199254740992.0, MOST_DICTIONARIES},
                             dictionaries, count, self->error);
}

static l2o_status set_own(running *self, int64_t dictionary) {
    char number[32];
    TRY(settings_copy(self->settings, &self->own, self->error));
    if (has_dictionaries(self)) {
        settings_mark_used(self->own, "A-seeds");
        snprintf(number, sizeof number, "%lld", (long long)dictionary);
        TRY(settings_set(self->own, "A-seed", number, "A-seeds", self->error));
    }
    return experiment_set_values(&self->cell->method->test, self->given, self->own, self->error);
}

static l2o_status refuse_file(const running *self, const char *name) {
    return error_set(
        self->error, L2O_ERROR_INPUT,
        "%s: %s = %s: experiments draw their instances, and take from files the A alone that all instances "
        "share, of the shape [m, n]; for instances from files use `l2o compare`",
        settings_origin(self->own, name), name, settings_peek(self->own, name));
}

/* Every run has instances of its own; what they have in common may be the user's. */
static l2o_status check_files(const running *self) {
    static const char *const drawn[] = {"b", "truth", "lambda", "x0"};
    for (int i = 0; i < 4; i++)
        if (settings_is_set(self->own, drawn[i]) && data_file_recognised(settings_peek(self->own, drawn[i])))
            return refuse_file(self, drawn[i]);
    return L2O_OK;
}

static l2o_status check_test(const running *self) {
    const experiment_method *method = self->cell->method;
    const quantity *quantity = self->experiment->quantity;
    if (self->test->source != NULL && self->test->source->instances > 0) return refuse_file(self, "A");
    if (method->test.count > 0 && !self->test->ops->supervised)
        return error_set(self->error, L2O_ERROR_INPUT,
                         "%s: another %s would be another objective of the problem %s; methods have their own only "
                         "where they are not judged by it, as of recovery",
                         method->test.items[0].origin, method->test.items[0].name, self->test->ops->name);
    if (method->limit && !compare_limit_exists(self->test))
        return error_set(self->error, L2O_ERROR_INPUT,
                         "%s: nothing finds the optimum of problem %s; leave out the limit", method->origin,
                         self->test->ops->name);
    return quantity->suits == NULL ? L2O_OK : quantity->suits(self->test, self->error);
}

static l2o_status create_tracks(running *self) {
    cell *cell = self->cell;
    compare_track *const tracks[] = {&self->track, &self->best};
    for (int i = 0; i < 2; i++) {
        TRY(compare_track_create(cell->steps, &self->memory, tracks[i], self->error));
        if (self->experiment->quantity->of_instances)
            TRY(compare_track_keep_instances(cell->steps, self->test->batch, &self->memory, tracks[i], self->error));
    }
    return L2O_OK;
}

/* Problem, optimizer and tracks for one dictionary. */
static l2o_status prepare(running *self, int64_t dictionary) {
    cell *cell = self->cell;
    TRY(set_own(self, dictionary));
    settings_mark_used(self->own, "seed");
    cell->steps = cell->method->limit ? 0 : settings_integer(self->own, "steps");
    TRY(check_files(self));
    TRY(problem_create_for(self->own, COMPONENT_ALL, STREAM_TEST, &self->test, self->error));
    TRY(check_test(self));
    if (!cell->method->limit) {
        TRY(create_entry(self));
        int64_t limit = self->entry.optimizer->step_limit;
        if (limit > 0 && limit < cell->steps) cell->steps = limit;
        if (cell->steps < 1)
            return error_set(self->error, L2O_ERROR_INPUT, "steps is %lld, but an experiment needs at least 1",
                             (long long)cell->steps);
        TRY(create_tracks(self));
        cell->weight_total = (double)self->entry.optimizer->weight_total;
    }
    cell->instances = (double)self->test->batch;
    char what[160];
    snprintf(what, sizeof what, "method %.60s on panel %.60s", cell->method->name, cell->panel->name);
    return settings_check_used(self->own, what, self->error);
}

static void discard(running *self) {
    compare_entry_free(&self->entry);
    self->entry = (compare_entry){0};
    problem_free(self->test);
    self->test = NULL;
    settings_free(self->own);
    self->own = NULL;
    arena_free(&self->memory);
}

static l2o_status add_run(running *self, int64_t run, const compare_track *track) {
    cell *cell = self->cell;
    const quantity *quantity = self->experiment->quantity;
    int64_t step = 0;
    double *curve = cell->curve + run * cell->points, share = 1 / (double)cell->runs, optimum = NAN, gap;
    if (quantity->of_optimum) TRY(compare_limit(self->context, self->test, &optimum, &gap, self->error));
    for (int64_t k = 0; k < cell->points; k++) {
        int64_t t = cell->point[k];
        double value[2];
        quantity->measure(self->test, track, t, optimum, value);
        curve[k] = value[0];
        if (cell->paired) cell->other[run * cell->points + k] = value[1];
        cell->evaluations[k] += share * track->evaluations[t];
        cell->seconds[k] += share * track->seconds[t];
    }
    cell->minimum[run] = cell->steps == 0 ? curve[0] : compare_track_minimum(track, cell->steps, &step);
    cell->minimum_step[run] = cell->steps == 0 ? (double)NAN : (double)step;
    cell->last[run] = curve[cell->points - 1];
    return L2O_OK;
}

static l2o_status run_limit(running *self, int64_t run) {
    double optimum, gap, unspent = 0, started = clock_seconds();
    TRY(compare_limit(self->context, self->test, &optimum, &gap, self->error));
    double seconds = clock_seconds() - started;
    compare_track track = {&optimum, &unspent, &seconds, NULL};
    return add_run(self, run, &track);
}

/* The rate that serves this very problem best: what no tuning beforehand can do better than. Every try is paid for. */
static l2o_status run_best_rate(running *self, int64_t run) {
    cell *cell = self->cell;
    int lowest, highest;
    double least = INFINITY, spent = 0, started = clock_seconds();
    TRY(compare_entry_powers(&self->entry, &lowest, &highest, self->error));
    for (int power = highest; power >= lowest; power--) {
        optimizer *optimizer;
        TRY(compare_entry_at_rate(&self->entry, power, &optimizer, self->error));
        l2o_status status = compare_run(self->context, self->test, optimizer, cell->steps, &self->track, self->error);
        optimizer_free(optimizer);
        TRY(status);
        double minimum = compare_track_minimum(&self->track, cell->steps, NULL);
        spent += self->track.evaluations[cell->steps];
        if (!(minimum < least) && power != highest) continue;
        least = minimum;
        cell->rate[run] = pow(10, 0.5 * power);
        compare_track swap = self->best;
        self->best = self->track;
        self->track = swap;
    }
    double seconds = clock_seconds() - started, share = 1 / (double)cell->runs;
    TRY(add_run(self, run, &self->best));
    cell->preparation_evaluations += share * (spent - self->best.evaluations[cell->steps]);
    cell->preparation_seconds += share * (seconds - self->best.seconds[cell->steps]);
    return L2O_OK;
}

static l2o_status run_entry(running *self, int64_t run) {
    cell *cell = self->cell;
    double evaluations, seconds, share = 1 / (double)cell->runs;
    TRY(compare_entry_begin(self->context, &self->entry, (uint32_t)run, &evaluations, &seconds, self->error));
    TRY(compare_run(self->context, self->test, self->entry.optimizer, cell->steps, &self->track, self->error));
    TRY(add_run(self, run, &self->track));
    cell->rate[run] = self->entry.rate;
    cell->preparation_evaluations += share * evaluations;
    cell->preparation_seconds += share * seconds;
    return L2O_OK;
}

/* Every `count`-th run from `first` on. */
static l2o_status run_some(running *self, int first, int count) {
    cell *cell = self->cell;
    uint64_t seed = (uint64_t)settings_integer(self->own, "seed");
    if (cell->method->tune == RATE_BY_FAMILY)
        TRY(compare_entry_tune(self->context, &self->entry, cell->steps, &self->memory, self->error));
    for (int64_t run = first; run < cell->runs; run += count) {
        if (context_cancelled(self->context))
            return error_set(self->error, L2O_ERROR_CANCELLED, "cancelled by the user");
        TRY(problem_sample(self->test, seed, STREAM_TEST, (uint32_t)run, 0, self->error));
        TRY(cell->method->limit                     ? run_limit(self, run)
            : cell->method->tune == RATE_BY_PROBLEM ? run_best_rate(self, run)
                                                    : run_entry(self, run));
    }
    return L2O_OK;
}

/* On all dictionaries, or on the first in rehearsal. */
static l2o_status run_all(running *self, bool rehearsal) {
    cell *cell = self->cell;
    int64_t runs = settings_is_set(self->settings, "runs") ? settings_integer(self->settings, "runs") : 10;
    int64_t dictionaries[MOST_DICTIONARIES] = {0};
    int count;
    TRY(read_dictionaries(self, dictionaries, &count));
    if (runs < count)
        return error_set(
            self->error, L2O_ERROR_INPUT,
            "%s: A-seeds lists %d dictionaries, which the runs take in turn, but runs is %lld; list fewer, "
            "or set runs to %d or more",
            settings_origin(self->settings, "A-seeds"), count, (long long)runs, count);
    for (int d = 0; d < count; d++) {
        l2o_status status = prepare(self, dictionaries[d]);
        if (status == L2O_OK && d == 0) status = choose_points(cell, runs, self->experiment, self->error);
        if (status == L2O_OK && !rehearsal) status = run_some(self, d, count);
        if (self->own != NULL) settings_share_use(self->own, self->settings);
        discard(self);
        if (status != L2O_OK || rehearsal) return status;
    }
    return L2O_OK;
}

static l2o_status named(const cell *cell, l2o_status status, l2o_error *error) {
    if (status == L2O_OK || status == L2O_ERROR_CANCELLED || status == L2O_ERROR_MEMORY) return status;
    l2o_error cause = *error;
    return error_set(error, status, "[panel %s], [method %s]: %s", cell->panel->name, cell->method->name, cause.text);
}

l2o_status cell_rehearse(cell *cell, l2o_context *context, const experiment *experiment, const l2o_settings *given,
                         const l2o_settings *settings, l2o_error *error) {
    struct cell copy = {.method = cell->method,
                        .panel = cell->panel,
                        .variant = cell->variant,
                        .weights = cell->weights,
                        .paired = experiment->quantity->other != NULL};
    running self = {.cell = &copy,
                    .context = context,
                    .experiment = experiment,
                    .given = given,
                    .settings = settings,
                    .error = error};
    l2o_status status = named(&copy, run_all(&self, true), error);
    arena_free(&copy.memory);
    return status;
}

l2o_status cell_run(cell *cell, l2o_context *context, const experiment *experiment, const l2o_settings *given,
                    const l2o_settings *settings, l2o_error *error) {
    running self = {.cell = cell,
                    .context = context,
                    .experiment = experiment,
                    .given = given,
                    .settings = settings,
                    .error = error};
    return named(cell, run_all(&self, false), error);
}
