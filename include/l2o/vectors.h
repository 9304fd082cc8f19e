/* Recorded vectors: numbers of an independent implementation, recomputed and compared. */
#ifndef L2O_VECTORS_H
#define L2O_VECTORS_H

#include "l2o/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct l2o_vector_result {
    const char *name;
    int compared; /* 0: the name is not known, so nothing was compared */
    int passed;   /* 1 where error <= tolerance */
    double error; /* max |a - b| / ||b||_2, or max |a| where b is all zero; NaN when shapes differ */
    double tolerance;
} l2o_vector_result;

typedef void (*l2o_vector_function)(void *user, const l2o_vector_result *result);

/* Recomputes what an npz file records about an RNNprop unroll (objective trajectories, meta-gradients, MAML gradients,
 * Hessian-vector products, Adam updates) in `dtype` ("float32" or "float64"), and reports each array of the file in
 * order. *failed counts the arrays beyond tolerance: in float64 1e-10 on trajectories and 1e-8 on gradients, in float32
 * 1e-5; 1e-12 absolute where the record is zero. A file that holds nothing to compare is L2O_ERROR_INPUT. */
L2O_API l2o_status l2o_check_vectors(l2o_context *context, const char *path, const char *dtype,
                                     l2o_vector_function function, void *user, int *failed);

#ifdef __cplusplus
}
#endif
#endif
