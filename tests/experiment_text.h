/* Experiments that tests write as text: read, or refused with a sentence. */
#ifndef L2O_TESTS_EXPERIMENT_TEXT_H
#define L2O_TESTS_EXPERIMENT_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "experiment/experiment.h"

static experiment parse(const char *text) {
    l2o_error error = {0};
    experiment made;
    if (experiment_parse(text, strlen(text), "test.ini", &made, &error) != L2O_OK) fail_msg("%s", error.text);
    return made;
}

static void assert_refused(const char *text, const char *sentence) {
    l2o_error error = {0};
    experiment made;
    assert_int_equal(experiment_parse(text, strlen(text), "test.ini", &made, &error), L2O_ERROR_INPUT);
    if (strstr(error.text, sentence) == NULL) fail_msg("'%s' is not in '%s'", sentence, error.text);
}

#endif
