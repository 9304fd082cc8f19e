/* The picture of a training, made from its log: loss of the draws (mean and 95 % band over groups of successive draws)
 * and validation, against meta-updates. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/json.h"
#include "io/plot.h"
#include "meta/trainer.h"

enum { GROUPS = 80 }; /* points of the loss curve at most */

typedef struct curve {
    size_t count;
    double *x, *y;
} curve;

static l2o_status curve_add(curve *curve, double x, double y, l2o_error *error) {
    if ((curve->count & (curve->count - 1)) == 0) { /* full at every power of two */
        size_t room = curve->count == 0 ? 1 : 2 * curve->count;
        double *xs = memory_grow(curve->x, curve->count, room, sizeof *xs, error);
        if (xs == NULL) return error->status;
        curve->x = xs;
        double *ys = memory_grow(curve->y, curve->count, room, sizeof *ys, error);
        if (ys == NULL) return error->status;
        curve->y = ys;
    }
    curve->x[curve->count] = x;
    curve->y[curve->count++] = y;
    return L2O_OK;
}

static double real_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static l2o_status read_log(const char *path, curve *loss, curve *validation, l2o_error *error) {
    buffer text = {0};
    l2o_status status = file_read(path, 0, &text, error);
    char *line = text.bytes;
    while (status == L2O_OK && line != NULL && *line != '\0') {
        char *end = strchr(line, '\n');
        size_t length = end == NULL ? strlen(line) : (size_t)(end - line);
        json_t *entry;
        status = json_parse(line, length, path, &entry, error);
        if (status != L2O_OK) break;
        const char *event = json_string_value(json_object_get(entry, "event"));
        if (event != NULL && strcmp(event, "draw") == 0)
            status = curve_add(loss, real_of(entry, "updates"), real_of(entry, "loss"), error);
        else if (event != NULL && strcmp(event, "evaluation") == 0)
            status = curve_add(validation, real_of(entry, "updates"), real_of(entry, "validation"), error);
        json_decref(entry);
        line = end == NULL ? NULL : end + 1;
    }
    buffer_free(&text);
    return status;
}

/* Successive draws grouped into at most GROUPS points: mean, and mean -+ 1.96 standard errors. */
static size_t group(const curve *loss, double *x, double *mean, double *low, double *high) {
    size_t size = loss->count / GROUPS + 1, groups = 0;
    for (size_t first = 0; first < loss->count; first += size, groups++) {
        size_t count = loss->count - first < size ? loss->count - first : size;
        double sum = 0, squares = 0;
        for (size_t i = first; i < first + count; i++) sum += loss->y[i];
        mean[groups] = sum / (double)count;
        for (size_t i = first; i < first + count; i++) squares += pow(loss->y[i] - mean[groups], 2);
        double half = count > 1 ? 1.96 * sqrt(squares / (double)(count - 1) / (double)count) : 0;
        x[groups] = loss->x[first + count - 1];
        low[groups] = mean[groups] - half;
        high[groups] = mean[groups] + half;
    }
    return groups;
}

static l2o_status draw(const trainer *trainer, const curve *loss, const curve *validation, l2o_error *error) {
    double x[GROUPS + 1], mean[GROUPS + 1], low[GROUPS + 1], high[GROUPS + 1];
    size_t groups = group(loss, x, mean, low, high);
    plot_series training = {.label = "loss of the last unroll of a draw (95 % band over draws)",
                            .count = groups,
                            .x = x,
                            .mean = mean,
                            .low = low,
                            .high = high};
    plot_series held = {.label = "validation: mean objective at the end of the run",
                        .count = validation->count,
                        .x = validation->x,
                        .mean = validation->y};
    plot_panel panels[2] = {{.title = "training",
                             .x = {.label = "meta-updates"},
                             .y = {.label = "meta-loss", .logarithmic = true},
                             .series = &training,
                             .series_count = 1},
                            {.title = "validation",
                             .x = {.label = "meta-updates"},
                             .y = {.label = "mean objective", .logarithmic = true},
                             .series = &held,
                             .series_count = validation->count > 0 ? 1 : 0}};
    char title[256];
    snprintf(title, sizeof title, "%s on %s, %s", trainer->optimizer->ops->name, trainer->range.families,
             trainer->estimator.kind->name);
    plot figure = {.title = title, .panels = panels, .panel_count = validation->count > 0 ? 2 : 1};
    buffer svg = {0};
    l2o_status status = plot_svg(&figure, &svg, error);
    if (status == L2O_OK) status = file_write(trainer->plot_path, svg.bytes, svg.size, error);
    buffer_free(&svg);
    return status;
}

l2o_status trainer_plot(const trainer *trainer, l2o_error *error) {
    curve loss = {0}, validation = {0};
    l2o_status status = read_log(trainer->log_path, &loss, &validation, error);
    if (status == L2O_OK) status = draw(trainer, &loss, &validation, error);
    memory_free(loss.x);
    memory_free(loss.y);
    memory_free(validation.x);
    memory_free(validation.y);
    return status;
}
