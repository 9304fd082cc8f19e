/* Adaptation: which problems it sees and which it is measured on, restarts, which weights are kept, how it ends. */
#include <math.h>

#include "l2o/problem.h"
#include "optimizers/optimizer.h"
#include "training.h"

/* A problem of the caller's own that keeps a diary: in which draw each evaluation was made. */
enum { BATCH = 3, N = 2, MOST = 100000 };

typedef struct diary {
    double centre[BATCH]; /* drawn with the data */
    int evaluations;
    double seen[MOST]; /* the centre at each evaluation */
    double first_x[MOST];
    int nan_from; /* NaN from this evaluation on, counted from 1; 0: never */
} diary;

static int diary_value(void *user, int64_t instance, const double *x, double *f, double *g) {
    diary *self = user;
    assert_true(self->evaluations < MOST);
    self->seen[self->evaluations] = self->centre[instance];
    self->first_x[self->evaluations] = x[0];
    self->evaluations++;
    *f = 0.5;
    for (int j = 0; j < N; j++) {
        double d = x[j] - self->centre[instance];
        *f += d * d;
        if (g != NULL) g[j] = 2 * d;
    }
    if (self->nan_from > 0 && self->evaluations >= self->nan_from) *f = NAN;
    return 0;
}

static int diary_sample(void *user, int64_t instance, l2o_random *random) {
    ((diary *)user)->centre[instance] = l2o_random_normal(random);
    return 0;
}

static int diary_start(void *user, int64_t instance, l2o_random *random, double *x) {
    (void)user;
    (void)instance;
    for (int j = 0; j < N; j++) x[j] = l2o_random_normal(random);
    return 0;
}

typedef struct listener {
    char text[2048];
} listener;

static void hear(void *user, const char *text) {
    listener *self = user;
    snprintf(self->text + strlen(self->text), sizeof self->text - strlen(self->text), "%s\n", text);
}

typedef struct bench {
    l2o_context *context;
    l2o_settings *settings;
    l2o_problem *problem;
    l2o_optimizer *optimizer;
    diary diary;
    listener ear;
    l2o_adaptation_report report;
} bench;

static bench *bench_create(const char *text) {
    bench *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->context = training_context(1);
    l2o_context_on_message(self->context, hear, &self->ear);
    self->settings = training_settings("layers=1 hidden=3 unroll=4 seed=5 evaluation-steps=6 step-scale=0.2");
    training_set(self->settings, text);
    const l2o_problem_callbacks callbacks = {
        .size = sizeof callbacks, .value_gradient = diary_value, .sample = diary_sample, .start = diary_start};
    if (l2o_problem_create_custom(self->context, &callbacks, &self->diary, BATCH, N, "float64", &self->problem) !=
            L2O_OK ||
        l2o_optimizer_create(self->context, self->settings, &self->optimizer) != L2O_OK)
        fail_msg("%s", l2o_context_error(self->context));
    self->diary.evaluations = 0;
    return self;
}

static void bench_free(bench *self) {
    l2o_problem_free(self->problem);
    l2o_optimizer_free(self->optimizer);
    l2o_settings_free(self->settings);
    l2o_context_free(self->context);
    free(self);
}

static void adapt(bench *self) {
    if (l2o_adapt_on(self->context, self->settings, self->problem, self->optimizer, &self->report) != L2O_OK)
        fail_msg("%s", l2o_context_error(self->context));
}

/* The centres of a stream's draw 0. */
static void centres_of(bench *self, const char *stream, double out[BATCH]) {
    assert_int_equal(l2o_problem_sample(self->context, self->problem, 5, stream, 0), L2O_OK);
    memcpy(out, self->diary.centre, sizeof self->diary.centre);
}

static double *copy_weights(l2o_optimizer *optimizer, int64_t *count) {
    double *weights;
    *count = l2o_optimizer_weights(optimizer, &weights);
    double *copy = malloc((size_t)*count * sizeof *copy);
    assert_non_null(copy);
    return memcpy(copy, weights, (size_t)*count * sizeof *copy);
}

/* Every evaluation is on adaptation or on held-out problems, in the order: held-out, adaptation, held-out. */
static void test_which_problems(void **state) {
    (void)state;
    bench *self = bench_create("adaptation-updates=3");
    double practice[BATCH], held[BATCH];
    centres_of(self, "adaptation", practice);
    centres_of(self, "held-out", held);
    for (int i = 0; i < BATCH; i++)
        for (int j = 0; j < BATCH; j++) assert_true(practice[i] != held[j]);
    self->diary.evaluations = 0;
    adapt(self);
    int phase = 0, counts[3] = {0};
    for (int i = 0; i < self->diary.evaluations; i++) {
        bool on_held = false, on_practice = false;
        for (int p = 0; p < BATCH; p++) {
            on_held |= self->diary.seen[i] == held[p];
            on_practice |= self->diary.seen[i] == practice[p];
        }
        assert_true(on_held != on_practice);
        if (on_practice && phase == 0) phase = 1;
        if (on_held && phase == 1) phase = 2;
        assert_true(on_held == (phase != 1));
        counts[phase]++;
    }
    assert_int_equal(phase, 2);
    assert_int_equal(counts[0], counts[2]);
    assert_int_equal(counts[0], BATCH * (6 + 1));
    assert_int_equal(counts[1], 3 * BATCH * (4 + 1));
    assert_int_equal(self->report.updates, 3);
    assert_int_equal(self->report.kept_update, 3);
    assert_true(self->report.gradient_evaluations == 12);
    assert_memory_equal(&self->report.kept, &self->report.after, sizeof self->report.kept);
    assert_true(self->report.after.minimum != self->report.before.minimum);
    assert_true(self->report.after.minimum_step >= 1 && self->report.after.minimum_step <= 6);
    assert_true(self->report.after.minimum <= self->report.after.last);
    bench_free(self);
}

static void test_no_updates(void **state) {
    (void)state;
    for (int best = 0; best < 2; best++) {
        bench *self = bench_create(best ? "adaptation-updates=0 keep=best" : "adaptation-updates=0");
        int64_t count;
        double *before = copy_weights(self->optimizer, &count), *after;
        adapt(self);
        l2o_optimizer_weights(self->optimizer, &after);
        assert_memory_equal(before, after, (size_t)count * sizeof *before);
        assert_int_equal(self->report.updates, 0);
        assert_int_equal(self->report.kept_update, 0);
        assert_true(isfinite(self->report.before.minimum));
        assert_memory_equal(&self->report.before, &self->report.after, sizeof self->report.before);
        assert_memory_equal(&self->report.before, &self->report.kept, sizeof self->report.before);
        free(before);
        bench_free(self);
    }
}

/* With a restart every k updates the unroll begins at x0 again in update k + 1, and carries on in between. */
static void test_restart(void **state) {
    (void)state;
    for (int restart = 0; restart <= 3; restart++) {
        char text[64];
        snprintf(text, sizeof text, "adaptation-updates=7 adaptation-restart=%d", restart);
        bench *self = bench_create(text);
        adapt(self);
        const int per_update = BATCH * 5, offset = BATCH * 7;
        const double *x = self->diary.first_x;
        for (int k = 1; k < 7; k++) {
            const double *start = x + offset + k * per_update, *previous = start - BATCH, *zero = x + offset;
            bool from_zero = memcmp(start, zero, BATCH * sizeof *x) == 0;
            bool goes_on = memcmp(start, previous, BATCH * sizeof *x) == 0;
            bool expected = restart > 0 && k % restart == 0;
            assert_true(from_zero == expected && goes_on == !expected);
        }
        bench_free(self);
    }
}

/* keep = best: what comes back is the best of before and after each update, and the report says which. */
static void test_keep_best(void **state) {
    (void)state;
    static const char *const rates[] = {"0", "0.001", "0.05", "0.5", "5"};
    int kept_none = 0, kept_some = 0, kept_middle = 0;
    for (int i = 0; i < 5; i++)
        for (int seed = 1; seed <= 4; seed++) {
            char text[128];
            l2o_quality quality[7];
            double *weights[7], *present;
            int64_t count = 0;
            for (int updates = 0; updates <= 6; updates++) { /* what a run that ends here gives */
                snprintf(text, sizeof text, "adaptation-updates=%d adaptation-rate=%s seed=%d", updates, rates[i],
                         seed);
                bench *self = bench_create(text);
                adapt(self);
                quality[updates] = self->report.after;
                weights[updates] = copy_weights(self->optimizer, &count);
                bench_free(self);
            }
            int best = 0;
            for (int updates = 1; updates <= 6; updates++)
                if (quality[updates].minimum < quality[best].minimum) best = updates;
            snprintf(text, sizeof text, "adaptation-updates=6 adaptation-rate=%s seed=%d keep=best", rates[i], seed);
            bench *self = bench_create(text);
            adapt(self);
            l2o_optimizer_weights(self->optimizer, &present);
            assert_int_equal(self->report.kept_update, best);
            assert_int_equal(self->report.updates, 6);
            assert_memory_equal(present, weights[best], (size_t)count * sizeof *present);
            assert_true(self->report.kept.minimum == quality[best].minimum);
            assert_true(self->report.after.minimum == quality[6].minimum);
            kept_none += best == 0;
            kept_some += best > 0;
            kept_middle += best > 0 && best < 6;
            for (int updates = 0; updates <= 6; updates++) free(weights[updates]);
            bench_free(self);
        }
    assert_true(kept_none > 0 && kept_some > 0 && kept_middle > 0);
}

/* NaN ends the updates, with the weights from before it and a message. */
static void test_nan(void **state) {
    (void)state;
    enum { HELD = BATCH * 7, UPDATE = BATCH * 5 };
    int64_t count;
    bench *two = bench_create("adaptation-updates=2");
    adapt(two);
    double *expected = copy_weights(two->optimizer, &count), *present;
    for (int best = 0; best < 2; best++) {
        bench *self = bench_create(best ? "adaptation-updates=9 keep=best" : "adaptation-updates=9");
        /* keep = best measures after each update as well */
        self->diary.nan_from = HELD + 2 * UPDATE + (best ? 2 * HELD : 0) + 1;
        adapt(self);
        assert_int_equal(self->report.updates, 2);
        assert_contains(self->ear.text, "adaptation stops after 2 updates");
        assert_contains(self->ear.text, "nan");
        if (!best) {
            l2o_optimizer_weights(self->optimizer, &present);
            assert_memory_equal(present, expected, (size_t)count * sizeof *present);
            assert_true(isinf(self->report.after.minimum)); /* held-out problems give NaN as well by now */
        } else {
            assert_true(isfinite(self->report.kept.minimum));
        }
        bench_free(self);
    }
    free(expected);
    bench_free(two);
    bench *at_once = bench_create("adaptation-updates=4");
    double *before = copy_weights(at_once->optimizer, &count);
    at_once->diary.nan_from = HELD + 1;
    adapt(at_once);
    l2o_optimizer_weights(at_once->optimizer, &present);
    assert_memory_equal(present, before, (size_t)count * sizeof *present);
    assert_int_equal(at_once->report.updates, 0);
    assert_int_equal(at_once->report.kept_update, 0);
    free(before);
    bench_free(at_once);
}

static void test_refusals(void **state) {
    (void)state;
    bench *self = bench_create("adaptation-updates=2 optimizer=rnnprop");
    training_set(self->settings, "estimator=maml");
    assert_int_equal(l2o_adapt_on(self->context, self->settings, self->problem, self->optimizer, &self->report),
                     L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(self->context), "'estimator' (maml) is not used by adaptation");
    assert_int_equal(self->diary.evaluations, 0);
    l2o_context_cancel(self->context);
    l2o_settings_free(self->settings);
    self->settings = training_settings("adaptation-updates=2");
    assert_int_equal(l2o_adapt_on(self->context, self->settings, self->problem, self->optimizer, &self->report),
                     L2O_ERROR_CANCELLED);
    bench_free(self);

    l2o_context *context = training_context(1);
    l2o_settings *settings = training_settings("problem=quadratic n=2 batch=2 optimizer=adam");
    l2o_optimizer *adam;
    l2o_adaptation_report report;
    assert_int_equal(l2o_optimizer_create(context, settings, &adam), L2O_OK);
    assert_int_equal(l2o_adapt(context, settings, adam, &report), L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(context), "hand-designed");
    l2o_optimizer_free(adam);
    l2o_settings_free(settings);
    l2o_context_free(context);
}

/* Through the settings alone: any number of threads, and a note in the file of the adapted weights. */
static void test_family(void **state) {
    (void)state;
    directory place;
    directory_create(&place);
    double *weights[2];
    int64_t count = 0;
    for (int threads = 1; threads <= 2; threads++) {
        l2o_context *context = training_context(threads);
        l2o_settings *settings = training_settings("problem=lasso n=30 batch=20 A=normal:10 layers=1 hidden=3 unroll=5 "
                                                   "evaluation-steps=9 keep=best adaptation-rate=0.01");
        l2o_optimizer *optimizer;
        l2o_adaptation_report report;
        if (l2o_optimizer_create(context, settings, &optimizer) != L2O_OK ||
            l2o_adapt(context, settings, optimizer, &report) != L2O_OK)
            fail_msg("%s", l2o_context_error(context));
        weights[threads - 1] = copy_weights(optimizer, &count);
        const char *path = directory_file(&place, "adapted.safetensors");
        char *json;
        assert_int_equal(l2o_optimizer_save(context, optimizer, path), L2O_OK);
        assert_int_equal(l2o_weights_describe(context, path, &json), L2O_OK);
        assert_contains(json, "\"adaptation\"");
        assert_contains(json, "\"adaptation-rate\": \"0.01\"");
        l2o_string_free(json);
        l2o_optimizer_free(optimizer);
        l2o_settings_free(settings);
        l2o_context_free(context);
    }
    assert_memory_equal(weights[0], weights[1], (size_t)count * sizeof(double));
    free(weights[0]);
    free(weights[1]);
    directory_remove(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_problems), cmocka_unit_test(test_no_updates), cmocka_unit_test(test_restart),
        cmocka_unit_test(test_keep_best),      cmocka_unit_test(test_nan),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
