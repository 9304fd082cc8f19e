/* Search, for weights that no gradient tells of: a pattern search (Hooke and Jeeves, J. ACM 8(2), 1961) along one
 * weight after another, in its logarithm, because such weights are of unknown size; before it, on request, candidates
 * that differ in all weights, for losses with several valleys. Nothing in it is random. */
#ifndef L2O_META_SEARCH_H
#define L2O_META_SEARCH_H

#include "optimizers/optimizer.h"

enum { MOST_SEARCHED = 64 };

/* What is to become small. */
typedef struct search_loss {
    /* Infinite where there is none. */
    l2o_status (*evaluate)(void *argument, const double *weights, double *loss, l2o_error *error);
    void *argument;
} search_loss;

typedef struct search {
    int count;                    /* of the weights that it moves */
    int64_t place[MOST_SEARCHED]; /* where they stand among all weights */
    double step[MOST_SEARCHED];   /* of ln |w|; ln 2 at first */
    int brackets;                 /* tried of each weight in one sweep */
    int64_t candidates;           /* evaluated so far */
} search;

/* How many weights the optimizer has that no gradient tells of. */
int64_t search_weights_without_gradient(const optimizer *optimizer);
/* A search over these, or over all weights, that tries an even number of `candidates` of each in a sweep. Refuses more
 * than MOST_SEARCHED weights. */
l2o_status search_create(const optimizer *optimizer, bool all, int64_t candidates, search *search, l2o_error *error);
/* Back to the first steps. */
void search_reset(search *search);
/* Tries `count` candidates around `weights` and moves to the best one, where it lowers the loss. Each weight w becomes
 * w exp(u), all weights' u evenly scattered within -ln 16 .. ln 16 along the sequence of generalised golden ratios (M.
 * Roberts, 2018). Zeros and `*loss` as below. */
l2o_status search_scatter(search *search, const search_loss *loss_of, int64_t count, double *weights, double *loss,
                          l2o_error *error);
/* For each weight w in turn, as often as there are brackets: w exp(step) and w exp(-step) are evaluated, the better one
 * is taken where it lowers the loss, and the step is halved where neither does. A weight that is zero tries 0.001 and
 * -0.001, and half of that where the step has been halved; once it is not zero, its step is ln 2 again. Others keep
 * their sign. `*loss` is what stands at `weights`, before and after; NAN where that is to be evaluated first, which is
 * no candidate. */
l2o_status search_sweep(search *search, const search_loss *loss_of, double *weights, double *loss, l2o_error *error);

#endif
