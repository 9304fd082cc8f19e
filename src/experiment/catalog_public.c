/* The public face of settings and of the catalog. */
#include "l2o/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/context.h"
#include "experiment/catalog.h"
#include "experiment/presets.h"
#include "io/ini.h"
#include "meta/estimator.h"
#include "optimizers/weights_file.h"

l2o_status l2o_settings_create(l2o_context *context, l2o_settings **settings) {
    error_clear(&context->error);
    *settings = NULL;
    return catalog_settings(settings, &context->error);
}

void l2o_settings_free(l2o_settings *settings) { settings_free(settings); }

l2o_status l2o_settings_set_from(l2o_context *context, l2o_settings *settings, const char *name, const char *value,
                                 const char *origin) {
    error_clear(&context->error);
    return settings_set(settings, name, value, origin, &context->error);
}

l2o_status l2o_settings_set(l2o_context *context, l2o_settings *settings, const char *name, const char *value) {
    return l2o_settings_set_from(context, settings, name, value, name);
}

l2o_status l2o_settings_preset(l2o_context *context, l2o_settings *settings, const char *name) {
    error_clear(&context->error);
    return preset_apply(settings, name, settings, &context->error);
}

typedef struct ini_reader {
    l2o_settings *settings;
    const char *path;
    l2o_named_preset *preset;
} ini_reader;

static l2o_status ini_entry(void *user, const char *section, const char *key, const char *value, int line,
                            l2o_error *error) {
    (void)section;
    if (key == NULL) return L2O_OK; /* a heading with nothing below it sets nothing */
    ini_reader *reader = user;
    l2o_named_preset found;
    snprintf(found.origin, sizeof found.origin, "%s:%d", reader->path, line);
    if (strcmp(key, "preset") != 0) return settings_set(reader->settings, key, value, found.origin, error);
    snprintf(found.name, sizeof found.name, "%s", value);
    *reader->preset = found;
    return L2O_OK;
}

l2o_status l2o_settings_read_values(l2o_context *context, l2o_settings *settings, const char *path,
                                    l2o_named_preset *preset) {
    error_clear(&context->error);
    *preset = (l2o_named_preset){0};
    ini_reader reader = {settings, path, preset};
    return ini_read_file(path, ini_entry, &reader, &context->error);
}

l2o_status l2o_settings_preset_from(l2o_context *context, l2o_settings *settings, const l2o_named_preset *preset) {
    l2o_error *error = &context->error;
    error_clear(error);
    if (preset->name[0] == '\0') return L2O_OK;
    l2o_status status = preset_apply(settings, preset->name, settings, error);
    if (status == L2O_OK) return L2O_OK;
    l2o_error cause = *error;
    return error_set(error, status, "%s: %s", preset->origin, cause.text);
}

/* A preset waits for the end of the file: which one it is depends on the optimizer. */
l2o_status l2o_settings_read(l2o_context *context, l2o_settings *settings, const char *path) {
    l2o_named_preset preset;
    TRY(l2o_settings_read_values(context, settings, path, &preset));
    return l2o_settings_preset_from(context, settings, &preset);
}

const char *l2o_settings_get(const l2o_settings *settings, const char *name) {
    if (!settings_is_defined(settings, name)) return NULL;
    settings_mark_used(settings, name); /* by the caller */
    return settings_peek(settings, name);
}

l2o_status l2o_settings_check(l2o_context *context, const l2o_settings *settings, const char *what) {
    error_clear(&context->error);
    return settings_check_used(settings, what, &context->error);
}

l2o_status l2o_settings_json(l2o_context *context, const l2o_settings *settings, char **json) {
    error_clear(&context->error);
    *json = NULL;
    json_t *object = settings_json(settings, &context->error);
    if (object == NULL) return context->error.status;
    *json = json_dumps(object, JSON_INDENT(2));
    json_decref(object);
    return *json != NULL ? L2O_OK : error_set(&context->error, L2O_ERROR_MEMORY, "out of memory");
}

int l2o_settings_describe(const l2o_settings *settings, int index, l2o_setting_description *out) {
    static const char *const types[] = {[SETTING_INTEGER] = "whole number",
                                        [SETTING_REAL] = "number",
                                        [SETTING_FLAG] = "yes or no",
                                        [SETTING_CHOICE] = "choice",
                                        [SETTING_TEXT] = "text"};
    for (int t = 0; t < settings_table_count(settings); t++) {
        const settings_table *table = settings_table_at(settings, t);
        for (const setting *s = table->entries; s->name != NULL; s++) {
            if (index-- > 0) continue;
            bool number = s->type == SETTING_INTEGER || s->type == SETTING_REAL;
            *out = (l2o_setting_description){.table = table->title,
                                             .name = s->name,
                                             .type = types[s->type],
                                             .unit = s->unit,
                                             .default_value = s->default_value,
                                             .choices = s->choices,
                                             .help = s->help,
                                             .minimum = s->minimum,
                                             .maximum = s->maximum,
                                             .is_number = number,
                                             .is_flag = s->type == SETTING_FLAG};
            return 1;
        }
    }
    return 0;
}

int l2o_catalog(const char *kind, int index, l2o_catalog_entry *entry) {
    static const char *const kernel_paths[][2] = {
        {"portable", "plain C, any machine"}, {"avx2", "x86 with AVX2 and FMA"}, {"avx512", "x86 with AVX-512"}};
    if (index < 0) return 0;
    *entry = (l2o_catalog_entry){0};
    if (strcmp(kind, "problems") == 0 && problem_at(index) != NULL)
        *entry = (l2o_catalog_entry){problem_at(index)->name, problem_at(index)->summary, problem_at(index)->reference};
    else if (strcmp(kind, "optimizers") == 0 && optimizer_at(index) != NULL)
        *entry = (l2o_catalog_entry){optimizer_at(index)->name, optimizer_at(index)->summary,
                                     optimizer_at(index)->reference};
    else if (strcmp(kind, "estimators") == 0 && estimator_at(index) != NULL)
        *entry = (l2o_catalog_entry){estimator_at(index)->name, estimator_at(index)->summary,
                                     estimator_at(index)->reference};
    else if (strcmp(kind, "meta-losses") == 0 && meta_loss_at(index) != NULL)
        *entry = (l2o_catalog_entry){meta_loss_at(index)->name, meta_loss_at(index)->summary, NULL};
    else if (strcmp(kind, "presets") == 0 && preset_at(index) != NULL)
        preset_describe(preset_at(index), &entry->name, &entry->summary, &entry->reference);
    else if (strcmp(kind, "kernels") == 0 && index < 3)
        *entry = (l2o_catalog_entry){kernel_paths[index][0], kernel_paths[index][1], NULL};
    return entry->name != NULL;
}
