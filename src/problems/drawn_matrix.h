/* How a drawn A comes about: independent entries of a distribution, or a matrix of a given condition number or of a
 * given rank; noise, where a shared A is to have shifted; and then columns of unit length where these are asked for.
 *
 *   condition kappa   A = U S V' of independent entries keeps U and V; the singular values become a geometric sequence
 *                     from 1 to 1/kappa, scaled so that their squares sum to n
 *   rank r            A = G_1 G_2 / sqrt(r), G_1 [m, r] of the distribution, G_2 [r, n] standard normal */
#ifndef L2O_PROBLEMS_DRAWN_MATRIX_H
#define L2O_PROBLEMS_DRAWN_MATRIX_H

#include "problems/distribution.h"
#include "problems/linear_model.h"

typedef struct drawn_matrix {
    distribution entries;
    bool unit_columns;
    uint64_t seed;       /* of a shared A */
    double perturbation; /* of a shared A, relative to its entries */
    uint32_t perturbation_seed;
    double condition; /* 0: as drawn */
    int64_t rank;     /* 0: as drawn */
    double *raw;      /* [m, n], float64, with either of these; what it was made from follows */
} drawn_matrix;

/* Reads A, m, shared-A, A-seed, A-perturbation and its seed, unit-columns, condition and rank; fills model->m and
 * ->shared, makes room. */
l2o_status drawn_matrix_create(problem *problem, linear_model *model, const l2o_settings *settings, drawn_matrix *out,
                               l2o_error *error);
/* Draws A, the shared one, or those of all instances, into model->a. */
l2o_status drawn_matrix_draw(const drawn_matrix *matrix, const linear_model *model, random_key key, l2o_error *error);

#endif
