/* The data of the families on a linear model: where A, b, the labels and lambda come from, drawn or from files. A
 * family calls linear_family_create() from its `create` and uses linear_family_sample() as its `sample`. */
#ifndef L2O_PROBLEMS_LINEAR_FAMILY_H
#define L2O_PROBLEMS_LINEAR_FAMILY_H

#include "problems/linear_model.h"

/* What lambda weighs, which decides what lambda_max is. */
typedef enum linear_penalty {
    PENALTY_NONE, /* lambda is not read, and 0 */
    PENALTY_L1,   /* lambda_max = ||smooth gradient at 0||_inf */
    PENALTY_L2    /* lambda_max = ||smooth gradient at 0||_2 */
} linear_penalty;

/* What b holds. */
typedef enum linear_target {
    TARGET_VALUES, /* any numbers; the smooth gradient at 0 is -A'b */
    TARGET_LABELS  /* -1 and 1 (0 and 1 in files); the smooth gradient at 0 is -A'b / (2 m) */
} linear_target;

/* Fills problem->model, ->lambda, ->lipschitz and ->truth, and owns problem->family. */
l2o_status linear_family_create(problem *problem, const l2o_settings *settings, linear_penalty penalty,
                                linear_target target, l2o_error *error);
l2o_status linear_family_sample(problem *problem, random_key key, l2o_error *error);

#endif
