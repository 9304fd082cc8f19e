/* Settings: every knob of the library by name, as text, checked when it is set.
 *
 * The reference of all names is docs/settings.md and `l2o list settings`. A handle belongs to one thread at a time. */
#ifndef L2O_SETTINGS_H
#define L2O_SETTINGS_H

#include "l2o/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct l2o_settings l2o_settings;

/* A store with every setting of the library at its default. Release with l2o_settings_free(). */
L2O_API l2o_status l2o_settings_create(l2o_context *context, l2o_settings **settings);
L2O_API void l2o_settings_free(l2o_settings *settings);

/* Sets `name` to `value`. L2O_ERROR_INPUT for an unknown name, a value of the wrong type or out of range; the sentence
 * says what is allowed. */
L2O_API l2o_status l2o_settings_set(l2o_context *context, l2o_settings *settings, const char *name, const char *value);

/* Reads an INI file: one `name = value` a line, sections are ignored as headings; `preset = name` applies a preset at
 * the end: see l2o_settings_preset(). */
L2O_API l2o_status l2o_settings_read(l2o_context *context, l2o_settings *settings, const char *path);

/* The value of `name` as text, NULL when it has none or does not exist; valid until it is set again. It counts as used:
 * see l2o_settings_check(). */
L2O_API const char *l2o_settings_get(const l2o_settings *settings, const char *name);

#ifdef __cplusplus
}
#endif
#endif
