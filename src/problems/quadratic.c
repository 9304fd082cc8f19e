/* 1/2 ||A x - b||^2. Offered to proximal methods with lambda = 0, where they are plain gradient methods. Its dual is
 * not finite in general, so there is no duality gap. */
#include "problems/families.h"
#include "problems/least_squares.h"
#include "problems/linear_family.h"

static l2o_status quadratic_create(problem *problem, const l2o_settings *settings, l2o_error *error) {
    return linear_family_create(problem, settings, PENALTY_NONE, TARGET_VALUES, error);
}

const problem_ops quadratic_problem = {
    .name = "quadratic",
    .summary = "1/2 ||A x - b||^2",
    .reference = "M-L2O, ICLR 2023, section 5.1",
    .structures = STRUCTURE_LINEAR_MODEL | STRUCTURE_DICTIONARY | STRUCTURE_LINEAR_LOSS | STRUCTURE_LEAST_SQUARES |
                  STRUCTURE_PROXIMAL | STRUCTURE_LIPSCHITZ,
    .data = true,
    .drawn_b = true,
    .create = quadratic_create,
    .sample = linear_family_sample,
    .value_gradient = least_squares_value_gradient,
    .hess_vec = least_squares_hess_vec,
    .third = least_squares_third,
    .smooth_gradient = least_squares_value_gradient,
    .lipschitz = least_squares_lipschitz,
};
