/* Axes of the figures: from a range of data to positions, and where the ticks go and what they say. */
#ifndef L2O_IO_PLOT_SCALE_H
#define L2O_IO_PLOT_SCALE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct plot_scale {
    bool logarithmic;
    double low, high; /* what the two ends show; logarithms to base 10 when logarithmic */
} plot_scale;

/* Whether a value has a place on a linear or logarithmic axis. */
bool plot_drawable(double value, bool logarithmic);

/* A range of data: starts as {INFINITY, -INFINITY}. */
typedef struct plot_range {
    double low, high;
} plot_range;

void plot_range_include(plot_range *range, double value);
/* A scale for drawable data in `range`, widened at both ends by the share `padding` of its length; an empty range gives
 * 0 to 1 (linear) or 1 to 10. */
plot_scale plot_scale_over(plot_range range, bool logarithmic, double padding);

/* Where a drawable value lies: 0 at the low end, 1 at the high end, outside of [0, 1] when out of range. */
double plot_scale_position(const plot_scale *scale, double value);

typedef struct plot_tick {
    double position;
    bool major;
    char label[44];    /* "" for minor ticks */
    char exponent[16]; /* set raised after the label; "" for none */
} plot_tick;

enum { PLOT_TICKS_MAX = 192 };

typedef struct plot_ticks {
    size_t count;
    plot_tick tick[PLOT_TICKS_MAX];
} plot_ticks;

/* About `target` labelled ticks, at multiples of 1, 2 or 5 times a power of ten; on a logarithmic axis at powers of
 * ten, with minor ticks between, as long as the range holds enough of them. */
void plot_scale_ticks(const plot_scale *scale, int target, plot_ticks *ticks);

#endif
