/* The picture of a training, made from its log: loss of the draws (mean and 95 % band over groups of successive draws)
 * and validation, against meta-updates. */
#include <stdio.h>

#include "io/file.h"
#include "io/plot.h"
#include "meta/trainer.h"

l2o_status trainer_plot(const trainer *trainer, training_log *log, l2o_error *error) {
    training_curve loss;
    TRY(training_log_group(log, TRAINING_LOSS, &loss, error));
    double *validation = arena_allocate(&log->arena, 2 * log->evaluation_count * sizeof *validation, error);
    if (validation == NULL) return error->status;
    double *updates = validation + log->evaluation_count;
    for (size_t i = 0; i < log->evaluation_count; i++) {
        validation[i] = log->evaluations[i].validation;
        updates[i] = log->evaluations[i].updates;
    }
    plot_series training = {.label = "loss of the last unroll of a draw (95 % band over draws)",
                            .count = loss.count,
                            .x = loss.x,
                            .mean = loss.mean,
                            .low = loss.low,
                            .high = loss.high};
    bool logarithm = trainer->estimator.loss->logarithm; /* taken already */
    plot_series held = {.label = "validation: mean objective at the end of the run",
                        .count = log->evaluation_count,
                        .x = updates,
                        .mean = validation};
    plot_panel panels[2] = {
        {.title = "training",
         .x = {.label = "meta-updates"},
         .y = {.label = "meta-loss", .logarithmic = !logarithm},
         .series = &training,
         .series_count = 1},
        {.title = "validation",
         .x = {.label = "meta-updates"},
         .y = {.label = logarithm ? "logarithm of the mean objective" : "mean objective", .logarithmic = !logarithm},
         .series = &held,
         .series_count = held.count > 0 ? 1 : 0}};
    char title[256];
    snprintf(title, sizeof title, "%s on %s, %s", trainer->optimizer->ops->name, trainer->range.families,
             trainer->estimator.kind->name);
    plot figure = {.title = title, .panels = panels, .panel_count = held.count > 0 ? 2 : 1};
    buffer svg = {0};
    l2o_status status = plot_svg(&figure, &svg, error);
    if (status == L2O_OK) status = file_write(trainer->plot_path, svg.bytes, svg.size, error);
    buffer_free(&svg);
    return status;
}
