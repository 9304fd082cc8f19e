/* Presets: named sets of values for settings. One name may stand for several, each for a kind of optimizer: what is
 * called `reference` is one thing for RNNprop and another for unrolled networks. */
#ifndef L2O_EXPERIMENT_PRESETS_H
#define L2O_EXPERIMENT_PRESETS_H

#include "optimizers/optimizer.h"

typedef struct preset preset;

const preset *preset_at(int index); /* NULL past the end */
void preset_describe(const preset *preset, const char **name, const char **summary, const char **reference);
/* Whether it is for this optimizer; any is for NULL, an optimizer that nobody knows. */
bool preset_fits(const preset *preset, const optimizer_ops *optimizer);
/* L2O_ERROR_INPUT where no preset has this name, for any optimizer. */
l2o_status preset_check(const char *name, l2o_error *error);
/* Suggests the values of the preset of this name that is for the optimizer in `known`, which may be `settings`: what
 * the user sets, before or after, holds. Some values depend on the problem in `known` or on what the optimizer is made
 * of, by `known`, its spec or its file. L2O_ERROR_INPUT where the preset is for other optimizers. */
l2o_status preset_apply(l2o_settings *settings, const char *name, const l2o_settings *known, l2o_error *error);

#endif
