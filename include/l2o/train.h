/* Meta-training: weights of a learned optimizer from sample problems. Adaptation: a few more updates on problems of the
 * kind that is to be solved. */
#ifndef L2O_TRAIN_H
#define L2O_TRAIN_H

#include "l2o/optimizer.h"
#include "l2o/problem.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct l2o_training_progress {
    int64_t seed;                       /* of this training */
    int64_t updates, expected_updates;  /* meta-updates done, and how many the stages hold at most */
    int resumed;                        /* 1: it went on from a checkpoint */
    int stage, stages;                  /* 0-based; how many */
    int layer, layers;                  /* layer by layer: which is trained, from 1, and how many; else 0 */
    int64_t draws;                      /* problems drawn so far */
    double loss;                        /* meta-loss of the last draw's last unroll */
    double validation, best_validation; /* NaN before the first evaluation */
    const char *event;                  /* a sentence, when something happened ("stage 2 of 8 begins"), else NULL */
} l2o_training_progress;

typedef void (*l2o_training_function)(void *user, const l2o_training_progress *progress);

typedef struct l2o_training_report {
    int64_t updates, draws;
    int stages_done;
    int finished;   /* 0: interrupted; the checkpoint resumes */
    int resumed;    /* 1: went on from a checkpoint */
    int recoveries; /* from NaN */
    double best_validation;
    double gradient_evaluations; /* per instance */
    double seconds;              /* of this run, without what went before a resumption */
    char weights_path[512], checkpoint_path[512], log_path[512], plot_path[512];
} l2o_training_report;

/* Meta-trains as the settings say (problem, optimizer, estimator, stages, ...) and writes beside `path`
 * (FILE.safetensors): the best weights to `path`, FILE.checkpoint, FILE.log.jsonl and FILE.svg. With the setting
 * `resume`, goes on from FILE.checkpoint when there is one, to the same bits as if never stopped. When the context is
 * cancelled, writes the checkpoint and returns L2O_ERROR_CANCELLED. `function` may be NULL; `report` is filled as far
 * as it went, also on failure. */
L2O_API l2o_status l2o_train(l2o_context *context, const l2o_settings *settings, const char *path,
                             l2o_training_function function, void *user, l2o_training_report *report);

/* The same on the caller's own problems, one for each task; they are re-sampled (for custom problems: their start
 * callback is called) and stay the caller's. */
L2O_API l2o_status l2o_train_on(l2o_context *context, const l2o_settings *settings, l2o_problem *const *tasks,
                                int task_count, const char *path, l2o_training_function function, void *user,
                                l2o_training_report *report);

/* One training of several that differ in their seed. */
typedef struct l2o_training_run {
    int64_t seed;
    l2o_status status;
    char error[1024]; /* its sentence, when the status is not L2O_OK */
    l2o_training_report report;
} l2o_training_run;

/* How many trainings the settings ask for: the length of the list `seeds`; 1 where it is not given. */
L2O_API l2o_status l2o_training_runs(l2o_context *context, const l2o_settings *settings, int64_t *count);
/* Trains once for each of the `seeds`, with {seed} in `path` replaced by it: each gives the files of l2o_train() with
 * that `seed`. Over the ranks of a context that has joined them, several at a time. A training that fails does not stop
 * the others; runs[], as many as l2o_training_runs() says, tells how each went, on all ranks. The status is that of the
 * first that failed. */
L2O_API l2o_status l2o_train_runs(l2o_context *context, const l2o_settings *settings, const char *path,
                                  l2o_training_function function, void *user, l2o_training_run *runs);

/* How good an optimizer is on held-out problems: natural logarithms of the batch-mean objective, averaged over the
 * `held-out-draws` batches. */
typedef struct l2o_quality {
    double minimum;       /* over the steps after the first point */
    double last;          /* at the last step: a minimum may be passing */
    double mean;          /* over those steps: how fast it went */
    int64_t minimum_step; /* averaged likewise, and rounded */
} l2o_quality;

enum { L2O_MOST_RATES = 16 };

/* What became of the weights at one of the rates that were tried. */
typedef struct l2o_adaptation_trial {
    double rate;
    int64_t updates;     /* that were made: fewer than asked for where an unroll was not finite */
    l2o_quality after;   /* after the last of them */
    int64_t best_update; /* which this rate has to offer: the best one with `keep` = best, else the last one */
    l2o_quality best;    /* after that update; infinite when no update was made */
} l2o_adaptation_trial;

typedef struct l2o_adaptation_report {
    l2o_quality before;  /* on held-out adaptation problems */
    l2o_quality after;   /* after the last update at `rate` */
    l2o_quality kept;    /* of the weights that are returned */
    int64_t kept_update; /* after how many updates those weights stood; 0: the weights from before */
    double rate;         /* the one that was chosen: of all that were tried, it has the best to offer; 0: a search has
                            none */
    int64_t updates;     /* that were made at it */
    int trial_count;     /* rates that were tried */
    l2o_adaptation_trial trials[L2O_MOST_RATES];
    int64_t candidates;                   /* weights that a search evaluated, each over a whole unroll, at all rates */
    double gradient_evaluations, seconds; /* per instance, of the updates at all rates, candidates too */
    double measuring_evaluations, measuring_seconds; /* on held-out problems; not in the above */
} l2o_adaptation_report;

/* Adapts the optimizer's weights in place: `adaptation-updates` updates by Adam with fresh slots, or by
 * `adaptation-optimizer`, on adaptation problems; before and after are measured on held-out ones. With `keep` = best
 * the weights that are best there are kept, whether adapted or not. Of several `adaptation-rates` each is tried from
 * the same weights, and the one that is best there is chosen. Weights that no gradient tells of (hyperlista's c3) are
 * searched for in each update, with `adaptation-search` candidates; `adaptation-optimizer` = search moves all weights
 * so, at most 64. Without success the weights stay as they are. */
L2O_API l2o_status l2o_adapt(l2o_context *context, const l2o_settings *settings, l2o_optimizer *optimizer,
                             l2o_adaptation_report *report);
/* The same on the caller's own problem. */
L2O_API l2o_status l2o_adapt_on(l2o_context *context, const l2o_settings *settings, l2o_problem *problem,
                                l2o_optimizer *optimizer, l2o_adaptation_report *report);

#ifdef __cplusplus
}
#endif
#endif
