/* Matrix Market: a banner line "%%MatrixMarket matrix FORMAT FIELD SYMMETRY", comments (%), a line of sizes, then one
 * entry per line. Symmetric files store the lower triangle only. */
#include "io/matrix_market.h"

#include "io/text.h"

typedef enum symmetry { GENERAL, SYMMETRIC, SKEW_SYMMETRIC } symmetry;

typedef struct reader {
    const data_source *source;
    text_lines lines;
    bool coordinate, pattern;
    symmetry symmetry;
    int64_t rows, columns;
    l2o_error *error;
} reader;

static l2o_status wrong_line(const reader *r, const char *what) {
    return error_set(r->error, L2O_ERROR_INPUT, "%s: line %lld: %s", r->source->name, (long long)r->lines.number, what);
}

static bool next_content(reader *r, text_piece *line) {
    while (text_next_line(&r->lines, line))
        if (line->length > 0 && line->start[0] != '%' && text_trim(*line).length > 0) return true;
    return false;
}

static l2o_status read_banner(reader *r) {
    text_piece line = {0}, word[5] = {{0}}, more;
    int words = 0;
    if (text_next_line(&r->lines, &line))
        while (words < 5 && text_next_word(&line, &word[words])) words++;
    if (words == 0 || !text_equals(word[0], "%%MatrixMarket"))
        return error_set(r->error, L2O_ERROR_INPUT,
                         "%s: not a Matrix Market file: its first line is not "
                         "'%%%%MatrixMarket matrix ...'",
                         r->source->name);
    if (words < 5 || text_next_word(&line, &more) || !text_equals(word[1], "matrix"))
        return wrong_line(r, "the banner must be '%%MatrixMarket matrix FORMAT FIELD SYMMETRY'");
    r->coordinate = text_equals(word[2], "coordinate");
    if (!r->coordinate && !text_equals(word[2], "array"))
        return wrong_line(r, "the format must be coordinate or array");
    r->pattern = text_equals(word[3], "pattern");
    if (!r->pattern && !text_equals(word[3], "real") && !text_equals(word[3], "integer"))
        return wrong_line(r, "the field must be real, integer or pattern; complex matrices are not supported");
    if (r->pattern && !r->coordinate) return wrong_line(r, "a pattern can only be in coordinate format");
    if (text_equals(word[4], "symmetric"))
        r->symmetry = SYMMETRIC;
    else if (text_equals(word[4], "skew-symmetric"))
        r->symmetry = SKEW_SYMMETRIC;
    else if (!text_equals(word[4], "general"))
        return wrong_line(r, "the symmetry must be general, symmetric or skew-symmetric");
    if (r->pattern && r->symmetry == SKEW_SYMMETRIC) return wrong_line(r, "a pattern cannot be skew-symmetric");
    return L2O_OK;
}

/* The line of sizes: rows, columns and, for coordinates, the number of entries. */
static l2o_status read_sizes(reader *r, int64_t *entries) {
    text_piece line, word;
    int64_t size[3] = {0};
    int wanted = r->coordinate ? 3 : 2, found = 0;
    if (!next_content(r, &line)) return wrong_line(r, "the file ends before its sizes");
    while (text_next_word(&line, &word))
        if (found == wanted || !text_integer(word, &size[found++]) || size[found - 1] < 0)
            return wrong_line(r, r->coordinate ? "the sizes must be three whole numbers: rows, columns, entries"
                                               : "the sizes must be two whole numbers: rows, columns");
    if (found < wanted) return wrong_line(r, "the line of sizes has too few numbers");
    r->rows = size[0];
    r->columns = size[1];
    *entries = size[2];
    if (r->symmetry != GENERAL && r->rows != r->columns) return wrong_line(r, "a symmetric matrix must be square");
    return L2O_OK;
}

static l2o_status read_entry(reader *r, text_piece line, sparse_entries *entries) {
    text_piece word;
    int64_t row = 0, column = 0;
    double value = 1;
    if (!text_next_word(&line, &word) || !text_integer(word, &row) || !text_next_word(&line, &word) ||
        !text_integer(word, &column))
        return wrong_line(r, "an entry must begin with its row and column");
    if (!r->pattern && (!text_next_word(&line, &word) || !text_number(word, &value)))
        return wrong_line(r, "an entry must be a row, a column and a number");
    if (text_next_word(&line, &word)) return wrong_line(r, "an entry goes on after its value");
    if (row < 1 || row > r->rows || column < 1 || column > r->columns)
        return error_set(
            r->error, L2O_ERROR_INPUT,
            "%s: line %lld: entry (%lld, %lld) is outside the %lld x %lld matrix; mend it or the line of sizes",
            r->source->name, (long long)r->lines.number, (long long)row, (long long)column, (long long)r->rows,
            (long long)r->columns);
    if (r->symmetry != GENERAL && row < column)
        return wrong_line(r, "a symmetric file must hold the lower triangle only");
    if (r->symmetry == SKEW_SYMMETRIC && row == column)
        return wrong_line(r, "a skew-symmetric file must not hold the diagonal");
    TRY(sparse_entries_append(entries, row - 1, column - 1, value, r->error));
    if (r->symmetry == GENERAL || row == column) return L2O_OK;
    return sparse_entries_append(entries, column - 1, row - 1, r->symmetry == SYMMETRIC ? value : -value, r->error);
}

static l2o_status read_coordinates(reader *r, int64_t promised, sparse_entries *entries) {
    text_piece line;
    int64_t found = 0;
    while (next_content(r, &line)) {
        if (found == promised) return wrong_line(r, "there are more entries than the line of sizes says");
        TRY(read_entry(r, line, entries));
        found++;
    }
    if (found == promised) return L2O_OK;
    return error_set(r->error, L2O_ERROR_INPUT,
                     "%s: has %lld of the %lld entries its line of sizes promises; save it again", r->source->name,
                     (long long)found, (long long)promised);
}

/* Values by columns; a symmetric file has of each column only what is on and below the diagonal. */
static l2o_status read_array(reader *r, array *out) {
    text_piece line, word;
    for (int64_t j = 0; j < r->columns; j++) {
        int64_t first = r->symmetry == GENERAL ? 0 : r->symmetry == SYMMETRIC ? j : j + 1;
        for (int64_t i = first; i < r->rows; i++) {
            double value = 0;
            if (!next_content(r, &line)) return wrong_line(r, "the file ends before its last value");
            if (!text_next_word(&line, &word) || !text_number(word, &value) || text_next_word(&line, &word))
                return wrong_line(r, "one number is expected on each line");
            out->values[i * r->columns + j] = value;
            if (r->symmetry != GENERAL) out->values[j * r->columns + i] = r->symmetry == SYMMETRIC ? value : -value;
            if (i == j && r->symmetry != GENERAL) out->values[i * r->columns + i] = value;
        }
    }
    return next_content(r, &line) ? wrong_line(r, "there are more values than the sizes say") : L2O_OK;
}

static l2o_status parse_coordinates(reader *r, int64_t promised, data_file *out) {
    TRY(sparse_check_claim(r->rows, r->columns, r->source->size, r->source->name, r->error));
    sparse_entries entries = {0};
    l2o_status status = read_coordinates(r, promised, &entries);
    if (status == L2O_OK) status = sparse_from_entries(r->rows, r->columns, &entries, &out->sparse, r->error);
    out->is_sparse = status == L2O_OK;
    sparse_entries_free(&entries);
    return status;
}

static l2o_status parse_array(reader *r, data_file *out) {
    int64_t count = 0;
    TRY(shape_count(2, (int64_t[]){r->rows, r->columns}, sizeof(double), r->source->name, &count, r->error));
    /* A value takes a digit and the end of a line, and stands for at most two elements (and a zero on the diagonal). */
    if (count / 4 > (int64_t)r->source->size)
        return wrong_line(r, "the sizes promise more values than the file can hold");
    TRY(array_create(&out->dense, NULL, 2, (int64_t[]){r->rows, r->columns}, r->error));
    return read_array(r, &out->dense);
}

l2o_status matrix_market_parse(const data_source *source, data_file *out, l2o_error *error) {
    reader r = {.source = source, .lines = text_lines_of(source->bytes, source->size), .error = error};
    int64_t promised = 0;
    TRY(read_banner(&r));
    TRY(read_sizes(&r, &promised));
    return r.coordinate ? parse_coordinates(&r, promised, out) : parse_array(&r, out);
}
