/* The figure of time against size: one panel for each kind of size, the model's limit beside what was measured. */
#include <string.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/plot.h"
#include "sweep.h"

enum { PANELS = 3, SERIES = 6 };

static const struct {
    const char *title, *axis;
    const char *sweeps[3]; /* by name */
} layout[PANELS] = {
    {"number of coordinates", "coordinates", {"batch", "dimension", "vector"}},
    {"length of the unroll", "steps T", {"unroll"}},
    {"width of the network", "hidden units of each layer", {"hidden"}},
};
static const struct {
    const char *sweep, *label;
} labels[] = {{"batch", "LASSO, B from 16 to 16000, n = 10"},
              {"dimension", "Rastrigin, n from 10 to 10000, B = 16"},
              {"vector", "one step on a long vector"},
              {"unroll", "LASSO, B = 128, n = 10"},
              {"hidden", "LASSO, B = 128, n = 10"}};

typedef struct curves {
    plot_series series[SERIES];
    double x[SERIES][SWEEP_POINTS], y[SERIES][SWEEP_POINTS];
    size_t count;
} curves;

static const char *label_of(const char *sweep) {
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (strcmp(labels[i].sweep, sweep) == 0) return labels[i].label;
    return sweep;
}

static void add_curve(curves *curves, const sweep *sweep, bool limit) {
    size_t at = curves->count++;
    /* B and n as numbers of coordinates, so that both share an axis. */
    double scale = strcmp(sweep->name, "batch") == 0 ? 10 : strcmp(sweep->name, "dimension") == 0 ? 16 : 1;
    for (int i = 0; i < sweep->count; i++) {
        curves->x[at][i] = scale * sweep->points[i].size;
        curves->y[at][i] = limit ? sweep->points[i].limit : sweep->points[i].time;
    }
    curves->series[at] =
        (plot_series){.label = limit ? strcmp(sweep->name, "vector") == 0 ? "limit of one step" : "limit of an update"
                                     : label_of(sweep->name),
                      .count = (size_t)sweep->count,
                      .x = curves->x[at],
                      .mean = curves->y[at]};
}

/* The curves of one panel; an update's limit once, however many sweeps share it. */
static void add_panel(curves *curves, const sweep *sweeps, int count, int panel) {
    const sweep *limit = NULL;
    for (size_t k = 0; k < sizeof layout[panel].sweeps / sizeof *layout[panel].sweeps; k++)
        for (int i = 0; i < count && layout[panel].sweeps[k] != NULL; i++) {
            if (strcmp(sweeps[i].name, layout[panel].sweeps[k]) != 0) continue;
            add_curve(curves, &sweeps[i], false);
            if (sweeps[i].kind == 'e')
                add_curve(curves, &sweeps[i], true);
            else if (limit == NULL)
                limit = &sweeps[i];
        }
    if (limit != NULL) add_curve(curves, limit, true);
}

l2o_status sweep_figure(const sweep *sweeps, int count, const char *path, l2o_error *error) {
    curves *curves = memory_allocate(PANELS, sizeof *curves, error);
    if (curves == NULL) return error->status;
    plot_panel panels[PANELS];
    for (int k = 0; k < PANELS; k++) {
        add_panel(&curves[k], sweeps, count, k);
        panels[k] = (plot_panel){.title = layout[k].title,
                                 .x = {.label = layout[k].axis, .logarithmic = true},
                                 .y = {.label = "milliseconds", .logarithmic = true},
                                 .series = curves[k].series,
                                 .series_count = curves[k].count};
    }
    plot figure = {.title = "Time against size, one thread", .panels = panels, .panel_count = PANELS};
    buffer svg = {0};
    l2o_status status = plot_svg(&figure, &svg, error);
    if (status == L2O_OK) status = file_write(path, svg.bytes, svg.size, error);
    buffer_free(&svg);
    memory_free(curves);
    return status;
}
