/* Workload e: one step of the optimizer on a long vector whose gradient is given, through the public stepper. */
#ifndef L2O_BENCH_WORKLOAD_VECTOR_H
#define L2O_BENCH_WORKLOAD_VECTOR_H

#include "io/npz.h"
#include "l2o/stepper.h"
#include "tensor/kernels.h"

typedef struct workload_vector {
    int64_t length;
    dtype type;
    void *x, *gradient; /* [length] of `type`; the gradient is the same at every step */
    l2o_stepper *stepper;
} workload_vector;

/* Draws x ~ N(0, 0.01^2) and the gradient ~ N(0, 1/128^2). Release with workload_vector_free(), also after a failure.
 */
l2o_status workload_vector_create(l2o_context *context, const l2o_optimizer *optimizer, int64_t length, dtype type,
                                  workload_vector *vector, l2o_error *error);
void workload_vector_free(workload_vector *vector);
l2o_status workload_vector_step(l2o_context *context, workload_vector *vector, l2o_error *error);

/* The inputs as a file of x0 [N] and g [N]. Reading starts over, with the optimizer's weights as they are then. */
l2o_status workload_vector_write(const workload_vector *vector, const char *path, l2o_error *error);
l2o_status workload_vector_read(l2o_context *context, workload_vector *vector, const char *path, l2o_error *error);

#endif
