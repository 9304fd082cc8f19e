/* Reading libsvm files. */
#include "io/libsvm.h"

#include <string.h>

#include "base/memory.h"
#include "io/text.h"

typedef struct reader {
    const data_source *source;
    text_lines lines;
    sparse_entries entries;
    double *labels;
    int64_t rows, capacity, columns;
    l2o_error *error;
} reader;

static l2o_status wrong_word(const reader *r, text_piece word, const char *what) {
    return error_set(r->error, L2O_ERROR_INPUT, "%s: line %lld: '%s' %s", r->source->name, (long long)r->lines.number,
                     text_quote(word).text, what);
}

static l2o_status append_label(reader *r, text_piece word) {
    double label = 0;
    if (!text_number(word, &label)) return wrong_word(r, word, "is not a label; a line must begin with one number");
    if (r->rows == r->capacity) {
        int64_t capacity = r->capacity == 0 ? 1024 : 2 * r->capacity;
        double *grown = memory_grow(r->labels, (size_t)r->rows, (size_t)capacity, sizeof *grown, r->error);
        if (grown == NULL) return r->error->status;
        r->labels = grown;
        r->capacity = capacity;
    }
    r->labels[r->rows++] = label;
    return L2O_OK;
}

static l2o_status append_feature(reader *r, text_piece word, int64_t *previous) {
    const char *colon = memchr(word.start, ':', word.length);
    if (colon == NULL) return wrong_word(r, word, "is not of the form index:value");
    size_t length = (size_t)(colon - word.start);
    text_piece index_text = {word.start, length}, value_text = {colon + 1, word.length - length - 1};
    if (text_equals(index_text, "qid")) return wrong_word(r, word, "marks a ranking, which is not supported");
    int64_t index = 0;
    double value = 0;
    if (!text_integer(index_text, &index) || index < 1)
        return wrong_word(r, word, "has no index from 1 up before its colon");
    if (!text_number(value_text, &value)) return wrong_word(r, word, "has no number after its colon");
    if (index <= *previous) return wrong_word(r, word, "does not have a larger index than the one before it");
    *previous = index;
    if (index > r->columns) r->columns = index;
    return sparse_entries_append(&r->entries, r->rows - 1, index - 1, value, r->error);
}

static l2o_status read_rows(reader *r) {
    text_piece line, word;
    while (text_next_line(&r->lines, &line)) {
        const char *comment = memchr(line.start, '#', line.length);
        if (comment != NULL) line.length = (size_t)(comment - line.start);
        if (!text_next_word(&line, &word)) continue;
        TRY(append_label(r, word));
        int64_t previous = 0;
        while (text_next_word(&line, &word)) TRY(append_feature(r, word, &previous));
    }
    if (r->rows == 0)
        return error_set(r->error, L2O_ERROR_INPUT, "%s: holds no rows; write `LABEL INDEX:VALUE ...`, one row a line",
                         r->source->name);
    return sparse_check_claim(r->rows, r->columns, r->source->size, r->source->name, r->error);
}

l2o_status libsvm_parse(const data_source *source, data_file *out, l2o_error *error) {
    reader r = {.source = source, .lines = text_lines_of(source->bytes, source->size), .error = error};
    l2o_status status = read_rows(&r);
    if (status == L2O_OK) status = sparse_from_entries(r.rows, r.columns, &r.entries, &out->sparse, error);
    sparse_entries_free(&r.entries);
    out->is_sparse = status == L2O_OK;
    out->labels = r.labels;
    out->label_count = r.rows;
    return status;
}
