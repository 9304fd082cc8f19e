/* Problems: a batch of B independent instances of dimension n to be minimised together.
 *
 * A problem is one of the library's families, with drawn data or data from files (l2o_problem_create), or the caller's
 * own function (l2o_problem_create_custom). Arrays are row-major: x and g are [B, n], one instance a row, f is [B]. All
 * numbers cross this interface in double precision, whatever the problem's own type. A handle belongs to one thread at
 * a time. */
#ifndef L2O_PROBLEM_H
#define L2O_PROBLEM_H

#include <stddef.h>
#include <stdint.h>

#include "l2o/settings.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct l2o_problem l2o_problem;

/* A source of random numbers handed to callbacks: what it gives is a function of seed, stream, draw and instance. */
typedef struct l2o_random l2o_random;
L2O_API double l2o_random_uniform(l2o_random *random); /* the next number in [0, 1) */
L2O_API double l2o_random_normal(l2o_random *random);  /* the next standard normal number */

/* The caller's own problem. Every callback returns 0 for success; anything else stops what is running, which then
 * returns L2O_ERROR_CANCELLED with a sentence that names the callback, the instance and the number returned. `user` is
 * passed through. x, u, v, g and out are arrays of n numbers; callbacks may not keep the pointers.
 *
 * What needs a missing optional callback is refused with a sentence: exact second-order training needs hess_vec, and
 * with full derivatives third, too. l2o check compares all of them with differences. */
typedef struct l2o_problem_callbacks {
    size_t size; /* sizeof(l2o_problem_callbacks): so that later versions can add callbacks */

    /* Required. *f = f(x) and g = its gradient; g is NULL when only the value is wanted. Where f has a kink, any
     * subgradient. */
    int (*value_gradient)(void *user, int64_t instance, const double *x, double *f, double *g);
    /* Optional. out = H(x) v, with H the Hessian. */
    int (*hess_vec)(void *user, int64_t instance, const double *x, const double *v, double *out);
    /* Optional. out = the gradient with respect to x of u' H(x) v. */
    int (*third)(void *user, int64_t instance, const double *x, const double *u, const double *v, double *out);
    /* Optional. The initial point of an instance, for the present draw. Default: normal with standard deviation 0.01.
     */
    int (*start)(void *user, int64_t instance, l2o_random *random, double *x);
    /* Optional. Draws the data of an instance afresh; called for each instance in order, before start. Training on many
     * draws needs it; without it the instances stay what they are and only the initial points change. */
    int (*sample)(void *user, int64_t instance, l2o_random *random);

    /* Nonzero: value_gradient, hess_vec and third may be called from several threads at once. 0: one call at a time. */
    int concurrent;
} l2o_problem_callbacks;

/* The problem that the settings describe (problem, n, m, batch, dtype, A, b, x0, lambda, ...), sampled once as by
 * l2o_problem_sample(context, problem, 0, "test", 0). Release with l2o_problem_free(). */
L2O_API l2o_status l2o_problem_create(l2o_context *context, const l2o_settings *settings, l2o_problem **problem);

/* The caller's own problem of `batch` instances of `dimension` variables. `dtype`: "float32" or "float64" (or NULL:
 * float32), the type that optimizers work in. `callbacks` is copied, `user` must outlive the problem. Sampled once as
 * above. */
L2O_API l2o_status l2o_problem_create_custom(l2o_context *context, const l2o_problem_callbacks *callbacks, void *user,
                                             int64_t batch, int64_t dimension, const char *dtype,
                                             l2o_problem **problem);
L2O_API void l2o_problem_free(l2o_problem *problem); /* NULL is allowed */

L2O_API int64_t l2o_problem_batch(const l2o_problem *problem);     /* B */
L2O_API int64_t l2o_problem_dimension(const l2o_problem *problem); /* n */

/* Draws all instances and initial points afresh: a pure function of seed, stream and draw. `stream` is "training",
 * "validation", "adaptation", "held-out", "test" or "tuning"; different streams never share numbers. Of instances from
 * files, a batch is drawn from the part (kept or held out) that the stream sees. */
L2O_API l2o_status l2o_problem_sample(l2o_context *context, l2o_problem *problem, uint64_t seed, const char *stream,
                                      uint32_t draw);

/* The initial points of the present draw into x [B, n]. */
L2O_API l2o_status l2o_problem_start(l2o_context *context, const l2o_problem *problem, double *x);

/* f [B] and g [B, n] at x [B, n], of each instance by itself, without any scaling by 1/B. f or g may be NULL. */
L2O_API l2o_status l2o_problem_value_gradient(l2o_context *context, const l2o_problem *problem, const double *x,
                                              double *f, double *g);

#ifdef __cplusplus
}
#endif
#endif
