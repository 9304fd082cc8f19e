/* Fuzzes the lists of stages and of their draws, a list a line. */
#include <string.h>

#include "experiment/catalog.h"
#include "fuzz.h"
#include "meta/trainer.h"

static void check(const trainer_options *options) {
    fuzz_require(options->stage_count >= 1 && options->stage_count <= MOST_STAGES);
    for (int s = 0; s < options->stage_count; s++) {
        fuzz_require(options->stages[s].unrolls >= 1 && options->stages[s].draws >= 1);
        fuzz_require(options->stages[s].evaluation_steps >= options->stages[s].steps);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    l2o_settings *settings;
    trainer_options options;
    char *text = malloc(size + 1);
    fuzz_require(text != NULL);
    memcpy(text, bytes, size);
    text[size] = '\0';
    char *newline = strchr(text, '\n');
    if (newline != NULL) *newline = '\0';
    fuzz_require(catalog_settings(&settings, &error) == L2O_OK);
    l2o_status status = settings_set(settings, "stages", text, "fuzz", &error);
    if (status == L2O_OK && newline != NULL)
        status = settings_set(settings, "stage-draws", newline + 1, "fuzz", &error);
    if (status == L2O_OK) status = trainer_options_read(settings, &options, &error);
    fuzz_check_status(status, &error);
    if (status == L2O_OK) check(&options);
    settings_free(settings);
    free(text);
    return 0;
}
