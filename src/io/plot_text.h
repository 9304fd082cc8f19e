/* Lines of text in figures: estimated widths, and setting smaller or cutting what has no room. */
#ifndef L2O_IO_PLOT_TEXT_H
#define L2O_IO_PLOT_TEXT_H

#include "io/markup.h"

typedef enum plot_anchor { PLOT_START, PLOT_MIDDLE, PLOT_END } plot_anchor;

typedef struct plot_font {
    double size;
    const char *attributes; /* further attributes, such as a colour; "" for none */
} plot_font;

/* One line of text with its baseline at (x, y). Wider than `room`, it is set smaller, at last cut with an ellipsis. */
void plot_write_text(markup_writer *writer, double x, double y, plot_anchor anchor, plot_font font, double room,
                     const char *text);

/* The width of `text` in a sans-serif font of `size`, estimated a little wide. */
double plot_text_width(const char *text, double size);

#endif
