/* The registry of kinds of experiments. */
#include "experiment/experiment_kinds.h"

#include <stdio.h>
#include <string.h>

static const experiment_kind *const kinds[] = {&kind_table, &kind_sweep, &kind_interpolation, &kind_theory};
enum { KINDS = sizeof kinds / sizeof *kinds };

const experiment_kind *experiment_kind_find(const char *name) {
    for (int i = 0; i < KINDS; i++)
        if (strcmp(kinds[i]->name, name) == 0) return kinds[i];
    return NULL;
}

void experiment_kind_names(char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < KINDS && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", kinds[i]->name);
}

l2o_status experiment_kind_check(const experiment *experiment, l2o_error *error) {
    if (!experiment->kind->compares)
        return experiment->kind->check == NULL ? L2O_OK : experiment->kind->check(experiment, error);
    const char *lacks = experiment->method_count == 0 ? "method" : experiment->panel_count == 0 ? "panel" : NULL;
    if (lacks == NULL) return experiment->kind->check == NULL ? L2O_OK : experiment->kind->check(experiment, error);
    return error_set(error, L2O_ERROR_INPUT, "%s: an experiment of the kind %s needs a section [%s NAME]",
                     experiment->path, experiment->kind->name, lacks);
}

l2o_status experiment_kind_check_given(const experiment_kind *kind, const l2o_settings *given, l2o_error *error) {
    for (const setting *const *table = kind->idle; table != NULL && *table != NULL; table++)
        for (const setting *idle = *table; idle->name != NULL; idle++)
            if (settings_is_given(given, idle->name))
                return error_set(error, L2O_ERROR_INPUT,
                                 "%s: an experiment of the kind %s has no use for the setting '%s'; remove it",
                                 settings_origin(given, idle->name), kind->name, idle->name);
    return L2O_OK;
}
