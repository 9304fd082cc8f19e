/* The lowest layer of the figures: SVG text, numbers in a fixed format, escaping, and estimated widths of text. */
#ifndef L2O_IO_PLOT_WRITER_H
#define L2O_IO_PLOT_WRITER_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* Keeps the first failure, so that a figure can be written without a check after every piece. */
typedef struct plot_writer {
    buffer *out;
    l2o_error *error;
    l2o_status status;
} plot_writer;

/* Copies `format` and replaces each % by the next argument, by its letter: %n a double, rounded to hundredths and
 * written without the locale; %d an int; %s markup as it is; %t text that is escaped. */
void plot_write(plot_writer *writer, const char *format, ...);

typedef enum plot_anchor { PLOT_START, PLOT_MIDDLE, PLOT_END } plot_anchor;

typedef struct plot_font {
    double size;
    const char *attributes; /* further attributes, such as a colour; "" for none */
} plot_font;

/* One line of text with its baseline at (x, y). Wider than `room`, it is set smaller, at last cut with an ellipsis. */
void plot_write_text(plot_writer *writer, double x, double y, plot_anchor anchor, plot_font font, double room,
                     const char *text);

/* The width of `text` in a sans-serif font of `size`, estimated a little wide. */
double plot_text_width(const char *text, double size);

#endif
