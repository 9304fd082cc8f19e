/* The figure of a comparison: ln f against steps, gradient evaluations and seconds, with 95 % bands and the limit. The
 * costs are of everything, so a curve that needed adaptation or tuning begins where that ended. */
#include <math.h>

#include "base/memory.h"
#include "experiment/compare.h"
#include "io/file.h"
#include "io/plot.h"

enum { PANELS = 3, LONG_RUN = 100 };

static const double MARGIN = 0.05;

typedef struct figure {
    double *steps, *low, *high;  /* [T + 1]; [curves, T + 1] */
    plot_series *series[PANELS]; /* [curves] each */
    plot_line limit;
    plot_panel panels[PANELS];
} figure;

/* With one run there is no interval. */
static void set_series(figure *figure, const l2o_compare_row *row, int index, int64_t stride, bool band) {
    double *low = figure->low + index * stride, *high = figure->high + index * stride;
    for (int64_t t = 0; t < row->points; t++) {
        low[t] = row->mean[t] - row->half[t];
        high[t] = row->mean[t] + row->half[t];
    }
    const double *x[PANELS] = {figure->steps, row->evaluations, row->time};
    for (int p = 0; p < PANELS; p++)
        figure->series[p][index] = (plot_series){.label = row->label,
                                                 .count = (size_t)row->points,
                                                 .x = x[p],
                                                 .mean = row->mean,
                                                 .low = band ? low : NULL,
                                                 .high = band ? high : NULL};
}

/* The range of y: of the data, unless curves that diverge would flatten the others. Then what lies above the start by
 * more than the best lies below it is left to run out of the frame, but for the least point of each curve. */
static plot_axis y_axis(const l2o_comparison *comparison) {
    plot_axis axis = {"ln f, mean over the batch", false, 0, 0};
    double low = INFINITY, high = -INFINITY, start = -INFINITY, worst = -INFINITY;
    for (int i = 0; i < comparison->count; i++) {
        const l2o_compare_row *row = &comparison->results[i].row;
        double least = INFINITY;
        for (int64_t t = 0; t < row->points; t++) {
            if (!isfinite(row->mean[t])) continue;
            if (t > 0) least = fmin(least, row->mean[t]);
            low = fmin(low, row->mean[t]);
            high = fmax(high, row->mean[t]);
        }
        if (isfinite(least)) worst = fmax(worst, least);
        if (!row->is_limit && isfinite(row->mean[0])) start = fmax(start, row->mean[0]);
    }
    double most = fmax(2 * start - low, worst + MARGIN * (start - low));
    if (!(low < start && most < high)) return axis;
    axis.low = low - MARGIN * (most - low);
    axis.high = most;
    return axis;
}

static l2o_status draw(const l2o_comparison *comparison, const char *title, figure *figure, arena *arena, buffer *svg,
                       l2o_error *error) {
    static const char *const labels[PANELS] = {"steps", "gradient evaluations, with preparation",
                                               "seconds, with preparation"};
    int64_t stride = comparison->steps + 1;
    int curves = 0, lines = 0;
    size_t bytes = (size_t)stride * sizeof(double), rows = (size_t)comparison->count;
    figure->steps = arena_allocate(arena, bytes, error);
    figure->low = arena_allocate(arena, rows * bytes, error);
    figure->high = arena_allocate(arena, rows * bytes, error);
    if (figure->steps == NULL || figure->low == NULL || figure->high == NULL) return error->status;
    for (int p = 0; p < PANELS; p++) {
        figure->series[p] = arena_allocate(arena, rows * sizeof(plot_series), error);
        if (figure->series[p] == NULL) return error->status;
    }
    for (int64_t t = 0; t < stride; t++) figure->steps[t] = (double)t;
    for (int i = 0; i < comparison->count; i++) {
        const l2o_compare_row *row = &comparison->results[i].row;
        if (row->is_limit) {
            figure->limit = (plot_line){row->label, row->minimum};
            lines = 1;
        } else {
            set_series(figure, row, curves++, stride, comparison->runs > 1);
        }
    }
    const plot_axis y = y_axis(comparison);
    for (int p = 0; p < PANELS; p++)
        figure->panels[p] = (plot_panel){.x = {labels[p], p > 0 || comparison->steps >= LONG_RUN, 0, 0},
                                         .y = y,
                                         .series = figure->series[p],
                                         .series_count = (size_t)curves,
                                         .lines = &figure->limit,
                                         .line_count = (size_t)lines};
    plot plot = {.title = title, .panels = figure->panels, .panel_count = PANELS, .share_y = true};
    return plot_svg(&plot, svg, error);
}

l2o_status l2o_comparison_plot(l2o_context *context, const l2o_comparison *comparison, const char *title,
                               const char *path) {
    error_clear(&context->error);
    figure figure = {0};
    arena arena = {0};
    buffer svg = {0};
    l2o_status status = draw(comparison, title, &figure, &arena, &svg, &context->error);
    if (status == L2O_OK) status = file_write(path, svg.bytes, svg.size, &context->error);
    buffer_free(&svg);
    arena_free(&arena);
    return status;
}
