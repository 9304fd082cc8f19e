/* Tuning: half-decade rates 10^(k/2) over a range that is extended as long as its end is the best. A rate is judged by
 * the mean, over a few tuning problems, of ln of the minimum that it reaches: the number that comparisons report. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "experiment/compare_entry.h"

enum { LEAST_POWER = -40, MOST_POWER = 40 }; /* of the root of ten */

typedef struct tuning {
    l2o_context *context;
    compare_entry *entry;
    int64_t steps, problems;
    uint64_t seed;
    compare_track track;
    int best;
    double least; /* score of the best */
    l2o_error *error;
} tuning;

/* Four digits, so that the rate reads well and is used as it reads. */
static void rate_text(int power, char text[32]) { snprintf(text, 32, "%.4g", pow(10, 0.5 * power)); }

l2o_status compare_entry_at_rate(const compare_entry *entry, int power, optimizer **made, l2o_error *error) {
    l2o_settings *settings;
    char text[32];
    rate_text(power, text);
    TRY(settings_copy(entry->settings, &settings, error));
    l2o_status status = settings_set(settings, "rate", text, "tune", error);
    if (status == L2O_OK) status = optimizer_create(settings, entry->optimizer->ops->name, made, error);
    settings_free(settings);
    return status;
}

static l2o_status score(tuning *self, const optimizer *optimizer, double *sum) {
    for (int64_t draw = 0; draw < self->problems; draw++) {
        TRY(problem_sample(self->entry->practice, self->seed, STREAM_TUNING, (uint32_t)draw, 0, self->error));
        TRY(compare_run(self->context, self->entry->practice, optimizer, self->steps, &self->track, self->error));
        *sum += compare_track_minimum(&self->track, self->steps, NULL) / (double)self->problems;
        self->entry->tuning_evaluations += self->track.evaluations[self->steps];
    }
    return L2O_OK;
}

/* Is this rate better than all before? As long as nothing is finite, the last tried counts as the best. */
static l2o_status try_power(tuning *self, int power, bool *better) {
    optimizer *optimizer;
    TRY(compare_entry_at_rate(self->entry, power, &optimizer, self->error));
    double sum = 0;
    l2o_status status = score(self, optimizer, &sum);
    optimizer_free(optimizer);
    if (status != L2O_OK) return status;
    *better = sum < self->least || (isinf(sum) && isinf(self->least) && self->least > 0);
    if (!*better) return L2O_OK;
    self->least = sum;
    self->best = power;
    return L2O_OK;
}

static l2o_status search(tuning *self, int lowest, int highest) {
    bool better;
    for (int power = highest; power >= lowest; power--) TRY(try_power(self, power, &better));
    better = self->best == lowest;
    for (int power = lowest - 1; better && power >= LEAST_POWER; power--) TRY(try_power(self, power, &better));
    better = self->best == highest;
    for (int power = highest + 1; better && power <= MOST_POWER; power++) TRY(try_power(self, power, &better));
    return L2O_OK;
}

static l2o_status tune(tuning *self, int lowest, int highest) {
    TRY(search(self, lowest, highest));
    optimizer *tuned;
    char text[32];
    TRY(compare_entry_at_rate(self->entry, self->best, &tuned, self->error));
    optimizer_free(self->entry->optimizer);
    self->entry->optimizer = tuned;
    rate_text(self->best, text);
    sscanf(text, "%lf", &self->entry->rate);
    return L2O_OK;
}

l2o_status compare_entry_powers(const compare_entry *entry, int *lowest, int *highest, l2o_error *error) {
    double low = settings_real(entry->settings, "tune-lowest"), high = settings_real(entry->settings, "tune-highest");
    *lowest = (int)lround(2 * log10(low));
    *highest = (int)lround(2 * log10(high));
    if (*lowest <= *highest) return L2O_OK;
    return compare_entry_failed(
        entry, error_set(error, L2O_ERROR_INPUT, "tune-lowest is %g, which is above tune-highest, %g", low, high),
        error);
}

l2o_status compare_entry_tune(l2o_context *context, compare_entry *entry, int64_t steps, arena *arena,
                              l2o_error *error) {
    const l2o_settings *settings = entry->settings;
    tuning self = {.context = context,
                   .entry = entry,
                   .steps = steps,
                   .problems = settings_integer(settings, "tune-problems"),
                   .seed = (uint64_t)settings_integer(settings, "seed"),
                   .least = INFINITY,
                   .error = error};
    int lowest, highest;
    TRY(compare_entry_powers(entry, &lowest, &highest, error));
    double started = clock_seconds();
    arena_mark mark = arena_position(arena);
    l2o_status status = compare_track_create(steps, arena, &self.track, error);
    if (status == L2O_OK) status = tune(&self, lowest, highest);
    arena_reset(arena, mark);
    entry->tuning_seconds = clock_seconds() - started;
    return compare_entry_failed(entry, status, error);
}
