/* Kinds of experiments: each makes tables and figures of results in its own way. A kind is a file and a line in
 * experiment_kinds.c. */
#ifndef L2O_EXPERIMENT_EXPERIMENT_KINDS_H
#define L2O_EXPERIMENT_EXPERIMENT_KINDS_H

#include <jansson.h>

#include "experiment/session.h"

/* What a kind fills: arrays of the results file, see docs/results-file.md. */
typedef struct results {
    json_t *tables, *figures, *notes;
} results;

struct experiment_kind {
    const char *name, *summary;
    bool compares; /* needs methods and panels, whose cells have been run when run() is called */
    l2o_status (*check)(const experiment *experiment, l2o_error *error); /* what else it needs; optional */
    const setting *const *idle; /* tables of settings that it never reads, NULL at the end; optional */
    l2o_status (*run)(session *session, results *results, l2o_error *error);
};

const experiment_kind *experiment_kind_find(const char *name);
/* Refuses what a user sets and the kind never reads. */
l2o_status experiment_kind_check_given(const experiment_kind *kind, const l2o_settings *given, l2o_error *error);
void experiment_kind_names(char *text, size_t size); /* ", " between them */
/* Has the experiment what its kind needs? */
l2o_status experiment_kind_check(const experiment *experiment, l2o_error *error);

extern const experiment_kind kind_table, kind_sweep, kind_interpolation, kind_theory;

#endif
