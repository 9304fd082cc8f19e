/* Features: where the first steps of an unroll lead on a fixed set of draws, kept while the weights of these steps do
 * not move. A carry that is kept is a copy, so using it gives the bits of running the steps again. */
#ifndef L2O_META_FEATURES_H
#define L2O_META_FEATURES_H

#include "run/carry.h"

typedef struct features {
    int64_t draws; /* the first of them, for which there is room */
    int tasks;
    carry *kept;   /* [draws, tasks]; made when they are first needed */
    bool *present; /* [draws, tasks] */
} features;

/* For as many of the draws as fit into 1 GB; the steps of the others are run again each time. `bytes`: of the carries
 * of all tasks. */
l2o_status features_create(int64_t draws, int tasks, size_t bytes, features *features, l2o_error *error);
void features_free(features *features);
/* Forgets all; the memory is kept for those to come. */
void features_clear(features *features);
/* Copies what is kept of a draw and task; false: nothing is. */
bool features_take(const features *features, int64_t draw, int task, carry *to);
/* Keeps a copy, where there is room for the draw. */
l2o_status features_keep(features *features, int64_t draw, int task, const carry *from, const problem *problem,
                         const optimizer *optimizer, l2o_error *error);

#endif
