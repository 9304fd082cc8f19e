/* Solving: stopping rules, statuses, certificates, the same bits for any number of threads, cancellation. */
#include "optimizer_fixture.h"

#include <math.h>

#include "optimizers/classical/coordinate_descent.h"
#include "problems/linear_model.h"

static l2o_solution *solve(bench *self) {
    l2o_solution *solution;
    if (l2o_solve(self->context, self->problem, self->optimizer, self->settings, &solution) != L2O_OK)
        fail_msg("%s", l2o_context_error(self->context));
    return solution;
}

static double optimum(bench *self, int64_t p) {
    const kernels *kernels;
    arena scratch = {0};
    assert_int_equal(kernels_select("portable", self->problem->type, &kernels, &self->error), L2O_OK);
    evaluation evaluation = {kernels, &scratch, &self->error};
    double value, *x = calloc((size_t)self->problem->dimension, sizeof *x);
    assert_non_null(x);
    assert_int_equal(coordinate_descent_optimum(self->problem, p, 1e-12, x, &value, NULL, &evaluation), L2O_OK);
    free(x);
    arena_free(&scratch);
    return value;
}

static double half_squares(const bench *self, int64_t p) {
    const linear_model *model = self->problem->model;
    double sum = 0;
    for (int64_t i = 0; i < model->m; i++) sum += 0.5 * pow(problem_load(model->type, model->b, p * model->m + i), 2);
    return sum;
}

/* FISTA to a gap: every bound holds, and easy instances leave earlier than hard ones. */
static void test_gap(void **state) {
    (void)state;
    bench self;
    bench_create(&self,
                 "problem=lasso n=10 m=20 batch=60 A=normal:1 lambda=0.1 dtype=float64 optimizer=fista steps=20000 "
                 "gap=1e-8",
                 2);
    l2o_solution *solution = solve(&self);
    assert_int_equal(l2o_solution_batch(solution), 60);
    assert_int_equal(l2o_solution_dimension(solution), 10);
    assert_int_equal(l2o_solution_count(solution, L2O_SOLVED_GAP), 60);
    int64_t fewest = INT64_MAX, most = 0;
    for (int64_t p = 0; p < 60; p++) {
        const l2o_solve_record *record = l2o_solution_record(solution, p);
        double least = optimum(&self, p);
        assert_true(record->gap >= 0 && record->gap <= 1e-8 * half_squares(&self, p));
        assert_true(record->value - least <= record->gap + 1e-13);
        assert_true(record->value >= least - 1e-13);
        assert_true(record->steps % 10 == 0);
        assert_true(record->value == record->last_value && record->best_value <= record->value);
        assert_true(record->gradient_evaluations == (double)record->steps);
        assert_true(record->check_evaluations == (double)(record->steps / 10 + 1));
        fewest = record->steps < fewest ? record->steps : fewest;
        most = record->steps > most ? record->steps : most;
        double f;
        l2o_error error = {0};
        const kernels *kernels;
        arena scratch = {0};
        assert_int_equal(kernels_select("portable", DTYPE_FLOAT64, &kernels, &error), L2O_OK);
        evaluation evaluation = {kernels, &scratch, &error};
        self.problem->ops->value_gradient(self.problem, (instances){1, &p}, l2o_solution_x(solution) + p * 10, &f, NULL,
                                          &evaluation);
        assert_near(f, record->value, 1e-14, "f at the x that was handed out");
        arena_free(&scratch);
    }
    assert_true(fewest < most);
    assert_null(l2o_solution_record(solution, 60));
    assert_null(l2o_solution_record(solution, -1));
    l2o_solution_free(solution);
    bench_free(&self);
}

static void test_tolerance(void **state) {
    (void)state;
    bench self;
    bench_create(&self,
                 "problem=quadratic n=8 m=20 batch=30 A=normal:1 dtype=float64 optimizer=nesterov steps=5000 "
                 "tolerance=1e-9",
                 1);
    l2o_solution *solution = solve(&self);
    assert_int_equal(l2o_solution_count(solution, L2O_SOLVED_TOLERANCE), 30);
    for (int64_t p = 0; p < 30; p++) {
        const l2o_solve_record *record = l2o_solution_record(solution, p);
        assert_true(isnan(record->gap));
        assert_near(record->value, optimum(&self, p), 1e-12, "least squares");
        assert_true(record->stationarity < 1e-6);
    }
    l2o_solution_free(solution);
    bench_free(&self);
}

/* At the limit of steps the best iterate is handed out, or the last. */
static void test_step_limit(void **state) {
    (void)state;
    for (int best = 0; best < 2; best++) {
        char text[200];
        snprintf(text, sizeof text,
                 "problem=rosenbrock batch=40 dtype=float64 optimizer=adam rate=0.3 steps=37 tolerance=0 "
                 "keep-iterate=%s",
                 best ? "best" : "last");
        bench self;
        bench_create(&self, text, 2);
        l2o_solution *solution = solve(&self);
        assert_int_equal(l2o_solution_count(solution, L2O_STEP_LIMIT), 40);
        double x[80];
        bench_run(&self, 37, x, NULL);
        int different = 0;
        for (int64_t p = 0; p < 40; p++) {
            const l2o_solve_record *record = l2o_solution_record(solution, p);
            const double *at = l2o_solution_x(solution) + 2 * p;
            assert_int_equal(record->steps, 37);
            double f = pow(1 - at[0], 2) + 100 * pow(at[1] - at[0] * at[0], 2);
            assert_near(f, record->value, 1e-12, "value at x");
            assert_true(record->best_value <= record->last_value && record->best_step <= 37);
            assert_true(record->value == (best ? record->best_value : record->last_value));
            if (!best) assert_true(at[0] == x[2 * p] && at[1] == x[2 * p + 1]);
            different += record->best_step != 37;
            assert_true(isnan(record->gap) && record->stationarity > 0);
        }
        assert_true(different > 0);
        l2o_solution_free(solution);
        bench_free(&self);
    }
}

static void test_divergence(void **state) {
    (void)state;
    bench self;
    bench_create(&self, "problem=lasso n=10 batch=20 A=normal:3 optimizer=sgd rate=1 steps=2000", 2);
    l2o_solution *solution = solve(&self);
    assert_int_equal(l2o_solution_count(solution, L2O_DIVERGED), 20);
    for (int64_t p = 0; p < 20; p++) {
        const l2o_solve_record *record = l2o_solution_record(solution, p);
        assert_true(isfinite(record->value) && isfinite(record->gap)); /* at the best iterate */
        assert_true(record->steps < 2000);
        for (int j = 0; j < 10; j++) assert_true(isfinite(l2o_solution_x(solution)[p * 10 + j]));
    }
    l2o_solution_free(solution);
    bench_free(&self);
}

/* Coordinate descent proves its solutions whatever the conditioning, in float32 as well as that type can hold them. */
static void test_coordinate_descent(void **state) {
    (void)state;
    static const char *const types[] = {"float64 gap=1e-9", "float32 gap=1e-6"};
    for (int k = 0; k < 2; k++)
        for (int deviation = 10; deviation <= 200; deviation += 95) {
            char text[160];
            snprintf(text, sizeof text, "problem=lasso n=10 batch=128 A=normal:%d optimizer=cd dtype=%s", deviation,
                     types[k]);
            bench self;
            bench_create(&self, text, 2);
            l2o_solution *solution = solve(&self);
            int64_t solved = l2o_solution_count(solution, L2O_SOLVED_GAP);
            if (k == 0 ? solved != 128 : solved < 100) fail_msg("%s: %d solved", text, (int)solved);
            for (int64_t p = 0; p < 128; p++) {
                const l2o_solve_record *record = l2o_solution_record(solution, p);
                assert_true(record->steps < 100);
                assert_true(record->gap >= 0);
            }
            l2o_solution_free(solution);
            bench_free(&self);
        }
}

static void test_exact_certificate(void **state) {
    (void)state;
    double gaps[2];
    for (int exact = 0; exact < 2; exact++) {
        char text[200];
        snprintf(text, sizeof text,
                 "problem=lasso n=10 batch=16 A=normal:10 dtype=float64 optimizer=adam steps=50 certificate=%s",
                 exact ? "exact" : "fast");
        bench self;
        bench_create(&self, text, 2);
        l2o_solution *solution = solve(&self);
        gaps[exact] = 0;
        for (int64_t p = 0; p < 16; p++) {
            const l2o_solve_record *record = l2o_solution_record(solution, p);
            double truth = record->value - optimum(&self, p);
            gaps[exact] += record->gap;
            assert_true(record->gap >= truth - 1e-12);
            if (exact) assert_near(record->gap, truth, 1e-9, "exact gap");
        }
        l2o_solution_free(solution);
        bench_free(&self);
    }
    assert_true(gaps[1] < gaps[0]);
}

static void test_threads(void **state) {
    (void)state;
    /* shared-A: 64 instances together, which leave their shard one by one */
    static const char *const optimizers[] = {"fista", "cd", "adam", "fista shared-A=yes m=7", "amp shared-A=yes"};
    for (int k = 0; k < 5; k++) {
        char text[160];
        snprintf(text, sizeof text, "problem=lasso n=10 batch=100 A=normal:2 optimizer=%s steps=300 gap=1e-4",
                 optimizers[k]);
        bench first, second;
        bench_create(&first, text, 1);
        bench_create(&second, text, 2);
        l2o_solution *one = solve(&first), *two = solve(&second);
        assert_memory_equal(l2o_solution_x(one), l2o_solution_x(two), 1000 * sizeof(double));
        for (int64_t p = 0; p < 100; p++) {
            const l2o_solve_record *a = l2o_solution_record(one, p), *b = l2o_solution_record(two, p);
            assert_true(a->status == b->status && a->steps == b->steps && a->value == b->value && a->gap == b->gap &&
                        a->stationarity == b->stationarity && a->gradient_evaluations == b->gradient_evaluations);
        }
        l2o_solution_free(one);
        l2o_solution_free(two);
        bench_free(&first);
        bench_free(&second);
    }
}

/* A start that is the solution is solved in no steps. */
static void test_warm_start(void **state) {
    (void)state;
    bench self;
    bench_create(&self, "problem=lasso n=10 batch=4 dtype=float64 optimizer=cd gap=1e-8 tolerance=1e-5", 1);
    l2o_solution *solution = solve(&self);
    assert_int_equal(l2o_solution_count(solution, L2O_SOLVED_GAP), 4);
    memcpy(self.problem->x0, l2o_solution_x(solution), 40 * sizeof(double));
    l2o_solution_free(solution);
    solution = solve(&self);
    for (int64_t p = 0; p < 4; p++) assert_int_equal(l2o_solution_record(solution, p)->steps, 0);
    assert_memory_equal(self.problem->x0, l2o_solution_x(solution), 40 * sizeof(double));
    l2o_solution_free(solution);
    bench_free(&self);
}

static void test_cancellation(void **state) {
    (void)state;
    bench self;
    bench_create(&self, "problem=lasso n=10 batch=40 dtype=float64 optimizer=ista gap=0", 2);
    l2o_context_cancel(self.context);
    l2o_solution *solution = solve(&self);
    assert_int_equal(l2o_solution_count(solution, L2O_CANCELLED), 40);
    assert_memory_equal(l2o_solution_x(solution), self.problem->x0, 400 * sizeof(double));
    assert_true(isnan(l2o_solution_record(solution, 0)->value));
    l2o_solution_free(solution);
    l2o_context_resume(self.context);
    solution = solve(&self);
    assert_int_equal(l2o_solution_count(solution, L2O_CANCELLED), 0);
    l2o_solution_free(solution);
    bench_free(&self);
}

static l2o_status failing(const problem *problem, instances rows, const void *x, void *f, void *g,
                          const evaluation *evaluation) {
    (void)problem, (void)rows, (void)x, (void)f, (void)g;
    return error_set(evaluation->error, L2O_ERROR_NUMERIC, "the callback has failed");
}

/* Cancels its context at the tenth call, then goes on as Rosenbrock. */
static l2o_context *to_cancel;
static int calls;
static const problem_ops *original;
static l2o_status cancelling(const problem *problem, instances rows, const void *x, void *f, void *g,
                             const evaluation *evaluation) {
    if (++calls == 10) l2o_context_cancel(to_cancel);
    return original->value_gradient(problem, rows, x, f, g, evaluation);
}

static void test_callbacks(void **state) {
    (void)state;
    bench self;
    bench_create(&self, "problem=rosenbrock batch=3 dtype=float64 optimizer=adam steps=1000 tolerance=0", 1);
    original = self.problem->ops;
    problem_ops ops = *original;
    self.problem->ops = &ops;
    ops.value_gradient = failing;
    l2o_solution *solution = NULL;
    assert_int_equal(l2o_solve(self.context, self.problem, self.optimizer, self.settings, &solution),
                     L2O_ERROR_NUMERIC);
    assert_null(solution);
    assert_string_equal(l2o_context_error(self.context), "the callback has failed");
    self.problem->ops = original;
    bench_free(&self);
}

/* Who is cancelled on the way keeps the point that it has reached, also where steps go over pieces of their own. */
static void test_cancelled_on_the_way(void **state) {
    (void)state;
    static const char *const optimizers[] = {"adam", "rnnprop"};
    for (int k = 0; k < 2; k++) {
        bench self;
        char settings[160];
        snprintf(settings, sizeof settings,
                 "problem=rosenbrock batch=3 dtype=float64 optimizer=%s steps=1000 tolerance=0", optimizers[k]);
        bench_create(&self, settings, 1);
        original = self.problem->ops;
        problem_ops ops = *original;
        self.problem->ops = &ops;
        ops.value_gradient = cancelling;
        to_cancel = self.context;
        calls = 0;
        l2o_solution *solution = solve(&self);
        assert_int_equal(l2o_solution_count(solution, L2O_CANCELLED), 3);
        for (int64_t p = 0; p < 3; p++) {
            const l2o_solve_record *record = l2o_solution_record(solution, p);
            assert_true(record->steps > 0 && record->steps < 20 && isfinite(record->value));
        }
        l2o_solution_free(solution);
        self.problem->ops = original;
        bench_free(&self);
    }
}

static void test_refusal_and_text(void **state) {
    (void)state;
    bench self;
    bench_create(&self, "problem=rosenbrock batch=3 optimizer=fista", 1);
    l2o_solution *solution;
    assert_int_equal(l2o_solve(self.context, self.problem, self.optimizer, self.settings, &solution),
                     L2O_ERROR_UNSUPPORTED);
    assert_null(solution);
    assert_non_null(strstr(l2o_context_error(self.context), "fista"));
    l2o_solution_free(NULL);
    bench_free(&self);
    for (int k = L2O_CANCELLED; k <= L2O_SOLVED_TOLERANCE; k++)
        assert_true(strcmp(l2o_solve_status_text((l2o_solve_status)k), "unknown status") != 0);
    assert_string_equal(l2o_solve_status_text((l2o_solve_status)99), "unknown status");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_step_limit),
        cmocka_unit_test(test_divergence),
        cmocka_unit_test(test_coordinate_descent),
        cmocka_unit_test(test_exact_certificate),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_warm_start),
        cmocka_unit_test(test_cancellation),
        cmocka_unit_test(test_cancelled_on_the_way),
        cmocka_unit_test(test_callbacks),
        cmocka_unit_test(test_refusal_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
