/* The hand-designed optimizers against their formulas, written out for one instance at a time, and their defaults. */
#include "optimizer_fixture.h"

#include <math.h>

enum { N = 5, B = 3, STEPS = 12 };

#define LASSO     "problem=lasso n=5 m=7 batch=3 A=normal:1 lambda=0.05 x0=normal:1 dtype=float64 "
#define QUADRATIC "problem=quadratic n=5 m=7 batch=3 A=normal:1 x0=normal:1 dtype=float64 "

static void gradient_at(bench *self, int64_t p, const double *x, double *g, bool smooth) {
    const kernels *kernels;
    arena scratch = {0};
    assert_int_equal(kernels_select("portable", DTYPE_FLOAT64, &kernels, &self->error), L2O_OK);
    evaluation evaluation = {kernels, &scratch, &self->error};
    instances row = {1, &p};
    l2o_status status = smooth ? self->problem->ops->smooth_gradient(self->problem, row, x, NULL, g, &evaluation)
                               : self->problem->ops->value_gradient(self->problem, row, x, NULL, g, &evaluation);
    assert_int_equal(status, L2O_OK);
    arena_free(&scratch);
}

/* One step of a formula on x[N] with memory of its own, m[3][N]. */
typedef void (*formula)(bench *self, int64_t p, double rate, int k, double *x, double memory[3][N]);

static void sgd(bench *self, int64_t p, double rate, int k, double *x, double memory[3][N]) {
    (void)k, (void)memory;
    double g[N];
    gradient_at(self, p, x, g, false);
    for (int j = 0; j < N; j++) x[j] -= rate * g[j];
}

static void momentum(bench *self, int64_t p, double rate, int k, double *x, double memory[3][N]) {
    (void)k;
    double g[N];
    gradient_at(self, p, x, g, false);
    for (int j = 0; j < N; j++) x[j] += memory[0][j] = 0.8 * memory[0][j] - rate * g[j];
}

static void nesterov(bench *self, int64_t p, double rate, int k, double *x, double memory[3][N]) {
    (void)k;
    double g[N], ahead[N];
    for (int j = 0; j < N; j++) ahead[j] = x[j] + 0.8 * memory[0][j];
    gradient_at(self, p, ahead, g, false);
    for (int j = 0; j < N; j++) x[j] += memory[0][j] = 0.8 * memory[0][j] - rate * g[j];
}

static void adam(bench *self, int64_t p, double rate, int k, double *x, double memory[3][N]) {
    double g[N];
    gradient_at(self, p, x, g, false);
    for (int j = 0; j < N; j++) {
        memory[0][j] = 0.7 * memory[0][j] + 0.3 * g[j];
        memory[1][j] = 0.95 * memory[1][j] + 0.05 * g[j] * g[j];
        double m = memory[0][j] / (1 - pow(0.7, k)), v = memory[1][j] / (1 - pow(0.95, k));
        x[j] -= rate * m / (sqrt(v) + 1e-3);
    }
}

static void adam_inside(bench *self, int64_t p, double rate, int k, double *x, double memory[3][N]) {
    double g[N];
    gradient_at(self, p, x, g, false);
    for (int j = 0; j < N; j++) {
        memory[0][j] = 0.7 * memory[0][j] + 0.3 * g[j];
        memory[1][j] = 0.95 * memory[1][j] + 0.05 * g[j] * g[j];
        double m = memory[0][j] / (1 - pow(0.7, k)), v = memory[1][j] / (1 - pow(0.95, k));
        x[j] -= rate * m / sqrt(v + 1e-3);
    }
}

static void rmsprop(bench *self, int64_t p, double rate, int k, double *x, double memory[3][N]) {
    (void)k;
    double g[N];
    gradient_at(self, p, x, g, false);
    for (int j = 0; j < N; j++) {
        memory[0][j] = 0.9 * memory[0][j] + 0.1 * g[j] * g[j];
        x[j] -= rate * g[j] / (sqrt(memory[0][j]) + 1e-3);
    }
}

static double soft(double x, double threshold) { return copysign(fmax(fabs(x) - threshold, 0), x); }

static void ista(bench *self, int64_t p, double rate, int k, double *x, double memory[3][N]) {
    (void)k, (void)memory;
    double g[N];
    gradient_at(self, p, x, g, true);
    for (int j = 0; j < N; j++) x[j] = soft(x[j] - rate * g[j], rate * self->problem->lambda[p]);
}

/* memory[0]: y, memory[1][0]: t */
static void fista(bench *self, int64_t p, double rate, int k, double *x, double memory[3][N]) {
    double g[N];
    if (k == 1) {
        memcpy(memory[0], x, sizeof memory[0]);
        memory[1][0] = 1;
    }
    gradient_at(self, p, memory[0], g, true);
    double t = memory[1][0], next = (1 + sqrt(1 + 4 * t * t)) / 2;
    for (int j = 0; j < N; j++) {
        double fresh = soft(memory[0][j] - rate * g[j], rate * self->problem->lambda[p]);
        memory[0][j] = fresh + (t - 1) / next * (fresh - x[j]);
        x[j] = fresh;
    }
    memory[1][0] = next;
}

static void compare(const char *text, formula step, double rate) {
    bench self;
    bench_create(&self, text, 1);
    double x[B * N];
    bench_run(&self, STEPS, x, NULL);
    for (int64_t p = 0; p < B; p++) {
        double expected[N], memory[3][N] = {{0}};
        memcpy(expected, (double *)self.problem->x0 + p * N, sizeof expected);
        double at_rate = rate > 0 ? rate : 1 / self.problem->lipschitz[p];
        for (int k = 1; k <= STEPS; k++) step(&self, p, at_rate, k, expected, memory);
        for (int j = 0; j < N; j++) assert_near(x[p * N + j], expected[j], 1e-12, text);
    }
    bench_free(&self);
}

static void test_formulas(void **state) {
    (void)state;
    compare(LASSO "optimizer=sgd rate=0.02", sgd, 0.02);
    compare(QUADRATIC "optimizer=sgd", sgd, 0);
    compare(LASSO "optimizer=momentum rate=0.02 momentum=0.8", momentum, 0.02);
    compare(QUADRATIC "optimizer=momentum momentum=0.8", momentum, 0);
    compare(LASSO "optimizer=nesterov rate=0.02 momentum=0.8", nesterov, 0.02);
    compare(QUADRATIC "optimizer=nesterov momentum=0.8", nesterov, 0);
    compare(LASSO "optimizer=adam rate=0.1 beta1=0.7 beta2=0.95 epsilon=1e-3", adam, 0.1);
    compare(LASSO "optimizer=adam beta1=0.7 beta2=0.95 epsilon=1e-3", adam, 0.01);
    compare(LASSO "optimizer=adam beta1=0.7 beta2=0.95 epsilon=1e-3 epsilon-inside=yes", adam_inside, 0.01);
    compare(LASSO "optimizer=rmsprop rate=0.1 decay=0.9 epsilon=1e-3", rmsprop, 0.1);
    compare(LASSO "optimizer=ista", ista, 0);
    compare(LASSO "optimizer=ista rate=0.01", ista, 0.01);
    compare(QUADRATIC "optimizer=ista", ista, 0);
    compare(LASSO "optimizer=fista", fista, 0);
    compare(LASSO "optimizer=fista rate=0.01", fista, 0.01);
}

/* With their default rates all of them descend, on float32 data too. */
static void test_defaults_descend(void **state) {
    (void)state;
    for (int i = 0; optimizer_at(i) != NULL; i++) {
        const optimizer_ops *ops = optimizer_at(i);
        if (ops->learned || ops->suits != NULL) continue; /* some are for one dictionary of a kind: test_unrolled.c */
        for (int type = 0; type < 2; type++) {
            char text[160];
            snprintf(text, sizeof text, "problem=lasso n=10 batch=20 A=normal:2 dtype=%s optimizer=%s",
                     type == 0 ? "float32" : "float64", ops->name);
            bench self;
            bench_create(&self, text, 2);
            double x[200], mean[301];
            bench_run(&self, 300, x, mean);
            if (!(mean[300] < 0.7 * mean[0])) fail_msg("%s: from %g to %g", text, mean[0], mean[300]);
            bench_free(&self);
        }
    }
}

/* Beck and Teboulle's rates: f(x_k) - f* <= 2 L |x0 - x*|^2 / (k + 1)^2 for FISTA, L |x0 - x*|^2 / 2 k for ISTA. */
static void test_proximal_rates(void **state) {
    (void)state;
    static const char *const names[] = {"ista", "fista"};
    double last[2];
    for (int k = 0; k < 2; k++) {
        char text[160];
        snprintf(text, sizeof text, "problem=lasso n=10 batch=1 A=normal:1 dtype=float64 optimizer=%s", names[k]);
        bench self;
        bench_create(&self, text, 1);
        double x[10], best[10], mean[1001], long_run[20001];
        bench_run(&self, 20000, best, long_run);
        bench_run(&self, 1000, x, mean);
        double least = long_run[20000], distance = 0, lipschitz = self.problem->lipschitz[0];
        for (int j = 0; j < 10; j++) distance += pow(((double *)self.problem->x0)[j] - best[j], 2);
        for (int t = 1; t <= 1000; t++) {
            double bound = k == 0 ? lipschitz * distance / (2 * t) : 2 * lipschitz * distance / pow(t + 1, 2);
            assert_true(mean[t] - least <= bound * (1 + 1e-9));
            if (k == 0) assert_true(mean[t] <= mean[t - 1] + 1e-14);
        }
        last[k] = mean[100] - least;
        bench_free(&self);
    }
    assert_true(last[1] < last[0]);
}

static void test_structure(void **state) {
    (void)state;
    bench self;
    bench_create(&self, "problem=rosenbrock batch=2 optimizer=ista", 1);
    assert_int_equal(optimizer_suits(self.optimizer, self.problem, &self.error), L2O_ERROR_UNSUPPORTED);
    assert_non_null(strstr(self.error.text, "ista"));
    assert_non_null(strstr(self.error.text, "rosenbrock"));
    bench_free(&self);
    /* With a rate given no Lipschitz constant is asked for. */
    bench_create(&self, LASSO "optimizer=ista rate=0.1", 1);
    assert_int_equal(self.optimizer->requires, STRUCTURE_PROXIMAL);
    bench_free(&self);
    bench_create(&self, LASSO "optimizer=sgd rate=0.1", 1);
    assert_int_equal(self.optimizer->requires | self.optimizer->uses, 0);
    double x[B * N];
    bench_run(&self, 1, x, NULL);
    assert_false(self.problem->lipschitz_ready);
    bench_free(&self);
    /* Where there is no Lipschitz constant, the fixed rate holds. */
    bench_create(&self, "problem=rosenbrock batch=1 optimizer=adam dtype=float64", 1);
    double mean[501], point[2];
    bench_run(&self, 500, point, mean);
    assert_true(mean[500] < mean[0]);
    bench_free(&self);
}

/* A gradient of exactly 0 with epsilon 0 moves nothing and gives no NaN. */
static void test_no_nan(void **state) {
    (void)state;
    static const char *const names[] = {"adam", "rmsprop"};
    for (int k = 0; k < 2; k++) {
        char text[160];
        snprintf(text, sizeof text, "problem=lasso n=4 batch=2 A=0 b=0 x0=0 epsilon=0 dtype=float64 optimizer=%s",
                 names[k]);
        bench self;
        bench_create(&self, text, 1);
        double x[8];
        bench_run(&self, 3, x, NULL);
        for (int i = 0; i < 8; i++) assert_true(x[i] == 0);
        bench_free(&self);
    }
}

/* What a run of ten steps evaluates: no gradient that nobody looks at. */
static int full_gradients, smooth_gradients, values;
static const problem_ops *counted;

static l2o_status count_full(const problem *problem, instances rows, const void *x, void *f, void *g,
                             const evaluation *evaluation) {
    full_gradients += g != NULL;
    values += g == NULL;
    return counted->value_gradient(problem, rows, x, f, g, evaluation);
}

static l2o_status count_smooth(const problem *problem, instances rows, const void *x, void *f, void *g,
                               const evaluation *evaluation) {
    smooth_gradients += g != NULL;
    return counted->smooth_gradient(problem, rows, x, f, g, evaluation);
}

static void test_evaluations(void **state) {
    (void)state;
    static const struct {
        const char *optimizer;
        int full, smooth, values;
    } cases[] = {{"ista", 0, 11, 0}, {"fista", 0, 10, 11}, {"nesterov", 10, 0, 11}, {"adam", 11, 0, 0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        bench self;
        char text[128];
        snprintf(text, sizeof text, "problem=lasso n=4 m=6 batch=5 lambda=0.1 dtype=float64 optimizer=%s",
                 cases[k].optimizer);
        bench_create(&self, text, 1);
        double plain[20], seen[20], means[2][11];
        bench_run(&self, 10, plain, means[0]);
        counted = self.problem->ops;
        problem_ops counting = *counted;
        counting.value_gradient = count_full;
        counting.smooth_gradient = count_smooth;
        self.problem->ops = &counting;
        full_gradients = smooth_gradients = values = 0;
        bench_run(&self, 10, seen, means[1]);
        self.problem->ops = counted;
        assert_int_equal(full_gradients, cases[k].full);
        assert_int_equal(smooth_gradients, cases[k].smooth);
        assert_int_equal(values, cases[k].values);
        assert_memory_equal(plain, seen, sizeof plain);
        /* The objectives are the problem's own. */
        double f[5], mean = 0;
        const kernels *kernels;
        assert_int_equal(kernels_select(self.context->kernel, DTYPE_FLOAT64, &kernels, &self.error), L2O_OK);
        self.problem->ops->value_gradient(self.problem, (instances){5, (int64_t[]){0, 1, 2, 3, 4}}, plain, f, NULL,
                                          &(evaluation){kernels, &self.context->workers[0].arena, &self.error});
        for (int p = 0; p < 5; p++) mean += f[p] / 5;
        assert_near(means[0][10], mean, 1e-15, "mean objective");
        bench_free(&self);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evaluations),      cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_defaults_descend), cmocka_unit_test(test_proximal_rates),
        cmocka_unit_test(test_structure),        cmocka_unit_test(test_no_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
