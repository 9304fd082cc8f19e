/* The log of a training, read back: its draws, evaluations and recoveries, and the curves that pictures show of them.
 * trainer_log.c writes it. */
#ifndef L2O_META_TRAINING_LOG_H
#define L2O_META_TRAINING_LOG_H

#include <jansson.h>

#include "base/arena.h"

/* Numbers that were not finite are NaN. `updates` counts meta-updates up to the event, stages count from 0. */
typedef struct training_draw {
    int stage;
    double updates, loss, last; /* of the draw's last unroll: meta-loss, objective at its end */
} training_draw;

typedef struct training_evaluation {
    int stage;
    double updates, validation, best; /* best: so far */
    const char *decision;
} training_evaluation;

typedef struct training_recovery {
    int stage;
    double draw, updates, rate_factor;
    const char *reason;
} training_recovery;

typedef struct training_log {
    size_t draw_count, evaluation_count, recovery_count;
    training_draw *draws;
    training_evaluation *evaluations;
    training_recovery *recoveries;
    json_t *lines; /* what the texts belong to */
    arena arena;   /* what the arrays belong to */
} training_log;

/* Reads a log; a last line without its end, as a training under way leaves it, is passed over. Release with
 * training_log_free(), also after a failure. */
l2o_status training_log_read(const char *path, training_log *log, l2o_error *error);
void training_log_free(training_log *log);

typedef struct training_curve {
    size_t count;
    double *x, *mean, *low, *high; /* [count], valid as long as the log */
} training_curve;

typedef enum training_quantity { TRAINING_LOSS, TRAINING_LAST } training_quantity;

/* A quantity of the draws as a mean with its 95 % band (1.96 standard errors) over groups of successive draws of one
 * stage, some 80 of them. A group with a number that is not finite is NaN. */
l2o_status training_log_group(training_log *log, training_quantity quantity, training_curve *curve, l2o_error *error);

#endif
