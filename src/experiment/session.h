/* One run of an experiment: the trainings it needs, then its cells, both over all threads and both kept in the cache.
 */
#ifndef L2O_EXPERIMENT_SESSION_H
#define L2O_EXPERIMENT_SESSION_H

#include <jansson.h>

#include "dist/jobs.h"
#include "experiment/cell.h"
#include "l2o/experiment.h"

/* The weights of one recipe in one variant and one meta-training seed. */
typedef struct training {
    const experiment_weights *weights;
    const experiment_variant *variant;
    const experiment_panel *panel; /* NULL: the same for all panels */
    int64_t seed;
    int64_t first; /* the training whose weights it begins with, an index among all; -1: none */
    int round;     /* of the recipes that begin with one another's weights; they are trained round by round */
    char *path;
    unsigned long checksum; /* of everything that decides the weights; 0: of shipped ones */
    char *target;           /* where a copy goes that is shipped; NULL: nowhere */
    bool reads_files;       /* it, or one that it begins with, reads files that its settings name */
    bool shipped;
    bool present;              /* there before this run */
    int64_t updates, expected; /* so far, and at most */
    double seconds;            /* of this training alone; NAN: unknown */
} training;

typedef struct session {
    l2o_context *context;
    const experiment *experiment;
    const l2o_settings *given; /* the user's settings */
    const char *folder, *cache;
    bool train;
    bool ships; /* trains what the first variant needs and names a file for, lays it into `folder`, and runs nothing */
    l2o_experiment_function function;
    void *user;
    job_lock *lock;             /* of the progress */
    int64_t seed_count, *seeds; /* of meta-training */
    training *trainings;        /* [training_count] */
    int64_t training_count;
    int round;   /* of trainings under way */
    cell *cells; /* [cell_count], no two alike */
    int64_t cell_count;
    int64_t *places;      /* [variants, panels, methods, seed_count]: index among the cells */
    int64_t done, total;  /* of the phase */
    int64_t trained, ran; /* by this run, not taken from the cache */
} session;

/* Reads the seeds and makes the cache's folders. */
l2o_status session_begin(session *session, l2o_error *error);
void session_end(session *session);

/* session_train.c. Plans a training for each recipe that a method needs or, for kinds without methods, for each
 * recipe, or for each that ships; checks that it could begin. */
l2o_status session_plan_training(session *session, l2o_error *error);
l2o_status session_train(session *session, l2o_error *error);
/* The file of a recipe's weights, which is there once they are trained; NULL where no such training is planned. */
const char *session_weights(const session *session, const experiment_weights *weights,
                            const experiment_variant *variant, const experiment_panel *panel, int64_t seed);

/* How long that training took, with those of the weights that it begins with; NAN where that is not known: of shipped
 * weights, and of trainings that were interrupted. */
double session_training_seconds(const session *session, const experiment_weights *weights,
                                const experiment_variant *variant, const experiment_panel *panel, int64_t seed);

/* session_cells.c. Checks that the cells could be run, before anything is trained for them. */
l2o_status session_rehearse(session *session, l2o_error *error);
l2o_status session_run(session *session, l2o_error *error);
/* How many seeds a method has: 1 without weights. */
int64_t session_seeds(const session *session, const experiment_method *method);
const cell *session_cell(const session *session, int variant, int panel, int method, int64_t seed);

/* For jobs: takes the lock, adds to what was done, and tells the user. */
void session_progress(session *session, const char *phase, int64_t more, const char *event);

#endif
