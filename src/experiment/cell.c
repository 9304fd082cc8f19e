/* Runs a cell: run r has draw r of the test stream as its problem and draw r of the adaptation stream to adapt on, for
 * every method the same. */
#include "experiment/cell.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "experiment/compare_entry.h"
#include "io/file.h"

enum { CELL_FORMAT = 1, DENSE_STEPS = 10, CURVE_POINTS = 100 };

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
static l2o_status describe_list(const value_list *list, const l2o_settings *given, buffer *text, l2o_error *error) {
    for (int i = 0; i < list->count; i++)
        if (!is_given(given, list->items[i].name))
            TRY(buffer_print(text, error, "option %s=%s\n", list->items[i].name, list->items[i].value));
    return L2O_OK;
}

/* The curve's points: the first steps one by one, then evenly, and the step that the experiment asks about. */
static bool is_point(int64_t step, int64_t steps, int64_t at) {
    int64_t stride = steps / CURVE_POINTS;
    return step <= DENSE_STEPS || stride <= 1 || step % stride == 0 || step == at || step == steps;
}

static uint64_t hash(const buffer *text) { /* FNV-1a */
    uint64_t value = 14695981039346656037u;
    for (size_t i = 0; i < text->size; i++) value = (value ^ (unsigned char)text->bytes[i]) * 1099511628211u;
    return value;
}

l2o_status cell_describe(cell *cell, const char *kernel, const l2o_settings *given, const l2o_settings *settings,
                         int64_t at, const char *folder, l2o_error *error) {
    const experiment_method *method = cell->method;
    buffer *text = &cell->description, path = {0};
    TRY(buffer_print(text, error, "cell %d of l2o %s on %s\n", (int)CELL_FORMAT, L2O_VERSION, kernel));
    TRY(buffer_print(text, error, "optimizer=%s limit=%d adapt=%d tune=%d\n",
                     method->optimizer != NULL ? method->optimizer : "", method->limit, method->adapt,
                     (int)method->tune));
    if (cell->weights != NULL) TRY(describe_weights(cell->weights, text, error));
    TRY(describe_list(&method->options, given, text, error));
    if (method->adapt) TRY(describe_list(&cell->panel->adapt, NULL, text, error));
    if (method->adapt) TRY(describe_list(&cell->variant->adapt, NULL, text, error));
    int64_t steps = method->limit ? 0 : settings_integer(settings, "steps");
    if (at < steps && !is_point(at, steps, 0)) TRY(buffer_print(text, error, "at=%lld\n", (long long)at));
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
    cell->logarithm = numbers(cell, runs, points, NAN, error);
    cell->point = arena_allocate(&cell->memory, (size_t)points * sizeof *cell->point, error);
    return !cell->evaluations || !cell->seconds || !cell->logarithm || !cell->point ? error->status : L2O_OK;
}

void cell_free(cell *cell) {
    buffer_free(&cell->description);
    memory_free(cell->path);
    arena_free(&cell->memory);
}

static l2o_status choose_points(cell *cell, int64_t runs, int64_t at, l2o_error *error) {
    int64_t count = 0;
    for (int64_t t = 0; t <= cell->steps; t++) count += is_point(t, cell->steps, at);
    TRY(cell_allocate(cell, runs, count, error));
    count = 0;
    for (int64_t t = 0; t <= cell->steps; t++)
        if (is_point(t, cell->steps, at)) cell->point[count++] = t;
    return L2O_OK;
}

/* ---------------------------------------------------------------------------------------------------------- its runs
 */

typedef struct running {
    cell *cell;
    l2o_context *context;
    const experiment *experiment;
    const l2o_settings *given, *settings;
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
    return compare_entry_create(self->context, entry, self->settings, self->test, &self->memory, self->error);
}

static l2o_status prepare(running *self) {
    cell *cell = self->cell;
    settings_mark_used(self->settings, "seed");
    cell->steps = cell->method->limit ? 0 : settings_integer(self->settings, "steps");
    int64_t runs = settings_is_set(self->settings, "runs") ? settings_integer(self->settings, "runs") : 10;
    TRY(problem_create_for(self->settings, COMPONENT_ALL, STREAM_TEST, &self->test, self->error));
    if (self->test->source != NULL)
        return error_set(self->error, L2O_ERROR_INPUT,
                         "experiments draw their problems; for instances from files use `l2o compare`");
    if (cell->method->limit) {
        if (!compare_limit_exists(self->test))
            return error_set(self->error, L2O_ERROR_INPUT,
                             "%s: nothing finds the optimum of problem %s; leave out the limit", cell->method->origin,
                             self->test->ops->name);
    } else {
        TRY(create_entry(self));
        int64_t limit = self->entry.optimizer->step_limit;
        if (limit > 0 && limit < cell->steps) cell->steps = limit;
        if (cell->steps < 1)
            return error_set(self->error, L2O_ERROR_INPUT, "steps is %lld, but an experiment needs at least 1",
                             (long long)cell->steps);
        TRY(compare_track_create(cell->steps, &self->memory, &self->track, self->error));
        TRY(compare_track_create(cell->steps, &self->memory, &self->best, self->error));
    }
    char what[160];
    snprintf(what, sizeof what, "method %.60s on panel %.60s", cell->method->name, cell->panel->name);
    TRY(settings_check_used(self->settings, what, self->error));
    return choose_points(cell, runs, self->experiment->at, self->error);
}

static void add_run(cell *cell, int64_t run, const compare_track *track) {
    int64_t step = 0;
    double *logarithm = cell->logarithm + run * cell->points, share = 1 / (double)cell->runs;
    for (int64_t k = 0; k < cell->points; k++) {
        int64_t t = cell->point[k];
        logarithm[k] = compare_logarithm(track->objective[t]);
        cell->evaluations[k] += share * track->evaluations[t];
        cell->seconds[k] += share * track->seconds[t];
    }
    cell->minimum[run] = cell->steps == 0 ? logarithm[0] : compare_track_minimum(track, cell->steps, &step);
    cell->minimum_step[run] = cell->steps == 0 ? (double)NAN : (double)step;
    cell->last[run] = logarithm[cell->points - 1];
}

static l2o_status run_limit(running *self, int64_t run) {
    double optimum, gap, unspent = 0, started = clock_seconds();
    TRY(compare_limit(self->context, self->test, &optimum, &gap, self->error));
    double seconds = clock_seconds() - started;
    compare_track track = {&optimum, &unspent, &seconds};
    add_run(self->cell, run, &track);
    return L2O_OK;
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
    add_run(cell, run, &self->best);
    cell->preparation_evaluations += share * (spent - self->best.evaluations[cell->steps]);
    cell->preparation_seconds += share * (seconds - self->best.seconds[cell->steps]);
    return L2O_OK;
}

static l2o_status run_entry(running *self, int64_t run) {
    cell *cell = self->cell;
    double evaluations, seconds, share = 1 / (double)cell->runs;
    TRY(compare_entry_begin(self->context, &self->entry, (uint32_t)run, &evaluations, &seconds, self->error));
    TRY(compare_run(self->context, self->test, self->entry.optimizer, cell->steps, &self->track, self->error));
    add_run(cell, run, &self->track);
    cell->rate[run] = self->entry.rate;
    cell->preparation_evaluations += share * evaluations;
    cell->preparation_seconds += share * seconds;
    return L2O_OK;
}

static l2o_status run_all(running *self) {
    cell *cell = self->cell;
    uint64_t seed = (uint64_t)settings_integer(self->settings, "seed");
    if (cell->method->tune == RATE_BY_FAMILY)
        TRY(compare_entry_tune(self->context, &self->entry, cell->steps, &self->memory, self->error));
    for (int64_t run = 0; run < cell->runs; run++) {
        if (context_cancelled(self->context))
            return error_set(self->error, L2O_ERROR_CANCELLED, "cancelled by the user");
        TRY(problem_sample(self->test, seed, STREAM_TEST, (uint32_t)run, 0, self->error));
        TRY(cell->method->limit                     ? run_limit(self, run)
            : cell->method->tune == RATE_BY_PROBLEM ? run_best_rate(self, run)
                                                    : run_entry(self, run));
    }
    return L2O_OK;
}

static l2o_status named(const cell *cell, l2o_status status, l2o_error *error) {
    if (status == L2O_OK || status == L2O_ERROR_CANCELLED || status == L2O_ERROR_MEMORY) return status;
    l2o_error cause = *error;
    return error_set(error, status, "[panel %s], [method %s]: %s", cell->panel->name, cell->method->name, cause.text);
}

static l2o_status work(running *self, bool rehearsal) {
    l2o_status status = prepare(self);
    if (status == L2O_OK && !rehearsal) status = run_all(self);
    compare_entry_free(&self->entry);
    problem_free(self->test);
    arena_free(&self->memory);
    return named(self->cell, status, self->error);
}

l2o_status cell_rehearse(cell *cell, l2o_context *context, const experiment *experiment, const l2o_settings *given,
                         const l2o_settings *settings, l2o_error *error) {
    struct cell copy = {
        .method = cell->method, .panel = cell->panel, .variant = cell->variant, .weights = cell->weights};
    running self = {.cell = &copy,
                    .context = context,
                    .experiment = experiment,
                    .given = given,
                    .settings = settings,
                    .error = error};
    l2o_status status = work(&self, true);
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
    return work(&self, false);
}
