/* Tables of a results file for people: means with their intervals, and a paper's numbers beside or below them. */
#include "results_table.h"

#include <math.h>
#include <stdio.h>

enum { MOST_COLUMNS = 130, CELL_LENGTH = 128 };

/* Decimals that show two significant digits of `number`, within reason; at least `least`. */
static int decimals(double number, int least) {
    int digits = number > 0 ? 1 - (int)floor(log10(number)) : 0;
    return digits < least ? least : digits > 9 ? 9 : digits;
}

static int show_number(char *shown, const json_t *cell, const char *sign) {
    const json_t *half = json_object_get(cell, "half"), *seeds = json_object_get(cell, "seeds_half");
    double value = json_number_value(json_object_get(cell, "mean"));
    if (!json_is_number(half)) return snprintf(shown, CELL_LENGTH, fabs(value) < 1000 ? "%.3g" : "%.5g", value);
    double runs = json_number_value(half), trainings = json_number_value(seeds);
    double wider = runs > trainings ? runs : trainings;
    int shortest = fabs(value) < 100 ? 3 : 1;
    int used =
        snprintf(shown, CELL_LENGTH, "%.*f %s %.*f", decimals(wider, shortest), value, sign, decimals(runs, 2), runs);
    if (json_is_number(seeds))
        used += snprintf(shown + used, CELL_LENGTH - (size_t)used, " %s %.*f", sign, decimals(trainings, 2), trainings);
    return used;
}

static int show_cell(char *shown, const json_t *cell, table_style style) {
    const json_t *text = json_object_get(cell, "text");
    if (json_is_string(text)) return snprintf(shown, CELL_LENGTH, "%.100s", json_string_value(text));
    if (!json_is_number(json_object_get(cell, "mean")))
        return snprintf(shown, CELL_LENGTH, "%s", json_is_object(cell) ? "inf" : "-");
    return show_number(shown, cell, style == TABLE_MARKDOWN ? "±" : "+-");
}

/* A published number, which may be a small one. */
static int show_paper(char *shown, double paper) {
    return snprintf(shown, 32, paper != 0 && fabs(paper) < 0.01 ? "%.2g" : "%.3f", paper);
}

static bool has_paper(const json_t *cells) {
    for (size_t i = 0; i < json_array_size(cells); i++)
        if (json_object_get(json_array_get(cells, i), "paper") != NULL) return true;
    return false;
}

static void add_paper(table *table, const json_t *cells, size_t count) {
    char shown[32];
    table_cell(table, "paper");
    for (size_t i = 0; i < count; i++) {
        const json_t *paper = json_object_get(json_array_get(cells, i), "paper");
        if (json_is_number(paper)) show_paper(shown, json_number_value(paper));
        table_cell(table, "%s", json_is_number(paper) ? shown : "-");
    }
}

static void fill(table *table, const json_t *from, table_style style) {
    const json_t *columns = json_object_get(from, "columns"), *rows = json_object_get(from, "rows");
    const char *headings[MOST_COLUMNS];
    char shown[CELL_LENGTH];
    size_t count = 0;
    headings[count++] = json_string_value(json_object_get(from, "row_header"));
    for (size_t i = 0; i < json_array_size(columns) && count < MOST_COLUMNS; i++)
        headings[count++] = json_string_value(json_array_get(columns, i));
    table_begin(table, count, headings);
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const json_t *row = json_array_get(rows, r), *cells = json_object_get(row, "cells");
        table_cell(table, "%s", json_string_value(json_object_get(row, "label")));
        for (size_t i = 0; i + 1 < count; i++) {
            show_cell(shown, json_array_get(cells, i), style);
            table_cell(table, "%s", shown);
        }
        if (has_paper(cells)) add_paper(table, cells, count - 1);
    }
}

/* With a row for each of its columns, a paper's numbers behind ours in brackets. */
static void fill_turned(table *table, const json_t *from, table_style style) {
    const json_t *columns = json_object_get(from, "columns"), *rows = json_object_get(from, "rows");
    const char *headings[MOST_COLUMNS], *header = json_string_value(json_object_get(from, "row_header"));
    char shown[CELL_LENGTH + 35];
    size_t count = 0;
    headings[count++] = header;
    for (size_t r = 0; r < json_array_size(rows) && count < MOST_COLUMNS; r++)
        headings[count++] = json_string_value(json_object_get(json_array_get(rows, r), "label"));
    table_begin(table, count, headings);
    for (size_t i = 0; i < json_array_size(columns); i++) {
        table_cell(table, "%s", json_string_value(json_array_get(columns, i)));
        for (size_t r = 0; r + 1 < count; r++) {
            const json_t *cell = json_array_get(json_object_get(json_array_get(rows, r), "cells"), i);
            const json_t *paper = json_object_get(cell, "paper");
            char published[32];
            int used = show_cell(shown, cell, style);
            if (json_is_number(paper)) {
                show_paper(published, json_number_value(paper));
                snprintf(shown + used, 35, " (%s)", published);
            }
            table_cell(table, "%s", shown);
        }
    }
}

bool results_table_print(const json_t *from, table_style style) {
    size_t columns = json_array_size(json_object_get(from, "columns"));
    size_t rows = json_array_size(json_object_get(from, "rows"));
    table table = {0};
    if (style == TABLE_MARKDOWN && columns > rows)
        fill_turned(&table, from, style);
    else
        fill(&table, from, style);
    printf(style == TABLE_MARKDOWN ? "**%s**\n\n" : "%s\n\n", json_string_value(json_object_get(from, "title")));
    bool fine = table_print(&table, stdout, style, 0);
    printf("\n");
    table_free(&table);
    return fine;
}
