/* Reads experiment files, inherited ones first. */
#include "experiment/experiment_source.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "io/ini.h"
#include "io/markup.h"

enum { DEEPEST = 8 };

static const char *keep(experiment_source *source, const char *text, size_t length, l2o_error *error) {
    char *copy = arena_allocate(&source->memory, length + 1, error);
    if (copy == NULL) return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

static source_entry *find(const experiment_source *source, const source_entry *like) {
    for (int i = 0; i < source->count; i++) {
        source_entry *entry = &source->entries[i];
        if (strcmp(entry->key, like->key) == 0 && strcmp(entry->kind, like->kind) == 0 &&
            strcmp(entry->label, like->label) == 0)
            return entry;
    }
    return NULL;
}

static l2o_status add(experiment_source *source, source_entry fresh, l2o_error *error) {
    source_entry *entry = find(source, &fresh);
    if (entry != NULL) {
        *entry = fresh;
        return L2O_OK;
    }
    if (source->count == source->capacity) {
        int capacity = source->capacity == 0 ? 64 : 2 * source->capacity;
        source_entry *grown =
            memory_grow(source->entries, (size_t)source->count, (size_t)capacity, sizeof *grown, error);
        if (grown == NULL) return error->status;
        source->entries = grown;
        source->capacity = capacity;
    }
    source->entries[source->count++] = fresh;
    return L2O_OK;
}

typedef struct reading {
    experiment_source *source;
    const char *path;
    char *parent; /* what the file inherits from */
    bool first;   /* the first of two passes looks for that alone */
    bool passed;  /* another file inherits from this one: claims are about the outcome of their own file */
} reading;

static bool is_utf8(const char *text) {
    while (*text != '\0') {
        bool replacement = strncmp(text, "\xef\xbf\xbd", 3) == 0; /* U+FFFD itself */
        if (markup_next_character(&text) == 0xfffd && !replacement) return false;
    }
    return true;
}

static bool is_inherit(const char *section, const char *key) {
    return strcmp(section, "experiment") == 0 && strcmp(key, "inherit") == 0;
}

static l2o_status take(void *context, const char *section, const char *key, const char *value, int line,
                       l2o_error *error) {
    reading *self = context;
    if (key == NULL) key = value = ""; /* a section without keys */
    if (!is_utf8(section) || !is_utf8(key) || !is_utf8(value))
        return error_set(error, L2O_ERROR_INPUT, "%s:%d: not text in UTF-8, which results are written in", self->path,
                         line);
    if (is_inherit(section, key)) {
        if (!self->first) return L2O_OK;
        self->parent = memory_string(value, error);
        return self->parent == NULL ? error->status : L2O_OK;
    }
    if (self->first) return L2O_OK;
    if (section[0] == '\0')
        return error_set(error, L2O_ERROR_INPUT,
                         "%s:%d: '%.60s' stands before any section; an experiment begins with [experiment]", self->path,
                         line, key);
    size_t kind = strcspn(section, " \t");
    if (self->passed && kind == 5 && strncmp(section, "claim", 5) == 0) return L2O_OK;
    size_t gap = strspn(section + kind, " \t");
    char origin[512];
    snprintf(origin, sizeof origin, "%.480s:%d", self->path, line);
    source_entry fresh = {.kind = keep(self->source, section, kind, error),
                          .label = keep(self->source, section + kind + gap, strlen(section + kind + gap), error),
                          .key = keep(self->source, key, strlen(key), error),
                          .value = keep(self->source, value, strlen(value), error),
                          .origin = keep(self->source, origin, strlen(origin), error)};
    if (!fresh.kind || !fresh.label || !fresh.key || !fresh.value || !fresh.origin) return error->status;
    return add(self->source, fresh, error);
}

static l2o_status read_file(const char *path, source_finder *find, int depth, experiment_source *out,
                            l2o_error *error) {
    reading self = {.source = out, .path = path, .first = true, .passed = depth > 0};
    if (depth == DEEPEST)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: experiments inherit from one another more than %d times, perhaps in a circle", path,
                         (int)DEEPEST);
    l2o_status status = ini_read_file(path, take, &self, error);
    char *parent = NULL;
    if (status == L2O_OK && self.parent != NULL) status = find(self.parent, path, &parent, error);
    if (parent != NULL) status = read_file(parent, find, depth + 1, out, error);
    memory_free(parent);
    memory_free(self.parent);
    self.first = false;
    return status == L2O_OK ? ini_read_file(path, take, &self, error) : status;
}

l2o_status experiment_source_read(const char *path, source_finder *find, experiment_source *out, l2o_error *error) {
    *out = (experiment_source){0};
    l2o_status status = read_file(path, find, 0, out, error);
    if (status != L2O_OK) experiment_source_free(out);
    return status;
}

l2o_status experiment_source_parse(const char *bytes, size_t size, const char *name, experiment_source *out,
                                   l2o_error *error) {
    *out = (experiment_source){0};
    reading self = {.source = out, .path = name};
    l2o_status status = ini_read_text(bytes, size, name, take, &self, error);
    if (status != L2O_OK) experiment_source_free(out);
    return status;
}

void experiment_source_free(experiment_source *source) {
    arena_free(&source->memory);
    memory_free(source->entries);
    *source = (experiment_source){0};
}
