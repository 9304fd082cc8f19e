/* Coordinate descent on the logistic loss: optimality conditions, gaps, against FISTA, lambda beyond the largest useful
 * one, separable data, sparse and dense alike, and as an optimizer. */
#include "optimizer_fixture.h"

#include <math.h>

#include "optimizers/classical/coordinate_descent.h"
#include "problems/linear_model.h"

static double solve(fixture *self, int64_t p, double *x, double *value) {
    double gap;
    for (int64_t j = 0; j < self->problem->dimension; j++)
        x[j] = problem_load(self->problem->type, self->problem->x0, p * self->problem->dimension + j);
    if (coordinate_descent_optimum(self->problem, p, 1e-9, x, value, &gap, &self->evaluation) != L2O_OK)
        fail_msg("%s", self->error.text);
    return gap / log(2);
}

/* f and, where not NULL, minus the gradient of its smooth part, in float64, from the definition. */
static double definition(const problem *problem, int64_t p, const double *x, double *correlation) {
    const linear_model *model = problem->model;
    double f = 0;
    if (correlation != NULL) memset(correlation, 0, (size_t)model->n * sizeof *correlation);
    for (int64_t i = 0; i < model->m; i++) {
        double z = 0, b = problem_load(model->type, model->b, p * model->m + i);
        for (int64_t j = 0; j < model->n; j++)
            z += problem_load(model->type, linear_model_matrix(model, p), i * model->n + j) * x[j];
        f += log1p(exp(-b * z)) / (double)model->m;
        for (int64_t j = 0; j < model->n && correlation != NULL; j++)
            correlation[j] += problem_load(model->type, linear_model_matrix(model, p), i * model->n + j) * b /
                              (1 + exp(b * z)) / (double)model->m;
    }
    for (int64_t j = 0; j < model->n; j++) f += problem->lambda[p] * fabs(x[j]);
    return f;
}

static const char *const shapes[] = {
    "problem=logistic n=10 m=40 batch=16 lambda=0.005 A=normal:1 dtype=float64",
    "problem=logistic n=10 m=40 batch=16 lambda=0.005 A=normal:10 dtype=float32",
    "problem=logistic n=10 m=10 batch=16 lambda=0.0001 A=normal:100 x0=normal:10",
    "problem=logistic n=100 m=30 batch=4 lambda-relative=0.01 A=normal:1 dtype=float64",
    "problem=logistic n=20 m=200 batch=4 lambda=1e-7 A=normal:1 dtype=float64",
    "problem=logistic n=150 m=80 batch=3 lambda-relative=0.05 A=uniform:0:1 shared-A=yes",
    "problem=logistic n=1 m=1 batch=4 lambda=0.001 A=normal:1",
};

static void test_optimality(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        fixture self;
        fixture_create(&self, shapes[k]);
        fixture_sample(&self, 2, STREAM_TEST, 0);
        for (int64_t p = 0; p < self.problem->batch; p++) {
            double x[150], correlation[150], value, gap = solve(&self, p, x, &value), lambda = self.problem->lambda[p];
            if (!(gap >= 0 && gap <= 1e-9)) fail_msg("%s, instance %d: gap %g", shapes[k], (int)p, gap);
            assert_near(value, definition(self.problem, p, x, correlation), 1e-12, "value at x");
            double largest = 0;
            for (int64_t j = 0; j < self.problem->dimension; j++) {
                double off = x[j] != 0 ? fabs(correlation[j] - copysign(lambda, x[j])) : fabs(correlation[j]) - lambda;
                largest = fmax(largest, off * fmax(1, fabs(x[j])));
            }
            /* f falls by about off^2 / curvature: a gap of 1e-9 leaves an off of at most about its root. */
            if (!(largest <= 1e-4)) fail_msg("%s, instance %d: off by %g", shapes[k], (int)p, largest);
        }
        fixture_free(&self);
    }
}

static void test_against_fista(void **state) {
    (void)state;
    bench self;
    bench_create(
        &self, "problem=logistic n=12 m=60 batch=8 lambda=0.01 A=normal:1 dtype=float64 optimizer=fista steps=3000", 1);
    double points[8 * 12];
    bench_run(&self, 3000, points, NULL);
    const kernels *kernels;
    arena scratch = {0};
    assert_int_equal(kernels_select("portable", DTYPE_FLOAT64, &kernels, &self.error), L2O_OK);
    evaluation evaluation = {kernels, &scratch, &self.error};
    for (int64_t p = 0; p < 8; p++) {
        double x[12] = {0}, value, gap;
        assert_int_equal(coordinate_descent_optimum(self.problem, p, 1e-13, x, &value, &gap, &evaluation), L2O_OK);
        assert_true(gap <= 1e-12);
        double fista = definition(self.problem, p, points + 12 * p, NULL);
        assert_near(value, fista, 1e-11, "f* against FISTA");
        assert_true(value <= fista + 1e-14);
        for (int j = 0; j < 12; j++) assert_near(x[j], points[12 * p + j], 1e-4, "x* against FISTA");
    }
    arena_free(&scratch);
    bench_free(&self);
}

static void test_zero_beyond_lambda_max(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=logistic n=20 m=12 batch=8 lambda-relative=1.0 A=normal:3 x0=normal:1");
    fixture_sample(&self, 5, STREAM_TEST, 0);
    for (int64_t p = 0; p < 8; p++) {
        double x[20], value;
        self.problem->lambda[p] *= 1.001;
        assert_true(solve(&self, p, x, &value) <= 1e-9);
        for (int j = 0; j < 20; j++) assert_true(x[j] == 0);
        assert_near(value, log(2), 1e-15, "value at 0");
        self.problem->lambda[p] *= 0.99;
        assert_true(solve(&self, p, x, &value) <= 1e-9);
        assert_true(value < log(2));
    }
    fixture_free(&self);
}

/* Replaces the data of instance 0. */
static void put(fixture *self, const double *a, const double *b, double lambda) {
    linear_model *model = self->problem->model;
    for (int64_t i = 0; i < model->m * model->n; i++) problem_store(model->type, model->a, i, a[i]);
    for (int64_t i = 0; i < model->m; i++) problem_store(model->type, model->b, i, b[i]);
    self->problem->lambda[0] = lambda;
}

/* min log(1 + exp(-x)) + lambda x: sigmoid(-x) = lambda. With lambda = 0 f has no minimum, and falls to its target. */
static void test_separable(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=logistic n=2 m=2 batch=1 dtype=float64");
    fixture_sample(&self, 5, STREAM_TEST, 0);
    double x[2], value, gap;
    for (double lambda = 0.1; lambda > 1e-13; lambda /= 10) {
        put(&self, (double[]){1, 0, -1, 0}, (double[]){1, -1}, lambda);
        assert_true(solve(&self, 0, x, &value) <= 1e-9);
        assert_near(value, definition(self.problem, 0, x, NULL), 1e-15, "value");
        double at = log((1 - lambda) / lambda);
        assert_true(value - (log1p(exp(-at)) + lambda * at) <= 1e-9);
        assert_true(x[1] == 0 && x[0] > 0 && x[0] < at + 1);
    }
    put(&self, (double[]){1, 0, -1, 0}, (double[]){1, -1}, 0);
    x[0] = x[1] = 0;
    assert_int_equal(coordinate_descent_optimum(self.problem, 0, 1e-9, x, &value, &gap, &self.evaluation), L2O_OK);
    assert_true(value > 0 && value <= 1e-9 && gap == value);
    fixture_free(&self);
}

static void test_degenerate_data(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=logistic n=3 m=2 batch=1 dtype=float64");
    fixture_sample(&self, 5, STREAM_TEST, 0);
    double x[3], value;
    put(&self, (double[6]){0}, (double[]){1, -1}, 0.1);
    assert_true(solve(&self, 0, x, &value) <= 1e-9);
    assert_true(x[0] == 0 && x[1] == 0 && x[2] == 0);
    assert_near(value, log(2), 1e-15, "no data");
    put(&self, (double[]){1, 1, 1, 1, 1, 1}, (double[]){1, 1}, 0.25); /* sigmoid(-s) = 1/4 */
    assert_true(solve(&self, 0, x, &value) <= 1e-9);
    assert_near(x[0] + x[1] + x[2], log(3), 1e-5, "sum of equal columns");
    put(&self, (double[]){1e4, 2e-3, 0, -1e4, 3, 0}, (double[]){1, -1}, 1e-6);
    self.problem->x0 = (double[]){-1e6, 1e6, 3}; /* margins of -1e10 */
    assert_true(solve(&self, 0, x, &value) <= 1e-9);
    fixture_free(&self);
}

/* Without a penalty: the gradient vanishes, and there is no bound to give. */
static void test_unpenalised(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=logistic n=5 m=100 batch=3 lambda=0 A=normal:0.5 dtype=float64");
    fixture_sample(&self, 5, STREAM_TEST, 0);
    for (int64_t p = 0; p < 3; p++) {
        double x[5] = {0}, correlation[5], value, gap;
        assert_int_equal(coordinate_descent_optimum(self.problem, p, 1e-9, x, &value, &gap, &self.evaluation), L2O_OK);
        assert_true(isnan(gap));
        assert_near(value, definition(self.problem, p, x, correlation), 1e-14, "value");
        for (int j = 0; j < 5; j++) assert_near(correlation[j], 0, 1e-7, "gradient");
    }
    fixture_free(&self);
}

static void test_sparse_equals_dense(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=logistic n=60 m=40 batch=3 lambda=0.01 shared-A=yes dtype=float64");
    fixture_sample(&self, 7, STREAM_TEST, 0);
    linear_model *model = self.problem->model;
    double *a = model->a;
    sparse_entries entries = {0};
    for (int64_t i = 0; i < model->m * model->n; i++) {
        if (random_uniform((random_key){.seed = 9, .stream = STREAM_CHECK}, (uint64_t)i) < 0.8) a[i] = 0;
        if (a[i] != 0)
            assert_int_equal(sparse_entries_append(&entries, i / model->n, i % model->n, a[i], &self.error), L2O_OK);
    }
    double dense[3], x[60];
    for (int64_t p = 0; p < 3; p++) assert_true(solve(&self, p, x, &dense[p]) <= 1e-9);
    sparse_matrix matrix, transpose;
    assert_int_equal(sparse_from_entries(model->m, model->n, &entries, &matrix, &self.error), L2O_OK);
    assert_int_equal(sparse_transpose(&matrix, &transpose, &self.error), L2O_OK);
    model->sparse = &matrix;
    model->transpose = &transpose;
    model->a = NULL;
    for (int64_t p = 0; p < 3; p++) {
        double value;
        assert_true(solve(&self, p, x, &value) <= 1e-9);
        assert_near(value, dense[p], 1e-9, "sparse and dense value");
    }
    sparse_entries_free(&entries);
    sparse_free(&matrix);
    sparse_free(&transpose);
    fixture_free(&self);
}

static void test_large(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=logistic n=1000 m=400 batch=2 lambda-relative=0.05 A=normal:1 density=0.05");
    fixture_sample(&self, 2, STREAM_TEST, 0);
    double *x = calloc(1000, sizeof *x), value;
    assert_non_null(x);
    for (int64_t p = 0; p < 2; p++) assert_true(solve(&self, p, x, &value) <= 1e-9);
    free(x);
    fixture_free(&self);
}

/* `solve` with cd: a step is a pass, and all instances end with a small gap, in both types. */
static void test_as_optimizer(void **state) {
    (void)state;
    for (int type = 0; type < 2; type++) {
        char text[160];
        snprintf(text, sizeof text,
                 "problem=logistic n=10 m=50 batch=20 lambda=0.01 A=normal:1 dtype=%s optimizer=cd steps=50 gap=%s",
                 type == 0 ? "float32" : "float64", type == 0 ? "1e-6" : "1e-9");
        bench self;
        bench_create(&self, text, 2);
        l2o_solution *solution;
        if (l2o_solve(self.context, self.problem, self.optimizer, self.settings, &solution) != L2O_OK)
            fail_msg("%s", l2o_context_error(self.context));
        assert_int_equal(l2o_solution_count(solution, L2O_SOLVED_GAP), 20);
        for (int64_t p = 0; p < 20; p++) {
            const l2o_solve_record *record = l2o_solution_record(solution, p);
            assert_true(record->gap <= (type == 0 ? 1e-6 : 1e-9) * log(2));
            assert_true(record->steps >= 2 && record->steps < 30 && record->gradient_evaluations > 1);
        }
        l2o_solution_free(solution);
        bench_free(&self);
    }
}

/* From any x, with the exact certificate: a bound that holds and is far tighter than the direct one. */
static void test_certificate(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=logistic n=10 m=50 batch=4 lambda=0.01 A=normal:1 dtype=float64");
    fixture_sample(&self, 3, STREAM_TEST, 0);
    for (int64_t p = 0; p < 4; p++) {
        double x[10], least, value, gap, start[10];
        solve(&self, p, x, &least);
        for (int j = 0; j < 10; j++) start[j] = x[j] + 1e-3;
        assert_true(coordinate_descent_suits(self.problem, p));
        assert_int_equal(coordinate_descent_certificate(self.problem, p, start, &value, &gap, &self.evaluation),
                         L2O_OK);
        assert_near(value, definition(self.problem, p, start, NULL), 1e-14, "value");
        assert_true(gap >= value - least - 1e-15 && gap <= value - least + 2e-9);
    }
    fixture_free(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_optimality),
        cmocka_unit_test(test_against_fista),
        cmocka_unit_test(test_zero_beyond_lambda_max),
        cmocka_unit_test(test_separable),
        cmocka_unit_test(test_degenerate_data),
        cmocka_unit_test(test_unpenalised),
        cmocka_unit_test(test_sparse_equals_dense),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_as_optimizer),
        cmocka_unit_test(test_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
