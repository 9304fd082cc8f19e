/* Markup, piece by piece: what SVG figures and HTML pages are written with. Escaping, and numbers without the locale.
 */
#ifndef L2O_IO_MARKUP_H
#define L2O_IO_MARKUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

/* Keeps the first failure, so that a document can be written without a check after every piece. */
typedef struct markup_writer {
    buffer *out;
    l2o_error *error;
    l2o_status status;
} markup_writer;

/* Copies `format` and replaces each % by the next argument, by its letter: %n a double, rounded to hundredths and
 * written without the locale; %d an int; %s markup as it is; %t text that is escaped, fit for attributes too. */
void markup_write(markup_writer *writer, const char *format, ...);
/* The first `size` bytes of `text`, escaped. */
void markup_write_escaped(markup_writer *writer, const char *text, size_t size);
/* The next code point of UTF-8 text; what is not valid UTF-8 counts byte by byte as U+FFFD. */
uint32_t markup_next_character(const char **text);

#endif
