/* Reading a results file: each kind of object has a function that fills its structure and knows its place in the file,
 * so that an error can say which key of which entry is meant. */
#include "report/results.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

typedef struct place {
    char text[128]; /* "tables[0].rows[2]"; "" for the document itself */
} place;

typedef struct reader {
    const char *source;
    arena *arena;
    l2o_error *error;
} reader;

static place member(const place *parent, const char *key) {
    place out;
    snprintf(out.text, sizeof out.text, "%.90s%s%.32s", parent->text, parent->text[0] == '\0' ? "" : ".", key);
    return out;
}

static place element(const place *array, size_t index) {
    place out;
    snprintf(out.text, sizeof out.text, "%.100s[%zu]", array->text, index);
    return out;
}

static l2o_status wrong(const reader *reader, const place *at, const char *wanted) {
    return error_set(reader->error, L2O_ERROR_INPUT,
                     "%s: %s is missing or not %s; write it as \"%s\" has it, or make the file anew with "
                     "`l2o experiment`",
                     reader->source, at->text, wanted, RESULTS_FORMAT);
}

static void *allocate(const reader *reader, size_t count, size_t size) {
    void *out = count <= PTRDIFF_MAX / size ? arena_allocate(reader->arena, count * size, reader->error) : NULL;
    if (out != NULL) memset(out, 0, count * size);
    return out;
}

/* ------------------------------------------------------------------------------------------------- single values */

static l2o_status read_text(const reader *reader, const json_t *object, const place *at, const char *key, bool required,
                            const char **out) {
    const json_t *value = json_object_get(object, key);
    *out = "";
    if (!required && (value == NULL || json_is_null(value))) return L2O_OK;
    if (!json_is_string(value)) {
        place here = member(at, key);
        return wrong(reader, &here, "a text");
    }
    *out = json_string_value(value);
    return L2O_OK;
}

/* NaN where the key is absent or null. */
static l2o_status read_number(const reader *reader, const json_t *object, const place *at, const char *key,
                              double *out) {
    const json_t *value = json_object_get(object, key);
    *out = NAN;
    if (value == NULL || json_is_null(value)) return L2O_OK;
    if (!json_is_number(value)) {
        place here = member(at, key);
        return wrong(reader, &here, "a number or null");
    }
    *out = json_number_value(value);
    return L2O_OK;
}

static l2o_status read_flag(const reader *reader, const json_t *object, const place *at, const char *key, bool required,
                            bool *out) {
    const json_t *value = json_object_get(object, key);
    *out = json_is_true(value);
    if (json_is_boolean(value) || (value == NULL && !required)) return L2O_OK;
    place here = member(at, key);
    return wrong(reader, &here, "true or false");
}

/* The array under `key` with its place; NULL where it is absent and not required. */
static l2o_status read_array(const reader *reader, const json_t *object, const place *at, const char *key,
                             bool required, const json_t **out, place *where) {
    const json_t *value = json_object_get(object, key);
    *where = member(at, key);
    *out = NULL;
    if (value == NULL && !required) return L2O_OK;
    if (!json_is_array(value)) return wrong(reader, where, "an array");
    *out = value;
    return L2O_OK;
}

/* An array of `count` objects or texts under `key`, with zeroed structures for them. */
static l2o_status read_list(const reader *reader, const json_t *object, const place *at, const char *key, bool required,
                            size_t size, const json_t **list, place *where, void **out, size_t *count) {
    TRY(read_array(reader, object, at, key, required, list, where));
    *count = json_array_size(*list);
    *out = allocate(reader, *count, size);
    return *out == NULL ? reader->error->status : L2O_OK;
}

static l2o_status check_object(const reader *reader, const json_t *value, const place *at) {
    return json_is_object(value) ? L2O_OK : wrong(reader, at, "an object");
}

static l2o_status read_texts(const reader *reader, const json_t *object, const place *at, const char *key,
                             bool required, const char ***out, size_t *count) {
    const json_t *list;
    place where;
    void *memory;
    TRY(read_list(reader, object, at, key, required, sizeof **out, &list, &where, &memory, count));
    *out = memory;
    for (size_t i = 0; i < *count; i++) {
        place here = element(&where, i);
        (*out)[i] = json_string_value(json_array_get(list, i));
        if ((*out)[i] == NULL) return wrong(reader, &here, "a text");
    }
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------- tables */

static l2o_status read_verdict(const reader *reader, const json_t *object, const place *at, results_verdict *out) {
    static const char *const names[] = {"", "agrees", "better", "worse"};
    const char *name;
    TRY(read_text(reader, object, at, "verdict", false, &name));
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        *out = (results_verdict)i;
        if (strcmp(name, names[i]) == 0) return L2O_OK;
    }
    place here = member(at, "verdict");
    return wrong(reader, &here, "agrees, better or worse");
}

static l2o_status read_cell(const reader *reader, const json_t *object, const place *at, results_cell *out) {
    *out = (results_cell){.present = !json_is_null(object)};
    if (!out->present) return L2O_OK;
    TRY(check_object(reader, object, at));
    out->has_mean = json_object_get(object, "mean") != NULL;
    TRY(read_number(reader, object, at, "mean", &out->mean));
    TRY(read_number(reader, object, at, "half", &out->half));
    TRY(read_number(reader, object, at, "seeds_half", &out->seeds_half));
    TRY(read_number(reader, object, at, "paper", &out->paper));
    TRY(read_verdict(reader, object, at, &out->verdict));
    TRY(read_flag(reader, object, at, "best", false, &out->best));
    TRY(read_text(reader, object, at, "text", false, &out->text));
    if (out->text[0] == '\0') out->text = NULL;
    return L2O_OK;
}

static l2o_status read_row(const reader *reader, const json_t *object, const place *at, size_t columns,
                           results_row *out) {
    TRY(check_object(reader, object, at));
    TRY(read_text(reader, object, at, "label", true, &out->label));
    const json_t *list;
    place where;
    void *memory;
    size_t count;
    TRY(read_list(reader, object, at, "cells", true, sizeof *out->cells, &list, &where, &memory, &count));
    out->cells = memory;
    if (count != columns)
        return error_set(reader->error, L2O_ERROR_INPUT,
                         "%s: %s has %zu entries for %zu columns; give one for each column, null where there is none",
                         reader->source, where.text, count, columns);
    for (size_t i = 0; i < count; i++) {
        place here = element(&where, i);
        TRY(read_cell(reader, json_array_get(list, i), &here, &out->cells[i]));
    }
    return L2O_OK;
}

static l2o_status read_table(const reader *reader, const json_t *object, const place *at, results_table *out) {
    TRY(check_object(reader, object, at));
    TRY(read_text(reader, object, at, "title", true, &out->title));
    TRY(read_text(reader, object, at, "note", false, &out->note));
    TRY(read_text(reader, object, at, "row_header", false, &out->row_header));
    TRY(read_texts(reader, object, at, "columns", true, &out->columns, &out->column_count));
    const json_t *list;
    place where;
    void *memory;
    TRY(read_list(reader, object, at, "rows", true, sizeof *out->rows, &list, &where, &memory, &out->row_count));
    out->rows = memory;
    for (size_t i = 0; i < out->row_count; i++) {
        place here = element(&where, i);
        TRY(read_row(reader, json_array_get(list, i), &here, out->column_count, &out->rows[i]));
    }
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------- figures */

static l2o_status read_axis(const reader *reader, const json_t *figure, const place *at, const char *key,
                            results_axis *out) {
    const json_t *object = json_object_get(figure, key);
    *out = (results_axis){.label = ""};
    if (object == NULL) return L2O_OK;
    place here = member(at, key);
    TRY(check_object(reader, object, &here));
    TRY(read_text(reader, object, &here, "label", false, &out->label));
    return read_flag(reader, object, &here, "log", false, &out->logarithmic);
}

/* `count` is that of the series' first array, and SIZE_MAX before it is read. */
static l2o_status read_numbers(const reader *reader, const json_t *object, const place *at, const char *key,
                               bool required, size_t *count, const double **out) {
    const json_t *list;
    place where;
    *out = NULL;
    TRY(read_array(reader, object, at, key, required, &list, &where));
    if (list == NULL) return L2O_OK;
    size_t size = json_array_size(list);
    if (*count == SIZE_MAX) *count = size;
    if (size != *count)
        return error_set(reader->error, L2O_ERROR_INPUT,
                         "%s: %s has %zu numbers where x has %zu; give one for each point, null where there is none",
                         reader->source, where.text, size, *count);
    double *numbers = allocate(reader, size, sizeof *numbers);
    if (numbers == NULL) return reader->error->status;
    for (size_t i = 0; i < size; i++) {
        const json_t *value = json_array_get(list, i);
        place here = element(&where, i);
        if (!json_is_number(value) && !json_is_null(value)) return wrong(reader, &here, "a number or null");
        numbers[i] = json_is_null(value) ? NAN : json_number_value(value);
    }
    *out = numbers;
    return L2O_OK;
}

static bool same(const double *a, const double *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(a[i] == b[i] || (isnan(a[i]) && isnan(b[i])))) return false;
    return true;
}

static l2o_status read_series(const reader *reader, const json_t *object, const place *at, const results_series *before,
                              results_series *out) {
    TRY(check_object(reader, object, at));
    TRY(read_text(reader, object, at, "label", true, &out->label));
    TRY(read_text(reader, object, at, "group", false, &out->group));
    out->count = SIZE_MAX;
    TRY(read_numbers(reader, object, at, "x", true, &out->count, &out->x));
    TRY(read_numbers(reader, object, at, "mean", true, &out->count, &out->mean));
    TRY(read_numbers(reader, object, at, "low", false, &out->count, &out->low));
    TRY(read_numbers(reader, object, at, "high", false, &out->count, &out->high));
    if ((out->low == NULL) != (out->high == NULL))
        return error_set(reader->error, L2O_ERROR_INPUT,
                         "%s: %s has one end of a band without the other; give low and high, or neither",
                         reader->source, at->text);
    for (size_t i = 1; i < out->count; i++)
        if (!(out->x[i] >= out->x[i - 1]))
            return error_set(reader->error, L2O_ERROR_INPUT,
                             "%s: %s.x must be numbers that do not descend, but the entry %zu does; sort the points",
                             reader->source, at->text, i);
    if (out->count == 1 && isnan(out->x[0])) {
        place here = member(at, "x[0]");
        return wrong(reader, &here, "a number");
    }
    if (before != NULL && before->count == out->count && same(before->x, out->x, out->count)) out->x = before->x;
    return L2O_OK;
}

static l2o_status read_span(const reader *reader, const json_t *object, const place *at, results_span *out) {
    TRY(check_object(reader, object, at));
    TRY(read_text(reader, object, at, "label", false, &out->label));
    TRY(read_number(reader, object, at, "low", &out->low));
    TRY(read_number(reader, object, at, "high", &out->high));
    if (out->low <= out->high) return L2O_OK;
    return error_set(reader->error, L2O_ERROR_INPUT, "%s: %s must have numbers low and high, low not above high",
                     reader->source, at->text);
}

static l2o_status read_figure(const reader *reader, const json_t *object, const place *at, results_figure *out) {
    TRY(check_object(reader, object, at));
    TRY(read_text(reader, object, at, "title", true, &out->title));
    TRY(read_axis(reader, object, at, "x", &out->x));
    TRY(read_axis(reader, object, at, "y", &out->y));
    const json_t *list;
    place where;
    void *memory;
    TRY(read_list(reader, object, at, "series", true, sizeof *out->series, &list, &where, &memory, &out->series_count));
    out->series = memory;
    if (out->series_count > RESULTS_SERIES_MAX)
        return error_set(reader->error, L2O_ERROR_INPUT,
                         "%s: %s has %zu entries; spread them over figures of at most %d", reader->source, where.text,
                         out->series_count, (int)RESULTS_SERIES_MAX);
    for (size_t i = 0; i < out->series_count; i++) {
        place here = element(&where, i);
        TRY(read_series(reader, json_array_get(list, i), &here, i > 0 ? &out->series[i - 1] : NULL, &out->series[i]));
    }
    TRY(read_list(reader, object, at, "spans", false, sizeof *out->spans, &list, &where, &memory, &out->span_count));
    out->spans = memory;
    for (size_t i = 0; i < out->span_count; i++) {
        place here = element(&where, i);
        TRY(read_span(reader, json_array_get(list, i), &here, &out->spans[i]));
    }
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------- the document */

static l2o_status read_claim(const reader *reader, const json_t *object, const place *at, results_claim *out) {
    TRY(check_object(reader, object, at));
    TRY(read_text(reader, object, at, "text", true, &out->text));
    TRY(read_number(reader, object, at, "measured", &out->measured));
    TRY(read_number(reader, object, at, "bound", &out->bound));
    return read_flag(reader, object, at, "holds", true, &out->holds);
}

/* Whether `value` nests no deeper than `depth` more levels. */
static bool shallow(const json_t *value, int depth) {
    if (!json_is_object(value) && !json_is_array(value)) return true;
    if (depth == 0) return false;
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)value, key, item) if (!shallow(item, depth - 1)) return false;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!shallow(json_array_get(value, i), depth - 1)) return false;
    return true;
}

static l2o_status read_ran(const reader *reader, const json_t *document, const json_t **out) {
    place here = {.text = "ran"};
    *out = json_object_get(document, "ran");
    if (*out == NULL) return L2O_OK;
    TRY(check_object(reader, *out, &here));
    if (shallow(*out, RESULTS_DEPTH_MAX)) return L2O_OK;
    return error_set(reader->error, L2O_ERROR_INPUT, "%s: ran nests more than %d levels deep; write it flatter",
                     reader->source, (int)RESULTS_DEPTH_MAX);
}

l2o_status results_read(const json_t *document, const char *source, arena *arena, results *out, l2o_error *error) {
    const reader reader = {.source = source, .arena = arena, .error = error};
    const place top = {.text = ""};
    *out = (results){.ran = NULL};
    const char *format = json_string_value(json_object_get(document, "format"));
    if (format == NULL || strcmp(format, RESULTS_FORMAT) != 0)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: not a results file (its \"format\" is not \"%s\"); give one that `l2o experiment` wrote",
                         source, RESULTS_FORMAT);
    TRY(read_text(&reader, document, &top, "title", true, &out->title));
    TRY(read_text(&reader, document, &top, "summary", false, &out->summary));
    TRY(read_ran(&reader, document, &out->ran));
    TRY(read_texts(&reader, document, &top, "notes", false, &out->notes, &out->note_count));
    const json_t *list;
    place where;
    void *memory;
    TRY(read_list(&reader, document, &top, "tables", false, sizeof *out->tables, &list, &where, &memory,
                  &out->table_count));
    out->tables = memory;
    for (size_t i = 0; i < out->table_count; i++) {
        place here = element(&where, i);
        TRY(read_table(&reader, json_array_get(list, i), &here, &out->tables[i]));
    }
    TRY(read_list(&reader, document, &top, "figures", false, sizeof *out->figures, &list, &where, &memory,
                  &out->figure_count));
    out->figures = memory;
    for (size_t i = 0; i < out->figure_count; i++) {
        place here = element(&where, i);
        TRY(read_figure(&reader, json_array_get(list, i), &here, &out->figures[i]));
    }
    TRY(read_list(&reader, document, &top, "claims", false, sizeof *out->claims, &list, &where, &memory,
                  &out->claim_count));
    out->claims = memory;
    for (size_t i = 0; i < out->claim_count; i++) {
        place here = element(&where, i);
        TRY(read_claim(&reader, json_array_get(list, i), &here, &out->claims[i]));
    }
    return L2O_OK;
}
