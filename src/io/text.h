/* Text files of numbers, line by line: what the csv, Matrix Market and libsvm readers share. Independent of the locale.
 */
#ifndef L2O_IO_TEXT_H
#define L2O_IO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A piece of a text that is not NUL-terminated. */
typedef struct text_piece {
    const char *start;
    size_t length;
} text_piece;

typedef struct text_lines {
    const char *at, *end;
    int64_t number; /* of the line last returned, from 1 */
} text_lines;

/* Skips a UTF-8 byte order mark. */
text_lines text_lines_of(const char *bytes, size_t size);
/* The next line without its end ("\n" or "\r\n"); false when there are no more. */
bool text_next_line(text_lines *lines, text_piece *line);
/* Takes the next word between blanks (space, tab, carriage return) off the front of `rest`; false when only blanks
 * remain. */
bool text_next_word(text_piece *rest, text_piece *word);
text_piece text_trim(text_piece piece);
bool text_equals(text_piece piece, const char *word); /* ignoring the case of ASCII letters */

/* The whole piece as a decimal number ("-1.5e-3", also "nan", "inf", "infinity"); numbers too large become infinite. */
bool text_number(text_piece piece, double *value);
/* The whole piece as a decimal whole number that fits. */
bool text_integer(text_piece piece, int64_t *value);

/* A piece for an error message: at most 40 characters are shown, unprintable ones as '?'. */
typedef struct text_excerpt {
    char text[44];
} text_excerpt;
text_excerpt text_quote(text_piece piece);

#endif
