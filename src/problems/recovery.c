/* Sparse recovery: 1/2 ||x - x*||^2, the distance to the x* that b = A x* + noise was measured from. It is what
 * unrolled optimizers are trained for with supervision, and what they are measured by; they themselves see A and b. In
 * its place proximal methods have the LASSO with the problem's lambda: its smooth part's gradient, Lipschitz constants.
 * So neither a duality gap nor coordinate descent, which would certify that LASSO, is offered. */
#include <string.h>

#include "problems/families.h"
#include "problems/least_squares.h"
#include "problems/linear_family.h"

#define REAL        float
#define TYPED(name) name##_float32
#include "problems/recovery_body.h"
#undef REAL
#undef TYPED
#define REAL        double
#define TYPED(name) name##_float64
#include "problems/recovery_body.h"
#undef REAL
#undef TYPED

static l2o_status recovery_create(problem *problem, const l2o_settings *settings, l2o_error *error) {
    TRY(linear_family_create(problem, settings, PENALTY_L1, TARGET_VALUES, error));
    if (problem->truth == NULL)
        return error_set(
            error, L2O_ERROR_INPUT,
            "recovery measures the distance to the true x*, which nothing tells: draw b from it (b = truth), "
            "give its data file beside that of b (truth = FILE), or choose the problem lasso");
    problem->optimum = problem_allocate(problem, problem->batch, 1, 1, sizeof(double), error);
    return problem->optimum == NULL ? error->status : L2O_OK;
}

static l2o_status recovery_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                          const evaluation *evaluation) {
    (void)evaluation;
    if (problem->type == DTYPE_FLOAT32)
        value_gradient_float32(problem, rows, x, f, g);
    else
        value_gradient_float64(problem, rows, x, f, g);
    return L2O_OK;
}

static l2o_status recovery_hess_vec(const problem *problem, instances rows, const void *x, const void *v, void *out,
                                    const evaluation *evaluation) {
    (void)x, (void)evaluation;
    memcpy(out, v, (size_t)(rows.count * problem->dimension) * dtype_size(problem->type));
    return L2O_OK;
}

const problem_ops recovery_problem = {
    .name = "recovery",
    .summary = "1/2 ||x - x*||^2 of b = A x* + noise; optimizers see A, b and lambda",
    .reference = "Gregor and LeCun, ICML 2010; Chen et al., JMLR 23(189), 2022, section 4.1",
    .structures = STRUCTURE_LINEAR_MODEL | STRUCTURE_DICTIONARY | STRUCTURE_LEAST_SQUARES | STRUCTURE_PROXIMAL |
                  STRUCTURE_LIPSCHITZ | STRUCTURE_OPTIMUM,
    .data = true,
    .penalized = true,
    .drawn_b = true,
    .default_b = "truth",
    .default_x0 = "0",
    .supervised = true,
    .create = recovery_create,
    .sample = linear_family_sample,
    .value_gradient = recovery_value_gradient,
    .hess_vec = recovery_hess_vec,
    .third = least_squares_third,
    .smooth_gradient = least_squares_value_gradient,
    .smooth_hess_vec = least_squares_hess_vec,
    .lipschitz = least_squares_lipschitz,
};
