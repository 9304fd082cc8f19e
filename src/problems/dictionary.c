/* With AA' = Q diag(s^2) Q' and Y = diag(1/s) Q'A, over the singular values that count: (A+)' = Q diag(1/s) Y,
 * P = Y'Y, P_ii = ||Y e_i||^2. Where A has more rows than columns, with the smaller A'A = V diag(s^2) V': Y = V' and
 * (A+)' = (A V diag(1/s)) diag(1/s) V'. */
#include "problems/dictionary.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "problems/eigen.h"
#include "problems/linear_model.h"

enum { BLOCK = 64 }; /* rows of P at a time */

static const double NEGLIGIBLE = 1e-10; /* eigenvalues beside the largest: float32 leaves 1e-14 where the truth is 0 */
static const double LEAST_LEVERAGE = 1e-12;

const dictionary *problem_dictionary(const problem *problem) { return problem->dictionary; }

/* What is computed along the way. */
typedef struct workspace {
    const kernels *kernels; /* of float64 */
    int64_t order;          /* the smaller of m and n */
    double *vectors;        /* [order, order] Q', or V' */
    double *values, *work;  /* [order], [3 order] */
    double *inverse_roots;  /* [order] 1/s, 0 where it does not count */
    double *projected;      /* [order, n] Q'A, then Y */
    double *leverage;       /* [n] P_ii */
    double *rows;           /* [BLOCK, n] of P */
} workspace;

static void multiply(const kernels *kernels, bool transpose, int64_t m, int64_t n, int64_t k, const double *a,
                     int64_t lda, const double *b, double *c) {
    kernels->gemm(transpose, false, m, n, k, 1, a, lda, b, n, 0, c, n);
}

static l2o_status check_columns(const char *name, const double *a, int64_t m, int64_t n, double *squares,
                                l2o_error *error) {
    memset(squares, 0, (size_t)n * sizeof *squares);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) squares[j] += a[i * n + j] * a[i * n + j];
    for (int64_t j = 0; j < n; j++) {
        if (!isfinite(squares[j]))
            return error_set(error, L2O_ERROR_NUMERIC,
                             "%s: column %lld is not finite; unrolled optimizers need numbers", name, (long long)j);
        if (squares[j] == 0)
            return error_set(error, L2O_ERROR_INPUT,
                             "%s: column %lld holds nothing but zeros, so no measurement tells of its variable; remove "
                             "the column",
                             name, (long long)j);
    }
    return L2O_OK;
}

/* Eigenvalues ascend. */
static void read_spectrum(dictionary *out, workspace *work) {
    out->norm_squared = work->values[work->order - 1];
    out->least_eigenvalue = fmax(work->values[0], 0);
    for (int64_t k = 0; k < work->order; k++) {
        double value = work->values[k];
        bool counts = value > NEGLIGIBLE * out->norm_squared;
        work->inverse_roots[k] = counts ? 1 / sqrt(value) : 0;
        if (!counts) continue;
        out->rank++;
        out->trace_pseudo_inverse += 1 / value;
    }
}

static void scale_rows(int64_t m, int64_t n, const double *factor, double *x) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) x[i * n + j] *= factor[i];
}

/* Y and (A+)' of a wide A. */
static void invert_wide(const dictionary *in, workspace *work, double *inverse) {
    int64_t m = in->m, n = in->n;
    multiply(work->kernels, false, m, n, m, work->vectors, m, in->matrix, work->projected);
    scale_rows(m, n, work->inverse_roots, work->projected);
    /* Q diag(1/s) Y: the factor goes to the rows of Q', which are not needed any more. */
    scale_rows(m, m, work->inverse_roots, work->vectors);
    multiply(work->kernels, true, m, n, m, work->vectors, m, work->projected, inverse);
}

/* The same of a tall A; `left` [m, n] for A V diag(1/s). */
static void invert_tall(const dictionary *in, workspace *work, double *left, double *inverse) {
    int64_t m = in->m, n = in->n;
    for (int64_t k = 0; k < n; k++)
        for (int64_t j = 0; j < n; j++)
            work->projected[k * n + j] = work->inverse_roots[k] > 0 ? work->vectors[k * n + j] : 0;
    scale_rows(n, n, work->inverse_roots, work->vectors);
    work->kernels->gemm(false, true, m, n, n, 1, in->matrix, n, work->vectors, n, 0, left, n);
    multiply(work->kernels, false, m, n, n, left, n, work->vectors, inverse);
}

static l2o_status find_weights(const char *name, const dictionary *in, workspace *work, double *inverse,
                               double *analytic, l2o_error *error) {
    int64_t m = in->m, n = in->n;
    if (m > n)
        invert_tall(in, work, analytic, inverse);
    else
        invert_wide(in, work, inverse);
    memset(work->leverage, 0, (size_t)n * sizeof *work->leverage);
    for (int64_t i = 0; i < work->order * n; i++) work->leverage[i % n] += work->projected[i] * work->projected[i];
    for (int64_t j = 0; j < n; j++)
        if (!(work->leverage[j] > LEAST_LEVERAGE))
            return error_set(error, L2O_ERROR_INPUT,
                             "%s: column %lld is so small beside the others that float64 cannot tell it from zeros; "
                             "scale or remove the column",
                             name, (long long)j);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) analytic[i * n + j] = inverse[i * n + j] / work->leverage[j];
    return L2O_OK;
}

static void find_coherence(dictionary *out, const workspace *work) {
    int64_t m = out->m, n = out->n;
    for (int64_t first = 0; first < n; first += BLOCK) {
        int64_t count = n - first < BLOCK ? n - first : BLOCK;
        multiply(work->kernels, true, count, n, work->order, work->projected + first, n, work->projected, work->rows);
        for (int64_t r = 0; r < count; r++) {
            double largest = 0;
            for (int64_t j = 0; j < n; j++)
                if (j != first + r) largest = fmax(largest, fabs(work->rows[r * n + j]));
            out->coherence = fmax(out->coherence, largest / work->leverage[first + r]);
            out->symmetric_coherence = fmax(out->symmetric_coherence, largest * (double)n / (double)m);
        }
    }
}

static l2o_status analyse(const problem *problem, dictionary *out, double *a, double *inverse, double *analytic,
                          const evaluation *evaluation) {
    int64_t m = out->m, n = out->n, order = m < n ? m : n;
    size_t count[] = {(size_t)(order * order), (size_t)order, (size_t)(3 * order), (size_t)order,
                      (size_t)(order * n),     (size_t)n,     (size_t)(BLOCK * n)};
    workspace work = {.order = order};
    double **array[] = {&work.vectors,   &work.values,   &work.work, &work.inverse_roots,
                        &work.projected, &work.leverage, &work.rows};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) {
        *array[k] = arena_allocate(evaluation->scratch, count[k] * sizeof(double), evaluation->error);
        if (*array[k] == NULL) return evaluation->error->status;
    }
    TRY(kernels_select(evaluation->kernels->name, DTYPE_FLOAT64, &work.kernels, evaluation->error));
    for (int64_t i = 0; i < m * n; i++) a[i] = problem_load(problem->type, problem->model->a, i);
    TRY(check_columns(problem->model->name, a, m, n, work.leverage, evaluation->error));
    work.kernels->gemm(m > n, m <= n, order, order, m > n ? m : n, 1, a, n, a, n, 0, work.vectors, order);
    for (int64_t i = 0; i < order; i++) {
        out->trace += work.vectors[i * order + i];
        /* A product's two halves may round apart. */
        for (int64_t j = 0; j < i; j++) work.vectors[i * order + j] = work.vectors[j * order + i];
    }
    TRY(eigen_symmetric(order, work.vectors, work.values, work.work, evaluation->error));
    read_spectrum(out, &work);
    TRY(find_weights(problem->model->name, out, &work, inverse, analytic, evaluation->error));
    find_coherence(out, &work);
    return L2O_OK;
}

l2o_status dictionary_create(problem *problem, const evaluation *evaluation) {
    const linear_model *model = problem->model;
    l2o_error *error = evaluation->error;
    if (!model->shared && model->sparse == NULL)
        return error_set(error, L2O_ERROR_UNSUPPORTED,
                         "unrolled optimizers learn for one A, but each of the %lld instances has its own; draw one "
                         "for all (shared-A = yes) or give a data file A of shape [m, n]",
                         (long long)model->batch);
    if (model->sparse != NULL)
        return error_set(error, L2O_ERROR_UNSUPPORTED,
                         "unrolled optimizers need a dense A, but A is a sparse file; save it as a dense array [m, n] "
                         "(.npy)");
    int64_t m = model->m, n = model->n;
    dictionary *out = problem_allocate(problem, 1, 1, 1, sizeof *out, error);
    double *a = problem_allocate(problem, m, n, 1, sizeof *a, error);
    double *inverse = problem_allocate(problem, m, n, 1, sizeof *inverse, error);
    double *analytic = problem_allocate(problem, m, n, 1, sizeof *analytic, error);
    if (out == NULL || a == NULL || inverse == NULL || analytic == NULL) return error->status;
    *out = (dictionary){.m = m, .n = n, .matrix = a, .analytic = analytic, .pseudo_inverse_transposed = inverse};
    arena_mark mark = arena_position(evaluation->scratch);
    l2o_status status = analyse(problem, out, a, inverse, analytic, evaluation);
    arena_reset(evaluation->scratch, mark);
    if (status == L2O_OK) problem->dictionary = out;
    return status;
}
