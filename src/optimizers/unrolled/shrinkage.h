/* The soft threshold with support selection (Chen, Liu, Wang and Yin, NeurIPS 2018): the largest numbers of each row
 * are taken as they are, the others are shrunk. */
#ifndef L2O_OPTIMIZERS_UNROLLED_SHRINKAGE_H
#define L2O_OPTIMIZERS_UNROLLED_SHRINKAGE_H

#include "optimizers/optimizer.h"

/* How the share of numbers that may be selected grows: min(step t, limit) percent in layer t. */
typedef struct support_schedule {
    double step, limit;
} support_schedule;

#define SUPPORT_SETTINGS                                                                                               \
    {"support-step",                                                                                                   \
     SETTING_REAL,                                                                                                     \
     "%",                                                                                                              \
     "1.2",                                                                                                            \
     0,                                                                                                                \
     100,                                                                                                              \
     NULL,                                                                                                             \
     "Support selection: by how much the share of entries that escape shrinkage grows with each layer; 0: no "         \
     "selection"},                                                                                                     \
    {                                                                                                                  \
        "support-limit", SETTING_REAL, "%", "13", 0, 100, NULL, "Support selection: the largest such share"            \
    }

support_schedule support_schedule_read(const l2o_settings *settings);
/* How many of n numbers may escape in layer t: round((n - 1) share). */
int64_t support_size(support_schedule schedule, int64_t n, int64_t layer);

/* z [count, n] shrunk by the threshold ([1, 1], [count, 1] or [1, n]), except where |z| is above it and above the
 * (k + 1)-th largest of its row, k = allowed[row]. That choice is a constant for derivatives: `shrunk` [count, n]
 * (NULL: not wanted) is 0 where z escaped and 1 elsewhere. */
value *shrinkage_with_support(tape *tape, value *z, value *threshold, const int64_t *allowed, value **shrunk);
/* The same k for all rows. */
value *shrinkage_of_layer(const step_context *context, support_schedule schedule, value *z, value *threshold,
                          value **shrunk);

#endif
