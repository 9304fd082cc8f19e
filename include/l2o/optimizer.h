/* Optimizers: hand-designed, learned with weights, made from settings or from a file of weights. */
#ifndef L2O_OPTIMIZER_H
#define L2O_OPTIMIZER_H

#include <stdint.h>

#include "l2o/settings.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct l2o_optimizer l2o_optimizer;

/* Makes the optimizer that the setting `optimizer` names: a name of `l2o list optimizers`, with options of its own
 * after colons ("adam:rate=0.01"), or the path of a file of weights (*.safetensors), or the bare name of one of
 * those that come with the program (see l2o_models_list()). A learned optimizer made by name gets fresh random weights,
 * a function of the setting `seed`. Release with l2o_optimizer_free(). */
L2O_API l2o_status l2o_optimizer_create(l2o_context *context, const l2o_settings *settings, l2o_optimizer **optimizer);
L2O_API void l2o_optimizer_free(l2o_optimizer *optimizer);

L2O_API const char *l2o_optimizer_name(const l2o_optimizer *optimizer);

/* The learned weights, flat, in float64; count is 0 and the pointer NULL for hand-designed optimizers. The pointer is
 * the optimizer's own memory: what is written there is what it uses. */
L2O_API int64_t l2o_optimizer_weights(l2o_optimizer *optimizer, double **weights);

/* Sets the weights of `result` to (1 - a) phi_1 + a phi_2, those of `first` and `second`; it may be either of them. All
 * three must be of one architecture; a is any finite number, 0 and 1 give an end exactly. Its metadata say so. */
L2O_API l2o_status l2o_interpolate(l2o_context *context, const l2o_optimizer *first, const l2o_optimizer *second,
                                   double a, l2o_optimizer *result);

/* Writes the weights and their metadata as a safetensors file, atomically. */
L2O_API l2o_status l2o_optimizer_save(l2o_context *context, const l2o_optimizer *optimizer, const char *path);

/* What a file of weights says about itself, as one JSON document: architecture, recipe, settings, the range of problems
 * it was trained on. The caller releases *json with l2o_string_free(). */
L2O_API l2o_status l2o_weights_describe(l2o_context *context, const char *path, char **json);
L2O_API void l2o_string_free(char *string);

#ifdef __cplusplus
}
#endif
#endif
