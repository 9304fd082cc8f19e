/* Coordinate descent: gaps on the ill-conditioned Gaussian instances, brute force on tiny ones, odd shapes, sparse. */
#include "problem_fixture.h"

#include <math.h>

#include "optimizers/classical/coordinate_descent.h"
#include "optimizers/optimizer.h"
#include "problems/linear_model.h"

static double half_squares(const fixture *self, int64_t p) {
    const linear_model *model = self->problem->model;
    double sum = 0;
    for (int64_t i = 0; i < model->m; i++) {
        double b = problem_load(model->type, model->b, p * model->m + i);
        sum += 0.5 * b * b;
    }
    return sum;
}

/* Solves instance p from x0 and returns the gap over 1/2 ||b||^2. */
static double solve(fixture *self, int64_t p, double *x, double *value) {
    double gap;
    for (int64_t j = 0; j < self->problem->dimension; j++)
        x[j] = problem_load(self->problem->type, self->problem->x0, p * self->problem->dimension + j);
    if (coordinate_descent_optimum(self->problem, p, 1e-9, x, value, &gap, &self->evaluation) != L2O_OK)
        fail_msg("%s", self->error.text);
    return gap / half_squares(self, p);
}

static void test_gaussian_gaps(void **state) {
    (void)state;
    static const int deviations[] = {10, 25, 50, 100, 200};
    const char *wanted = getenv("L2O_TEST_DRAWS"); /* 10 for the whole set of 6,400 */
    uint32_t draws = wanted != NULL ? (uint32_t)atoi(wanted) : 2;
    for (int k = 0; k < 5; k++) {
        for (int type = 0; type < 2; type++) {
            char text[128];
            snprintf(text, sizeof text, "problem=lasso n=10 lambda=0.005 A=normal:%d dtype=%s", deviations[k],
                     type == 0 ? "float32" : "float64");
            fixture self;
            fixture_create(&self, text);
            double logs = 0;
            for (uint32_t draw = 0; draw < draws; draw++) {
                fixture_sample(&self, 1, STREAM_TEST, draw);
                double sum = 0;
                for (int64_t p = 0; p < self.problem->batch; p++) {
                    double x[10], value, gap = solve(&self, p, x, &value);
                    if (!(gap <= 1e-9))
                        fail_msg("sigma %d draw %u instance %d: gap %g", deviations[k], draw, (int)p, gap);
                    sum += value / (double)self.problem->batch;
                }
                logs += log(sum) / draws;
            }
            if (draws == 10) print_message("sigma %d: mean ln f* %.2f\n", deviations[k], logs);
            fixture_free(&self);
        }
    }
}

/* Replaces the data of instance 0. */
static void put(fixture *self, const double *a, const double *b, double lambda) {
    linear_model *model = self->problem->model;
    for (int64_t i = 0; i < model->m * model->n; i++) problem_store(model->type, model->a, i, a[i]);
    for (int64_t i = 0; i < model->m; i++) problem_store(model->type, model->b, i, b[i]);
    self->problem->lambda[0] = lambda;
}

/* Solves M x = y of size k in place by elimination with pivoting; false when singular. */
static bool eliminate(int k, double matrix[4][4], double *y) {
    for (int i = 0; i < k; i++) {
        int pivot = i;
        for (int r = i + 1; r < k; r++)
            if (fabs(matrix[r][i]) > fabs(matrix[pivot][i])) pivot = r;
        if (fabs(matrix[pivot][i]) < 1e-12) return false;
        for (int c = 0; c < k; c++) {
            double kept = matrix[i][c];
            matrix[i][c] = matrix[pivot][c];
            matrix[pivot][c] = kept;
        }
        double kept = y[i];
        y[i] = y[pivot];
        y[pivot] = kept;
        for (int r = i + 1; r < k; r++) {
            double factor = matrix[r][i] / matrix[i][i];
            for (int c = i; c < k; c++) matrix[r][c] -= factor * matrix[i][c];
            y[r] -= factor * y[i];
        }
    }
    for (int i = k - 1; i >= 0; i--) {
        for (int c = i + 1; c < k; c++) y[i] -= matrix[i][c] * y[c];
        y[i] /= matrix[i][i];
    }
    return true;
}

static double objective(int m, int n, const double *a, const double *b, double lambda, const double *x) {
    double f = 0;
    for (int i = 0; i < m; i++) {
        double r = -b[i];
        for (int j = 0; j < n; j++) r += a[i * n + j] * x[j];
        f += 0.5 * r * r;
    }
    for (int j = 0; j < n; j++) f += lambda * fabs(x[j]);
    return f;
}

/* The least value over all sign patterns, each solved on its own. */
static double brute_force(int m, int n, const double *a, const double *b, double lambda) {
    int patterns = 1;
    for (int j = 0; j < n; j++) patterns *= 3;
    double least = INFINITY;
    for (int pattern = 0; pattern < patterns; pattern++) {
        int index[4], sign[4], k = 0;
        for (int j = 0, rest = pattern; j < n; j++, rest /= 3)
            if (rest % 3 != 0) {
                index[k] = j;
                sign[k++] = rest % 3 == 1 ? 1 : -1;
            }
        double gram[4][4] = {{0}}, y[4] = {0}, x[4] = {0};
        for (int p = 0; p < k; p++) {
            for (int q = 0; q < k; q++)
                for (int i = 0; i < m; i++) gram[p][q] += a[i * n + index[p]] * a[i * n + index[q]];
            for (int i = 0; i < m; i++) y[p] += a[i * n + index[p]] * b[i];
            y[p] -= lambda * sign[p];
        }
        if (!eliminate(k, gram, y)) continue;
        for (int p = 0; p < k; p++) x[index[p]] = y[p];
        least = fmin(least, objective(m, n, a, b, lambda, x));
    }
    return least;
}

static void test_brute_force(void **state) {
    (void)state;
    random_key key = {.seed = 3, .stream = STREAM_CHECK};
    uint64_t at = 0;
    for (int n = 1; n <= 4; n++) {
        for (int m = 1; m <= 5; m++) {
            char text[96];
            snprintf(text, sizeof text, "problem=lasso n=%d m=%d batch=1 dtype=float64", n, m);
            fixture self;
            fixture_create(&self, text);
            fixture_sample(&self, 1, STREAM_TEST, 0);
            for (int trial = 0; trial < 30; trial++) {
                double a[20], b[5], x[4], value;
                for (int i = 0; i < m * n; i++) a[i] = random_normal(key, at++);
                for (int i = 0; i < m; i++) b[i] = random_normal(key, at++);
                if (trial % 5 == 1) /* two equal columns, or opposite ones */
                    for (int i = 0; i < m && n > 1; i++) a[i * n + 1] = trial % 2 == 1 ? a[i * n] : -a[i * n];
                if (trial % 5 == 2)
                    for (int i = 0; i < m; i++) a[i * n] = 0;
                if (trial % 5 == 3) /* nearly dependent */
                    for (int i = 0; i < m && n > 1; i++) a[i * n + n - 1] = a[i * n] * (1 + 1e-9 * (i + 1));
                double lambda = 0.3 * random_uniform(key, at++);
                put(&self, a, b, lambda);
                double gap = solve(&self, 0, x, &value);
                double least = brute_force(m, n, a, b, lambda);
                if (!(gap <= 1e-9)) fail_msg("m %d n %d trial %d: gap %g", m, n, trial, gap);
                if (!(value <= least + 1e-10)) fail_msg("m %d n %d trial %d: %g above", m, n, trial, value - least);
                assert_near(value, objective(m, n, a, b, lambda, x), 1e-12, "value at x");
            }
            fixture_free(&self);
        }
    }
}

static void test_zero_beyond_lambda_max(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=lasso n=20 m=12 batch=8 lambda-relative=1.0 A=normal:3");
    fixture_sample(&self, 5, STREAM_TEST, 0);
    for (int64_t p = 0; p < 8; p++) {
        double x[20], value;
        assert_true(solve(&self, p, x, &value) <= 1e-9);
        for (int j = 0; j < 20; j++) assert_true(fabs(x[j]) < 1e-12);
        assert_near(value, half_squares(&self, p), 1e-12, "value at 0");
        self.problem->lambda[p] *= 1.001;
        assert_true(solve(&self, p, x, &value) <= 1e-9);
        for (int j = 0; j < 20; j++) assert_true(x[j] == 0);
    }
    fixture_free(&self);
}

static void test_degenerate_data(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=lasso n=3 m=2 batch=1 dtype=float64");
    fixture_sample(&self, 5, STREAM_TEST, 0);
    double x[3], value;
    put(&self, (double[6]){0}, (double[]){1, 2}, 0.1);
    solve(&self, 0, x, &value);
    assert_true(x[0] == 0 && x[1] == 0 && x[2] == 0 && value == 2.5);
    put(&self, (double[]){1, 2, 3, 4, 5, 6}, (double[]){0, 0}, 0.1);
    solve(&self, 0, x, &value);
    assert_true(x[0] == 0 && x[1] == 0 && x[2] == 0 && value == 0);
    put(&self, (double[]){1, 1, 1, 1, 1, 1}, (double[]){1, 1}, 0.5); /* min (s - 1)^2 + s / 2: s = 3/4 */
    assert_true(solve(&self, 0, x, &value) <= 1e-9);
    assert_near(x[0] + x[1] + x[2], 0.75, 1e-12, "sum of equal columns");
    fixture_free(&self);
}

static void test_many_shapes(void **state) {
    (void)state;
    static const char *const texts[] = {
        "problem=lasso n=40 m=15 batch=6 lambda=0.05 A=normal:1 dtype=float64",
        "problem=lasso n=15 m=40 batch=6 lambda=0.05 A=normal:1 dtype=float64",
        "problem=lasso n=100 m=50 batch=3 lambda=1e-6 A=normal:1 dtype=float64",
        "problem=lasso n=200 m=50 batch=3 lambda-relative=0.01 A=uniform:0:1 dtype=float64",
        "problem=lasso n=120 m=60 batch=4 lambda=0.01 A=normal:1 shared-A=yes unit-columns=yes b=truth",
        "problem=lasso n=30 batch=8 lambda=0.005 A=uniform:0:0.1 x0=normal:10",
    };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        fixture self;
        fixture_create(&self, texts[k]);
        fixture_sample(&self, 2, STREAM_TEST, 0);
        double x[200], value;
        for (int64_t p = 0; p < self.problem->batch; p++) {
            double gap = solve(&self, p, x, &value);
            if (!(gap <= 1e-9)) fail_msg("%s, instance %d: gap %g", texts[k], (int)p, gap);
        }
        fixture_free(&self);
    }
}

static void test_sparse_equals_dense(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=lasso n=60 m=40 batch=3 lambda=0.05 shared-A=yes dtype=float64");
    fixture_sample(&self, 7, STREAM_TEST, 0);
    linear_model *model = self.problem->model;
    double *a = model->a;
    sparse_entries entries = {0};
    for (int64_t i = 0; i < model->m * model->n; i++) {
        if (random_uniform((random_key){.seed = 9, .stream = STREAM_CHECK}, (uint64_t)i) < 0.8) a[i] = 0;
        if (a[i] != 0)
            assert_int_equal(sparse_entries_append(&entries, i / model->n, i % model->n, a[i], &self.error), L2O_OK);
    }
    double dense[3];
    double x[60];
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
    static const char *const texts[] = {
        "problem=lasso n=1000 m=500 batch=2 lambda-relative=0.05 A=normal:0.05 b=truth density=0.05 snr=20",
        "problem=lasso n=1000 m=500 batch=1 lambda-relative=0.001 A=normal:0.05 b=truth density=0.1 snr=20",
    };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        fixture self;
        fixture_create(&self, texts[k]);
        fixture_sample(&self, 2, STREAM_TEST, 0);
        double *x = calloc(1000, sizeof *x), value;
        assert_non_null(x);
        for (int64_t p = 0; p < self.problem->batch; p++) assert_true(solve(&self, p, x, &value) <= 1e-9);
        free(x);
        fixture_free(&self);
    }
}

static void test_quadratic(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=quadratic n=3 m=2 batch=1 dtype=float64");
    fixture_sample(&self, 5, STREAM_TEST, 0);
    double x[64], value, gap = 0;
    put(&self, (double[]){1, 0, 0, 0, 1, 1}, (double[]){1, 2}, 0);
    assert_int_equal(coordinate_descent_optimum(self.problem, 0, 1e-9, x, &value, &gap, &self.evaluation), L2O_OK);
    for (int j = 0; j < 3; j++) assert_near(x[j], 1, 1e-14, "least norm");
    assert_true(isnan(gap));
    put(&self, (double[]){1, 1, 0, 1, 1, 0}, (double[]){1, 3}, 0);
    assert_int_equal(coordinate_descent_optimum(self.problem, 0, 1e-9, x, &value, &gap, &self.evaluation), L2O_OK);
    assert_near(x[0], 1, 1e-14, "rank one");
    assert_near(x[1], 1, 1e-14, "rank one");
    assert_near(value, 1, 1e-14, "rank one");
    fixture_free(&self);

    fixture_create(&self, "problem=quadratic n=30 m=64 batch=4 A=normal:10 dtype=float64");
    fixture_sample(&self, 5, STREAM_TEST, 0);
    double g[4 * 30], points[4 * 30];
    for (int64_t p = 0; p < 4; p++) {
        memset(points + p * 30, 0, 30 * sizeof *points);
        assert_int_equal(
            coordinate_descent_optimum(self.problem, p, 1e-9, points + p * 30, &value, &gap, &self.evaluation), L2O_OK);
    }
    fixture_value_gradient(&self, points, NULL, g);
    for (int i = 0; i < 4 * 30; i++) assert_true(fabs(g[i]) < 1e-10);
    fixture_free(&self);
}

/* As an optimizer: passes through step_native, in both types. */
static void test_steps(void **state) {
    (void)state;
    for (int type = 0; type < 2; type++) {
        fixture self;
        fixture_create(&self, type == 0 ? "problem=lasso n=10 batch=20 A=normal:10 dtype=float32"
                                        : "problem=lasso n=10 batch=20 A=normal:10 dtype=float64");
        fixture_sample(&self, 1, STREAM_TEST, 0);
        optimizer *cd;
        assert_int_equal(optimizer_create(self.settings, "cd", &cd, &self.error), L2O_OK);
        assert_int_equal(optimizer_suits(cd, self.problem, &self.error), L2O_OK);
        size_t bytes = 10 * dtype_size(self.problem->type);
        double spent = 0, f[20];
        for (int64_t p = 0; p < 20; p++)
            for (int pass = 0; pass < 2; pass++)
                assert_int_equal(cd->ops->step_native(cd, self.problem, p, (char *)self.problem->x0 + (size_t)p * bytes,
                                                      &spent, &self.evaluation),
                                 L2O_OK);
        assert_true(spent > 40 && spent < 40 * 1000);
        fixture_value_gradient(&self, self.problem->x0, f, NULL);
        for (int64_t p = 0; p < 20; p++) {
            double x[10] = {0}, value;
            coordinate_descent_optimum(self.problem, p, 1e-12, x, &value, NULL, &self.evaluation);
            assert_near(problem_load(self.problem->type, f, p), value, type == 0 ? 1e-5 : 1e-12, "f after two passes");
        }
        optimizer_free(cd);
        fixture_free(&self);
    }
    fixture other;
    fixture_create(&other, "problem=rosenbrock batch=1");
    optimizer *cd;
    assert_int_equal(optimizer_create(other.settings, "cd", &cd, &other.error), L2O_OK);
    assert_int_equal(optimizer_suits(cd, other.problem, &other.error), L2O_ERROR_UNSUPPORTED);
    double x[2] = {0};
    error_clear(&other.error);
    assert_int_equal(coordinate_descent_optimum(other.problem, 0, 1e-9, x, NULL, NULL, &other.evaluation),
                     L2O_ERROR_UNSUPPORTED);
    assert_non_null(strstr(other.error.text, "rosenbrock"));
    optimizer_free(cd);
    fixture_free(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaussian_gaps),
        cmocka_unit_test(test_brute_force),
        cmocka_unit_test(test_zero_beyond_lambda_max),
        cmocka_unit_test(test_degenerate_data),
        cmocka_unit_test(test_many_shapes),
        cmocka_unit_test(test_sparse_equals_dense),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_quadratic),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
