/* What there is: problems, optimizers, estimators, settings, presets, by name. */
#ifndef L2O_CATALOG_H
#define L2O_CATALOG_H

#include "l2o/settings.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct l2o_catalog_entry {
    const char *name, *summary;
    const char *reference; /* the paper, or NULL */
} l2o_catalog_entry;

/* Entry `index` of "problems", "optimizers", "estimators", "meta-losses", "presets", "kernels"; 0 past the end or for
 * another kind. */
L2O_API int l2o_catalog(const char *kind, int index, l2o_catalog_entry *entry);

typedef struct l2o_setting_description {
    const char *table; /* what the setting belongs to: "problem", "training", "adam", ... */
    const char *name, *type, *unit, *default_value, *choices, *help; /* NULL where there is none */
    double minimum, maximum;
    int is_number, is_flag;
} l2o_setting_description;

/* Setting `index` of the reference; 0 past the end. */
L2O_API int l2o_settings_describe(const l2o_settings *settings, int index, l2o_setting_description *description);

/* Records where a value comes from, for messages ("--batch"); else as l2o_settings_set(). */
L2O_API l2o_status l2o_settings_set_from(l2o_context *context, l2o_settings *settings, const char *name,
                                         const char *value, const char *origin);
/* Applies a preset: its values yield to those set by the user, before or after. One name may be that of several presets
 * for several kinds of optimizers: the one for the optimizer in the settings is taken, so set that (and the problem)
 * before. L2O_ERROR_INPUT where there is no such preset, or none for that optimizer. */
L2O_API l2o_status l2o_settings_preset(l2o_context *context, l2o_settings *settings, const char *name);
/* A preset that an INI file names, and where ("run.ini:3"); `name` is empty where it names none. */
typedef struct l2o_named_preset {
    char name[64], origin[512];
} l2o_named_preset;

/* As l2o_settings_read(), but the file's preset is left to the caller, who has more to set that it depends on: see
 * l2o_settings_preset_from(). */
L2O_API l2o_status l2o_settings_read_values(l2o_context *context, l2o_settings *settings, const char *path,
                                            l2o_named_preset *preset);
/* Applies it as l2o_settings_preset() does; sentences say where it was named. Nothing happens where `name` is empty. */
L2O_API l2o_status l2o_settings_preset_from(l2o_context *context, l2o_settings *settings,
                                            const l2o_named_preset *preset);
/* L2O_ERROR_INPUT naming the first value that was set but that nothing has read so far; `what` says what was done.
 * Called by l2o_train() and its like themselves, before they start to work. */
L2O_API l2o_status l2o_settings_check(l2o_context *context, const l2o_settings *settings, const char *what);
/* All values in use, as a JSON object, for l2o_string_free(). */
L2O_API l2o_status l2o_settings_json(l2o_context *context, const l2o_settings *settings, char **json);

#ifdef __cplusplus
}
#endif
#endif
