/* A problem for tests with all derivatives in closed form. */
#ifndef L2O_TESTS_CLOSED_FORM_H
#define L2O_TESTS_CLOSED_FORM_H

#include <math.h>

#include "problems/problem.h"

/* f = sum_j sin x_j + (sum_j x_j)^3 / 6 */
static inline l2o_status closed_form_value_gradient(const problem *problem, instances rows, const void *x, void *f,
                                                    void *g, const evaluation *evaluation) {
    int64_t n = problem->dimension;
    dtype type = problem->type;
    (void)evaluation;
    for (int64_t r = 0; r < rows.count; r++) {
        double sum = 0, sines = 0;
        for (int64_t j = 0; j < n; j++) {
            sum += problem_load(type, x, r * n + j);
            sines += sin(problem_load(type, x, r * n + j));
        }
        if (f != NULL) problem_store(type, f, r, sines + sum * sum * sum / 6);
        for (int64_t j = 0; j < n && g != NULL; j++)
            problem_store(type, g, r * n + j, cos(problem_load(type, x, r * n + j)) + sum * sum / 2);
    }
    return L2O_OK;
}

static inline l2o_status closed_form_hess_vec(const problem *problem, instances rows, const void *x, const void *v,
                                              void *out, const evaluation *evaluation) {
    int64_t n = problem->dimension;
    dtype type = problem->type;
    (void)evaluation;
    for (int64_t r = 0; r < rows.count; r++) {
        double sum = 0, along = 0;
        for (int64_t j = 0; j < n; j++) {
            sum += problem_load(type, x, r * n + j);
            along += problem_load(type, v, r * n + j);
        }
        for (int64_t j = 0; j < n; j++)
            problem_store(type, out, r * n + j,
                          sum * along - sin(problem_load(type, x, r * n + j)) * problem_load(type, v, r * n + j));
    }
    return L2O_OK;
}

static inline l2o_status closed_form_third(const problem *problem, instances rows, const void *x, const void *u,
                                           const void *v, void *out, const evaluation *evaluation) {
    int64_t n = problem->dimension;
    dtype type = problem->type;
    (void)evaluation;
    for (int64_t r = 0; r < rows.count; r++) {
        double along_u = 0, along_v = 0;
        for (int64_t j = 0; j < n; j++) {
            along_u += problem_load(type, u, r * n + j);
            along_v += problem_load(type, v, r * n + j);
        }
        for (int64_t j = 0; j < n; j++)
            problem_store(type, out, r * n + j,
                          along_u * along_v - cos(problem_load(type, x, r * n + j)) * problem_load(type, u, r * n + j) *
                                                  problem_load(type, v, r * n + j));
    }
    return L2O_OK;
}

static const problem_ops closed_form_ops = {.name = "closed form",
                                            .value_gradient = closed_form_value_gradient,
                                            .smooth_gradient = closed_form_value_gradient,
                                            .hess_vec = closed_form_hess_vec,
                                            .third = closed_form_third};
#endif
