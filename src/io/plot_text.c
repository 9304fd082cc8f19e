/* Text in figures. Fonts are the viewer's, so widths are those of Helvetica with a margin; an exact layout is not
 * attempted. */
#include "io/plot_text.h"

#include <math.h>
#include <stdint.h>

/* In thousandths of the font's size. */
static double character_width(uint32_t character) {
    static const uint16_t ascii[] = {278,  278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
                                     556,  556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
                                     1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
                                     667,  778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
                                     333,  556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
                                     556,  556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584};
    if (character >= 32 && character < 127) return ascii[character - 32];
    if (character >= 0x300 && character < 0x370) return 0.0; /* combining marks */
    if (character == 0x2009) return 200.0;
    return character < 0x1100 || (character >= 0x2000 && character < 0x2e80) ? 600.0 : 1000.0;
}

enum { MARGIN_PERCENT = 106 };

double plot_text_width(const char *text, double size) {
    double width = 0.0;
    while (*text) width += character_width(markup_next_character(&text));
    return width * size / 1000.0 * MARGIN_PERCENT / 100.0;
}

/* How many bytes of `text` fit into `room`, ending with a whole character. */
static size_t bytes_that_fit(const char *text, double size, double room) {
    double width = 0.0;
    const char *position = text;
    while (*position) {
        const char *next = position;
        width += character_width(markup_next_character(&next)) * size / 1000.0 * MARGIN_PERCENT / 100.0;
        if (width > room) break;
        position = next;
    }
    return (size_t)(position - text);
}

void plot_write_text(markup_writer *writer, double x, double y, plot_anchor anchor, plot_font font, double room,
                     const char *text) {
    static const char *const anchors[] = {"start", "middle", "end"};
    const double smallest = 0.8;
    double width = plot_text_width(text, font.size);
    if (width > room) font.size *= fmax(smallest, room / width);
    markup_write(writer, "<text x=\"%n\" y=\"%n\" text-anchor=\"%s\" font-size=\"%n\"%s%s>", x, y, anchors[anchor],
                 font.size, font.attributes[0] ? " " : "", font.attributes);
    if (plot_text_width(text, font.size) > room * 1.001) {
        markup_write_escaped(writer, text, bytes_that_fit(text, font.size, room - font.size));
        markup_write(writer, "\xe2\x80\xa6<title>%t</title>", text);
    } else {
        markup_write(writer, "%t", text);
    }
    markup_write(writer, "</text>\n");
}
