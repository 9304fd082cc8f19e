/* Reading csv, tsv and blank-separated tables of numbers. */
#include "io/csv.h"

#include <string.h>

#include "base/memory.h"
#include "io/text.h"

typedef struct table {
    const data_source *source;
    text_lines lines;
    char separator; /* ' ' stands for any run of blanks, '\0' for not known yet */
    double *values;
    size_t count, capacity;
    int64_t rows, columns; /* columns is 0 until the first row */
    l2o_error *error;
} table;

/* The next line that is not empty, without its comment. */
static bool next_content(table *t, text_piece *line) {
    while (text_next_line(&t->lines, line)) {
        const char *comment = memchr(line->start, '#', line->length);
        if (comment != NULL) line->length = (size_t)(comment - line->start);
        if (text_trim(*line).length > 0) return true;
    }
    return false;
}

static char find_separator(text_piece line) {
    static const char candidates[] = {';', ',', '\t'};
    line = text_trim(line);
    for (size_t i = 0; i < sizeof candidates; i++)
        if (memchr(line.start, candidates[i], line.length) != NULL) return candidates[i];
    return ' ';
}

/* Takes the next field off `rest`, whose start becomes NULL after the last. */
static bool next_field(char separator, text_piece *rest, text_piece *field) {
    if (separator == ' ') return text_next_word(rest, field);
    if (rest->start == NULL) return false;
    const char *stop = memchr(rest->start, separator, rest->length);
    size_t length = stop == NULL ? rest->length : (size_t)(stop - rest->start);
    *field = text_trim((text_piece){rest->start, length});
    *rest = stop == NULL ? (text_piece){NULL, 0} : (text_piece){stop + 1, rest->length - length - 1};
    return true;
}

/* Whether no field so much as begins like a number: "1,5" or "12a" in a first row is a mistake, not a heading. */
static bool is_header(char separator, text_piece line) {
    text_piece field;
    double value;
    while (next_field(separator, &line, &field))
        if (field.length > 0 && (strchr("0123456789+-.", field.start[0]) != NULL || text_number(field, &value)))
            return false;
    return true;
}

static l2o_status wrong_field(const table *t, int64_t column, text_piece field) {
    const char *name = t->source->name;
    long long line = (long long)t->lines.number, at = (long long)column;
    if (field.length == 0)
        return error_set(t->error, L2O_ERROR_INPUT, "%s: line %lld, column %lld: empty; fill in a number", name, line,
                         at);
    if (field.start[0] == '"' || field.start[0] == '\'')
        return error_set(t->error, L2O_ERROR_INPUT, "%s: line %lld, column %lld: quoted; write numbers without quotes",
                         name, line, at);
    const char *remedy = memchr(field.start, ',', field.length) == NULL ? "" : "; write decimals with a point";
    return error_set(t->error, L2O_ERROR_INPUT, "%s: line %lld, column %lld: '%s' is not a number%s", name, line, at,
                     text_quote(field).text, remedy);
}

static l2o_status append_value(table *t, double value) {
    if (t->count == t->capacity) {
        size_t capacity = t->capacity == 0 ? 1024 : 2 * t->capacity;
        double *grown = memory_grow(t->values, t->count, capacity, sizeof *grown, t->error);
        if (grown == NULL) return t->error->status;
        t->values = grown;
        t->capacity = capacity;
    }
    t->values[t->count++] = value;
    return L2O_OK;
}

static l2o_status append_row(table *t, text_piece line) {
    text_piece field;
    int64_t columns = 0;
    while (next_field(t->separator, &line, &field)) {
        double value = 0;
        columns++;
        if (!text_number(field, &value)) return wrong_field(t, columns, field);
        TRY(append_value(t, value));
    }
    if (t->rows == 0) t->columns = columns;
    if (columns != t->columns)
        return error_set(t->error, L2O_ERROR_INPUT,
                         "%s: line %lld has %lld numbers, but the first row has %lld; give every row as many",
                         t->source->name, (long long)t->lines.number, (long long)columns, (long long)t->columns);
    t->rows++;
    return L2O_OK;
}

static l2o_status read_rows(table *t) {
    text_piece line;
    while (next_content(t, &line)) {
        if (t->separator == '\0') {
            t->separator = find_separator(line);
            if (is_header(t->separator, line)) continue;
        }
        TRY(append_row(t, line));
    }
    if (t->rows > 0) return L2O_OK;
    return error_set(t->error, L2O_ERROR_INPUT, "%s: holds no numbers; write one row a line, separated by commas",
                     t->source->name);
}

l2o_status csv_parse(const data_source *source, data_file *out, l2o_error *error) {
    table t = {.source = source, .lines = text_lines_of(source->bytes, source->size), .error = error};
    l2o_status status = read_rows(&t);
    if (status == L2O_OK) status = array_create(&out->dense, NULL, 2, (int64_t[]){t.rows, t.columns}, error);
    if (status == L2O_OK) memcpy(out->dense.values, t.values, t.count * sizeof(double));
    memory_free(t.values);
    return status;
}
