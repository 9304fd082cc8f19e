/* The trainer: Adam outside an estimator's meta-gradients, through a list of stages, with evaluation on a fixed set,
 * best weights kept, recovery from NaN, and checkpoints that resume to the same bits.
 *
 * Training goes in phases: a draw of the problems with its updates, an evaluation, the beginning of a stage. Between
 * two phases is a boundary, which is what a checkpoint holds. Within a phase nothing of the state changes before its
 * last call that can fail or be cancelled, with one exception: a draw of several updates, before which weights and
 * slots are copied. Where a draw is one update, the weights themselves are those of the boundary until it is made. */
#ifndef L2O_META_TRAINER_H
#define L2O_META_TRAINER_H

#include "dist/context.h"
#include "l2o/train.h"
#include "meta/adam.h"
#include "meta/estimator.h"
#include "meta/features.h"
#include "meta/training_log.h"
#include "meta/training_tasks.h"
#include "run/range.h"

extern const setting trainer_settings[];

enum { MOST_LAYERS = 64, MOST_LAYER_STAGES = 8, MOST_STAGES = MOST_LAYERS * MOST_LAYER_STAGES + 1 };

/* One stage of the curriculum, or of training layer by layer. */
typedef struct stage {
    int64_t unrolls;          /* per draw of the problems */
    int64_t draws;            /* at most */
    int64_t steps;            /* of an unroll */
    int64_t evaluation_steps; /* how far weights are run when they are evaluated */
    double rate;              /* times the outer rate */
    int layer, part;          /* layer by layer: of the unroll's last step, and which of its stages, from 1; else 0 */
    bool alone;               /* of the layers only the last one moves */
    bool whole;               /* all layers move alike */
} stage;

typedef struct trainer_options {
    stage stages[MOST_STAGES];
    int stage_count;
    int64_t updates;        /* at most, over all stages; 0: no limit */
    int64_t evaluate_every; /* draws; 0: never */
    int64_t evaluation_draws, min_evaluations, patience;
    int64_t training_draws; /* draws that training goes round in; 0: each is new */
    bool result_last;       /* stages hand on their last weights, not their best */
    int layers, parts;      /* layer by layer: how many, and stages of each; else 0 */
    double layer_decay;
    bool decays_gradient;      /* not the rate */
    bool starts_from_previous; /* a layer's weights begin as those of the layer before */
    bool early_stop;
    double rate, clip;
    bool relative;    /* rates are in units of each tensor's root mean square */
    bool cosine;      /* the rate falls to zero along half a cosine, over `expected` or layer by layer in each stage */
    int64_t expected; /* updates that the stages hold */
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

/* What comes next. */
typedef enum trainer_phase { PHASE_DRAW, PHASE_EVALUATION, PHASE_BEGINNING } trainer_phase;

/* Where training stands. Everything here is in the checkpoint. */
typedef struct trainer_state {
    int stage;
    int phase; /* trainer_phase */
    int64_t stage_draws, draws, updates;
    int64_t evaluations; /* in this stage */
    int64_t stalled;     /* the last of them, which did not improve */
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
    training_tasks kinds; /* those that are listed */
    adam adam;
    trainer_state state;
    double *weights;     /* phi: optimizer->weights */
    double *best, *good; /* best of the stage, or of an earlier one; last that evaluated finite */
    struct {             /* what a checkpoint holds when a phase is cut short */
        trainer_state state;
        bool copied;             /* weights and slots are these; else they have not moved */
        double *weights, *m, *v; /* NULL where every draw is one update */
    } boundary;
    bool *active;     /* [weight_count]: tensors that move in this stage, layer by layer */
    adam_part *parts; /* [weight_count] */
    int part_count;
    features features;
    range range;
    char path[512], checkpoint_path[512], log_path[512], plot_path[512];
    void *log;           /* FILE; NULL on ranks that do not lead */
    l2o_error unwritten; /* the first failure to write log or checkpoint, until all ranks hear of it */
    bool resumed;
    json_t *identity; /* settings and checksums of files that a resumption must share; NULL until needed */
    double last_checkpoint;
    l2o_training_function report;
    void *report_user;
} trainer;

/* trainer_warn.c: on the rank that leads, when all is done. */
void trainer_warn(const trainer *trainer, const training_log *log);

/* Drops from the echo of settings those that have no part in the result. */
void trainer_forget_settings(json_t *settings);

/* trainer_stage.c: what of the stage's settings acts on tasks and weights; on entering a stage and on resuming. */
void trainer_enter_stage(trainer *trainer);
/* Where a layer begins and the options say so: its weights become those of the layer before that have the same name but
 * for the number, and the same shape. */
void trainer_start_layer(trainer *trainer);
/* L2O_ERROR_INPUT where layers are to be trained that the optimizer does not have, or begun anew that came from a file.
 * Layer by layer, outer gradients are taken on the segment that is trained. */
l2o_status trainer_prepare_layers(trainer *trainer, l2o_error *error);
const stage *trainer_stage(const trainer *trainer);
/* "stage 2 of 8", "layer 3 of 16, stage 2 of 3" */
const char *trainer_stage_name(const trainer *trainer, char name[64]);

/* trainer_tasks.c: from the caller's problems or, where there are none (NULL), from the settings. */
l2o_status trainer_make_tasks(trainer *trainer, l2o_problem *const *given, int count, l2o_error *error);

/* trainer_update.c: one draw of the problems with all its updates; loss and last objective of the last one. */
l2o_status trainer_draw(trainer *trainer, double *loss, double *last, l2o_error *error);
/* New instances for all tasks, at their start. */
l2o_status trainer_sample(trainer *trainer, random_stream stream, int64_t draw, l2o_error *error);
bool trainer_updates_left(const trainer *trainer);

/* trainer_run.c: all phases from where training stands to its end. */
l2o_status trainer_run(trainer *trainer, l2o_error *error);

/* trainer.c: tells the user's function; `event` may be NULL. */
void trainer_report(const trainer *trainer, double loss, const char *event);
void trainer_say(const trainer *trainer, const char *format, ...) __attribute__((format(printf, 2, 3)));

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
l2o_status trainer_plot(const trainer *trainer, training_log *log, l2o_error *error);

#endif
