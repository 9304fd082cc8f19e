/* One instance of L1 logistic regression in float64: values, slopes and weights for the proximal Newton method. */
#include "optimizers/classical/logistic_instance.h"

#include <math.h>

#include "problems/logistic_gap.h"

l2o_status logistic_instance_begin(logistic_instance *self, const problem *problem, int64_t instance, double *x,
                                   const evaluation *evaluation) {
    const linear_model *model = problem->model;
    *self = (logistic_instance){.model = model,
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
    self->margin = memory + self->m;
    self->dual = memory + 2 * self->m;
    self->correlation = memory + 3 * self->m;
    for (int64_t i = 0; i < self->m; i++) self->b[i] = problem_load(model->type, model->b, instance * self->m + i);
    return L2O_OK;
}

void logistic_instance_refresh(logistic_instance *self) {
    linear_model_apply_double(self->model, self->instance, self->x, self->margin);
    for (int64_t i = 0; i < self->m; i++) {
        self->margin[i] *= self->b[i];
        self->dual[i] = self->b[i] * logistic_tail(self->margin[i]) / (double)self->m;
    }
    linear_model_apply_transpose_double(self->model, self->instance, self->dual, self->correlation);
    self->work += linear_model_gradient_work(self->model);
}

double logistic_instance_value(const logistic_instance *self) {
    double loss = 0, penalty = 0;
    for (int64_t i = 0; i < self->m; i++) loss += logistic_loss(self->margin[i]);
    for (int64_t j = 0; j < self->n; j++) penalty += fabs(self->x[j]);
    return loss / (double)self->m + self->lambda * penalty;
}

double logistic_instance_gap(const logistic_instance *self) {
    return logistic_gap(self->m, self->n, self->margin, self->x, self->correlation, self->lambda);
}
