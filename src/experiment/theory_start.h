/* The weights that adaptation starts from: M-L2O's and the transfer baseline's, from files or trained here for each of
 * a few seeds. */
#ifndef L2O_EXPERIMENT_THEORY_START_H
#define L2O_EXPERIMENT_THEORY_START_H

#include "experiment/theory_training.h"

enum { THEORY_SEEDS = 32, THEORY_ML2O = 0, THEORY_TL = 1, THEORY_STARTS = 2 };

typedef struct theory_start {
    const char *label;            /* "M-L2O", "TL" */
    optimizer *optimizer;         /* the architecture */
    int count;                    /* how many seeds, or files */
    uint64_t seeds[THEORY_SEEDS]; /* of the trainings: what a longer one goes on with */
    int64_t updates;              /* how many each took; 0 for files */
    double *weights;              /* [count, weight_total] */
} theory_start;

/* `which` is THEORY_ML2O or THEORY_TL. */
l2o_status theory_start_create(l2o_context *context, const l2o_settings *settings, int which, theory_start *start,
                               l2o_error *error);
void theory_start_free(theory_start *start);
/* Weights of seed number `k`. */
const double *theory_start_weights(const theory_start *start, int k);
/* How the weights of seed number `k` are, or would be, trained. */
theory_training theory_start_training(l2o_context *context, const l2o_settings *settings, const theory_start *start,
                                      int which, int k);

#endif
