/* The user's own function behind the same ops table as the families. */
#ifndef L2O_PROBLEMS_CUSTOM_H
#define L2O_PROBLEMS_CUSTOM_H

#include "l2o/problem.h"
#include "problems/problem.h"

/* `callbacks` is copied. Data is not drawn yet. Ownership: problem_free(). */
l2o_status problem_create_custom(const l2o_problem_callbacks *callbacks, void *user, int64_t batch, int64_t dimension,
                                 dtype type, problem **out, l2o_error *error);

#endif
