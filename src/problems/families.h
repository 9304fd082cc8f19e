/* The ops tables of the families, for the registry. */
#ifndef L2O_PROBLEMS_FAMILIES_H
#define L2O_PROBLEMS_FAMILIES_H

#include "problems/problem.h"

extern const problem_ops lasso_problem;
extern const problem_ops l2reg_problem;
extern const problem_ops logistic_problem;
extern const problem_ops quadratic_problem;
extern const problem_ops rastrigin_problem;
extern const problem_ops recovery_problem;
extern const problem_ops rosenbrock_problem;

#endif
