/* Comparison: several optimizers on the same test problems, over several runs. */
#ifndef L2O_COMPARE_H
#define L2O_COMPARE_H

#include "l2o/optimizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One optimizer's results; everything over `runs` runs, objectives as natural logarithms of the batch mean. Intervals
 * are mean +- half, half = t_{0.975, runs-1} s / sqrt(runs); half is NaN for one run. A run whose objective is not
 * finite (or negative) at a point counts as +infinity there, and so does the mean. Tuning is done once and counted in
 * full, as if for one run; curves of cost begin where preparation ended. */
typedef struct l2o_compare_row {
    const char *label;
    double minimum, minimum_half;        /* over steps 1 .. T */
    double last, last_half;              /* at step T */
    double minimum_step;                 /* mean over runs */
    double gradient_evaluations;         /* per instance and run, adaptation included */
    double preparation_evaluations;      /* of these, spent on adaptation and tuning */
    double seconds, preparation_seconds; /* per run, all instances */
    double rate;                         /* the tuned rate; NaN when nothing was tuned */
    int is_limit;                        /* 1: not an optimizer but the optimum ln f* */
    int64_t points;                      /* steps + 1, or 1 for the limit */
    const double *mean, *half;           /* [points]: the curve of ln f over steps, and its interval */
    const double *evaluations, *time;    /* [points]: gradient evaluations and seconds spent at each point */
} l2o_compare_row;

typedef struct l2o_comparison l2o_comparison;

/* Called before each piece of work (a tuning, or one optimizer's run) with its label, and with "" at the end. */
typedef void (*l2o_compare_function)(void *user, const char *label, int64_t done, int64_t total);

/* Runs what the setting `optimizers` lists, separated by commas: each entry is LABEL=SPEC or SPEC, a SPEC the name of
 * an optimizer or a file of weights with options after colons: "adam:rate=0.01", "adam:tune" (the best of half-decade
 * rates on tuning problems), "ml2o.safetensors:adapt" (adapted anew for each run, on adaptation problems),
 * "rnnprop:adapt" (from fresh random weights, others in each run). Settings among the options change that optimizer
 * and what it adapts and tunes on ("w.safetensors:adapt:A=normal:10"), never the test. All optimizers see the same
 * test problems. A user's instances are the same in every run, so that one run is the default for them; where some
 * optimizer adapts, is tuned or comes from a file of weights, they are those that are held out (setting `held-out`),
 * else all. Where the problem has an exact solver its optimum is added as the limit, unless that is 0. */
L2O_API l2o_status l2o_compare(l2o_context *context, const l2o_settings *settings, l2o_compare_function function,
                               void *user, l2o_comparison **comparison);
L2O_API int l2o_comparison_rows(const l2o_comparison *comparison);
L2O_API const l2o_compare_row *l2o_comparison_row(const l2o_comparison *comparison, int index);
/* Curves against steps, gradient evaluations and time, as one SVG, written atomically. */
L2O_API l2o_status l2o_comparison_plot(l2o_context *context, const l2o_comparison *comparison, const char *title,
                                       const char *path);
/* Everything as one JSON document, for l2o_string_free(). */
L2O_API l2o_status l2o_comparison_json(l2o_context *context, const l2o_comparison *comparison, char **json);
L2O_API void l2o_comparison_free(l2o_comparison *comparison);

#ifdef __cplusplus
}
#endif
#endif
