/* Several trainings that differ in their seed alone, one after another or over groups of ranks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/memory.h"
#include "dist/grid.h"
#include "meta/trainer.h"

enum { MOST_RUNS = 10000 };
static const char PLACEHOLDER[] = "{seed}";

static l2o_status bad_list(const l2o_settings *settings, l2o_error *error) {
    return error_set(error, L2O_ERROR_INPUT,
                     "%s: 'seeds' is a list of at most %d different whole numbers and ranges, such as 1-10 or 1,3,5-8, "
                     "not '%.200s'",
                     settings_origin(settings, "seeds"), (int)MOST_RUNS, settings_peek(settings, "seeds"));
}

static bool read_number(const char **at, long long *number) {
    char *end;
    if (**at < '0' || **at > '9') return false;
    *number = strtoll(*at, &end, 10);
    *at = end;
    return *number <= 9000000000000000;
}

static bool all_differ(const int64_t *seeds, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < i; k++)
            if (seeds[i] == seeds[k]) return false;
    return true;
}

l2o_status trainer_seeds(const l2o_settings *settings, int64_t *seeds, int64_t *count, l2o_error *error) {
    *count = 0;
    for (const char *at = settings_text(settings, "seeds");; at++) {
        long long first, last;
        if (!read_number(&at, &first)) return bad_list(settings, error);
        last = first;
        if (*at == '-') {
            at++;
            if (!read_number(&at, &last) || last < first) return bad_list(settings, error);
        }
        if (last - first >= MOST_RUNS - *count) return bad_list(settings, error);
        for (; first <= last; first++, ++*count)
            if (seeds != NULL) seeds[*count] = first;
        if (*at == '\0') return seeds == NULL || all_differ(seeds, *count) ? L2O_OK : bad_list(settings, error);
        if (*at != ',') return bad_list(settings, error);
    }
}

l2o_status l2o_training_runs(l2o_context *context, const l2o_settings *settings, int64_t *count) {
    error_clear(&context->error);
    *count = 1;
    return settings_peek(settings, "seeds") == NULL ? L2O_OK : trainer_seeds(settings, NULL, count, &context->error);
}

/* The path with the seed in each place that is kept for it. */
static l2o_status path_of(const char *pattern, int64_t seed, char *path, size_t size, l2o_error *error) {
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)seed);
    size_t length = 0;
    for (const char *at = pattern; *at != '\0';) {
        bool place = strncmp(at, PLACEHOLDER, sizeof PLACEHOLDER - 1) == 0;
        size_t more = place ? strlen(number) : 1;
        if (length + more >= size)
            return error_set(error, L2O_ERROR_INPUT, "%.300s...: the path is longer than %zu bytes", pattern, size);
        memcpy(path + length, place ? number : at, more);
        length += more;
        at += place ? sizeof PLACEHOLDER - 1 : 1;
    }
    path[length] = '\0';
    return L2O_OK;
}

typedef struct training_grid {
    l2o_context *context;
    const l2o_settings *settings;
    const char *path;
    l2o_training_function report;
    void *user;
    l2o_training_run *runs;
} training_grid;

static l2o_status train_one(const training_grid *grid, l2o_training_run *run, l2o_error *error) {
    char path[512], seed[32];
    l2o_settings *settings;
    TRY(path_of(grid->path, run->seed, path, sizeof path, error));
    TRY(settings_copy(grid->settings, &settings, error));
    snprintf(seed, sizeof seed, "%lld", (long long)run->seed);
    l2o_status status = settings_set(settings, "seed", seed, "--seeds", error);
    settings_mark_used(settings, "seeds");
    if (status == L2O_OK) status = l2o_train(grid->context, settings, path, grid->report, grid->user, &run->report);
    settings_share_use(settings, grid->settings);
    settings_free(settings);
    return status;
}

static bool run_one(void *argument, int64_t number) {
    const training_grid *grid = argument;
    l2o_training_run *run = &grid->runs[number];
    l2o_error *error = &grid->context->error;
    error_clear(error);
    run->status = train_one(grid, run, error);
    memcpy(run->error, error->text, sizeof run->error);
    return run->status != L2O_ERROR_CANCELLED && run->status != L2O_ERROR_LOST;
}

static l2o_status check_seeds(const l2o_settings *settings, const char *path, const int64_t *seeds, int64_t count,
                              l2o_error *error) {
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < i; j++)
            if (seeds[i] == seeds[j]) return bad_list(settings, error);
    if (count > 1 && strstr(path, PLACEHOLDER) == NULL)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: there are %lld trainings, whose files need names of their own; put %s into the name, as "
                         "in weights-%s.safetensors",
                         path, (long long)count, PLACEHOLDER, PLACEHOLDER);
    if (settings_is_given(settings, "seed"))
        return error_set(error, L2O_ERROR_INPUT, "%s: 'seed' and 'seeds' are two ways to say one thing; drop one",
                         settings_origin(settings, "seed"));
    return L2O_OK;
}

l2o_status l2o_train_runs(l2o_context *context, const l2o_settings *settings, const char *path,
                          l2o_training_function function, void *user, l2o_training_run *runs) {
    l2o_error *error = &context->error;
    int64_t count = 0, *seeds = NULL;
    uint32_t checksum = 0;
    l2o_status status = l2o_training_runs(context, settings, &count);
    if (status == L2O_OK) seeds = memory_allocate((size_t)count, sizeof *seeds, error);
    if (status == L2O_OK && seeds == NULL) status = error->status;
    if (status == L2O_OK && settings_peek(settings, "seeds") == NULL)
        seeds[0] = settings_integer(settings, "seed");
    else if (status == L2O_OK) {
        status = trainer_seeds(settings, seeds, &count, error);
        if (status == L2O_OK) status = check_seeds(settings, path, seeds, count, error);
    }
    for (int64_t k = 0; k < count && status == L2O_OK; k++) {
        runs[k] = (l2o_training_run){.seed = seeds[k], .status = L2O_ERROR_CANCELLED, .error = "not begun"};
        runs[k].report.best_validation = NAN;
    }
    if (status == L2O_OK) checksum = (uint32_t)crc32_z(0, (const void *)seeds, (size_t)count * sizeof *seeds);
    memory_free(seeds);
    TRY(ranks_agree(context, status, error));
    TRY(ranks_compare(context, 1, &(const char *){"list of seeds"}, &checksum, error));
    training_grid grid = {context, settings, path, function, user, runs};
    TRY(grid_run(context, count, run_one, &grid, runs, sizeof *runs, error));
    error_clear(error);
    int64_t failed = 0;
    for (int64_t k = count - 1; k >= 0; k--) {
        if (runs[k].status == L2O_OK) continue;
        failed++;
        if (count == 1)
            error_set(error, runs[k].status, "%s", runs[k].error);
        else
            error_set(error, runs[k].status,
                      "%lld of %lld trainings did not come to their end; that of seed %lld: %.800s", (long long)failed,
                      (long long)count, (long long)runs[k].seed, runs[k].error);
    }
    return error->status;
}
