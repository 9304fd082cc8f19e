/* Least squares with a norm for a penalty: 1/2 ||A x - b||^2 + lambda ||x||_2, the norm not squared. At x = 0 the
 * penalty's derivatives of every order are defined as 0. */
#include "problems/families.h"
#include "problems/least_squares.h"
#include "problems/linear_family.h"
#include "problems/penalty.h"

static l2o_status l2reg_create(problem *problem, const l2o_settings *settings, l2o_error *error) {
    return linear_family_create(problem, settings, PENALTY_L2, TARGET_VALUES, error);
}

static l2o_status l2reg_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                       const evaluation *evaluation) {
    TRY(least_squares_value_gradient(problem, rows, x, f, g, evaluation));
    penalty_add_l2(problem, rows, x, f, g);
    return L2O_OK;
}

static l2o_status l2reg_hess_vec(const problem *problem, instances rows, const void *x, const void *v, void *out,
                                 const evaluation *evaluation) {
    TRY(least_squares_hess_vec(problem, rows, x, v, out, evaluation));
    penalty_add_l2_hess_vec(problem, rows, x, v, out);
    return L2O_OK;
}

static l2o_status l2reg_third(const problem *problem, instances rows, const void *x, const void *u, const void *v,
                              void *out, const evaluation *evaluation) {
    TRY(least_squares_third(problem, rows, x, u, v, out, evaluation));
    penalty_add_l2_third(problem, rows, x, u, v, out);
    return L2O_OK;
}

const problem_ops l2reg_problem = {
    .name = "l2reg",
    .summary = "1/2 ||A x - b||^2 + lambda ||x||_2",
    .reference = "M-L2O, ICLR 2023, public implementation",
    .structures = STRUCTURE_LINEAR_MODEL | STRUCTURE_DICTIONARY,
    .data = true,
    .penalized = true,
    .drawn_b = true,
    .create = l2reg_create,
    .sample = linear_family_sample,
    .value_gradient = l2reg_value_gradient,
    .hess_vec = l2reg_hess_vec,
    .third = l2reg_third,
    .near_kink = penalty_l2_near_kink,
};
