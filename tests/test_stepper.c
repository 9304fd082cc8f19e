/* The stepper against the tape's steps on the same gradients: all kernel paths, both types, every way the last block
 * can be filled; the same bits for any number of threads and at any place; what it refuses. */
#include "l2o/stepper.h"
#include "run/driver.h"
#include "run_problem.h"

enum { STEPS = 10, LARGE = 100003 };

/* f = sum_j a_j (1 - cos(x_j - c_j)), with a_j of very different sizes. */
static double size_of(int64_t j) { return pow(10.0, (double)(j * 7 % 5) - 2.0); }
static double slope(int64_t j, double x) { return size_of(j) * sin(x - 0.3 - 1e-3 * (double)(j % 101)); }

static l2o_status waves(const problem *problem, instances rows, const void *x, void *f, void *g,
                        const evaluation *evaluation) {
    (void)rows, (void)evaluation;
    for (int64_t j = 0; j < problem->dimension && g != NULL; j++)
        problem_store(problem->type, g, j, slope(j, problem_load(problem->type, x, j)));
    if (f != NULL) problem_store(problem->type, f, 0, 0);
    return L2O_OK;
}

static const problem_ops waves_ops = {.name = "waves", .value_gradient = waves};

/* Numbers of one type. */
static void *zeros(dtype type, int64_t count) {
    void *made = calloc((size_t)count, dtype_size(type));
    assert_non_null(made);
    return made;
}

static const char *type_name(dtype type) { return type == DTYPE_FLOAT32 ? "float32" : "float64"; }

static l2o_stepper *stepper_of(l2o_context *context, const optimizer *optimizer, int64_t n, dtype type) {
    l2o_stepper *stepper;
    if (l2o_stepper_create(context, optimizer, n, type_name(type), &stepper) != L2O_OK)
        fail_msg("%s", l2o_context_error(context));
    return stepper;
}

/* From zero, the gradients being those of coordinates first, first + 1, ... */
static void run_stepper(l2o_stepper *stepper, dtype type, int64_t first, int64_t n, int steps, void *x) {
    void *g = zeros(type, n);
    memset(x, 0, (size_t)n * dtype_size(type));
    for (int t = 0; t < steps; t++) {
        for (int64_t j = 0; j < n; j++) problem_store(type, g, j, slope(first + j, problem_load(type, x, j)));
        assert_int_equal(l2o_stepper_step(stepper, x, g), L2O_OK);
        assert_int_equal(l2o_stepper_steps(stepper), t + 1);
    }
    free(g);
}

static void run_tape(const char *kernel, const optimizer *optimizer, dtype type, int64_t n, void *x) {
    l2o_error error = {0};
    arena memory = {0};
    const kernels *kernels;
    assert_int_equal(kernels_select(kernel, type, &kernels, &error), L2O_OK);
    problem problem = {.ops = &waves_ops, .type = type, .batch = 1, .dimension = n};
    carry carry;
    assert_int_equal(carry_create(&problem, optimizer, &carry, &error), L2O_OK);
    driver driver;
    instances rows = {1, &(int64_t){0}};
    driver_begin(&driver, kernels, &memory, &error, &problem, optimizer, optimizer->weights, &rows, &carry, 0, false,
                 true);
    for (int t = 1; t <= STEPS; t++) driver_step(&driver, t);
    assert_int_equal(driver_status(&driver), L2O_OK);
    memcpy(x, driver.x->data, (size_t)n * dtype_size(type));
    carry_free(&carry);
    arena_free(&memory);
}

static bool has_kernel(const char *kernel) {
    const kernels *kernels;
    return kernels_select(kernel, DTYPE_FLOAT32, &kernels, &(l2o_error){0}) == L2O_OK;
}

static const char *const paths[] = {"portable", "avx2", "avx512"};
static const int64_t sizes[] = {1, 15, 16, 17, 79, 80, 81, 160, 1000};
enum { SIZES = (int)(sizeof sizes / sizeof *sizes) };

/* Learned: to rounding, which the steps and their feedback magnify a little. */
static void test_rnnprop_against_tape(void **state) {
    (void)state;
    static const char *const rules[] = {"", "step-range=1", "update=momentum step-scale=0.003 normalise=spectral"};
    enum { RULES = 3 };
    const int64_t hidden[] = {20, 5, 1};
    for (int path = 0; path < 3; path++)
        for (int type = 0; type < 2 && has_kernel(paths[path]); type++)
            for (int h = 0; h < 3 * RULES; h++) {
                optimizer *optimizer = test_optimizer_with("rnnprop", hidden[h / RULES], rules[h % RULES]);
                for (int s = 0; s < SIZES; s++) {
                    l2o_context *context = test_context_on(2, paths[path]);
                    int64_t n = sizes[s];
                    void *x = zeros((dtype)type, n), *expected = zeros((dtype)type, n);
                    l2o_stepper *stepper = stepper_of(context, optimizer, n, (dtype)type);
                    run_stepper(stepper, (dtype)type, 0, n, STEPS, x);
                    run_tape(paths[path], optimizer, (dtype)type, n, expected);
                    double moved = 0;
                    for (int64_t j = 0; j < n; j++) {
                        double at = problem_load((dtype)type, x, j), should = problem_load((dtype)type, expected, j);
                        moved = fmax(moved, fabs(should));
                        if (!(fabs(at - should) <= (type == 0 ? 1e-6 : 1e-14)))
                            fail_msg("%s %d, n %lld: x[%lld] is %.17g instead of %.17g", paths[path], type,
                                     (long long)n, (long long)j, at, should);
                    }
                    assert_true(moved > 1e-5);
                    free(x);
                    free(expected);
                    l2o_stepper_free(stepper);
                    l2o_context_free(context);
                }
                optimizer_free(optimizer);
            }
}

/* Classical: every bit, whatever the pieces that the coordinates are cut into. */
static void test_classical_against_tape(void **state) {
    (void)state;
    static const char *const names[] = {"sgd", "momentum", "adam", "rmsprop"};
    const int64_t lengths[] = {1, 1000, 4096, 10001};
    for (int path = 0; path < 3; path++)
        for (int type = 0; type < 2 && has_kernel(paths[path]); type++)
            for (int k = 0; k < 4; k++)
                for (int s = 0; s < 4; s++) {
                    optimizer *optimizer = test_optimizer(names[k], 0);
                    l2o_context *context = test_context_on(2, paths[path]);
                    int64_t n = lengths[s];
                    void *x = zeros((dtype)type, n), *expected = zeros((dtype)type, n);
                    l2o_stepper *stepper = stepper_of(context, optimizer, n, (dtype)type);
                    run_stepper(stepper, (dtype)type, 0, n, STEPS, x);
                    run_tape(paths[path], optimizer, (dtype)type, n, expected);
                    assert_memory_equal(x, expected, (size_t)n * dtype_size((dtype)type));
                    assert_true(fabs(problem_load((dtype)type, x, n - 1)) > 1e-6);
                    free(x);
                    free(expected);
                    l2o_stepper_free(stepper);
                    l2o_context_free(context);
                    optimizer_free(optimizer);
                }
}

/* One thread or several; a coordinate among a hundred thousand or among a few; before a reset and after it. */
static void test_same_bits(void **state) {
    (void)state;
    static const char *const names[] = {"rnnprop", "rnnprop", "adam"};
    static const char *const options[] = {"", "update=momentum step-scale=0.01", ""};
    for (int path = 0; path < 3; path++)
        for (int k = 0; k < 3 && has_kernel(paths[path]); k++) {
            optimizer *optimizer = test_optimizer_with(names[k], 0, options[k]);
            const dtype type = DTYPE_FLOAT32;
            float *x = zeros(type, LARGE), *same = zeros(type, LARGE);
            for (int threads = 1; threads <= 3; threads++) {
                l2o_context *context = test_context_on(threads, paths[path]);
                l2o_stepper *stepper = stepper_of(context, optimizer, LARGE, type);
                run_stepper(stepper, type, 0, LARGE, 3, threads == 1 ? x : same);
                if (threads == 3) {
                    assert_int_equal(l2o_stepper_reset(stepper), L2O_OK);
                    assert_int_equal(l2o_stepper_steps(stepper), 0);
                    run_stepper(stepper, type, 0, LARGE, 3, same);
                }
                if (threads > 1) assert_memory_equal(x, same, LARGE * sizeof *x);
                l2o_stepper_free(stepper);
                l2o_context_free(context);
            }
            const int64_t firsts[] = {0, 5119, 50000, LARGE - 17, LARGE - 1};
            for (int s = 0; s < 5; s++) {
                int64_t n = s < 3 ? 100 : LARGE - firsts[s];
                l2o_context *context = test_context_on(1, paths[path]);
                l2o_stepper *stepper = stepper_of(context, optimizer, n, type);
                run_stepper(stepper, type, firsts[s], n, 3, same);
                assert_memory_equal(x + firsts[s], same, (size_t)n * sizeof *x);
                l2o_stepper_free(stepper);
                l2o_context_free(context);
            }
            free(x);
            free(same);
            optimizer_free(optimizer);
        }
}

/* Weights count from the next reset on. */
static void test_reset_reads_weights(void **state) {
    (void)state;
    optimizer *optimizer = test_optimizer("rnnprop", 4);
    l2o_context *context = test_context(1);
    double first[8], second[8];
    l2o_stepper *stepper = stepper_of(context, optimizer, 8, DTYPE_FLOAT64);
    run_stepper(stepper, DTYPE_FLOAT64, 0, 8, 3, first);
    for (int64_t i = 0; i < optimizer->weight_total; i++) optimizer->weights[i] *= 0.5;
    assert_int_equal(l2o_stepper_reset(stepper), L2O_OK);
    run_stepper(stepper, DTYPE_FLOAT64, 0, 8, 3, second);
    for (int j = 0; j < 8; j++) assert_true(first[j] != second[j]);
    l2o_stepper_free(stepper);
    l2o_context_free(context);
    optimizer_free(optimizer);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *optimizer, *word;
    } refused[] = {{"ista", "L1 term"}, {"fista", "L1 term"}, {"cd", "linear"}, {"nesterov", "at points of its own"}};
    l2o_context *context = test_context(1);
    l2o_stepper *stepper;
    for (int k = 0; k < 4; k++) {
        optimizer *optimizer = test_optimizer(refused[k].optimizer, 0);
        stepper = (l2o_stepper *)(uintptr_t)1;
        assert_int_equal(l2o_stepper_create(context, optimizer, 5, NULL, &stepper), L2O_ERROR_UNSUPPORTED);
        assert_null(stepper);
        assert_non_null(strstr(l2o_context_error(context), refused[k].optimizer));
        assert_non_null(strstr(l2o_context_error(context), refused[k].word));
        optimizer_free(optimizer);
    }
    optimizer *optimizer = test_optimizer("rnnprop", 2);
    assert_int_equal(l2o_stepper_create(context, optimizer, 0, NULL, &stepper), L2O_ERROR_INPUT);
    assert_non_null(strstr(l2o_context_error(context), "coordinates is 0"));
    assert_int_equal(l2o_stepper_create(context, optimizer, INT64_MAX, NULL, &stepper), L2O_ERROR_INPUT);
    assert_int_equal(l2o_stepper_create(context, optimizer, 3, "float16", &stepper), L2O_ERROR_INPUT);
    assert_non_null(strstr(l2o_context_error(context), "float16"));
    l2o_stepper_free(NULL);

    /* Cancelled before a step: nothing has moved. */
    float x[3] = {0}, g[3] = {1, 2, 3};
    assert_int_equal(l2o_stepper_create(context, optimizer, 3, NULL, &stepper), L2O_OK);
    l2o_context_cancel(context);
    assert_int_equal(l2o_stepper_step(stepper, x, g), L2O_ERROR_CANCELLED);
    assert_true(x[0] == 0 && l2o_stepper_steps(stepper) == 0);
    l2o_context_resume(context);
    assert_int_equal(l2o_stepper_step(stepper, x, g), L2O_OK);
    assert_true(x[0] != 0 && l2o_stepper_steps(stepper) == 1);
    l2o_stepper_free(stepper);
    l2o_context_free(context);
    optimizer_free(optimizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rnnprop_against_tape),
        cmocka_unit_test(test_classical_against_tape),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_reset_reads_weights),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
