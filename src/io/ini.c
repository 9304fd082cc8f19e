/* INI files through inih, made strict: inih alone cuts long lines and headings short, ignores what follows a heading,
 * takes an indented key for more of the value above it, and goes on after an error. The whole file is therefore
 * collected and checked first, and the callback sees only correct files. */
#include "io/ini.h"

#include <ini.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/text.h"

/* Keys and headings are limited so that looking for repeated ones (linear) stays cheap, also for a hostile file. */
enum { INI_SIZE_LIMIT = 4 * 1024 * 1024, KEY_LIMIT = 4096, HEADING_LIMIT = 4096, SECTION_LIMIT = 49 };

typedef struct entry {
    char *section, *key; /* key NULL: a heading, of which inih tells nothing */
    buffer value;
    int line;
} entry;

typedef struct collector {
    text_lines lines;
    text_piece current;
    const char *source;
    entry *entries;
    size_t count, capacity, headings;
    bool continuable; /* an indented line would belong to the last key */
    l2o_error *error; /* its status is L2O_OK until something is wrong */
} collector;

static l2o_status wrong_line(collector *c, const char *what) {
    return error_set(c->error, L2O_ERROR_INPUT, "%s: line %lld: %s", c->source, (long long)c->lines.number, what);
}

static bool is_indented(text_piece line) { return line.length > 0 && (line.start[0] == ' ' || line.start[0] == '\t'); }

/* NULL: out of memory. */
static entry *add_entry(collector *c, const char *section, size_t length) {
    if (c->count == c->capacity) {
        size_t capacity = c->capacity == 0 ? 32 : 2 * c->capacity;
        entry *grown = memory_grow(c->entries, c->count, capacity, sizeof *grown, c->error);
        if (grown == NULL) return NULL;
        c->entries = grown;
        c->capacity = capacity;
    }
    /* Counted at once, so that a half-made entry is released with the others. */
    entry *fresh = &c->entries[c->count++];
    *fresh = (entry){.line = (int)c->lines.number, .section = memory_allocate(length + 1, 1, c->error)};
    if (fresh->section == NULL) return NULL;
    memcpy(fresh->section, section, length);
    return fresh;
}

static l2o_status take_heading(collector *c, text_piece line) {
    text_piece trimmed = text_trim(line);
    if (trimmed.length == 0 || trimmed.start[0] != '[') return L2O_OK;
    c->continuable = false;
    if (is_indented(line)) return wrong_line(c, "a [section] heading must begin at the start of its line");
    const char *close = memchr(trimmed.start, ']', trimmed.length);
    if (close == NULL) return wrong_line(c, "a [section] heading lacks its ']'");
    size_t length = (size_t)(close - trimmed.start) + 1;
    if (length - 2 > SECTION_LIMIT) return wrong_line(c, "a [section] name is longer than 49 characters");
    text_piece rest = text_trim((text_piece){close + 1, trimmed.length - length});
    if (rest.length > 0 && rest.start[0] != ';' && rest.start[0] != '#')
        return wrong_line(c, "something follows a [section] heading; put it on the next line");
    if (c->headings == HEADING_LIMIT) return wrong_line(c, "there are more than 4096 [section] headings");
    if (add_entry(c, trimmed.start + 1, length - 2) == NULL) return c->error->status;
    c->headings++;
    return L2O_OK;
}

/* inih asks for a line at a time, as of fgets; NULL ends the file. */
static char *give_line(char *to, int size, void *context) {
    collector *c = context;
    if (c->error->status != L2O_OK || !text_next_line(&c->lines, &c->current)) return NULL;
    if (size < 3 || c->current.length > (size_t)size - 3) {
        error_set(c->error, L2O_ERROR_INPUT,
                  "%s: line %lld is longer than %d characters; continue the value on the next line, indented",
                  c->source, (long long)c->lines.number, size - 3);
        return NULL;
    }
    if (take_heading(c, c->current) != L2O_OK) return NULL;
    memcpy(to, c->current.start, c->current.length);
    to[c->current.length] = '\n';
    to[c->current.length + 1] = '\0';
    return to;
}

static l2o_status add_key(collector *c, const char *section, const char *key, const char *value) {
    if (key[0] == '\0') return wrong_line(c, "there is no key before the '='");
    for (size_t i = 0; i < c->count; i++)
        if (c->entries[i].key != NULL && strcmp(c->entries[i].key, key) == 0 &&
            strcmp(c->entries[i].section, section) == 0)
            return error_set(c->error, L2O_ERROR_INPUT, "%s: line %lld: '%.100s' was already given on line %d",
                             c->source, (long long)c->lines.number, key, c->entries[i].line);
    if (c->count - c->headings == KEY_LIMIT) return wrong_line(c, "there are more than 4096 keys");
    entry *fresh = add_entry(c, section, strlen(section));
    if (fresh == NULL) return c->error->status;
    fresh->key = memory_string(key, c->error);
    if (fresh->key == NULL) return c->error->status;
    return buffer_append_text(&fresh->value, value, c->error);
}

/* inih's handler: 1 for success. */
static int take_key(void *context, const char *section, const char *key, const char *value) {
    collector *c = context;
    if (c->error->status != L2O_OK) return 0;
    if (value == NULL) value = "";
    if (!is_indented(c->current)) {
        c->continuable = true;
        return add_key(c, section, key, value) == L2O_OK;
    }
    /* inih continues the section's last key; without one, an indented line is a key to it. */
    if (!c->continuable) {
        wrong_line(c, "a key must begin at the start of its line");
        return 0;
    }
    entry *last = &c->entries[c->count - 1];
    return buffer_print(&last->value, c->error, "%s%s", last->value.size == 0 ? "" : " ", value) == L2O_OK;
}

static l2o_status collect(collector *c, const char *bytes, size_t size) {
    if (size > 0 && memchr(bytes, '\0', size) != NULL)
        return error_set(c->error, L2O_ERROR_INPUT, "%s: not a text file", c->source);
    int fault = ini_parse_stream(give_line, c, take_key, c);
    if (c->error->status != L2O_OK) return c->error->status;
    if (fault < 0) return error_set(c->error, L2O_ERROR_MEMORY, "out of memory while reading %s", c->source);
    if (fault > 0)
        return error_set(c->error, L2O_ERROR_INPUT, "%s: line %d: neither '[section]' nor 'key = value'", c->source,
                         fault);
    return L2O_OK;
}

/* A heading, of a section without keys, for the first time. */
static bool is_empty_section(const collector *c, size_t index) {
    if (c->entries[index].key != NULL) return false;
    for (size_t i = 0; i < c->count; i++)
        if ((i < index || c->entries[i].key != NULL) && strcmp(c->entries[i].section, c->entries[index].section) == 0)
            return false;
    return true;
}

static l2o_status tell(const collector *c, size_t index, ini_callback *callback, void *context, l2o_error *error) {
    const entry *entry = &c->entries[index];
    const char *value = entry->key == NULL ? NULL : buffer_text(&entry->value);
    if (entry->key == NULL && !is_empty_section(c, index)) return L2O_OK;
    return callback(context, entry->section, entry->key, value, entry->line, error);
}

l2o_status ini_read_text(const char *bytes, size_t size, const char *source, ini_callback *callback, void *context,
                         l2o_error *error) {
    l2o_error fault = {0}; /* of our own, as `error` may hold an older one */
    collector c = {.lines = text_lines_of(bytes, size), .source = source, .error = &fault};
    l2o_status status = collect(&c, bytes, size);
    if (status != L2O_OK) *error = fault;
    for (size_t i = 0; i < c.count && status == L2O_OK; i++) status = tell(&c, i, callback, context, error);
    for (size_t i = 0; i < c.count; i++) {
        memory_free(c.entries[i].section);
        memory_free(c.entries[i].key);
        buffer_free(&c.entries[i].value);
    }
    memory_free(c.entries);
    return status;
}

l2o_status ini_read_file(const char *path, ini_callback *callback, void *context, l2o_error *error) {
    buffer file = {0};
    l2o_status status = file_read(path, INI_SIZE_LIMIT, &file, error);
    if (status == L2O_OK) status = ini_read_text(file.bytes, file.size, path, callback, context, error);
    buffer_free(&file);
    return status;
}
