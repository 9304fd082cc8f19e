/* Experiments: tables and figures of a paper, as files that say what is trained, what is compared on which problems,
 * and what is claimed of the outcome. docs/experiments.md is the reference of such files, docs/results-file.md that of
 * what comes out. */
#ifndef L2O_EXPERIMENT_H
#define L2O_EXPERIMENT_H

#include "l2o/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct l2o_experiment_options {
    const char *folder;  /* where results.json goes; NULL: results/NAME */
    const char *cache;   /* where trained weights and finished cells are kept; NULL: the folder `cache` in `folder` */
    int train;           /* 1: train also where weights of the same recipe are shipped */
    const char *command; /* how the user asked for it, for the record; may be NULL */
} l2o_experiment_options;

typedef struct l2o_experiment_progress {
    const char *phase;   /* "training" or "running" */
    int64_t done, total; /* meta-updates (total: at most so many), or runs */
    const char *event;   /* a sentence, when something happened, else NULL */
} l2o_experiment_progress;

/* Called from several threads, but from one at a time. */
typedef void (*l2o_experiment_function)(void *user, const l2o_experiment_progress *progress);

/* Runs the experiment of that name, or of that file (*.ini): trains the weights it needs or takes those that are
 * shipped, runs all methods on the same problems, and writes FOLDER/results.json. What the user sets in `settings`
 * holds for all its parts. What was finished before (in the cache) is not done again, so that a cancelled experiment
 * goes on where it stopped. `json` gets the results for l2o_string_free(); it and `function` may be NULL. */
L2O_API l2o_status l2o_experiment_run(l2o_context *context, const l2o_settings *settings, const char *name,
                                      const l2o_experiment_options *options, l2o_experiment_function function,
                                      void *user, char **json);

/* Trains those recipes that methods of the experiment need (in its first variant) and that name a file, and lays copies
 * of the weights into options->folder under these names; runs nothing. Left as they are: files there that were trained
 * by the very same recipe, unless options->train. Taken, where it is there already: what the experiment trained into
 * its cache (NULL: results/NAME/cache). `count`, which may be NULL, gets the number of files that the folder has of the
 * experiment. */
L2O_API l2o_status l2o_experiment_ship(l2o_context *context, const l2o_settings *settings, const char *name,
                                       const l2o_experiment_options *options, l2o_experiment_function function,
                                       void *user, int64_t *count);

/* Called for each claim with a sentence that says what was measured. */
typedef void (*l2o_claim_function)(void *user, int holds, const char *sentence);
/* Checks the results of an experiment (NULL: those in results/NAME) against the claims its file makes. `failed` gets
 * the number of claims that do not hold, and of those that hold although the file states them as unmet. */
L2O_API l2o_status l2o_experiment_verify(l2o_context *context, const char *name, const char *results_path,
                                         l2o_claim_function function, void *user, int *failed);

/* All experiments that can be run by name, as a JSON array of {"name", "title", "kind", "reference", "path"}, for
 * l2o_string_free(). */
L2O_API l2o_status l2o_experiment_list(l2o_context *context, char **json);

/* All weights that come with the program, as a JSON array of {"file", "path", "trained", "seed", "updates", "kernel",
 * "settings", "recipes"}, for l2o_string_free(); `recipes` are {"experiment", "weights"} for each section of an
 * experiment's file that asks for weights trained like that. */
L2O_API l2o_status l2o_models_list(l2o_context *context, char **json);

#ifdef __cplusplus
}
#endif
#endif
