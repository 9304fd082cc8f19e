/* The store of settings: values by name over their tables, checked when set, marked when read. */
#include "base/settings.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

/* One distinct name, with the tables' first definition of it. */
typedef struct entry {
    const setting *definition;
    char *value;  /* owned; NULL: the default holds */
    char *origin; /* owned; NULL with the default */
    double number;
    bool suggested; /* by a preset or a file: need not be used */
    bool used;
} entry;

struct l2o_settings {
    settings_table *tables; /* a copy: the entries they point to are the caller's and constant */
    int table_count;
    int count;
    entry *entries;
};

static entry entry_default(const setting *definition) {
    const char *value = definition->default_value;
    return (entry){.definition = definition, .number = value != NULL ? strtod(value, NULL) : 0};
}

static entry *entry_find(const l2o_settings *settings, const char *name) {
    for (int i = 0; i < settings->count; i++)
        if (strcmp(settings->entries[i].definition->name, name) == 0) return &settings->entries[i];
    return NULL;
}

static entry *entry_require(const l2o_settings *settings, const char *name) {
    entry *found = entry_find(settings, name);
    if (found == NULL) {
        fprintf(stderr, "l2o: internal error: the setting '%s' is not defined\n", name);
        abort();
    }
    return found;
}

l2o_status settings_create(const settings_table *tables, int count, l2o_settings **settings, l2o_error *error) {
    size_t total = 0;
    for (int t = 0; t < count; t++)
        for (const setting *s = tables[t].entries; s->name != NULL; s++) total++;
    l2o_settings *created = memory_allocate(1, sizeof *created, error);
    if (created == NULL) return error->status;
    created->table_count = count;
    created->tables = memory_allocate((size_t)count, sizeof *created->tables, error);
    created->entries = memory_allocate(total, sizeof *created->entries, error);
    if (created->tables == NULL || created->entries == NULL) {
        settings_free(created);
        return error->status;
    }
    memcpy(created->tables, tables, (size_t)count * sizeof *tables);
    for (int t = 0; t < count; t++)
        for (const setting *s = tables[t].entries; s->name != NULL; s++) {
            if (entry_find(created, s->name) != NULL) continue;
            created->entries[created->count++] = entry_default(s);
        }
    *settings = created;
    return L2O_OK;
}

l2o_status settings_copy(const l2o_settings *from, l2o_settings **settings, l2o_error *error) {
    l2o_settings *copy;
    TRY(settings_create(from->tables, from->table_count, &copy, error));
    for (int i = 0; i < from->count; i++) {
        const entry *source = &from->entries[i];
        entry *target = &copy->entries[i];
        target->number = source->number;
        target->suggested = source->suggested;
        if (source->value == NULL) continue;
        target->value = memory_string(source->value, error);
        target->origin = memory_string(source->origin, error);
        if (target->value == NULL || target->origin == NULL) {
            settings_free(copy);
            return error->status;
        }
    }
    *settings = copy;
    return L2O_OK;
}

void settings_free(l2o_settings *settings) {
    if (settings == NULL) return;
    for (int i = 0; i < settings->count; i++) {
        memory_free(settings->entries[i].value);
        memory_free(settings->entries[i].origin);
    }
    memory_free(settings->entries);
    memory_free(settings->tables);
    memory_free(settings);
}

/* Edit distance, for suggestions; names are short, so a fixed row suffices. */
static int distance(const char *a, const char *b) {
    enum { LONGEST = 64 };
    int row[LONGEST + 1];
    size_t length = strlen(b);
    if (length > LONGEST || strlen(a) > LONGEST) return LONGEST;
    for (size_t j = 0; j <= length; j++) row[j] = (int)j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= length; j++) {
            int change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j - 1] + 1 < change) change = row[j - 1] + 1;
            if (diagonal + 1 < change) change = diagonal + 1;
            row[j] = change;
        }
    }
    return row[length];
}

static l2o_status unknown_name(const l2o_settings *settings, const char *name, const char *origin, l2o_error *error) {
    const char *nearest = NULL;
    int best = 2 + (int)(strlen(name) / 4); /* one letter in three may be wrong, or two in six */
    for (int i = 0; i < settings->count; i++) {
        const char *candidate = settings->entries[i].definition->name;
        int far = strncmp(candidate, name, strlen(name)) == 0 ? 1 : distance(name, candidate);
        if (far < best) {
            best = far;
            nearest = candidate;
        }
    }
    if (nearest != NULL)
        return error_set(error, L2O_ERROR_INPUT, "%s: there is no setting '%s'; did you mean '%s'?", origin, name,
                         nearest);
    return error_set(error, L2O_ERROR_INPUT, "%s: there is no setting '%s'; `l2o list settings` shows them all", origin,
                     name);
}

static bool choice_index(const char *choices, const char *value, int *index) {
    size_t length = strlen(value);
    int position = 0;
    for (const char *at = choices; *at != '\0'; position++) {
        size_t part = strcspn(at, "|");
        if (part == length && strncmp(at, value, part) == 0) {
            *index = position;
            return true;
        }
        at += part + (at[part] == '|');
    }
    return false;
}

static bool flag_value(const char *text, bool *value) {
    static const char *const yes[] = {"yes", "true", "on", "1"}, *const no[] = {"no", "false", "off", "0"};
    for (int i = 0; i < 4; i++) {
        if (strcasecmp(text, yes[i]) == 0) return *value = true, true;
        if (strcasecmp(text, no[i]) == 0) return *value = false, true;
    }
    return false;
}

/* Checks a value's type and range, and gives it as a number where it is one. */
static l2o_status value_check(const setting *definition, const char *value, const char *origin, double *number,
                              l2o_error *error) {
    const char *name = definition->name;
    bool flag;
    int index;
    char *end;
    switch (definition->type) {
    case SETTING_TEXT:
        if (value[0] == '\0')
            return error_set(error, L2O_ERROR_INPUT, "%s: the setting '%s' needs a value: %s", origin, name,
                             definition->help);
        return L2O_OK;
    case SETTING_FLAG:
        if (!flag_value(value, &flag))
            return error_set(error, L2O_ERROR_INPUT, "%s: '%s' is yes or no, not '%s'", origin, name, value);
        *number = flag;
        return L2O_OK;
    case SETTING_CHOICE:
        if (!choice_index(definition->choices, value, &index))
            return error_set(error, L2O_ERROR_INPUT, "%s: '%s' is one of %s, not '%s'", origin, name,
                             definition->choices, value);
        *number = index;
        return L2O_OK;
    case SETTING_INTEGER:
    case SETTING_REAL:
        errno = 0;
        *number = definition->type == SETTING_REAL ? strtod(value, &end) : (double)strtoll(value, &end, 10);
        if (end == value || *end != '\0' || errno == ERANGE || !isfinite(*number))
            return error_set(error, L2O_ERROR_INPUT, "%s: '%s' takes %s, not '%s'", origin, name,
                             definition->type == SETTING_REAL ? "a number" : "a whole number", value);
        if (*number < definition->minimum || *number > definition->maximum)
            return error_set(error, L2O_ERROR_INPUT, "%s: '%s' is %s, but must lie between %g and %g", origin, name,
                             value, definition->minimum, definition->maximum);
        return L2O_OK;
    }
    return error_set(error, L2O_ERROR_INTERNAL, "the setting '%s' has no type", name);
}

static l2o_status value_store(l2o_settings *settings, const char *name, const char *value, const char *origin,
                              bool suggested, l2o_error *error) {
    entry *target = entry_find(settings, name);
    if (target == NULL) return unknown_name(settings, name, origin, error);
    if (suggested && target->value != NULL && !target->suggested) return L2O_OK;
    double number = 0;
    TRY(value_check(target->definition, value, origin, &number, error));
    char *copy = memory_string(value, error);
    if (copy == NULL) return error->status;
    char *origin_copy = memory_string(origin, error);
    if (origin_copy == NULL) {
        memory_free(copy);
        return error->status;
    }
    memory_free(target->value);
    memory_free(target->origin);
    target->value = copy;
    target->origin = origin_copy;
    target->number = number;
    target->suggested = suggested;
    return L2O_OK;
}

l2o_status settings_set(l2o_settings *settings, const char *name, const char *value, const char *origin,
                        l2o_error *error) {
    return value_store(settings, name, value, origin, false, error);
}

l2o_status settings_suggest(l2o_settings *settings, const char *name, const char *value, const char *origin,
                            l2o_error *error) {
    return value_store(settings, name, value, origin, true, error);
}

void settings_forget(l2o_settings *settings, const char *name) {
    entry *target = entry_require(settings, name);
    memory_free(target->value);
    memory_free(target->origin);
    *target = entry_default(target->definition);
}

static const char *entry_text(const entry *entry) {
    return entry->value != NULL ? entry->value : entry->definition->default_value;
}

static entry *entry_read(const l2o_settings *settings, const char *name) {
    entry *found = entry_require(settings, name);
    found->used = true;
    if (entry_text(found) == NULL && found->definition->type != SETTING_TEXT) {
        fprintf(stderr, "l2o: internal error: the setting '%s' is read but has no value\n", name);
        abort();
    }
    return found;
}

int64_t settings_integer(const l2o_settings *settings, const char *name) {
    return strtoll(entry_text(entry_read(settings, name)), NULL, 10); /* not through double: seeds have 64 bits */
}

double settings_real(const l2o_settings *settings, const char *name) { return entry_read(settings, name)->number; }

bool settings_flag(const l2o_settings *settings, const char *name) {
    bool flag = false;
    flag_value(entry_text(entry_read(settings, name)), &flag);
    return flag;
}

const char *settings_text(const l2o_settings *settings, const char *name) {
    return entry_text(entry_read(settings, name));
}

const char *settings_peek(const l2o_settings *settings, const char *name) {
    return entry_text(entry_require(settings, name));
}

int settings_choice(const l2o_settings *settings, const char *name) {
    const entry *found = entry_read(settings, name);
    int index = 0;
    choice_index(found->definition->choices, entry_text(found), &index);
    return index;
}

bool settings_is_set(const l2o_settings *settings, const char *name) {
    return entry_require(settings, name)->value != NULL;
}

bool settings_is_given(const l2o_settings *settings, const char *name) {
    const entry *found = entry_require(settings, name);
    return found->value != NULL && !found->suggested;
}

bool settings_equals(const l2o_settings *settings, const char *name, const char *value) {
    const entry *found = entry_require(settings, name);
    const char *present = entry_text(found);
    if (present == NULL) return false;
    if (strcmp(present, value) == 0) return true;
    l2o_error ignored = {0};
    double number;
    return found->definition->type != SETTING_TEXT &&
           value_check(found->definition, value, "", &number, &ignored) == L2O_OK && number == found->number;
}

bool settings_is_defined(const l2o_settings *settings, const char *name) { return entry_find(settings, name) != NULL; }

const char *settings_origin(const l2o_settings *settings, const char *name) {
    const entry *found = entry_require(settings, name);
    return found->origin != NULL ? found->origin : "default";
}

void settings_mark_used(const l2o_settings *settings, const char *name) { entry_require(settings, name)->used = true; }

l2o_status settings_check_used(const l2o_settings *settings, const char *what, l2o_error *error) {
    for (int i = 0; i < settings->count; i++) {
        const entry *entry = &settings->entries[i];
        if (entry->value != NULL && !entry->used && !entry->suggested)
            return error_set(error, L2O_ERROR_INPUT, "%s: the setting '%s' (%s) is not used by %s; remove it",
                             entry->origin, entry->definition->name, entry->value, what);
    }
    return L2O_OK;
}

l2o_status settings_check_origin(const l2o_settings *settings, const char *origin, l2o_error *error) {
    for (int i = 0; i < settings->count; i++) {
        const entry *entry = &settings->entries[i];
        if (entry->value != NULL && !entry->suggested && !entry->used && strcmp(entry->origin, origin) == 0)
            return error_set(error, L2O_ERROR_INPUT,
                             "%s: the setting '%s' (%s) is not used by this optimizer; remove it", origin,
                             entry->definition->name, entry->value);
    }
    return L2O_OK;
}

void settings_share_use(const l2o_settings *from, const l2o_settings *to) {
    for (int i = 0; i < from->count; i++)
        if (from->entries[i].used) to->entries[i].used = true;
}

void settings_visit_used(const l2o_settings *settings,
                         void (*visit)(void *context, const char *name, const char *value), void *context) {
    for (int i = 0; i < settings->count; i++) {
        const entry *entry = &settings->entries[i];
        const char *text = entry_text(entry);
        if (entry->used && text != NULL) visit(context, entry->definition->name, text);
    }
}

void settings_visit_set(const l2o_settings *settings,
                        void (*visit)(void *context, const char *name, const char *value, const char *origin,
                                      bool given),
                        void *context) {
    for (int i = 0; i < settings->count; i++) {
        const entry *entry = &settings->entries[i];
        if (entry->value != NULL)
            visit(context, entry->definition->name, entry->value, entry->origin, !entry->suggested);
    }
}

int settings_table_count(const l2o_settings *settings) { return settings->table_count; }
const settings_table *settings_table_at(const l2o_settings *settings, int index) { return &settings->tables[index]; }
