/* Rosenbrock's function (1960), summed over pairs of variables: sum_i (1 - x_2i)^2 + 100 (x_2i+1 - x_2i^2)^2. In two
 * dimensions it is the one of M-L2O's experiments. Nothing but x0 is drawn; the least value is 0, at x = (1, ..., 1).
 */
#include "problems/families.h"

#define REAL        float
#define TYPED(name) name##_float32
#include "problems/rosenbrock_body.h"
#undef REAL
#undef TYPED
#define REAL        double
#define TYPED(name) name##_float64
#include "problems/rosenbrock_body.h"
#undef REAL
#undef TYPED

static l2o_status rosenbrock_create(problem *problem, const l2o_settings *settings, l2o_error *error) {
    (void)settings;
    if (problem->dimension % 2 != 0)
        return error_set(error, L2O_ERROR_INPUT,
                         "n: Rosenbrock's function pairs its variables, so n = %lld must be even",
                         (long long)problem->dimension);
    problem->optimum = problem_allocate(problem, problem->batch, 1, 1, sizeof(double), error);
    return problem->optimum == NULL ? error->status : L2O_OK;
}

static l2o_status rosenbrock_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                            const evaluation *evaluation) {
    (void)evaluation;
    if (problem->type == DTYPE_FLOAT32)
        value_gradient_float32(rows.count, problem->dimension, x, f, g);
    else
        value_gradient_float64(rows.count, problem->dimension, x, f, g);
    return L2O_OK;
}

static l2o_status rosenbrock_hess_vec(const problem *problem, instances rows, const void *x, const void *v, void *out,
                                      const evaluation *evaluation) {
    (void)evaluation;
    if (problem->type == DTYPE_FLOAT32)
        hess_vec_float32(rows.count, problem->dimension, x, v, out);
    else
        hess_vec_float64(rows.count, problem->dimension, x, v, out);
    return L2O_OK;
}

static l2o_status rosenbrock_third(const problem *problem, instances rows, const void *x, const void *u, const void *v,
                                   void *out, const evaluation *evaluation) {
    (void)evaluation;
    if (problem->type == DTYPE_FLOAT32)
        third_float32(rows.count, problem->dimension, x, u, v, out);
    else
        third_float64(rows.count, problem->dimension, x, u, v, out);
    return L2O_OK;
}

const problem_ops rosenbrock_problem = {
    .name = "rosenbrock",
    .summary = "sum over pairs of (1 - x)^2 + 100 (y - x^2)^2",
    .reference = "Rosenbrock, The Computer Journal 3 (1960); M-L2O, ICLR 2023, appendix A.6",
    .structures = STRUCTURE_OPTIMUM,
    .default_dimension = 2,
    .default_x0 = "normal:1",
    .create = rosenbrock_create,
    .value_gradient = rosenbrock_value_gradient,
    .hess_vec = rosenbrock_hess_vec,
    .third = rosenbrock_third,
};
