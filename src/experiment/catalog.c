/* Every table of settings and every registry of the library in one list, for settings, help and `l2o list`. */
#include "experiment/catalog.h"

#include <stddef.h>

#include "experiment/compare.h"
#include "experiment/theory.h"
#include "meta/adapt.h"
#include "meta/estimator.h"
#include "meta/trainer.h"
#include "optimizers/optimizer.h"
#include "problems/problem.h"
#include "solve/solve.h"

static const setting general_settings[] = {
    {"seed", SETTING_INTEGER, "", "1", 0, 9e15, NULL,
     "Everything random is a function of it: weights, training, validation, adaptation and test problems"},
    {0}};

enum { MOST_TABLES = 64 };

l2o_status catalog_settings(l2o_settings **settings, l2o_error *error) {
    settings_table tables[MOST_TABLES] = {
        {"general", general_settings},
        {"problem", problem_common_settings},
        {"optimizer", optimizer_common_settings},
        {"estimator", estimator_settings},
        {"training", trainer_settings},
        {"adaptation", adapt_settings},
        {"solve", solve_settings},
        {"compare", compare_settings},
        {"theory", theory_settings},
    };
    int count = 9;
    for (int i = 0; problem_at(i) != NULL; i++)
        if (problem_at(i)->settings != NULL)
            tables[count++] = (settings_table){problem_at(i)->name, problem_at(i)->settings};
    for (int i = 0; optimizer_at(i) != NULL; i++)
        if (optimizer_at(i)->settings != NULL)
            tables[count++] = (settings_table){optimizer_at(i)->name, optimizer_at(i)->settings};
    return settings_create(tables, count, settings, error);
}
