/* Spectral norms by Lanczos' recurrence on the square of the difference, which is positive semidefinite as the
 * recurrence wants it. */
#include "experiment/theory_distance.h"

#include <math.h>
#include <string.h>

#include "problems/lanczos.h"
#include "problems/linear_model.h"

typedef struct hessian_pair {
    const linear_model *p, *q;
    int64_t instance;
    double *residual, *other, *once; /* [m of either], [n], [n] */
} hessian_pair;

static void apply_difference(const hessian_pair *pair, const double *x, double *out) {
    int64_t n = pair->p->n;
    linear_model_apply_double(pair->p, pair->instance, x, pair->residual);
    linear_model_apply_transpose_double(pair->p, pair->instance, pair->residual, out);
    linear_model_apply_double(pair->q, pair->instance, x, pair->residual);
    linear_model_apply_transpose_double(pair->q, pair->instance, pair->residual, pair->other);
    for (int64_t j = 0; j < n; j++) out[j] -= pair->other[j];
}

static void apply_difference_twice(const void *argument, const double *x, double *out) {
    const hessian_pair *pair = argument;
    apply_difference(pair, x, pair->once);
    apply_difference(pair, pair->once, out);
}

l2o_status theory_hessian_distances(const problem *p, const problem *q, double *out, arena *scratch, l2o_error *error) {
    arena_mark mark = arena_position(scratch);
    int64_t m = p->model->m > q->model->m ? p->model->m : q->model->m, n = p->dimension;
    double *work = arena_allocate(scratch, (size_t)(m + 2 * n) * sizeof *work, error);
    if (work == NULL) return error->status;
    hessian_pair pair = {.p = p->model, .q = q->model, .residual = work, .other = work + m, .once = work + m + n};
    for (pair.instance = 0; pair.instance < p->batch; pair.instance++) {
        double squared;
        TRY(lanczos_largest(n, apply_difference_twice, &pair, &squared, scratch, error));
        out[pair.instance] = sqrt(squared);
    }
    arena_reset(scratch, mark);
    return L2O_OK;
}

l2o_status theory_hessian_sum(const problem *p, double *sum, arena *scratch, l2o_error *error) {
    const linear_model *model = p->model;
    arena_mark mark = arena_position(scratch);
    int64_t m = model->m, n = model->n;
    double *unit = arena_allocate(scratch, (size_t)(m + 2 * n) * sizeof *unit, error);
    if (unit == NULL) return error->status;
    double *image = unit + n, *residual = unit + 2 * n;
    memset(unit, 0, (size_t)n * sizeof *unit);
    for (int64_t i = 0; i < p->batch; i++)
        for (int64_t j = 0; j < n; j++) {
            unit[j] = 1;
            linear_model_apply_double(model, i, unit, residual);
            linear_model_apply_transpose_double(model, i, residual, image);
            for (int64_t k = 0; k < n; k++) sum[j * n + k] += image[k];
            unit[j] = 0;
        }
    arena_reset(scratch, mark);
    return L2O_OK;
}

typedef struct dense_square {
    int64_t n;
    const double *matrix; /* [n, n] */
    double *once;         /* [n] */
} dense_square;

static void apply_matrix(const dense_square *square, const double *x, double *out) {
    for (int64_t i = 0; i < square->n; i++) {
        out[i] = 0;
        for (int64_t j = 0; j < square->n; j++) out[i] += square->matrix[i * square->n + j] * x[j];
    }
}

static void apply_square(const void *argument, const double *x, double *out) {
    const dense_square *square = argument;
    apply_matrix(square, x, square->once);
    apply_matrix(square, square->once, out);
}

l2o_status theory_spectral_norm(int64_t n, const double *matrix, double *out, arena *scratch, l2o_error *error) {
    arena_mark mark = arena_position(scratch);
    dense_square square = {n, matrix, arena_allocate(scratch, (size_t)n * sizeof(double), error)};
    if (square.once == NULL) return error->status;
    double squared;
    TRY(lanczos_largest(n, apply_square, &square, &squared, scratch, error));
    *out = sqrt(squared);
    arena_reset(scratch, mark);
    return L2O_OK;
}

l2o_status theory_gradients(l2o_context *context, const problem *p, const double *x, double *out, arena *scratch,
                            l2o_error *error) {
    arena_mark mark = arena_position(scratch);
    evaluation evaluation = {.scratch = scratch, .error = error};
    TRY(kernels_select(context->kernel, p->type, &evaluation.kernels, error));
    int64_t batch = p->batch, n = p->dimension;
    size_t bytes = (size_t)(batch * n) * dtype_size(p->type);
    void *points = arena_allocate(scratch, bytes, error), *gradients = arena_allocate(scratch, bytes, error);
    int64_t *index = arena_allocate(scratch, (size_t)batch * sizeof *index, error);
    if (points == NULL || gradients == NULL || index == NULL) return error->status;
    for (int64_t i = 0; i < batch; i++) {
        index[i] = i;
        for (int64_t j = 0; j < n; j++) problem_store(p->type, points, i * n + j, x[j]);
    }
    instances rows = {batch, index};
    TRY(problem_outcome(p, p->ops->value_gradient(p, rows, points, NULL, gradients, &evaluation), error));
    evaluation.kernels->to_double(batch * n, gradients, out);
    arena_reset(scratch, mark);
    return L2O_OK;
}

/* a I + c 11' has the eigenvalues a and a + n c; the latter alone where n is 1. */
double theory_hessian_expected(const theory_moments *p, const theory_moments *q, int64_t n) {
    if (!p->known || !q->known) return NAN;
    double diagonal = p->diagonal - q->diagonal, along = fabs(diagonal + (double)n * (p->common - q->common));
    return n > 1 ? fmax(fabs(diagonal), along) : along;
}

double theory_gradient_expected(const theory_moments *p, const theory_moments *q, int64_t n, const double *x) {
    if (!p->known || !q->known) return NAN;
    double total = 0, squared = 0;
    for (int64_t j = 0; j < n; j++) total += x[j];
    for (int64_t j = 0; j < n; j++) {
        double entry =
            (p->diagonal - q->diagonal) * x[j] + (p->common - q->common) * total - (p->correlation - q->correlation);
        squared += entry * entry;
    }
    return sqrt(squared);
}
