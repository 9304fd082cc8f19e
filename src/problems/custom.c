/* Calls the user's callbacks instance by instance in double precision, and converts where the problem is float32. The
 * ops table is made for each problem, since which slots it has depends on which callbacks there are. */
#include "problems/custom.h"

#include <string.h>

#include "base/memory.h"

typedef struct custom {
    problem_ops ops;
    l2o_problem_callbacks callbacks;
    void *user;
    double *start; /* [n] */
} custom;

struct l2o_random {
    random_key key;
    uint64_t next;
};

double l2o_random_uniform(l2o_random *random) { return random_uniform(random->key, random->next++); }
double l2o_random_normal(l2o_random *random) { return random_normal(random->key, random->next++); }

/* Each instance has 2^26 numbers of its own. */
static l2o_random instance_random(random_key key, random_field field, int64_t instance) {
    key.field = (uint8_t)field;
    return (l2o_random){key, (uint64_t)instance << 26};
}

static l2o_status stopped(const char *callback, int64_t instance, int code, l2o_error *error) {
    return error_set(error, L2O_ERROR_CANCELLED, "the problem's callback %s stopped at instance %lld by returning %d",
                     callback, (long long)instance, code);
}

/* Row `r` of an array of the problem's type, as doubles in `row`. */
static void load_row(const problem *problem, const void *array, int64_t r, double *row) {
    for (int64_t j = 0; j < problem->dimension; j++)
        row[j] = problem_load(problem->type, array, r * problem->dimension + j);
}

static void store_row(const problem *problem, void *array, int64_t r, const double *row) {
    for (int64_t j = 0; j < problem->dimension; j++)
        problem_store(problem->type, array, r * problem->dimension + j, row[j]);
}

static double *rows_allocate(const problem *problem, int64_t count, const evaluation *evaluation) {
    return arena_allocate(evaluation->scratch, (size_t)(count * problem->dimension) * sizeof(double),
                          evaluation->error);
}

static l2o_status custom_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                        const evaluation *evaluation) {
    const custom *self = problem->family;
    arena_mark mark = arena_position(evaluation->scratch);
    double *point = rows_allocate(problem, 2, evaluation);
    if (point == NULL) return evaluation->error->status;
    double *gradient = point + problem->dimension;
    l2o_status status = L2O_OK;
    for (int64_t r = 0; r < rows.count && status == L2O_OK; r++) {
        double value = 0;
        load_row(problem, x, r, point);
        int code =
            self->callbacks.value_gradient(self->user, rows.index[r], point, &value, g == NULL ? NULL : gradient);
        if (code != 0) status = stopped("value_gradient", rows.index[r], code, evaluation->error);
        if (f != NULL) problem_store(problem->type, f, r, value);
        if (g != NULL) store_row(problem, g, r, gradient);
    }
    arena_reset(evaluation->scratch, mark);
    return status;
}

static l2o_status custom_hess_vec(const problem *problem, instances rows, const void *x, const void *v, void *out,
                                  const evaluation *evaluation) {
    const custom *self = problem->family;
    int64_t n = problem->dimension;
    arena_mark mark = arena_position(evaluation->scratch);
    double *point = rows_allocate(problem, 3, evaluation);
    if (point == NULL) return evaluation->error->status;
    l2o_status status = L2O_OK;
    for (int64_t r = 0; r < rows.count && status == L2O_OK; r++) {
        load_row(problem, x, r, point);
        load_row(problem, v, r, point + n);
        int code = self->callbacks.hess_vec(self->user, rows.index[r], point, point + n, point + 2 * n);
        if (code != 0) status = stopped("hess_vec", rows.index[r], code, evaluation->error);
        store_row(problem, out, r, point + 2 * n);
    }
    arena_reset(evaluation->scratch, mark);
    return status;
}

static l2o_status custom_third(const problem *problem, instances rows, const void *x, const void *u, const void *v,
                               void *out, const evaluation *evaluation) {
    const custom *self = problem->family;
    int64_t n = problem->dimension;
    arena_mark mark = arena_position(evaluation->scratch);
    double *point = rows_allocate(problem, 4, evaluation);
    if (point == NULL) return evaluation->error->status;
    l2o_status status = L2O_OK;
    for (int64_t r = 0; r < rows.count && status == L2O_OK; r++) {
        load_row(problem, x, r, point);
        load_row(problem, u, r, point + n);
        load_row(problem, v, r, point + 2 * n);
        int code = self->callbacks.third(self->user, rows.index[r], point, point + n, point + 2 * n, point + 3 * n);
        if (code != 0) status = stopped("third", rows.index[r], code, evaluation->error);
        store_row(problem, out, r, point + 3 * n);
    }
    arena_reset(evaluation->scratch, mark);
    return status;
}

static l2o_status custom_sample(problem *problem, random_key key, l2o_error *error) {
    custom *self = problem->family;
    for (int64_t p = 0; p < problem->batch && self->callbacks.sample != NULL; p++) {
        l2o_random random = instance_random(key, FIELD_OTHER, p);
        int code = self->callbacks.sample(self->user, p, &random);
        if (code != 0) return stopped("sample", p, code, error);
    }
    for (int64_t p = 0; p < problem->batch && self->callbacks.start != NULL; p++) {
        l2o_random random = instance_random(key, FIELD_X0, p);
        int code = self->callbacks.start(self->user, p, &random, self->start);
        if (code != 0) return stopped("start", p, code, error);
        store_row(problem, problem->x0, p, self->start);
    }
    return L2O_OK;
}

static l2o_status check(const l2o_problem_callbacks *callbacks, int64_t batch, int64_t dimension, l2o_error *error) {
    if (callbacks == NULL || callbacks->size != sizeof *callbacks)
        return error_set(error, L2O_ERROR_INPUT,
                         "the callbacks' size is %zu, but must be sizeof(l2o_problem_callbacks) = %zu",
                         callbacks == NULL ? (size_t)0 : callbacks->size, sizeof *callbacks);
    if (callbacks->value_gradient == NULL)
        return error_set(error, L2O_ERROR_INPUT, "the callback value_gradient is missing; a problem needs it");
    if (batch < 1 || dimension < 1)
        return error_set(error, L2O_ERROR_INPUT,
                         "a problem needs at least one instance and one variable, not %lld and %lld", (long long)batch,
                         (long long)dimension);
    return L2O_OK;
}

static l2o_status create(problem *problem, const l2o_problem_callbacks *callbacks, void *user, l2o_error *error) {
    custom *self = problem_allocate(problem, 1, 1, 1, sizeof *self, error);
    if (self == NULL) return error->status;
    self->callbacks = *callbacks;
    self->user = user;
    self->ops.name = "custom";
    self->ops.summary = "the caller's own function";
    self->ops.reference = "none";
    self->ops.sample = custom_sample;
    self->ops.value_gradient = custom_value_gradient;
    self->ops.hess_vec = callbacks->hess_vec == NULL ? NULL : custom_hess_vec;
    self->ops.third = callbacks->third == NULL ? NULL : custom_third;
    problem->ops = &self->ops;
    problem->family = self;
    problem->concurrent = callbacks->concurrent != 0;
    self->start = problem_allocate(problem, problem->dimension, 1, 1, sizeof(double), error);
    if (self->start == NULL) return error->status;
    return problem_create_x0(problem, "normal:0.01", COMPONENT_ALL, error);
}

l2o_status problem_create_custom(const l2o_problem_callbacks *callbacks, void *user, int64_t batch, int64_t dimension,
                                 dtype type, problem **out, l2o_error *error) {
    *out = NULL;
    TRY(check(callbacks, batch, dimension, error));
    problem *created = memory_allocate(1, sizeof *created, error);
    if (created == NULL) return error->status;
    created->type = type;
    created->batch = batch;
    created->dimension = dimension;
    l2o_status status = create(created, callbacks, user, error);
    if (status != L2O_OK) {
        problem_free(created);
        return status;
    }
    *out = created;
    return L2O_OK;
}
