/* Fuzzes experiment_parse: sections, settings, lists and claims of an experiment's file. */
#include <string.h>

#include "experiment/experiment.h"
#include "fuzz.h"

static void walk(const experiment *experiment) {
    size_t seen = strlen(experiment->title);
    fuzz_require(experiment->kind != NULL && experiment->variant_count >= 1);
    for (int i = 0; i < experiment->method_count; i++) {
        const experiment_method *method = &experiment->methods[i];
        fuzz_require((method->weights != NULL) + (method->optimizer != NULL) + method->limit == 1);
        fuzz_require(method->weights == NULL || experiment_find_weights(experiment, method->weights) != NULL);
        seen += strlen(method->name) + strlen(method->group);
    }
    for (int i = 0; i < experiment->variant_count; i++) seen += strlen(experiment->variants[i].name);
    for (int i = 0; i < experiment->claim_count; i++)
        fuzz_require(experiment_find_method(experiment, experiment->claims[i].method) != NULL);
    fuzz_require(seen < (size_t)1 << 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    experiment experiment;
    l2o_status status = experiment_parse((const char *)bytes, size, "fuzz.ini", &experiment, &error);
    fuzz_check_status(status, &error);
    if (status != L2O_OK) return 0;
    walk(&experiment);
    experiment_free(&experiment);
    return 0;
}
