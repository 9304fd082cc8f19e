/* How far a point is from stationary: the norm of the gradient, or of the gradient mapping where there is a proximal
 * operator. */
#include "solve/stationarity.h"

#include <math.h>

static double soft_threshold(double x, double threshold) { return copysign(fmax(fabs(x) - threshold, 0), x); }

/* One instance's squared norm; lambda = 0 gives the gradient. */
static double squared_norm(const problem *problem, int64_t first, const void *x, const void *g, double lambda,
                           double lipschitz) {
    double sum = 0;
    for (int64_t i = first; i < first + problem->dimension; i++) {
        double mapped = problem_load(problem->type, g, i);
        if (lambda > 0) {
            double at = problem_load(problem->type, x, i);
            mapped = lipschitz * (at - soft_threshold(at - mapped / lipschitz, lambda / lipschitz));
        }
        sum += mapped * mapped;
    }
    return sum;
}

l2o_status stationarity(const problem *problem, instances rows, const void *x, double *norm,
                        const evaluation *evaluation) {
    arena_mark mark = arena_position(evaluation->scratch);
    size_t bytes = (size_t)(rows.count * problem->dimension) * dtype_size(problem->type);
    void *g = arena_allocate(evaluation->scratch, bytes, evaluation->error);
    if (g == NULL) return evaluation->error->status;
    bool proximal = problem_has(problem, STRUCTURE_PROXIMAL);
    TRY((proximal ? problem->ops->smooth_gradient : problem->ops->value_gradient)(problem, rows, x, NULL, g,
                                                                                  evaluation));
    for (int64_t r = 0; r < rows.count; r++) {
        double lambda = proximal ? problem->lambda[rows.index[r]] : 0;
        double lipschitz = proximal && problem->lipschitz_ready ? problem->lipschitz[rows.index[r]] : 1;
        if (!(lipschitz > 0)) lipschitz = 1;
        norm[r] = sqrt(squared_norm(problem, r * problem->dimension, x, g, lambda, lipschitz));
    }
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}
