/* The analysis of a shared A: its spectrum, the pseudo-inverse, the analytic weight, and what is refused. */
#include <float.h>
#include <math.h>

#include "problem_fixture.h"
#include "problems/dictionary.h"
#include "problems/dictionary_sketch.h"
#include "problems/eigen.h"
#include "problems/linear_model.h"

static void test_eigen_of_known_matrices(void **state) {
    (void)state;
    /* The second difference matrix: 2 - 2 cos(k pi / (size + 1)). */
    enum { SIZE = 61 };
    double matrix[SIZE * SIZE] = {0}, values[SIZE], work[3 * SIZE];
    l2o_error error = {0};
    for (int i = 0; i < SIZE; i++) {
        matrix[i * SIZE + i] = 2;
        if (i > 0) matrix[i * SIZE + i - 1] = matrix[(i - 1) * SIZE + i] = -1;
    }
    assert_int_equal(eigen_symmetric(SIZE, matrix, values, work, &error), L2O_OK);
    for (int k = 0; k < SIZE; k++)
        assert_near(values[k], 2 - 2 * cos((k + 1) * acos(-1.0) / (SIZE + 1)), 1e-14, "eigenvalue");
    double one = 7, value;
    assert_int_equal(eigen_symmetric(1, &one, &value, work, &error), L2O_OK);
    assert_true(value == 7 && one == 1);
    double zero[9] = {0};
    assert_int_equal(eigen_symmetric(3, zero, values, work, &error), L2O_OK);
    assert_true(values[0] == 0 && values[2] == 0 && zero[0] * zero[0] + zero[1] * zero[1] + zero[2] * zero[2] == 1);
    double bad[4] = {1, NAN, NAN, 1};
    assert_int_equal(eigen_symmetric(2, bad, values, work, &error), L2O_ERROR_NUMERIC);
}

/* Any symmetric matrix: rows are orthonormal, and they diagonalise it; graded and repeated spectra too. */
static void test_eigen_decomposes(void **state) {
    (void)state;
    const random_key key = {.seed = 1, .stream = STREAM_CHECK};
    for (int kind = 0; kind < 3; kind++) {
        int64_t size = 20 + 17 * kind;
        double *matrix = calloc((size_t)(3 * size * size + 4 * size), sizeof *matrix);
        double *original = matrix + size * size, *factor = original + size * size, *values = factor + size * size;
        for (int64_t i = 0; i < size * size; i++) factor[i] = random_normal(key, (uint64_t)i);
        for (int64_t i = 0; i < size; i++)
            for (int64_t j = 0; j < size; j++) {
                double sum = 0; /* kind 1 has rank 5, kind 2 spans ten decades */
                for (int64_t k = 0; k < (kind == 1 ? 5 : size); k++)
                    sum += factor[i * size + k] * factor[j * size + k] * (kind == 2 ? pow(10, -(double)k / 4) : 1);
                matrix[i * size + j] = original[i * size + j] = sum;
            }
        l2o_error error = {0};
        assert_int_equal(eigen_symmetric(size, matrix, values, values + size, &error), L2O_OK);
        double scale = values[size - 1];
        for (int64_t k = 0; k < size; k++) {
            assert_true(k == 0 || values[k] >= values[k - 1]);
            for (int64_t l = 0; l < size; l++) {
                double product = 0, with = 0;
                for (int64_t i = 0; i < size; i++) {
                    double image = 0;
                    for (int64_t j = 0; j < size; j++) image += original[i * size + j] * matrix[l * size + j];
                    with += matrix[k * size + i] * image;
                    product += matrix[k * size + i] * matrix[l * size + i];
                }
                assert_near(product, k == l, 1e-13, "orthonormal");
                assert_near(with / scale, k == l ? values[k] / scale : 0, 1e-13, "diagonal");
            }
        }
        if (kind == 1) assert_true(fabs(values[size - 6]) < 1e-13 * scale && values[size - 5] > 0.01 * scale);
        free(matrix);
    }
}

static const dictionary *prepare(fixture *self, const char *settings) {
    fixture_create(self, settings);
    fixture_sample(self, 3, STREAM_TRAINING, 0);
    assert_null(problem_dictionary(self->problem));
    if (problem_prepare(self->problem, STRUCTURE_DICTIONARY, &self->evaluation) != L2O_OK)
        fail_msg("%s", self->error.text);
    const dictionary *out = problem_dictionary(self->problem);
    assert_non_null(out);
    assert_int_equal(out->m, self->problem->model->m);
    assert_int_equal(out->n, self->problem->model->n);
    return out;
}

/* u_i'v_j of two [m, n] matrices. */
static double column_product(const dictionary *of, const double *u, int64_t i, const double *v, int64_t j) {
    double sum = 0;
    for (int64_t k = 0; k < of->m; k++) sum += u[k * of->n + i] * v[k * of->n + j];
    return sum;
}

static void check_identities(const dictionary *of) {
    double energy = 0, leverages = 0, coherence = 0, symmetric = 0, trace = 0, inverse = 0;
    for (int64_t i = 0; i < of->n; i++) {
        double leverage = column_product(of, of->pseudo_inverse_transposed, i, of->matrix, i);
        leverages += 1 / leverage;
        assert_near(column_product(of, of->analytic, i, of->matrix, i), 1, 1e-12, "w_i'a_i");
        for (int64_t j = 0; j < of->n; j++) {
            if (i == j) continue;
            double product = column_product(of, of->analytic, i, of->matrix, j);
            energy += product * product;
            coherence = fmax(coherence, fabs(product));
            symmetric = fmax(symmetric, fabs(product * leverage) * (double)of->n / (double)of->m);
        }
    }
    for (int64_t i = 0; i < of->m * of->n; i++) {
        trace += of->matrix[i] * of->matrix[i];
        inverse += of->pseudo_inverse_transposed[i] * of->pseudo_inverse_transposed[i];
    }
    assert_near(energy, leverages - (double)of->n, 1e-11, "off-diagonal energy");
    assert_near(of->coherence, coherence, 1e-12, "coherence");
    assert_near(of->symmetric_coherence, symmetric, 1e-12, "symmetric coherence");
    assert_near(of->trace, trace, 1e-12, "trace");
    assert_near(of->trace_pseudo_inverse / inverse, 1, 1e-9, "trace of the pseudo-inverse");
}

static void test_analytic_weight(void **state) {
    (void)state;
    const char *cases[] = {
        "problem=lasso n=40 m=20 batch=2 shared-A=yes unit-columns=yes b=truth dtype=float64",
        "problem=lasso n=83 m=67 batch=2 shared-A=yes unit-columns=yes b=truth",
        "problem=quadratic n=30 m=12 batch=2 shared-A=yes A=normal:5", /* columns of any length */
        "problem=lasso n=9 m=24 batch=2 shared-A=yes dtype=float64",   /* tall: P = I */
        "problem=l2reg n=1 m=1 batch=2 shared-A=yes",
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        fixture self;
        const dictionary *of = prepare(&self, cases[k]);
        check_identities(of);
        assert_int_equal(of->rank, of->m < of->n ? of->m : of->n);
        if (problem_has(self.problem, STRUCTURE_LIPSCHITZ)) {
            assert_int_equal(problem_prepare(self.problem, STRUCTURE_LIPSCHITZ, &self.evaluation), L2O_OK);
            assert_near(of->norm_squared / self.problem->lipschitz[0], 1, 1e-11, "norm");
        }
        assert_true(of->least_eigenvalue > 0 && of->least_eigenvalue <= of->norm_squared);
        if (of->m > of->n) assert_true(of->coherence < 1e-12);
        fixture_sample(&self, 3, STREAM_TRAINING, 1); /* found once */
        assert_int_equal(problem_prepare(self.problem, STRUCTURE_DICTIONARY, &self.evaluation), L2O_OK);
        assert_ptr_equal(problem_dictionary(self.problem), of);
        fixture_free(&self);
    }
}

/* The definition, by projected gradient descent as the authors of ALISTA solve it. */
static void test_agrees_with_projected_gradient_descent(void **state) {
    (void)state;
    fixture self;
    const dictionary *of =
        prepare(&self, "problem=lasso n=60 m=30 batch=2 shared-A=yes unit-columns=yes dtype=float64");
    int64_t m = of->m, n = of->n;
    double *w = calloc((size_t)(m * n + n * n), sizeof *w), *product = w + m * n;
    memcpy(w, of->matrix, (size_t)(m * n) * sizeof *w);
    for (int step = 0; step < 3000; step++) {
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) product[i * n + j] = column_product(of, of->matrix, i, w, j) - (i == j);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++)
                for (int64_t k = 0; k < n; k++) w[i * n + j] -= 0.1 * of->matrix[i * n + k] * product[k * n + j];
        for (int64_t j = 0; j < n; j++) {
            double missing = 1 - column_product(of, of->matrix, j, w, j);
            for (int64_t i = 0; i < m; i++) w[i * n + j] += missing * of->matrix[i * n + j];
        }
    }
    double apart = 0, size = 0;
    for (int64_t i = 0; i < m * n; i++) {
        apart = hypot(apart, w[i] - of->analytic[i]);
        size = hypot(size, w[i]);
    }
    if (!(apart / size < 1e-5)) fail_msg("%g from projected gradient descent", apart / size);
    free(w);
    fixture_free(&self);
}

/* HyperLISTA's symmetric form, with the whitening G made explicitly: D'(D x - G b) = (n/m) A+ (A x - b), D = GA. */
static void test_symmetric_weights(void **state) {
    (void)state;
    enum { M = 8, N = 14 };
    fixture self;
    const dictionary *of = prepare(&self, "problem=lasso n=14 m=8 batch=1 shared-A=yes dtype=float64");
    double q[M * M], values[M], work[3 * M], g[M * M] = {0}, d[M * N] = {0}, residual[M] = {0};
    for (int i = 0; i < M; i++)
        for (int k = 0; k < M; k++) {
            q[i * M + k] = 0;
            for (int j = 0; j < N; j++) q[i * M + k] += of->matrix[i * N + j] * of->matrix[k * N + j];
        }
    assert_int_equal(eigen_symmetric(M, q, values, work, &self.error), L2O_OK);
    for (int i = 0; i < M * M; i++)
        for (int l = 0; l < M; l++) g[i] += q[l * M + i / M] * q[l * M + i % M] * sqrt((double)N / M / values[l]);
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            for (int k = 0; k < M; k++) d[i * N + j] += g[i * M + k] * of->matrix[k * N + j];
            residual[i] += of->matrix[i * N + j] * cos(j);
        }
        residual[i] -= sin(i);
    }
    double largest = 0;
    for (int j = 0; j < N; j++) {
        double whitened = 0, plain = 0;
        for (int i = 0; i < M; i++) {
            double image = 0;
            for (int k = 0; k < M; k++) image += g[i * M + k] * residual[k];
            whitened += d[i * N + j] * image;
            plain += (double)N / M * of->pseudo_inverse_transposed[i * N + j] * residual[i];
        }
        assert_near(whitened, plain, 1e-10, "symmetric step");
        for (int l = 0; l < N; l++)
            if (l != j) largest = fmax(largest, fabs(column_product(of, d, j, d, l)));
    }
    assert_near(of->symmetric_coherence, largest, 1e-11, "symmetric coherence");
    fixture_free(&self);
}

/* More rows than columns, of full rank and not: A+ is the pseudo-inverse by Penrose's conditions, and
 * w_i'a_i = 1. */
static void test_tall(void **state) {
    (void)state;
    enum { M = 30, N = 7 };
    for (int deficient = 0; deficient < 2; deficient++) {
        fixture self;
        fixture_create(&self, "problem=lasso n=7 m=30 batch=1 shared-A=yes dtype=float64");
        fixture_sample(&self, 1, STREAM_TEST, 0);
        double *a = self.problem->model->a, ap[M * M], pa[N * N], energy = 0;
        for (int i = 0; i < M && deficient == 1; i++) a[i * N + 6] = a[i * N + 1] - 2 * a[i * N + 4];
        assert_int_equal(problem_prepare(self.problem, STRUCTURE_DICTIONARY, &self.evaluation), L2O_OK);
        const dictionary *of = problem_dictionary(self.problem);
        const double *b = of->pseudo_inverse_transposed; /* (A+)' */
        assert_int_equal(of->rank, N - deficient);
        assert_true(deficient == 1 ? of->least_eigenvalue < 1e-12 * of->norm_squared
                                   : of->least_eigenvalue > 1e-3 * of->norm_squared);
        for (int i = 0; i < M * M; i++) {
            ap[i] = 0;
            for (int j = 0; j < N; j++) ap[i] += a[i / M * N + j] * b[i % M * N + j];
        }
        for (int i = 0; i < N * N; i++) pa[i] = column_product(of, b, i / N, a, i % N);
        for (int i = 0; i < M * M; i++) assert_near(ap[i], ap[i % M * M + i / M], 1e-13, "A A+ is symmetric");
        for (int i = 0; i < N * N; i++) assert_near(pa[i], pa[i % N * N + i / N], 1e-13, "A+ A is symmetric");
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) {
                double apa = 0, pap = 0;
                for (int k = 0; k < M; k++) apa += ap[i * M + k] * a[k * N + j];
                for (int k = 0; k < M; k++) pap += ap[k * M + i] * b[k * N + j];
                assert_near(apa, a[i * N + j], 1e-12, "A A+ A = A");
                assert_near(pap, b[i * N + j], 1e-12, "A+ A A+ = A+");
            }
        for (int j = 0; j < N; j++) assert_near(column_product(of, of->analytic, j, a, j), 1, 1e-12, "w_i'a_i");
        for (int i = 0; i < M * N; i++) energy += b[i] * b[i];
        assert_near(of->trace_pseudo_inverse / energy, 1, 1e-12, "trace of the pseudo-inverse");
        if (deficient == 0) check_identities(of);
        fixture_free(&self);
    }
    /* As fast as its few columns allow: AA' would be a matrix of 9e8 numbers. */
    fixture self;
    const dictionary *of = prepare(&self, "problem=lasso n=2 m=30000 batch=1 shared-A=yes");
    assert_int_equal(of->rank, 2);
    assert_near(column_product(of, of->analytic, 1, of->matrix, 1), 1, 1e-12, "w_i'a_i");
    fixture_free(&self);
}

static void assert_refused(fixture *self, const char *sentence) {
    assert_int_not_equal(problem_prepare(self->problem, STRUCTURE_DICTIONARY, &self->evaluation), L2O_OK);
    if (strstr(self->error.text, sentence) == NULL) fail_msg("'%s' does not say '%s'", self->error.text, sentence);
    assert_null(problem_dictionary(self->problem));
    fixture_free(self);
}

static void test_refusals(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=lasso n=6 m=4 batch=3");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    assert_refused(&self, "each of the 3 instances has its own; draw one for all (shared-A = yes)");
    fixture_create(&self, "problem=logistic n=6 m=4 batch=3");
    assert_refused(&self, "the problem logistic has no measurements");

    fixture_create(&self, "problem=lasso n=6 m=4 batch=3 shared-A=yes");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    for (int i = 0; i < 4; i++) ((float *)self.problem->model->a)[6 * i + 2] = 0;
    assert_refused(&self, "A: column 2 holds nothing but zeros");
    fixture_create(&self, "problem=lasso n=6 m=4 batch=3 shared-A=yes");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    ((float *)self.problem->model->a)[6 * 3 + 5] = NAN;
    assert_refused(&self, "A: column 5 is not finite");
    fixture_create(&self, "problem=lasso n=2 m=2 batch=3 shared-A=yes");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    const float small[4] = {1, 0, 0, 1e-9F};
    memcpy(self.problem->model->a, small, sizeof small);
    assert_refused(&self, "A: column 1 is so small beside the others");
}

/* Rows that repeat: AA' is singular, and the pseudo-inverse keeps every identity. */
static void test_deficient_rank(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=lasso n=20 m=10 batch=2 shared-A=yes");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    float *a = self.problem->model->a;
    for (int j = 0; j < 20; j++) {
        a[7 * 20 + j] = a[2 * 20 + j];
        a[8 * 20 + j] = (float)(0.5 * (double)a[3 * 20 + j] - (double)a[4 * 20 + j]);
    }
    assert_int_equal(problem_prepare(self.problem, STRUCTURE_DICTIONARY, &self.evaluation), L2O_OK);
    const dictionary *of = problem_dictionary(self.problem);
    assert_int_equal(of->rank, 8);
    assert_true(of->least_eigenvalue < 1e-12 * of->norm_squared);
    double largest = 0, energy = 0, leverages = 0;
    for (int64_t i = 0; i < of->n; i++) {
        leverages += 1 / column_product(of, of->pseudo_inverse_transposed, i, of->matrix, i);
        for (int64_t j = 0; j < of->n; j++) {
            double product = column_product(of, of->analytic, i, of->matrix, j);
            energy += i == j ? 0 : product * product;
        }
    }
    for (int64_t i = 0; i < of->m * of->n; i++) largest = fmax(largest, fabs(of->analytic[i]));
    assert_true(largest < 10); /* nothing is divided by rounding */
    assert_near(energy, leverages - 20, 1e-5, "off-diagonal energy");
    fixture_free(&self);
}

/* A distance from 16 sums: none to itself in either type, small to a neighbour, about sqrt(2) to one of its kind. */
static void test_sketch(void **state) {
    (void)state;
    fixture one, same, other, wide;
    fixture_create(&one, "problem=lasso n=40 m=20 batch=1 shared-A=yes unit-columns=yes b=truth");
    fixture_create(&same, "problem=lasso n=40 m=20 batch=9 shared-A=yes unit-columns=yes b=truth dtype=float64");
    fixture_create(&other, "problem=lasso n=40 m=20 batch=1 shared-A=yes unit-columns=yes b=truth A-seed=5");
    fixture_create(&wide, "problem=lasso n=41 m=20 batch=1 shared-A=yes");
    dictionary_sketch first = dictionary_sketch_of(one.problem), second = dictionary_sketch_of(same.problem);
    dictionary_sketch third = dictionary_sketch_of(other.problem), fourth = dictionary_sketch_of(wide.problem);
    assert_true(first.m == 20 && first.n == 40);
    assert_near(first.norm, sqrt(40), 1e-6, "Frobenius norm");
    assert_true(dictionary_sketch_equals(&first, &first) && !dictionary_sketch_equals(&first, &third));
    assert_true(dictionary_sketch_distance(&first, &second) < 1e-6);
    double far = dictionary_sketch_distance(&first, &third);
    assert_true(far > 0.7 && far < 2.5);
    assert_true(isnan(dictionary_sketch_distance(&first, &fourth)));
    for (int i = 0; i < 800; i++) ((float *)one.problem->model->a)[i] *= 1 + (i % 2 == 0 ? 0.02F : -0.02F);
    dictionary_sketch near = dictionary_sketch_of(one.problem);
    double little = dictionary_sketch_distance(&first, &near);
    assert_true(little > 0.01 && little < 0.04);
    json_t *json = dictionary_sketch_json(&first);
    dictionary_sketch again = dictionary_sketch_read(json);
    assert_true(dictionary_sketch_equals(&first, &again) && first.norm == again.norm);
    json_decref(json);
    again = dictionary_sketch_read(NULL);
    assert_true(isnan(dictionary_sketch_distance(&again, &first)));
    fixture_free(&one);
    fixture_free(&same);
    fixture_free(&other);
    fixture_free(&wide);
}

/* A norm that is no number is not called large. */
static void test_norm_of_no_number(void **state) {
    (void)state;
    fixture self;
    double norm;
    fixture_create(&self, "problem=lasso n=4 m=3 batch=1 shared-A=yes dtype=float64");
    double *a = (double *)self.problem->model->a;
    a[5] = NAN;
    assert_int_equal(linear_model_squared_norms(self.problem->model, &norm, &self.evaluation), L2O_ERROR_INPUT);
    assert_non_null(strstr(self.error.text, "its squared norm ||A||^2 is no number"));
    for (int i = 0; i < 12; i++) a[i] = i == 0 ? 1e154 : 0;
    self.error = (l2o_error){0};
    assert_int_equal(linear_model_squared_norms(self.problem->model, &norm, &self.evaluation), L2O_OK);
    a[0] = 1e160;
    assert_int_equal(linear_model_squared_norms(self.problem->model, &norm, &self.evaluation), L2O_ERROR_INPUT);
    assert_non_null(strstr(self.error.text, "scale A and b"));
    fixture_free(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eigen_of_known_matrices),
        cmocka_unit_test(test_eigen_decomposes),
        cmocka_unit_test(test_analytic_weight),
        cmocka_unit_test(test_agrees_with_projected_gradient_descent),
        cmocka_unit_test(test_symmetric_weights),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_tall),
        cmocka_unit_test(test_deficient_rank),
        cmocka_unit_test(test_sketch),
        cmocka_unit_test(test_norm_of_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
