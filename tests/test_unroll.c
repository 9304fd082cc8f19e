/* The fused unroll of RNNprop against the tape, to rounding, over shapes, float types and kernel paths: objectives,
 * trajectories, gradients and what is carried on. Then what must be the same to the bit, and what must fail alike. */
#include <math.h>
#include <stdlib.h>

#include "optimizers/unroll.h"
#include "problems/custom.h"
#include "run/segment.h"
#include "run_problem.h"

static l2o_error error;

static void must(l2o_status status) {
    if (status != L2O_OK) fail_msg("%s", error.text);
}

static double *numbers(int64_t count) {
    double *made = memory_allocate((size_t)count, sizeof *made, &error);
    assert_non_null(made);
    return made;
}

typedef struct shape {
    const char *family;
    int64_t n, batch;
    int layers;
    int64_t hidden, steps;
} shape;

static optimizer *network(int layers, int64_t hidden, const char *options) {
    l2o_settings *settings = test_settings();
    optimizer *made = NULL;
    test_set_integer(settings, "layers", layers);
    test_set_integer(settings, "hidden", hidden);
    test_set_all(settings, options);
    must(optimizer_create(settings, "rnnprop", &made, &error));
    optimizer_initialise(made, 5, 0, made->weights);
    settings_free(settings);
    return made;
}

/* What a run gives. */
typedef struct outcome {
    carry carry;
    double *objective, *trajectory, *gradient, loss;
} outcome;

typedef struct bench {
    l2o_context *context;
    problem *problem;
    optimizer *optimizer;
    runner runner;
    carry start;
    shape shape;
    const char *options; /* of the optimizer */
    double *loss_weights;
    bool logarithm;
} bench;

static bench bench_open(const shape *shape, const char *options, const char *type, const char *kernel, int threads) {
    bench it = {.context = test_context_on(threads, kernel), .shape = *shape, .options = options};
    it.problem = test_problem(shape->family, shape->n, shape->batch, type);
    it.optimizer = network(shape->layers, shape->hidden, options);
    it.optimizer->scale_by_batch = shape->batch % 2 == 0;
    must(runner_create(it.context, it.problem, it.optimizer, &it.runner, &error));
    must(carry_create(it.problem, it.optimizer, &it.start, &error));
    carry_reset(&it.start, it.problem);
    it.loss_weights = numbers(shape->steps + 1);
    for (int64_t t = 0; t <= shape->steps; t++) it.loss_weights[t] = 1;
    return it;
}

static void bench_close(bench *it) {
    runner_free(&it->runner);
    carry_free(&it->start);
    memory_free(it->loss_weights);
    optimizer_free(it->optimizer);
    problem_free(it->problem);
    l2o_context_free(it->context);
}

/* From the start, or in place from where `carry` of the outcome stands already. */
static outcome run(bench *it, bool on_tape, bool differentiate, int64_t first_step) {
    int64_t steps = it->shape.steps, batch = it->problem->batch, values = (steps + 1) * batch;
    outcome made = {.objective = numbers(values), .trajectory = numbers(values * it->problem->dimension)};
    made.gradient = numbers(it->optimizer->weight_total);
    must(carry_create(it->problem, it->optimizer, &made.carry, &error));
    segment pass = {.weights = it->optimizer->weights,
                    .steps = steps,
                    .first_step = first_step,
                    .detached = true,
                    .loss_weights = it->loss_weights,
                    .logarithm = it->logarithm,
                    .from = &it->start,
                    .to = &made.carry,
                    .gradient = differentiate ? made.gradient : NULL,
                    .on_tape = on_tape,
                    .trajectory = made.trajectory};
    must(segment_run(&it->runner, &pass, &error));
    memcpy(made.objective, runner_objective(&it->runner, 0), (size_t)values * sizeof *made.objective);
    made.loss = pass.loss;
    assert_true(pass.gradient_evaluations == (double)steps);
    assert_int_equal(made.carry.steps, it->start.steps + steps);
    return made;
}

static void outcome_free(outcome *made) {
    carry_free(&made->carry);
    memory_free(made->objective);
    memory_free(made->trajectory);
    memory_free(made->gradient);
}

/* How far two vectors are apart, relative to the larger one. */
static double apart(int64_t count, const double *a, const double *b) {
    double sum = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += (a[i] - b[i]) * (a[i] - b[i]);
        size = fmax(size, fabs(a[i]));
    }
    return sum == 0 ? 0 : sqrt(sum / (double)count) / size;
}

static double apart_in(dtype type, int64_t count, const void *a, const void *b) {
    double *x = numbers(2 * count), *y = x + count;
    for (int64_t i = 0; i < count; i++) {
        x[i] = problem_load(type, a, i);
        y[i] = problem_load(type, b, i);
    }
    double found = apart(count, x, y);
    memory_free(x);
    return found;
}

static void assert_apart(const bench *it, double found, double tolerance, const char *what) {
    const shape *shape = &it->shape;
    if (!(found <= tolerance))
        fail_msg("%s on %s, %s, n %lld, B %lld, %d layers of %lld, T %lld%s, '%s': %g apart", what,
                 it->runner.kernels->name, shape->family, (long long)shape->n, (long long)shape->batch, shape->layers,
                 (long long)shape->hidden, (long long)shape->steps, it->logarithm ? ", logarithms" : "", it->options,
                 found);
}

static void assert_alike(const bench *it, const outcome *a, const outcome *b, double tolerance) {
    int64_t values = (it->shape.steps + 1) * it->problem->batch, n = it->problem->dimension;
    assert_apart(it, apart(values, a->objective, b->objective), tolerance, "objectives");
    assert_apart(it, apart(values * n, a->trajectory, b->trajectory), tolerance, "trajectories");
    assert_apart(it, apart(it->optimizer->weight_total, a->gradient, b->gradient), 4 * tolerance, "gradients");
    assert_apart(it, apart_in(a->carry.type, it->problem->batch * n, a->carry.x, b->carry.x), tolerance, "x");
    for (int k = 0; k < a->carry.state_count; k++) {
        int64_t count = it->problem->batch * (int64_t)(a->carry.row_bytes[k] / dtype_size(a->carry.type));
        assert_apart(it, apart_in(a->carry.type, count, a->carry.state[k], b->carry.state[k]), 8 * tolerance,
                     it->optimizer->state[k].name);
    }
}

static void assert_same_bits(const bench *it, const outcome *a, const outcome *b) {
    int64_t values = (it->shape.steps + 1) * it->problem->batch;
    assert_memory_equal(a->objective, b->objective, (size_t)values * sizeof(double));
    assert_memory_equal(a->trajectory, b->trajectory, (size_t)(values * it->problem->dimension) * sizeof(double));
    assert_memory_equal(a->carry.x, b->carry.x, (size_t)a->carry.batch * carry_x_bytes(&a->carry));
    for (int k = 0; k < a->carry.state_count; k++)
        assert_memory_equal(a->carry.state[k], b->carry.state[k], (size_t)a->carry.batch * a->carry.row_bytes[k]);
}

static const shape shapes[] = {
    {"lasso", 10, 8, 2, 20, 20},      {"lasso", 10, 128, 2, 20, 5}, {"lasso", 1, 1, 1, 1, 20},
    {"lasso", 7, 13, 1, 3, 20},       {"quadratic", 7, 1, 3, 5, 5}, {"rastrigin", 100, 2, 2, 16, 5},
    {"rastrigin", 300, 1, 2, 20, 5},  {"lasso", 300, 2, 1, 33, 1},  {"rosenbrock", 2, 81, 2, 20, 5},
    {"logistic", 10, 9, 2, 20, 5},    {"l2reg", 5, 40, 2, 7, 1},    {"quadratic", 1, 1, 2, 20, 1},
    {"rastrigin", 900, 1, 2, 20, 12}, /* records that leave the caches */
};
enum { SHAPES = sizeof shapes / sizeof *shapes };
static const char *const kernel_names[] = {"portable", "avx2", "avx512"};

static bool runs(const char *kernel) {
    const kernels *table;
    return kernels_select(kernel, DTYPE_FLOAT64, &table, &error) == L2O_OK;
}

/* Weights on all steps, on the last, on some, and on the first alone. */
static void weigh(bench *it, int kind) {
    for (int64_t t = 0; t <= it->shape.steps; t++) {
        bool last = t == it->shape.steps;
        it->loss_weights[t] = kind == 0 ? 1 : kind == 1 ? last : kind == 2 ? (t % 3 == 1 && !last) * 0.5 : t == 0;
    }
}

static void compare_shape(const shape *shape, const char *options, const char *type, const char *kernel,
                          double tolerance) {
    bench it = bench_open(shape, options, type, kernel, 1);
    for (int kind = 0; kind < 4; kind++) {
        it.logarithm = options[0] != '\0' && kind != 1;
        weigh(&it, kind);
        int64_t first_step = kind == 2 ? 7 : 0;
        outcome tape = run(&it, true, true, first_step), fused = run(&it, false, true, first_step);
        outcome plain = run(&it, false, false, first_step);
        assert_alike(&it, &fused, &tape, tolerance);
        assert_same_bits(&it, &fused, &plain);
        assert_true(fabs(fused.loss - tape.loss) <= tolerance * fabs(tape.loss));
        /* on from there, in place */
        carry kept = it.start;
        it.start = plain.carry;
        plain.carry = kept;
        outcome_free(&tape);
        outcome_free(&fused);
        outcome_free(&plain);
    }
    bench_close(&it);
}

/* The paper's rule on all shapes; the others, with the mean of logarithms as the meta-loss, on some. */
static void against_tape(const char *type, double tolerance) {
    static const bool varied[SHAPES] = {[0] = true, [4] = true, [7] = true, [9] = true, [10] = true, [12] = true};
    for (int k = 0; k < 3; k++)
        for (int s = 0; s < SHAPES && runs(kernel_names[k]); s++)
            for (int rule = 0; test_rule(rule) != NULL; rule++)
                if (rule == 0 || varied[s])
                    compare_shape(&shapes[s], test_rule(rule), type, kernel_names[k], tolerance);
}

static void test_float64(void **state) {
    (void)state;
    against_tape("float64", 1e-12);
}

static void test_float32(void **state) {
    (void)state;
    against_tape("float32", 3e-5);
}

/* Threads, and a carry that is written where it is read. */
static void test_bits(void **state) {
    (void)state;
    const shape several[] = {{"rastrigin", 10, 45, 2, 20, 5}, {"lasso", 170, 3, 1, 6, 4}};
    for (int s = 0; s < 2; s++) {
        const char *options = s == 0 ? "" : "update=momentum normalise=spectral";
        bench one = bench_open(&several[s], options, "float32", "auto", 1);
        bench two = bench_open(&several[s], options, "float32", "auto", 2);
        outcome first = run(&one, false, true, 0), second = run(&two, false, true, 0);
        assert_same_bits(&one, &first, &second);
        int64_t total = one.optimizer->weight_total;
        assert_memory_equal(first.gradient, second.gradient, (size_t)total * sizeof(double));
        segment pass = {.weights = two.optimizer->weights,
                        .steps = several[s].steps,
                        .detached = true,
                        .loss_weights = two.loss_weights,
                        .from = &two.start,
                        .to = &two.start,
                        .gradient = second.gradient};
        must(segment_run(&two.runner, &pass, &error));
        assert_memory_equal(first.gradient, second.gradient, (size_t)total * sizeof(double));
        outcome_free(&second);
        second = (outcome){.objective = numbers(1), .trajectory = numbers(1), .gradient = numbers(1)};
        second.carry = two.start;
        assert_memory_equal(first.carry.x, second.carry.x, (size_t)first.carry.batch * carry_x_bytes(&first.carry));
        for (int k = 0; k < first.carry.state_count; k++)
            assert_memory_equal(first.carry.state[k], second.carry.state[k],
                                (size_t)first.carry.batch * first.carry.row_bytes[k]);
        two.start = (carry){0};
        outcome_free(&first);
        outcome_free(&second);
        bench_close(&one);
        bench_close(&two);
    }
}

static l2o_status gradient_within(bench *it, size_t most, int64_t steps, double *gradient) {
    const void *state[OPTIMIZER_STATES];
    for (int k = 0; k < it->optimizer->state_count; k++) state[k] = it->start.state[k];
    unroll asked = {.context = it->context,
                    .optimizer = it->optimizer,
                    .problem = it->problem,
                    .kernels = it->runner.kernels,
                    .rows = {it->problem->batch, it->runner.identity},
                    .weights = it->optimizer->weights,
                    .steps = steps,
                    .first_step = 1,
                    .gradient_scale = 1,
                    .x = it->start.x,
                    .state = state,
                    .objective = it->runner.objective,
                    .objective_stride = it->problem->batch,
                    .loss_weights = it->loss_weights,
                    .gradient = gradient,
                    .most_saved = most};
    arena memory = {0};
    l2o_status status = it->optimizer->ops->fused->run(&asked, &memory, &error);
    arena_free(&memory);
    return status;
}

/* Steps computed again give the same gradient, whatever the window; sums are only rounded in another order. */
static void test_windows(void **state) {
    (void)state;
    const shape several[] = {{"lasso", 10, 8, 2, 20, 11}, {"lasso", 170, 1, 2, 5, 11}, {"rastrigin", 3, 4, 1, 3, 7}};
    for (int s = 0; s < 3; s++) {
        bench it = bench_open(&several[s], s == 1 ? "update=momentum normalise=spectral" : "", "float64", "auto", 1);
        outcome room = run(&it, false, false, 0); /* room for the objectives */
        double *whole = numbers(it.optimizer->weight_total), *parts = numbers(it.optimizer->weight_total);
        for (int kind = 0; kind < 3; kind++) {
            weigh(&it, kind);
            must(gradient_within(&it, 0, several[s].steps, whole));
            for (size_t most = 1; most < 1 << 26; most *= 3) {
                must(gradient_within(&it, most, several[s].steps, parts));
                assert_apart(&it, apart(it.optimizer->weight_total, whole, parts), 1e-14, "windows");
            }
        }
        weigh(&it, 0);
        must(gradient_within(&it, 0, 0, parts)); /* no step at all */
        for (int64_t i = 0; i < it.optimizer->weight_total; i++) assert_true(parts[i] == 0);
        memory_free(whole);
        memory_free(parts);
        outcome_free(&room);
        bench_close(&it);
    }
}

/* A user's problem that fails, cancels or explodes at a chosen call of its callback. */
typedef struct trouble {
    int64_t calls, at;
    bool cancels;
    double value;
    l2o_context *context;
} trouble;

static int troubled(void *user, int64_t instance, const double *x, double *f, double *g) {
    trouble *it = user;
    *f = 0;
    for (int j = 0; j < 3; j++) {
        *f += 0.5 * (x[j] - (double)instance) * (x[j] - (double)instance);
        if (g != NULL) g[j] = x[j] - (double)instance;
    }
    if (it->calls++ != it->at) return 0;
    if (it->cancels) l2o_context_cancel(it->context);
    if (it->value == 0) return it->cancels ? 0 : 7;
    *f = it->value;
    if (g != NULL) g[1] = it->value;
    return 0;
}

static void test_trouble(void **state) {
    (void)state;
    enum { BATCH = 5, STEPS = 4 };
    trouble trouble = {.at = -1};
    l2o_problem_callbacks callbacks = {.size = sizeof callbacks, .value_gradient = troubled};
    problem *problem = NULL;
    must(problem_create_custom(&callbacks, &trouble, BATCH, 3, DTYPE_FLOAT64, &problem, &error));
    must(problem_sample(problem, 1, STREAM_TEST, 0, 0, &error));
    optimizer *optimizer = network(2, 4, "");
    l2o_context *context = test_context(2);
    runner runner;
    carry start;
    must(runner_create(context, problem, optimizer, &runner, &error));
    must(carry_create(problem, optimizer, &start, &error));
    carry_reset(&start, problem);
    trouble.context = context;
    double *gradient[2] = {numbers(optimizer->weight_total), numbers(optimizer->weight_total)};
    double weights[STEPS + 1] = {1, 1, 1, 1, 0};
    segment pass = {.weights = optimizer->weights,
                    .steps = STEPS,
                    .detached = true,
                    .loss_weights = weights,
                    .require_finite = true,
                    .from = &start};
    for (int on_tape = 0; on_tape < 2; on_tape++) {
        pass.on_tape = on_tape;
        pass.gradient = gradient[on_tape];
        /* the second instance's callback in the third step returns 7 */
        trouble = (struct trouble){.at = 2 * BATCH + 1, .context = context};
        assert_int_equal(segment_run(&runner, &pass, &error), L2O_ERROR_CANCELLED);
        assert_string_equal(error.text, "the problem's callback value_gradient stopped at instance 1 by returning 7");
        assert_int_equal(trouble.calls, 2 * BATCH + 2);
        error_clear(&error);
        trouble = (struct trouble){.at = BATCH, .cancels = true, .context = context};
        assert_int_equal(segment_run(&runner, &pass, &error), L2O_ERROR_CANCELLED);
        assert_string_equal(error.text, "cancelled by the user");
        assert_int_equal(trouble.calls, 2 * BATCH);
        l2o_context_resume(context);
        error_clear(&error);
        trouble = (struct trouble){.at = 3 * BATCH + 2, .value = INFINITY};
        assert_int_equal(segment_run(&runner, &pass, &error), L2O_ERROR_NUMERIC);
        assert_non_null(strstr(error.text, "the objective of instance 2 of 'custom' is inf after 3 steps"));
        error_clear(&error);
        /* where its weight is zero, an infinite objective with an infinite gradient does not count */
        pass.require_finite = false;
        trouble = (struct trouble){.at = STEPS * BATCH + 2, .value = INFINITY};
        must(segment_run(&runner, &pass, &error));
        pass.require_finite = true;
        double size = 0;
        for (int64_t i = 0; i < optimizer->weight_total; i++) size = fmax(size, fabs(gradient[on_tape][i]));
        assert_true(isfinite(size) && size > 0);
    }
    assert_true(apart(optimizer->weight_total, gradient[0], gradient[1]) < 1e-12);
    memory_free(gradient[0]);
    memory_free(gradient[1]);
    carry_free(&start);
    runner_free(&runner);
    problem_free(problem);
    optimizer_free(optimizer);
    l2o_context_free(context);
}

/* A failure without a sentence gets one. */
static l2o_status silent_failure(const problem *problem, instances rows, const void *x, void *f, void *g,
                                 const evaluation *evaluation) {
    (void)problem, (void)rows, (void)x, (void)f, (void)g, (void)evaluation;
    return L2O_ERROR_NUMERIC;
}

static void test_silent_failure(void **state) {
    (void)state;
    problem problem = test_closed_form(3, 4);
    problem_ops ops = closed_form_ops;
    ops.value_gradient = silent_failure;
    problem.ops = &ops;
    optimizer *optimizer = network(1, 2, "");
    l2o_context *context = test_context(1);
    runner runner;
    carry start;
    must(runner_create(context, &problem, optimizer, &runner, &error));
    must(carry_create(&problem, optimizer, &start, &error));
    carry_reset(&start, &problem);
    segment pass = {.weights = optimizer->weights, .steps = 1, .from = &start};
    assert_int_equal(segment_run(&runner, &pass, &error), L2O_ERROR_NUMERIC);
    assert_non_null(strstr(error.text, "could not be evaluated"));
    error_clear(&error);
    carry_free(&start);
    runner_free(&runner);
    optimizer_free(optimizer);
    l2o_context_free(context);
    arena_free(&problem.memory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float64), cmocka_unit_test(test_float32), cmocka_unit_test(test_bits),
        cmocka_unit_test(test_windows), cmocka_unit_test(test_trouble), cmocka_unit_test(test_silent_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
