/* The layout of a figure: title, panels side by side, legend. Sizes are in the units of the view box, which are pixels
 * when the figure is shown at its own size. */
#include "io/plot.h"

#include <math.h>

#include "base/memory.h"
#include "io/plot_curve.h"
#include "io/plot_legend.h"
#include "io/plot_scale.h"
#include "io/plot_text.h"

static const double edge = 18.0, panel_gap = 26.0, title_size = 18.0, panel_title_size = 15.0, label_size = 14.0,
                    tick_size = 12.5, exponent_size = 9.5, least_panel_height = 180.0, clip_margin = 5.0;

typedef struct panel_layout {
    plot_frame frame;
    plot_ticks x_ticks, y_ticks;
    double left; /* of the panel with its labels */
} panel_layout;

typedef struct layout {
    double width, height, top, bottom; /* `top` and `bottom` of the frames */
    plot_legend legend;
    panel_layout *panels;
} layout;

static bool has_text(const char *text) { return text && text[0]; }

static l2o_status check_axis(const plot_axis *axis, const char *name, l2o_error *error) {
    if (axis->low == 0.0 && axis->high == 0.0) return L2O_OK;
    if (axis->low < axis->high && plot_drawable(axis->low, axis->logarithmic) &&
        plot_drawable(axis->high, axis->logarithmic))
        return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT,
                     "the %s axis of a figure is to show %g to %g; the range must ascend%s and be finite", name,
                     axis->low, axis->high, axis->logarithmic ? ", be positive" : "");
}

static l2o_status check(const plot *plot, l2o_error *error) {
    if (plot->panel_count == 0) return error_set(error, L2O_ERROR_INPUT, "a figure needs at least one panel");
    for (size_t p = 0; p < plot->panel_count; p++) {
        const plot_panel *panel = &plot->panels[p];
        TRY(check_axis(&panel->x, "x", error));
        TRY(check_axis(&panel->y, "y", error));
        if (plot->share_y && panel->y.logarithmic != plot->panels[0].y.logarithmic)
            return error_set(error, L2O_ERROR_INPUT,
                             "panels that share a y axis must all be linear or all logarithmic");
    }
    return L2O_OK;
}

static plot_scale scale_over(const plot_axis *axis, plot_range range, double padding) {
    if (axis->low < axis->high) return plot_scale_over((plot_range){axis->low, axis->high}, axis->logarithmic, 0.0);
    return plot_scale_over(range, axis->logarithmic, padding);
}

static plot_range x_range(const plot_panel *panel) {
    plot_range range = {INFINITY, -INFINITY};
    for (size_t s = 0; s < panel->series_count; s++) {
        const plot_series *series = &panel->series[s];
        for (size_t i = 0; i < series->count; i++)
            if (plot_drawable(series->x[i], panel->x.logarithmic) &&
                plot_drawable(series->mean[i], panel->y.logarithmic))
                plot_range_include(&range, series->x[i]);
    }
    return range;
}

/* Widens the range by the bands, but by no more than half its length at each end: a band that is out of proportion is
 * clipped rather than left to flatten all curves. */
static void include_bands(const plot_panel *panel, plot_range *range) {
    plot_scale means = plot_scale_over(*range, panel->y.logarithmic, 0.5);
    plot_range limits = {means.low, means.high};
    if (panel->y.logarithmic) limits = (plot_range){pow(10.0, means.low), pow(10.0, means.high)};
    for (size_t s = 0; s < panel->series_count; s++) {
        const plot_series *series = &panel->series[s];
        if (!series->low || !series->high) continue;
        for (size_t i = 0; i < series->count; i++) {
            if (!plot_drawable(series->x[i], panel->x.logarithmic) ||
                !plot_drawable(series->mean[i], panel->y.logarithmic))
                continue;
            if (plot_drawable(series->low[i], panel->y.logarithmic))
                plot_range_include(range, fmax(series->low[i], limits.low));
            if (plot_drawable(series->high[i], panel->y.logarithmic))
                plot_range_include(range, fmin(series->high[i], limits.high));
        }
    }
}

static plot_range y_range(const plot_panel *panel) {
    plot_range range = {INFINITY, -INFINITY};
    for (size_t s = 0; s < panel->series_count; s++) {
        const plot_series *series = &panel->series[s];
        for (size_t i = 0; i < series->count; i++)
            if (plot_drawable(series->x[i], panel->x.logarithmic) &&
                plot_drawable(series->mean[i], panel->y.logarithmic))
                plot_range_include(&range, series->mean[i]);
    }
    for (size_t i = 0; i < panel->line_count; i++)
        if (plot_drawable(panel->lines[i].value, panel->y.logarithmic))
            plot_range_include(&range, panel->lines[i].value);
    if (range.low <= range.high) include_bands(panel, &range);
    return range;
}

static double tick_width(const plot_tick *tick) {
    return plot_text_width(tick->label, tick_size) + plot_text_width(tick->exponent, exponent_size);
}

/* As many labels below the axis as fit without touching. */
static void fit_x_ticks(panel_layout *panel) {
    for (int target = (int)(panel->frame.width / 62.0);; target--) {
        plot_scale_ticks(&panel->frame.x, target, &panel->x_ticks);
        double last_end = -INFINITY;
        bool fits = true;
        for (size_t i = 0; i < panel->x_ticks.count; i++) {
            const plot_tick *tick = &panel->x_ticks.tick[i];
            if (!tick->label[0]) continue;
            double centre = tick->position * panel->frame.width, half = 0.5 * tick_width(tick);
            fits &= centre - half >= last_end + 7.0;
            last_end = centre + half;
        }
        if (fits || target <= 2) return;
    }
}

static void place_panels(layout *layout, const plot *plot) {
    double right = layout->width - edge - (layout->legend.right ? layout->legend.width + 18.0 : 0.0);
    double count = (double)plot->panel_count, height = layout->bottom - layout->top;
    double width = (right - edge - panel_gap * (count - 1.0)) / count;
    plot_range shared = {INFINITY, -INFINITY};
    for (size_t p = 0; plot->share_y && p < plot->panel_count; p++) {
        plot_range range = y_range(&plot->panels[p]);
        shared.low = fmin(shared.low, range.low);
        shared.high = fmax(shared.high, range.high);
    }
    for (size_t p = 0; p < plot->panel_count; p++) {
        const plot_panel *panel = &plot->panels[p];
        panel_layout *place = &layout->panels[p];
        const plot_axis *y_axis = plot->share_y ? &plot->panels[0].y : &panel->y;
        place->frame.x = scale_over(&panel->x, x_range(panel), 0.0);
        place->frame.y = scale_over(y_axis, plot->share_y ? shared : y_range(panel), 0.04);
        plot_scale_ticks(&place->frame.y, (int)(height / 44.0), &place->y_ticks);
        double labels = 0.0;
        for (size_t i = 0; i < place->y_ticks.count; i++) labels = fmax(labels, tick_width(&place->y_ticks.tick[i]));
        bool named = has_text(panel->y.label) && !(plot->share_y && p > 0);
        place->left = edge + (double)p * (width + panel_gap);
        double margin = ceil(labels) + 9.0 + (named ? label_size + 12.0 : 0.0);
        place->frame.left = place->left + margin;
        /* The last label of the x axis may stick out by half its width. */
        place->frame.width = fmax(width - margin - (p + 1 == plot->panel_count ? 12.0 : 0.0), 40.0);
        place->frame.top = layout->top;
        place->frame.height = height;
        fit_x_ticks(place);
    }
}

static void place_rows(layout *layout, const plot *plot, double least_height) {
    bool panel_titles = false, x_labels = false;
    for (size_t p = 0; p < plot->panel_count; p++) {
        panel_titles |= has_text(plot->panels[p].title);
        x_labels |= has_text(plot->panels[p].x.label);
    }
    layout->top =
        edge + (has_text(plot->title) ? title_size + 12.0 : 0.0) + (panel_titles ? panel_title_size + 10.0 : 0.0);
    double below = edge + tick_size + 10.0 + (x_labels ? label_size + 10.0 : 0.0);
    if (layout->legend.count > 0 && !layout->legend.right) below += layout->legend.height + 12.0;
    layout->height = fmax(least_height, layout->top + below + least_panel_height);
    layout->bottom = layout->height - below;
}

static void write_tick_text(markup_writer *writer, double x, double y, plot_anchor anchor, const plot_tick *tick) {
    markup_write(writer, "<text x=\"%n\" y=\"%n\" text-anchor=\"%s\">%t", x, y, anchor == PLOT_END ? "end" : "middle",
                 tick->label);
    if (tick->exponent[0])
        markup_write(writer, "<tspan dy=\"-5\" font-size=\"%n\">%t</tspan>", exponent_size, tick->exponent);
    markup_write(writer, "</text>\n");
}

static void write_axes(markup_writer *writer, const panel_layout *place) {
    const plot_frame *frame = &place->frame;
    double right = frame->left + frame->width, bottom = frame->top + frame->height;
    markup_write(writer, "<g stroke=\"#e3e3e3\" fill=\"none\">\n");
    for (size_t i = 0; i < place->x_ticks.count; i++)
        if (place->x_ticks.tick[i].major)
            markup_write(writer, "<path d=\"M%n %nV%n\"/>\n",
                         frame->left + place->x_ticks.tick[i].position * frame->width, frame->top, bottom);
    for (size_t i = 0; i < place->y_ticks.count; i++)
        if (place->y_ticks.tick[i].major)
            markup_write(writer, "<path d=\"M%n %nH%n\"/>\n", frame->left,
                         bottom - place->y_ticks.tick[i].position * frame->height, right);
    markup_write(writer, "</g>\n<g stroke=\"#555555\" fill=\"none\">\n<path d=\"M%n %nV%nH%n\"/>\n", frame->left,
                 frame->top, bottom, right);
    for (size_t i = 0; i < place->x_ticks.count; i++)
        markup_write(writer, "<path d=\"M%n %nv%n\"/>\n", frame->left + place->x_ticks.tick[i].position * frame->width,
                     bottom, place->x_ticks.tick[i].major ? 5.0 : 3.0);
    for (size_t i = 0; i < place->y_ticks.count; i++)
        markup_write(writer, "<path d=\"M%n %nh%n\"/>\n", frame->left,
                     bottom - place->y_ticks.tick[i].position * frame->height,
                     place->y_ticks.tick[i].major ? -5.0 : -3.0);
    markup_write(writer, "</g>\n<g font-size=\"%n\" fill=\"#333333\">\n", tick_size);
    for (size_t i = 0; i < place->x_ticks.count; i++)
        if (place->x_ticks.tick[i].label[0])
            write_tick_text(writer, frame->left + place->x_ticks.tick[i].position * frame->width,
                            bottom + 8.0 + tick_size, PLOT_MIDDLE, &place->x_ticks.tick[i]);
    for (size_t i = 0; i < place->y_ticks.count; i++)
        if (place->y_ticks.tick[i].label[0])
            write_tick_text(writer, frame->left - 8.0,
                            bottom - place->y_ticks.tick[i].position * frame->height + 0.36 * tick_size, PLOT_END,
                            &place->y_ticks.tick[i]);
    markup_write(writer, "</g>\n");
}

static void write_labels(markup_writer *writer, const plot *plot, size_t p, const panel_layout *place) {
    const plot_panel *panel = &plot->panels[p];
    const plot_frame *frame = &place->frame;
    double middle = frame->left + 0.5 * frame->width, bottom = frame->top + frame->height;
    if (has_text(panel->title))
        plot_write_text(writer, middle, frame->top - 11.0, PLOT_MIDDLE,
                        (plot_font){panel_title_size, "font-weight=\"bold\""}, frame->width + 30.0, panel->title);
    if (has_text(panel->x.label))
        plot_write_text(writer, middle, bottom + tick_size + 14.0 + label_size, PLOT_MIDDLE,
                        (plot_font){label_size, ""}, frame->width + 20.0, panel->x.label);
    if (!has_text(panel->y.label) || (plot->share_y && p > 0)) return;
    markup_write(writer, "<g transform=\"translate(%n %n) rotate(-90)\">\n", place->left + 0.8 * label_size,
                 frame->top + 0.5 * frame->height);
    plot_write_text(writer, 0.0, 0.0, PLOT_MIDDLE, (plot_font){label_size, ""}, frame->height + 20.0, panel->y.label);
    markup_write(writer, "</g>\n");
}

static const char *const span_tint = "#7f8c99";

static void write_spans(markup_writer *writer, const plot_panel *panel, const plot_frame *frame) {
    for (size_t i = 0; i < panel->span_count; i++) {
        const plot_span *span = &panel->spans[i];
        if (!plot_drawable(span->low, panel->x.logarithmic) || !plot_drawable(span->high, panel->x.logarithmic))
            continue;
        double low = fmin(fmax(plot_scale_position(&frame->x, span->low), 0.0), 1.0) * frame->width;
        double high = fmin(fmax(plot_scale_position(&frame->x, span->high), 0.0), 1.0) * frame->width;
        if (span->low >= span->high)
            markup_write(writer, "<path d=\"M%n %nv%n\" stroke=\"%s\" stroke-dasharray=\"2 3\"/>\n", frame->left + low,
                         frame->top, frame->height, span_tint);
        else if (i % 2 == 1)
            markup_write(writer,
                         "<rect x=\"%n\" y=\"%n\" width=\"%n\" height=\"%n\" fill=\"%s\" fill-opacity=\"0.1\"/>\n",
                         frame->left + low, frame->top, high - low, frame->height, span_tint);
        if (has_text(span->label) && high - low > 4.0 * tick_size)
            plot_write_text(writer, frame->left + 0.5 * (low + high), frame->top + 1.1 * tick_size, PLOT_MIDDLE,
                            (plot_font){tick_size, "fill=\"#6b6b6b\""}, high - low - 4.0, span->label);
    }
}

static void write_data(markup_writer *writer, const plot_panel *panel, const panel_layout *place,
                       const plot_legend *legend) {
    const plot_frame *frame = &place->frame;
    /* An svg inside the svg clips to its box; a clip path would need an id, unique on whatever page this lands on. */
    markup_write(writer, "<svg x=\"%n\" y=\"%n\" width=\"%n\" height=\"%n\">\n", frame->left - clip_margin,
                 frame->top - clip_margin, frame->width + 2.0 * clip_margin, frame->height + 2.0 * clip_margin);
    plot_frame inner = *frame;
    inner.left = inner.top = clip_margin;
    write_spans(writer, panel, &inner);
    bool drawn = false;
    for (size_t i = 0; i < panel->line_count; i++) {
        const plot_line *line = &panel->lines[i];
        if (!plot_drawable(line->value, panel->y.logarithmic)) continue;
        double y = inner.top + (1.0 - plot_scale_position(&inner.y, line->value)) * inner.height;
        markup_write(writer,
                     "<path d=\"M%n %nh%n\" stroke=\"#6b6b6b\" stroke-width=\"1.4\" stroke-dasharray=\"%s\"/>\n",
                     inner.left, y, inner.width, plot_legend_line_style(legend, line->label).dash);
        drawn = true;
    }
    for (size_t i = 0; i < panel->series_count; i++)
        plot_curve_band(writer, &inner, &panel->series[i], plot_legend_series_style(legend, panel->series[i].label));
    for (size_t i = 0; i < panel->series_count; i++)
        plot_curve_line(writer, &inner, &panel->series[i], plot_legend_series_style(legend, panel->series[i].label));
    markup_write(writer, "</svg>\n");
    plot_range range = x_range(panel);
    if (drawn || range.low <= range.high) return;
    plot_write_text(writer, frame->left + 0.5 * frame->width, frame->top + 0.5 * frame->height, PLOT_MIDDLE,
                    (plot_font){label_size, "fill=\"#8a8a8a\""}, frame->width, "no finite data");
}

static void write_figure(markup_writer *writer, const plot *plot, const layout *layout) {
    markup_write(
        writer,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %n %n\" width=\"%n\" height=\"%n\" role=\"img\" "
        "font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\" fill=\"#222222\">\n",
        layout->width, layout->height, layout->width, layout->height);
    if (has_text(plot->title)) markup_write(writer, "<title>%t</title>\n", plot->title);
    markup_write(writer, "<rect width=\"%n\" height=\"%n\" fill=\"#ffffff\"/>\n", layout->width, layout->height);
    if (has_text(plot->title))
        plot_write_text(writer, 0.5 * layout->width, edge + 0.8 * title_size, PLOT_MIDDLE,
                        (plot_font){title_size, "font-weight=\"bold\""}, (layout->width - 2.0 * edge) / 1.07,
                        plot->title);
    for (size_t p = 0; p < plot->panel_count; p++) {
        write_axes(writer, &layout->panels[p]);
        write_data(writer, &plot->panels[p], &layout->panels[p], &layout->legend);
        write_labels(writer, plot, p, &layout->panels[p]);
    }
    const plot_legend *legend = &layout->legend;
    if (legend->right)
        plot_legend_write(writer, legend, layout->width - edge - legend->width, layout->top);
    else
        plot_legend_write(writer, legend, 0.5 * (layout->width - legend->width),
                          layout->height - edge - legend->height + 4.0);
    markup_write(writer, "</svg>\n");
}

l2o_status plot_svg(const plot *plot, buffer *svg, l2o_error *error) {
    TRY(check(plot, error));
    layout layout = {.width = plot->width > 0 ? plot->width : plot->panel_count == 1 ? 900.0 : 1200.0};
    double height = plot->height > 0 ? plot->height : plot->panel_count == 1 ? 560.0 : 520.0;
    markup_writer writer = {.out = svg, .error = error, .status = L2O_OK};
    layout.panels = memory_allocate(plot->panel_count, sizeof *layout.panels, error);
    l2o_status status = layout.panels ? L2O_OK : error->status;
    if (status == L2O_OK)
        status = plot_legend_make(&layout.legend, plot, layout.width - 2.0 * edge, height - 120.0, error);
    if (status == L2O_OK) {
        place_rows(&layout, plot, height);
        place_panels(&layout, plot);
        write_figure(&writer, plot, &layout);
        status = writer.status;
    }
    plot_legend_free(&layout.legend);
    memory_free(layout.panels);
    return status;
}
