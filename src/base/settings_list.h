/* Settings that are lists of numbers: "5,10,25" or "1e-5/1e-4". Commas and slashes separate alike; a slash is for
 * places where a comma has another meaning, as among the options of one of several optimizers. */
#ifndef L2O_BASE_SETTINGS_LIST_H
#define L2O_BASE_SETTINGS_LIST_H

#include "base/settings.h"

/* What a list may hold. */
typedef struct list_limits {
    double minimum, maximum; /* of each number, inclusive */
    int most;                /* numbers; the caller has room for them */
} list_limits;

/* The numbers of a setting of type SETTING_TEXT that has a value. L2O_ERROR_INPUT says what the list may hold. */
l2o_status settings_reals(const l2o_settings *settings, const char *name, list_limits limits, double *numbers,
                          int *count, l2o_error *error);
/* The same for whole numbers, within those that a double holds exactly. */
l2o_status settings_integers(const l2o_settings *settings, const char *name, list_limits limits, int64_t *numbers,
                             int *count, l2o_error *error);

#endif
