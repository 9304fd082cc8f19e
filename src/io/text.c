/* Lines, words and numbers of text files. Numbers are recognised here by a strict grammar and only then handed to
 * strtod, whose idea of a number depends on the C library and whose decimal point depends on the locale. */
#include "io/text.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_LIMIT = 400, EXCERPT = 40 };

text_lines text_lines_of(const char *bytes, size_t size) {
    bool marked = size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0;
    return (text_lines){size == 0 ? bytes : bytes + (marked ? 3 : 0), size == 0 ? bytes : bytes + size, 0};
}

bool text_next_line(text_lines *lines, text_piece *line) {
    if (lines->at == lines->end) return false;
    const char *newline = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    const char *stop = newline == NULL ? lines->end : newline;
    *line = (text_piece){lines->at, (size_t)(stop - lines->at)};
    if (line->length > 0 && line->start[line->length - 1] == '\r') line->length--;
    lines->at = newline == NULL ? lines->end : newline + 1;
    lines->number++;
    return true;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

bool text_next_word(text_piece *rest, text_piece *word) {
    size_t start = 0;
    while (start < rest->length && is_blank(rest->start[start])) start++;
    size_t stop = start;
    while (stop < rest->length && !is_blank(rest->start[stop])) stop++;
    *word = (text_piece){rest->start + start, stop - start};
    *rest = (text_piece){rest->start + stop, rest->length - stop};
    return word->length > 0;
}

text_piece text_trim(text_piece piece) {
    while (piece.length > 0 && is_blank(piece.start[0])) piece = (text_piece){piece.start + 1, piece.length - 1};
    while (piece.length > 0 && is_blank(piece.start[piece.length - 1])) piece.length--;
    return piece;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

bool text_equals(text_piece piece, const char *word) {
    if (piece.length != strlen(word)) return false;
    for (size_t i = 0; i < piece.length; i++)
        if (lower(piece.start[i]) != lower(word[i])) return false;
    return true;
}

static size_t skip_digits(text_piece piece, size_t at) {
    while (at < piece.length && piece.start[at] >= '0' && piece.start[at] <= '9') at++;
    return at;
}

/* [digits] [. digits] [e [sign] digits], at least one digit before the exponent; `point` is where the point stands. */
static bool is_decimal(text_piece piece, size_t *point) {
    size_t at = skip_digits(piece, 0), digits = at;
    *point = piece.length;
    if (at < piece.length && piece.start[at] == '.') {
        *point = at;
        size_t after = skip_digits(piece, at + 1);
        digits += after - at - 1;
        at = after;
    }
    if (digits == 0) return false;
    if (at < piece.length && (piece.start[at] == 'e' || piece.start[at] == 'E')) {
        at++;
        if (at < piece.length && (piece.start[at] == '-' || piece.start[at] == '+')) at++;
        size_t after = skip_digits(piece, at);
        if (after == at) return false;
        at = after;
    }
    return at == piece.length;
}

bool text_number(text_piece piece, double *value) {
    bool negative = piece.length > 0 && piece.start[0] == '-';
    if (negative || (piece.length > 0 && piece.start[0] == '+'))
        piece = (text_piece){piece.start + 1, piece.length - 1};
    size_t point;
    char copy[NUMBER_LIMIT + 16];
    if (text_equals(piece, "nan")) {
        *value = (double)NAN;
    } else if (text_equals(piece, "inf") || text_equals(piece, "infinity")) {
        *value = (double)INFINITY;
    } else if (piece.length <= NUMBER_LIMIT && is_decimal(piece, &point)) {
        const char *decimal_point = localeconv()->decimal_point;
        size_t width = strlen(decimal_point), head = point;
        if (width > 8) return false;
        memcpy(copy, piece.start, head);
        size_t length = head;
        if (point < piece.length) {
            memcpy(copy + head, decimal_point, width);
            memcpy(copy + head + width, piece.start + point + 1, piece.length - point - 1);
            length = piece.length - 1 + width;
        }
        copy[length] = '\0';
        *value = strtod(copy, NULL);
    } else {
        return false;
    }
    if (negative) *value = -*value;
    return true;
}

bool text_integer(text_piece piece, int64_t *value) {
    bool negative = piece.length > 0 && piece.start[0] == '-';
    size_t at = negative || (piece.length > 0 && piece.start[0] == '+') ? 1 : 0;
    if (at == piece.length || skip_digits(piece, at) != piece.length) return false;
    int64_t sum = 0;
    for (; at < piece.length; at++) {
        int digit = piece.start[at] - '0';
        if (sum > (INT64_MAX - digit) / 10) return false;
        sum = 10 * sum + digit;
    }
    *value = negative ? -sum : sum;
    return true;
}

text_excerpt text_quote(text_piece piece) {
    text_excerpt excerpt = {{0}};
    size_t shown = piece.length > EXCERPT ? EXCERPT : piece.length;
    for (size_t i = 0; i < shown; i++) excerpt.text[i] = isprint((unsigned char)piece.start[i]) ? piece.start[i] : '?';
    if (piece.length > EXCERPT) memcpy(excerpt.text + shown, "...", 3);
    return excerpt;
}
