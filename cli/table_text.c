/* How wide UTF-8 text is on a terminal: combining marks take no column, East Asian wide characters and emoji two. An
 * approximation by ranges; the locale and wcwidth() are left alone. */
#include <stdint.h>

#include "table.h"

/* Decodes one character and returns its length in bytes; what is not valid UTF-8 counts byte by byte. */
static size_t decode(const char *text, uint32_t *character) {
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = bytes[0] < 0xc2 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : bytes[0] < 0xf5 ? 4 : 1;
    *character = length == 1 ? bytes[0] : bytes[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            *character = bytes[0];
            return 1;
        }
        *character = *character << 6 | (bytes[i] & 0x3fu);
    }
    return length;
}

static size_t character_width(uint32_t character) {
    static const uint32_t none[][2] = {{0x300, 0x36f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}};
    static const uint32_t twice[][2] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},  {0xac00, 0xd7a3},
                                        {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6},
                                        {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (character >= none[i][0] && character <= none[i][1]) return 0;
    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++)
        if (character >= twice[i][0] && character <= twice[i][1]) return 2;
    return 1;
}

size_t table_text_span(const char *text, size_t bytes) {
    size_t width = 0;
    for (size_t i = 0; i < bytes && text[i];) {
        uint32_t character;
        i += decode(text + i, &character);
        width += character_width(character);
    }
    return width;
}

size_t table_text_width(const char *text) { return table_text_span(text, SIZE_MAX); }

size_t table_text_fit(const char *text, size_t width) {
    size_t used = 0, bytes = 0;
    while (text[bytes]) {
        uint32_t character;
        size_t length = decode(text + bytes, &character);
        used += character_width(character);
        if (used > width) break;
        bytes += length;
    }
    return bytes;
}
