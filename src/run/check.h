/* The checks behind include/l2o/check.h: of a problem's own derivatives (check_problem.c), and of meta-gradients
 * (check_unroll.c). Everything is float64; what is compared is what the library computes in use, through the same
 * calls. */
#ifndef L2O_RUN_CHECK_H
#define L2O_RUN_CHECK_H

#include "dist/context.h"
#include "l2o/check.h"
#include "optimizers/optimizer.h"

enum { CHECK_ROWS = 16, CHECK_UNROLL = 5 };

struct l2o_derivative_check {
    int count;
    l2o_check_row rows[CHECK_ROWS];
};

typedef struct check_run {
    l2o_context *context;
    problem *problem;
    const optimizer *optimizer; /* NULL: the problem alone */
    uint64_t seed;
    l2o_derivative_check *result;
} check_run;

l2o_status check_derivatives(l2o_context *context, problem *problem, const optimizer *optimizer, uint64_t seed,
                             l2o_derivative_check **check, l2o_error *error);

l2o_status check_problem(check_run *run, l2o_error *error);
l2o_status check_unroll(check_run *run, l2o_error *error);

/* A new row; points are entered with check_enter(), where DERIVATIVE_SKIPPED counts as skipped. */
l2o_check_row *check_row(check_run *run, int order, double tolerance, const char *what);
void check_enter(l2o_check_row *row, double error);
/* Where an optimizer diverges, differences measure nothing but overflow. In the trajectory x_0 .. x_T [T + 1, B, n] an
 * instance that left a hundred times its start stays where it last was within; how many points that concerns. */
int64_t check_hold_diverged(const problem *problem, int64_t steps, double *trajectory);
/* Numbers in the stream of checks: `purpose` tells sequences apart. */
double check_normal(const check_run *run, uint32_t purpose, int64_t index);
double check_norm(int64_t count, const double *x);
double check_dot(int64_t count, const double *a, const double *b);
double check_scale(int64_t count, const double *x); /* root mean square; 1 where all is zero */

#endif
