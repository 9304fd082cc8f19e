/* Meta-gradient estimators: identities between them, differences of the meta-objective itself, what they carry on, and
 * Adam and the meta-losses beside them. */
#include <math.h>

#include "meta/adam.h"
#include "meta/estimator.h"
#include "run_problem.h"

enum { N = 2, BATCH = 3, UNROLL = 4, MOST = 400 };

static l2o_context *context;
static l2o_error error;

static int setup(void **state) {
    (void)state;
    context = test_context(1);
    error_clear(&error);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    l2o_context_free(context);
    return 0;
}

static const estimator *find(const char *name) {
    for (int i = 0; estimator_at(i) != NULL; i++)
        if (strcmp(estimator_at(i)->name, name) == 0) return estimator_at(i);
    fail_msg("no estimator '%s'", name);
    return NULL;
}

static estimator_options options_of(const char *kind, bool detached, double rate, int steps) {
    return (estimator_options){.kind = find(kind),
                               .loss = meta_loss_at(0),
                               .unroll = UNROLL,
                               .detached = detached,
                               .inner_rate = rate,
                               .inner_steps = steps};
}

typedef struct bench {
    problem problem;
    optimizer *optimizer;
    int64_t total;
} bench;

/* Weights bigger than the initial ones, so that every part matters. */
static void bench_create(bench *self) {
    l2o_settings *settings = test_settings();
    test_set(settings, "layers", "1");
    test_set(settings, "hidden", "3");
    test_set(settings, "step-scale", "0.2"); /* long steps: the objective bends */
    test_set(settings, "seed", "4");
    if (optimizer_from_spec(settings, "rnnprop", 0, &self->optimizer, &error) != L2O_OK) fail_msg("%s", error.text);
    settings_free(settings);
    self->problem = test_closed_form(N, BATCH);
    self->total = self->optimizer->weight_total;
    assert_true(self->total < MOST);
    for (int64_t i = 0; i < self->total; i++) self->optimizer->weights[i] += 0.2 * sin((double)(7 * i + 1));
}

static void bench_free(bench *self) {
    optimizer_free(self->optimizer);
    arena_free(&self->problem.memory);
}

/* The gradient `calls` segments on from x0; `end` gets the carry's x after it. */
static void gradient_of(bench *self, const estimator_options *options, int calls, double *gradient, estimate *result,
                        double *end, int64_t *steps) {
    meta_task task;
    if (meta_task_create(context, &self->problem, self->optimizer, options, &task, &error) != L2O_OK)
        fail_msg("%s", error.text);
    carry_reset(&task.now, &self->problem);
    for (int k = 0; k < calls; k++)
        if (meta_gradient(&task, options, self->optimizer->weights, gradient, result, &error) != L2O_OK)
            fail_msg("%s", error.text);
    if (end != NULL) memcpy(end, task.now.x, BATCH * N * sizeof *end);
    if (steps != NULL) *steps = task.now.steps;
    meta_task_free(&task);
}

/* One segment under given weights, from x0 or (`second`) from where `first` weights lead; with a log of gradients. */
static double loss_of(bench *self, const double *first, const double *weights, bool second, int64_t first_step,
                      bool detached, gradient_log *log, double *gradient) {
    runner runner;
    carry carry;
    double loss_weights[UNROLL + 1];
    meta_loss_at(0)->weights(UNROLL, loss_weights);
    assert_int_equal(runner_create(context, &self->problem, self->optimizer, &runner, &error), L2O_OK);
    assert_int_equal(carry_create(&self->problem, self->optimizer, &carry, &error), L2O_OK);
    carry_reset(&carry, &self->problem);
    if (second) {
        segment walk = {.weights = first, .steps = UNROLL, .from = &carry, .to = &carry};
        assert_int_equal(segment_run(&runner, &walk, &error), L2O_OK);
    }
    segment pass = {.weights = weights,
                    .steps = UNROLL,
                    .first_step = first_step,
                    .detached = detached,
                    .loss_weights = loss_weights,
                    .from = &carry,
                    .gradient = gradient,
                    .log = log};
    if (segment_run(&runner, &pass, &error) != L2O_OK) fail_msg("%s", error.text);
    carry_free(&carry);
    runner_free(&runner);
    return pass.loss;
}

static double largest(int64_t count, const double *x) {
    double most = 0;
    for (int64_t i = 0; i < count; i++) most = fmax(most, fabs(x[i]));
    return most;
}

static void assert_close(int64_t count, const double *a, const double *b, double tolerance, const char *what) {
    double scale = largest(count, b);
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(a[i] - b[i]) <= tolerance * scale))
            fail_msg("%s: number %lld is %.12g, not %.12g (scale %g)", what, (long long)i, a[i], b[i], scale);
}

static void test_identities(void **state) {
    (void)state;
    bench self;
    bench_create(&self);
    for (int detached = 0; detached < 2; detached++)
        for (int steps = 1; steps <= 3; steps++) {
            double plain[MOST], first[MOST], exact[MOST];
            estimate p, f, m;
            estimator_options options = options_of("plain", detached, 0, 0);
            gradient_of(&self, &options, 1, plain, &p, NULL, NULL);
            options = options_of("fomaml", detached, 0, steps);
            gradient_of(&self, &options, 1, first, &f, NULL, NULL);
            options = options_of("maml", detached, 0, steps);
            gradient_of(&self, &options, 1, exact, &m, NULL, NULL);
            size_t bytes = (size_t)self.total * sizeof(double);
            assert_true(largest(self.total, plain) > 1e-3);
            assert_memory_equal(first, plain, bytes); /* alpha = 0 changes no bit */
            for (int64_t i = 0; i < self.total; i++) assert_true(exact[i] == first[i]);
            assert_true(p.support_loss == f.support_loss && f.outer_loss == p.support_loss);
            assert_true(m.outer_loss == f.outer_loss && p.last_objective == f.last_objective);
            assert_true(p.gradient_evaluations == UNROLL);
            assert_true(f.gradient_evaluations == (steps + 1) * UNROLL);
            assert_true(m.gradient_evaluations == (3 * steps + 1) * UNROLL);
        }
    bench_free(&self);
}

/* phi' after K inner steps, where the support's gradient is taken with full derivatives or with inputs frozen. */
static void adapted(bench *self, const double *phi, double rate, int steps, bool detached, gradient_log *log,
                    double *out) {
    double gradient[MOST];
    memcpy(out, phi, (size_t)self->total * sizeof *out);
    for (int k = 0; k < steps; k++) {
        gradient_log mine = log == NULL ? (gradient_log){0} : log[k];
        loss_of(self, NULL, out, false, 0, detached, log == NULL ? NULL : &mine, gradient);
        for (int64_t i = 0; i < self->total; i++) out[i] -= rate * gradient[i];
    }
}

/* Fourth-order differences of L(phi'(phi)) along directions. With detached inputs the inputs of each pass are those
 * that were recorded at phi: then the gradient is that of the surrogate, exactly. */
static void differences(bool detached, int steps, double rate) {
    bench self;
    bench_create(&self);
    double phi[MOST], exact[MOST], inner[MOST];
    memcpy(phi, self.optimizer->weights, (size_t)self.total * sizeof *phi);
    estimator_options options = options_of("maml", detached, rate, steps);
    estimate result;
    gradient_of(&self, &options, 1, exact, &result, NULL, NULL);

    enum { MOST_STEPS = 3 };
    static double kept[MOST_STEPS + 1][UNROLL * BATCH * N];
    gradient_log log[MOST_STEPS + 1];
    for (int k = 0; k <= steps; k++)
        log[k] = (gradient_log){.calls = UNROLL, .batch = BATCH, .dimension = N, .gradients = kept[k]};
    if (detached) { /* record: pass k runs at phi_k, the outer one at phi_K */
        adapted(&self, phi, rate, steps, true, log, inner);
        double gradient[MOST];
        double outer = loss_of(&self, NULL, inner, false, 0, true, &log[steps], gradient);
        assert_true(fabs(outer - result.outer_loss) <= 1e-13 * fabs(outer));
        for (int k = 0; k <= steps; k++) log[k].replay = true;
    }
    for (int direction = 0; direction < 6; direction++) {
        double along[MOST], expected = 0, found = 0, h = 2e-3;
        for (int64_t i = 0; i < self.total; i++) {
            along[i] = random_normal((random_key){.seed = 5, .stream = STREAM_CHECK, .draw = (uint32_t)direction},
                                     (uint64_t)i) /
                       sqrt((double)self.total);
            expected += exact[i] * along[i];
        }
        static const double shift[] = {-2, -1, 1, 2}, factor[] = {1, -8, 8, -1};
        for (int s = 0; s < 4; s++) {
            double at[MOST], gradient[MOST];
            for (int64_t i = 0; i < self.total; i++) at[i] = phi[i] + shift[s] * h * along[i];
            adapted(&self, at, rate, steps, detached, detached ? log : NULL, inner);
            found += factor[s] / (12 * h) *
                     loss_of(&self, NULL, inner, false, 0, detached, detached ? &log[steps] : NULL, gradient);
        }
        double scale = sqrt((double)self.total) * largest(self.total, exact) / 10;
        if (!(fabs(found - expected) <= 2e-7 * fmax(fabs(expected), scale)))
            fail_msg("%s, %d inner steps, direction %d: differences give %.12g, maml %.12g",
                     detached ? "detached" : "full", steps, direction, found, expected);
    }
    bench_free(&self);
}

static void test_maml_against_differences(void **state) {
    (void)state;
    for (int steps = 1; steps <= 3; steps++) {
        differences(false, steps, 0.05);
        differences(true, steps, 0.05);
    }
}

/* The inner steps matter: exact and first order differ, by about alpha H G. */
static void test_maml_is_not_fomaml(void **state) {
    (void)state;
    bench self;
    bench_create(&self);
    double first[MOST], exact[MOST], difference = 0;
    estimate result;
    estimator_options options = options_of("fomaml", true, 0.05, 1);
    gradient_of(&self, &options, 1, first, &result, NULL, NULL);
    options = options_of("maml", true, 0.05, 1);
    gradient_of(&self, &options, 1, exact, &result, NULL, NULL);
    for (int64_t i = 0; i < self.total; i++) difference = fmax(difference, fabs(first[i] - exact[i]));
    assert_true(difference > 1e-3 * largest(self.total, exact));
    bench_free(&self);
}

/* Whatever the estimator, the carry goes on along the un-adapted weights. */
static void test_carry(void **state) {
    (void)state;
    bench self;
    bench_create(&self);
    static const char *const names[] = {"plain", "fomaml", "maml"};
    for (int calls = 1; calls <= 3; calls++) {
        double end[3][BATCH * N], gradient[MOST];
        for (int k = 0; k < 3; k++)
            for (int next = 0; next < 2; next++) {
                estimator_options options = options_of(names[k], true, 0.1, 2);
                options.next_segment = next == 1 && k > 0;
                estimate result;
                int64_t steps;
                gradient_of(&self, &options, calls, gradient, &result, end[k], &steps);
                assert_int_equal(steps, calls * UNROLL);
                assert_memory_equal(end[k], end[0], sizeof end[0]);
            }
    }
    bench_free(&self);
}

/* The outer segment: which one, and with which step index. */
static void test_outer_segment(void **state) {
    (void)state;
    bench self;
    bench_create(&self);
    double inner[MOST], gradient[MOST], expected[MOST], previous[MOST];
    const double *phi = self.optimizer->weights;
    estimate result;
    adapted(&self, phi, 0.05, 1, true, NULL, inner);
    const struct {
        bool next, reference;
        int64_t first_step;
    } cases[] = {{false, false, 1}, {true, false, UNROLL + 1}, {true, true, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        estimator_options options = options_of("fomaml", true, 0.05, 1);
        options.next_segment = cases[i].next;
        options.reference_step_index = cases[i].reference;
        gradient_of(&self, &options, 1, gradient, &result, NULL, NULL);
        double loss = loss_of(&self, phi, inner, cases[i].next, cases[i].first_step, true, NULL, expected);
        assert_true(result.outer_loss == loss);
        assert_memory_equal(gradient, expected, (size_t)self.total * sizeof(double));
        if (i > 0) assert_memory_not_equal(gradient, previous, (size_t)self.total * sizeof(double));
        memcpy(previous, gradient, sizeof previous);
    }
    /* In a later call the reference repeats that call's own index. */
    estimator_options options = options_of("fomaml", true, 0, 1);
    options.next_segment = options.reference_step_index = true;
    estimate second;
    gradient_of(&self, &options, 1, gradient, &result, NULL, NULL);
    gradient_of(&self, &options, 2, gradient, &second, NULL, NULL);
    assert_true(second.support_loss != result.outer_loss); /* same points, another index */
    options.reference_step_index = false;
    gradient_of(&self, &options, 1, gradient, &result, NULL, NULL);
    assert_true(second.support_loss == result.outer_loss); /* with alpha = 0 the index counts on */
    bench_free(&self);
}

/* Exact MAML on the next segment is (I - alpha H) G with H the support's Hessian. */
static void test_maml_on_the_next_segment(void **state) {
    (void)state;
    bench self;
    bench_create(&self);
    double first[MOST], exact[MOST], plus[MOST], minus[MOST], at[MOST], gradient[MOST];
    const double rate = 0.05, h = 1e-5;
    estimate result;
    estimator_options options = options_of("fomaml", false, rate, 1);
    options.next_segment = true;
    gradient_of(&self, &options, 1, first, &result, NULL, NULL);
    options.kind = find("maml");
    gradient_of(&self, &options, 1, exact, &result, NULL, NULL);
    const double *phi = self.optimizer->weights;
    for (int64_t i = 0; i < self.total; i++) at[i] = phi[i] + h * first[i];
    loss_of(&self, NULL, at, false, 0, false, NULL, plus);
    for (int64_t i = 0; i < self.total; i++) at[i] = phi[i] - h * first[i];
    loss_of(&self, NULL, at, false, 0, false, NULL, minus);
    for (int64_t i = 0; i < self.total; i++) gradient[i] = first[i] - rate * (plus[i] - minus[i]) / (2 * h);
    assert_close(self.total, exact, gradient, 1e-7, "maml on the next segment");
    bench_free(&self);
}

static l2o_status explode(const problem *problem, instances rows, const void *x, void *f, void *g,
                          const evaluation *evaluation) {
    l2o_status status = closed_form_value_gradient(problem, rows, x, f, g, evaluation);
    if (f != NULL) ((double *)f)[rows.count - 1] = NAN;
    return status;
}

static void test_nan_is_named(void **state) {
    (void)state;
    bench self;
    bench_create(&self);
    problem_ops ops = closed_form_ops;
    ops.value_gradient = explode;
    ops.name = "exploding";
    self.problem.ops = &ops;
    for (int k = 0; estimator_at(k) != NULL; k++) {
        estimator_options options = options_of(estimator_at(k)->name, true, 0.01, 1);
        meta_task task;
        estimate result;
        double gradient[MOST];
        assert_int_equal(meta_task_create(context, &self.problem, self.optimizer, &options, &task, &error), L2O_OK);
        carry_reset(&task.now, &self.problem);
        assert_int_equal(meta_gradient(&task, &options, self.optimizer->weights, gradient, &result, &error),
                         L2O_ERROR_NUMERIC);
        assert_non_null(strstr(error.text, "instance 2 of 'exploding' is "));
        meta_task_free(&task);
        error_clear(&error);
    }
    bench_free(&self);
}

/* exact MAML without the derivatives it needs is refused. */
static void test_missing_derivatives(void **state) {
    (void)state;
    bench self;
    bench_create(&self);
    problem_ops ops = closed_form_ops;
    self.problem.ops = &ops;
    const struct {
        const char *kind;
        bool detached, hess_vec, third, works;
    } cases[] = {{"plain", true, false, false, true},   {"fomaml", true, false, false, true},
                 {"plain", false, false, false, false}, {"plain", false, true, false, true},
                 {"maml", true, false, false, false},   {"maml", true, true, false, true},
                 {"maml", false, true, false, false},   {"maml", false, true, true, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ops.hess_vec = cases[i].hess_vec ? closed_form_hess_vec : NULL;
        ops.third = cases[i].third ? closed_form_third : NULL;
        estimator_options options = options_of(cases[i].kind, cases[i].detached, 0.01, 1);
        meta_task task;
        estimate result;
        double gradient[MOST];
        assert_int_equal(meta_task_create(context, &self.problem, self.optimizer, &options, &task, &error), L2O_OK);
        carry_reset(&task.now, &self.problem);
        l2o_status status = meta_gradient(&task, &options, self.optimizer->weights, gradient, &result, &error);
        if (status != (cases[i].works ? L2O_OK : L2O_ERROR_UNSUPPORTED))
            fail_msg("case %zu: status %d: %s", i, (int)status, error.text);
        meta_task_free(&task);
        error_clear(&error);
    }
    bench_free(&self);
}

static void test_what_settings_mean(void **state) {
    (void)state;
    const optimizer endless = {0}, unrolled = {.learned_steps = 20};
    estimator_options options;
    l2o_settings *settings = test_settings();
    estimator_options_read(settings, &endless, &options); /* as the authors' code: fomaml on the next segment */
    assert_string_equal(options.kind->name, "fomaml");
    assert_true(options.next_segment && !options.reference_step_index && options.detached);
    assert_true(options.inner_rate == 1e-3 && options.inner_steps == 1 && options.unroll == 20);
    estimator_options_read(settings, &unrolled, &options);
    assert_false(options.next_segment);
    test_set(settings, "estimator", "maml"); /* as the paper's Eq. 5: on the same */
    estimator_options_read(settings, &endless, &options);
    assert_true(!options.next_segment && options.kind->second_order);
    test_set(settings, "outer-segment", "next");
    test_set(settings, "step-index", "reference");
    estimator_options_read(settings, &endless, &options);
    assert_true(options.next_segment && options.reference_step_index);
    estimator_options_read(settings, &unrolled, &options);
    assert_true(options.next_segment && options.reference_step_index);
    test_set(settings, "outer-segment", "same");
    estimator_options_read(settings, &endless, &options);
    assert_true(!options.next_segment && !options.reference_step_index);
    test_set(settings, "estimator", "plain");
    test_set(settings, "inputs", "full");
    test_set(settings, "meta-loss", "last");
    estimator_options_read(settings, &endless, &options);
    assert_true(!options.detached && !options.next_segment && options.inner_steps == 0);
    assert_string_equal(options.loss->name, "last");
    settings_free(settings);
    settings = test_settings(); /* what an estimator does not use is said */
    test_set(settings, "estimator", "plain");
    test_set(settings, "inner-rate", "0.1");
    estimator_options_read(settings, &endless, &options);
    assert_int_equal(settings_check_used(settings, "training", &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "inner-rate"));
    settings_free(settings);
}

static void test_losses(void **state) {
    (void)state;
    double weights[6];
    assert_string_equal(meta_loss_at(0)->name, "sum");
    meta_loss_at(0)->weights(5, weights);
    for (int t = 0; t <= 5; t++) assert_true(weights[t] == 1);
    assert_string_equal(meta_loss_at(1)->name, "last");
    meta_loss_at(1)->weights(5, weights);
    for (int t = 0; t <= 5; t++) assert_true(weights[t] == (t == 5));
    assert_string_equal(meta_loss_at(2)->name, "log");
    assert_string_equal(meta_loss_at(3)->name, "log-last");
    for (int k = 0; k < 4; k++) {
        assert_int_equal(meta_loss_at(k)->logarithm, k >= 2);
        assert_ptr_equal(meta_loss_at(k)->weights, meta_loss_at(k % 2)->weights);
    }
    assert_null(meta_loss_at(4));
    assert_null(meta_loss_at(-1));
    assert_null(estimator_at(3));
    assert_null(estimator_at(-1));
}

/* Adam's two forms, written out. */
static void test_adam(void **state) {
    (void)state;
    enum { COUNT = 5, STEPS = 7 };
    const double rate = 0.003;
    static const double epsilons[] = {1e-8, 0.1, 0.0};
    for (int form = 0; form < 2; form++)
        for (int e = 0; e < 3; e++) {
            adam adam;
            assert_int_equal(adam_create(&adam, COUNT, epsilons[e], form == 1, &error), L2O_OK);
            for (int round = 0; round < 2; round++) { /* the second after a reset: the same again */
                double x[COUNT] = {1, 2, 3, 4, 5}, m[COUNT] = {0}, v[COUNT] = {0}, expected[COUNT] = {1, 2, 3, 4, 5};
                for (int t = 1; t <= STEPS; t++) {
                    double g[COUNT];
                    for (int i = 0; i < COUNT; i++) {
                        g[i] = i == 4 ? 0 : cos(3.0 * i + t) * pow(10, i - 2); /* one never moves */
                        m[i] = 0.9 * m[i] + 0.1 * g[i];
                        v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
                        double first = 1 - pow(0.9, t), second = 1 - pow(0.999, t), step;
                        if (form == 1)
                            step = rate * sqrt(second) / first * m[i] / (sqrt(v[i]) + epsilons[e]);
                        else
                            step = rate * (m[i] / first) / (sqrt(v[i] / second) + epsilons[e]);
                        if (g[i] != 0) expected[i] -= step;
                    }
                    adam_step(&adam, rate, g, x);
                    for (int i = 0; i < COUNT; i++) assert_true(fabs(x[i] - expected[i]) <= 1e-14 * fabs(expected[i]));
                }
                assert_int_equal(adam.steps, STEPS);
                adam_reset(&adam);
            }
            adam_free(&adam);
        }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_identities),
        TEST(test_maml_against_differences),
        TEST(test_maml_is_not_fomaml),
        TEST(test_carry),
        TEST(test_outer_segment),
        TEST(test_maml_on_the_next_segment),
        TEST(test_nan_is_named),
        TEST(test_missing_derivatives),
        TEST(test_what_settings_mean),
        TEST(test_losses),
        TEST(test_adam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
