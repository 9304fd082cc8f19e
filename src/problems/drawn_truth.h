/* The true x of drawn instances, x* = Bernoulli(density) times normal, or with exactly `nonzeros` such entries, and its
 * image A x*. Where one dense A is shared, only the columns of the nonzero entries are touched. */
#ifndef L2O_PROBLEMS_DRAWN_TRUTH_H
#define L2O_PROBLEMS_DRAWN_TRUTH_H

#include "problems/linear_model.h"

typedef struct drawn_truth {
    double density;
    int64_t nonzeros; /* of each instance; -1: as the density has it */
    double scale;     /* standard deviation of the nonzero entries */
    double *columns;  /* [n, m], the shared A's transpose in float64; NULL: products with A itself */
    double *lanes;    /* [8, m] */
    double *x;        /* [n] */
} drawn_truth;

/* Reads density, nonzeros and truth-scale, and makes room, in the problem's memory. */
l2o_status drawn_truth_create(problem *problem, const linear_model *model, const l2o_settings *settings,
                              drawn_truth *out, l2o_error *error);
/* Notes the columns of a shared A, once its entries stand. */
void drawn_truth_note_columns(drawn_truth *truth, const linear_model *model);
/* Draws instance p of problem->truth, and image[m] = A x* of it as it is kept, in float64. */
void drawn_truth_draw(const drawn_truth *truth, problem *problem, random_key key, int64_t p, double *image);

#endif
