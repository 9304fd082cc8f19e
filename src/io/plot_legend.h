/* The legend of a figure: one entry per label over all panels, laid out outside of the data. */
#ifndef L2O_IO_PLOT_LEGEND_H
#define L2O_IO_PLOT_LEGEND_H

#include <stdbool.h>
#include <stddef.h>

#include "io/markup.h"
#include "io/plot.h"
#include "io/plot_curve.h"

typedef enum plot_entry_kind { PLOT_ENTRY_SERIES, PLOT_ENTRY_LINE, PLOT_ENTRY_CROSS } plot_entry_kind;

typedef struct plot_entry {
    const char *label;
    plot_entry_kind kind;
    size_t position; /* among the entries of its kind: decides the style */
    bool drawn, band;
} plot_entry;

typedef struct plot_legend {
    plot_entry *entries;
    size_t count;
    bool right;           /* beside the panel, else below */
    size_t columns, rows; /* when below */
    double column_width, width, height;
} plot_legend;

/* Collects the entries and decides where they go in a figure of `width`, whose panel leaves `height` beside it.
 * Release with plot_legend_free(). */
l2o_status plot_legend_make(plot_legend *legend, const plot *plot, double width, double height, l2o_error *error);
void plot_legend_free(plot_legend *legend);

/* The styles of a label; it must be in the figure. */
plot_style plot_legend_series_style(const plot_legend *legend, const char *label);
plot_style plot_legend_line_style(const plot_legend *legend, const char *label);

void plot_legend_write(markup_writer *writer, const plot_legend *legend, double left, double top);

#endif
