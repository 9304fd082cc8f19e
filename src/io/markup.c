/* Writing SVG and HTML piece by piece. */
#include "io/markup.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

static void write_bytes(markup_writer *writer, const char *bytes, size_t size) {
    if (writer->status == L2O_OK) writer->status = buffer_append(writer->out, bytes, size, writer->error);
}

static void write_integer(markup_writer *writer, int64_t value) {
    char digits[24], *end = digits + sizeof digits, *start = end;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do *--start = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (value < 0) *--start = '-';
    write_bytes(writer, start, (size_t)(end - start));
}

static void write_number(markup_writer *writer, double value) {
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

uint32_t markup_next_character(const char **text) {
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

void markup_write_escaped(markup_writer *writer, const char *text, size_t size) {
    for (const char *end = text + size; text < end;) {
        const char *start = text;
        uint32_t character = markup_next_character(&text);
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

void markup_write(markup_writer *writer, const char *format, ...) {
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
            markup_write_escaped(writer, text, strlen(text));
            break;
        default: break;
        }
        format += 2;
    }
    va_end(arguments);
}
