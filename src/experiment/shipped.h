/* Weights that come with the program: files in models/ that recipes of experiments name, each with {seed} in its
 * place. A file is taken for a recipe only where its metadata say that it was trained by the very same. */
#ifndef L2O_EXPERIMENT_SHIPPED_H
#define L2O_EXPERIMENT_SHIPPED_H

#include <jansson.h>

#include "base/buffer.h"
#include "base/settings.h"

/* The pattern with the seed in the place of {seed}, appended. */
l2o_status shipped_name(const char *pattern, int64_t seed, buffer *name, l2o_error *error);
/* Was the file trained by `recipe`, the settings of a training as trainer_rehearse() tells them? A setting that is
 * newer than the file must not be set in `settings`, from which the recipe was made. */
l2o_status shipped_of_recipe(const char *path, json_t *recipe, const l2o_settings *settings, bool *same,
                             l2o_error *error);

#endif
