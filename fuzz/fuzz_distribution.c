/* Fuzzes distribution_parse; what is read must be finite and drawable, and its parts must be choosable. */
#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "problems/distribution.h"

static void check(const distribution *read) {
    random_key key = {.seed = 1, .stream = STREAM_CHECK};
    fuzz_require(read->count >= 1 && read->count <= DISTRIBUTION_COMPONENTS);
    for (int k = 0; k < read->count; k++) {
        const distribution_component *component = &read->component[k];
        fuzz_require(isfinite(component->first) && isfinite(component->second));
        fuzz_require(!isnan(distribution_draw(component, key, (uint64_t)k)));
    }
    for (int64_t batch = 1; batch < 20; batch++)
        for (int64_t p = 0; p < batch; p++) {
            int component = distribution_component_of(read, p, batch);
            fuzz_require(component >= 0 && component < read->count);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    distribution read;
    char *text = malloc(size + 1);
    fuzz_require(text != NULL);
    memcpy(text, bytes, size);
    text[size] = '\0';
    l2o_status status = distribution_parse(text, "A", &read, &error);
    fuzz_check_status(status, &error);
    if (status == L2O_OK) {
        check(&read);
        for (int k = -1; k <= DISTRIBUTION_COMPONENTS; k++) {
            distribution part = read;
            error_clear(&error);
            status = distribution_choose(&part, k, "A", &error);
            fuzz_check_status(status, &error);
            if (status == L2O_OK) check(&part);
        }
    }
    free(text);
    return 0;
}
