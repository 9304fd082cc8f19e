/* For test programs that train again and again: a folder of their own, trainings by one line of settings into it, and
 * what two of them left there compared. */
#ifndef L2O_TESTS_TRAINING_PLACE_H
#define L2O_TESTS_TRAINING_PLACE_H

#include "training.h"

static directory place;

static inline int setup(void **state) {
    (void)state;
    directory_create(&place);
    return 0;
}

static inline int teardown(void **state) {
    (void)state;
    directory_remove(&place);
    return 0;
}

static inline const char *named(const char *stem, const char *extension, char out[160]) {
    snprintf(out, 160, "%s/%s%s", place.path, stem, extension);
    return out;
}

static inline void train(int threads, const char *text, const char *stem, l2o_training_report *report) {
    l2o_context *context = training_context(threads);
    l2o_settings *settings = training_settings(text);
    char path[160];
    if (l2o_train(context, settings, named(stem, ".safetensors", path), NULL, NULL, report) != L2O_OK)
        fail_msg("%s", l2o_context_error(context));
    l2o_settings_free(settings);
    l2o_context_free(context);
}

static inline void assert_same_training(const char *a, const char *b) {
    char first[160], second[160];
    assert_same_files(named(a, ".safetensors", first), named(b, ".safetensors", second));
    assert_same_files(named(a, ".log.jsonl", first), named(b, ".log.jsonl", second));
    assert_same_files(named(a, ".svg", first), named(b, ".svg", second));
}

#endif
