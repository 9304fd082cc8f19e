/* Presets: named sets of values for settings. */
#ifndef L2O_EXPERIMENT_PRESETS_H
#define L2O_EXPERIMENT_PRESETS_H

#include "base/settings.h"

typedef struct preset preset;

const preset *preset_at(int index); /* NULL past the end */
void preset_describe(const preset *preset, const char **name, const char **summary, const char **reference);
/* Suggests the preset's values: what the user sets, before or after, holds. */
l2o_status preset_apply(l2o_settings *settings, const char *name, l2o_error *error);

#endif
