/* Nested settings as definition lists. Objects inside objects can be folded; report.js folds those of class "long", so
 * that a page of settings is short on the screen and whole on paper. */
#include <stdlib.h>
#include <string.h>

#include "report/page.h"

enum { OPEN_MAX = 8 }; /* entries of an object on the first level that stays open */

static bool is_nested(const json_t *value) { return json_is_object(value) || json_is_array(value); }

/* Lists of single values stand on one line. */
static bool is_plain_list(const json_t *value) {
    for (size_t i = 0; i < json_array_size(value); i++)
        if (is_nested(json_array_get(value, i))) return false;
    return json_is_array(value);
}

static void write_number(markup_writer *writer, const json_t *value) {
    enum { DIGITS = 6 };
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(DIGITS));
    if (text != NULL)
        markup_write(writer, "%t", text);
    else if (writer->status == L2O_OK)
        writer->status = error_set(writer->error, L2O_ERROR_MEMORY, "out of memory while a page was written");
    free(text);
}

static void write_plain(markup_writer *writer, const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_STRING: markup_write(writer, "%t", json_string_value(value)); return;
    case JSON_INTEGER:
    case JSON_REAL: write_number(writer, value); return;
    case JSON_TRUE: markup_write(writer, "yes"); return;
    case JSON_FALSE: markup_write(writer, "no"); return;
    case JSON_ARRAY:
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (i > 0) markup_write(writer, ", ");
            write_plain(writer, json_array_get(value, i));
        }
        return;
    default: markup_write(writer, "\xe2\x80\x93"); return;
    }
}

static void write_list(markup_writer *writer, const json_t *value, int depth);

static void write_entry(markup_writer *writer, const char *name, const json_t *value, int depth) {
    if (is_nested(value) && !is_plain_list(value)) {
        size_t entries = json_object_size(value) + json_array_size(value);
        markup_write(writer, "<div><dt>%t</dt><dd><details open%s><summary>%d %s</summary>\n", name,
                     depth == 0 && entries <= OPEN_MAX ? "" : " class=\"long\"", (int)entries,
                     entries == 1 ? "entry" : "entries");
        write_list(writer, value, depth + 1);
        markup_write(writer, "</details></dd></div>\n");
        return;
    }
    markup_write(writer, "<div><dt>%t</dt><dd>", name);
    write_plain(writer, value);
    markup_write(writer, "</dd></div>\n");
}

static void write_list(markup_writer *writer, const json_t *value, int depth) {
    markup_write(writer, "<dl>\n");
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)value, key, item) write_entry(writer, key, item, depth);
    for (size_t i = 0; i < json_array_size(value); i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i + 1);
        write_entry(writer, number, json_array_get(value, i), depth);
    }
    markup_write(writer, "</dl>\n");
}

void report_definitions_write(markup_writer *writer, const json_t *object) { write_list(writer, object, 0); }
