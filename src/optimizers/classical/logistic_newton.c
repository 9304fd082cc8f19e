/* Proximal Newton with coordinate descent inside, as newGLMNET (Yuan, Ho and Lin, JMLR 13, 2012): near x, with z = A x,
 * the smooth part is its quadratic model, so a step minimises
 *
 *   1/2 ||W^(1/2) A x' - (W^(1/2) z + W^(-1/2) d)||^2 + lambda ||x'||_1
 *
 * over a working set of columns, d the dual vector (minus the derivative by z) and W = diag(u (1 - u) / m) with u =
 * sigmoid(-margin). That is a lasso: cyclic sweeps solve it, and where they are slow an exact active-set method does. A
 * line search along x' - x with Armijo's rule makes f fall. Curvatures are kept above a floor, as newGLMNET adds a
 * small multiple of the identity: the model's step stays a descent direction. */
#include "optimizers/classical/logistic_newton.h"

#include <math.h>
#include <string.h>

#include "optimizers/classical/active_set.h"
#include "optimizers/classical/working_set.h"
#include "problems/dense_vector.h"
#include "problems/logistic_gap.h"

enum { MOST_SWEEPS = 50, MOST_HALVINGS = 60 };

static const double LEAST_CURVATURE = 1e-12; /* of a row, before the 1/m */
static const double SWEEP_TOLERANCE = 1e-4;  /* of the first sweep's move, at which sweeps end */
static const double SUFFICIENT = 0.01;       /* part of the model's decrease that a step must reach */
static const double ROUNDING = 4e-16;        /* of f: what a step may cost that only improves the certificate */

/* A step being made; arrays [m] unless said otherwise. */
typedef struct newton {
    logistic_instance *instance;
    working_set set;
    double *root; /* W^(1/2) */
    lasso_instance model;
    double *change; /* [set.count], x' - x */
    double *image;  /* b A (x' - x): the change of the margins */
} newton;

static void restart_at_zero(logistic_instance *instance) {
    if (!(log(2) < logistic_instance_value(instance))) return;
    memset(instance->x, 0, (size_t)instance->n * sizeof *instance->x);
    logistic_instance_refresh(instance);
}

static l2o_status make_model(newton *self) {
    logistic_instance *instance = self->instance;
    int64_t m = instance->m;
    double *memory = arena_allocate(instance->scratch, (size_t)(5 * m) * sizeof *memory, instance->error);
    if (memory == NULL) return instance->error->status;
    self->root = memory;
    self->image = memory + m;
    self->model = (lasso_instance){.model = instance->model,
                                   .instance = instance->instance,
                                   .m = m,
                                   .n = instance->n,
                                   .lambda = instance->lambda,
                                   .b = memory + 2 * m,
                                   .residual = memory + 3 * m,
                                   .dual = memory + 4 * m,
                                   .scratch = instance->scratch,
                                   .error = instance->error};
    for (int64_t i = 0; i < m; i++) {
        double margin = instance->margin[i];
        double curvature = fmax(logistic_tail(margin) * logistic_tail(-margin), LEAST_CURVATURE);
        double root = sqrt(curvature / (double)m);
        self->root[i] = root;
        self->model.residual[i] = instance->dual[i] / root;
        self->model.b[i] = root * instance->b[i] * margin + self->model.residual[i];
    }
    return L2O_OK;
}

/* The minimum of the model over the working set, in set.x. */
static l2o_status minimise_model(newton *self) {
    double first = 0, move = 0;
    for (int k = 0; k < MOST_SWEEPS; k++) {
        move = working_set_sweep(&self->set, self->model.lambda, self->model.residual, &self->model.work);
        if (k == 0) first = move;
        if (!(move > SWEEP_TOLERANCE * first)) return L2O_OK;
    }
    if (self->model.lambda == 0) return L2O_OK;
    return active_set_finish(&self->model, self->set.count, self->set.columns, self->set.x);
}

/* The direction, and by how much the model's linear part and the penalty fall along it: at least the decrease of the
 * whole model. */
static l2o_status make_direction(newton *self, double *decrease) {
    logistic_instance *instance = self->instance;
    self->change = arena_allocate(instance->scratch, (size_t)self->set.count * sizeof(double), instance->error);
    if (self->change == NULL) return instance->error->status;
    memset(self->image, 0, (size_t)instance->m * sizeof *self->image);
    *decrease = 0;
    for (int64_t k = 0; k < self->set.count; k++) {
        int64_t j = self->set.index[k];
        double old = instance->x[j], fresh = self->set.x[k];
        self->change[k] = fresh - old;
        *decrease += instance->correlation[j] * self->change[k] - instance->lambda * (fabs(fresh) - fabs(old));
        if (self->change[k] == 0) continue;
        column_axpy(self->change[k], &self->set.columns[k], self->image);
        self->model.work += (double)self->set.columns[k].count;
    }
    for (int64_t i = 0; i < instance->m; i++) self->image[i] *= instance->b[i] / self->root[i];
    return L2O_OK;
}

/* How much log(1 + exp(-margin)) falls when the margin grows by `change`, without cancellation. */
static double loss_decrease(double margin, double change) {
    static const double far = 1;
    if (fabs(change) > far) return logistic_loss(margin) - logistic_loss(margin + change);
    return -log1p(logistic_tail(margin) * expm1(-change));
}

/* f at x less f at x + part * change. */
static double decrease_at(const newton *self, double part) {
    const logistic_instance *instance = self->instance;
    double loss = 0, penalty = 0;
    for (int64_t i = 0; i < instance->m; i++) loss += loss_decrease(instance->margin[i], part * self->image[i]);
    for (int64_t k = 0; k < self->set.count; k++) {
        double old = instance->x[self->set.index[k]];
        penalty += fabs(old) - fabs(old + part * self->change[k]);
    }
    return loss / (double)instance->m + instance->lambda * penalty;
}

/* Moves x along the change. */
static void search(newton *self, double decrease) {
    logistic_instance *instance = self->instance;
    double part = 1, slack = ROUNDING * logistic_instance_value(instance);
    int halvings = 0;
    while (halvings < MOST_HALVINGS && !(decrease_at(self, part) >= SUFFICIENT * part * decrease - slack)) {
        part /= 2;
        halvings++;
    }
    instance->stuck = halvings == MOST_HALVINGS;
    if (instance->stuck) return;
    for (int64_t k = 0; k < self->set.count; k++) {
        double *x = &instance->x[self->set.index[k]];
        *x = part == 1 ? self->set.x[k] : *x + part * self->change[k];
    }
}

static l2o_status step(newton *self) {
    logistic_instance *instance = self->instance;
    TRY(working_set_choose(instance->n, instance->x, instance->correlation, instance->lambda, instance->scratch,
                           &self->set, instance->error));
    TRY(make_model(self));
    TRY(working_set_columns(&self->set, instance->model, instance->instance, self->root, instance->scratch,
                            instance->error));
    TRY(minimise_model(self));
    double decrease = 0;
    TRY(make_direction(self, &decrease));
    instance->stuck = !(decrease > 0);
    if (!instance->stuck) search(self, decrease);
    instance->work += self->model.work;
    return L2O_OK;
}

l2o_status logistic_newton_pass(logistic_instance *instance) {
    arena_mark mark = arena_position(instance->scratch);
    restart_at_zero(instance);
    newton self = {.instance = instance};
    l2o_status status = step(&self);
    arena_reset(instance->scratch, mark);
    return status;
}
