/* A pass over a working set consists of cyclic sweeps that find the support roughly, and of an exact finish on it,
 * because sweeps alone need millions where A is ill-conditioned. With lambda = 0 a pass is the exact solution of least
 * norm. Where the exact parts would need too much memory, sweeps have to do. */
#include "optimizers/classical/lasso_descent.h"

#include <math.h>
#include <string.h>

#include "optimizers/classical/active_set.h"
#include "optimizers/classical/minimum_norm.h"
#include "optimizers/classical/working_set.h"
#include "problems/dense_vector.h"

enum { MOST_SWEEPS = 50 };

static const double SWEEP_TOLERANCE = 1e-7; /* of ||b||, by which a sweep moves A x at most when sweeps end */

/* Starts over at 0 where that is better than x: a start far off would only cost sweeps. */
static void restart_at_zero(lasso_instance *instance) {
    if (!(0.5 * dense_squares(instance->m, instance->b) < lasso_instance_value(instance))) return;
    memset(instance->x, 0, (size_t)instance->n * sizeof *instance->x);
    lasso_instance_refresh(instance);
}

static l2o_status descend(lasso_instance *instance) {
    working_set set = {0};
    TRY(working_set_choose(instance->n, instance->x, instance->correlation, instance->lambda, instance->scratch, &set,
                           instance->error));
    TRY(working_set_columns(&set, instance->model, instance->instance, NULL, instance->scratch, instance->error));
    double enough = SWEEP_TOLERANCE * sqrt(dense_squares(instance->m, instance->b));
    for (int k = 0; k < MOST_SWEEPS; k++)
        if (!(working_set_sweep(&set, instance->lambda, instance->residual, &instance->work) > enough)) break;
    if (instance->lambda > 0) TRY(active_set_finish(instance, set.count, set.columns, set.x));
    for (int64_t k = 0; k < set.count; k++) instance->x[set.index[k]] = set.x[k];
    return L2O_OK;
}

l2o_status lasso_descent_pass(lasso_instance *instance) {
    arena_mark mark = arena_position(instance->scratch);
    bool done = false;
    if (instance->lambda == 0) {
        l2o_status status = minimum_norm_solve(instance, &done);
        arena_reset(instance->scratch, mark);
        if (status != L2O_OK || done) return status;
    }
    restart_at_zero(instance);
    l2o_status status = descend(instance);
    arena_reset(instance->scratch, mark);
    return status;
}
