/* SVG text. Fonts are the viewer's, so widths are those of Helvetica with a margin; an exact layout is not attempted.
 */
#include "io/plot_writer.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static void write_bytes(plot_writer *writer, const char *bytes, size_t size) {
    if (writer->status == L2O_OK) writer->status = buffer_append(writer->out, bytes, size, writer->error);
}

static void write_integer(plot_writer *writer, int64_t value) {
    char digits[24], *end = digits + sizeof digits, *start = end;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do *--start = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (value < 0) *--start = '-';
    write_bytes(writer, start, (size_t)(end - start));
}

static void write_number(plot_writer *writer, double value) {
    int64_t hundredths = llround(fmin(fmax(value, -1e9), 1e9) * 100.0);
    int64_t whole = hundredths / 100, rest = hundredths % 100;
    if (hundredths < 0) {
        write_bytes(writer, "-", 1);
        whole = -whole;
        rest = -rest;
    }
    write_integer(writer, whole);
    if (rest == 0) return;
    const char digits[3] = {'.', (char)('0' + rest / 10), (char)('0' + rest % 10)};
    write_bytes(writer, digits, rest % 10 ? 3 : 2);
}

/* The next code point of UTF-8 text; what is not valid UTF-8 counts byte by byte as U+FFFD. */
static uint32_t next_character(const char **text) {
    const unsigned char *bytes = (const unsigned char *)*text;
    size_t length = bytes[0] < 0x80 ? 1 : bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    uint32_t character = length == 1 ? bytes[0] : bytes[0] & (0xffu >> (length + 1));
    bool valid = bytes[0] < 0x80 || (bytes[0] >= 0xc2 && bytes[0] <= 0xf4);
    for (size_t i = 1; valid && i < length; i++) {
        valid = (bytes[i] & 0xc0) == 0x80;
        character = character << 6 | (bytes[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (!valid || character < least[length] || character > 0x10ffff || (character >= 0xd800 && character < 0xe000)) {
        *text += 1;
        return 0xfffd;
    }
    *text += length;
    return character;
}

static void write_escaped(plot_writer *writer, const char *text, size_t size) {
    for (const char *end = text + size; text < end;) {
        const char *start = text;
        uint32_t character = next_character(&text);
        switch (character) {
        case '&': write_bytes(writer, "&amp;", 5); break;
        case '<': write_bytes(writer, "&lt;", 4); break;
        case '>': write_bytes(writer, "&gt;", 4); break;
        case '"': write_bytes(writer, "&quot;", 6); break;
        case '\'': write_bytes(writer, "&#39;", 5); break;
        case '\t':
        case '\n':
        case '\r': write_bytes(writer, " ", 1); break;
        default:
            /* XML has no place for the other control characters and the two noncharacters. */
            if (character < 0x20 || character == 0x7f || (character >= 0xfffd && character <= 0xffff))
                write_bytes(writer, "\xef\xbf\xbd", 3);
            else
                write_bytes(writer, start, (size_t)(text - start));
        }
    }
}

void plot_write(plot_writer *writer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    while (*format) {
        size_t plain = strcspn(format, "%");
        write_bytes(writer, format, plain);
        format += plain;
        if (*format == '\0') break;
        const char *text;
        switch (format[1]) {
        case 'n': write_number(writer, va_arg(arguments, double)); break;
        case 'd': write_integer(writer, va_arg(arguments, int)); break;
        case 's':
            text = va_arg(arguments, const char *);
            write_bytes(writer, text, strlen(text));
            break;
        case 't':
            text = va_arg(arguments, const char *);
            write_escaped(writer, text, strlen(text));
            break;
        default: break;
        }
        format += 2;
    }
    va_end(arguments);
}

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
    while (*text) width += character_width(next_character(&text));
    return width * size / 1000.0 * MARGIN_PERCENT / 100.0;
}

/* How many bytes of `text` fit into `room`, ending with a whole character. */
static size_t bytes_that_fit(const char *text, double size, double room) {
    double width = 0.0;
    const char *position = text;
    while (*position) {
        const char *next = position;
        width += character_width(next_character(&next)) * size / 1000.0 * MARGIN_PERCENT / 100.0;
        if (width > room) break;
        position = next;
    }
    return (size_t)(position - text);
}

void plot_write_text(plot_writer *writer, double x, double y, plot_anchor anchor, plot_font font, double room,
                     const char *text) {
    static const char *const anchors[] = {"start", "middle", "end"};
    const double smallest = 0.8;
    double width = plot_text_width(text, font.size);
    if (width > room) font.size *= fmax(smallest, room / width);
    plot_write(writer, "<text x=\"%n\" y=\"%n\" text-anchor=\"%s\" font-size=\"%n\"%s%s>", x, y, anchors[anchor],
               font.size, font.attributes[0] ? " " : "", font.attributes);
    if (plot_text_width(text, font.size) > room * 1.001) {
        write_escaped(writer, text, bytes_that_fit(text, font.size, room - font.size));
        plot_write(writer, "\xe2\x80\xa6<title>%t</title>", text);
    } else {
        plot_write(writer, "%t", text);
    }
    plot_write(writer, "</text>\n");
}
