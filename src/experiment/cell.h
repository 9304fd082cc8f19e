/* A cell: all runs of one method on one kind of problems, with the weights of one meta-training. Finished cells lie in
 * files that are named by everything that decides them, so that what was done once is not done again. */
#ifndef L2O_EXPERIMENT_CELL_H
#define L2O_EXPERIMENT_CELL_H

#include "dist/context.h"
#include "experiment/experiment.h"

typedef struct cell {
    const experiment_method *method;
    const experiment_panel *panel;
    const experiment_variant *variant;
    const char *weights; /* path of the file; NULL without one */
    buffer description;  /* everything that decides it */
    char *path;          /* of its file */
    arena memory;        /* of what follows */
    int64_t runs, steps; /* steps: 0 of the limit */
    int64_t points;
    int64_t *point;                                      /* [points]: steps at which the curve is kept */
    double *minimum, *minimum_step, *last, *rate;        /* [runs]: ln f; the rate is NAN where none was chosen */
    double *curve;                                       /* [runs, points]: the experiment's quantity, as ln f */
    bool paired;                                         /* the quantity has a second definition */
    double *other;                                       /* [runs, points]: that; NULL without */
    double *evaluations, *seconds;                       /* [points]: means over runs, without preparation */
    double preparation_evaluations, preparation_seconds; /* means over runs */
    double instances, weight_total;                      /* of a batch; of the optimizer. Kept where it is paired */
} cell;

/* Names the cell's file in `folder`. `settings` are those of experiment_cell_settings() with the user's `given`. */
l2o_status cell_describe(cell *cell, const char *kernel, const experiment *experiment, const l2o_settings *given,
                         const l2o_settings *settings, const char *folder, l2o_error *error);
/* Checks without running that everything fits together, and marks in `settings` what would be read. */
l2o_status cell_rehearse(cell *cell, l2o_context *context, const experiment *experiment, const l2o_settings *given,
                         const l2o_settings *settings, l2o_error *error);
/* Runs it; `given` are the user's settings. */
l2o_status cell_run(cell *cell, l2o_context *context, const experiment *experiment, const l2o_settings *given,
                    const l2o_settings *settings, l2o_error *error);
void cell_free(cell *cell);

/* cell_file.c. *found is false where there is no file, or one of another cell. */
l2o_status cell_read(cell *cell, bool *found, l2o_error *error);
l2o_status cell_write(const cell *cell, l2o_error *error);

/* Room for `runs` runs with a curve of `points` points; two where the cell is paired. */
l2o_status cell_allocate(cell *cell, int64_t runs, int64_t points, l2o_error *error);

#endif
