/* Figures of curves as SVG: one or several panels side by side, each with its own axes, sharing one legend.
 *
 * Made for losses against steps, gradient evaluations or time: means with 95 % bands, linear or logarithmic axes,
 * horizontal reference lines. Series with the same label in several panels are one entry of the legend and look the
 * same. Colours are those of Okabe and Ito, which the colour-blind can tell apart, and differ by dash too. The text is
 * a pure function of the figure: no locale, no time, no ids that could clash when figures share a page.
 *
 * What cannot be drawn (NaN, infinities, magnitudes above 1e300, and what is not positive on a logarithmic axis) leaves
 * a gap; a curve that ends in NaN or +infinity is closed by a cross, which the legend explains. */
#ifndef L2O_IO_PLOT_H
#define L2O_IO_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

typedef struct plot_series {
    const char *label;
    size_t count;             /* 0: in the legend only, as "no data" */
    const double *x, *mean;   /* [count] */
    const double *low, *high; /* [count], the band around the mean; both NULL: none */
    size_t style;             /* 0: as many series as came before decide; k: plot_style_at(k - 1) */
} plot_series;

typedef struct plot_line { /* a horizontal reference, such as the limit ln f* */
    const char *label;
    double value;
} plot_line;

typedef struct plot_span { /* a stretch of the x axis that is tinted and named; an upright line where low is high */
    const char *label;     /* NULL or "": none */
    double low, high;
} plot_span;

typedef struct plot_axis {
    const char *label; /* NULL or "": none */
    bool logarithmic;  /* of values as they are: what is a logarithm already belongs on a linear axis */
    double low, high;  /* the range shown; both 0: chosen from the data */
} plot_axis;

typedef struct plot_panel {
    const char *title; /* NULL or "": none */
    plot_axis x, y;
    const plot_series *series;
    size_t series_count;
    const plot_line *lines;
    size_t line_count;
    const plot_span *spans; /* every other one is tinted */
    size_t span_count;
} plot_panel;

typedef struct plot {
    const char *title; /* NULL or "": none */
    const plot_panel *panels;
    size_t panel_count;
    bool share_y;      /* all panels show the same range of y, and only the first names it */
    int width, height; /* 0: 900 x 560 for one panel, 1200 x 520 for several. The height grows with a long legend. */
} plot;

/* Appends the figure, a complete SVG document, to `svg`. */
l2o_status plot_svg(const plot *plot, buffer *svg, l2o_error *error);

#endif
