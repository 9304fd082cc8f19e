/* Sparse recovery and how its data are drawn: the shared A by condition number and rank, truths, noise, and what
 * optimizers may see of an objective that knows the answer. */
#include <float.h>
#include <math.h>

#include "optimizer_fixture.h"
#include "problems/dictionary.h"
#include "problems/linear_model.h"
#include "problems/problem_node.h"

/* The drawn A is there from the start, the same for every draw, stream and family. */
static void test_shared_matrix_is_drawn_once(void **state) {
    (void)state;
    fixture one, two;
    fixture_create(&one, "problem=recovery n=20 m=9 batch=3 shared-A=yes unit-columns=yes A-seed=4");
    fixture_create(&two, "problem=lasso n=20 m=9 batch=5 shared-A=yes unit-columns=yes A-seed=4");
    const size_t bytes = 20 * 9 * sizeof(float);
    assert_memory_equal(one.problem->model->a, two.problem->model->a, bytes);
    assert_true(((float *)one.problem->model->a)[179] != 0);
    fixture_sample(&two, 3, STREAM_VALIDATION, 7);
    assert_memory_equal(one.problem->model->a, two.problem->model->a, bytes);
    assert_int_equal(problem_prepare(one.problem, STRUCTURE_DICTIONARY, &one.evaluation), L2O_OK);
    assert_int_equal(problem_dictionary(one.problem)->rank, 9);
    fixture_free(&one);
    fixture_free(&two);
}

/* Noise of a given share of A's entries, the same for every draw; columns have unit norm all the same. */
static void test_perturbation(void **state) {
    (void)state;
    static const char common[] = "problem=recovery n=200 m=100 batch=3 shared-A=yes A-seed=4 dtype=float64";
    enum { SIZE = 200 * 100 };
    char text[256];
    fixture before, after, scaled;
    fixture_create(&before, common);
    snprintf(text, sizeof text, "%s A-perturbation=0.1", common);
    fixture_create(&after, text);
    snprintf(text, sizeof text, "%s A-perturbation=0.1 unit-columns=yes", common);
    fixture_create(&scaled, text);
    fixture_sample(&after, 3, STREAM_ADAPTATION, 7);
    const double *a = before.problem->model->a, *b = after.problem->model->a, *c = scaled.problem->model->a;
    double squares = 0, noise = 0, product = 0;
    for (int i = 0; i < SIZE; i++) {
        squares += a[i] * a[i];
        noise += (b[i] - a[i]) * (b[i] - a[i]);
        product += a[i] * (b[i] - a[i]);
    }
    assert_true(fabs(sqrt(noise / squares) - 0.1) < 0.003);
    assert_true(fabs(product) / sqrt(noise * squares) < 0.03); /* noise of its own */
    for (int j = 0; j < 200; j++) {
        double sum = 0, along = 0;
        for (int i = 0; i < 100; i++) {
            sum += c[i * 200 + j] * c[i * 200 + j];
            along += b[i * 200 + j] * b[i * 200 + j];
        }
        assert_true(fabs(sum - 1) < 1e-12);
        assert_true(fabs(c[j] * sqrt(along) - b[j]) < 1e-12);
    }
    fixture_free(&before);
    fixture_free(&after);
    fixture_free(&scaled);
}

/* b = A x* to the bit of the rounding that b is kept with, whichever way the product is taken. */
static void test_measurements(void **state) {
    (void)state;
    const char *cases[] = {"shared-A=yes unit-columns=yes n=53 m=31", "n=53 m=31", "shared-A=yes n=5 m=9 density=1",
                           "shared-A=yes n=8 m=1 density=0.5"};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char text[256];
        fixture self;
        snprintf(text, sizeof text, "problem=recovery batch=7 dtype=float64 %s", cases[k]);
        fixture_create(&self, text);
        fixture_sample(&self, 2, STREAM_TRAINING, 3);
        const linear_model *model = self.problem->model;
        const double *truth = self.problem->truth, *b = model->b;
        double image[64];
        for (int64_t p = 0; p < 7; p++) {
            linear_model_apply_double(model, p, truth + p * model->n, image);
            for (int64_t i = 0; i < model->m; i++) assert_true(image[i] == b[p * model->m + i]);
        }
        fixture_free(&self);
    }
}

/* sigma = std(A x*) 10^(-snr / 20), of each instance: what is left of b is sigma times standard normal numbers. */
static void test_noise(void **state) {
    (void)state;
    fixture clean, noisy;
    enum { M = 200, B = 50 };
    fixture_create(&clean, "problem=recovery n=300 m=200 batch=50 shared-A=yes unit-columns=yes dtype=float64");
    fixture_create(&noisy, "problem=recovery n=300 m=200 batch=50 shared-A=yes unit-columns=yes dtype=float64 snr=20");
    fixture_sample(&clean, 2, STREAM_TRAINING, 3);
    fixture_sample(&noisy, 2, STREAM_TRAINING, 3);
    const double *y = clean.problem->model->b, *b = noisy.problem->model->b;
    double squares = 0;
    for (int p = 0; p < B; p++) {
        double mean = 0, variance = 0;
        for (int i = 0; i < M; i++) mean += y[p * M + i] / M;
        for (int i = 0; i < M; i++) variance += (y[p * M + i] - mean) * (y[p * M + i] - mean) / M;
        for (int i = 0; i < M; i++) {
            double z = (b[p * M + i] - y[p * M + i]) / (0.1 * sqrt(variance));
            const random_key key = {.seed = 2, .draw = 3, .stream = STREAM_TRAINING, .field = FIELD_B};
            assert_near(z, random_normal(key, (uint64_t)(p * M + i)), 1e-11, "noise");
            squares += z * z / (M * B);
        }
    }
    assert_near(squares, 1, 0.03, "variance of the noise");
    fixture_free(&clean);
    fixture_free(&noisy);
}

static void test_truths(void **state) {
    (void)state;
    enum { N = 60, B = 400 };
    const char *cases[] = {"density=0.2", "nonzeros=12", "nonzeros=0", "nonzeros=60", "nonzeros=12 truth-scale=3"};
    for (int k = 0; k < 5; k++) {
        char text[256];
        fixture self;
        snprintf(text, sizeof text, "problem=recovery n=60 m=20 batch=400 shared-A=yes %s", cases[k]);
        fixture_create(&self, text);
        fixture_sample(&self, 1, STREAM_TRAINING, 0);
        const float *truth = self.problem->truth;
        int total = 0, most = 0, least = N, at[N] = {0};
        double squares = 0;
        for (int p = 0; p < B; p++) {
            int count = 0;
            for (int j = 0; j < N; j++) {
                double value = (double)truth[p * N + j];
                count += value != 0;
                at[j] += value != 0;
                squares += value * value;
            }
            total += count;
            most = count > most ? count : most;
            least = count < least ? count : least;
        }
        const int exact[] = {-1, 12, 0, 60, 12};
        if (k == 0) {
            assert_true(least < 12 && most > 12);
            assert_near(total / (double)(B * N), 0.2, 0.01, "density");
        } else {
            assert_int_equal(least, exact[k]);
            assert_int_equal(most, exact[k]);
        }
        /* Each place is as likely: 80 of 400, standard deviation 8. */
        for (int j = 0; j < N && (k < 2 || k == 4); j++) assert_true(at[j] > 45 && at[j] < 115);
        if (total > 0) assert_near(sqrt(squares / total), k == 4 ? 3 : 1, 0.06, "scale");
        for (int j = 0; j < B * N; j++) assert_true(((float *)self.problem->x0)[j] == 0);
        fixture_free(&self);
    }
}

static const dictionary *prepare(fixture *self, const char *settings) {
    fixture_create(self, settings);
    if (problem_prepare(self->problem, STRUCTURE_DICTIONARY, &self->evaluation) != L2O_OK)
        fail_msg("%s", self->error.text);
    return problem_dictionary(self->problem);
}

static void test_condition(void **state) {
    (void)state;
    const char *shapes[] = {"n=40 m=20", "n=12 m=30", "n=7 m=1", "n=16 m=16"};
    for (int k = 0; k < 4; k++) {
        char text[256];
        fixture self;
        snprintf(text, sizeof text, "problem=recovery batch=2 dtype=float64 shared-A=yes condition=50 %s", shapes[k]);
        const dictionary *of = prepare(&self, text);
        int64_t count = of->m < of->n ? of->m : of->n;
        assert_near(of->trace, (double)of->n, 1e-10, "squares of the singular values");
        assert_near(sqrt(of->norm_squared / of->least_eigenvalue), count == 1 ? 1 : 50, 1e-8, "condition number");
        /* A geometric sequence and the reverse of its inverses have the same ratios. */
        double ratio = count == 1 ? 1 : pow(50, -1 / (double)(count - 1)), inverses = 0;
        for (int64_t i = 0; i < count; i++) inverses += pow(ratio, -2 * (double)i) / of->norm_squared;
        assert_near(of->trace_pseudo_inverse / inverses, 1, 1e-8, "inverse squares");
        assert_int_equal(of->rank, count);
        fixture_free(&self);
    }
    /* Columns are normalised afterwards; instances with an A each have the condition number each. */
    fixture self;
    const dictionary *of =
        prepare(&self, "problem=recovery n=40 m=20 batch=2 shared-A=yes condition=50 unit-columns=yes dtype=float64");
    for (int j = 0; j < 40; j++) {
        double sum = 0;
        for (int i = 0; i < 20; i++) sum += of->matrix[i * 40 + j] * of->matrix[i * 40 + j];
        assert_near(sum, 1, 1e-13, "unit column");
    }
    assert_true(of->norm_squared / of->least_eigenvalue > 900);
    fixture_free(&self);
    fixture_create(&self, "problem=lasso n=9 m=5 batch=3 condition=7 dtype=float64");
    fixture_sample(&self, 1, STREAM_TRAINING, 0);
    double squares = 0, sum = 0; /* the largest singular value follows from the sequence */
    for (int i = 0; i < 5; i++) sum += pow(7, -i / 2.0);
    assert_int_equal(problem_prepare(self.problem, STRUCTURE_LIPSCHITZ, &self.evaluation), L2O_OK);
    for (int p = 0; p < 3; p++) assert_near(self.problem->lipschitz[p], 9 / sum, 1e-10, "largest singular value");
    for (int i = 0; i < 45; i++) squares += pow(((double *)self.problem->model->a)[45 + i], 2);
    assert_near(squares, 9, 1e-12, "squares");
    assert_memory_not_equal(self.problem->model->a, (double *)self.problem->model->a + 45, 45 * sizeof(double));
    fixture_free(&self);
}

static void test_rank(void **state) {
    (void)state;
    fixture self;
    const dictionary *of = prepare(&self, "problem=recovery n=64 m=32 batch=2 shared-A=yes rank=24 unit-columns=yes");
    assert_int_equal(of->rank, 24);
    assert_true(of->least_eigenvalue < 1e-10);
    assert_true(of->coherence > 0.1 && of->coherence < 1);
    fixture_free(&self);
    /* Entries keep the distribution's variance. */
    fixture_create(&self, "problem=recovery n=200 m=100 batch=2 shared-A=yes rank=50 A=normal:3");
    double squares = 0;
    for (int i = 0; i < 20000; i++) squares += pow((double)((float *)self.problem->model->a)[i], 2) / 20000;
    assert_near(squares / 9, 1, 0.15, "variance");
    fixture_free(&self);
}

static void test_refusals(void **state) {
    (void)state;
    const struct {
        const char *settings, *sentence;
    } cases[] = {
        {"problem=recovery condition=5 rank=2", "condition and rank are both given"},
        {"problem=recovery n=9 m=4 rank=5", "rank: a matrix A of m = 4 rows and n = 9 columns has no rank 5"},
        {"problem=recovery density=0.1 nonzeros=2", "density and nonzeros are both given"},
        {"problem=recovery n=9 nonzeros=10", "nonzeros: 10 entries of x cannot be nonzero, it has n = 9"},
        {"problem=recovery b=normal:1", "which nothing tells: draw b from it (b = truth)"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        fixture self;
        assert_int_equal(fixture_try(&self, cases[k].settings, COMPONENT_ALL), L2O_ERROR_INPUT);
        if (strstr(self.error.text, cases[k].sentence) == NULL)
            fail_msg("'%s' does not say '%s'", self.error.text, cases[k].sentence);
        fixture_free(&self);
    }
}

#define DATA "n=30 m=15 batch=6 shared-A=yes unit-columns=yes b=truth x0=0 lambda=0.05 dtype=float64 "

/* Proximal methods go the way they go on the LASSO of the same data, and are measured by the distance to the truth. */
static void test_proximal_methods_see_the_lasso(void **state) {
    (void)state;
    enum { STEPS = 40, TOTAL = 180 };
    const char *methods[] = {"optimizer=ista", "optimizer=fista", "optimizer=structured"};
    for (int k = 0; k < 3; k++) {
        char text[256];
        bench lasso, recovery;
        double x[2][TOTAL], mean[2][STEPS + 1];
        snprintf(text, sizeof text, "problem=lasso " DATA "%s%s", methods[k], k == 2 ? " guard=none" : "");
        bench_create(&lasso, text, 1);
        bench_run(&lasso, STEPS, x[0], mean[0]);
        snprintf(text, sizeof text, "problem=recovery " DATA "%s", methods[k]);
        bench_create(&recovery, text, 1);
        bench_run(&recovery, STEPS, x[1], mean[1]);
        assert_memory_equal(x[0], x[1], sizeof x[0]);
        const double *truth = recovery.problem->truth;
        double first = 0, last = 0;
        for (int i = 0; i < TOTAL; i++) {
            first += 0.5 * truth[i] * truth[i] / 6;
            last += 0.5 * (x[1][i] - truth[i]) * (x[1][i] - truth[i]) / 6;
        }
        assert_near(mean[1][0], first, 1e-13, "distance at the start");
        assert_near(mean[1][STEPS], last, 1e-13, "distance at the end");
        assert_true(k == 2 || last < first);
        bench_free(&lasso);
        bench_free(&recovery);
    }
}

/* On the tape each has its own Hessian: A'A of the smooth part that stands in, I of the distance. */
static void test_hessians_on_the_tape(void **state) {
    (void)state;
    enum { N = 4, M = 3 };
    fixture self;
    fixture_create(&self, "problem=recovery n=4 m=3 batch=1 shared-A=yes dtype=float64");
    fixture_sample(&self, 1, STREAM_TEST, 0);
    const double *a = self.problem->model->a, point[N] = {1, -2, 0.5, 3}, along[N] = {0.3, 1, -1, 2};
    double image[M] = {0}, expected[N] = {0};
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) image[i] += a[i * N + j] * along[j];
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) expected[j] += a[i * N + j] * image[i];
    for (int smooth = 0; smooth < 2; smooth++) {
        tape tape;
        instances rows = fixture_rows(&self);
        tape_begin(&tape, self.evaluation.kernels, &self.scratch, &self.error, true);
        value *x = tape_from_double(&tape, 1, N, point), *v = tape_from_double(&tape, 1, N, along), *g, *out;
        x->differentiable = true;
        if (smooth == 1)
            g = problem_node_smooth_gradient(&tape, self.problem, &rows, x);
        else
            problem_node(&tape, self.problem, &rows, x, NULL, &g);
        assert_int_equal(tape_gradient(&tape, 1, &g, &v, 1, &x, &out), L2O_OK);
        for (int j = 0; j < N; j++)
            assert_near(((double *)out->data)[j], smooth == 1 ? expected[j] : along[j], 1e-13, "Hessian");
    }
    fixture_free(&self);
}

/* Whoever asks for the gradient of the distance is refused, before the run or in it. */
static void test_gradient_is_not_told(void **state) {
    (void)state;
    bench self;
    const char *early[] = {"optimizer=adam rate=0.1", "optimizer=rnnprop", "optimizer=sgd"};
    for (int k = 0; k < 3; k++) {
        char text[256];
        snprintf(text, sizeof text, "problem=recovery " DATA "%s", early[k]);
        bench_create(&self, text, 1);
        assert_int_equal(optimizer_suits(self.optimizer, self.problem, &self.error), L2O_ERROR_UNSUPPORTED);
        assert_non_null(strstr(self.error.text, "which holds the very x that is to be found"));
        bench_free(&self);
    }
    bench_create(&self, "problem=recovery " DATA "optimizer=cd", 1);
    assert_int_equal(optimizer_suits(self.optimizer, self.problem, &self.error), L2O_ERROR_UNSUPPORTED);
    bench_free(&self);
    bench_create(&self, "problem=recovery " DATA "optimizer=nesterov", 1); /* asks elsewhere than at its iterate */
    runner runner;
    carry carry;
    l2o_status status = runner_create(self.context, self.problem, self.optimizer, &runner, &self.error);
    if (status == L2O_OK) {
        assert_int_equal(carry_create(self.problem, self.optimizer, &carry, &self.error), L2O_OK);
        carry_reset(&carry, self.problem);
        double mean[3];
        segment pass = {.steps = 2, .detached = true, .from = &carry, .to = &carry, .mean_objective = mean};
        status = segment_run(&runner, &pass, &self.error);
        carry_free(&carry);
        runner_free(&runner);
    }
    assert_int_equal(status, L2O_ERROR_UNSUPPORTED);
    assert_non_null(strstr(self.error.text, "'nesterov' steps along the gradient of 'recovery'"));
    bench_free(&self);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_matrix_is_drawn_once),
        cmocka_unit_test(test_perturbation),
        cmocka_unit_test(test_measurements),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_truths),
        cmocka_unit_test(test_condition),
        cmocka_unit_test(test_rank),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_proximal_methods_see_the_lasso),
        cmocka_unit_test(test_hessians_on_the_tape),
        cmocka_unit_test(test_gradient_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
