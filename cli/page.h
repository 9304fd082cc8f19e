/* A page of help: headings, wrapped paragraphs, lists of terms, example commands; for the terminal, or as the source of
 * a manual page in man(7) macros. */
#ifndef L2O_CLI_PAGE_H
#define L2O_CLI_PAGE_H

#include <stdio.h>

typedef enum page_style { PAGE_TEXT, PAGE_MAN } page_style;

typedef struct page {
    FILE *stream;
    page_style style;
} page;

void page_heading(const page *page, const char *text);
void page_subheading(const page *page, const char *text);
/* Paragraphs, with a newline between them. */
void page_paragraphs(const page *page, const char *text);
/* A term and what it means. */
void page_item(const page *page, const char *term, const char *meaning);
/* Lines to copy: commands, and comments that begin with '#'. */
void page_example(const page *page, const char *lines);

#endif
