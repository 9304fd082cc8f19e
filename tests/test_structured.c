/* The structured rule against a second implementation in scalar loops, its derivatives, what it does not depend on (the
 * scale of A, the rest of the batch, the number of threads), degenerate data; and its guard. */
#include <math.h>

#include "l2o/check.h"
#include "l2o/optimizer.h"
#include "optimizer_fixture.h"
#include "problems/linear_model.h"

enum { N = 4, HIDDEN = 3, GATES = 4 * HIDDEN, FEATURES = 3, MOST_STEPS = 64, MOST_NUMBERS = 2048 };

#define SMALL "optimizer=structured layers=1 hidden=3 dtype=float64 problem=lasso n=4 "

static double sigmoid(double v) { return 1 / (1 + exp(-v)); }
static double soft(double v, double threshold) { return copysign(fmax(fabs(v) - threshold, 0), v); }

/* Weights as training might leave them, `size` times as far from zero as fresh ones. */
static void draw_weights(const optimizer *optimizer, double size) {
    optimizer_initialise(optimizer, 21, 0, optimizer->weights);
    for (int64_t i = 0; i < optimizer->weight_total; i++) {
        random_key key = {.seed = 3, .stream = STREAM_CHECK};
        optimizer->weights[i] += 0.3 * size * random_normal(key, (uint64_t)i);
    }
}

/* What a run leaves behind: objectives [steps + 1, B], x_0 .. x_T [steps + 1, B, n], and the cost. */
typedef struct trace {
    double objective[MOST_STEPS][MOST_NUMBERS / 8], x[MOST_STEPS][MOST_NUMBERS], evaluations;
} trace;

static void run_on(bench *self, l2o_context *context, int steps, double *gradient, bool detached, trace *out) {
    runner runner;
    carry carry;
    l2o_error error = {0};
    static double trajectory[MOST_STEPS * MOST_NUMBERS], loss_weights[MOST_STEPS];
    int64_t batch = self->problem->batch, n = self->problem->dimension;
    assert_true(steps < MOST_STEPS && batch * n <= MOST_NUMBERS && batch <= MOST_NUMBERS / 8);
    for (int t = 0; t <= steps; t++) loss_weights[t] = 1;
    assert_int_equal(runner_create(context, self->problem, self->optimizer, &runner, &error), L2O_OK);
    assert_int_equal(carry_create(self->problem, self->optimizer, &carry, &error), L2O_OK);
    carry_reset(&carry, self->problem);
    segment pass = {.weights = self->optimizer->weights,
                    .steps = steps,
                    .detached = detached,
                    .from = &carry,
                    .to = &carry,
                    .loss_weights = loss_weights,
                    .gradient = gradient,
                    .trajectory = trajectory};
    if (segment_run(&runner, &pass, &error) != L2O_OK) fail_msg("%s", error.text);
    for (int t = 0; t <= steps; t++) {
        memcpy(out->objective[t], runner_objective(&runner, t), (size_t)batch * sizeof(double));
        memcpy(out->x[t], trajectory + t * batch * n, (size_t)(batch * n) * sizeof(double));
    }
    out->evaluations = pass.gradient_evaluations;
    carry_free(&carry);
    runner_free(&runner);
}

static void run(bench *self, int steps, trace *out) { run_on(self, self->context, steps, NULL, true, out); }

static trace one, two; /* too large for the stack */

/* ------------------------------------------------------------------------------------------------------ the rule */

static double rms(const double *v) {
    double sum = 0;
    for (int j = 0; j < N; j++) sum += v[j] * v[j];
    return sqrt(sum / N);
}

typedef struct scalar_state {
    double x[N], y[N], h[N][HIDDEN], c[N][HIDDEN];
} scalar_state;

/* z [2] of coordinate j from its features. The weights are, one after another: [3 + H, 4 H], [4 H], [H, 2], [2]. */
static void scalar_network(const double *weights, const double *u, double *h, double *c, double z[2]) {
    const double *bias = weights + (FEATURES + HIDDEN) * GATES, *head = bias + GATES;
    double gate[GATES];
    for (int k = 0; k < GATES; k++) {
        gate[k] = bias[k];
        for (int r = 0; r < FEATURES; r++) gate[k] += u[r] * weights[r * GATES + k];
        for (int r = 0; r < HIDDEN; r++) gate[k] += h[r] * weights[(FEATURES + r) * GATES + k];
    }
    z[0] = head[2 * HIDDEN];
    z[1] = head[2 * HIDDEN + 1];
    for (int k = 0; k < HIDDEN; k++) {
        c[k] = sigmoid(gate[HIDDEN + k] + 1) * c[k] + sigmoid(gate[k]) * tanh(gate[2 * HIDDEN + k]);
        h[k] = sigmoid(gate[3 * HIDDEN + k]) * tanh(c[k]);
        z[0] += h[k] * head[2 * k];
        z[1] += h[k] * head[2 * k + 1];
    }
}

/* One step of one instance, in the normalised coordinates x' = c x, where the data are A' = A / c and lambda / c. */
static void scalar_step(const problem *problem, const double *weights, int64_t p, scalar_state *state) {
    double scale = sqrt(problem->lipschitz[p]), g[N], residual[N], ahead[N];
    const double *a = (const double *)problem->model->a + p * N * N, *b = (const double *)problem->model->b + p * N;
    for (int i = 0; i < N; i++) {
        residual[i] = -b[i];
        for (int j = 0; j < N; j++) residual[i] += a[i * N + j] / scale * state->y[j];
    }
    for (int j = 0; j < N; j++) {
        g[j] = 0;
        for (int i = 0; i < N; i++) g[j] += a[i * N + j] / scale * residual[i];
        ahead[j] = state->y[j] - state->x[j];
    }
    double size = hypot(rms(state->x), rms(ahead));
    for (int j = 0; j < N; j++) {
        double u[FEATURES] = {g[j] / rms(g), ahead[j] / size, log10(rms(g))}, z[2];
        scalar_network(weights, u, state->h[j], state->c[j], z);
        double length = sigmoid(z[0] + log(9)), momentum = sigmoid(z[1] + log(0.7 / 0.3)), x = state->x[j];
        state->x[j] = soft(state->y[j] - length * g[j], length * problem->lambda[p] / scale);
        state->y[j] = state->x[j] + momentum * (state->x[j] - x);
    }
}

static void test_second_implementation(void **unused) {
    (void)unused;
    enum { STEPS = 25 };
    bench self;
    bench_create(&self, SMALL "batch=7 lambda=0.05 x0=normal:1 guard=none", 1);
    draw_weights(self.optimizer, 1);
    assert_int_equal(self.optimizer->weight_total, (FEATURES + HIDDEN + 1) * GATES + 2 * HIDDEN + 2);
    run(&self, STEPS, &one);
    for (int64_t p = 0; p < 7; p++) {
        scalar_state state = {0};
        double scale = sqrt(self.problem->lipschitz[p]);
        for (int j = 0; j < N; j++) state.x[j] = state.y[j] = scale * one.x[0][p * N + j];
        for (int t = 1; t <= STEPS; t++) {
            scalar_step(self.problem, self.optimizer->weights, p, &state);
            for (int j = 0; j < N; j++) assert_near(state.x[j] / scale, one.x[t][p * N + j], 1e-10, "x");
        }
    }
    assert_true(one.evaluations == STEPS);
    bench_free(&self);
}

/* With a head of zeros: ISTA's first step, and a momentum of 0.7; narrow ranges give nine tenths of themselves. */
static void test_fresh_weights_are_a_known_method(void **unused) {
    (void)unused;
    bench self, ista;
    bench_create(&self, SMALL "batch=3 guard=none preconditioner-range=2 momentum-range=2", 1);
    bench_create(&ista, "optimizer=ista problem=lasso n=4 batch=3 dtype=float64", 1);
    optimizer_initialise(self.optimizer, 5, 0, self.optimizer->weights);
    memset(self.optimizer->weights + self.optimizer->layout[2].offset, 0, (2 * HIDDEN + 2) * sizeof(double));
    run(&self, 2, &one);
    run(&ista, 1, &two);
    for (int i = 0; i < 3 * N; i++) assert_near(one.x[1][i], two.x[1][i], 1e-14, "first step");
    double *x0 = ista.problem->x0;
    for (int i = 0; i < 3 * N; i++) x0[i] = one.x[1][i] + 0.7 * (one.x[1][i] - one.x[0][i]);
    run(&ista, 1, &two);
    for (int i = 0; i < 3 * N; i++) assert_near(one.x[2][i], two.x[1][i], 1e-14, "second step");
    bench_free(&ista);
    bench_free(&self);

    bench_create(&self,
                 "optimizer=structured layers=1 hidden=3 dtype=float64 problem=quadratic n=4 batch=3 guard=none "
                 "preconditioner-range=0.5 momentum-range=1",
                 1);
    bench_create(&ista, "optimizer=sgd problem=quadratic n=4 batch=3 dtype=float64", 1);
    optimizer_initialise(self.optimizer, 5, 0, self.optimizer->weights);
    memset(self.optimizer->weights + self.optimizer->layout[2].offset, 0, (2 * HIDDEN + 2) * sizeof(double));
    run(&self, 1, &one);
    run(&ista, 1, &two);
    for (int i = 0; i < 3 * N; i++)
        assert_near(one.x[1][i] - one.x[0][i], 0.45 * (two.x[1][i] - two.x[0][i]), 1e-14, "a short step");
    bench_free(&ista);
    bench_free(&self);
}

static void test_derivatives(void **unused) {
    (void)unused;
    static const char *const families[] = {"problem=lasso", "problem=quadratic", "problem=logistic m=12 lambda=0.02"};
    for (int k = 0; k < 3; k++) {
        bench self;
        char text[256];
        snprintf(text, sizeof text, "optimizer=structured layers=2 hidden=3 dtype=float64 n=4 batch=3 %s", families[k]);
        bench_create(&self, text, 2);
        draw_weights(self.optimizer, 1);
        bench_check_meta_derivatives(&self, families[k]);
        bench_free(&self);
    }
}

static void test_needs_a_lipschitz_constant(void **unused) {
    (void)unused;
    bench self;
    bench_create(&self, "optimizer=structured problem=rosenbrock", 1);
    l2o_error error = {0};
    assert_int_equal(optimizer_suits(self.optimizer, self.problem, &error), L2O_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.text, "Lipschitz constant"));
    bench_free(&self);
}

/* ------------------------------------------------------------------------------------- what it does not depend on */

/* A ten times as large, x a tenth, lambda ten times: the same problem in other units, and so the same run. */
static void test_scale_of_a_drops_out(void **unused) {
    (void)unused;
    enum { STEPS = 20, BATCH = 6 };
    static const char *const guards[] = {"none", "ista", "fista"};
    for (int k = 0; k < 3; k++) {
        bench self;
        char text[256];
        snprintf(text, sizeof text, SMALL "batch=6 x0=normal:1 guard=%s", guards[k]);
        bench_create(&self, text, 1);
        draw_weights(self.optimizer, 2);
        run(&self, STEPS, &one);
        double *a = self.problem->model->a, *x0 = self.problem->x0;
        for (int i = 0; i < BATCH * N * N; i++) a[i] *= 10;
        for (int i = 0; i < BATCH * N; i++) x0[i] /= 10;
        for (int p = 0; p < BATCH; p++) self.problem->lambda[p] *= 10;
        self.problem->lipschitz_ready = false;
        run(&self, STEPS, &two);
        for (int t = 0; t <= STEPS; t++)
            for (int i = 0; i < BATCH * N; i++)
                assert_near(10 * two.x[t][i], one.x[t][i], 1e-8 * (1 + fabs(one.x[t][i])), "x");
        bench_free(&self);
    }
}

static void test_instances_and_threads_do_not_matter(void **unused) {
    (void)unused;
    enum { STEPS = 30, MANY = 60, FEW = 7 };
    bench many, few;
    bench_create(&many, SMALL "batch=60 x0=normal:1", 1);
    bench_create(&few, SMALL "batch=7 x0=normal:1", 1);
    draw_weights(many.optimizer, 3);
    draw_weights(few.optimizer, 3);
    run(&many, STEPS, &one);
    run(&few, STEPS, &two);
    for (int t = 0; t <= STEPS; t++) assert_memory_equal(one.x[t], two.x[t], FEW * N * sizeof(double));
    l2o_context *context = NULL;
    assert_int_equal(l2o_context_create(3, "portable", &context), L2O_OK);
    run_on(&many, context, STEPS, NULL, true, &two);
    for (int t = 0; t <= STEPS; t++) assert_memory_equal(one.x[t], two.x[t], MANY * N * sizeof(double));
    assert_true(one.evaluations == two.evaluations);
    double *gradient[2];
    for (int k = 0; k < 2; k++) {
        gradient[k] = calloc((size_t)many.optimizer->weight_total, sizeof(double));
        assert_non_null(gradient[k]);
        run_on(&many, k == 0 ? many.context : context, STEPS, gradient[k], true, &two);
    }
    assert_memory_equal(gradient[0], gradient[1], (size_t)many.optimizer->weight_total * sizeof(double));
    free(gradient[0]);
    free(gradient[1]);
    l2o_context_free(context);
    bench_free(&few);
    bench_free(&many);
}

/* A column of zeros, an A of zeros, an instance that starts at its solution, all with finite derivatives. */
static void test_degenerate_data(void **unused) {
    (void)unused;
    enum { STEPS = 10, BATCH = 3 };
    static const char *const guards[] = {"none", "ista", "fista"};
    for (int k = 0; k < 6; k++) {
        bench self;
        char text[256];
        snprintf(text, sizeof text, SMALL "batch=3 lambda=0 dtype=%s guard=%s", k < 3 ? "float64" : "float32",
                 guards[k % 3]);
        bench_create(&self, text, 1);
        draw_weights(self.optimizer, 1);
        dtype type = self.problem->type;
        linear_model *model = self.problem->model;
        for (int i = 0; i < N; i++) {
            problem_store(type, model->a, i * N, 0);                                         /* a column */
            for (int j = 0; j < N; j++) problem_store(type, model->a, N * N + i * N + j, 0); /* all of it */
            problem_store(type, model->b, 2 * N + i, 0);                                     /* solved by 0, */
            problem_store(type, self.problem->x0, 2 * N + i, 0);                             /* where it starts */
        }
        double *gradient = calloc((size_t)self.optimizer->weight_total, sizeof *gradient);
        assert_non_null(gradient);
        run(&self, STEPS, &one);
        for (int detached = 0; detached < 2; detached++) {
            run_on(&self, self.context, STEPS, gradient, detached, &two);
            for (int64_t i = 0; i < self.optimizer->weight_total; i++) assert_true(isfinite(gradient[i]));
        }
        for (int t = 0; t <= STEPS; t++)
            for (int i = 0; i < BATCH * N; i++) assert_true(isfinite(one.x[t][i]));
        for (int t = 0; t <= STEPS; t++) {
            assert_true(one.x[t][0] == one.x[0][0]);
            for (int i = N; i < 3 * N; i++) assert_true(one.x[t][i] == one.x[0][i]);
        }
        free(gradient);
        bench_free(&self);
    }
}

/* ------------------------------------------------------------------------------------------------------ the guard */

/* Large random weights, whose steps diverge: guarded, no instance's objective ever rises. */
static void test_guard_holds_a_diverging_rule(void **unused) {
    (void)unused;
    enum { STEPS = 60, BATCH = 40 };
    const char *common = SMALL "batch=40 x0=normal:1 preconditioner-range=6 ";
    double plain = 0;
    bench ista;
    bench_create(&ista, "optimizer=ista dtype=float64 problem=lasso n=4 batch=40 x0=normal:1", 1);
    run(&ista, STEPS, &two);
    for (int k = 0; k < 3; k++) {
        bench self;
        char text[256];
        snprintf(text, sizeof text, "%sguard=%s", common, k == 0 ? "none" : k == 1 ? "ista" : "fista");
        bench_create(&self, text, 1);
        draw_weights(self.optimizer, 8);
        run(&self, STEPS, &one);
        double first = 0, last = 0, other = 0;
        for (int p = 0; p < BATCH; p++) {
            first += one.objective[0][p];
            last += one.objective[STEPS][p];
            other += two.objective[STEPS][p];
            for (int t = 1; t <= STEPS && k > 0; t++)
                assert_true(one.objective[t][p] <= one.objective[t - 1][p] * (1 + 1e-12));
        }
        if (k == 0) {
            plain = last;
            assert_true(!(last < 1e3 * first));
        } else {
            assert_true(last < first && last < plain);
            assert_true(last < other + 0.05 * first);
            assert_true(one.evaluations > 1.5 * STEPS && one.evaluations < (k == 1 ? 2.5 : 4) * STEPS);
        }
        bench_free(&self);
    }
    bench_free(&ista);
}

/* No gradient of its is ever divided by the batch, so asking for that is a mistake; not asking is none. */
static void test_refuses_the_batch_gradient(void **unused) {
    (void)unused;
    bench self;
    l2o_error error = {0};
    optimizer *made = NULL;
    bench_create(&self, SMALL "batch=2", 1);
    assert_false(self.optimizer->scale_by_batch);
    if (settings_set(self.settings, "gradient-scale", "batch", "test", &error) != L2O_OK) fail_msg("%s", error.text);
    assert_int_equal(optimizer_create(self.settings, "structured", &made, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "test: gradient-scale = batch means nothing"));
    bench_free(&self);
}

/* Steps a thousand times too long are all refused: what is left is ISTA, and of FISTA's sequence something no worse. */
static void test_guard_falls_back_to_known_methods(void **unused) {
    (void)unused;
    enum { STEPS = 40, BATCH = 5 };
    const char *hopeless = SMALL "batch=5 x0=normal:1 preconditioner-range=1e6 guard=%s";
    bench self, ista;
    bench_create(&ista, "optimizer=ista dtype=float64 problem=lasso n=4 batch=5 x0=normal:1", 1);
    run(&ista, STEPS, &two);
    for (int k = 0; k < 2; k++) {
        char text[256];
        snprintf(text, sizeof text, hopeless, k == 0 ? "ista" : "fista");
        bench_create(&self, text, 1);
        optimizer_initialise(self.optimizer, 5, 0, self.optimizer->weights);
        self.optimizer->weights[self.optimizer->weight_total - 2] = 10 + log(1e6);
        run(&self, STEPS, &one);
        for (int p = 0; p < BATCH; p++) {
            for (int t = 0; t <= STEPS && k == 0; t++)
                assert_near(one.objective[t][p], two.objective[t][p], 1e-12, "objective");
            assert_true(one.objective[STEPS][p] <= two.objective[STEPS][p] * (1 + 1e-12));
        }
        if (k == 0) assert_true(one.evaluations == 2.5 * STEPS);
        if (k == 1) assert_true(one.evaluations >= 3 * STEPS && one.evaluations < 4 * STEPS);
        bench_free(&self);
    }
    bench_free(&ista);
}

/* Training does not see the guard: a recorded run is the unguarded one. */
static void test_recorded_steps_are_unguarded(void **unused) {
    (void)unused;
    enum { STEPS = 20 };
    bench guarded, plain;
    bench_create(&guarded, SMALL "batch=5 x0=normal:1 preconditioner-range=4 guard=fista", 1);
    bench_create(&plain, SMALL "batch=5 x0=normal:1 preconditioner-range=4 guard=none", 1);
    draw_weights(guarded.optimizer, 3);
    draw_weights(plain.optimizer, 3);
    double *gradient = calloc((size_t)plain.optimizer->weight_total, sizeof *gradient);
    assert_non_null(gradient);
    run_on(&guarded, guarded.context, STEPS, gradient, true, &one);
    run(&plain, STEPS, &two);
    for (int t = 0; t <= STEPS; t++) assert_memory_equal(one.x[t], two.x[t], 5 * N * sizeof(double));
    run(&guarded, STEPS, &two);
    assert_memory_not_equal(one.x[STEPS], two.x[STEPS], 5 * N * sizeof(double));
    free(gradient);
    bench_free(&plain);
    bench_free(&guarded);
}

/* ---------------------------------------------------------------------------------------------------------- files */

/* Weights come back; the guard is chosen anew with each use, what belongs to the weights is not. */
static void test_save_and_load(void **unused) {
    (void)unused;
    char path[] = "/tmp/l2o-structured-XXXXXX", file[64], spec[128];
    assert_non_null(mkdtemp(path));
    snprintf(file, sizeof file, "%s/w.safetensors", path);
    bench self;
    bench_create(&self, SMALL "batch=5 x0=normal:1 preconditioner-range=4 guard=none", 1);
    draw_weights(self.optimizer, 3);
    if (l2o_optimizer_save(self.context, self.optimizer, file) != L2O_OK)
        fail_msg("%s", l2o_context_error(self.context));
    bench again;
    bench_create(&again, SMALL "batch=5 x0=normal:1 guard=none", 1);
    optimizer_free(again.optimizer);
    for (int k = 0; k < 3; k++) {
        l2o_error error = {0};
        snprintf(spec, sizeof spec, "%s:%s", file,
                 k == 0   ? "guard=none"
                 : k == 1 ? "guard=ista"
                          : "preconditioner-range=2");
        l2o_status status = optimizer_from_spec(again.settings, spec, 0, &again.optimizer, &error);
        if (k == 2) {
            assert_int_equal(status, L2O_ERROR_INPUT);
            assert_non_null(strstr(error.text, "preconditioner-range"));
            continue;
        }
        if (status != L2O_OK) fail_msg("%s", error.text);
        run(&self, 20, &one);
        run(&again, 20, &two);
        if (k == 0)
            assert_memory_equal(one.x[20], two.x[20], 5 * N * sizeof(double));
        else
            assert_memory_not_equal(one.x[20], two.x[20], 5 * N * sizeof(double));
        optimizer_free(again.optimizer);
    }
    again.optimizer = NULL;
    remove(file);
    remove(path);
    bench_free(&again);
    bench_free(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_implementation),
        cmocka_unit_test(test_fresh_weights_are_a_known_method),
        cmocka_unit_test(test_derivatives),
        cmocka_unit_test(test_needs_a_lipschitz_constant),
        cmocka_unit_test(test_refuses_the_batch_gradient),
        cmocka_unit_test(test_scale_of_a_drops_out),
        cmocka_unit_test(test_instances_and_threads_do_not_matter),
        cmocka_unit_test(test_degenerate_data),
        cmocka_unit_test(test_guard_holds_a_diverging_rule),
        cmocka_unit_test(test_guard_falls_back_to_known_methods),
        cmocka_unit_test(test_recorded_steps_are_unguarded),
        cmocka_unit_test(test_save_and_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
