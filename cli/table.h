/* Tables for people: columns of text and numbers, aligned, on a terminal or as Markdown.
 *
 * A column whose cells are all numbers (or marks for a missing one, such as "-" or "nan") is set flush right. Width
 * counts characters as a terminal shows them, not bytes. A table that is too wide first wraps its headings and its text
 * at blanks, and if that is not enough continues its columns below, repeating the first. Control characters are shown
 * as '?', so that text from a file cannot steer the terminal. */
#ifndef L2O_CLI_TABLE_H
#define L2O_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef enum table_style { TABLE_TEXT, TABLE_MARKDOWN } table_style;

typedef struct table { /* zero-initialise */
    size_t columns, count, capacity;
    char **cells; /* [count], row by row; the first row holds the headings */
    bool failed;  /* out of memory at some point: nothing is printed */
} table;

enum { TABLE_WIDTH = 100 };

/* Starts a table by its headings. The fill of the table needs no checks: a failure shows in table_print(). */
void table_begin(table *table, size_t columns, const char *const *headings);
/* The next cell, from left to right and row by row. */
void table_cell(table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A number with `digits` significant digits; "-" when it is NaN. */
void table_number(table *table, double value, int digits);
/* Fills the rest of the present row with empty cells. */
void table_end_row(table *table);

/* Prints the table no wider than `width` characters (0: TABLE_WIDTH; Markdown has no limit). False when memory ran out
 * or the stream could not be written. */
bool table_print(table *table, FILE *stream, table_style style, size_t width);
void table_free(table *table);

/* How many columns of a terminal UTF-8 text takes. */
size_t table_text_width(const char *text);
/* The same of its first `bytes` bytes. */
size_t table_text_span(const char *text, size_t bytes);
/* How many bytes of `text` fit into `width` columns. */
size_t table_text_fit(const char *text, size_t width);

#endif
