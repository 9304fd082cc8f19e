/* A stepper: an optimizer for a loop of the caller's own. The caller works out gradients, wherever they come from, and
 * the stepper moves x along them: for vectors of one coordinate to 10^8 and more.
 *
 *     l2o_stepper *stepper;
 *     l2o_stepper_create(context, optimizer, n, "float32", &stepper);
 *     for (...) {
 *         ... gradient at x ...
 *         l2o_stepper_step(stepper, x, gradient);
 *     }
 *
 * It drives every optimizer that wants nothing but the gradient at x: rnnprop (and weights from a file), sgd, momentum,
 * adam, rmsprop. Learned ones see the gradient as it is given, whatever the gradient-scale they were trained with: who
 * minimises a mean over B instances hands over the mean's gradient. Weights with normalise = spectral step as if the
 * largest curvature were 1, for nobody says here what it is; with update = momentum, gradients divided by it do.
 *
 * The state is allocated by l2o_stepper_create(), and the threads' working memory (some hundred kB) by the first steps.
 * Beside x and the gradient, the caller's own, there are per coordinate 82 numbers for rnnprop with two layers of 20
 * units (m, v, and h and c of each unit: 2 + 2 layers hidden; one more with update = momentum), and none to two for the
 * others. In float32 that makes 328 bytes: 10^6 coordinates take 328 MB, and 10^8 take 33 GB. */
#ifndef L2O_STEPPER_H
#define L2O_STEPPER_H

#include <stdint.h>

#include "l2o/optimizer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct l2o_stepper l2o_stepper;

/* A stepper for `coordinates` numbers of type `dtype`: "float32" or "float64" (or NULL: float32). Context and optimizer
 * must outlive it. An optimizer that asks for more than the gradient at x is L2O_ERROR_UNSUPPORTED. Release with
 * l2o_stepper_free(); on failure *stepper is NULL. */
L2O_API l2o_status l2o_stepper_create(l2o_context *context, const l2o_optimizer *optimizer, int64_t coordinates,
                                      const char *dtype, l2o_stepper **stepper);
L2O_API void l2o_stepper_free(l2o_stepper *stepper); /* NULL is allowed */

/* One step: moves x [coordinates] along the gradient [coordinates] at x, arrays of the stepper's type that do not
 * overlap. A coordinate's result depends on nothing but its own gradients so far: it is the same bits for any number of
 * threads and wherever it stands in x. Numbers are not looked at: a gradient that is not finite makes its coordinates
 * NaN. Fails when the context is cancelled: where that happened within the step some coordinates have moved, and the
 * stepper refuses to go on before l2o_stepper_reset(). */
L2O_API l2o_status l2o_stepper_step(l2o_stepper *stepper, void *x, const void *gradient);

/* Back to the state before the first step, with the optimizer's weights as they are now. */
L2O_API l2o_status l2o_stepper_reset(l2o_stepper *stepper);

/* Steps taken since the start or the last reset. */
L2O_API int64_t l2o_stepper_steps(const l2o_stepper *stepper);

#ifdef __cplusplus
}
#endif
#endif
