/* What families offer beyond values and gradients: Lipschitz constants, smooth parts, duality gaps, lambda_max, optima.
 */
#include <math.h>

#include "problem_fixture.h"
#include "problems/lanczos.h"
#include "problems/linear_model.h"

/* FISTA with restarts, in float64, until nothing moves: x* [B, n]. */
static void minimise(fixture *self, double *x) {
    problem *problem = self->problem;
    int64_t n = problem->dimension, total = problem->batch * n;
    double *y = calloc((size_t)total * 2, sizeof *y), *g = y + total;
    assert_int_equal(problem_prepare(problem, STRUCTURE_LIPSCHITZ, &self->evaluation), L2O_OK);
    for (int64_t i = 0; i < total; i++) x[i] = y[i] = 0;
    double momentum = 1;
    for (int step = 0; step < 20000; step++) {
        assert_int_equal(problem->ops->smooth_gradient(problem, fixture_rows(self), y, NULL, g, &self->evaluation),
                         L2O_OK);
        double next = (1 + sqrt(1 + 4 * momentum * momentum)) / 2, along = 0;
        for (int64_t i = 0; i < total; i++) {
            double length = problem->lipschitz[i / n], threshold = problem->lambda[i / n] / length;
            double z = y[i] - g[i] / length, old = x[i];
            x[i] = fabs(z) > threshold ? z - copysign(threshold, z) : 0;
            along += (y[i] - x[i]) * (x[i] - old);
            y[i] = x[i] + (momentum - 1) / next * (x[i] - old);
        }
        momentum = along > 0 ? 1 : next;
    }
    free(y);
}

static void test_gap_bounds_suboptimality(void **state) {
    (void)state;
    const char *cases[] = {
        "problem=lasso n=6 m=15 batch=4 lambda=0.3",
        "problem=lasso n=9 m=5 batch=3 lambda-relative=0.2",
        "problem=lasso n=6 m=15 batch=4 shared-A=yes",
        "problem=logistic n=4 m=30 batch=4 lambda=0.02",
        "problem=logistic n=8 m=20 batch=3 shared-A=yes lambda-relative=0.3",
    };
    for (int k = 0; k < 5; k++) {
        char text[256];
        fixture self;
        snprintf(text, sizeof text, "%s dtype=float64", cases[k]);
        fixture_create(&self, text);
        fixture_sample(&self, 2, STREAM_TEST, 0);
        problem *problem = self.problem;
        int64_t batch = problem->batch, total = batch * problem->dimension;
        double *best = calloc((size_t)(2 * total + 3 * batch), sizeof *best);
        double *x = best + total, *least = x + total, *f = least + batch, *gap = f + batch;
        minimise(&self, best);
        fixture_value_gradient(&self, best, least, NULL);
        assert_int_equal(problem->ops->duality_gap(problem, fixture_rows(&self), best, gap, &self.evaluation), L2O_OK);
        for (int64_t p = 0; p < batch; p++) {
            assert_true(gap[p] >= 0);
            if (!(gap[p] < 1e-11)) fail_msg("%s: gap %g at the optimum", cases[k], gap[p]);
        }
        const random_key key = {.seed = 4, .stream = STREAM_CHECK};
        double closest = 1e300;
        for (int trial = 0; trial < 60; trial++) {
            double radius = pow(10, 1 - trial / 8.0);
            for (int64_t i = 0; i < total; i++)
                x[i] = best[i] + radius * random_normal(key, (uint64_t)(trial * total + i));
            fixture_value_gradient(&self, x, f, NULL);
            problem->ops->duality_gap(problem, fixture_rows(&self), x, gap, &self.evaluation);
            for (int64_t p = 0; p < batch; p++) {
                if (!(gap[p] >= (f[p] - least[p]) * (1 - 1e-9) - 1e-13))
                    fail_msg("%s: gap %g below the suboptimality %g", cases[k], gap[p], f[p] - least[p]);
                closest = fmin(closest, gap[p]);
            }
        }
        assert_true(closest < 1e-3); /* it follows x to the optimum */
        free(best);
        fixture_free(&self);
    }
}

/* The gap is primal minus dual, worked out plainly at a point where that does not cancel. */
static void test_gap_is_primal_minus_dual(void **state) {
    (void)state;
    fixture self;
    fixture_create(&self, "problem=lasso n=5 m=8 batch=2 lambda=0.4 dtype=float64");
    fixture_sample(&self, 9, STREAM_TEST, 0);
    const linear_model *model = self.problem->model;
    const double *a = model->a, *b = model->b;
    double x[10], f[2], gap[2];
    for (int i = 0; i < 10; i++) x[i] = sin(3.0 * i);
    fixture_value_gradient(&self, x, f, NULL);
    self.problem->ops->duality_gap(self.problem, fixture_rows(&self), x, gap, &self.evaluation);
    for (int p = 0; p < 2; p++) {
        double residual[8], squared = 0, with_b = 0, largest = 0;
        for (int i = 0; i < 8; i++) {
            residual[i] = b[8 * p + i];
            for (int j = 0; j < 5; j++) residual[i] -= a[40 * p + 5 * i + j] * x[5 * p + j];
            squared += residual[i] * residual[i];
            with_b += residual[i] * b[8 * p + i];
        }
        for (int j = 0; j < 5; j++) {
            double sum = 0;
            for (int i = 0; i < 8; i++) sum += a[40 * p + 5 * i + j] * residual[i];
            largest = fmax(largest, fabs(sum));
        }
        double scale = fmax(-0.4 / largest, fmin(0.4 / largest, with_b / squared));
        assert_near(gap[p], f[p] - (scale * with_b - 0.5 * scale * scale * squared), 1e-13, "gap");
    }
    fixture_free(&self);

    fixture_create(&self, "problem=logistic n=5 m=8 batch=2 lambda=0.02 dtype=float64");
    fixture_sample(&self, 9, STREAM_TEST, 0);
    model = self.problem->model;
    a = model->a, b = model->b;
    fixture_value_gradient(&self, x, f, NULL);
    self.problem->ops->duality_gap(self.problem, fixture_rows(&self), x, gap, &self.evaluation);
    for (int p = 0; p < 2; p++) {
        double u[8], largest = 0, dual = 0;
        for (int i = 0; i < 8; i++) {
            double margin = 0;
            for (int j = 0; j < 5; j++) margin += b[8 * p + i] * a[40 * p + 5 * i + j] * x[5 * p + j];
            u[i] = 1 / (1 + exp(margin));
        }
        for (int j = 0; j < 5; j++) {
            double sum = 0;
            for (int i = 0; i < 8; i++) sum += u[i] * b[8 * p + i] * a[40 * p + 5 * i + j] / 8;
            largest = fmax(largest, fabs(sum));
        }
        double scale = fmin(1, 0.02 / largest);
        for (int i = 0; i < 8; i++)
            dual -= (scale * u[i] * log(scale * u[i]) + (1 - scale * u[i]) * log(1 - scale * u[i])) / 8;
        assert_near(gap[p], f[p] - dual, 1e-13, "logistic gap");
    }
    fixture_free(&self);
}

/* In float32 the gap is still worked out in float64: at the float32 data's own optimum it is tiny. */
static void test_gap_of_float32_data(void **state) {
    (void)state;
    fixture single, twice;
    fixture_create(&single, "problem=lasso n=4 m=12 batch=2 lambda=0.3");
    fixture_create(&twice, "problem=lasso n=4 m=12 batch=2 lambda=0.3 dtype=float64");
    fixture_sample(&single, 2, STREAM_TEST, 0);
    fixture_sample(&twice, 2, STREAM_TEST, 0);
    for (int i = 0; i < 96; i++)
        ((double *)twice.problem->model->a)[i] = (double)((float *)single.problem->model->a)[i];
    for (int i = 0; i < 24; i++)
        ((double *)twice.problem->model->b)[i] = (double)((float *)single.problem->model->b)[i];
    double best[8], gap_single[2], gap_twice[2], rounded[8];
    float x[8];
    minimise(&twice, best);
    for (int i = 0; i < 8; i++) x[i] = (float)best[i], rounded[i] = (double)x[i];
    single.problem->ops->duality_gap(single.problem, fixture_rows(&single), x, gap_single, &single.evaluation);
    twice.problem->ops->duality_gap(twice.problem, fixture_rows(&twice), rounded, gap_twice, &twice.evaluation);
    for (int p = 0; p < 2; p++) {
        assert_true(gap_single[p] == gap_twice[p]);
        assert_true(gap_single[p] < 1e-6);
    }
    fixture_free(&single);
    fixture_free(&twice);
}

static void test_gap_at_the_edges(void **state) {
    (void)state;
    fixture self; /* b = 0: x = 0 is the optimum, with nothing left to scale */
    fixture_create(&self, "problem=lasso n=3 m=4 batch=1 b=0 dtype=float64");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    const double zero[] = {0, 0, 0}, one[] = {1, 1, 1};
    double gap, f;
    self.problem->ops->duality_gap(self.problem, fixture_rows(&self), zero, &gap, &self.evaluation);
    assert_true(gap == 0);
    self.problem->ops->duality_gap(self.problem, fixture_rows(&self), one, &gap, &self.evaluation);
    fixture_value_gradient(&self, one, &f, NULL);
    assert_true(gap >= f);
    fixture_free(&self);
    fixture_create(&self,
                   "problem=lasso n=3 m=4 batch=1 lambda=0 dtype=float64"); /* no dual: the value itself bounds */
    fixture_sample(&self, 1, STREAM_TEST, 0);
    self.problem->ops->duality_gap(self.problem, fixture_rows(&self), one, &gap, &self.evaluation);
    fixture_value_gradient(&self, one, &f, NULL);
    assert_near(gap, f, 1e-14, "gap without a penalty");
    fixture_free(&self);
    fixture_create(&self, "problem=logistic n=3 m=4 batch=1 lambda=0 dtype=float64");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    const double far[] = {900, -800, 700};
    self.problem->ops->duality_gap(self.problem, fixture_rows(&self), far, &gap, &self.evaluation);
    fixture_value_gradient(&self, far, &f, NULL);
    assert_near(gap, f, 1e-14, "logistic gap without a penalty");
    fixture_free(&self);
}

/* At lambda_max and above the solution is 0, just below it is not. */
static void test_lambda_relative(void **state) {
    (void)state;
    const char *families[] = {"lasso", "logistic", "l2reg"};
    for (int k = 0; k < 3; k++) {
        for (int above = 0; above < 2; above++) {
            char text[256];
            fixture self;
            snprintf(text, sizeof text, "problem=%s n=6 m=9 batch=5 dtype=float64 lambda-relative=%s", families[k],
                     above ? "1.0001" : "0.98");
            fixture_create(&self, text);
            fixture_sample(&self, 3, STREAM_TEST, 0);
            double x[30] = {0}, f0[5], f[5], g[30];
            fixture_value_gradient(&self, x, f0, g); /* the smooth part's gradient: penalties have none at 0 */
            for (int p = 0; p < 5; p++) {
                double largest = 0, squares = 0;
                for (int j = 0; j < 6; j++) {
                    largest = fmax(largest, fabs(g[6 * p + j]));
                    squares += g[6 * p + j] * g[6 * p + j];
                }
                double norm = k == 2 ? sqrt(squares) : largest;
                assert_near(self.problem->lambda[p] / norm, above ? 1.0001 : 0.98, 1e-12, families[k]);
                for (int j = 0; j < 6; j++) { /* the direction in which 0 would be left */
                    double part = g[6 * p + j];
                    x[6 * p + j] = k == 2 ? -1e-5 * part / norm : fabs(part) == largest ? -copysign(1e-5, part) : 0;
                }
            }
            fixture_value_gradient(&self, x, f, NULL);
            for (int p = 0; p < 5; p++) assert_true(above ? f[p] > f0[p] : f[p] < f0[p]);
            if (k < 2 && above) {
                minimise(&self, x);
                for (int i = 0; i < 30; i++) assert_true(x[i] == 0);
            }
            fixture_free(&self);
        }
    }
}

static void test_lipschitz_constants(void **state) {
    (void)state;
    /* diag(3, -4, 0.5) with a zero row: 16 exactly; logistic: 16 / (4 m). */
    const char *families[] = {"lasso", "quadratic", "logistic"};
    const double diagonal[12] = {3, 0, 0, 0, -4, 0, 0, 0, 0.5, 0, 0, 0}, zero[12] = {0};
    for (int k = 0; k < 3; k++) {
        char text[256];
        fixture self;
        snprintf(text, sizeof text, "problem=%s n=3 m=4 batch=2 dtype=float64", families[k]);
        fixture_create(&self, text);
        fixture_sample(&self, 1, STREAM_TEST, 0);
        memcpy(self.problem->model->a, diagonal, sizeof diagonal);
        memcpy((double *)self.problem->model->a + 12, zero, sizeof zero);
        assert_int_equal(problem_prepare(self.problem, STRUCTURE_LIPSCHITZ, &self.evaluation), L2O_OK);
        assert_near(self.problem->lipschitz[0], k == 2 ? 1 : 16, 1e-11, families[k]);
        assert_true(self.problem->lipschitz[0] >= (k == 2 ? 1 : 16) * (1 - 1e-15));
        assert_true(self.problem->lipschitz[1] == 0);
        fixture_free(&self);
    }
    /* It bounds the gradient's changes, is reached, and is renewed after each draw. */
    fixture self;
    fixture_create(&self, "problem=lasso n=40 m=25 batch=3 dtype=float64");
    double before = 0;
    for (uint32_t draw = 0; draw < 2; draw++) {
        fixture_sample(&self, 1, STREAM_TEST, draw);
        assert_int_equal(problem_prepare(self.problem, STRUCTURE_LIPSCHITZ, &self.evaluation), L2O_OK);
        assert_true(self.problem->lipschitz[0] != before);
        before = self.problem->lipschitz[0];
        double v[120], out[120];
        for (int i = 0; i < 120; i++) v[i] = cos(i * i + 1.0);
        double ratio[3] = {0};
        for (int step = 0; step < 3000; step++) {
            self.problem->ops->hess_vec(self.problem, fixture_rows(&self), v, v, out, &self.evaluation);
            for (int p = 0; p < 3; p++) {
                double norm = 0, image = 0;
                for (int j = 40 * p; j < 40 * (p + 1); j++) norm += v[j] * v[j], image += out[j] * out[j];
                ratio[p] = sqrt(image / norm);
                for (int j = 40 * p; j < 40 * (p + 1); j++) v[j] = out[j] / sqrt(image);
            }
        }
        for (int p = 0; p < 3; p++) {
            assert_near(self.problem->lipschitz[p] / ratio[p], 1, 1e-9, "norm");
            assert_true(self.problem->lipschitz[p] >= ratio[p] * (1 - 1e-14));
        }
    }
    fixture_free(&self);
}

static void apply_diagonal(const void *argument, const double *x, double *out) {
    const double *diagonal = argument;
    for (int i = 0; i < 400; i++) out[i] = diagonal[i] * x[i];
}

/* A spectrum crowded at its end, where power iteration would need millions of steps. */
static void test_lanczos_on_a_crowded_spectrum(void **state) {
    (void)state;
    double diagonal[400], largest;
    for (int i = 0; i < 400; i++) diagonal[i] = 1 - 1e-6 * i;
    l2o_error error = {0};
    arena scratch = {0};
    assert_int_equal(lanczos_largest(400, apply_diagonal, diagonal, &largest, &scratch, &error), L2O_OK);
    assert_near(largest, 1, 1e-9, "largest eigenvalue");
    assert_true(largest >= 1 - 1e-12);
    arena_free(&scratch);
}

static void test_smooth_part_is_value_without_penalty(void **state) {
    (void)state;
    const char *families[] = {"problem=lasso lambda=0.3", "problem=logistic lambda=0.3", "problem=quadratic"};
    for (int k = 0; k < 3; k++) {
        char text[128];
        fixture self;
        snprintf(text, sizeof text, "%s n=3 m=4 batch=2 dtype=float64", families[k]);
        fixture_create(&self, text);
        fixture_sample(&self, 1, STREAM_TEST, 0);
        assert_true(problem_has(self.problem, STRUCTURE_PROXIMAL));
        const double x[6] = {1, -2, 0, 3, 0.5, -1};
        double f[2], g[6], smooth[2], part[6];
        fixture_value_gradient(&self, x, f, g);
        self.problem->ops->smooth_gradient(self.problem, fixture_rows(&self), x, smooth, part, &self.evaluation);
        double lambda = k == 2 ? 0 : 0.3;
        assert_true(self.problem->lambda[1] == lambda);
        assert_near(f[0] - smooth[0], 3 * lambda, 1e-13, families[k]);
        assert_near(f[1] - smooth[1], 4.5 * lambda, 1e-13, families[k]);
        for (int i = 0; i < 6; i++) assert_near(g[i] - part[i], lambda * ((x[i] > 0) - (x[i] < 0)), 1e-13, families[k]);
        fixture_free(&self);
    }
}

/* Where the least value is known, no point lies below it, and the known minimiser reaches it. */
static void test_known_optima(void **state) {
    (void)state;
    const char *families[] = {"problem=rosenbrock n=4 batch=50", "problem=rastrigin n=5 batch=50 alpha=uniform:0:9"};
    for (int k = 0; k < 2; k++) {
        fixture self;
        fixture_create(&self, families[k]);
        fixture_sample(&self, 1, STREAM_TEST, 0);
        assert_true(problem_has(self.problem, STRUCTURE_OPTIMUM));
        float f[50], x[250];
        fixture_value_gradient(&self, self.problem->x0, f, NULL);
        for (int p = 0; p < 50; p++) assert_true((double)f[p] > self.problem->optimum[p]);
        for (int i = 0; i < 250; i++) x[i] = k == 0 ? 1 : 0;
        fixture_value_gradient(&self, x, f, NULL);
        for (int p = 0; p < 50; p++) assert_true((double)f[p] == self.problem->optimum[p]);
        fixture_free(&self);
    }
    fixture self;
    assert_int_equal(fixture_try(&self, "problem=rastrigin alpha=normal:1", COMPONENT_ALL), L2O_ERROR_INPUT);
    assert_non_null(strstr(self.error.text, "can be negative"));
    fixture_free(&self);
    assert_int_equal(fixture_try(&self, "problem=rastrigin alpha=mix:1,2,uniform:-1:1", COMPONENT_ALL),
                     L2O_ERROR_INPUT);
    fixture_free(&self);
    int count;
    fixture_settings(&self, "problem=rastrigin alpha=mix:1,0.5,2");
    assert_int_equal(problem_components(self.settings, &count, &self.error), L2O_OK);
    assert_int_equal(count, 3);
    fixture_free(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gap_bounds_suboptimality),
        cmocka_unit_test(test_gap_is_primal_minus_dual),
        cmocka_unit_test(test_gap_of_float32_data),
        cmocka_unit_test(test_gap_at_the_edges),
        cmocka_unit_test(test_lambda_relative),
        cmocka_unit_test(test_lipschitz_constants),
        cmocka_unit_test(test_lanczos_on_a_crowded_spectrum),
        cmocka_unit_test(test_smooth_part_is_value_without_penalty),
        cmocka_unit_test(test_known_optima),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
