/* Tables: cells are kept as text, row by row, and measured when printed. */
#include "table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const size_t gap = 2, least_text_width = 10;

/* Text of a cell as it may be printed: on one line, without control characters, which might steer a terminal. */
static void clean(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c == '\n' || *c == '\t' || *c == '\r')
            *c = ' ';
        else if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
            *c = '?';
    }
}

static void add_cell(table *table, char *text) {
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 64;
        char **cells = realloc(table->cells, capacity * sizeof *cells);
        if (!cells) {
            free(text);
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->capacity = capacity;
    }
    clean(text);
    table->cells[table->count++] = text;
}

void table_cell(table *table, const char *format, ...) {
    if (table->failed) return;
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (text) {
        vsnprintf(text, (size_t)length + 1, format, again);
        add_cell(table, text);
    } else {
        table->failed = true;
    }
    va_end(again);
}

void table_begin(table *table, size_t columns, const char *const *headings) {
    table->columns = columns;
    for (size_t i = 0; i < columns; i++) table_cell(table, "%s", headings[i]);
}

void table_number(table *table, double value, int digits) {
    if (isnan(value))
        table_cell(table, "-");
    else
        table_cell(table, "%.*g", digits, value);
}

void table_end_row(table *table) {
    while (!table->failed && table->count % table->columns != 0) table_cell(table, "%s", "");
}

void table_free(table *table) {
    for (size_t i = 0; i < table->count; i++) free(table->cells[i]);
    free(table->cells);
    *table = (struct table){0};
}

static bool is_number(const char *text) {
    static const char *const marks[] = {"", "-", "\xe2\x80\x93", "\xe2\x80\x94", "nan", "NaN", "inf", "-inf", "+inf"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strcmp(text, marks[i]) == 0) return true;
    if (strncmp(text, "\xe2\x88\x92", 3) == 0) /* the minus sign */
        text += 3;
    else if (*text == '+' || *text == '-' || *text == '<' || *text == '>')
        text++;
    return (*text >= '0' && *text <= '9') || (*text == '.' && text[1] >= '0' && text[1] <= '9');
}

typedef struct column {
    size_t width;
    bool number;
} column;

static const char *cell(const table *table, size_t row, size_t i) { return table->cells[row * table->columns + i]; }

static size_t longest_word(const char *text) {
    size_t longest = 0;
    while (*text) {
        size_t bytes = strcspn(text, " "), width = table_text_span(text, bytes);
        if (width > longest) longest = width;
        text += bytes;
        text += strspn(text, " ");
    }
    return longest;
}

static size_t total_width(const column *columns, size_t count) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++) total += columns[i].width + (i > 0 ? gap : 0);
    return total;
}

/* Widths as wide as the cells; then headings give way down to their longest word, then text columns, widest first. */
static void measure(const table *table, column *columns, size_t rows, size_t limit) {
    for (size_t i = 0; i < table->columns; i++) {
        columns[i] = (column){.width = table_text_width(cell(table, 0, i)), .number = rows > 1};
        bool empty = true;
        for (size_t row = 1; row < rows; row++) {
            size_t width = table_text_width(cell(table, row, i));
            if (width > columns[i].width) columns[i].width = width;
            columns[i].number &= is_number(cell(table, row, i));
            empty &= cell(table, row, i)[0] == '\0';
        }
        columns[i].number &= !empty;
    }
    for (size_t i = 0; i < table->columns && limit > 0; i++) {
        size_t total = total_width(columns, table->columns), least = longest_word(cell(table, 0, i));
        if (total <= limit) break;
        for (size_t row = 1; row < rows; row++) {
            size_t width = table_text_width(cell(table, row, i));
            if (width > least) least = width;
        }
        size_t wanted = columns[i].width > total - limit ? columns[i].width - (total - limit) : 0;
        columns[i].width = wanted > least ? wanted : least;
    }
    while (limit > 0 && total_width(columns, table->columns) > limit) {
        column *widest = NULL;
        for (size_t i = 0; i < table->columns; i++)
            if (!columns[i].number && columns[i].width > least_text_width &&
                (!widest || columns[i].width > widest->width))
                widest = &columns[i];
        if (!widest) return;
        widest->width--;
    }
    /* Nothing else helps a single column that is wider than everything. */
    for (size_t i = 0; i < table->columns && limit > 0; i++)
        if (columns[i].width > limit) columns[i].width = limit;
}

/* Takes the next line of wrapped text: its bytes, and where the text goes on. */
static size_t next_line(const char **text, size_t width) {
    size_t fit = table_text_fit(*text, width);
    const char *start = *text;
    if (start[fit] == '\0') {
        *text += fit;
        return fit;
    }
    size_t cut = fit;
    while (cut > 0 && start[cut] != ' ') cut--;
    if (cut == 0) cut = fit > 0 ? fit : 1; /* a word longer than the line */
    *text += cut;
    *text += strspn(*text, " ");
    while (cut > 0 && start[cut - 1] == ' ') cut--;
    return cut;
}

static void print_padding(FILE *stream, size_t width) {
    while (width-- > 0) fputc(' ', stream);
}

/* The columns of a block of the table: the first one, and those from `start` to `end`. */
typedef struct block {
    size_t start, end;
} block;

static size_t block_next(const block *block, size_t i) { return i == 0 && block->start > 1 ? block->start : i + 1; }

static void print_row(const table *table, const column *columns, const block *block, size_t row, const char **rest,
                      FILE *stream) {
    for (size_t i = 0; i < block->end; i = block_next(block, i)) rest[i] = cell(table, row, i);
    for (bool more = true; more;) {
        more = false;
        size_t owed = 0; /* blanks are written only when something follows them */
        for (size_t i = 0; i < block->end; i = block_next(block, i)) {
            const char *text = rest[i];
            size_t bytes = next_line(&rest[i], columns[i].width), width = table_text_span(text, bytes);
            size_t padding = columns[i].width > width ? columns[i].width - width : 0;
            if (i > 0) owed += gap;
            if (columns[i].number) owed += padding;
            if (bytes > 0) {
                print_padding(stream, owed);
                owed = 0;
                (void)fwrite(text, 1, bytes, stream);
            }
            if (!columns[i].number)
                owed += padding;
            else if (bytes == 0)
                owed += columns[i].width - padding;
            more |= *rest[i] != '\0';
        }
        fputc('\n', stream);
    }
}

static void print_text(const table *table, const column *columns, size_t rows, size_t limit, const char **rest,
                       FILE *stream) {
    block block = {.start = 1, .end = 1};
    do {
        size_t total = columns[0].width;
        for (block.end = block.start; block.end < table->columns; block.end++) {
            size_t wider = total + gap + columns[block.end].width;
            if (wider > limit && block.end > block.start) break;
            total = wider;
        }
        if (block.start > 1) fputc('\n', stream);
        print_row(table, columns, &block, 0, rest, stream);
        for (size_t i = 0; i < block.end; i = block_next(&block, i)) {
            if (i > 0) print_padding(stream, gap);
            for (size_t k = 0; k < columns[i].width; k++) fputc('-', stream);
        }
        fputc('\n', stream);
        for (size_t row = 1; row < rows; row++) print_row(table, columns, &block, row, rest, stream);
        block.start = block.end;
    } while (block.end < table->columns);
}

/* With a backslash before each bar, which Markdown would take for the end of the cell. */
static size_t markdown_width(const char *text) {
    size_t width = table_text_width(text);
    for (; *text; text++) width += *text == '|';
    return width;
}

static void print_markdown_cell(const char *text, const column *column, FILE *stream) {
    size_t width = markdown_width(text), padding = column->width > width ? column->width - width : 0;
    fputs("| ", stream);
    if (column->number) print_padding(stream, padding);
    for (; *text; text++) {
        if (*text == '|') fputc('\\', stream);
        fputc(*text, stream);
    }
    if (!column->number) print_padding(stream, padding);
    fputc(' ', stream);
}

static void print_markdown(const table *table, column *columns, size_t rows, FILE *stream) {
    for (size_t i = 0; i < table->columns; i++) {
        if (columns[i].width < 3) columns[i].width = 3;
        for (size_t row = 0; row < rows; row++) {
            size_t width = markdown_width(cell(table, row, i));
            if (width > columns[i].width) columns[i].width = width;
        }
    }
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < table->columns; i++) print_markdown_cell(cell(table, row, i), &columns[i], stream);
        fputs("|\n", stream);
        for (size_t i = 0; i < table->columns && row == 0; i++) {
            fputs("| ", stream);
            for (size_t k = 0; k + 1 < columns[i].width; k++) fputc('-', stream);
            fputs(columns[i].number ? ": " : "- ", stream);
        }
        if (row == 0) fputs("|\n", stream);
    }
}

bool table_print(table *table, FILE *stream, table_style style, size_t width) {
    if (table->columns == 0) return !table->failed;
    table_end_row(table);
    if (table->failed) return false;
    size_t rows = table->count / table->columns;
    column *columns = calloc(table->columns, sizeof *columns);
    const char **rest = calloc(table->columns, sizeof *rest);
    bool measured = columns && rest;
    if (measured) {
        if (width == 0) width = TABLE_WIDTH;
        measure(table, columns, rows, style == TABLE_TEXT ? width : 0);
        if (style == TABLE_TEXT)
            print_text(table, columns, rows, width, rest, stream);
        else
            print_markdown(table, columns, rows, stream);
    }
    free(rest);
    free(columns);
    return measured && !ferror(stream);
}
