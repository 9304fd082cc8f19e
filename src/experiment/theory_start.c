/* Weights from a file, or from a short training. */
#include "experiment/theory_start.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "optimizers/weights_file.h"

static const struct {
    const char *label, *file;
} kinds[THEORY_STARTS] = {[THEORY_ML2O] = {"M-L2O", "theory-ml2o"}, [THEORY_TL] = {"TL", "theory-tl"}};

const double *theory_start_weights(const theory_start *start, int k) {
    return start->weights + k * start->optimizer->weight_total;
}

theory_training theory_start_training(l2o_context *context, const l2o_settings *settings, const theory_start *start,
                                      int which, int k) {
    return (theory_training){.context = context,
                             .settings = settings,
                             .plain = which == THEORY_TL,
                             .seed = start->seeds[k],
                             .unrolls = settings_integer(settings, "theory-unrolls")};
}

static l2o_status train_all(l2o_context *context, const l2o_settings *settings, int which, theory_start *start,
                            l2o_error *error) {
    TRY(optimizer_create(settings, NULL, &start->optimizer, error));
    if (start->optimizer->weight_total == 0)
        return error_set(error, L2O_ERROR_INPUT,
                         "the optimizer '%s' is hand-designed, the theory is about learned ones; set optimizer = "
                         "rnnprop",
                         start->optimizer->ops->name);
    int64_t total = start->optimizer->weight_total;
    start->count = (int)settings_integer(settings, "theory-seeds");
    start->updates = settings_integer(settings, "theory-updates");
    start->weights = memory_allocate((size_t)start->count * (size_t)total, sizeof(double), error);
    if (start->weights == NULL) return error->status;
    for (int k = 0; k < start->count; k++) {
        start->seeds[k] = (uint64_t)settings_integer(settings, "seed") + (uint64_t)k;
        theory_training training = theory_start_training(context, settings, start, which, k);
        double *weights = start->weights + k * total;
        optimizer_initialise(start->optimizer, start->seeds[k], 0, weights);
        TRY(theory_train(&training, start->optimizer, 0, start->updates, weights, error));
    }
    return L2O_OK;
}

/* The next path of a list; false at its end. */
static bool next_path(const char **at, char *path, size_t size, size_t *length) {
    *at += strspn(*at, ", ");
    *length = strcspn(*at, ",");
    if (*length == 0) return false;
    snprintf(path, size, "%.*s", (int)*length, *at);
    *at += *length;
    return true;
}

static l2o_status read_one(const l2o_settings *settings, const char *path, theory_start *start, l2o_error *error) {
    optimizer *read;
    TRY(weights_file_read(path, settings, &read, error));
    int64_t total = read->weight_total;
    const json_t *seed = json_object_get(read->provenance, "seed");
    start->seeds[start->count] = (uint64_t)start->count;
    if (json_is_string(seed)) start->seeds[start->count] = (uint64_t)strtoull(json_string_value(seed), NULL, 10);
    l2o_status status = L2O_OK;
    if (start->optimizer == NULL) {
        start->weights = memory_allocate((size_t)total * THEORY_SEEDS, sizeof(double), error);
        if (start->weights == NULL) status = error->status;
    } else if (total != start->optimizer->weight_total || read->ops != start->optimizer->ops) {
        status = error_set(error, L2O_ERROR_INPUT,
                           "%s: another architecture than that of the files before it; list weights that differ in "
                           "their seed alone",
                           path);
    }
    if (status == L2O_OK)
        memcpy(start->weights + start->count++ * total, read->weights, (size_t)total * sizeof(double));
    if (status == L2O_OK && start->optimizer == NULL)
        start->optimizer = read;
    else
        optimizer_free(read);
    return status;
}

static l2o_status read_files(const l2o_settings *settings, const char *name, theory_start *start, l2o_error *error) {
    char path[1024];
    size_t length;
    const char *at = settings_text(settings, name);
    while (next_path(&at, path, sizeof path, &length)) {
        if (length >= sizeof path || start->count == THEORY_SEEDS)
            return error_set(error, L2O_ERROR_INPUT, "%s: a list of at most %d files, of at most %zu bytes each", name,
                             (int)THEORY_SEEDS, sizeof path - 1);
        TRY(read_one(settings, path, start, error));
    }
    return start->count > 0 ? L2O_OK : error_set(error, L2O_ERROR_INPUT, "%s: the list holds no file of weights", name);
}

l2o_status theory_start_create(l2o_context *context, const l2o_settings *settings, int which, theory_start *start,
                               l2o_error *error) {
    *start = (theory_start){.label = kinds[which].label};
    l2o_status status = settings_text(settings, kinds[which].file) != NULL
                            ? read_files(settings, kinds[which].file, start, error)
                            : train_all(context, settings, which, start, error);
    if (status != L2O_OK) theory_start_free(start);
    return status;
}

void theory_start_free(theory_start *start) {
    optimizer_free(start->optimizer);
    memory_free(start->weights);
    *start = (theory_start){0};
}
