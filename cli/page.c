/* Lays a page of help out: as wrapped text for a terminal, or as a manual page in troff. */
#include "page.h"

#include <string.h>

#include "table.h"

enum { WIDTH = 80, INDENT = 2, MEANING_COLUMN = 24 };

static void pad(FILE *stream, size_t width) {
    while (width-- > 0) fputc(' ', stream);
}

/* Words of text[bytes], wrapped; the cursor stands at `column`, further lines start at `indent`. */
static void wrap(FILE *stream, const char *text, size_t bytes, size_t column, size_t indent) {
    bool first = true;
    for (size_t at = 0; at < bytes;) {
        size_t word = strcspn(text + at, " \n");
        if (word > bytes - at) word = bytes - at;
        size_t width = table_text_span(text + at, word);
        if (word > 0) {
            if (!first && column + 1 + width > WIDTH) {
                fputc('\n', stream);
                pad(stream, indent);
                column = indent;
            } else if (!first) {
                fputc(' ', stream);
                column++;
            }
            (void)fwrite(text + at, 1, word, stream);
            column += width;
            first = false;
        }
        at += word + (at + word < bytes);
    }
    fputc('\n', stream);
}

static void roff(FILE *stream, const char *text, size_t bytes) {
    if (bytes > 0 && (text[0] == '.' || text[0] == '\'')) fputs("\\&", stream);
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '\\')
            fputs("\\e", stream);
        else if (text[i] == '-')
            fputs("\\-", stream);
        else if (text[i] == '\'')
            fputs("\\(aq", stream);
        else if (text[i] == '`')
            fputs("\\(ga", stream);
        else
            fputc(text[i], stream);
    }
    fputc('\n', stream);
}

void page_heading(const page *page, const char *text) {
    if (page->style == PAGE_TEXT) {
        fprintf(page->stream, "\n%s:\n", text);
        return;
    }
    fputs(".SH ", page->stream);
    for (const char *at = text; *at != '\0'; at++) fputc(*at >= 'a' && *at <= 'z' ? *at - 32 : *at, page->stream);
    fputc('\n', page->stream);
}

void page_subheading(const page *page, const char *text) {
    if (page->style == PAGE_TEXT)
        fprintf(page->stream, "\n%s:\n", text);
    else
        fprintf(page->stream, ".SS %s\n", text);
}

void page_paragraphs(const page *page, const char *text) {
    while (*text != '\0') {
        size_t bytes = strcspn(text, "\n");
        if (page->style == PAGE_TEXT) {
            wrap(page->stream, text, bytes, 0, 0);
            if (text[bytes] != '\0') fputc('\n', page->stream);
        } else {
            fputs(".PP\n", page->stream);
            roff(page->stream, text, bytes);
        }
        text += bytes + (text[bytes] == '\n');
    }
}

void page_item(const page *page, const char *term, const char *meaning) {
    if (page->style == PAGE_MAN) {
        fputs(".TP\n", page->stream);
        roff(page->stream, term, strlen(term));
        roff(page->stream, meaning, strlen(meaning));
        return;
    }
    pad(page->stream, INDENT);
    fputs(term, page->stream);
    size_t column = INDENT + table_text_width(term);
    if (column + 1 >= MEANING_COLUMN) {
        fputc('\n', page->stream);
        column = 0;
    }
    pad(page->stream, MEANING_COLUMN - column);
    wrap(page->stream, meaning, strlen(meaning), MEANING_COLUMN, MEANING_COLUMN);
}

void page_example(const page *page, const char *lines) {
    if (page->style == PAGE_MAN) fputs(".PP\n.nf\n.RS\n", page->stream);
    while (*lines != '\0') {
        size_t bytes = strcspn(lines, "\n");
        if (page->style == PAGE_TEXT) {
            pad(page->stream, bytes > 0 ? INDENT : 0);
            fprintf(page->stream, "%.*s\n", (int)bytes, lines);
        } else {
            roff(page->stream, lines, bytes);
        }
        lines += bytes + (lines[bytes] == '\n');
    }
    if (page->style == PAGE_MAN) fputs(".RE\n.fi\n", page->stream);
}
