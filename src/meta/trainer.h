/* The trainer: Adam outside an estimator's meta-gradients, through a list of stages, with evaluation on a fixed set,
 * best weights kept, recovery from NaN, and checkpoints that resume to the same bits. */
#ifndef L2O_META_TRAINER_H
#define L2O_META_TRAINER_H

#include "dist/context.h"
#include "l2o/train.h"
#include "meta/adam.h"
#include "meta/estimator.h"
#include "run/range.h"

extern const setting trainer_settings[];

enum { MOST_STAGES = 64 };

/* One stage of the curriculum. */
typedef struct stage {
    int64_t unrolls;            /* per draw of the problems */
    int64_t draws;              /* at most */
    int64_t evaluation_unrolls; /* how far weights are run when they are evaluated */
} stage;

typedef struct trainer_options {
    stage stages[MOST_STAGES];
    int stage_count;
    int64_t updates;        /* at most, over all stages; 0: no limit */
    int64_t evaluate_every; /* draws; 0: never */
    int64_t evaluation_draws, min_evaluations;
    bool early_stop;
    double rate, clip;
    bool cosine;      /* the rate falls to zero along half a cosine over the updates that the stages hold */
    int64_t expected; /* that many */
    int recoveries;
    double checkpoint_seconds;
    uint64_t seed;
} trainer_options;

l2o_status trainer_options_read(const l2o_settings *settings, trainer_options *options, l2o_error *error);

/* The seeds of the list `seeds`, which is set; the array may be NULL, to count them. */
l2o_status trainer_seeds(const l2o_settings *settings, int64_t *seeds, int64_t *count, l2o_error *error);

/* Does everything of l2o_train() that comes before the first update, but for writing: what settings refuse is refused,
 * and what they read is marked. `recipe` (may be NULL) gets the settings as the metadata of the weights would have
 * them, for json_decref(). */
l2o_status trainer_rehearse(l2o_context *context, const l2o_settings *settings, const char *path, json_t **recipe,
                            l2o_error *error);

/* Where training stands. Everything here is in the checkpoint. */
typedef struct trainer_state {
    int stage;
    int64_t stage_draws, draws, updates;
    int64_t evaluations; /* in this stage */
    bool improved, finished, has_best;
    double best;        /* least validation of this stage */
    double kept;        /* validation of the weights that would be the result; NaN before there are any */
    double validation;  /* the last one; NaN before */
    double rate_factor; /* halved by each recovery */
    int recoveries;
    double gradient_evaluations;
    int64_t log_bytes;
    int64_t adam_steps;
} trainer_state;

typedef struct trainer {
    l2o_context *context;
    l2o_settings *settings; /* a copy, so that it knows what training alone has read */
    optimizer *optimizer;
    estimator_options estimator;
    trainer_options options;
    meta_task tasks[MOST_TASKS];
    problem *owned[MOST_TASKS]; /* problems that the trainer made itself */
    int task_count;
    adam adam;
    trainer_state state;
    double *weights;     /* phi: optimizer->weights */
    double *gradient;    /* the mean of the tasks' */
    double *best, *good; /* best of the stage, or of an earlier one; last that evaluated finite */
    struct { /* the state at the start of the present draw: what a checkpoint holds when a draw is cut short */
        trainer_state state;
        double *weights, *m, *v;
    } boundary;
    range range;
    char path[512], checkpoint_path[512], log_path[512], plot_path[512];
    void *log;           /* FILE; NULL on ranks that do not lead */
    l2o_error unwritten; /* the first failure to write log or checkpoint, until all ranks hear of it */
    bool resumed;
    json_t *identity; /* settings and checksums of data files that a resumption must share; NULL until needed */
    double last_checkpoint;
    l2o_training_function report;
    void *report_user;
} trainer;

/* Drops from the echo of settings those that have no part in the result. */
void trainer_forget_settings(json_t *settings);

/* checkpoint.c: written by the rank that leads, read by all. */
l2o_status checkpoint_write(trainer *trainer, l2o_error *error); /* of the boundary */
/* Restores everything from the checkpoint, if there is one; *found says so. */
l2o_status checkpoint_read(trainer *trainer, bool *found, l2o_error *error);

/* What ranks that train together must share: settings, data files, and where training stands. Collective. */
l2o_status checkpoint_compare(trainer *trainer, l2o_error *error);

/* trainer_log.c: the log of JSON lines, and the picture made from it. The rank that leads writes them. A line that
 * cannot be written is noted in trainer->unwritten, because the other ranks are not there to hear of it. */
l2o_status trainer_log_open(trainer *trainer, bool resumed, l2o_error *error);
void trainer_log_draw(trainer *trainer, double loss, double last);
void trainer_log_evaluation(trainer *trainer, double validation, const char *decision);
void trainer_log_recovery(trainer *trainer, const char *reason);
l2o_status trainer_log_flush(trainer *trainer, l2o_error *error);
void trainer_log_close(trainer *trainer);
l2o_status trainer_plot(const trainer *trainer, l2o_error *error);

#endif
