/* The catalog: every settings table of the library in one list, and the presets. */
#ifndef L2O_EXPERIMENT_CATALOG_H
#define L2O_EXPERIMENT_CATALOG_H

#include "base/settings.h"

/* A store that knows every setting. */
l2o_status catalog_settings(l2o_settings **settings, l2o_error *error);

#endif
