/* Each family against numbers worked out by hand, its derivatives of three orders against differences in float64, both
 * float types against each other, and all forms of A against each other. */
#include <math.h>

#include "base/memory.h"
#include "problem_fixture.h"
#include "problems/linear_model.h"

static const char *const families[] = {
    "problem=lasso n=6 m=4 batch=5",
    "problem=lasso n=4 m=9 batch=3 shared-A=yes lambda=0.7",
    "problem=quadratic n=11 m=17 batch=4",
    "problem=quadratic n=3 m=2 batch=4 shared-A=yes",
    "problem=l2reg n=5 m=7 batch=6 lambda=0.9",
    "problem=l2reg n=1 m=1 batch=2 lambda=2",
    "problem=logistic n=5 m=12 batch=4 lambda=0.1 A=normal:2",
    "problem=logistic n=9 m=3 batch=4 shared-A=yes",
    "problem=recovery n=7 m=4 batch=5",
    "problem=recovery n=5 m=3 batch=4 shared-A=yes nonzeros=2",
    "problem=rosenbrock batch=7",
    "problem=rosenbrock n=6 batch=3",
    "problem=rastrigin n=3 batch=6 alpha=mix:1,0.5,2",
    "problem=rastrigin n=10 batch=2",
};
enum { FAMILY_COUNT = (int)(sizeof families / sizeof families[0]) };

typedef struct point {
    fixture fixture;
    int64_t batch, n;
    double *x, *u, *v, *moved, *plus, *minus, *out; /* [B, n] */
} point;

/* A point and two directions away from kinks. */
static void point_create(point *self, const char *family) {
    char settings[256];
    snprintf(settings, sizeof settings, "%s dtype=float64", family);
    fixture_create(&self->fixture, settings);
    fixture_sample(&self->fixture, 11, STREAM_CHECK, 0);
    self->batch = self->fixture.problem->batch;
    self->n = self->fixture.problem->dimension;
    size_t total = (size_t)(self->batch * self->n);
    double **arrays[] = {&self->x, &self->u, &self->v, &self->moved, &self->plus, &self->minus, &self->out};
    for (int k = 0; k < 7; k++) {
        *arrays[k] = calloc(total, sizeof(double));
        assert_non_null(*arrays[k]);
    }
    for (size_t i = 0; i < total; i++) {
        random_key key = {.seed = 3, .stream = STREAM_CHECK, .field = FIELD_OTHER};
        double z = random_normal(key, i);
        self->x[i] = z + (z < 0 ? -0.2 : 0.2);
        self->u[i] = random_normal(key, total + i);
        self->v[i] = random_normal(key, 2 * total + i);
    }
    const problem_ops *ops = self->fixture.problem->ops;
    for (int64_t p = 0; p < self->batch && ops->near_kink != NULL; p++)
        assert_false(ops->near_kink(self->fixture.problem, p, self->x + p * self->n, 0.1));
}

static void point_free(point *self) {
    double *arrays[] = {self->x, self->u, self->v, self->moved, self->plus, self->minus, self->out};
    for (int k = 0; k < 7; k++) free(arrays[k]);
    fixture_free(&self->fixture);
}

static const double step = 1e-5;

static void move(point *self, const double *direction, double length) {
    for (int64_t i = 0; i < self->batch * self->n; i++) self->moved[i] = self->x[i] + length * direction[i];
}

static double dot(const point *self, int64_t instance, const double *a, const double *b) {
    double sum = 0;
    for (int64_t i = instance * self->n; i < (instance + 1) * self->n; i++) sum += a[i] * b[i];
    return sum;
}

static void assert_same(const point *self, const double *expected, const char *what, const char *family) {
    for (int64_t p = 0; p < self->batch; p++) {
        double difference = 0, size = 0;
        for (int64_t i = p * self->n; i < (p + 1) * self->n; i++) {
            difference = fmax(difference, fabs(self->out[i] - expected[i]));
            size = fmax(size, fabs(expected[i]));
        }
        if (!(difference <= 1e-6 * (1 + size))) fail_msg("%s of %s: off by %g of %g", what, family, difference, size);
    }
}

static void test_gradients(void **state) {
    (void)state;
    for (int k = 0; k < FAMILY_COUNT; k++) {
        point self;
        point_create(&self, families[k]);
        double *f = calloc((size_t)self.batch * 3, sizeof *f), *plus = f + self.batch, *minus = plus + self.batch;
        fixture_value_gradient(&self.fixture, self.x, f, self.out);
        move(&self, self.v, step);
        fixture_value_gradient(&self.fixture, self.moved, plus, NULL);
        move(&self, self.v, -step);
        fixture_value_gradient(&self.fixture, self.moved, minus, NULL);
        for (int64_t p = 0; p < self.batch; p++)
            assert_near(dot(&self, p, self.out, self.v), (plus[p] - minus[p]) / (2 * step), 1e-6, families[k]);
        fixture_value_gradient(&self.fixture, self.x, NULL, self.plus); /* f may be left out */
        assert_memory_equal(self.plus, self.out, (size_t)(self.batch * self.n) * sizeof(double));
        free(f);
        point_free(&self);
    }
}

static void test_hessian_vector_products(void **state) {
    (void)state;
    for (int k = 0; k < FAMILY_COUNT; k++) {
        point self;
        point_create(&self, families[k]);
        fixture *fixture = &self.fixture;
        assert_int_equal(fixture->problem->ops->hess_vec(fixture->problem, fixture_rows(fixture), self.x, self.v,
                                                         self.out, &fixture->evaluation),
                         L2O_OK);
        move(&self, self.v, step);
        fixture_value_gradient(fixture, self.moved, NULL, self.plus);
        move(&self, self.v, -step);
        fixture_value_gradient(fixture, self.moved, NULL, self.minus);
        for (int64_t i = 0; i < self.batch * self.n; i++) self.moved[i] = (self.plus[i] - self.minus[i]) / (2 * step);
        assert_same(&self, self.moved, "Hessian-vector product", families[k]);
        point_free(&self);
    }
}

static void test_third_derivatives(void **state) {
    (void)state;
    for (int k = 0; k < FAMILY_COUNT; k++) {
        point self;
        point_create(&self, families[k]);
        fixture *fixture = &self.fixture;
        const problem_ops *ops = fixture->problem->ops;
        instances rows = fixture_rows(fixture);
        assert_int_equal(ops->third(fixture->problem, rows, self.x, self.v, self.u, self.plus, &fixture->evaluation),
                         L2O_OK);
        assert_int_equal(ops->third(fixture->problem, rows, self.x, self.u, self.v, self.out, &fixture->evaluation),
                         L2O_OK);
        assert_same(&self, self.plus, "symmetry of the third derivative", families[k]);
        /* The derivative of H(x) v along u is that of u'Hv, by symmetry of the third derivative. */
        move(&self, self.u, step);
        assert_int_equal(ops->hess_vec(fixture->problem, rows, self.moved, self.v, self.plus, &fixture->evaluation),
                         L2O_OK);
        move(&self, self.u, -step);
        assert_int_equal(ops->hess_vec(fixture->problem, rows, self.moved, self.v, self.minus, &fixture->evaluation),
                         L2O_OK);
        for (int64_t i = 0; i < self.batch * self.n; i++) self.moved[i] = (self.plus[i] - self.minus[i]) / (2 * step);
        assert_same(&self, self.moved, "third derivative", families[k]);
        point_free(&self);
    }
}

/* Value, gradient, Hessian-vector product and third derivative in float32 follow those in float64. */
static void test_float_types_agree(void **state) {
    (void)state;
    for (int k = 0; k < FAMILY_COUNT; k++) {
        point self;
        point_create(&self, families[k]);
        fixture *twice = &self.fixture, single;
        fixture_create(&single, families[k]);
        fixture_sample(&single, 11, STREAM_CHECK, 0);
        size_t total = (size_t)(self.batch * self.n);
        float *x = calloc(total * 4, sizeof *x), *u = x + total, *v = u + total, *out = v + total;
        for (size_t i = 0; i < total; i++) {
            x[i] = (float)self.x[i], u[i] = (float)self.u[i], v[i] = (float)self.v[i];
            self.x[i] = (double)x[i], self.u[i] = (double)u[i], self.v[i] = (double)v[i];
        }
        float *f32 = calloc((size_t)self.batch, sizeof *f32);
        double *f64 = calloc((size_t)self.batch, sizeof *f64);
        const problem_ops *ops = single.problem->ops;
        for (int order = 1; order <= 3; order++) {
            instances rows = fixture_rows(twice);
            if (order == 1) {
                fixture_value_gradient(&single, x, f32, out);
                fixture_value_gradient(twice, self.x, f64, self.out);
                for (int64_t p = 0; p < self.batch; p++) assert_near((double)f32[p], f64[p], 2e-5, families[k]);
            } else if (order == 2) {
                ops->hess_vec(single.problem, rows, x, v, out, &single.evaluation);
                ops->hess_vec(twice->problem, rows, self.x, self.v, self.out, &twice->evaluation);
            } else {
                ops->third(single.problem, rows, x, u, v, out, &single.evaluation);
                ops->third(twice->problem, rows, self.x, self.u, self.v, self.out, &twice->evaluation);
            }
            double difference = 0, size = 0;
            for (size_t i = 0; i < total; i++) {
                difference = fmax(difference, fabs((double)out[i] - self.out[i]));
                size = fmax(size, fabs(self.out[i]));
            }
            if (!(difference <= 2e-5 * (1 + size)))
                fail_msg("%s, order %d: %g of %g", families[k], order, difference, size);
        }
        free(x);
        free(f32);
        free(f64);
        fixture_free(&single);
        point_free(&self);
    }
}

static void set_model(fixture *self, const double *a, const double *b) {
    const linear_model *model = self->problem->model;
    memcpy(model->a, a, (size_t)(model->m * model->n) * sizeof *a);
    memcpy(model->b, b, (size_t)model->m * sizeof *b);
}

/* A = [1 2; 3 4; 5 6], b = (1, 1, 1), x = (1, -1): A x - b = (-2, -2, -2), A'(A x - b) = (-18, -24). */
static void test_by_hand(void **state) {
    (void)state;
    const double a[] = {1, 2, 3, 4, 5, 6}, ones[] = {1, 1, 1}, x[] = {1, -1}, zero[] = {0, 0};
    double f, g[2];
    fixture self;
    fixture_create(&self, "problem=quadratic n=2 m=3 batch=1 dtype=float64");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    set_model(&self, a, ones);
    fixture_value_gradient(&self, x, &f, g);
    assert_true(f == 6 && g[0] == -18 && g[1] == -24);
    fixture_free(&self);

    fixture_create(&self, "problem=lasso n=2 m=3 batch=1 dtype=float64 lambda=0.5");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    set_model(&self, a, ones);
    fixture_value_gradient(&self, x, &f, g);
    assert_true(f == 7 && g[0] == -17.5 && g[1] == -24.5);
    fixture_value_gradient(&self, zero, &f, g); /* sign(0) = 0 */
    assert_true(f == 1.5 && g[0] == -9 && g[1] == -12);
    assert_true(self.problem->ops->near_kink(self.problem, 0, zero, 1e-9));
    fixture_free(&self);

    fixture_create(&self, "problem=l2reg n=2 m=3 batch=1 dtype=float64 lambda=2");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    set_model(&self, a, ones);
    fixture_value_gradient(&self, x, &f, g);
    assert_near(f, 6 + 2 * sqrt(2), 1e-15, "l2reg");
    assert_near(g[0], -18 + sqrt(2), 1e-15, "l2reg");
    assert_near(g[1], -24 - sqrt(2), 1e-15, "l2reg");
    fixture_value_gradient(&self, zero, &f, g); /* 0 / 0 is defined as 0, of every order */
    assert_true(f == 1.5 && g[0] == -9 && g[1] == -12);
    double out[2];
    instances rows = fixture_rows(&self);
    assert_int_equal(self.problem->ops->hess_vec(self.problem, rows, zero, x, out, &self.evaluation), L2O_OK);
    assert_true(out[0] == -9 && out[1] == -12); /* A'A x alone: A x = (-1, -1, -1) */
    assert_int_equal(self.problem->ops->third(self.problem, rows, zero, x, x, out, &self.evaluation), L2O_OK);
    assert_true(out[0] == 0 && out[1] == 0);
    fixture_free(&self);

    /* Margins b A x = (-1, 1, -1): the loss is (2 log(1 + e) + log(1 + 1/e)) / 3. */
    const double labels[] = {1, -1, 1};
    fixture_create(&self, "problem=logistic n=2 m=3 batch=1 dtype=float64 lambda=0.5");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    set_model(&self, a, labels);
    fixture_value_gradient(&self, x, &f, g);
    double e = exp(1), up = e / (1 + e), down = 1 / (1 + e);
    assert_near(f, (2 * log(1 + e) + log(1 + 1 / e)) / 3 + 1, 1e-15, "logistic");
    assert_near(g[0], (-1 * up + 3 * down - 5 * up) / 3 + 0.5, 1e-15, "logistic");
    assert_near(g[1], (-2 * up + 4 * down - 6 * up) / 3 - 0.5, 1e-15, "logistic");
    const double far[] = {1e4, -2e4}; /* margins of tens of thousands neither overflow nor become NaN */
    fixture_value_gradient(&self, far, &f, g);
    assert_near(f, (3e4 + 7e4) / 3 + 1.5e4, 1e-14, "logistic, far out");
    assert_true(isfinite(g[0]) && isfinite(g[1]));
    fixture_free(&self);

    fixture_create(&self, "problem=rosenbrock batch=1 dtype=float64");
    const double valley[] = {2, 3};
    fixture_value_gradient(&self, valley, &f, g); /* 1 + 100 (3 - 4)^2 */
    assert_true(f == 101 && g[0] == 802 && g[1] == -200);
    fixture_free(&self);

    fixture_create(&self, "problem=rastrigin n=2 batch=1 alpha=3 dtype=float64");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    fixture_value_gradient(&self, zero, &f, g);
    assert_true(f == 0 && g[0] == 0 && g[1] == 0);
    const double quarter[] = {0.25, 1.5}; /* cos(pi / 2) = 0, cos(3 pi) = -1 */
    fixture_value_gradient(&self, quarter, &f, g);
    assert_near(f, 0.0625 + 3 + 2.25 + 6, 1e-14, "rastrigin");
    assert_near(g[0], 0.5 + 6 * 3.14159265358979323846, 1e-14, "rastrigin");
    assert_near(g[1], 3, 1e-14, "rastrigin");
    fixture_free(&self);
}

/* The same A shared, given to each instance, and sparse: value, gradient, Hessian-vector product, norms. */
static void check_forms(const char *family, dtype type) {
    enum { M = 7, N = 5, B = 6 };
    char settings[256];
    const char *types[] = {"float32", "float64"};
    fixture form[3];
    snprintf(settings, sizeof settings, "%s n=%d m=%d batch=%d shared-A=yes dtype=%s", family, N, M, B, types[type]);
    fixture_create(&form[0], settings);
    fixture_create(&form[2], settings);
    snprintf(settings, sizeof settings, "%s n=%d m=%d batch=%d dtype=%s", family, N, M, B, types[type]);
    fixture_create(&form[1], settings);
    for (int k = 0; k < 3; k++) fixture_sample(&form[k], 5, STREAM_TEST, 1);
    size_t size = dtype_size(type);
    char *shared = form[0].problem->model->a;
    memset(shared + 2 * N * size, 0, N * size);                                       /* an empty row */
    for (int i = 0; i < M; i++) memset(shared + (size_t)(i * N + 3) * size, 0, size); /* and an empty column */
    for (int p = 0; p < B; p++) {
        memcpy((char *)form[1].problem->model->a + (size_t)(p * M * N) * size, shared, M * N * size);
        memcpy((char *)form[1].problem->model->b + (size_t)(p * M) * size,
               (char *)form[0].problem->model->b + (size_t)(p * M) * size, M * size);
    }
    sparse_entries entries = {0};
    sparse_matrix sparse = {0}, transpose = {0};
    l2o_error error = {0};
    for (int i = 0; i < M * N; i++)
        if (problem_load(type, shared, i) != 0)
            assert_int_equal(sparse_entries_append(&entries, i / N, i % N, problem_load(type, shared, i), &error),
                             L2O_OK);
    assert_int_equal(sparse_from_entries(M, N, &entries, &sparse, &error), L2O_OK);
    assert_int_equal(sparse_transpose(&sparse, &transpose, &error), L2O_OK);
    sparse_entries_free(&entries);
    form[2].problem->model->a = NULL;
    form[2].problem->model->sparse = &sparse;
    form[2].problem->model->transpose = &transpose;

    double f[3][B], g[3][B * N], h[3][B * N];
    double tolerance = type == DTYPE_FLOAT32 ? 1e-5 : 1e-13;
    for (int k = 0; k < 3; k++) {
        problem *problem = form[k].problem;
        char raw_f[B * 8], raw_g[B * N * 8], raw_h[B * N * 8], x[B * N * 8];
        for (int i = 0; i < B * N; i++) problem_store(type, x, i, sin(i + 1.0));
        fixture_value_gradient(&form[k], x, raw_f, raw_g);
        assert_int_equal(problem->ops->hess_vec(problem, fixture_rows(&form[k]), x, x, raw_h, &form[k].evaluation),
                         L2O_OK);
        if (problem_has(problem, STRUCTURE_LIPSCHITZ))
            assert_int_equal(problem_prepare(problem, STRUCTURE_LIPSCHITZ, &form[k].evaluation), L2O_OK);
        for (int i = 0; i < B; i++) f[k][i] = problem_load(type, raw_f, i);
        for (int i = 0; i < B * N; i++) {
            g[k][i] = problem_load(type, raw_g, i);
            h[k][i] = problem_load(type, raw_h, i);
        }
        for (int i = 0; i < B; i++) assert_near(f[k][i], f[0][i], tolerance, family);
        for (int i = 0; i < B * N; i++) {
            assert_near(g[k][i], g[0][i], tolerance, family);
            assert_near(h[k][i], h[0][i], tolerance, family);
        }
        for (int p = 0; p < B && problem_has(problem, STRUCTURE_LIPSCHITZ); p++)
            assert_near(problem->lipschitz[p], form[0].problem->lipschitz[0], 1e-9, family);
        /* Some of the rows, in another order. */
        int64_t index[] = {4, 1};
        char some[2 * N * 8], some_g[2 * N * 8], some_f[2 * 8];
        memcpy(some, x + 4 * N * size, N * size);
        memcpy(some + N * size, x + N * size, N * size);
        assert_int_equal(
            problem->ops->value_gradient(problem, (instances){2, index}, some, some_f, some_g, &form[k].evaluation),
            L2O_OK);
        for (int r = 0; r < 2; r++) {
            assert_near(problem_load(type, some_f, r), f[k][index[r]], tolerance, family);
            for (int j = 0; j < N; j++)
                assert_near(problem_load(type, some_g, r * N + j), g[k][index[r] * N + j], tolerance, family);
        }
    }
    for (int k = 0; k < 3; k++) fixture_free(&form[k]);
    sparse_free(&sparse);
    sparse_free(&transpose);
}

static void test_forms_of_a_agree(void **state) {
    (void)state;
    const char *linear[] = {"problem=lasso", "problem=quadratic", "problem=l2reg lambda=1",
                            "problem=logistic lambda=0.2"};
    for (int k = 0; k < 4; k++) {
        check_forms(linear[k], DTYPE_FLOAT32);
        check_forms(linear[k], DTYPE_FLOAT64);
    }
}

/* The value and gradient that have a constant term's number of digits near the minimum. */
static void test_rastrigin_is_exact_near_and_far(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=rastrigin n=1 batch=1 dtype=float32");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    const double pi = 3.14159265358979323846;
    const float points[] = {1e-4f, -3e-6f, 1234.25f, -1e5f};
    for (int k = 0; k < 4; k++) {
        float f, g;
        double x = (double)points[k];
        fixture_value_gradient(&self, &points[k], &f, &g);
        double sine = sin(pi * (x - rint(x))), expected = x * x + 20 * sine * sine;
        assert_near((double)f / expected, 1, 1e-5, "value");
        assert_near((double)g, 2 * x + 20 * pi * sin(2 * pi * (x - rint(x))), 1e-5, "gradient");
    }
    fixture_free(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_hessian_vector_products),
        cmocka_unit_test(test_third_derivatives),
        cmocka_unit_test(test_float_types_agree),
        cmocka_unit_test(test_forms_of_a_agree),
        cmocka_unit_test(test_rastrigin_is_exact_near_and_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
