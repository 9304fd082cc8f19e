/* Errors are values with a sentence. Every function inside the library that can fail takes an `l2o_error *` last,
 * fills it once, where the fault is found, and returns its status; callers pass both on untouched. */
#ifndef L2O_BASE_ERROR_H
#define L2O_BASE_ERROR_H

#include "l2o/status.h"

typedef struct l2o_error {
    l2o_status status;
    char text[1024]; /* one sentence: what was wrong, where, the numbers, and what to do; "" when status is L2O_OK */
} l2o_error;

/* Records a failure and returns `status`, so that `return error_set(error, ...)` reads well. Longer text is cut. */
l2o_status error_set(l2o_error *error, l2o_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void error_clear(l2o_error *error);

/* Returns from the calling function when `call` fails. Only where nothing needs to be released first. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        l2o_status try_status_ = (call);                                                                               \
        if (try_status_ != L2O_OK) return try_status_;                                                                 \
    } while (0)

#endif
