/* The linear model A x ~ b that lasso, quadratic, l2reg and logistic share: A per instance or one for all, dense or
 * sparse; b per instance. Where the entries come from is linear_family.h's affair. */
#ifndef L2O_PROBLEMS_LINEAR_MODEL_H
#define L2O_PROBLEMS_LINEAR_MODEL_H

#include "io/sparse.h"
#include "problems/problem.h"

typedef struct linear_model {
    int64_t m, n, batch;
    dtype type;
    const char *name;               /* of A, in sentences: "A", or "A: FILE" */
    bool shared;                    /* one A for all instances */
    void *a;                        /* [B, m, n], or [m, n] when shared; NULL when sparse */
    const sparse_matrix *sparse;    /* [m, n] shared by all instances; values in float64; NULL when dense */
    const sparse_matrix *transpose; /* its transpose, [n, m] */
    void *b;                        /* [B, m] */
} linear_model;

/* out[count, m] = A x per instance; x is [count, n]. */
void linear_model_apply(const linear_model *model, instances rows, const void *x, void *out, const kernels *kernels);
/* out[count, n] = A' r per instance; r is [count, m]. */
void linear_model_apply_transpose(const linear_model *model, instances rows, const void *r, void *out,
                                  const kernels *kernels);
/* The same for one instance in float64, whatever the type of A: for certificates and constants. x is [n], r is [m]. */
void linear_model_apply_double(const linear_model *model, int64_t instance, const double *x, double *out);
void linear_model_apply_transpose_double(const linear_model *model, int64_t instance, const double *r, double *out);
/* That for many instances: x is [count, n], r is [count, m]. One product for all of them where they share a dense A. */
l2o_status linear_model_apply_all_double(const linear_model *model, instances rows, const double *x, double *out,
                                         const evaluation *evaluation);
l2o_status linear_model_apply_transpose_all_double(const linear_model *model, instances rows, const double *r,
                                                   double *out, const evaluation *evaluation);
/* Where an instance's dense A begins. */
const void *linear_model_matrix(const linear_model *model, int64_t instance);
/* Multiplications that one instance's gradient takes, at least 1: the unit in which work on columns is counted. */
double linear_model_gradient_work(const linear_model *model);
/* Squared spectral norm of each instance's A, safe side (never below the true value by more than rounding). An error
 * where the model's type cannot hold it, or 1 over it: no step size could be made of it. */
l2o_status linear_model_squared_norms(const linear_model *model, double *squared_norms, const evaluation *evaluation);

#endif
