#include "experiment/catalog.h"

#include <stddef.h>

#include "meta/estimator.h"
#include "optimizers/optimizer.h"
#include "problems/problem.h"

l2o_status catalog_settings(l2o_settings **settings, l2o_error *error) {
    static const settings_table tables[] = {{"problem", problem_common_settings}};
    return settings_create(tables, 1, settings, error);
}
