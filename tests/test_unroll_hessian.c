/* The fused unroll's Hessian-vector product against the tape's, to rounding, over problems, shapes, float types and
 * kernel paths; in windows of steps; its bits for any number of threads; exact MAML on it; and against differences of
 * the fused gradient where freezing the inputs is simple: of an objective whose gradient is constant. */
#include <math.h>

#include "meta/estimator.h"
#include "optimizers/unroll.h"
#include "run/segment.h"
#include "run_problem.h"

static l2o_error error;

static void must(l2o_status status) {
    if (status != L2O_OK) fail_msg("%s", error.text);
}

/* A problem, an optimizer with larger weights than the initial ones, and a carry that has gone some steps. */
typedef struct setting_up {
    l2o_context *context;
    problem *problem;
    optimizer *optimizer;
    runner runner;
    carry carry;
    int64_t total, steps;
    const char *options; /* of the optimizer */
    bool logarithm;
    double *loss_weights, *direction, *gradient, *hessian[2];
} setting_up;

static double *numbers(int64_t count) {
    double *made = memory_allocate((size_t)count, sizeof *made, &error);
    assert_non_null(made);
    return made;
}

static optimizer *network(int layers, int64_t hidden, const char *options) {
    l2o_settings *settings = test_settings();
    optimizer *made = NULL;
    test_set_integer(settings, "layers", layers);
    test_set_integer(settings, "hidden", hidden);
    test_set(settings, "step-scale", "0.1");
    test_set_all(settings, options);
    must(optimizer_create(settings, "rnnprop", &made, &error));
    optimizer_initialise(made, 21, 0, made->weights);
    for (int64_t i = 0; i < made->weight_total; i++)
        made->weights[i] = 1.5 * made->weights[i] + 0.1 * sin(0.7 * (double)i);
    settings_free(settings);
    return made;
}

typedef struct shape {
    const char *family;
    int64_t n, batch;
    int layers;
    int64_t hidden, steps;
} shape;

static setting_up set_up_with(const shape *shape, const char *options, const char *type, const char *kernel,
                              int threads) {
    setting_up it = {.context = test_context_on(threads, kernel), .steps = shape->steps, .options = options};
    it.problem = test_problem(shape->family, shape->n, shape->batch, type);
    it.optimizer = network(shape->layers, shape->hidden, options);
    it.total = it.optimizer->weight_total;
    it.optimizer->scale_by_batch = shape->batch % 2;
    must(runner_create(it.context, it.problem, it.optimizer, &it.runner, &error));
    must(carry_create(it.problem, it.optimizer, &it.carry, &error));
    carry_reset(&it.carry, it.problem);
    segment ahead = {
        .weights = it.optimizer->weights, .steps = 2, .detached = true, .from = &it.carry, .to = &it.carry};
    must(segment_run(&it.runner, &ahead, &error));
    it.loss_weights = numbers(it.steps + 1);
    for (int64_t t = 0; t <= it.steps; t++)
        it.loss_weights[t] = t % 3 == 1 && t < it.steps - 1 ? 0 : 1 + 0.1 * (double)t;
    it.direction = numbers(it.total);
    for (int64_t i = 0; i < it.total; i++) it.direction[i] = cos(1.3 * (double)i + 0.2);
    it.gradient = numbers(it.total);
    for (int k = 0; k < 2; k++) it.hessian[k] = numbers(it.total);
    return it;
}

static setting_up set_up(const shape *shape, const char *type, const char *kernel, int threads) {
    return set_up_with(shape, "", type, kernel, threads);
}

static void tear_down(setting_up *it) {
    runner_free(&it->runner);
    carry_free(&it->carry);
    memory_free(it->loss_weights);
    memory_free(it->direction);
    memory_free(it->gradient);
    memory_free(it->hessian[0]);
    memory_free(it->hessian[1]);
    optimizer_free(it->optimizer);
    problem_free(it->problem);
    l2o_context_free(it->context);
}

static void product(setting_up *it, bool on_tape, double *gradient, double *hessian) {
    segment pass = {.weights = it->optimizer->weights,
                    .steps = it->steps,
                    .detached = true,
                    .loss_weights = it->loss_weights,
                    .logarithm = it->logarithm,
                    .from = &it->carry,
                    .gradient = gradient,
                    .direction = it->direction,
                    .hessian_vector = hessian,
                    .on_tape = on_tape};
    must(segment_run(&it->runner, &pass, &error));
}

static double norm(int64_t count, const double *v) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += v[i] * v[i];
    return sqrt(sum);
}

/* How far two vectors are apart, relative to the larger one. */
static double apart(int64_t count, const double *a, const double *b) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum) / fmax(norm(count, a), norm(count, b));
}

static void assert_apart(const setting_up *it, const shape *shape, double tolerance, const char *what) {
    double found = apart(it->total, it->hessian[0], it->hessian[1]);
    if (!(found <= tolerance))
        fail_msg("%s on %s, %s, n %lld, B %lld, %d layers of %lld, T %lld, '%s': %g apart", what,
                 it->runner.kernels->name, shape->family, (long long)shape->n, (long long)shape->batch, shape->layers,
                 (long long)shape->hidden, (long long)shape->steps, it->options, found);
    assert_true(norm(it->total, it->hessian[0]) > 0);
}

static const shape shapes[] = {
    {"lasso", 10, 8, 2, 20, 5},     {"lasso", 3, 7, 1, 4, 6},       {"lasso", 10, 128, 2, 20, 3},
    {"lasso", 200, 2, 2, 6, 4},     {"quadratic", 5, 9, 2, 7, 6},   {"quadratic", 1, 1, 3, 1, 4},
    {"rosenbrock", 2, 33, 2, 5, 7}, {"rastrigin", 10, 9, 2, 20, 5}, {"rastrigin", 97, 1, 1, 9, 4},
    {"l2reg", 6, 20, 2, 8, 1},      {"logistic", 4, 17, 2, 20, 5},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static const char *const kernel_names[] = {"portable", "avx2", "avx512"};

static bool runs(const char *kernel) {
    const kernels *table;
    return kernels_select(kernel, DTYPE_FLOAT64, &table, &error) == L2O_OK;
}

/* The paper's rule on all shapes, the others on some. */
static void against_tape(const char *type, double tolerance) {
    static const bool varied[SHAPES] = {[1] = true, [3] = true, [5] = true, [7] = true, [9] = true, [10] = true};
    for (size_t k = 0; k < 3; k++)
        for (int s = 0; s < SHAPES && runs(kernel_names[k]); s++)
            for (int rule = 0; test_rule(rule) != NULL; rule++) {
                if (rule > 0 && !varied[s]) continue;
                setting_up it = set_up_with(&shapes[s], test_rule(rule), type, kernel_names[k], 1);
                for (int logarithm = 0; logarithm < 2; logarithm++) {
                    it.logarithm = logarithm;
                    product(&it, false, NULL, it.hessian[0]);
                    product(&it, true, NULL, it.hessian[1]);
                    assert_apart(&it, &shapes[s], tolerance, logarithm ? "of logarithms" : "fused and tape");
                }
                tear_down(&it);
            }
}

static void test_float64(void **state) {
    (void)state;
    against_tape("float64", 1e-11);
}

static void test_float32(void **state) {
    (void)state;
    against_tape("float32", 2e-4);
}

/* Asked together, gradient and product are those that are asked for alone, fused and on the tape. */
static void test_gradient_beside(void **state) {
    (void)state;
    for (int on_tape = 0; on_tape < 2; on_tape++) {
        setting_up it = set_up(&shapes[0], "float64", "auto", 1);
        product(&it, on_tape, NULL, it.hessian[0]);
        product(&it, on_tape, it.gradient, it.hessian[1]);
        assert_memory_equal(it.hessian[0], it.hessian[1], (size_t)it.total * sizeof(double));
        segment pass = {.weights = it.optimizer->weights,
                        .steps = it.steps,
                        .detached = true,
                        .loss_weights = it.loss_weights,
                        .from = &it.carry,
                        .gradient = it.hessian[0],
                        .on_tape = on_tape};
        must(segment_run(&it.runner, &pass, &error));
        if (on_tape)
            assert_true(apart(it.total, it.gradient, it.hessian[0]) < 1e-14);
        else
            assert_memory_equal(it.gradient, it.hessian[0], (size_t)it.total * sizeof(double));
        tear_down(&it);
    }
}

static const char *const momentum = "update=momentum normalise=spectral step-scale=0.003";

/* One shard asked directly, with the given limit on what is saved. */
static void product_within(setting_up *it, size_t most, double *hessian) {
    const void *state[OPTIMIZER_STATES];
    for (int k = 0; k < it->optimizer->state_count; k++) state[k] = it->carry.state[k];
    unroll asked = {.context = it->context,
                    .optimizer = it->optimizer,
                    .problem = it->problem,
                    .kernels = it->runner.kernels,
                    .rows = {it->problem->batch, it->runner.identity},
                    .weights = it->optimizer->weights,
                    .steps = it->steps,
                    .first_step = 3,
                    .gradient_scale = 0.5,
                    .x = it->carry.x,
                    .state = state,
                    .objective = it->runner.objective,
                    .objective_stride = it->problem->batch,
                    .loss_weights = it->loss_weights,
                    .direction = it->direction,
                    .hessian_vector = hessian,
                    .most_saved = most};
    arena memory = {0};
    must(it->optimizer->ops->fused->run(&asked, &memory, &error));
    arena_free(&memory);
}

/* Steps computed again give the same product, whatever the window. Sums are rounded in another order. */
static void test_windows(void **state) {
    (void)state;
    static const shape several[] = {
        {"lasso", 10, 8, 2, 20, 11}, {"lasso", 170, 1, 2, 5, 11}, {"rastrigin", 3, 4, 1, 3, 7}};
    for (size_t s = 0; s < sizeof several / sizeof *several; s++) {
        setting_up it = set_up_with(&several[s], s < 2 ? momentum : "", "float64", "auto", 1);
        product(&it, false, NULL, it.hessian[0]); /* room for the objectives */
        product_within(&it, 0, it.hessian[0]);
        for (size_t most = 1; most < 1 << 26; most *= 4) {
            product_within(&it, most, it.hessian[1]);
            assert_apart(&it, &several[s], 1e-13, "windows");
        }
        tear_down(&it);
    }
}

static void test_threads(void **state) {
    (void)state;
    const shape large = {"rastrigin", 10, 64, 2, 20, 4};
    setting_up one = set_up_with(&large, momentum, "float32", "auto", 1);
    setting_up two = set_up_with(&large, momentum, "float32", "auto", 2);
    product(&one, false, NULL, one.hessian[0]);
    product(&two, false, NULL, two.hessian[0]);
    assert_memory_equal(one.hessian[0], two.hessian[0], (size_t)one.total * sizeof(double));
    tear_down(&one);
    tear_down(&two);
}

/* Weight on no step but the first: nothing depends on the weights. */
static void test_nothing_to_learn(void **state) {
    (void)state;
    setting_up it = set_up(&shapes[1], "float64", "auto", 1);
    for (int64_t t = 1; t <= it.steps; t++) it.loss_weights[t] = 0;
    product(&it, false, it.gradient, it.hessian[0]);
    for (int64_t i = 0; i < it.total; i++) assert_true(it.hessian[0][i] == 0 && it.gradient[i] == 0);
    tear_down(&it);
}

/* The Hessian is symmetric: u' H v = v' H u. */
static void test_symmetry(void **state) {
    (void)state;
    setting_up it = set_up_with(&shapes[7], momentum, "float64", "auto", 1);
    it.logarithm = true;
    double *other = numbers(it.total), left = 0, right = 0;
    product(&it, false, NULL, it.hessian[0]);
    for (int64_t i = 0; i < it.total; i++) {
        other[i] = it.direction[i];
        it.direction[i] = sin(0.31 * (double)(i * i % 101));
    }
    product(&it, false, NULL, it.hessian[1]);
    for (int64_t i = 0; i < it.total; i++) {
        left += it.direction[i] * it.hessian[0][i];
        right += other[i] * it.hessian[1][i];
    }
    assert_true(fabs(left - right) < 1e-11 * norm(it.total, it.direction) * norm(it.total, it.hessian[0]));
    memory_free(other);
    tear_down(&it);
}

/* f = c' x + 100, one c for each instance: the optimizer's inputs do not depend on x, so that nothing has to be frozen.
 */
static l2o_status linear_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                        const evaluation *evaluation) {
    (void)evaluation;
    for (int64_t r = 0; r < rows.count; r++) {
        double sum = 100; /* so that it has a logarithm */
        for (int64_t j = 0; j < problem->dimension; j++) {
            double c = cos((double)(rows.index[r] * problem->dimension + j));
            sum += c * ((const double *)x)[r * problem->dimension + j];
            if (g != NULL) ((double *)g)[r * problem->dimension + j] = c;
        }
        if (f != NULL) ((double *)f)[r] = sum;
    }
    return L2O_OK;
}

static l2o_status linear_hess_vec(const problem *problem, instances rows, const void *x, const void *v, void *out,
                                  const evaluation *evaluation) {
    (void)x, (void)v, (void)evaluation;
    memset(out, 0, (size_t)(rows.count * problem->dimension) * sizeof(double));
    return L2O_OK;
}

static const problem_ops linear_ops = {
    .name = "linear", .value_gradient = linear_value_gradient, .hess_vec = linear_hess_vec};

static void gradient_at(setting_up *it, double offset, double *gradient) {
    double *weights = numbers(it->total);
    for (int64_t i = 0; i < it->total; i++) weights[i] = it->optimizer->weights[i] + offset * it->direction[i];
    segment pass = {.weights = weights,
                    .steps = it->steps,
                    .detached = true,
                    .loss_weights = it->loss_weights,
                    .logarithm = it->logarithm,
                    .from = &it->carry,
                    .gradient = gradient};
    must(segment_run(&it->runner, &pass, &error));
    memory_free(weights);
}

static void test_differences(void **state) {
    (void)state;
    const double step = 1e-5;
    const shape small = {"quadratic", 5, 21, 2, 6, 7};
    for (int rule = 0; test_rule(rule) != NULL; rule++) {
        setting_up it = set_up_with(&small, test_rule(rule), "float64", "auto", 1);
        it.problem->ops = &linear_ops;
        it.logarithm = rule % 2 == 1;
        product(&it, false, NULL, it.hessian[0]);
        double *below = numbers(it.total);
        gradient_at(&it, step, it.hessian[1]);
        gradient_at(&it, -step, below);
        for (int64_t i = 0; i < it.total; i++) it.hessian[1][i] = (it.hessian[1][i] - below[i]) / (2 * step);
        assert_apart(&it, &small, 1e-7, "differences");
        memory_free(below);
        tear_down(&it);
    }
}

/* Exact MAML through the fused unroll and with the product taken on the tape. */
static void test_maml(void **state) {
    (void)state;
    const shape reference = {"lasso", 10, 24, 2, 20, 6};
    setting_up it = set_up(&reference, "float64", "auto", 1);
    for (int steps = 1; steps < 3; steps++) {
        estimator_options options = {.kind = estimator_at(2),
                                     .loss = meta_loss_at(0),
                                     .unroll = it.steps,
                                     .detached = true,
                                     .inner_rate = 0.05,
                                     .inner_steps = steps};
        assert_string_equal(options.kind->name, "maml");
        meta_task task;
        estimate result;
        must(meta_task_create(it.context, it.problem, it.optimizer, &options, &task, &error));
        for (int on_tape = 0; on_tape < 2; on_tape++) {
            const fused_unroll *fused = it.optimizer->ops->fused;
            optimizer_ops ops = *it.optimizer->ops;
            const optimizer_ops *kept = it.optimizer->ops;
            if (on_tape) ops.fused = NULL;
            assert_true(fused->second_order);
            it.optimizer->ops = &ops;
            carry_reset(&task.now, it.problem);
            must(meta_gradient(&task, &options, it.optimizer->weights, it.hessian[on_tape], &result, &error));
            it.optimizer->ops = kept;
        }
        assert_apart(&it, &reference, 1e-11, "exact MAML");
        meta_task_free(&task);
    }
    tear_down(&it);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float64),  cmocka_unit_test(test_float32),     cmocka_unit_test(test_gradient_beside),
        cmocka_unit_test(test_windows),  cmocka_unit_test(test_threads),     cmocka_unit_test(test_nothing_to_learn),
        cmocka_unit_test(test_symmetry), cmocka_unit_test(test_differences), cmocka_unit_test(test_maml),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
