/* Products with A and its transpose for whole batches, in whichever form A is kept, and its spectral norm. */
#include "problems/linear_model.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "problems/lanczos.h"

enum { ROW_BLOCK = 64 }; /* of A, in float64 at a time */

#define MATRIX      float
#define VECTOR      float
#define TYPED(name) name##_float32
#include "problems/dense_body.h"
#undef VECTOR
#undef TYPED
#define VECTOR      double
#define TYPED(name) name##_mixed
#include "problems/dense_body.h"
#undef MATRIX
#undef TYPED
#define MATRIX      double
#define TYPED(name) name##_float64
#include "problems/dense_body.h"
#undef MATRIX
#undef VECTOR
#undef TYPED

#define REAL        float
#define TYPED(name) name##_float32
#include "problems/sparse_body.h"
#undef REAL
#undef TYPED
#define REAL        double
#define TYPED(name) name##_float64
#include "problems/sparse_body.h"
#undef REAL
#undef TYPED

const void *linear_model_matrix(const linear_model *model, int64_t instance) {
    int64_t offset = model->shared ? 0 : instance * model->m * model->n;
    return (const char *)model->a + (size_t)offset * dtype_size(model->type);
}

static void sparse_rows(const linear_model *model, const sparse_matrix *matrix, int64_t count, const void *x,
                        void *out) {
    for (int64_t r = 0; r < count; r++) {
        if (model->type == DTYPE_FLOAT32)
            sparse_apply_float32(matrix, (const float *)x + r * matrix->columns, (float *)out + r * matrix->rows);
        else
            sparse_apply_float64(matrix, (const double *)x + r * matrix->columns, (double *)out + r * matrix->rows);
    }
}

void linear_model_apply(const linear_model *model, instances rows, const void *x, void *out, const kernels *kernels) {
    int64_t m = model->m, n = model->n;
    if (model->sparse != NULL) {
        sparse_rows(model, model->sparse, rows.count, x, out);
    } else if (model->shared) {
        kernels->gemm(false, true, rows.count, m, n, 1, x, n, model->a, n, 0, out, m);
    } else {
        for (int64_t r = 0; r < rows.count; r++) {
            const void *a = linear_model_matrix(model, rows.index[r]);
            if (model->type == DTYPE_FLOAT32)
                dense_apply_float32(m, n, a, (const float *)x + r * n, (float *)out + r * m);
            else
                dense_apply_float64(m, n, a, (const double *)x + r * n, (double *)out + r * m);
        }
    }
}

void linear_model_apply_transpose(const linear_model *model, instances rows, const void *r, void *out,
                                  const kernels *kernels) {
    int64_t m = model->m, n = model->n;
    if (model->sparse != NULL) {
        sparse_rows(model, model->transpose, rows.count, r, out);
    } else if (model->shared) {
        kernels->gemm(false, false, rows.count, n, m, 1, r, m, model->a, n, 0, out, n);
    } else {
        for (int64_t p = 0; p < rows.count; p++) {
            const void *a = linear_model_matrix(model, rows.index[p]);
            if (model->type == DTYPE_FLOAT32)
                dense_transpose_float32(m, n, a, (const float *)r + p * m, (float *)out + p * n);
            else
                dense_transpose_float64(m, n, a, (const double *)r + p * m, (double *)out + p * n);
        }
    }
}

void linear_model_apply_double(const linear_model *model, int64_t instance, const double *x, double *out) {
    if (model->sparse != NULL)
        sparse_apply_float64(model->sparse, x, out);
    else if (model->type == DTYPE_FLOAT32)
        dense_apply_mixed(model->m, model->n, linear_model_matrix(model, instance), x, out);
    else
        dense_apply_float64(model->m, model->n, linear_model_matrix(model, instance), x, out);
}

void linear_model_apply_transpose_double(const linear_model *model, int64_t instance, const double *r, double *out) {
    if (model->sparse != NULL)
        sparse_apply_float64(model->transpose, r, out);
    else if (model->type == DTYPE_FLOAT32)
        dense_transpose_mixed(model->m, model->n, linear_model_matrix(model, instance), r, out);
    else
        dense_transpose_float64(model->m, model->n, linear_model_matrix(model, instance), r, out);
}

/* Rows [first, first + count) of a shared dense A in float64: as they lie, or converted into `room` [count, n]. */
static const double *rows_in_double(const linear_model *model, int64_t first, int64_t count, double *room) {
    int64_t n = model->n;
    if (model->type == DTYPE_FLOAT64) return (const double *)model->a + first * n;
    const float *from = (const float *)model->a + first * n;
    for (int64_t i = 0; i < count * n; i++) room[i] = (double)from[i];
    return room;
}

/* A goes through the cache in blocks of rows, so that its conversion takes little memory. */
static l2o_status apply_shared_double(const linear_model *model, bool transpose, int64_t count, const double *in,
                                      double *out, const evaluation *evaluation) {
    int64_t m = model->m, n = model->n;
    const kernels *kernels;
    TRY(kernels_select(evaluation->kernels->name, DTYPE_FLOAT64, &kernels, evaluation->error));
    arena_mark mark = arena_position(evaluation->scratch);
    double *room = arena_allocate(evaluation->scratch, (size_t)(ROW_BLOCK * n) * sizeof *room, evaluation->error);
    if (room == NULL) return evaluation->error->status;
    for (int64_t first = 0; first < m; first += ROW_BLOCK) {
        int64_t block = m - first < ROW_BLOCK ? m - first : ROW_BLOCK;
        const double *a = rows_in_double(model, first, block, room);
        if (transpose)
            kernels->gemm(false, false, count, n, block, 1, in + first, m, a, n, first > 0, out, n);
        else
            kernels->gemm(false, true, count, block, n, 1, in, n, a, n, 0, out + first, m);
    }
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

l2o_status linear_model_apply_all_double(const linear_model *model, instances rows, const double *x, double *out,
                                         const evaluation *evaluation) {
    if (model->shared && model->sparse == NULL)
        return apply_shared_double(model, false, rows.count, x, out, evaluation);
    for (int64_t r = 0; r < rows.count; r++)
        linear_model_apply_double(model, rows.index[r], x + r * model->n, out + r * model->m);
    return L2O_OK;
}

l2o_status linear_model_apply_transpose_all_double(const linear_model *model, instances rows, const double *r,
                                                   double *out, const evaluation *evaluation) {
    if (model->shared && model->sparse == NULL) return apply_shared_double(model, true, rows.count, r, out, evaluation);
    for (int64_t p = 0; p < rows.count; p++)
        linear_model_apply_transpose_double(model, rows.index[p], r + p * model->m, out + p * model->n);
    return L2O_OK;
}

double linear_model_gradient_work(const linear_model *model) {
    double entries = model->sparse != NULL ? (double)model->sparse->nonzeros : (double)model->m * (double)model->n;
    return entries > 0 ? 2 * entries : 1;
}

/* A'A, or AA' where that is the smaller one. */
typedef struct gram {
    const linear_model *model;
    int64_t instance;
    double *between; /* the vector on the longer side */
} gram;

static void gram_apply(const void *argument, const double *x, double *out) {
    const gram *self = argument;
    if (self->model->n <= self->model->m) {
        linear_model_apply_double(self->model, self->instance, x, self->between);
        linear_model_apply_transpose_double(self->model, self->instance, self->between, out);
    } else {
        linear_model_apply_transpose_double(self->model, self->instance, x, self->between);
        linear_model_apply_double(self->model, self->instance, self->between, out);
    }
}

static double squared_frobenius(const linear_model *model, int64_t instance) {
    double sum = 0;
    if (model->sparse != NULL) {
        for (int64_t k = 0; k < model->sparse->nonzeros; k++) sum += model->sparse->value[k] * model->sparse->value[k];
        return sum;
    }
    const void *a = linear_model_matrix(model, instance);
    for (int64_t i = 0; i < model->m * model->n; i++) {
        double value = problem_load(model->type, a, i);
        sum += value * value;
    }
    return sum;
}

static l2o_status check_squared_norm(const linear_model *model, double squared, l2o_error *error) {
    bool single = model->type == DTYPE_FLOAT32;
    double least = single ? (double)FLT_MIN : DBL_MIN, most = single ? (double)FLT_MAX : DBL_MAX;
    if (isnan(squared))
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: its squared norm ||A||^2 is no number, because entries of A are not finite or too large "
                         "to be squared; give an A of finite numbers, or scale A and b",
                         model->name);
    if (squared == 0 || (squared >= least && squared <= most)) return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT, "%s: its squared norm ||A||^2 = %.3g is %s for %s; scale A and b%s",
                     model->name, squared, squared < least ? "too small" : "too large", single ? "float32" : "float64",
                     single ? ", or set dtype = float64" : "");
}

l2o_status linear_model_squared_norms(const linear_model *model, double *squared_norms, const evaluation *evaluation) {
    int64_t shorter = model->n <= model->m ? model->n : model->m;
    int64_t longer = model->n <= model->m ? model->m : model->n;
    arena_mark mark = arena_position(evaluation->scratch);
    double *between = arena_allocate(evaluation->scratch, (size_t)longer * sizeof *between, evaluation->error);
    if (between == NULL) return evaluation->error->status;
    l2o_status status = L2O_OK;
    bool one = model->shared || model->sparse != NULL;
    for (int64_t p = 0; p < (one ? 1 : model->batch) && status == L2O_OK; p++) {
        gram gram = {model, p, between};
        status = lanczos_largest(shorter, gram_apply, &gram, &squared_norms[p], evaluation->scratch, evaluation->error);
        /* The Frobenius norm bounds it from above, and is exact for rank one. */
        double bound = squared_frobenius(model, p) * (1 + 1e-12);
        if (squared_norms[p] > bound || isnan(bound)) squared_norms[p] = bound;
        if (status == L2O_OK) status = check_squared_norm(model, squared_norms[p], evaluation->error);
    }
    for (int64_t p = 1; one && p < model->batch; p++) squared_norms[p] = squared_norms[0];
    arena_reset(evaluation->scratch, mark);
    return status;
}
