/* A training as results: from its log and from what its weights say about themselves to a document of the format
 * "l2o results 1", so that one page shows both. */
#ifndef L2O_REPORT_TRAINING_H
#define L2O_REPORT_TRAINING_H

#include <jansson.h>

#include "base/error.h"

/* `weights` or `log` may be NULL: without weights nothing is said of settings, without a log nothing of the course.
 * `name` is what the page calls the training. The caller releases *out with json_decref(). */
l2o_status report_training(const char *name, const char *weights, const char *log, json_t **out, l2o_error *error);

#endif
