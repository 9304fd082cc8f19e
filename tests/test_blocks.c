/* Runs in blocks around the tape against runs on it: begun in the middle of a run, through compaction, stored back;
 * one wide instance over threads; and solving, which takes them. */
#include "l2o/solve.h"
#include "run/driver.h"
#include "run/segment.h"
#include "run_problem.h"

enum { STEPS = 12 };

/* A carry after some steps. */
static void advance(l2o_context *context, problem *problem, optimizer *optimizer, carry *carry) {
    l2o_error error = {0};
    runner runner;
    assert_int_equal(runner_create(context, problem, optimizer, &runner, &error), L2O_OK);
    assert_int_equal(carry_create(problem, optimizer, carry, &error), L2O_OK);
    carry_reset(carry, problem);
    segment segment = {.steps = 4, .weights = optimizer->weights, .from = carry, .to = carry, .on_tape = true};
    if (segment_run(&runner, &segment, &error) != L2O_OK) fail_msg("%s", error.text);
    runner_free(&runner);
}

static void assert_close(dtype type, const void *a, const void *b, int64_t count, const char *what) {
    double tolerance = type == DTYPE_FLOAT32 ? 2e-5 : 1e-12;
    for (int64_t i = 0; i < count; i++) {
        double x = problem_load(type, a, i), y = problem_load(type, b, i);
        if (!(fabs(x - y) <= tolerance * (1 + fabs(y))))
            fail_msg("%s[%lld]: %.17g and %.17g", what, (long long)i, x, y);
    }
}

static void compare(const char *kernel, const char *type, int64_t n, int64_t batch, const char *options) {
    problem *problem = test_problem("quadratic", n, batch, type);
    optimizer *optimizer = test_optimizer_with("rnnprop", 7, options);
    l2o_context *context = test_context_on(2, kernel);
    l2o_error error = {0};
    const kernels *kernels;
    assert_int_equal(kernels_select(kernel, problem->type, &kernels, &error), L2O_OK);
    carry start, ends[2];
    advance(context, problem, optimizer, &start);
    arena memory[2] = {{0}};
    driver tape, fused;
    int64_t *left = calloc((size_t)batch, sizeof *left), *keep = calloc((size_t)batch, sizeof *keep), count = batch;
    assert_true(left != NULL && keep != NULL);
    for (int64_t p = 0; p < batch; p++) left[p] = p;
    instances rows = {batch, left};
    driver_begin(&tape, kernels, &memory[0], &error, problem, optimizer, optimizer->weights, &rows, &start, 0, false,
                 true);
    driver_begin_fused(&fused, context, kernels, &memory[1], &error, problem, optimizer, optimizer->weights, &rows,
                       &start, 0);
    for (int64_t t = 1; t <= STEPS; t++) {
        const value *f = driver_objective(&tape), *g = driver_objective(&fused);
        assert_true(f != NULL && g != NULL);
        assert_int_equal(g->rows, count);
        assert_close(problem->type, g->data, f->data, count, "objective");
        driver_step(&tape, 4 + t);
        driver_step(&fused, 4 + t);
        assert_close(problem->type, fused.x->data, tape.x->data, count * n, "x");
        if (t % 5 != 0 || count < 3) continue;
        int64_t kept = 0; /* drops the first and one in the middle */
        for (int64_t r = 1; r < count; r++)
            if (r != count / 2) keep[kept++] = r;
        for (int64_t r = 0; r < kept; r++) left[r] = left[keep[r]];
        count = kept;
        rows.count = count;
        driver_compact(&tape, keep, count, &rows);
        driver_compact(&fused, keep, count, &rows);
    }
    assert_int_equal(driver_status(&tape), L2O_OK);
    assert_int_equal(driver_status(&fused), L2O_OK);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(carry_create(problem, optimizer, &ends[k], &error), L2O_OK);
        driver_store(k == 0 ? &tape : &fused, &ends[k], 0);
    }
    assert_close(problem->type, ends[1].x, ends[0].x, count * n, "stored x");
    for (int k = 0; k < optimizer->state_count; k++)
        assert_close(problem->type, ends[1].state[k], ends[0].state[k], count * n * optimizer->state[k].width,
                     optimizer->state[k].name);
    for (int k = 0; k < 2; k++) {
        carry_free(&ends[k]);
        arena_free(&memory[k]);
    }
    carry_free(&start);
    free(left);
    free(keep);
    l2o_context_free(context);
    optimizer_free(optimizer);
    problem_free(problem);
}

static void test_against_tape(void **state) {
    (void)state;
    static const char *const paths[] = {"portable", "avx2", "avx512"};
    for (int path = 0; path < 3; path++) {
        const kernels *kernels;
        if (kernels_select(paths[path], DTYPE_FLOAT32, &kernels, &(l2o_error){0}) != L2O_OK) continue;
        for (int type = 0; type < 2; type++) {
            const char *name = type == 0 ? "float32" : "float64";
            for (int rule = 0; test_rule(rule) != NULL; rule++) {
                compare(paths[path], name, 3, 1, test_rule(rule));
                compare(paths[path], name, 10, 8, test_rule(rule));
                compare(paths[path], name, 7, 37, test_rule(rule));
                compare(paths[path], name, 100, 6, test_rule(rule));
            }
        }
    }
}

/* What a solve gives does not depend on threads, also where one instance is all there is to share out; and it is what
 * the tape gives. */
static void test_solve(void **state) {
    (void)state;
    const struct {
        const char *family;
        int64_t n, batch;
        const char *options;
    } cases[] = {{"rastrigin", 20000, 1, ""},
                 {"rastrigin", 500, 3, "step-range=1"},
                 {"lasso", 10, 50, ""},
                 {"lasso", 10, 50, "update=momentum normalise=spectral"},
                 {"lasso", 500, 2, "update=momentum step-scale=0.0001 gradient-scale=batch"}};
    for (int k = 0; k < 5; k++) {
        problem *problem = test_problem(cases[k].family, cases[k].n, cases[k].batch, "float32");
        optimizer *optimizer = test_optimizer_with("rnnprop", 0, cases[k].options);
        int64_t total = cases[k].n * cases[k].batch;
        l2o_solution *solutions[2];
        l2o_settings *settings = test_settings();
        test_set(settings, "steps", "6");
        test_set(settings, "keep-iterate", "last");
        for (int threads = 1; threads <= 2; threads++) {
            l2o_context *context = test_context(threads);
            if (l2o_solve(context, problem, optimizer, settings, &solutions[threads - 1]) != L2O_OK)
                fail_msg("%s", l2o_context_error(context));
            l2o_context_free(context);
        }
        assert_memory_equal(l2o_solution_x(solutions[0]), l2o_solution_x(solutions[1]), (size_t)total * sizeof(double));
        assert_int_equal(l2o_solution_record(solutions[0], 0)->steps, 6);

        l2o_error error = {0};
        runner runner;
        carry carry;
        l2o_context *context = test_context(1);
        assert_int_equal(runner_create(context, problem, optimizer, &runner, &error), L2O_OK);
        assert_int_equal(carry_create(problem, optimizer, &carry, &error), L2O_OK);
        carry_reset(&carry, problem);
        segment segment = {.steps = 6, .weights = optimizer->weights, .from = &carry, .to = &carry, .on_tape = true};
        assert_int_equal(segment_run(&runner, &segment, &error), L2O_OK);
        for (int64_t i = 0; i < total; i++)
            assert_true(fabs(l2o_solution_x(solutions[0])[i] - problem_load(DTYPE_FLOAT32, carry.x, i)) < 1e-5);
        runner_free(&runner);
        carry_free(&carry);
        l2o_context_free(context);
        for (int s = 0; s < 2; s++) l2o_solution_free(solutions[s]);
        settings_free(settings);
        optimizer_free(optimizer);
        problem_free(problem);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_tape), cmocka_unit_test(test_solve)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
