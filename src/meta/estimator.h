/* Meta-gradient estimators: from the present carry of a task to the gradient that moves the weights.
 *
 *   plain   d L(phi)
 *   fomaml  d L at phi', phi' = phi - alpha dL_support(phi), the inner step's own derivative dropped
 *   maml    d/dphi L(phi'(phi)), exact: (I - alpha H) times fomaml's, H the Hessian of the support loss (Yang et al.,
 *           ICLR 2023, Eq. 5; Finn et al., ICML 2017)
 *
 * Each call uses one unroll's segment as the support, takes the outer loss on the same or on the next segment, and
 * advances the carry along the trajectory of the un-adapted weights. */
#ifndef L2O_META_ESTIMATOR_H
#define L2O_META_ESTIMATOR_H

#include "meta/loss.h"
#include "run/segment.h"

typedef struct estimator estimator;

enum { MOST_TASKS = MOST_SUMS };

typedef struct estimator_options {
    const estimator *kind;
    const meta_loss *loss;
    int64_t unroll;     /* T: what a task is made for; later it may be less, see meta_task_shape() */
    const bool *active; /* [weight_count]: tensors that move, in the inner step and in the outer; NULL: all */
    bool detached;
    bool next_segment;         /* the outer gradient is taken on the segment after the support's */
    bool reference_step_index; /* the outer segment starts with the support's step index, as in the authors' code */
    double inner_rate;
    int inner_steps;
} estimator_options;

typedef struct estimate {
    double support_loss;         /* under the un-adapted weights */
    double outer_loss;           /* what the gradient is of; plain: the support loss */
    double last_objective;       /* mean f at the end of the support segment */
    double gradient_evaluations; /* of the problem, per instance: passes over T steps count T, products with H 2 T */
} estimate;

/* One task of meta-training: a problem, what is carried, room to work in, and what the estimator found. */
typedef struct meta_task {
    problem *problem;
    runner runner;
    carry now, ahead;
    double *loss_weights; /* [T + 1] */
    double *inner;        /* [inner_steps + 1, weight_total]: phi_0 .. phi_K; of estimators that adapt */
    double *gradient;     /* out [weight_total]; of tensors that are not active: zero */
    double *squares;      /* out [weight_count]: the sum of each tensor's squared gradient; of those that are active */
    estimate result;      /* out */
} meta_task;

struct estimator {
    const char *name, *summary, *reference;
    bool adapts;       /* has an inner step: tasks are kept apart, one for each component of a mixture */
    bool second_order; /* needs Hessian-vector products */
    /* Gradient and estimate of each task at `weights`, all tasks together; the carries are advanced. The tasks, at most
     * MOST_TASKS, were made with one context, optimizer and options. */
    l2o_status (*gradients)(int count, meta_task *tasks, const estimator_options *options, const double *weights,
                            l2o_error *error);
};

/* The same for one task alone, with what was found copied out. */
l2o_status meta_gradient(meta_task *task, const estimator_options *options, const double *weights, double *gradient,
                         estimate *result, l2o_error *error);

const estimator *estimator_at(int index); /* in the order of the setting estimator; NULL past the end */

extern const setting estimator_settings[];
/* By default the outer gradient of unrolled optimizers is taken on the same segment: what they learn ends with their
 * layers. */
void estimator_options_read(const l2o_settings *settings, const optimizer *optimizer, estimator_options *options);
/* The same for the estimator `plain`, whatever the setting says: adaptation. */
void estimator_options_plain(const l2o_settings *settings, estimator_options *options);

/* `problem` stays the caller's. */
l2o_status meta_task_create(l2o_context *context, problem *problem, const optimizer *optimizer,
                            const estimator_options *options, meta_task *task, l2o_error *error);
void meta_task_free(meta_task *task);
/* For a new form of the options, between segments: their active tensors, and their unroll, which is the last of an
 * unroll of `whole` steps and is judged as that part of it; neither is longer than what the task was made for. */
void meta_task_shape(meta_task *task, const estimator_options *options, int64_t whole);
/* The meta-loss alone, of the unroll that begins at task->now, which is not advanced; infinite where an objective is
 * not finite. Adds what it cost to *gradient_evaluations, per instance. */
l2o_status meta_task_loss(meta_task *task, const estimator_options *options, const double *weights, double *loss,
                          double *gradient_evaluations, l2o_error *error);
/* Shares the tasks' pieces over the context's ranks: see runners_share(). */
void meta_tasks_share(int count, meta_task *tasks);

#endif
