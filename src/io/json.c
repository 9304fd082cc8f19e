/* JSON files through jansson, with sentences for errors. */
#include "io/json.h"

#include "io/file.h"
#include "io/markup.h"

enum { JSON_SIZE_LIMIT = 256 * 1024 * 1024, INDENT = 2, DIGITS = 17, FEW_DIGITS = 9 };

l2o_status json_parse(const char *bytes, size_t size, const char *source, json_t **out, l2o_error *error) {
    json_error_t fault;
    *out = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &fault);
    if (*out != NULL) return L2O_OK;
    /* jansson mostly tells a lack of memory by telling nothing. */
    if (json_error_code(&fault) == json_error_out_of_memory || fault.line < 0)
        return error_set(error, L2O_ERROR_MEMORY, "out of memory while reading %s", source);
    return error_set(error, L2O_ERROR_INPUT, "%s: line %d, column %d: not valid JSON: %s", source, fault.line,
                     fault.column, fault.text);
}

l2o_status json_read_file(const char *path, json_t **out, l2o_error *error) {
    buffer file = {0};
    *out = NULL;
    l2o_status status = file_read(path, JSON_SIZE_LIMIT, &file, error);
    if (status == L2O_OK) status = json_parse(file.bytes, file.size, path, out, error);
    buffer_free(&file);
    return status;
}

typedef struct destination {
    buffer *out;
    l2o_status status; /* kept here, as jansson passes over a failure to write a key */
    l2o_error *error;
} destination;

static int append_dumped(const char *bytes, size_t size, void *context) {
    destination *to = context;
    if (to->status == L2O_OK) to->status = buffer_append(to->out, bytes, size, to->error);
    return to->status == L2O_OK ? 0 : -1;
}

static l2o_status dump(const json_t *value, size_t flags, size_t digits, buffer *out, l2o_error *error) {
    destination to = {out, L2O_OK, error};
    int failed = json_dump_callback(value, append_dumped, &to, flags | JSON_REAL_PRECISION(digits) | JSON_ENCODE_ANY);
    if (to.status != L2O_OK || failed == 0) return to.status;
    return error_set(error, L2O_ERROR_MEMORY, "out of memory while writing JSON");
}

l2o_status json_format(const json_t *value, buffer *out, l2o_error *error) {
    TRY(dump(value, JSON_INDENT(INDENT), DIGITS, out, error));
    return buffer_append(out, "\n", 1, error);
}

l2o_status json_format_compact(const json_t *value, buffer *out, l2o_error *error) {
    return dump(value, JSON_COMPACT, DIGITS, out, error);
}

l2o_status json_format_rounded(const json_t *value, buffer *out, l2o_error *error) {
    TRY(dump(value, JSON_INDENT(1), FEW_DIGITS, out, error));
    return buffer_append(out, "\n", 1, error);
}

json_t *json_text(const char *text) {
    json_t *value = json_string(text);
    if (value != NULL) return value;
    buffer valid = {0};
    l2o_error ignored = {0};
    for (const char *start = text; *text != '\0'; start = text) {
        uint32_t character = markup_next_character(&text);
        const char *from = character == 0xfffd ? "\xef\xbf\xbd" : start;
        size_t size = character == 0xfffd ? 3 : (size_t)(text - start);
        if (buffer_append(&valid, from, size, &ignored) != L2O_OK) break;
    }
    if (ignored.status == L2O_OK) value = json_string(buffer_text(&valid));
    buffer_free(&valid);
    return value;
}

l2o_status json_write_file(const char *path, const json_t *value, l2o_error *error) {
    buffer text = {0};
    l2o_status status = json_format(value, &text, error);
    if (status == L2O_OK) status = file_write(path, text.bytes, text.size, error);
    buffer_free(&text);
    return status;
}
