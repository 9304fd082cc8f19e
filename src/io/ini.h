/* INI files: "[section]" headings and "key = value" lines, comments from ';' or '#' at a line's start (or " ;" within).
 * A value goes on over following indented lines, joined by spaces. */
#ifndef L2O_IO_INI_H
#define L2O_IO_INI_H

#include "base/buffer.h"

/* Called for every key, in order; "" is the section before any heading. For a section that has no key at all it is
 * called once in its place, with NULL for key and value. The texts are valid during the call. A failure it returns
 * (with `error` filled) ends the reading. */
typedef l2o_status ini_callback(void *context, const char *section, const char *key, const char *value, int line,
                                l2o_error *error);

/* Keys repeated within a section, lines that are neither heading nor key, and overlong lines are errors that name the
 * line. `source` names the file in errors. */
l2o_status ini_read_text(const char *bytes, size_t size, const char *source, ini_callback *callback, void *context,
                         l2o_error *error);
l2o_status ini_read_file(const char *path, ini_callback *callback, void *context, l2o_error *error);

#endif
