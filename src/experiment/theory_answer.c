/* "Should I adapt, and on what?": for each candidate its distances and what adapting brought, how both go together over
 * the candidates, and the answer in words. */
#include <math.h>
#include <stdio.h>

#include "experiment/correlation.h"
#include "experiment/statistics.h"
#include "experiment/theory_tables.h"

/* What might foretell the gain: each a number for every candidate. */
typedef enum measure {
    HESSIAN_TO_TEST,
    HESSIAN_TO_TRAINING,
    GRADIENT_TO_TEST,
    GRADIENT_TO_TRAINING,
    META_TO_TEST,
    META_TO_TRAINING,
    COSINE_TO_TEST,
    COSINE_TO_TRAINING,
    MEASURES
} measure;

static const char *const names[MEASURES + 1] = {
    "Hessian distance to test",      "Hessian distance to training",     "gradient distance to test",
    "gradient distance to training", "meta-gradient distance to test",   "meta-gradient distance to training",
    "meta-gradient cosine to test",  "meta-gradient cosine to training", NULL};

static const double *measured(const theory_results *results, measure which, int task) {
    const theory_optimizee *of = &results->optimizee;
    const theory_sweep *sweep = &results->sweep;
    int reference = which % 2 == 0 ? THEORY_TEST : THEORY_TRAINING;
    int64_t problems = theory_optimizee_at(of, reference, task);
    int64_t unrolls = theory_sweep_at(sweep, results->inputs, reference, task, results->steps);
    switch (which / 2) {
    case HESSIAN_TO_TEST / 2: return of->hessian + problems;
    case GRADIENT_TO_TEST / 2: return of->gradient + problems;
    case META_TO_TEST / 2: return sweep->distance + unrolls;
    default: return sweep->cosine + unrolls;
    }
}

/* The gain of the adaptation's own number of updates. */
static theory_spread gain_of(const theory_results *results, int which, int task) {
    const theory_gain *gain = &results->gains[which];
    double values[1024];
    theory_gain_over_none(gain, task, gain->adapted, values);
    return theory_spread_of(values, gain->samples / gain->runs, gain->runs);
}

static const char *verdict(const theory_spread *gain) {
    double half = theory_spread_half(gain);
    if (isnan(gain->mean) || isnan(half)) return "unknown";
    if (gain->mean > half) return "yes";
    return gain->mean < -half ? "no" : "undecided";
}

static void decision_table(const theory_results *results, theory_json *json) {
    const char *columns[MEASURES + 2 * THEORY_STARTS + 1] = {NULL};
    for (int i = 0; i < MEASURES; i++) columns[i] = names[i];
    columns[MEASURES] = "gain, M-L2O";
    columns[MEASURES + 1] = "gain, TL";
    columns[MEASURES + 2] = "adapt M-L2O?";
    columns[MEASURES + 3] = "adapt TL?";
    json_t *table = theory_json_table(
        json, "decision", "Should I adapt, and on what?",
        "Gain: how much lower the least ln f on test problems is after the adaptation's updates than before, in nats. "
        "Yes and no where zero is outside the wider of both 95 % intervals (over draws, over seeds)",
        "adapted on", columns);
    for (int task = THEORY_CANDIDATES; task < results->tasks.count; task++) {
        json_t *row = theory_json_row(json, table, results->tasks.task[task].label);
        for (int i = 0; i < MEASURES; i++)
            theory_json_values(json, row, measured(results, (measure)i, task), 1, results->runs);
        for (int which = 0; which < THEORY_STARTS; which++) {
            const theory_gain *gain = &results->gains[which];
            double values[1024];
            theory_gain_over_none(gain, task, gain->adapted, values);
            theory_json_values(json, row, values, gain->samples / gain->runs, gain->runs);
        }
        for (int which = 0; which < THEORY_STARTS; which++) {
            theory_spread gain = gain_of(results, which, task);
            theory_json_text(json, row, verdict(&gain));
        }
    }
}

/* One number for each candidate. */
typedef struct column {
    int count;
    double values[THEORY_TASKS];
} column;

static column measure_column(const theory_results *results, measure which) {
    column out = {0};
    for (int task = THEORY_CANDIDATES; task < results->tasks.count; task++)
        out.values[out.count++] = statistics_mean(measured(results, which, task), (size_t)results->runs);
    return out;
}

static column gain_column(const theory_results *results, int which) {
    column out = {0};
    for (int task = THEORY_CANDIDATES; task < results->tasks.count; task++)
        out.values[out.count++] = gain_of(results, which, task).mean;
    return out;
}

static double rank_correlation(const theory_results *results, measure of, int which) {
    column x = measure_column(results, of), y = gain_column(results, which);
    return correlation_spearman(x.values, y.values, (size_t)x.count);
}

static void correlation_table(const theory_results *results, theory_json *json) {
    static const char *const columns[] = {"M-L2O, by rank", "M-L2O, linear", "TL, by rank", "TL, linear", NULL};
    json_t *table = theory_json_table(
        json, "correlation", "Does distance foretell gain?",
        "Correlation over the candidates between the gain and what was measured before adapting: Spearman's, and "
        "Pearson's with the logarithm of a distance or with the cosine. With so few candidates only large ones mean "
        "anything; below zero: what is farther gains less",
        "measured", columns);
    for (int i = 0; i < MEASURES; i++) {
        json_t *row = theory_json_row(json, table, names[i]);
        column x = measure_column(results, (measure)i);
        for (int j = 0; j < x.count && i < COSINE_TO_TEST; j++) x.values[j] = log(x.values[j]);
        for (int which = 0; which < THEORY_STARTS; which++) {
            column y = gain_column(results, which);
            theory_json_number(json, row, correlation_spearman(x.values, y.values, (size_t)x.count));
            theory_json_number(json, row, correlation_pearson(x.values, y.values, (size_t)x.count));
        }
    }
}

static void answer_for(const theory_results *results, int which, theory_json *json) {
    const theory_gain *gain = &results->gains[which];
    int best = THEORY_CANDIDATES, worst = THEORY_CANDIDATES, helps = 0, harms = 0;
    theory_spread most = {.mean = NAN}, least = {.mean = NAN};
    for (int task = THEORY_CANDIDATES; task < results->tasks.count; task++) {
        theory_spread of = gain_of(results, which, task);
        double half = theory_spread_half(&of);
        helps += of.mean > half;
        harms += of.mean < -half;
        if (isnan(most.mean) || of.mean > most.mean) most = of, best = task;
        if (isnan(least.mean) || of.mean < least.mean) least = of, worst = task;
    }
    const double *before = theory_gain_minimum(gain, best, 0);
    theory_json_note(json,
                     "%s, un-adapted, reaches a least ln f of %.3f on the test. %lld updates change that by a gain of "
                     "%.3f +- %.3f nats where they are on %s, the best of %d candidates, and of %.3f +- %.3f on %s, "
                     "the worst. Beyond the intervals adaptation helps on %d of them and harms on %d: %s.",
                     results->starts[which].label, statistics_mean(before, (size_t)gain->samples),
                     (long long)gain->points[gain->adapted], most.mean, theory_spread_half(&most),
                     results->tasks.task[best].label, results->tasks.count - THEORY_CANDIDATES, least.mean,
                     theory_spread_half(&least), results->tasks.task[worst].label, helps, harms,
                     most.mean > theory_spread_half(&most) ? "adapt, on that one"
                     : helps > 0 ? "adapt, on one of those where its gain is beyond the intervals"
                     : harms > 0 ? "do not adapt"
                                 : "undecided, more seeds and draws would narrow the intervals");
    theory_json_note(
        json,
        "How far distances foretell the gain of %s before any test problem is solved: over the candidates it has "
        "a rank correlation of %.2f with the Hessian's distance to the test and of %.2f with that to "
        "training, of %.2f and %.2f with the meta-gradient's, and of %.2f with its cosine to the test's. "
        "Eq. 8 wants the adaptation near to both.",
        results->starts[which].label, rank_correlation(results, HESSIAN_TO_TEST, which),
        rank_correlation(results, HESSIAN_TO_TRAINING, which), rank_correlation(results, META_TO_TEST, which),
        rank_correlation(results, META_TO_TRAINING, which), rank_correlation(results, COSINE_TO_TEST, which));
}

void theory_answer(const theory_results *results, theory_json *json) {
    decision_table(results, json);
    correlation_table(results, json);
    for (int which = 0; which < THEORY_STARTS; which++) answer_for(results, which, json);
    theory_json_note(json,
                     "g_T is %s of an unroll of T = %lld steps from x0 where distances of meta-gradients are measured; "
                     "means and intervals are over %d draws and %d seed%s of meta-training.",
                     results->last ? "the last objective" : "the sum of the objectives", (long long)results->steps,
                     results->runs, results->starts[THEORY_ML2O].count,
                     results->starts[THEORY_ML2O].count == 1 ? "" : "s");
}
