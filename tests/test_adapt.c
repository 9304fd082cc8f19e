/* Adaptation: which problems it sees and which it is measured on, restarts, which weights are kept, how it ends. */
#include <math.h>

#include "l2o/problem.h"
#include "meta/adapt.h"
#include "meta/estimator.h"
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

/* Unrolled optimizers start again before the layers are used up, and what would leave updates without any is refused,
 * but for what a preset suggests. */
static void test_restart_within_layers(void **state) {
    (void)state;
    static const struct {
        int64_t layers;
        const char *text, *suggested;
        int64_t restart;  /* -1: refused */
        const char *part; /* of the refusal */
    } cases[] = {
        {0, "unroll=2", NULL, 0, NULL},
        {0, "unroll=2 adaptation-restart=4 adaptation-warmup=9", NULL, 4, NULL},
        {3, "unroll=3", NULL, 1, NULL},
        {3, "unroll=20", NULL, 1, NULL},
        {3, "unroll=2", NULL, 2, NULL},
        {3, "unroll=1", NULL, 3, NULL},
        {16, "unroll=5", NULL, 4, NULL},
        {16, "unroll=5 adaptation-warmup=6", NULL, 2, NULL},
        {3, "unroll=2 adaptation-restart=1", NULL, 1, NULL},
        {3, "unroll=2 adaptation-restart=3", NULL, -1, "2 unrolls of 2 steps use up the layers of 'lista'"},
        {3, "unroll=2 adaptation-restart=0", NULL, -1, "give 1 to 2"},
        {3, "unroll=3 adaptation-restart=2", NULL, -1, "1 unroll of 3 steps uses up the layers of 'lista'"},
        {3, "unroll=2 adaptation-restart=0 adaptation-updates=2", NULL, 2, NULL},
        {3, "unroll=2", "5", 2, NULL},
        {3, "unroll=1", "2", 2, NULL},
        {3, "unroll=2 adaptation-warmup=2", NULL, 1, NULL},
        {3, "unroll=2 adaptation-warmup=3", NULL, -1, "no layer of 'lista' is left to adapt"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        l2o_error error = {0};
        adapt_options options;
        const optimizer optimizer = {.ops = optimizer_find("lista"), .learned_steps = cases[k].layers};
        l2o_settings *settings = training_settings(cases[k].text);
        if (cases[k].suggested != NULL)
            assert_int_equal(settings_suggest(settings, "adaptation-restart", cases[k].suggested, "preset", &error),
                             L2O_OK);
        l2o_status status = adapt_options_read(settings, &optimizer, &options, &error);
        assert_int_equal(status, cases[k].restart < 0 ? L2O_ERROR_INPUT : L2O_OK);
        if (status == L2O_OK)
            assert_int_equal(options.restart, cases[k].restart);
        else
            assert_contains(error.text, cases[k].part);
        l2o_settings_free(settings);
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

/* ------------------------------------------------------------------------------------------------- several rates */

static double by(const l2o_quality *quality, const char *measure) {
    if (measure[0] == 'l') return quality->last;
    return measure[1] == 'e' ? quality->mean : quality->minimum;
}

/* Each rate goes its way as if it were alone; the best of all updates of all rates is kept, or the weights from before;
 * with keep = always the best of the last updates. The costs are the sum over rates, measuring apart. */
static void test_rates(void **state) {
    (void)state;
    enum { RATES = 3, UPDATES = 4 };
    static const char *const rates[RATES] = {"0.05", "1", "3"}, *const measures[] = {"minimum", "last", "mean"};
    int chosen_count[RATES] = {0};
    for (int m = 0; m < 3; m++)
        for (int best = 0; best < 2; best++)
            for (int seed = 1; seed <= 6; seed++) {
                char text[256], common[128];
                l2o_adaptation_report alone[RATES];
                double *weights[RATES], *present;
                int64_t count = 0;
                int chosen = 0;
                snprintf(common, sizeof common, "adaptation-updates=%d seed=%d keep=%s", UPDATES, seed,
                         best ? "best" : "always");
                for (int r = 0; r < RATES; r++) {
                    snprintf(text, sizeof text, "%s adaptation-rate=%s%s%s", common, rates[r], best ? " keep-by=" : "",
                             best ? measures[m] : "");
                    bench *self = bench_create(text);
                    adapt(self);
                    alone[r] = self->report;
                    weights[r] = copy_weights(self->optimizer, &count);
                    bench_free(self);
                    const l2o_adaptation_trial *trial = &alone[r].trials[0];
                    assert_int_equal(alone[r].trial_count, 1);
                    assert_true(trial->rate == strtod(rates[r], NULL) && alone[r].rate == trial->rate);
                    assert_int_equal(trial->updates, UPDATES);
                    if (by(&trial->best, measures[m]) < by(&alone[chosen].trials[0].best, measures[m])) chosen = r;
                }
                snprintf(text, sizeof text, "%s adaptation-rates=%s/%s,%s keep-by=%s", common, rates[0], rates[1],
                         rates[2], measures[m]);
                bench *self = bench_create(text);
                adapt(self);
                const l2o_adaptation_report *report = &self->report;
                assert_int_equal(report->trial_count, RATES);
                for (int r = 0; r < RATES; r++)
                    assert_memory_equal(&report->trials[r], &alone[r].trials[0], sizeof report->trials[r]);
                assert_true(report->rate == strtod(rates[chosen], NULL));
                assert_int_equal(report->kept_update, alone[chosen].kept_update);
                assert_memory_equal(&report->kept, &alone[chosen].kept, sizeof report->kept);
                l2o_optimizer_weights(self->optimizer, &present);
                assert_memory_equal(present, weights[chosen], (size_t)count * sizeof *present);
                if (best) assert_true(by(&report->kept, measures[m]) <= by(&report->before, measures[m]));
                assert_true(report->gradient_evaluations == RATES * UPDATES * 4);
                assert_true(report->measuring_evaluations == 6 * (1 + RATES * (best ? UPDATES : 1)));
                assert_true(report->seconds > 0 && report->measuring_seconds > 0);
                chosen_count[chosen]++;
                for (int r = 0; r < RATES; r++) free(weights[r]);
                bench_free(self);
            }
    for (int r = 0; r < RATES; r++) assert_true(chosen_count[r] > 0);

    bench *nowhere = bench_create("adaptation-rates=0,0 keep=best"); /* no better is not better */
    int64_t count;
    double *before = copy_weights(nowhere->optimizer, &count), *present;
    adapt(nowhere);
    l2o_optimizer_weights(nowhere->optimizer, &present);
    assert_memory_equal(before, present, (size_t)count * sizeof *present);
    assert_int_equal(nowhere->report.kept_update, 0);
    assert_memory_equal(&nowhere->report.kept, &nowhere->report.before, sizeof nowhere->report.kept);
    free(before);
    bench_free(nowhere);
}

/* A list of one rate is that rate, to the last bit. */
static void test_one_rate(void **state) {
    (void)state;
    double *weights[2];
    int64_t count = 0;
    l2o_adaptation_report report[2];
    for (int list = 0; list < 2; list++) {
        bench *self = bench_create(list ? "adaptation-rates=0.05" : "adaptation-rate=0.05");
        adapt(self);
        weights[list] = copy_weights(self->optimizer, &count);
        report[list] = self->report;
        report[list].seconds = report[list].measuring_seconds = 0;
        bench_free(self);
    }
    assert_memory_equal(weights[0], weights[1], (size_t)count * sizeof(double));
    assert_memory_equal(&report[0], &report[1], sizeof report[0]);
    free(weights[0]);
    free(weights[1]);
}

/* A rate that leads nowhere ends alone; the others are tried as ever. */
static void test_rate_that_fails(void **state) {
    (void)state;
    enum { HELD = BATCH * 7, UPDATE = BATCH * 5 };
    bench *self = bench_create("adaptation-updates=3 adaptation-rates=0.01,0.02 keep=best");
    self->diary.nan_from = HELD + 3 * (UPDATE + HELD) + UPDATE + HELD + 1;
    adapt(self);
    assert_int_equal(self->report.trials[0].updates, 3);
    assert_int_equal(self->report.trials[1].updates, 1);
    assert_contains(self->ear.text, "adaptation stops after 1 updates at rate 0.02");
    assert_true(isfinite(self->report.kept.minimum) && self->report.kept.minimum <= self->report.before.minimum);
    bench_free(self);
}

/* --------------------------------------------------------------------------------------- updates of another kind */

/* Adam's first step is as long as the rate, here in units of each tensor's root mean square. */
static void test_relative_rate(void **state) {
    (void)state;
    bench *self = bench_create("adaptation-updates=1 adaptation-rate=0.01 relative-rate=yes adam-epsilon=1e-30");
    int64_t count, moved = 0;
    double *before = copy_weights(self->optimizer, &count), *after;
    adapt(self);
    l2o_optimizer_weights(self->optimizer, &after);
    for (int k = 0; k < self->optimizer->weight_count; k++) {
        const weight_layout *layout = &self->optimizer->layout[k];
        int64_t first = layout->offset, size = layout->rows * layout->columns;
        double squares = 0;
        for (int64_t i = first; i < first + size; i++) squares += before[i] * before[i];
        double step = 0.01 * fmax(sqrt(squares / (double)size), 1e-3);
        for (int64_t i = first; i < first + size; i++) {
            if (after[i] == before[i]) continue; /* no gradient */
            assert_true(fabs(fabs(after[i] - before[i]) / step - 1) < 1e-6);
            moved++;
        }
    }
    assert_true(moved > count / 2);
    free(before);
    bench_free(self);
}

/* One update of sgd is phi - rate * the plain meta-gradient: the inner step of MAML. sgd-normalised goes as far as the
 * rate, in that direction. */
static void test_gradient_steps(void **state) {
    (void)state;
    const double rate = 0.25;
    bench *self = bench_create("adaptation-updates=1 adaptation-optimizer=sgd adaptation-rate=0.25");
    l2o_error error = {0};
    estimator_options options;
    meta_task task;
    estimate estimate;
    int64_t count;
    double *before = copy_weights(self->optimizer, &count), *gradient = calloc((size_t)count, sizeof *gradient);
    double *after, norm = 0;
    assert_non_null(gradient);
    estimator_options_plain(self->settings, &options);
    assert_int_equal(problem_sample(self->problem, 5, STREAM_ADAPTATION, 0, 0, &error), L2O_OK);
    assert_int_equal(meta_task_create(self->context, self->problem, self->optimizer, &options, &task, &error), L2O_OK);
    carry_reset(&task.now, self->problem);
    assert_int_equal(meta_gradient(&task, &options, before, gradient, &estimate, &error), L2O_OK);
    meta_task_free(&task);
    adapt(self);
    l2o_optimizer_weights(self->optimizer, &after);
    for (int64_t i = 0; i < count; i++) {
        assert_true(after[i] == before[i] - rate * gradient[i]);
        norm += gradient[i] * gradient[i];
    }
    norm = sqrt(norm);
    assert_true(norm > 0);
    bench_free(self);

    self = bench_create("adaptation-updates=1 adaptation-optimizer=sgd-normalised adaptation-rate=0.25");
    adapt(self);
    l2o_optimizer_weights(self->optimizer, &after);
    double length = 0;
    for (int64_t i = 0; i < count; i++) {
        assert_true(fabs(after[i] - (before[i] - rate / norm * gradient[i])) < 1e-14);
        length += (after[i] - before[i]) * (after[i] - before[i]);
    }
    assert_true(fabs(sqrt(length) - rate) < 1e-14);
    free(before);
    free(gradient);
    bench_free(self);
}

/* The warm-up goes along the weights from before, once for all rates; unrolls and restarts begin where it ends. */
static void test_warm_up(void **state) {
    (void)state;
    enum { HELD = BATCH * 7, UPDATE = BATCH * 5, STEPS = 8, WARM = BATCH * (STEPS + 1) };
    bench *plain = bench_create("adaptation-updates=3 adaptation-rate=0"); /* the way of the un-adapted weights */
    adapt(plain);
    bench *self =
        bench_create("adaptation-updates=3 adaptation-rates=0.01,0.02 adaptation-warmup=8 adaptation-restart=2");
    adapt(self);
    const double *way = plain->diary.first_x + HELD, *x = self->diary.first_x + HELD;
    for (int t = 0; t <= 4; t++) assert_true(x[BATCH * t] == way[BATCH * t]);
    const double *late = way + 2 * UPDATE; /* where its third unroll begins: after eight steps */
    assert_memory_equal(x + WARM - BATCH, late, BATCH * sizeof *x);
    for (int rate = 0; rate < 2; rate++) {
        const double *trial = x + WARM + rate * (3 * UPDATE + HELD);
        assert_memory_equal(trial, late, BATCH * sizeof *x);
        assert_true(trial[UPDATE] != late[0] && trial[UPDATE] == trial[UPDATE - BATCH]);
        assert_memory_equal(trial + 2 * UPDATE, late, BATCH * sizeof *x);
    }
    assert_true(self->report.gradient_evaluations == STEPS + 2 * 3 * 4);
    bench_free(plain);
    bench_free(self);
}

/* Several held-out batches: different ones, none of them adapted on, and the mean of what each alone would say. */
static void test_held_out_draws(void **state) {
    (void)state;
    enum { HELD = BATCH * 7 };
    bench *one = bench_create("adaptation-updates=0"), *three = bench_create("adaptation-updates=0 held-out-draws=3");
    adapt(one);
    adapt(three);
    assert_int_equal(three->diary.evaluations, 3 * HELD);
    assert_memory_equal(one->diary.first_x, three->diary.first_x, HELD * sizeof(double));
    double centres[3] = {three->diary.seen[0], three->diary.seen[HELD], three->diary.seen[2 * HELD]};
    assert_true(centres[0] != centres[1] && centres[0] != centres[2] && centres[1] != centres[2]);
    l2o_error error = {0};
    l2o_quality mean = {0};
    for (int d = 0; d < 3; d++) { /* the measure of batch d, from what it evaluated */
        double minimum = INFINITY, sum = 0, last = 0;
        assert_int_equal(problem_sample(three->problem, 5, STREAM_HELD_OUT, 0, (uint16_t)d, &error), L2O_OK);
        carry now;
        runner runner;
        double means[7];
        assert_int_equal(carry_create(three->problem, three->optimizer, &now, &error), L2O_OK);
        assert_int_equal(runner_create(three->context, three->problem, three->optimizer, &runner, &error), L2O_OK);
        carry_reset(&now, three->problem);
        segment pass = {.weights = three->optimizer->weights, .steps = 6, .from = &now, .mean_objective = means};
        assert_int_equal(segment_run(&runner, &pass, &error), L2O_OK);
        for (int t = 1; t <= 6; t++) {
            last = log(means[t]);
            minimum = fmin(minimum, last);
            sum += last;
        }
        mean.minimum += minimum / 3;
        mean.last += last / 3;
        mean.mean += sum / 18;
        carry_free(&now);
        runner_free(&runner);
    }
    assert_true(fabs(three->report.before.minimum - mean.minimum) < 1e-12);
    assert_true(fabs(three->report.before.last - mean.last) < 1e-12);
    assert_true(fabs(three->report.before.mean - mean.mean) < 1e-12);
    assert_true(three->report.measuring_evaluations == 18);
    bench_free(one);
    bench_free(three);
}

typedef struct canceller {
    bench *bench;
    int64_t after; /* evaluations */
} canceller;

static int cancelling_value(void *user, int64_t instance, const double *x, double *f, double *g) {
    canceller *self = user;
    if (self->bench->diary.evaluations >= self->after) l2o_context_cancel(self->bench->context);
    return diary_value(&self->bench->diary, instance, x, f, g);
}

static int cancelling_start(void *user, int64_t instance, l2o_random *random, double *x) {
    return diary_start(&((canceller *)user)->bench->diary, instance, random, x);
}

/* Cancelled in whichever trial: the status says so and the weights are those from before. */
static void test_cancelled(void **state) {
    (void)state;
    for (int64_t after = 0; after < 200; after += 49) {
        bench *self = bench_create("adaptation-updates=3 adaptation-rates=0.01,0.1 keep=best");
        canceller canceller = {self, after};
        const l2o_problem_callbacks callbacks = {
            .size = sizeof callbacks, .value_gradient = cancelling_value, .start = cancelling_start};
        l2o_problem_free(self->problem);
        assert_int_equal(
            l2o_problem_create_custom(self->context, &callbacks, &canceller, BATCH, N, "float64", &self->problem),
            L2O_OK);
        self->diary.evaluations = 0;
        int64_t count;
        double *before = copy_weights(self->optimizer, &count), *present;
        assert_int_equal(l2o_adapt_on(self->context, self->settings, self->problem, self->optimizer, &self->report),
                         L2O_ERROR_CANCELLED);
        l2o_optimizer_weights(self->optimizer, &present);
        assert_memory_equal(before, present, (size_t)count * sizeof *present);
        free(before);
        bench_free(self);
    }
}

static void assert_refused(const char *settings, const char *sentence) {
    bench *self = bench_create(settings);
    assert_int_equal(l2o_adapt_on(self->context, self->settings, self->problem, self->optimizer, &self->report),
                     L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(self->context), sentence);
    assert_int_equal(self->diary.evaluations, 0);
    bench_free(self);
}

static void test_refused_settings(void **state) {
    (void)state;
    static const char *const lists[] = {
        "1e-3,", ",",        "1e-3,,1e-2", "x",         "1e-3;1e-2", "-1e-3,1e-2", "1e7",
        "nan",   "1e-3,inf", "1e999",      "1e-3 1e-2", "0.1,0.2,",  "0.1//1",     "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        bench *self = bench_create("keep=best");
        l2o_error error = {0};
        assert_int_equal(settings_set(self->settings, "adaptation-rates", lists[i], "test", &error), L2O_OK);
        assert_int_equal(l2o_adapt_on(self->context, self->settings, self->problem, self->optimizer, &self->report),
                         L2O_ERROR_INPUT);
        assert_contains(l2o_context_error(self->context),
                        "'adaptation-rates' is a list of at most 16 numbers from 0 to 1e+06, separated by commas, not");
        assert_int_equal(self->diary.evaluations, 0);
        bench_free(self);
    }
    assert_refused("adaptation-rates=1e-3,1e-2 adaptation-rate=0.1", "'adaptation-rate' (0.1) is not used");
    assert_refused("keep-by=last", "'keep-by' (last) is not used");
    assert_refused("adaptation-optimizer=sgd adam-epsilon=1e-6", "'adam-epsilon' (1e-6) is not used");
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
                                                   "evaluation-steps=9 keep=best adaptation-rates=0.01,0.1 "
                                                   "adaptation-warmup=3 held-out-draws=2");
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
        assert_contains(json, "\"adaptation-rates\": \"0.01,0.1\"");
        assert_contains(json, report.rate < 0.05 ? "\"rate\": 0.01" : "\"rate\": 0.1");
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
        cmocka_unit_test(test_which_problems),
        cmocka_unit_test(test_no_updates),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_restart_within_layers),
        cmocka_unit_test(test_keep_best),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_family),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_one_rate),
        cmocka_unit_test(test_rate_that_fails),
        cmocka_unit_test(test_gradient_steps),
        cmocka_unit_test(test_relative_rate),
        cmocka_unit_test(test_warm_up),
        cmocka_unit_test(test_held_out_draws),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_refused_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
