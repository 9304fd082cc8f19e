/* One unroll from x0 as the theory sees it: the value g_T(phi) and its gradient with respect to the weights, for any
 * number of steps. */
#ifndef L2O_EXPERIMENT_THEORY_UNROLL_H
#define L2O_EXPERIMENT_THEORY_UNROLL_H

#include "meta/loss.h"
#include "run/segment.h"

typedef struct theory_unroll {
    runner runner;
    carry carry;
    double *loss_weights; /* [most_steps + 1] */
    int64_t most_steps;
} theory_unroll;

/* `problem` and `optimizer` stay the caller's. */
l2o_status theory_unroll_create(l2o_context *context, problem *problem, const optimizer *optimizer, int64_t most_steps,
                                theory_unroll *unroll, l2o_error *error);
void theory_unroll_free(theory_unroll *unroll);

/* g_T at `weights` on the problem as it is drawn, T = `steps`; its gradient[weight_total] unless NULL. Not finite where
 * the unroll is not. */
l2o_status theory_unroll_run(theory_unroll *unroll, const meta_loss *loss, int64_t steps, bool detached,
                             const double *weights, double *value, double *gradient, l2o_error *error);

#endif
