/* The tables and figures of the parts; what is made of all of them together is in theory_answer.c. */
#include "experiment/theory_tables.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "experiment/statistics.h"

static const char *label_of(const theory_results *results, int task) { return results->tasks.task[task].label; }

static void optimizee_table(const theory_results *results, theory_json *json) {
    const theory_optimizee *of = &results->optimizee;
    static const char *const columns[] = {"rms of A's entries",
                                          "Hessian, pairs, to training",
                                          "Hessian, means, to training",
                                          "Hessian, expected, to training",
                                          "Hessian, pairs, to test",
                                          "Hessian, means, to test",
                                          "Hessian, expected, to test",
                                          "gradient, pairs, to training",
                                          "gradient, worst point, to training",
                                          "gradient, means, to training",
                                          "gradient, expected, to training",
                                          "gradient, pairs, to test",
                                          "gradient, worst point, to test",
                                          "gradient, means, to test",
                                          "gradient, expected, to test",
                                          NULL};
    json_t *table = theory_json_table(
        json, "optimizees", "Distances between problems",
        "Spectral norm of the difference of A'A; Euclidean norm of the difference of gradients at shared points (x0 "
        "and "
        "iterates). Pairs: the mean over pairs of instances, with a 95 % interval over draws. Means: between the means "
        "over all instances drawn. Expected: between expectations, in closed form. 'again' is the same distribution "
        "drawn anew: what is left of a distance when there is none",
        "problems", columns);
    for (int task = 0; task < of->tasks; task++) {
        json_t *row = theory_json_row(json, table, label_of(results, task));
        theory_json_number(json, row, of->entry[task]);
        for (int reference = 0; reference < THEORY_REFERENCES; reference++) {
            int64_t at = (int64_t)reference * of->tasks + task;
            theory_json_values(json, row, of->hessian + theory_optimizee_at(of, reference, task), 1, of->runs);
            theory_json_number(json, row, of->hessian_means[at]);
            theory_json_number(json, row, of->hessian_expected[at]);
        }
        for (int reference = 0; reference < THEORY_REFERENCES; reference++) {
            int64_t at = (int64_t)reference * of->tasks + task, runs = theory_optimizee_at(of, reference, task);
            theory_json_values(json, row, of->gradient + runs, 1, of->runs);
            theory_json_values(json, row, of->gradient_largest + runs, 1, of->runs);
            theory_json_number(json, row, of->gradient_means[at]);
            theory_json_number(json, row, of->gradient_expected[at]);
        }
    }
}

/* The mean Hessians must come near their closed form; how near, the number of draws decides. */
static void optimizee_claim(const theory_results *results, theory_json *json) {
    const theory_optimizee *of = &results->optimizee;
    double worst = 0;
    for (int task = 0; task < of->tasks; task++)
        for (int reference = 0; reference < THEORY_REFERENCES; reference++) {
            int64_t at = (int64_t)reference * of->tasks + task;
            if (isnan(of->hessian_expected[at])) return;
            if (of->hessian_expected[at] > 0)
                worst = fmax(worst, fabs(of->hessian_means[at] / of->hessian_expected[at] - 1));
        }
    theory_json_claim(json, "Distances between mean Hessians are those of the closed form: the largest relative error",
                      worst, 0.25, worst <= 0.25);
}

static void bound_table(const theory_results *results, theory_json *json) {
    static const char *const columns[] = {"L, mean", "L, largest", "M1, mean", "M1, largest", "Q", "Q, typical", NULL};
    json_t *table = theory_json_table(
        json, "constants", "Proposition 1's constants: Q = 1 + L M1",
        "L: largest eigenvalue of A'A, at the scale at which the optimizer sees gradients. M1: slope of its step in "
        "the "
        "gradient, by differences along the trajectory. Q: from the largest of both, as in the proposition; typical: "
        "the geometric mean over instances and steps",
        "problems", columns);
    for (int task = 0; task < results->tasks.count; task++) {
        const theory_bound *bound = &results->bounds[task];
        json_t *row = theory_json_row(json, table, label_of(results, task));
        theory_json_number(json, row, bound->lipschitz_mean);
        theory_json_number(json, row, bound->lipschitz_largest);
        theory_json_number(json, row, bound->slope_mean);
        theory_json_number(json, row, bound->slope_largest);
        theory_json_number(json, row, bound->growth);
        theory_json_number(json, row, bound->growth_typical);
    }
}

/* How the mean distance over runs grows with T. */
typedef struct growth {
    double ratio, factor, power; /* from T = 1 to the longest; fitted to all T */
} growth;

static growth growth_of(const theory_sweep *sweep, theory_inputs inputs, int reference, int task) {
    enum { MOST = 1000 };
    double means[MOST];
    growth out;
    int64_t count = sweep->steps < MOST ? sweep->steps : MOST;
    for (int64_t i = 0; i < count; i++)
        means[i] = statistics_mean(sweep->distance + theory_sweep_at(sweep, inputs, reference, task, i + 1),
                                   (size_t)sweep->runs);
    theory_fit_growth(means, count, 1, &out.factor, &out.power);
    out.ratio = means[count - 1] / means[0];
    return out;
}

static void growth_table(const theory_results *results, theory_json *json) {
    static const char *const columns[] = {"detached, to training: ratio",
                                          "factor",
                                          "power",
                                          "full, to training: ratio",
                                          "factor",
                                          "power",
                                          "detached, to test: ratio",
                                          "factor",
                                          "power",
                                          "full, to test: ratio",
                                          "factor",
                                          "power",
                                          NULL};
    json_t *table = theory_json_table(
        json, "growth", "Growth of the meta-gradients' distance with T",
        "Ratio: the mean distance at the longest T over that at T = 1. Factor (a step) and power (of T): of the lines "
        "fitted to its logarithm against T and ln T. Proposition 1's leading term grows by Q^2 a step",
        "problems", columns);
    double least = INFINITY, steepest = 0;
    for (int task = 0; task < results->tasks.count; task++) {
        json_t *row = theory_json_row(json, table, label_of(results, task));
        for (int reference = 0; reference < THEORY_REFERENCES; reference++)
            for (int inputs = 0; inputs < THEORY_INPUTS; inputs++) {
                growth of = {NAN, NAN, NAN};
                if (task != reference) of = growth_of(&results->sweep, (theory_inputs)inputs, reference, task);
                theory_json_number(json, row, of.ratio);
                theory_json_number(json, row, of.factor);
                theory_json_number(json, row, of.power);
                if (task < THEORY_CANDIDATES || isnan(of.factor)) continue;
                double q = fmax(results->bounds[task].growth, results->bounds[reference].growth);
                least = fmin(least, of.ratio);
                steepest = fmax(steepest, log(of.factor) / (2 * log(q)));
            }
    }
    theory_json_claim(json,
                      "Meta-gradients are farther apart at the longest T than at T = 1 for every candidate: the "
                      "least ratio",
                      least, 1, least > 1);
    theory_json_claim(json,
                      "They part no faster than Proposition 1 allows: the largest ln(factor) as a share of 2 ln Q",
                      steepest, 1, steepest <= 1);
}

static void growth_figure(const theory_results *results, theory_inputs inputs, int reference, theory_json *json) {
    const theory_sweep *sweep = &results->sweep;
    enum { MOST = 1000 };
    double steps[MOST];
    int count = sweep->steps < MOST ? (int)sweep->steps : MOST;
    char name[64], title[160], label[128];
    for (int i = 0; i < count; i++) steps[i] = i + 1;
    snprintf(name, sizeof name, "growth-%s-%s", inputs == THEORY_FULL ? "full" : "detached",
             reference == THEORY_TEST ? "test" : "training");
    snprintf(title, sizeof title, "Distance of meta-gradients to the %s's, %s inputs",
             reference == THEORY_TEST ? "test" : "training", inputs == THEORY_FULL ? "full" : "detached");
    json_t *figure = theory_json_figure(json, name, title, (theory_axis){"T", false},
                                        (theory_axis){"||grad g1_T - grad g2_T||", true});
    for (int task = 0; task < sweep->tasks; task++) {
        int twin = reference == THEORY_TEST ? THEORY_TEST_TWIN : THEORY_TRAINING_TWIN;
        if (task < THEORY_CANDIDATES && task != twin) continue;
        snprintf(label, sizeof label, "%s", label_of(results, task));
        theory_json_series(json, figure, label, task == twin ? "limit" : "learned", steps, count,
                           sweep->distance + theory_sweep_at(sweep, inputs, reference, task, 1), sweep->runs, 1,
                           sweep->runs);
    }
}

/* Against the size of A's entries: at the longest T. */
static void entry_figure(const theory_results *results, theory_json *json) {
    const theory_sweep *sweep = &results->sweep;
    json_t *figure =
        theory_json_figure(json, "growth-sigma", "Distance of meta-gradients against the size of A's entries",
                           (theory_axis){"root mean square entry of the adaptation's A", true},
                           (theory_axis){"||grad g1_T - grad g2_T||", true});
    int candidates = sweep->tasks - THEORY_CANDIDATES;
    for (int inputs = 0; inputs < THEORY_INPUTS; inputs++)
        for (int reference = 0; reference < THEORY_REFERENCES; reference++) {
            char label[64];
            snprintf(label, sizeof label, "to %s, %s", reference == THEORY_TEST ? "test" : "training",
                     inputs == THEORY_FULL ? "full" : "detached");
            theory_json_series(json, figure, label, "learned", results->optimizee.entry + THEORY_CANDIDATES, candidates,
                               sweep->distance + theory_sweep_at(sweep, (theory_inputs)inputs, reference,
                                                                 THEORY_CANDIDATES, sweep->steps),
                               sweep->steps * sweep->runs, 1, sweep->runs);
        }
}

static const double *step_values(const theory_gain *gain, bool test, int task, int rate) {
    return (test ? gain->test : gain->own) + theory_gain_at(gain, task, rate);
}

/* The rate of the ladder whose step brings most. */
static int best_rate(const theory_gain *gain, bool test, int task) {
    int best = 0;
    double most = -INFINITY;
    for (int rate = 0; rate < THEORY_RATES; rate++) {
        double mean = statistics_mean(step_values(gain, test, task, rate), (size_t)gain->samples);
        if (mean > most) most = mean, best = rate;
    }
    return best;
}

static void step_table(const theory_results *results, theory_json *json) {
    static const char *const columns[] = {
        "M-L2O, there", "best rate",  "gain at it",      "M-L2O, on the test", "best rate",  "gain at it", "TL, there",
        "best rate",    "gain at it", "TL, on the test", "best rate",          "gain at it", NULL};
    json_t *table = theory_json_table(json, "one-step", "What one step phi - alpha grad g brings",
                                      "g(phi) - g(phi - alpha grad g) with the inner rate, positive is better: on "
                                      "other problems of the kind that the "
                                      "gradient was taken on, and on test problems; then the best of the rates that "
                                      "are smaller by powers of ten, and "
                                      "the gain at that one. 95 % intervals over draws and over seeds",
                                      "adapted on", columns);
    for (int task = THEORY_CANDIDATES; task < results->tasks.count; task++) {
        json_t *row = theory_json_row(json, table, label_of(results, task));
        for (int column = 0; column < 2 * THEORY_STARTS; column++) {
            const theory_gain *gain = &results->gains[column / 2];
            bool test = column % 2 == 1;
            int best = best_rate(gain, test, task), seeds = gain->samples / gain->runs;
            char text[32];
            snprintf(text, sizeof text, "%.1e", gain->rates[best]);
            theory_json_values(json, row, step_values(gain, test, task, 0), seeds, gain->runs);
            theory_json_text(json, row, text);
            theory_json_values(json, row, step_values(gain, test, task, best), seeds, gain->runs);
        }
    }
}

static void curve_figure(const theory_results *results, int which, theory_json *json) {
    const theory_gain *gain = &results->gains[which];
    double points[THEORY_CURVE];
    char name[64], title[128];
    for (int i = 0; i < gain->point_count; i++) points[i] = (double)gain->points[i];
    snprintf(name, sizeof name, "updates-%s", which == THEORY_ML2O ? "ml2o" : "tl");
    snprintf(title, sizeof title, "%s adapted by Adam: least ln f on the test", results->starts[which].label);
    json_t *figure =
        theory_json_figure(json, name, title, (theory_axis){"updates", false}, (theory_axis){"min ln f", false});
    for (int task = THEORY_CANDIDATES; task < gain->tasks; task++)
        theory_json_series(json, figure, label_of(results, task), "learned", points, gain->point_count,
                           theory_gain_minimum(gain, task, 0), gain->samples, gain->samples / gain->runs, gain->runs);
}

static void decomposition_table(const theory_results *results, theory_json *json) {
    const theory_decomposition *of = &results->decomposition;
    static const char *const columns[] = {"left side",
                                          "meta-trained to its optimum",
                                          "test's optimum on a batch to its best",
                                          "alpha times gradients apart",
                                          "optima of training and test apart",
                                          "sum",
                                          "M",
                                          "M times sum",
                                          "weights moved in meta-training",
                                          NULL};
    json_t *table = theory_json_table(
        json, "eq8", "The terms of Eq. 8 (heuristic)",
        "left side <= M (sum of the four terms); M is the largest norm of the test's meta-gradient that was met. "
        "Optima "
        "are approximated by training on for long, and weights of LSTMs are not identifiable: read the terms against "
        "each other, and against how far meta-training moved the weights, not as a bound",
        "adapted on", columns);
    double tightest = 0;
    int seeds = results->starts[THEORY_ML2O].count, runs = of->samples / seeds;
    const double *const common[] = {of->training, of->test_sample, of->apart};
    for (int task = 0; task < of->tasks; task++) {
        if (task != THEORY_TRAINING && task != THEORY_TEST_TWIN && task < THEORY_CANDIDATES) continue;
        json_t *row = theory_json_row(json, table, label_of(results, task));
        const double *left = of->left + (int64_t)task * of->samples;
        const double *gradient = of->gradient + (int64_t)task * of->samples;
        double sum = statistics_mean(gradient, (size_t)of->samples), lipschitz = 0, largest = -INFINITY;
        for (size_t i = 0; i < sizeof common / sizeof *common; i++)
            sum += statistics_mean(common[i], (size_t)of->samples);
        for (int i = 0; i < of->samples; i++) {
            double right = of->lipschitz[i] * (common[0][i] + common[1][i] + common[2][i] + gradient[i]);
            lipschitz = fmax(lipschitz, of->lipschitz[i]);
            largest = fmax(largest, left[i] / right);
        }
        tightest = fmax(tightest, largest);
        theory_json_values(json, row, left, seeds, runs);
        theory_json_values(json, row, common[0], seeds, runs);
        theory_json_values(json, row, common[1], seeds, runs);
        theory_json_values(json, row, gradient, seeds, runs);
        theory_json_values(json, row, common[2], seeds, runs);
        theory_json_number(json, row, sum);
        theory_json_number(json, row, lipschitz);
        theory_json_number(json, row, lipschitz * sum);
        theory_json_values(json, row, of->initial_distance, seeds, runs);
    }
    theory_json_claim(json, "Eq. 8 holds with M as measured: the largest left side as a share of the right", tightest,
                      1, tightest <= 1);
}

void theory_tables(const theory_results *results, theory_json *json) {
    theory_answer(results, json);
    optimizee_table(results, json);
    optimizee_claim(results, json);
    bound_table(results, json);
    growth_table(results, json);
    step_table(results, json);
    decomposition_table(results, json);
    for (int which = 0; which < THEORY_STARTS; which++) curve_figure(results, which, json);
    for (int inputs = 0; inputs < THEORY_INPUTS; inputs++)
        for (int reference = 0; reference < THEORY_REFERENCES; reference++)
            growth_figure(results, (theory_inputs)inputs, reference, json);
    entry_figure(results, json);
}
