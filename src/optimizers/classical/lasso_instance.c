/* The duality gap of x and a dual point v with |A'v| <= lambda is summed from terms that are none of them negative,
 * 1/2 ||r - v||^2 + sum_j (lambda |x_j| - x_j (A'v)_j): primal minus dual would cancel near the optimum. Two dual
 * points are tried, each made feasible by a factor: the residual r = b - A x, and the one that an exact solver left.
 * Where A is ill-conditioned the second is far better: the residual is off by what the rounding of x does to A x. */
#include "optimizers/classical/lasso_instance.h"

#include <math.h>
#include <string.h>

#include "problems/dense_vector.h"

l2o_status lasso_instance_begin(lasso_instance *self, const problem *problem, int64_t instance, double *x,
                                const evaluation *evaluation) {
    const linear_model *model = problem->model;
    *self = (lasso_instance){.model = model,
                             .instance = instance,
                             .m = model->m,
                             .n = model->n,
                             .lambda = problem->lambda[instance],
                             .x = x,
                             .scratch = evaluation->scratch,
                             .error = evaluation->error};
    double *memory = arena_allocate(self->scratch, (size_t)(3 * self->m + self->n) * sizeof *memory, self->error);
    if (memory == NULL) return self->error->status;
    self->b = memory;
    self->residual = memory + self->m;
    self->dual = memory + 2 * self->m;
    self->correlation = memory + 3 * self->m;
    for (int64_t i = 0; i < self->m; i++) self->b[i] = problem_load(model->type, model->b, instance * self->m + i);
    return L2O_OK;
}

void lasso_instance_refresh(lasso_instance *self) {
    linear_model_apply_double(self->model, self->instance, self->x, self->residual);
    for (int64_t i = 0; i < self->m; i++) self->residual[i] = self->b[i] - self->residual[i];
    linear_model_apply_transpose_double(self->model, self->instance, self->residual, self->correlation);
    self->work += linear_model_gradient_work(self->model);
}

double lasso_instance_value(const lasso_instance *self) {
    double penalty = 0;
    for (int64_t j = 0; j < self->n; j++) penalty += fabs(self->x[j]);
    return 0.5 * dense_squares(self->m, self->residual) + self->lambda * penalty;
}

/* With v = scale * dual, correlation = A' dual. */
static double gap_with(const lasso_instance *self, const double *dual, const double *correlation, double scale) {
    double gap = 0;
    for (int64_t i = 0; i < self->m; i++) {
        double difference = self->residual[i] - scale * dual[i];
        gap += 0.5 * difference * difference;
    }
    for (int64_t j = 0; j < self->n; j++)
        gap += fmax(self->lambda * fabs(self->x[j]) - scale * self->x[j] * correlation[j], 0);
    return gap;
}

/* The feasible factor nearest to `best`. */
static double feasible_scale(const lasso_instance *self, const double *correlation, double best) {
    double largest = 0;
    for (int64_t j = 0; j < self->n; j++) largest = fmax(largest, fabs(correlation[j]));
    return fabs(best) * largest > self->lambda ? copysign(self->lambda / largest, best) : best;
}

l2o_status lasso_instance_gap(lasso_instance *self, double *gap) {
    double squared = dense_squares(self->m, self->residual);
    double best = squared > 0 ? dense_dot(self->m, self->residual, self->b) / squared : 1;
    double scale = feasible_scale(self, self->correlation, best);
    *gap = gap_with(self, self->residual, self->correlation, scale);
    if (!self->has_dual) return L2O_OK;
    arena_mark mark = arena_position(self->scratch);
    double *correlation = arena_allocate(self->scratch, (size_t)self->n * sizeof *correlation, self->error);
    if (correlation == NULL) return self->error->status;
    linear_model_apply_transpose_double(self->model, self->instance, self->dual, correlation);
    *gap = fmin(*gap, gap_with(self, self->dual, correlation, feasible_scale(self, correlation, 1)));
    arena_reset(self->scratch, mark);
    return L2O_OK;
}
