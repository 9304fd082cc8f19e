/* What the setting `optimizers` lists: each entry with its options, its optimizer, and the problems it may practise on.
 */
#ifndef L2O_EXPERIMENT_COMPARE_ENTRY_H
#define L2O_EXPERIMENT_COMPARE_ENTRY_H

#include "experiment/compare.h"

typedef struct compare_option {
    const char *key, *value;
} compare_option;

typedef struct compare_entry {
    char *label, *spec;      /* unique; LABEL=SPEC or SPEC, as given */
    char *name;              /* of the optimizer, or the path of its weights */
    bool adapt, tune, fresh; /* fresh: made by name, so its weights are drawn for each run */
    int option_count;
    compare_option *options; /* key=value */
    l2o_settings *settings;  /* the comparison's, changed by the options */
    optimizer *optimizer;
    double *weights;                                 /* [weight_total] of the file; NULL when fresh or hand-designed */
    problem *practice;                               /* to adapt and tune on; NULL when it does neither */
    double rate, tuning_evaluations, tuning_seconds; /* of the whole tuning; rate is NAN without */
} compare_entry;

/* Takes the list apart; everything lives in `arena`, but for what compare_entry_free() releases. `given` NULL: the
 * classical optimizers that suit the problem, which is NULL where it is unknown. */
l2o_status compare_entries_parse(const char *given, const problem_ops *problem, arena *arena, compare_entry **entries,
                                 int *count, l2o_error *error);
/* Makes optimizer and practice problems, and checks that all fit together and that each option has a use. Marks in
 * `settings` what was read. */
l2o_status compare_entry_create(l2o_context *context, compare_entry *entry, const l2o_settings *settings,
                                const problem *test, arena *arena, l2o_error *error);
void compare_entry_free(compare_entry *entry);

/* Chooses the rate: the least mean, over tuning problems, of ln of the minimum after `steps` steps. Replaces the
 * optimizer by one with that rate. */
l2o_status compare_entry_tune(l2o_context *context, compare_entry *entry, int64_t steps, arena *arena,
                              l2o_error *error);
/* The half-decade rates 10^(power / 2) that `tune-lowest` and `tune-highest` span, and the optimizer at one of them. */
l2o_status compare_entry_powers(const compare_entry *entry, int *lowest, int *highest, l2o_error *error);
l2o_status compare_entry_at_rate(const compare_entry *entry, int power, optimizer **made, l2o_error *error);
/* The weights of run `run`, adapted where the entry says so; what that cost is added. */
l2o_status compare_entry_begin(l2o_context *context, compare_entry *entry, uint32_t run, double *evaluations,
                               double *seconds, l2o_error *error);

/* Puts the entry's name before the error's sentence. */
l2o_status compare_entry_failed(const compare_entry *entry, l2o_status status, l2o_error *error);

#endif
