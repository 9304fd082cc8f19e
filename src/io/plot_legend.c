/* The legend. Beside a single panel when its labels are short, else below, in columns filled row by row. */
#include "io/plot_legend.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "io/plot_text.h"

static const double font_size = 13.0, row_height = 23.0, sample_width = 34.0, sample_gap = 8.0, column_gap = 24.0;
static const char *const no_data = " (no data)", *const cross_label = "not finite from here on";

static const char *text_or_empty(const char *text) { return text ? text : ""; }

static plot_entry *find(const plot_legend *legend, plot_entry_kind kind, const char *label) {
    for (size_t i = 0; i < legend->count; i++)
        if (legend->entries[i].kind == kind && strcmp(legend->entries[i].label, text_or_empty(label)) == 0)
            return &legend->entries[i];
    return NULL;
}

static plot_entry *find_or_add(plot_legend *legend, plot_entry_kind kind, const char *label, size_t *position) {
    plot_entry *entry = find(legend, kind, label);
    if (entry) return entry;
    entry = &legend->entries[legend->count++];
    *entry = (plot_entry){.label = text_or_empty(label), .kind = kind, .position = (*position)++};
    return entry;
}

static bool has_drawable(const plot_series *series, const plot_panel *panel) {
    for (size_t i = 0; i < series->count; i++)
        if (plot_drawable(series->x[i], panel->x.logarithmic) && plot_drawable(series->mean[i], panel->y.logarithmic))
            return true;
    return false;
}

static void collect(plot_legend *legend, const plot *plot) {
    size_t series_position = 0, line_position = 0, cross_position = 0;
    bool diverges = false;
    for (size_t p = 0; p < plot->panel_count; p++) {
        const plot_panel *panel = &plot->panels[p];
        for (size_t i = 0; i < panel->series_count; i++) {
            const plot_series *series = &panel->series[i];
            plot_entry *entry = find_or_add(legend, PLOT_ENTRY_SERIES, series->label, &series_position);
            if (series->style > 0) entry->position = series->style - 1;
            entry->drawn |= has_drawable(series, panel);
            entry->band |= series->low && series->high;
            diverges |= plot_curve_diverges(series, panel->x.logarithmic, panel->y.logarithmic);
        }
    }
    for (size_t p = 0; p < plot->panel_count; p++) {
        const plot_panel *panel = &plot->panels[p];
        for (size_t i = 0; i < panel->line_count; i++)
            find_or_add(legend, PLOT_ENTRY_LINE, panel->lines[i].label, &line_position)->drawn |=
                plot_drawable(panel->lines[i].value, panel->y.logarithmic);
    }
    if (diverges) find_or_add(legend, PLOT_ENTRY_CROSS, cross_label, &cross_position)->drawn = true;
}

l2o_status plot_legend_make(plot_legend *legend, const plot *plot, double width, double height, l2o_error *error) {
    *legend = (plot_legend){0};
    size_t most = 1;
    for (size_t p = 0; p < plot->panel_count; p++) most += plot->panels[p].series_count + plot->panels[p].line_count;
    legend->entries = memory_allocate(most, sizeof *legend->entries, error);
    if (!legend->entries) return error->status;
    collect(legend, plot);
    if (legend->count == 0) return L2O_OK;

    double longest = 0.0;
    for (size_t i = 0; i < legend->count; i++) {
        double text = plot_text_width(legend->entries[i].label, font_size);
        if (!legend->entries[i].drawn) text += plot_text_width(no_data, font_size);
        longest = fmax(longest, text);
    }
    double entry_width = ceil(sample_width + sample_gap + longest);
    if (plot->panel_count == 1 && entry_width <= 0.27 * width && (double)legend->count * row_height <= height) {
        legend->right = true;
        legend->columns = 1;
        legend->rows = legend->count;
        legend->column_width = entry_width;
    } else {
        legend->columns = (size_t)fmax(1.0, floor((width + column_gap) / (entry_width + column_gap)));
        if (legend->columns > legend->count) legend->columns = legend->count;
        legend->rows = (legend->count + legend->columns - 1) / legend->columns;
        /* As many rows, but columns as even as they get. */
        legend->columns = (legend->count + legend->rows - 1) / legend->rows;
        legend->column_width = fmin(entry_width, width);
    }
    legend->width = (double)legend->columns * (legend->column_width + column_gap) - column_gap;
    legend->height = (double)legend->rows * row_height;
    return L2O_OK;
}

void plot_legend_free(plot_legend *legend) {
    memory_free(legend->entries);
    *legend = (plot_legend){0};
}

static plot_style entry_style(const plot_entry *entry) {
    static const char *const line_dashes[] = {"5 4", "1 4", "9 4 1 4"};
    if (entry->kind == PLOT_ENTRY_SERIES) return plot_style_at(entry->position);
    return (plot_style){"#6b6b6b", line_dashes[entry->position % (sizeof line_dashes / sizeof *line_dashes)]};
}

plot_style plot_legend_series_style(const plot_legend *legend, const char *label) {
    return entry_style(find(legend, PLOT_ENTRY_SERIES, label));
}

plot_style plot_legend_line_style(const plot_legend *legend, const char *label) {
    return entry_style(find(legend, PLOT_ENTRY_LINE, label));
}

static void write_sample(markup_writer *writer, const plot_entry *entry, double x, double y) {
    plot_style style = entry_style(entry);
    if (entry->kind == PLOT_ENTRY_CROSS) {
        plot_curve_cross(writer, x + 0.5 * sample_width, y, "#444444");
        return;
    }
    if (entry->band && entry->drawn)
        markup_write(writer, "<rect x=\"%n\" y=\"%n\" width=\"%n\" height=\"12\" fill=\"%s\" fill-opacity=\"0.16\"/>\n",
                     x, y - 6.0, sample_width, style.colour);
    markup_write(writer, "<path d=\"M%n %nh%n\" stroke=\"%s\" stroke-width=\"%n\" fill=\"none\"", x, y, sample_width,
                 style.colour, entry->kind == PLOT_ENTRY_LINE ? 1.4 : 2.2);
    if (style.dash[0]) markup_write(writer, " stroke-dasharray=\"%s\"", style.dash);
    markup_write(writer, "%s/>\n", entry->drawn ? "" : " stroke-opacity=\"0.4\"");
}

void plot_legend_write(markup_writer *writer, const plot_legend *legend, double left, double top) {
    for (size_t i = 0; i < legend->count; i++) {
        const plot_entry *entry = &legend->entries[i];
        double x = left + (double)(i % legend->columns) * (legend->column_width + column_gap);
        size_t row = i / legend->columns;
        double y = top + ((double)row + 0.5) * row_height;
        write_sample(writer, entry, x, y);
        double text_x = x + sample_width + sample_gap, room = legend->column_width - sample_width - sample_gap;
        plot_font font = {font_size, entry->drawn ? "" : "fill=\"#8a8a8a\""};
        if (entry->drawn) {
            plot_write_text(writer, text_x, y + 0.35 * font_size, PLOT_START, font, room, entry->label);
        } else { /* the remark must survive when the label is cut */
            double remark = plot_text_width(no_data, font_size);
            double text = fmin(plot_text_width(entry->label, font_size), room - remark);
            plot_write_text(writer, text_x, y + 0.35 * font_size, PLOT_START, font, text, entry->label);
            plot_write_text(writer, text_x + text, y + 0.35 * font_size, PLOT_START, font, remark, no_data + 1);
        }
    }
}
