/* The limit of what any optimizer can reach: the optima, by coordinate descent with a certificate. */
#include <math.h>

#include "base/memory.h"
#include "experiment/compare.h"
#include "optimizers/classical/coordinate_descent.h"

static const double RELATIVE_GAP = 1e-12; /* of f(0) */

typedef struct limit {
    const problem *problem;
    const kernels *kernels;
    double *values, *gaps; /* [B] */
} limit;

bool compare_limit_exists(const problem *problem) {
    return !problem_has(problem, STRUCTURE_OPTIMUM) &&
           problem_has(problem, STRUCTURE_LINEAR_MODEL | STRUCTURE_LINEAR_LOSS | STRUCTURE_PROXIMAL);
}

static l2o_status solve_instance(void *argument, int64_t instance, worker *worker) {
    limit *self = argument;
    int64_t n = self->problem->dimension;
    double *x = arena_allocate(&worker->arena, (size_t)n * sizeof *x, &worker->error);
    if (x == NULL) return worker->error.status;
    for (int64_t j = 0; j < n; j++) x[j] = problem_load(self->problem->type, self->problem->x0, instance * n + j);
    evaluation evaluation = {self->kernels, &worker->arena, &worker->error};
    return coordinate_descent_optimum(self->problem, instance, RELATIVE_GAP, x, &self->values[instance],
                                      &self->gaps[instance], &evaluation);
}

l2o_status compare_limit(l2o_context *context, const problem *problem, double *optimum, double *gap, l2o_error *error) {
    int64_t batch = problem->batch;
    limit self = {.problem = problem};
    TRY(kernels_select(context->kernel, problem->type, &self.kernels, error));
    self.values = memory_allocate((size_t)batch, sizeof(double), error);
    self.gaps = memory_allocate((size_t)batch, sizeof(double), error);
    l2o_status status = self.values == NULL || self.gaps == NULL ? error->status : L2O_OK;
    if (status == L2O_OK) status = pieces_run(context, batch, problem->concurrent, solve_instance, &self, error);
    *optimum = 0;
    *gap = NAN; /* stays so where no bound is known: without an L1 term */
    for (int64_t p = 0; p < batch && status == L2O_OK; p++) {
        *optimum += self.values[p] / (double)batch;
        *gap = fmax(*gap, self.gaps[p]);
    }
    memory_free(self.values);
    memory_free(self.gaps);
    return status;
}
