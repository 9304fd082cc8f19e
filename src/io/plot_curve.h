/* One series of a figure: thinned to what the eye can tell apart, and drawn as a line with its band. */
#ifndef L2O_IO_PLOT_CURVE_H
#define L2O_IO_PLOT_CURVE_H

#include <stdbool.h>
#include <stddef.h>

#include "io/markup.h"
#include "io/plot.h"
#include "io/plot_scale.h"

enum { PLOT_POINTS_MAX = 600 };

typedef struct plot_point {
    size_t index;
    bool gap; /* something that cannot be drawn lies between the point before and this one */
} plot_point;

/* Chooses at most PLOT_POINTS_MAX drawable points, in order: all of them when they are few, else the first, lowest,
 * highest and last of each of 150 equal pieces of the x axis (of the indices, when x does not ascend). */
size_t plot_curve_thin(const plot_series *series, const plot_scale *x, const plot_scale *y,
                       plot_point points[PLOT_POINTS_MAX]);

/* Whether the series ends in NaN or +infinity after some drawable point. */
bool plot_curve_diverges(const plot_series *series, bool logarithmic_x, bool logarithmic_y);

typedef struct plot_style {
    const char *colour;
    const char *dash; /* of stroke-dasharray; "" for a solid line */
} plot_style;

/* The style of the series at `position`; all combinations of the first 42 differ. */
plot_style plot_style_at(size_t position);

typedef struct plot_frame { /* where positions 0 and 1 of the two scales are drawn */
    double left, top, width, height;
    plot_scale x, y;
} plot_frame;

void plot_curve_band(markup_writer *writer, const plot_frame *frame, const plot_series *series, plot_style style);
void plot_curve_line(markup_writer *writer, const plot_frame *frame, const plot_series *series, plot_style style);
/* The cross that closes a curve which stops being finite. */
void plot_curve_cross(markup_writer *writer, double x, double y, const char *colour);

#endif
