/* Fuzzes the list of rates that adaptation tries. */
#include <string.h>

#include "experiment/catalog.h"
#include "fuzz.h"
#include "meta/adapt.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    l2o_settings *settings;
    optimizer *optimizer = NULL;
    adapt_options options;
    char *text = malloc(size + 1);
    fuzz_require(text != NULL);
    memcpy(text, bytes, size);
    text[size] = '\0';
    fuzz_require(catalog_settings(&settings, &error) == L2O_OK);
    fuzz_require(optimizer_create(settings, "rnnprop", &optimizer, &error) == L2O_OK);
    l2o_status status = settings_set(settings, "adaptation-rates", text, "fuzz", &error);
    if (status == L2O_OK) status = adapt_options_read(settings, optimizer, &options, &error);
    fuzz_check_status(status, &error);
    if (status == L2O_OK) {
        fuzz_require(options.rate_count >= 1 && options.rate_count <= L2O_MOST_RATES);
        for (int r = 0; r < options.rate_count; r++) fuzz_require(options.rates[r] >= 0 && options.rates[r] <= 1e6);
    }
    optimizer_free(optimizer);
    settings_free(settings);
    free(text);
    return 0;
}
