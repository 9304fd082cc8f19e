/* The workloads that are timed, on this library alone; the programs in peers/ compute the same.
 *
 *   a  one meta-training step: an unroll of T steps, the gradient of the summed objectives (inputs detached), one Adam
 *      update of rate 1e-3; state is carried on
 *   b  one first-order MAML update over several tasks: inner rate 1e-3, the outer gradient on the next segment, the
 *      tasks' gradients averaged, one Adam update of rate 1e-3; state is carried on
 *   c  the same with exact MAML, the outer gradient on the support's own segment
 *   d  one evaluation from the start, without gradient, the objective recorded at each point
 *   e  one step of the optimizer on a vector of 10^6 coordinates whose gradient is given
 *
 * The reference size is M-L2O's (ICLR 2023): LASSO, B 128, n = m = 10, lambda 0.005; RNNprop, two layers of 20; T = 20;
 * three tasks, A ~ N(0, sigma^2) with sigma 0.1, 0.5 and 1 (a and d: 1), b ~ U[0, 1); evaluations of 1000 steps. */
#ifndef L2O_BENCH_WORKLOAD_H
#define L2O_BENCH_WORKLOAD_H

#include "cost_model.h"
#include "io/npz.h"
#include "meta/adam.h"
#include "meta/estimator.h"
#include "workload_vector.h"

enum { WORKLOAD_TRAINING_STEPS = 5, WORKLOAD_TASK_UPDATES = 3, WORKLOAD_TASKS = 3, WORKLOAD_VECTOR_STEPS = 5 };

typedef struct workload_options {
    char kind;          /* 'a' .. 'e' */
    const char *family; /* "lasso", "rastrigin" */
    const char *dtype;  /* "float32", "float64" */
    const char *kernel; /* NULL: the best */
    int threads;
    int64_t batch, dimension, layers, hidden;
    int64_t unroll, steps; /* T; of an evaluation */
    int tasks;             /* of b and c */
    int64_t length;        /* of the vector of e */
} workload_options;

/* The reference size of a workload, on one thread. */
workload_options workload_reference(char kind);

typedef struct workload {
    workload_options options;
    l2o_context *context;
    l2o_settings *settings;
    optimizer *optimizer;
    estimator_options estimator;
    int task_count;     /* 0: a vector */
    problem **problems; /* [task_count] */
    meta_task *tasks;   /* [task_count] */
    workload_vector vector;
    adam adam;
    double *weights, *gradient; /* [weight_total] */
    double *objectives;         /* [steps + 1]: of d */
    double support_loss;        /* mean over tasks, before the last update */
} workload;

/* Draws problems and weights of a fixed seed. Started by an MPI launcher, the ranks share the work. Release with
 * workload_free(), also after a failure. */
l2o_status workload_create(const workload_options *options, workload *workload, l2o_error *error);
void workload_free(workload *workload);
/* One update or one evaluation; `argument` is the workload. */
l2o_status workload_run(void *argument, l2o_error *error);
/* What the model of costs needs to know. */
cost_size workload_size(const workload_options *options);

/* Inputs and results as files, so that two programs can compute the same thing. A problem's file holds A [B, m, n],
 * b [B, n] and x0 [B, n], with the tasks as a first dimension where there are several; a vector's x0 [N] and g [N]. */
l2o_status workload_write_weights(const workload *workload, const char *path, l2o_error *error);
l2o_status workload_write_inputs(const workload *workload, const char *path, l2o_error *error);
l2o_status workload_read(workload *workload, const char *weights, const char *inputs, l2o_error *error);
/* Runs the workload from its start and writes the numbers that two programs must agree on; NULL: only runs it. */
l2o_status workload_numbers(workload *workload, const char *path, l2o_error *error);

#endif
