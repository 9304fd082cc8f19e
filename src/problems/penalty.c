/* Both norms have a kink at 0. There the derivatives are defined as 0, of first and of higher order. */
#include "problems/penalty.h"

#include <math.h>

#define REAL        float
#define TYPED(name) name##_float32
#include "problems/penalty_body.h"
#undef REAL
#undef TYPED
#define REAL        double
#define TYPED(name) name##_float64
#include "problems/penalty_body.h"
#undef REAL
#undef TYPED

void penalty_add_l1(const problem *problem, instances rows, const void *x, void *f, void *g) {
    if (problem->type == DTYPE_FLOAT32)
        add_l1_float32(problem->dimension, rows, problem->lambda, x, f, g);
    else
        add_l1_float64(problem->dimension, rows, problem->lambda, x, f, g);
}

void penalty_add_l2(const problem *problem, instances rows, const void *x, void *f, void *g) {
    if (problem->type == DTYPE_FLOAT32)
        add_l2_float32(problem->dimension, rows, problem->lambda, x, f, g);
    else
        add_l2_float64(problem->dimension, rows, problem->lambda, x, f, g);
}

void penalty_add_l2_hess_vec(const problem *problem, instances rows, const void *x, const void *v, void *out) {
    if (problem->type == DTYPE_FLOAT32)
        add_l2_hess_vec_float32(problem->dimension, rows, problem->lambda, x, v, out);
    else
        add_l2_hess_vec_float64(problem->dimension, rows, problem->lambda, x, v, out);
}

void penalty_add_l2_third(const problem *problem, instances rows, const void *x, const void *u, const void *v,
                          void *out) {
    if (problem->type == DTYPE_FLOAT32)
        add_l2_third_float32(problem->dimension, rows, problem->lambda, x, u, v, out);
    else
        add_l2_third_float64(problem->dimension, rows, problem->lambda, x, u, v, out);
}

bool penalty_l1_near_kink(const problem *problem, int64_t instance, const double *x, double radius) {
    if (problem->lambda[instance] == 0) return false;
    for (int64_t j = 0; j < problem->dimension; j++)
        if (fabs(x[j]) <= radius) return true;
    return false;
}

bool penalty_l2_near_kink(const problem *problem, int64_t instance, const double *x, double radius) {
    double sum = 0;
    for (int64_t j = 0; j < problem->dimension; j++) sum += x[j] * x[j];
    return problem->lambda[instance] != 0 && sqrt(sum) <= radius;
}
