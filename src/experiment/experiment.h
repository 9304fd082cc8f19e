/* An experiment: what is trained, what is compared, on which problems, and what is claimed of the outcome. Data alone,
 * read from a file; docs/experiments.md is its reference.
 *
 * A cell is one method on one panel in one variant with the weights of one meta-training seed, over all runs. */
#ifndef L2O_EXPERIMENT_EXPERIMENT_H
#define L2O_EXPERIMENT_EXPERIMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/settings.h"
#include "experiment/experiment_source.h"

typedef struct experiment_kind experiment_kind;
struct quantity;

/* A list of names with values; where they came from, for sentences. */
typedef struct named_value {
    const char *name, *value, *origin;
} named_value;

typedef struct value_list {
    named_value *items;
    int count, capacity;
} value_list;

typedef enum rate_choice { RATE_GIVEN, RATE_BY_FAMILY, RATE_BY_PROBLEM } rate_choice;

/* A training recipe. */
typedef struct experiment_weights {
    const char *name, *origin;
    const char *preset, *file; /* file: of shipped weights, with {seed}; both may be NULL */
    const char *file_origin;   /* where `file` is set */
    const char *from;          /* the recipe whose weights it begins with; NULL: with fresh ones */
    bool fixed;                /* variants do not change it */
    bool on_panel;             /* a training for each panel, on the panel's own problems */
    value_list settings;
} experiment_weights;

typedef struct experiment_method {
    const char *name, *origin;
    const char *weights, *optimizer; /* one of them, or `limit` */
    const char *group;               /* learned, classical, limit, ...: how the report sorts it */
    bool adapt, limit;
    rate_choice tune;
    value_list options; /* settings of this method alone: of its optimizer, its adaptation, what it adapts on */
    value_list test;    /* of the test problems as this method sees them: the penalty, where it is not judged by it */
} experiment_method;

/* What was published of a method on a panel: one number, or a curve. */
typedef struct experiment_published {
    const char *method, *origin;
    int64_t count;
    double *step, *value; /* [count]; the step of a lone number is NAN: it stands for what the table is about */
} experiment_published;

/* A kind of test problems: a row of the table. */
typedef struct experiment_panel {
    const char *name;
    value_list settings; /* of the test, and of what is adapted and tuned on */
    value_list adapt;    /* of methods that adapt */
    experiment_published *papers;
    int paper_count, paper_capacity;
} experiment_panel;

/* Another way to run everything: a value of a sweep, a preset. */
typedef struct experiment_variant {
    const char *name;
    double x; /* NAN where the name is no number */
    value_list settings, adapt;
    value_list training; /* settings of all recipes that are not fixed */
    value_list weights;  /* method and the recipe it takes instead of its own */
} experiment_variant;

/* CLAIM_JUDGED: what the quantity is judged by, the minimum of ln f and the last of others. */
typedef enum claim_measure { CLAIM_JUDGED, CLAIM_MINIMUM, CLAIM_LAST, CLAIM_SPREAD } claim_measure;

/* factor * other is not undercut by more than `bound`: measured = method - factor * other (a method or a number),
 * holds where measured <= bound; with `near`, where |measured| <= bound. Over several panels the largest counts. */
typedef struct experiment_claim {
    const char *name, *text, *method, *other, *panel, *variant, *origin;
    const char *unmet; /* known not to hold, and why; NULL: it is meant to hold */
    double factor, bound;
    claim_measure measure;
    bool near;
} experiment_claim;

enum { MOST_PARTS = 128 }; /* weights, methods, panels, variants, claims of an experiment: of each so many */
enum { MOST_STEPS = 16, MOST_PUBLISHED = 1024 }; /* steps with values of their own; points of a published curve */

typedef struct experiment {
    experiment_source source; /* owns all texts */
    const char *path, *name;
    const char *title, *summary, *reference, *row_header;
    const char *baseline; /* the method that differences are taken from; NULL: the first learned one */
    const char *x_label;
    bool x_log;
    bool curves;            /* of convergence are drawn */
    int64_t at[MOST_STEPS]; /* steps whose values get a table or a column of their own */
    int at_count;
    const struct quantity *quantity; /* what the cells hold */
    const experiment_kind *kind;
    value_list settings;
    experiment_weights *weights;
    experiment_method *methods;
    experiment_panel *panels;
    experiment_variant *variants; /* at least one */
    experiment_claim *claims;
    int weights_count, method_count, panel_count, variant_count, claim_count;
} experiment;

/* `name` is what results are called by. Everything is checked that can be without running. */
l2o_status experiment_read(const char *path, const char *name, experiment *out, l2o_error *error);
/* The same from a text that inherits nothing. */
l2o_status experiment_parse(const char *bytes, size_t size, const char *name, experiment *out, l2o_error *error);
void experiment_free(experiment *experiment);

const experiment_weights *experiment_find_weights(const experiment *experiment, const char *name);
const experiment_method *experiment_find_method(const experiment *experiment, const char *name);
/* The recipe of a method in a variant; NULL for methods without one. */
const experiment_weights *experiment_weights_of(const experiment *experiment, const experiment_method *method,
                                                const experiment_variant *variant);
/* NULL where nothing was published. */
const experiment_published *experiment_find_published(const experiment_panel *panel, const char *method);
const char *value_list_find(const value_list *list, const char *name); /* NULL: not there */

/* experiment_find.c. The file of an experiment by its name, or by its path where the name ends with .ini: looked for
 * beside `from` (may be NULL), in the present folder, in the source tree that the program was built in, and where it is
 * installed. A path for memory_free(). */
l2o_status experiment_find(const char *name, const char *from, char **path, l2o_error *error);
/* Calls `found` for each experiment that can be found by name, in order of the names. */
typedef l2o_status experiment_found(void *user, const char *name, const char *path, l2o_error *error);
l2o_status experiment_find_all(experiment_found *found, void *user, l2o_error *error);

/* experiment_settings.c. Settings in layers: defaults, the experiment's, the preset, the user's `given`, and those of
 * the part itself, which yield to the user's. */
/* Sets a part's own values, but for those that the user gave; `given` may be NULL. */
l2o_status experiment_set_values(const value_list *list, const l2o_settings *given, l2o_settings *settings,
                                 l2o_error *error);
l2o_status experiment_base_settings(const experiment *experiment, const l2o_settings *given, l2o_settings **out,
                                    l2o_error *error);
l2o_status experiment_cell_settings(const experiment *experiment, const l2o_settings *given,
                                    const experiment_panel *panel, const experiment_variant *variant,
                                    l2o_settings **out, l2o_error *error);
/* `panel` matters to recipes on panels alone. A recipe that begins with another's weights has that one's optimizer
 * here, by its name: the file is the session's to name. */
l2o_status experiment_training_settings(const experiment *experiment, const l2o_settings *given,
                                        const experiment_weights *weights, const experiment_variant *variant,
                                        const experiment_panel *panel, int64_t seed, l2o_settings **out,
                                        l2o_error *error);
/* Everything that was set, as lines "name=value", but for what has no part in the result, and beside what names a file
 * the checksum of its contents; appended to `text`. */
l2o_status experiment_describe_settings(const l2o_settings *settings, buffer *text, l2o_error *error);
/* The checksums alone, of the files that one value names: mostly none. */
l2o_status experiment_describe_files(const char *name, const char *value, buffer *text, l2o_error *error);

#endif
