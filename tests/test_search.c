/* The search for weights: minima that are known, what it counts, what it refuses; and adaptation by it, of hyperlista,
 * whose c3 has no gradient. */
#include <math.h>

#include "l2o/train.h"
#include "meta/estimator.h"
#include "meta/search.h"
#include "optimizers/optimizer.h"
#include "training.h"

/* ------------------------------------------------------------------------------------------------ known minima */

enum { COUNT = 4, UNUSED = 2 };

/* sum_k (ln |w_k / target_k|)^2 + a coupling, over all weights but one that the search has nothing to do with. */
typedef struct valley {
    double target[COUNT], coupling;
    double infinite_above; /* of the first weight: no loss there */
    int evaluations, fails_at;
} valley;

static l2o_status valley_loss(void *argument, const double *weights, double *loss, l2o_error *error) {
    valley *self = argument;
    double sum = 0, u[COUNT];
    if (++self->evaluations == self->fails_at) return error_set(error, L2O_ERROR_CANCELLED, "cancelled");
    for (int k = 0; k < COUNT; k++) {
        u[k] = k == UNUSED ? 0 : log(weights[k] / self->target[k]);
        sum += u[k] * u[k];
    }
    *loss = weights[0] > self->infinite_above ? (double)INFINITY : sum + self->coupling * u[0] * u[1];
    return L2O_OK;
}

static search search_of_valley(int brackets) {
    search made = {.count = COUNT - 1, .place = {0, 1, 3}, .brackets = brackets};
    search_reset(&made);
    return made;
}

static void test_known_minimum(void **state) {
    (void)state;
    for (int brackets = 1; brackets <= 2; brackets++) {
        valley valley = {{0.07, -0.02, 1, 300}, 0.5, INFINITY, 0, 0};
        search_loss loss_of = {valley_loss, &valley};
        search search = search_of_valley(brackets);
        double weights[COUNT] = {1, -1, 5, 1}, loss = NAN, previous = INFINITY;
        l2o_error error = {0};
        enum { SWEEPS = 60 };
        for (int s = 0; s < SWEEPS; s++) {
            assert_int_equal(search_sweep(&search, &loss_of, weights, &loss, &error), L2O_OK);
            assert_true(loss <= previous);
            previous = loss;
        }
        for (int k = 0; k < COUNT; k++)
            if (k != UNUSED) assert_true(fabs(weights[k] / valley.target[k] - 1) < 1e-5);
        assert_true(weights[UNUSED] == 5);
        assert_int_equal(search.candidates, SWEEPS * 2 * brackets * (COUNT - 1));
        assert_int_equal(valley.evaluations, search.candidates + 1); /* and the first weights, once */
    }
}

/* The better of two, and only what is better; then half the step. */
static void test_bracket(void **state) {
    (void)state;
    valley valley = {{3, 1, 1, 1}, 0, INFINITY, 0, 0};
    search_loss loss_of = {valley_loss, &valley};
    search search = search_of_valley(1);
    double weights[COUNT] = {2, 1, 1, 1}, loss = NAN;
    l2o_error error = {0};
    assert_int_equal(search_sweep(&search, &loss_of, weights, &loss, &error), L2O_OK);
    assert_true(fabs(weights[0] - 4) < 1e-12 && weights[1] == 1 && weights[3] == 1);
    assert_true(fabs(search.step[0] - log(2)) < 1e-15 && fabs(search.step[1] - log(2) / 2) < 1e-15);
    assert_true(fabs(loss - log(4.0 / 3) * log(4.0 / 3)) < 1e-12);
    search_reset(&search);
    assert_true(search.step[1] == search.step[0]);
}

/* From where there is no loss any candidate with one is better; and a sweep without any leaves all as it is. */
static void test_infinite(void **state) {
    (void)state;
    valley valley = {{1, 1, 1, 1}, 0, 3, 0, 0};
    search_loss loss_of = {valley_loss, &valley};
    search search = search_of_valley(1);
    double weights[COUNT] = {16, 1, 1, 1}, loss = NAN;
    l2o_error error = {0};
    assert_int_equal(search_sweep(&search, &loss_of, weights, &loss, &error), L2O_OK);
    assert_true(isinf(loss) && weights[0] == 16 && weights[1] == 1);
    weights[0] = 5;
    search_reset(&search);
    assert_int_equal(search_sweep(&search, &loss_of, weights, &loss, &error), L2O_OK);
    assert_true(isfinite(loss) && fabs(weights[0] - 2.5) < 1e-12);
}

static l2o_status distance_from(void *argument, const double *weights, double *loss, l2o_error *error) {
    (void)error;
    *loss = fabs(weights[0] - *(const double *)argument);
    return L2O_OK;
}

/* A weight that is zero finds its sign. */
static void test_zero(void **state) {
    (void)state;
    static const double targets[] = {0.0123, -0.0123, 1e-5, 0};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        double target = targets[i], weights[1] = {0}, loss = NAN;
        search_loss loss_of = {distance_from, &target};
        search search = {.count = 1, .brackets = 1};
        l2o_error error = {0};
        search_reset(&search);
        assert_int_equal(search_sweep(&search, &loss_of, weights, &loss, &error), L2O_OK);
        assert_true(weights[0] == (i == 0 ? 0.001 : i == 1 ? -0.001 : 0));
        for (int s = 0; s < 60; s++) assert_int_equal(search_sweep(&search, &loss_of, weights, &loss, &error), L2O_OK);
        assert_true(fabs(weights[0] - target) <= 1e-6 * fabs(target));
    }
}

/* Scattered candidates lead out of a valley that steps along single weights do not leave, within factors of 16. */
static l2o_status two_valleys(void *argument, const double *weights, double *loss, l2o_error *error) {
    (void)error;
    ++*(int *)argument;
    double a = log(weights[0]), b = log(weights[1]), far = hypot(a - 1.5, b - 1.5);
    assert_true(fabs(a) <= log(16) + 1e-12 && fabs(b) <= log(16) + 1e-12);
    *loss = fmin(hypot(a, b), 2 * far - 1);
    return L2O_OK;
}

static void test_scatter(void **state) {
    (void)state;
    int evaluations = 0;
    search_loss loss_of = {two_valleys, &evaluations};
    l2o_error error = {0};
    for (int scattered = 0; scattered <= 40; scattered += 40) {
        search search = {.count = 2, .place = {0, 1}, .brackets = 1};
        double weights[2] = {1, 1}, loss = NAN;
        search_reset(&search);
        evaluations = 0;
        assert_int_equal(search_scatter(&search, &loss_of, scattered, weights, &loss, &error), L2O_OK);
        assert_int_equal(search.candidates, scattered);
        for (int s = 0; s < 30; s++) assert_int_equal(search_sweep(&search, &loss_of, weights, &loss, &error), L2O_OK);
        assert_int_equal(evaluations, search.candidates + 1);
        assert_true(fabs(loss - (scattered == 0 ? 0 : -1)) < 1e-3);
    }
}

/* A loss that fails ends the search, with weights that were evaluated. */
static void test_failure(void **state) {
    (void)state;
    for (int at = 1; at <= 12; at++) {
        valley valley = {{0.07, -0.02, 1, 300}, 0, INFINITY, 0, at};
        search_loss loss_of = {valley_loss, &valley};
        search search = search_of_valley(1);
        double weights[COUNT] = {1, -1, 5, 1}, loss = NAN, found;
        l2o_error error = {0};
        l2o_status status = search_scatter(&search, &loss_of, 4, weights, &loss, &error);
        if (status == L2O_OK) status = search_sweep(&search, &loss_of, weights, &loss, &error);
        assert_int_equal(status, at <= 11 ? L2O_ERROR_CANCELLED : L2O_OK);
        valley.fails_at = 0;
        assert_int_equal(valley_loss(&valley, weights, &found, &error), L2O_OK);
        if (at > 1) assert_true(found == loss);
    }
}

/* ------------------------------------------------------------------------------------------- adapting by search */

#define RECOVERY                                                                                                       \
    "problem=recovery m=32 n=64 batch=24 shared-A=yes unit-columns=yes density=0.06 dtype=float64 seed=3 unroll=12 "   \
    "evaluation-steps=12 meta-loss=last depth=12 optimizer=hyperlista "

typedef struct adapted {
    double before[3], after[3];
    l2o_adaptation_report report;
} adapted;

static void adapt(const char *text, int threads, adapted *out) {
    l2o_context *context = training_context(threads);
    l2o_settings *settings = training_settings(RECOVERY);
    l2o_optimizer *optimizer;
    double *weights;
    training_set(settings, text);
    if (l2o_optimizer_create(context, settings, &optimizer) != L2O_OK) fail_msg("%s", l2o_context_error(context));
    assert_int_equal(l2o_optimizer_weights(optimizer, &weights), 3);
    memcpy(out->before, weights, sizeof out->before);
    if (l2o_adapt(context, settings, optimizer, &out->report) != L2O_OK) fail_msg("%s", l2o_context_error(context));
    memcpy(out->after, weights, sizeof out->after);
    l2o_optimizer_free(optimizer);
    l2o_settings_free(settings);
    l2o_context_free(context);
}

static bool is_power_of_two(double ratio, double tolerance) {
    return fabs(log2(ratio) - round(log2(ratio))) < tolerance;
}

/* c3 moves by search, c1 and c2 along the gradient of the first unroll; what that costs is counted. */
static void test_beside_gradient(void **state) {
    (void)state;
    adapted with, without;
    adapt("c3=0.4 adaptation-updates=1 adaptation-optimizer=sgd adaptation-rate=1e-5", 1, &with);
    adapt("c3=0.4 adaptation-updates=1 adaptation-optimizer=sgd adaptation-rate=1e-5 adaptation-search=0", 1, &without);
    assert_true(without.after[0] != without.before[0] && without.after[1] != without.before[1]);
    assert_true(without.after[2] == 0.4);
    assert_true(with.after[0] == without.after[0] && with.after[1] == without.after[1]);
    assert_true(with.after[2] != 0.4 && is_power_of_two(with.after[2] / 0.4, 1e-12));
    assert_int_equal(without.report.candidates, 0);
    assert_int_equal(with.report.candidates, 2);
    assert_true(without.report.gradient_evaluations == 12);
    assert_true(with.report.gradient_evaluations == 12 * (1 + 1 + 2)); /* gradient, where it led, two candidates */

    adapted two, bracketed;
    adapt("c3=0.4 adaptation-updates=7 adaptation-rate=1e-4", 1, &two);
    adapt("c3=0.4 adaptation-updates=7 adaptation-rate=1e-4 adaptation-search=6", 2, &bracketed);
    assert_int_equal(two.report.updates, 7);
    assert_int_equal(two.report.candidates, 14);
    assert_int_equal(bracketed.report.candidates, 42);
    assert_true(bracketed.report.gradient_evaluations == 7 * 12 * (1 + 1 + 6));
    assert_true(two.report.after.last < two.report.before.last);
    assert_true(bracketed.report.after.last < bracketed.report.before.last);
}

/* Every rate begins its search anew, from the weights from before. */
static void test_rates(void **state) {
    (void)state;
    adapted one, two, both;
    adapt("c3=0.4 adaptation-updates=3 adaptation-rates=1e-5", 1, &one);
    adapt("c3=0.4 adaptation-updates=3 adaptation-rates=1e-3", 1, &two);
    adapt("c3=0.4 adaptation-updates=3 adaptation-rates=1e-5,1e-3", 1, &both);
    assert_memory_equal(&both.report.trials[0], &one.report.trials[0], sizeof both.report.trials[0]);
    assert_memory_equal(&both.report.trials[1], &two.report.trials[0], sizeof both.report.trials[1]);
    assert_int_equal(both.report.candidates, one.report.candidates + two.report.candidates);
}

#define POOR "c1=0.01 c2=0.01 c3=1 adaptation-optimizer=search "

/* All three constants, from poor ones: to the same bits with any number of threads, and what it costs is counted. */
static void test_all_weights(void **state) {
    (void)state;
    adapted one, three, best;
    adapt(POOR "adaptation-updates=8 adaptation-scatter=20", 1, &one);
    adapt(POOR "adaptation-updates=8 adaptation-scatter=20", 3, &three);
    assert_memory_equal(one.after, three.after, sizeof one.after);
    for (int k = 0; k < 3; k++) assert_true(one.after[k] != one.before[k]);
    assert_true(one.report.after.last < one.report.before.last - 1);
    assert_true(one.report.rate == 0 && one.report.trial_count == 1);
    assert_int_equal(one.report.updates, 8);
    assert_int_equal(one.report.candidates, 20 + 8 * 3 * 2);
    assert_true(one.report.gradient_evaluations == 12 * (1 + 20 + 8 * 3 * 2));
    assert_true(one.report.measuring_evaluations == 2 * 12);

    adapt(POOR "adaptation-updates=8 adaptation-scatter=20 keep=best keep-by=last", 2, &best);
    assert_true(best.report.kept.last <= one.report.after.last);
    assert_true(best.report.after.last == one.report.after.last); /* measuring does not disturb it */
    assert_int_equal(best.report.candidates, one.report.candidates);

    adapted local;
    adapt(POOR "adaptation-updates=1 adaptation-search=4", 1, &local);
    assert_int_equal(local.report.candidates, 12);
    for (int k = 0; k < 3; k++)
        assert_true(is_power_of_two(pow(local.after[k] / local.before[k], 2), 1e-9)); /* whole or half steps */
}

/* The loss of search is the loss that the gradient is of. */
static void test_loss(void **state) {
    (void)state;
    l2o_context *context = training_context(1);
    l2o_settings *settings = training_settings(RECOVERY);
    l2o_optimizer *optimizer;
    l2o_problem *problem;
    l2o_error error = {0};
    estimator_options options;
    meta_task task;
    double loss, evaluations = 0;
    assert_int_equal(l2o_optimizer_create(context, settings, &optimizer), L2O_OK);
    assert_int_equal(l2o_problem_create(context, settings, &problem), L2O_OK);
    estimator_options_plain(settings, &options);
    assert_int_equal(meta_task_create(context, problem, optimizer, &options, &task, &error), L2O_OK);
    carry_reset(&task.now, problem);
    for (int call = 0; call < 2; call++) {
        assert_int_equal(meta_task_loss(&task, &options, optimizer->weights, &loss, &evaluations, &error), L2O_OK);
        assert_int_equal(task.now.steps, 0);
    }
    assert_true(evaluations == 24);
    assert_int_equal(options.kind->gradients(1, &task, &options, optimizer->weights, &error), L2O_OK);
    assert_true(fabs(loss - task.result.outer_loss) <= 1e-12 * loss);
    assert_true(task.gradient[0] != 0 && task.gradient[1] != 0 && task.gradient[2] == 0);
    carry_reset(&task.now, problem);
    optimizer->weights[1] = 1e300;
    assert_int_equal(meta_task_loss(&task, &options, optimizer->weights, &loss, &evaluations, &error), L2O_OK);
    assert_true(isinf(loss) && loss > 0 && error.status == L2O_OK);
    meta_task_free(&task);
    l2o_problem_free(problem);
    l2o_optimizer_free(optimizer);
    l2o_settings_free(settings);
    l2o_context_free(context);
}

static void assert_refused(const char *text, const char *sentence) {
    l2o_context *context = training_context(1);
    l2o_settings *settings = training_settings(RECOVERY);
    l2o_optimizer *optimizer;
    l2o_adaptation_report report;
    training_set(settings, text);
    if (l2o_optimizer_create(context, settings, &optimizer) != L2O_OK) fail_msg("%s", l2o_context_error(context));
    assert_int_equal(l2o_adapt(context, settings, optimizer, &report), L2O_ERROR_INPUT);
    if (strstr(l2o_context_error(context), sentence) == NULL)
        fail_msg("'%s' is not in: %s", sentence, l2o_context_error(context));
    l2o_optimizer_free(optimizer);
    l2o_settings_free(settings);
    l2o_context_free(context);
}

static void test_refusals(void **state) {
    (void)state;
    assert_refused("adaptation-search=3", "adaptation-search is 3, but values are tried in pairs");
    assert_refused("adaptation-optimizer=search adaptation-search=0", "give an even number from 2");
    assert_refused("adaptation-restart=2", "a search begins every update where the first began");
    assert_refused("adaptation-optimizer=search adaptation-rate=0.1", "'adaptation-rate' (0.1) is not used");
    assert_refused("adaptation-optimizer=search adaptation-rates=0.1,1", "'adaptation-rates' (0.1,1) is not used");
    assert_refused("adaptation-scatter=10", "'adaptation-scatter' (10) is not used");
    assert_refused("optimizer=lista-cp adaptation-optimizer=search", "is for at most 64, but 'lista-cp' has");
    assert_refused("optimizer=alista adaptation-search=4", "'adaptation-search' (4) is not used");
    adapted ignored;
    adapt("adaptation-restart=1 adaptation-updates=2", 1, &ignored);
    adapt("adaptation-search=0 adaptation-restart=2 adaptation-updates=2 unroll=6", 1, &ignored);
    assert_int_equal(ignored.report.candidates, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_minimum),   cmocka_unit_test(test_bracket),
        cmocka_unit_test(test_infinite),        cmocka_unit_test(test_zero),
        cmocka_unit_test(test_scatter),         cmocka_unit_test(test_failure),
        cmocka_unit_test(test_beside_gradient), cmocka_unit_test(test_rates),
        cmocka_unit_test(test_all_weights),     cmocka_unit_test(test_loss),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
