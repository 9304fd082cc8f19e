/* Drawing one series. Coordinates far outside of the frame are drawn at its surroundings: viewers clip them, but do not
 * all survive coordinates of any size. */
#include "io/plot_curve.h"

#include <math.h>

enum { PIECES = PLOT_POINTS_MAX / 4 };

plot_style plot_style_at(size_t position) {
    static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#222222", "#e69f00", "#56b4e9"};
    static const char *const dashes[] = {"", "8 4", "2 3", "10 3 2 3", "16 4", "10 3 2 3 2 3"};
    return (plot_style){colours[position % (sizeof colours / sizeof *colours)],
                        dashes[position % (sizeof dashes / sizeof *dashes)]};
}

typedef struct candidate {
    size_t index, gaps; /* how many points before it could not be drawn */
} candidate;

static bool is_drawable(const plot_series *series, size_t i, bool logarithmic_x, bool logarithmic_y) {
    return plot_drawable(series->x[i], logarithmic_x) && plot_drawable(series->mean[i], logarithmic_y);
}

static size_t emit(plot_point *points, size_t count, candidate chosen, candidate *last) {
    if (count > 0 && chosen.index == last->index) return count;
    points[count] = (plot_point){.index = chosen.index, .gap = count > 0 && chosen.gaps != last->gaps};
    *last = chosen;
    return count + 1;
}

/* The first, lowest, highest and last point of a piece, in the order of their indices. */
static size_t emit_piece(plot_point *points, size_t count, const candidate piece[4], candidate *last) {
    bool lowest_first = piece[1].index < piece[2].index;
    count = emit(points, count, piece[0], last);
    count = emit(points, count, piece[lowest_first ? 1 : 2], last);
    count = emit(points, count, piece[lowest_first ? 2 : 1], last);
    return emit(points, count, piece[3], last);
}

static bool ascends(const plot_series *series) {
    double last = -INFINITY;
    for (size_t i = 0; i < series->count; i++) {
        if (isnan(series->x[i])) continue;
        if (series->x[i] < last) return false;
        last = series->x[i];
    }
    return true;
}

size_t plot_curve_thin(const plot_series *series, const plot_scale *x, const plot_scale *y,
                       plot_point points[PLOT_POINTS_MAX]) {
    bool all = series->count <= PLOT_POINTS_MAX, by_position = !all && ascends(series);
    size_t count = 0, gaps = 0, present = 0;
    bool open = false;
    candidate piece[4], last = {0};
    for (size_t i = 0; i < series->count; i++) {
        if (!is_drawable(series, i, x->logarithmic, y->logarithmic)) {
            gaps++;
            continue;
        }
        candidate here = {.index = i, .gaps = gaps};
        if (all) {
            count = emit(points, count, here, &last);
            continue;
        }
        double share = by_position ? plot_scale_position(x, series->x[i]) : (double)i / (double)series->count;
        size_t number = (size_t)fmin(fmax(share * PIECES, 0.0), PIECES - 1);
        if (!open || number != present) {
            if (open) count = emit_piece(points, count, piece, &last);
            for (int k = 0; k < 4; k++) piece[k] = here;
            open = true;
            present = number;
        }
        if (series->mean[i] < series->mean[piece[1].index]) piece[1] = here;
        if (series->mean[i] > series->mean[piece[2].index]) piece[2] = here;
        piece[3] = here;
    }
    return open ? emit_piece(points, count, piece, &last) : count;
}

bool plot_curve_diverges(const plot_series *series, bool logarithmic_x, bool logarithmic_y) {
    if (series->count == 0) return false;
    double end = series->mean[series->count - 1];
    if (!isnan(end) && !(isinf(end) && end > 0.0)) return false;
    for (size_t i = 0; i < series->count; i++)
        if (is_drawable(series, i, logarithmic_x, logarithmic_y)) return true;
    return false;
}

static double place_x(const plot_frame *frame, double value) {
    return frame->left + fmin(fmax(plot_scale_position(&frame->x, value), -2.0), 3.0) * frame->width;
}

static double place_y(const plot_frame *frame, double value) {
    /* On a logarithmic axis a band may reach down to zero or below, which is further down than any frame. */
    double position = frame->y.logarithmic && value <= 0.0 ? -INFINITY : plot_scale_position(&frame->y, value);
    return frame->top + (1.0 - fmin(fmax(position, -2.0), 3.0)) * frame->height;
}

static bool band_at(const plot_series *series, size_t i) {
    return isfinite(series->low[i]) && isfinite(series->high[i]);
}

void plot_curve_band(markup_writer *writer, const plot_frame *frame, const plot_series *series, plot_style style) {
    if (!series->low || !series->high) return;
    plot_point points[PLOT_POINTS_MAX];
    size_t count = plot_curve_thin(series, &frame->x, &frame->y, points);
    for (size_t start = 0, end; start < count; start = end) {
        end = start + 1;
        if (!band_at(series, points[start].index)) continue;
        while (end < count && !points[end].gap && band_at(series, points[end].index)) end++;
        if (end == start + 1) { /* a single point: its interval as a bar */
            size_t i = points[start].index;
            double x = place_x(frame, series->x[i]);
            markup_write(writer, "<path d=\"M%n %nV%n\" stroke=\"%s\" stroke-width=\"6\" stroke-opacity=\"0.3\"/>\n", x,
                         place_y(frame, series->low[i]), place_y(frame, series->high[i]), style.colour);
            continue;
        }
        markup_write(writer, "<path d=\"");
        for (size_t k = start; k < end; k++)
            markup_write(writer, "%s%n %n", k == start ? "M" : "L", place_x(frame, series->x[points[k].index]),
                         place_y(frame, series->high[points[k].index]));
        for (size_t k = end; k-- > start;)
            markup_write(writer, "L%n %n", place_x(frame, series->x[points[k].index]),
                         place_y(frame, series->low[points[k].index]));
        markup_write(writer, "Z\" fill=\"%s\" fill-opacity=\"0.16\"/>\n", style.colour);
    }
}

void plot_curve_cross(markup_writer *writer, double x, double y, const char *colour) {
    markup_write(writer, "<path d=\"M%n %nl9 9m0 -9l-9 9\" stroke=\"%s\" stroke-width=\"2.2\" fill=\"none\"/>\n",
                 x - 4.5, y - 4.5, colour);
}

void plot_curve_line(markup_writer *writer, const plot_frame *frame, const plot_series *series, plot_style style) {
    plot_point points[PLOT_POINTS_MAX];
    size_t count = plot_curve_thin(series, &frame->x, &frame->y, points);
    if (count == 0) return;
    markup_write(writer, "<g stroke=\"%s\" fill=\"%s\">\n", style.colour, style.colour);
    for (size_t start = 0, end; start < count; start = end) {
        end = start + 1;
        while (end < count && !points[end].gap) end++;
        if (end == start + 1) {
            markup_write(writer, "<circle cx=\"%n\" cy=\"%n\" r=\"3.5\" stroke=\"none\"/>\n",
                         place_x(frame, series->x[points[start].index]),
                         place_y(frame, series->mean[points[start].index]));
            continue;
        }
        markup_write(writer, "<path d=\"");
        for (size_t k = start; k < end; k++)
            markup_write(writer, "%s%n %n", k == start ? "M" : "L", place_x(frame, series->x[points[k].index]),
                         place_y(frame, series->mean[points[k].index]));
        markup_write(writer, "\" fill=\"none\" stroke-width=\"2.2\" stroke-linejoin=\"round\"");
        if (style.dash[0]) markup_write(writer, " stroke-dasharray=\"%s\"", style.dash);
        markup_write(writer, "/>\n");
    }
    markup_write(writer, "</g>\n");
    if (!plot_curve_diverges(series, frame->x.logarithmic, frame->y.logarithmic)) return;
    size_t last = points[count - 1].index;
    plot_curve_cross(writer, place_x(frame, series->x[last]), place_y(frame, series->mean[last]), style.colour);
}
