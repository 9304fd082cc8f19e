/* JSON files through jansson, which is otherwise used directly: strict reading with the place of a mistake, and atomic
 * writing. Repeated keys and NUL characters are errors. */
#ifndef L2O_IO_JSON_H
#define L2O_IO_JSON_H

#include <jansson.h>

#include "base/buffer.h"

/* `source` names the file in errors. The caller releases `out` with json_decref(). */
l2o_status json_parse(const char *bytes, size_t size, const char *source, json_t **out, l2o_error *error);
l2o_status json_read_file(const char *path, json_t **out, l2o_error *error);

/* Indented, keys in the order set, numbers with 17 digits so that they read back exactly, a newline at the end. */
l2o_status json_format(const json_t *value, buffer *out, l2o_error *error);
l2o_status json_format_compact(const json_t *value, buffer *out, l2o_error *error); /* on one line, without blanks */
/* Numbers with 9 digits: for people, and for figures. */
l2o_status json_format_rounded(const json_t *value, buffer *out, l2o_error *error);
/* A text as JSON has it; where it is not UTF-8, byte by byte as U+FFFD. */
json_t *json_text(const char *text);
l2o_status json_write_file(const char *path, const json_t *value, l2o_error *error);

#endif
