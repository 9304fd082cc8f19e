/* Against other libraries' numbers, recorded by tests/oracles/make_classical.py: scikit-learn's LASSO and L1-logistic
 * optima, SciPy's Rosenbrock and PyTorch's Rastrigin with their derivatives, torch.optim's optimizers, textbook ISTA
 * and FISTA. All in float64. */
#include "optimizer_fixture.h"

#include <math.h>

#include "io/npz.h"
#include "optimizers/classical/coordinate_descent.h"
#include "problems/linear_model.h"

enum { STEPS = 50 };

static npz records;

static const array *recorded(const char *name) {
    const array *found = npz_find(&records, name);
    if (found == NULL) fail_msg("the array '%s' is missing", name);
    return found;
}

/* max |a - b| <= tolerance * max |b| */
static void assert_close(const char *what, const double *a, const double *b, int64_t count, double tolerance) {
    double largest = 0, scale = 0;
    for (int64_t i = 0; i < count; i++) {
        double difference = fabs(a[i] - b[i]);
        if (!(difference <= largest)) largest = difference; /* keeps a NaN */
        scale = fmax(scale, fabs(b[i]));
    }
    if (!(largest <= tolerance * scale))
        fail_msg("%s: error %g of %g, more than %g of it", what, largest, scale, tolerance);
}

static void set_data(fixture *self, const array *a, const array *b, const array *lambda) {
    linear_model *model = self->problem->model;
    int64_t length = self->problem->batch * model->m;
    assert_false(model->shared);
    assert_int_equal(a->count, length * model->n);
    assert_int_equal(b->count, length);
    memcpy(model->a, a->values, (size_t)a->count * sizeof(double));
    memcpy(model->b, b->values, (size_t)b->count * sizeof(double));
    for (int64_t p = 0; p < self->problem->batch; p++) self->problem->lambda[p] = lambda->values[0];
    self->problem->lipschitz_ready = false;
}

/* ---------------------------------------------------------------------------------------------------------- optima */

static void test_lasso(void **state) {
    (void)state;
    for (int k = 0; k < 4; k++) {
        char name[32], text[96];
        static const char *const parts[] = {"a", "b", "lambda", "x", "value"};
        const array *found[5];
        for (int i = 0; i < 5; i++) {
            snprintf(name, sizeof name, "lasso%d_%s", k, parts[i]);
            found[i] = recorded(name);
        }
        int64_t m = found[0]->shape[0], n = found[0]->shape[1];
        snprintf(text, sizeof text, "problem=lasso m=%d n=%d batch=1 dtype=float64", (int)m, (int)n);
        fixture self;
        fixture_create(&self, text);
        fixture_sample(&self, 1, STREAM_TEST, 0);
        set_data(&self, found[0], found[1], found[2]);
        double x[16] = {0}, value, gap;
        assert_true(n <= 16);
        if (coordinate_descent_optimum(self.problem, 0, 1e-14, x, &value, &gap, &self.evaluation) != L2O_OK)
            fail_msg("%s", self.error.text);
        assert_close("LASSO value", &value, found[4]->values, 1, 1e-12);
        /* Both come from factorised normal equations, which lose the square of the condition of A's active columns. */
        assert_close("LASSO solution", x, found[3]->values, n, 1e-10);
        for (int64_t j = 0; j < n; j++) assert_int_equal(x[j] != 0, found[3]->values[j] != 0);
        fixture_free(&self);
    }
}

static void test_logistic(void **state) {
    (void)state;
    const array *a = recorded("logistic_a"), *optimum = recorded("logistic_x");
    int64_t m = a->shape[0], n = a->shape[1];
    bench run;
    char text[128];
    snprintf(text, sizeof text, "problem=logistic m=%d n=%d batch=1 dtype=float64 optimizer=fista", (int)m, (int)n);
    bench_create(&run, text, 1);
    fixture self = {.problem = run.problem};
    fixture_ready(&self);
    set_data(&self, a, recorded("logistic_b"), recorded("logistic_lambda"));
    instances row = {1, self.index};
    double value, gradient[16], gap, x[16];
    assert_true(n <= 16);
    const problem_ops *ops = run.problem->ops;
    assert_int_equal(ops->value_gradient(run.problem, row, optimum->values, &value, NULL, &self.evaluation), L2O_OK);
    assert_close("logistic value", &value, recorded("logistic_value")->values, 1, 1e-13);
    assert_int_equal(ops->smooth_gradient(run.problem, row, optimum->values, NULL, gradient, &self.evaluation), L2O_OK);
    assert_close("logistic gradient", gradient, recorded("logistic_smooth_gradient")->values, n, 1e-12);
    /* The bound of the gap knows an optimum when it sees one; the recorded one is stationary to 1e-12. */
    assert_int_equal(ops->duality_gap(run.problem, row, optimum->values, &gap, &self.evaluation), L2O_OK);
    assert_true(gap >= 0 && gap <= 1e-11);
    /* And ours ends there too. */
    memset(run.problem->x0, 0, (size_t)n * sizeof(double));
    bench_run(&run, 3000, x, NULL);
    assert_close("logistic solution", x, optimum->values, n, 1e-10);
    free(self.index);
    arena_free(&self.scratch);
    bench_free(&run);
}

/* -------------------------------------------------------------------------------------------------- test functions */

static void check_function(const char *name, const char *settings, int64_t count, int64_t n) {
    fixture self;
    char what[64], text[128];
    snprintf(text, sizeof text, "%s batch=%d dtype=float64", settings, (int)count);
    fixture_create(&self, text);
    fixture_sample(&self, 1, STREAM_TEST, 0);
    instances rows = {count, self.index};
    double f[16], g[80], product[80];
    assert_true(count <= 16 && count * n <= 80);
    snprintf(what, sizeof what, "%s_x", name);
    const array *x = recorded(what);
    assert_int_equal(x->count, count * n);
    snprintf(what, sizeof what, "%s_v", name);
    const problem_ops *ops = self.problem->ops;
    assert_int_equal(ops->value_gradient(self.problem, rows, x->values, f, g, &self.evaluation), L2O_OK);
    assert_int_equal(ops->hess_vec(self.problem, rows, x->values, recorded(what)->values, product, &self.evaluation),
                     L2O_OK);
    snprintf(what, sizeof what, "%s_value", name);
    assert_close(what, f, recorded(what)->values, count, 1e-14);
    snprintf(what, sizeof what, "%s_gradient", name);
    assert_close(what, g, recorded(what)->values, count * n, 1e-14);
    snprintf(what, sizeof what, "%s_hess_vec", name);
    assert_close(what, product, recorded(what)->values, count * n, 1e-14);
    fixture_free(&self);
}

static void test_functions(void **state) {
    (void)state;
    check_function("rosenbrock", "problem=rosenbrock", 16, 2);
    check_function("rastrigin", "problem=rastrigin n=5 alpha=fixed:10", 16, 5);
}

/* ---------------------------------------------------------------------------------------------------- trajectories */

static void check_trajectory(const char *optimizer, const char *problem, const char *settings) {
    const array *a = recorded("run_a");
    char text[256], name[32];
    snprintf(text, sizeof text, "problem=%s batch=%d m=%d n=%d dtype=float64 optimizer=%s %s", problem,
             (int)a->shape[0], (int)a->shape[1], (int)a->shape[2], optimizer, settings);
    snprintf(name, sizeof name, "run_%s", optimizer);
    const array *wanted = recorded(name), *x0 = recorded("run_x0");
    assert_int_equal(wanted->count, (STEPS + 1) * x0->count);
    bench self;
    bench_create(&self, text, 1);
    linear_model *model = self.problem->model;
    memcpy(model->a, a->values, (size_t)a->count * sizeof(double));
    memcpy(model->b, recorded("run_b")->values, (size_t)recorded("run_b")->count * sizeof(double));
    memcpy(self.problem->x0, x0->values, (size_t)x0->count * sizeof(double));
    runner runner;
    carry carry;
    assert_int_equal(runner_create(self.context, self.problem, self.optimizer, &runner, &self.error), L2O_OK);
    assert_int_equal(carry_create(self.problem, self.optimizer, &carry, &self.error), L2O_OK);
    carry_reset(&carry, self.problem);
    double *trajectory = malloc((size_t)wanted->count * sizeof *trajectory);
    assert_non_null(trajectory);
    segment segment = {.steps = STEPS, .detached = true, .from = &carry, .trajectory = trajectory};
    if (segment_run(&runner, &segment, &self.error) != L2O_OK) fail_msg("%s", self.error.text);
    assert_close(optimizer, trajectory, wanted->values, wanted->count, 1e-12);
    free(trajectory);
    carry_free(&carry);
    runner_free(&runner);
    bench_free(&self);
}

static void test_trajectories(void **state) {
    (void)state;
    char rate[96];
    snprintf(rate, sizeof rate, "rate=%.17g", recorded("run_rate")->values[0]);
    check_trajectory("sgd", "quadratic", rate);
    snprintf(rate, sizeof rate, "momentum=0.9 rate=%.17g", recorded("run_rate")->values[0]);
    check_trajectory("momentum", "quadratic", rate);
    check_trajectory("nesterov", "quadratic", rate);
    check_trajectory("adam", "quadratic", "rate=0.03 beta1=0.9 beta2=0.999 epsilon=1e-8");
    check_trajectory("rmsprop", "quadratic", "rate=0.01 decay=0.99 epsilon=1e-8");
    snprintf(rate, sizeof rate, "rate=%.17g lambda=%.17g", recorded("run_rate")->values[0],
             recorded("run_lambda")->values[0]);
    check_trajectory("ista", "lasso", rate);
    check_trajectory("fista", "lasso", rate);
}

static int read_records(void **state) {
    (void)state;
    l2o_error error = {0};
    if (npz_read("tests/data/oracles/classical.npz", &records, &error) == L2O_OK) return 0;
    print_error("%s\n", error.text);
    return -1;
}

static int free_records(void **state) {
    (void)state;
    npz_free(&records);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lasso),
        cmocka_unit_test(test_logistic),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_trajectories),
    };
    return cmocka_run_group_tests(tests, read_records, free_records);
}
