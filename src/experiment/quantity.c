/* The registry of quantities.
 *
 * nmse: the mean over instances of 10 log10((|x - x*|^2 + e) / (|x*|^2 + e)), |.|^2 the mean over the n coordinates and
 * e = 1e-10. It is the metric of the Open-L2O benchmark, which saturates at e. An instance whose x* is zero counts 0 dB
 * as long as x is zero too.
 *
 * ratio: 10 log10(sum ||x - x*||^2 / sum ||x*||^2), sums over instances. It is that of most original papers.
 *
 * relative: R = (mean f) / (mean f*) - 1, with optima by coordinate descent to its duality gap.
 *
 * excess: (mean f) - (mean f*).
 *
 * A supervised objective is 1/2 ||x - x*||^2, so errors need no iterates. What is not finite is +infinity. */
#include "experiment/quantity.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double OFFSET = 1e-10;

/* ------------------------------------------------------------------------------------------------------------- ln f */

static void measure_ln(const problem *problem, const compare_track *track, int64_t step, double optimum,
                       double value[2]) {
    (void)problem, (void)optimum;
    value[0] = compare_logarithm(track->objective[step]);
}

const quantity quantity_ln = {
    .name = "ln",
    .symbol = "ln f",
    .meaning = "ln f: natural logarithm of the batch's mean objective",
    .judged = "least ln f",
    .near = 0.3,
    .near_text = "0.3",
    .measure = measure_ln,
};

/* ------------------------------------------------------------------------------------------- errors of sparse recovery
 */

static l2o_status nmse_suits(const problem *problem, l2o_error *error) {
    if (problem->ops->supervised && problem->truth != NULL) return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT,
                     "quantity = nmse compares x with a true x*, which the problem %s does not; choose the problem "
                     "recovery, or quantity = relative",
                     problem->ops->name);
}

static double squared_truth(const problem *problem, int64_t instance) {
    double sum = 0;
    for (int64_t j = 0; j < problem->dimension; j++) {
        double entry = problem_load(problem->type, problem->truth, instance * problem->dimension + j);
        sum += entry * entry;
    }
    return sum;
}

static double decibel(double ratio) { return 10 * log10(ratio); }

static void measure_nmse(const problem *problem, const compare_track *track, int64_t step, double optimum,
                         double value[2]) {
    const double *f = track->instances + step * problem->batch;
    double sum = 0, errors = 0, truths = 0, n = (double)problem->dimension;
    (void)optimum;
    for (int64_t p = 0; p < problem->batch; p++) {
        double truth = squared_truth(problem, p), error = isfinite(f[p]) ? 2 * f[p] : (double)INFINITY;
        sum += decibel((error / n + OFFSET) / (truth / n + OFFSET));
        errors += error;
        truths += truth;
    }
    value[0] = sum / (double)problem->batch;
    value[1] = decibel(fmax(errors, DBL_MIN) / fmax(truths, DBL_MIN));
}

static const quantity quantity_nmse = {
    .name = "nmse",
    .symbol = "NMSE (dB)",
    .meaning = "NMSE (dB): mean over signals of 10 log10((|x - x*|^2 + 1e-10) / (|x*|^2 + 1e-10)), |.|^2 the mean over "
               "coordinates",
    .last = true,
    .judged = "NMSE (dB) after the last step",
    .near = 0.5,
    .near_text = "0.5 dB",
    .other = "ratio",
    .other_symbol = "NMSE (dB) of sums",
    .other_meaning = "NMSE (dB) of sums: 10 log10(sum ||x - x*||^2 / sum ||x*||^2), sums over signals",
    .of_instances = true,
    .suits = nmse_suits,
    .measure = measure_nmse,
};

/* ------------------------------------------------------------------------------------------------ the relative loss */

static l2o_status relative_suits(const problem *problem, l2o_error *error) {
    if (compare_limit_exists(problem) && problem->lambda != NULL) return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT,
                     "quantity = relative needs the optimum, which nothing finds for the problem %s; choose lasso, or "
                     "quantity = ln",
                     problem->ops->name);
}

static void measure_relative(const problem *problem, const compare_track *track, int64_t step, double optimum,
                             double value[2]) {
    (void)problem;
    value[0] = optimum > 0 ? track->objective[step] / optimum - 1 : (double)INFINITY;
    value[1] = track->objective[step] - optimum;
}

static const quantity quantity_relative = {
    .name = "relative",
    .symbol = "relative loss",
    .meaning = "relative loss: (mean f - mean f*) / mean f* over the batch, f* found by coordinate descent",
    .last = true,
    .judged = "relative loss after the last step",
    .logarithmic = true,
    .near = 0.1,
    .near_relative = true,
    .near_text = "10 % of itself",
    .other = "excess",
    .other_symbol = "f - f*",
    .other_meaning = "f - f*: mean f - mean f* over the batch, f* found by coordinate descent",
    .of_optimum = true,
    .suits = relative_suits,
    .measure = measure_relative,
};

/* ---------------------------------------------------------------------------------------------------- the registry */

static const quantity *const quantities[] = {&quantity_ln, &quantity_nmse, &quantity_relative};
enum { QUANTITIES = sizeof quantities / sizeof *quantities };

const quantity *quantity_find(const char *name) {
    for (int i = 0; i < QUANTITIES; i++)
        if (strcmp(quantities[i]->name, name) == 0) return quantities[i];
    return NULL;
}

void quantity_names(char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < QUANTITIES && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", quantities[i]->name);
}

double quantity_nearness(const quantity *quantity, double published) {
    return quantity->near_relative ? quantity->near * fabs(published) : quantity->near;
}
