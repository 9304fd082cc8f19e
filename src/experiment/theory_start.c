/* Weights from a file, or from a short training. */
#include "experiment/theory_start.h"

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

static l2o_status read_file(const l2o_settings *settings, const char *path, theory_start *start, l2o_error *error) {
    TRY(weights_file_read(path, settings, &start->optimizer, error));
    size_t total = (size_t)start->optimizer->weight_total;
    start->count = 1;
    const json_t *seed = json_object_get(start->optimizer->provenance, "seed");
    start->seeds[0] = (uint64_t)settings_integer(settings, "seed");
    if (json_is_string(seed)) start->seeds[0] = strtoull(json_string_value(seed), NULL, 10);
    start->weights = memory_allocate(total, sizeof(double), error);
    if (start->weights == NULL) return error->status;
    memcpy(start->weights, start->optimizer->weights, total * sizeof(double));
    return L2O_OK;
}

l2o_status theory_start_create(l2o_context *context, const l2o_settings *settings, int which, theory_start *start,
                               l2o_error *error) {
    *start = (theory_start){.label = kinds[which].label};
    const char *path = settings_text(settings, kinds[which].file);
    l2o_status status =
        path != NULL ? read_file(settings, path, start, error) : train_all(context, settings, which, start, error);
    if (status != L2O_OK) theory_start_free(start);
    return status;
}

void theory_start_free(theory_start *start) {
    optimizer_free(start->optimizer);
    memory_free(start->weights);
    *start = (theory_start){0};
}
