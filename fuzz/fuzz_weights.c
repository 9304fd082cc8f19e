/* Fuzzes weights_file_parse; an optimizer that comes out has as many weights as its layout says, all finite. */
#include <math.h>

#include "experiment/catalog.h"
#include "fuzz.h"
#include "optimizers/weights_file.h"

static void check(const optimizer *made) {
    int64_t total = 0;
    fuzz_require(made->ops->learned && made->weight_count >= 1);
    for (int k = 0; k < made->weight_count; k++) {
        fuzz_require(made->layout[k].offset == total);
        total += made->layout[k].rows * made->layout[k].columns;
    }
    fuzz_require(total == made->weight_total);
    for (int64_t i = 0; i < total; i++) fuzz_require(isfinite(made->weights[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    l2o_settings *settings;
    optimizer *made = NULL;
    fuzz_require(catalog_settings(&settings, &error) == L2O_OK);
    l2o_status status = weights_file_parse((const char *)bytes, size, "fuzz.safetensors", settings, &made, &error);
    fuzz_check_status(status, &error);
    fuzz_require((made != NULL) == (status == L2O_OK));
    if (status == L2O_OK) check(made);
    optimizer_free(made);
    settings_free(settings);
    return 0;
}
