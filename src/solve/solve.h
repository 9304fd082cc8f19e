/* The solve loop: frozen weights, or a hand-designed optimizer, on every instance of a problem until it meets a
 * stopping rule. Instances that are done leave their shard, so that the rest goes faster. */
#ifndef L2O_SOLVE_SOLVE_H
#define L2O_SOLVE_SOLVE_H

#include "dist/context.h"
#include "l2o/solve.h"
#include "optimizers/optimizer.h"

typedef struct solve_options {
    int64_t steps, check_every;
    double tolerance, gap; /* 0: the rule is off; a gap is ignored where the problem has none */
    double divergence;
    bool keep_best;
    bool exact_certificate; /* where coordinate descent can give one */
} solve_options;

struct l2o_solution {
    int64_t batch, dimension;
    double *x;                 /* [B, n] */
    l2o_solve_record *records; /* [B] */
};

extern const setting solve_settings[];
/* The tolerance holds when it is given, or when the problem has no duality gap to decide instead. */
void solve_options_read(const l2o_settings *settings, const problem *problem, solve_options *options);

/* `weights` are flat, NULL for hand-designed optimizers. The solution is the caller's: solution_free(). */
l2o_status solve_run(l2o_context *context, problem *problem, const optimizer *optimizer, const double *weights,
                     const solve_options *options, l2o_solution **solution, l2o_error *error);

l2o_status solution_create(int64_t batch, int64_t dimension, l2o_solution **out, l2o_error *error);
void solution_free(l2o_solution *solution);

#endif
