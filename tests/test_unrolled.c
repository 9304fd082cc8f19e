/* The unrolled optimizers against second implementations in scalar loops, their fresh weights against the methods they
 * come from, their derivatives to the second order, steps after the last layer, what is refused, files of weights. */
#include <math.h>

#include "l2o/check.h"
#include "l2o/optimizer.h"
#include "optimizer_fixture.h"
#include "optimizers/unrolled/shrinkage.h"
#include "optimizers/weights_file.h"
#include "problems/dictionary.h"
#include "problems/linear_model.h"
#include "run/driver.h"

enum { M = 6, N = 10, K = 4, B = 5, STEPS = 9 };

#define DATA                                                                                                           \
    "problem=lasso m=6 n=10 batch=5 dtype=float64 shared-A=yes unit-columns=yes b=truth density=0.4 snr=30 "           \
    "lambda=0.1 "
#define SMALL DATA "x0=0 depth=4 initial-lambda=0.1 "
#define GATES "support-step=10 support-limit=100 initial-gain=1 initial-overshoot=-0.5 "

/* x_0 .. x_steps [steps + 1, B, N], and the gradient of their summed objectives where asked for. */
static void run(bench *self, int steps, double *trajectory, double *gradient) {
    runner runner;
    carry carry;
    l2o_error error = {0};
    double loss_weights[64];
    for (int t = 0; t <= steps; t++) loss_weights[t] = 1;
    if (runner_create(self->context, self->problem, self->optimizer, &runner, &error) != L2O_OK)
        fail_msg("%s", error.text);
    assert_int_equal(carry_create(self->problem, self->optimizer, &carry, &error), L2O_OK);
    carry_reset(&carry, self->problem);
    segment pass = {.weights = self->optimizer->weights,
                    .steps = steps,
                    .from = &carry,
                    .to = &carry,
                    .loss_weights = loss_weights,
                    .gradient = gradient,
                    .trajectory = trajectory};
    if (segment_run(&runner, &pass, &error) != L2O_OK) fail_msg("%s", error.text);
    carry_free(&carry);
    runner_free(&runner);
}

/* Weights as training might leave them. */
static void draw_weights(const optimizer *optimizer, double size) {
    if (optimizer->weights == NULL) return;
    optimizer_initialise(optimizer, 21, 0, optimizer->weights);
    for (int64_t i = 0; i < optimizer->weight_total; i++)
        optimizer->weights[i] *= 1 + size * random_normal((random_key){.seed = 3, .stream = STREAM_CHECK}, (uint64_t)i);
}

static void create(bench *self, const char *name, const char *options, double size) {
    char text[512];
    snprintf(text, sizeof text, SMALL "optimizer=%s %s", name, options);
    bench_create(self, text, 2);
    draw_weights(self->optimizer, size);
}

/* --------------------------------------------------------------------------------------- second implementations */

typedef struct network {
    const optimizer *optimizer;
    const double *a, *b; /* [M, N], [M] */
    const dictionary *dictionary;
    const char *gain, *options;
    double lambda;
    bool reference, tied;
    int t;
    double x[N], previous[N], v[M], shrunk[N], theta[N], onsager;
} network;

/* The layer's tensor NAME.t, or the shared one NAME. */
static const double *weight(const network *net, const char *name, bool shared) {
    char full[NAME_LENGTH];
    if (shared)
        snprintf(full, sizeof full, "%s", name);
    else
        snprintf(full, sizeof full, "%s.%d", name, net->t);
    for (int k = 0; k < net->optimizer->weight_count; k++)
        if (strcmp(net->optimizer->layout[k].name, full) == 0)
            return net->optimizer->weights + net->optimizer->layout[k].offset;
    fail_msg("there is no tensor %s", full);
    return NULL;
}

static double number(const network *net, const char *name) { return *weight(net, name, false); }

static void residual(const network *net, const double *x, double *r) {
    for (int i = 0; i < M; i++) {
        r[i] = net->b[i];
        for (int j = 0; j < N; j++) r[i] -= net->a[i * N + j] * x[j];
    }
}

static void back(const double *w, const double *r, double *out) {
    for (int j = 0; j < N; j++) {
        out[j] = 0;
        for (int i = 0; i < M; i++) out[j] += w[i * N + j] * r[i];
    }
}

static void add_product(int rows, int columns, const double *w, const double *x, double *out) {
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) out[i] += w[i * columns + j] * x[j];
}

static double soft(double z, double threshold) {
    double left = fabs(z) - threshold;
    return left > 0 ? copysign(left, z) : 0;
}

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void shrink(const double *z, const double *threshold, int allowed, double *out, double *shrunk) {
    double sorted[N];
    for (int j = 0; j < N; j++) sorted[j] = fabs(z[j]);
    qsort(sorted, N, sizeof *sorted, descending);
    for (int j = 0; j < N; j++) {
        bool escapes = fabs(z[j]) > threshold[j] && (allowed >= N || fabs(z[j]) > sorted[allowed]);
        shrunk[j] = !escapes;
        out[j] = escapes ? z[j] : soft(z[j], threshold[j]);
    }
}

static void shrink_alike(const double *z, double threshold, int allowed, double *out, double *shrunk) {
    double thresholds[N];
    for (int j = 0; j < N; j++) thresholds[j] = threshold;
    shrink(z, thresholds, allowed, out, shrunk);
}

static double denoise(double z, double v, double p, double s, double *slope) {
    double wide = p * exp(-z * z / (2 * (s + v))) / sqrt(s + v), narrow = (1 - p) * exp(-z * z / (2 * v)) / sqrt(v);
    double q = wide / (wide + narrow), k = s / (s + v);
    *slope = k * q * (1 + z * z * (1 - q) * k / v);
    return z * k * q;
}

static double norm2(int count, const double *x) {
    double sum = 0;
    for (int i = 0; i < count; i++) sum += x[i] * x[i];
    return sum;
}

static int nonzeros(const double *x) {
    int count = 0;
    for (int j = 0; j < N; j++) count += x[j] != 0;
    return count;
}

static void step_lista(network *net) {
    double z[N] = {0};
    bool accelerated = strcmp(net->optimizer->ops->name, "lfista") == 0;
    double now[N] = {0}, before[N] = {0};
    add_product(N, M, weight(net, accelerated ? "e" : "b", true), net->b, z);
    if (net->t > 1) add_product(N, N, weight(net, accelerated ? "g" : "w", net->tied), net->x, now);
    if (net->t > 2 && accelerated) add_product(N, N, weight(net, "m", net->tied), net->previous, before);
    double factor = net->tied && net->t > 1 ? number(net, accelerated ? "mu" : "gamma") : 1;
    for (int j = 0; j < N; j++) {
        if (net->tied && accelerated)
            z[j] += (1 + factor) * now[j] - factor * before[j];
        else
            z[j] += factor * now[j] + before[j];
    }
    memcpy(net->previous, net->x, sizeof net->x);
    for (int j = 0; j < N; j++) net->x[j] = soft(z[j], number(net, "theta"));
}

/* lista-cp, lista-cpss, alista, step-lista */
static void step_coupled(network *net) {
    const char *name = net->optimizer->ops->name;
    double r[M], c[N], z[N];
    bool analytic = strcmp(name, "alista") == 0, steps = strcmp(name, "step-lista") == 0;
    double gamma = analytic || steps || net->tied ? *weight(net, "gamma", steps && net->tied) : 1;
    residual(net, net->x, r);
    back(analytic ? net->dictionary->analytic : steps ? net->a : weight(net, "w", net->tied), r, c);
    for (int j = 0; j < N; j++) z[j] = net->x[j] + gamma * c[j];
    double theta = steps ? gamma * net->lambda : number(net, "theta");
    bool selects = analytic || strcmp(name, "lista-cpss") == 0;
    shrink_alike(z, theta, selects ? net->t : 0, net->x, net->shrunk);
}

static void step_lamp(network *net) {
    const char *name = net->optimizer->ops->name;
    double r[M], c[N], onsager = (double)nonzeros(net->x) / M, slope;
    bool bayes = strcmp(name, "bayes-amp") == 0, learned = strcmp(name, "lamp") == 0;
    residual(net, net->x, r);
    for (int i = 0; i < M; i++) net->v[i] = r[i] + (net->t > 1 ? (bayes ? net->onsager : onsager) * net->v[i] : 0);
    back(learned ? weight(net, "w", net->tied) : net->a, net->v, c);
    double variance = norm2(M, net->v) / M;
    net->onsager = 0;
    for (int j = 0; j < N; j++) {
        double z = net->x[j] + (net->tied ? number(net, "gamma") : 1) * c[j];
        double alpha = learned ? number(net, "alpha") : 1.14;
        net->x[j] = bayes ? denoise(z, variance, 0.3, 2, &slope) : soft(z, alpha * sqrt(variance));
        if (bayes) net->onsager += slope / M;
    }
}

static bool has(const network *net, const char *option) { return strstr(net->options, option) != NULL; }

static double gain(const network *net, int j) {
    if (strcmp(net->gain, "none") == 0 || (has(net, "gates-split=2") && net->t <= 2)) return 1;
    double a = number(net, "a"), scaled = weight(net, "d", false)[j] * fabs(net->x[j]);
    bool late = strcmp(net->gain, "combine") == 0 && net->t > 2;
    if (strcmp(net->gain, "inverse") == 0 || late) return 1 + a * 0.2 / (0.001 + fabs(scaled));
    if (strcmp(net->gain, "exp") == 0) return 1 + a * exp(-scaled);
    if (strcmp(net->gain, "sigmoid") == 0) return 1 + a / (1 + exp(scaled));
    return 1 + a * fmax(1 - fmax(scaled, 0), 0);
}

/* (1 - h) / o */
static double share(const network *net, int j, double y) {
    if (!has(net, "overshoot-gate=sigmoid")) {
        double theta = net->t == 1 ? net->theta[j] : net->theta[j] * net->shrunk[j];
        return theta / (fabs(y - net->x[j]) + 0.1);
    }
    double sum = weight(net, "shift", true)[j], image[N];
    for (int i = 0; i < N; i++) sum += weight(net, "p", true)[j * N + i] * net->x[i];
    for (int i = 0; i < M; i++) sum += weight(net, "q", true)[j * M + i] * net->b[i];
    back(weight(net, "w", net->tied), net->b, image);
    return fabs(image[j]) / (1 + exp(-sum));
}

static void step_glista(network *net) {
    double u[N], r[M], c[N], z[N], y[N], next[N], shrunk[N], theta[N];
    bool overshoots = !(has(net, "gates-split=2") && net->t > 2);
    for (int j = 0; j < N; j++) {
        u[j] = gain(net, j) * net->x[j];
        theta[j] = weight(net, "theta", false)[has(net, "vector-threshold") ? j : 0];
        if (net->t == 1 || net->reference) net->theta[j] = theta[j];
    }
    residual(net, u, r);
    back(weight(net, "w", net->tied), r, c);
    for (int j = 0; j < N; j++) z[j] = u[j] + (net->tied ? number(net, "gamma") : 1) * c[j];
    shrink(z, theta, net->t, y, shrunk);
    for (int j = 0; j < N; j++) {
        double h = overshoots ? 1 - number(net, "o") * share(net, j, y[j]) : 1;
        next[j] = h * y[j] + (1 - h) * net->x[j];
    }
    memcpy(net->x, next, sizeof next);
    memcpy(net->shrunk, shrunk, sizeof shrunk);
    memcpy(net->theta, theta, sizeof theta);
}

static void step_tista(network *net) {
    const dictionary *d = net->dictionary;
    double r[M], c[N], gamma = number(net, "gamma"), noise = 0.001, slope;
    bool learned = strstr(net->gain, "learned") != NULL;
    residual(net, net->x, r);
    back(learned ? weight(net, "w", net->tied) : d->pseudo_inverse_transposed, r, c);
    double error = fmax((norm2(M, r) - M * noise) / d->trace, 1e-9);
    double tau =
        error / N * (N + (gamma * gamma - 2 * gamma) * M) + gamma * gamma * d->trace_pseudo_inverse * noise / N;
    double p = net->reference ? number(net, "density") : 1 / (1 + exp(-number(net, "logit")));
    double s = net->reference ? number(net, "variance") : exp(number(net, "log_variance"));
    for (int j = 0; j < N; j++) net->x[j] = denoise(net->x[j] + gamma * c[j], tau, p, s, &slope);
}

static void step_hyperlista(network *net) {
    const dictionary *d = net->dictionary;
    double r[M], c[N], w[N], first[N], z[N], size = 0, size_b = 0;
    residual(net, net->x, r);
    back(d->pseudo_inverse_transposed, r, c);
    back(d->analytic, r, w);
    back(d->pseudo_inverse_transposed, net->b, first);
    for (int j = 0; j < N; j++) {
        size += fabs(c[j]);
        size_b += fabs(first[j]);
    }
    double beta = *weight(net, "c2", true) * d->coherence * nonzeros(net->x);
    for (int j = 0; j < N; j++) z[j] = net->x[j] + w[j] + (net->t > 1 ? beta * (net->x[j] - net->previous[j]) : 0);
    double count = *weight(net, "c3", true) * log(size_b / size);
    memcpy(net->previous, net->x, sizeof net->x);
    shrink_alike(z, *weight(net, "c1", true) * d->coherence * size, (int)lround(fmax(fmin(count, N), 0)), net->x,
                 net->shrunk);
}

static void test_second_implementations(void **state) {
    (void)state;
    static const struct {
        const char *name, *options;
        void (*step)(network *net);
        const char *gain;
    } cases[] = {
        {"lista", "", step_lista, ""},
        {"lista", "tied=yes", step_lista, ""},
        {"lfista", "", step_lista, ""},
        {"lfista", "tied=yes", step_lista, ""},
        {"lfista", "tied=yes conventions=reference", step_lista, ""},
        {"lista-cp", "", step_coupled, ""},
        {"lista-cp", "tied=yes", step_coupled, ""},
        {"lista-cpss", "support-step=10 support-limit=100", step_coupled, ""},
        {"alista", "support-step=10 support-limit=100", step_coupled, ""},
        {"step-lista", "", step_coupled, ""},
        {"step-lista", "tied=yes", step_coupled, ""},
        {"lamp", "", step_lamp, ""},
        {"lamp", "tied=yes", step_lamp, ""},
        {"amp", "", step_lamp, ""},
        {"bayes-amp", "prior-density=0.3 prior-variance=2", step_lamp, ""},
        {"glista", "support-step=10 support-limit=100 initial-gain=1 initial-overshoot=-0.5", step_glista, "relu"},
        {"glista", "support-step=10 support-limit=100 initial-gain=1 initial-overshoot=0.5 conventions=reference",
         step_glista, "relu"},
        {"glista", "support-step=10 support-limit=100 initial-gain=1 initial-overshoot=-0.5 gain=inverse", step_glista,
         "inverse"},
        {"glista", "support-step=10 support-limit=100 initial-gain=1 initial-overshoot=-0.5 gain=exp", step_glista,
         "exp"},
        {"glista", "support-step=10 support-limit=100 initial-gain=1 initial-overshoot=-0.5 gain=sigmoid", step_glista,
         "sigmoid"},
        {"glista", "support-step=10 support-limit=100 initial-overshoot=-0.5 gain=none", step_glista, "none"},
        {"glista", GATES "tied=yes", step_glista, "relu"},
        {"glista", GATES "vector-threshold=yes", step_glista, "relu"},
        {"glista", GATES "vector-threshold=yes conventions=reference", step_glista, "relu"},
        {"glista", GATES "gain=combine combine-layers=2", step_glista, "combine"},
        {"glista", GATES "gates-split=2", step_glista, "relu"},
        {"glista", GATES "overshoot-gate=sigmoid", step_glista, "relu"},
        {"glista", GATES "overshoot-gate=sigmoid gates-split=2 tied=yes", step_glista, "relu"},
        {"tista", "noise-variance=0.001", step_tista, ""},
        {"tista", "noise-variance=0.001 learned-weight=yes", step_tista, "learned"},
        {"tista", "noise-variance=0.001 conventions=reference", step_tista, "learned"},
        {"tista", "noise-variance=0.001 learned-weight=yes tied=yes", step_tista, "learned"},
        {"hyperlista", "c1=0.2 c2=0.05 c3=2", step_hyperlista, ""},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        bench self;
        double trajectory[(K + 1) * B * N];
        create(&self, cases[k].name, cases[k].options, 0.05);
        run(&self, K, trajectory, NULL);
        evaluation evaluation = {NULL, &(arena){0}, &self.error};
        assert_int_equal(kernels_select("portable", DTYPE_FLOAT64, &evaluation.kernels, &self.error), L2O_OK);
        assert_int_equal(problem_prepare(self.problem, STRUCTURE_DICTIONARY, &evaluation), L2O_OK);
        for (int p = 0; p < B; p++) {
            network net = {.optimizer = self.optimizer,
                           .a = self.problem->model->a,
                           .b = (const double *)self.problem->model->b + p * M,
                           .dictionary = problem_dictionary(self.problem),
                           .gain = cases[k].gain,
                           .options = cases[k].options,
                           .lambda = self.problem->lambda[p],
                           .reference = strstr(cases[k].options, "reference") != NULL,
                           .tied = strstr(cases[k].options, "tied") != NULL};
            for (net.t = 1; net.t <= K; net.t++) {
                cases[k].step(&net);
                for (int j = 0; j < N; j++)
                    assert_near(trajectory[(net.t * B + p) * N + j], net.x[j], 1e-9, cases[k].name);
            }
            assert_true(nonzeros(net.x) > 0);
        }
        arena_free(evaluation.scratch);
        bench_free(&self);
    }
}

/* --------------------------------------------------------------------------------------------------- fresh weights */

static void compare_with(const char *one, const char *other, int steps, double tolerance) {
    bench self, rival;
    double x[(STEPS + 1) * B * N], y[(STEPS + 1) * B * N];
    char text[512];
    snprintf(text, sizeof text, SMALL "optimizer=%s", one);
    bench_create(&self, text, 1);
    snprintf(text, sizeof text, DATA "x0=0 optimizer=%s", other);
    bench_create(&rival, text, 1);
    draw_weights(self.optimizer, 0);
    draw_weights(rival.optimizer, 0);
    run(&self, steps, x, NULL);
    run(&rival, steps, y, NULL);
    for (int i = 0; i < (steps + 1) * B * N; i++) assert_near(x[i], y[i], tolerance, one);
    bench_free(&self);
    bench_free(&rival);
}

/* Shared or not, networks begin alike. */
static void test_tied_weights_begin_alike(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"lista", ""},
                                           {"lista", "conventions=reference"},
                                           {"lfista", ""},
                                           {"lfista", "conventions=reference"},
                                           {"lista-cp", ""},
                                           {"lista-cpss", ""},
                                           {"step-lista", ""},
                                           {"lamp", ""},
                                           {"glista", ""},
                                           {"glista", "conventions=reference"},
                                           {"tista", "learned-weight=yes noise-variance=0.001"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        bench self;
        char tied[128];
        double x[(STEPS + 1) * B * N], y[(STEPS + 1) * B * N];
        create(&self, cases[k][0], cases[k][1], 0);
        run(&self, STEPS, x, NULL);
        bench_free(&self);
        snprintf(tied, sizeof tied, "%s tied=yes", cases[k][1]);
        create(&self, cases[k][0], tied, 0);
        run(&self, STEPS, y, NULL);
        bench_free(&self);
        for (int i = 0; i < (STEPS + 1) * B * N; i++) assert_near(x[i], y[i], 1e-12, cases[k][0]);
    }
}

static void test_fresh_weights_are_known_methods(void **state) {
    (void)state;
    compare_with("lista", "ista", K, 1e-13);
    compare_with("lista tied=yes", "ista", K, 1e-13);
    compare_with("lfista", "fista", K, 1e-13);
    compare_with("lista-cp initial-weight=scaled", "ista", K, 1e-13);
    compare_with("step-lista", "ista", K, 1e-13);
    compare_with("step-lista tied=yes", "ista", K, 1e-13);
    compare_with("lfista tied=yes", "fista", K, 1e-13);
    compare_with("lamp initial-weight=dictionary", "amp", K, 1e-13);
    compare_with("glista", "lista-cpss depth=4 initial-lambda=0.1", K, 1e-13);
    compare_with("alista", "lista-cpss depth=4 initial-lambda=0.1", K, 1e-13);
}

/* FISTA with the steps 1/L' of the reference, L' = 1.001 L, its momenta those of the step after. */
static void test_reference_momentum(void **state) {
    (void)state;
    bench self;
    double x[(K + 1) * B * N], momenta[K + 1] = {0, 0, 0.2818, 0.4340, 0.5311};
    create(&self, "lfista", "conventions=reference", 0);
    run(&self, K, x, NULL);
    const double *a = self.problem->model->a;
    double lipschitz = 1.001 * self.problem->lipschitz[0];
    for (int p = 0; p < B; p++) {
        network net = {.a = a, .b = (const double *)self.problem->model->b + p * M};
        for (int t = 1; t <= K; t++) {
            double y[N], r[M], c[N];
            for (int j = 0; j < N; j++) y[j] = net.x[j] + momenta[t] * (net.x[j] - net.previous[j]);
            residual(&net, y, r);
            back(a, r, c);
            memcpy(net.previous, net.x, sizeof net.x);
            for (int j = 0; j < N; j++) net.x[j] = soft(y[j] + c[j] / lipschitz, 0.1 / lipschitz);
            for (int j = 0; j < N; j++) assert_near(x[(t * B + p) * N + j], net.x[j], 1e-4, "x");
        }
    }
    bench_free(&self);
}

static void test_reference_starts(void **state) {
    (void)state;
    static const struct {
        const char *name, *tensor;
        double scale; /* of A: 1, or 0 for 1/L */
    } cases[] = {{"lista-cp", "w.1", 1},
                 {"lista-cpss", "w.4", 1},
                 {"glista", "w.2", 0},
                 {"lamp", "w.3", 0},
                 {"tista", "w.1", 1}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        bench self;
        create(&self, cases[k].name, "conventions=reference", 0);
        network net = {.optimizer = self.optimizer};
        const double *a = self.problem->model->a, *w = weight(&net, cases[k].tensor, true);
        double squared;
        evaluation evaluation = {NULL, &(arena){0}, &self.error};
        double *norms = calloc(B, sizeof *norms);
        assert_non_null(norms);
        assert_int_equal(linear_model_squared_norms(self.problem->model, norms, &evaluation), L2O_OK);
        squared = norms[0];
        free(norms);
        arena_free(evaluation.scratch);
        double scale = cases[k].scale > 0 ? 1 : 1 / (1.001 * squared);
        for (int i = 0; i < M * N; i++) assert_near(w[i], scale * a[i], 1e-12, cases[k].name);
        bench_free(&self);
    }
}

/* ----------------------------------------------------------------------------------------------- support selection */

static void test_support_sizes(void **state) {
    (void)state;
    static const struct {
        int n, sizes[16];
    } table[] = {{512, {6, 12, 18, 25, 31, 37, 43, 49, 55, 61, 66, 66, 66, 66, 66, 66}},
                 {500, {6, 12, 18, 24, 30, 36, 42, 48, 54, 60, 65, 65, 65, 65, 65, 65}},
                 {1024, {12, 25, 37, 49, 61, 74, 86, 98, 110, 123, 133, 133, 133, 133, 133, 133}},
                 {50, {1, 1, 2, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 6, 6, 6}},
                 {10, {0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}}};
    support_schedule schedule = {1.2, 13};
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        for (int t = 1; t <= 16; t++) assert_int_equal(support_size(schedule, table[k].n, t), table[k].sizes[t - 1]);
}

static void test_shrinkage(void **state) {
    (void)state;
    enum { ROWS = 40, COLUMNS = N };
    arena memory = {0};
    l2o_error error = {0};
    const kernels *kernels;
    tape tape;
    double z[ROWS * COLUMNS];
    int64_t allowed[ROWS];
    assert_int_equal(kernels_select("auto", DTYPE_FLOAT64, &kernels, &error), L2O_OK);
    tape_begin(&tape, kernels, &memory, &error, false);
    for (int i = 0; i < ROWS * COLUMNS; i++) /* with ties */
        z[i] = round(4 * random_normal((random_key){.seed = 9, .stream = STREAM_CHECK}, (uint64_t)i)) / 4;
    for (int r = 0; r < ROWS; r++) allowed[r] = r % (COLUMNS + 1);
    z[39 * COLUMNS + 2] = NAN;
    value *shrunk, *threshold = tape_fill(&tape, 1, 1, 0.6);
    value *out = shrinkage_with_support(&tape, tape_from_double(&tape, ROWS, COLUMNS, z), threshold, allowed, &shrunk);
    assert_int_equal(tape_status(&tape), L2O_OK);
    for (int r = 0; r < ROWS - 1; r++) {
        double expected[COLUMNS], kept[COLUMNS];
        shrink_alike(z + r * COLUMNS, 0.6, (int)allowed[r], expected, kept);
        for (int j = 0; j < COLUMNS; j++) {
            assert_true(((double *)out->data)[r * COLUMNS + j] == expected[j]);
            assert_true(((double *)shrunk->data)[r * COLUMNS + j] == kept[j]);
        }
    }
    assert_true(((double *)shrunk->data)[39 * COLUMNS] == 1);
    arena_free(&memory);
}

/* ---------------------------------------------------------------------------------------------------- derivatives */

static void test_derivatives(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"lista", ""},
        {"lista", "tied=yes conventions=reference"},
        {"lfista", ""},
        {"lfista", "tied=yes"},
        {"lista-cp", ""},
        {"lista-cp", "tied=yes"},
        {"lista-cpss", "support-step=10 support-limit=100"},
        {"alista", "support-step=10 support-limit=100"},
        {"step-lista", ""},
        {"step-lista", "tied=yes"},
        {"lamp", ""},
        {"lamp", "tied=yes"},
        {"glista", "support-step=10 support-limit=100 initial-gain=1 initial-overshoot=-0.5"},
        {"glista", "support-step=10 support-limit=100 initial-gain=1 initial-overshoot=0.5 gain=inverse"},
        {"glista", "support-step=10 support-limit=100 initial-gain=1 initial-overshoot=0.5 gain=exp"},
        {"glista", "support-step=10 support-limit=100 initial-gain=1 initial-overshoot=0.5 gain=sigmoid "
                   "conventions=reference initial-weight=analytic"},
        {"glista", "gain=none overshoot=no"},
        {"glista", GATES "tied=yes vector-threshold=yes"},
        {"glista", GATES "gain=combine combine-layers=2 conventions=reference initial-weight=analytic"},
        {"glista", GATES "overshoot-gate=sigmoid gates-split=2"},
        {"tista", "noise-variance=0.001"},
        {"tista", "noise-variance=0.001 learned-weight=yes"},
        {"tista", "noise-variance=0.001 learned-weight=yes tied=yes"},
        {"hyperlista", "c1=0.2 c2=0.05 c3=2"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        bench self;
        char label[192];
        snprintf(label, sizeof label, "%s %s", cases[k][0], cases[k][1]);
        create(&self, cases[k][0], cases[k][1], 0.05);
        bench_check_meta_derivatives(&self, label);
        bench_free(&self);
    }
}

/* ------------------------------------------------------------------------------------------------------------ runs */

/* Steps after layer K are those of FISTA that begins at x_K; recorded or not, and with rows dropped on the way. */
static void test_goes_on_with_fista(void **state) {
    (void)state;
    static const char *const names[] = {"lista",  "lista-cp", "lista-cpss", "lfista",     "lamp",
                                        "alista", "glista",   "tista",      "step-lista", "hyperlista"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        bench self, fista;
        double x[(STEPS + 1) * B * N], recorded[(STEPS + 1) * B * N], y[(STEPS + 1) * B * N];
        create(&self, names[k], "", 0.05);
        bench_create(&fista, DATA "x0=0 optimizer=fista", 1);
        double *gradient = calloc((size_t)self.optimizer->weight_total, sizeof *gradient);
        assert_non_null(gradient);
        assert_int_equal(self.optimizer->step_limit, 0);
        run(&self, STEPS, x, NULL);
        run(&self, STEPS, recorded, gradient);
        assert_memory_equal(x, recorded, sizeof x);
        memcpy(fista.problem->x0, x + K * B * N, B * N * sizeof(double));
        run(&fista, STEPS - K, y, NULL);
        for (int i = 0; i < (STEPS - K + 1) * B * N; i++) assert_near(x[K * B * N + i], y[i], 1e-13, names[k]);
        free(gradient);
        bench_free(&self);
        bench_free(&fista);
    }
}

static void test_rows_that_are_dropped(void **state) {
    (void)state;
    static const char *const names[] = {
        "lfista", "lamp", "bayes-amp", "glista", "glista vector-threshold=yes", "lfista tied=yes", "hyperlista"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        bench self;
        double x[(STEPS + 1) * B * N];
        create(&self, names[k], "", 0.05);
        run(&self, STEPS, x, NULL);
        int64_t all[B] = {0, 1, 2, 3, 4}, keep[] = {0, 2, 4};
        instances rows = {B, all}, fewer = {3, keep};
        arena memory = {0};
        carry carry;
        driver driver;
        const kernels *kernels;
        assert_int_equal(kernels_select("portable", DTYPE_FLOAT64, &kernels, &self.error), L2O_OK);
        assert_int_equal(carry_create(self.problem, self.optimizer, &carry, &self.error), L2O_OK);
        carry_reset(&carry, self.problem);
        driver_begin(&driver, kernels, &memory, &self.error, self.problem, self.optimizer, self.optimizer->weights,
                     &rows, &carry, 0, false, true);
        for (int t = 1; t <= STEPS; t++) {
            driver_step(&driver, t);
            if (t == 2) driver_compact(&driver, keep, 3, &fewer);
        }
        assert_int_equal(driver_status(&driver), L2O_OK);
        for (int r = 0; r < 3; r++)
            for (int j = 0; j < N; j++)
                assert_near(((double *)driver.x->data)[r * N + j], x[(STEPS * B + keep[r]) * N + j], 1e-12, names[k]);
        carry_free(&carry);
        arena_free(&memory);
        bench_free(&self);
    }
}

/* Untrained, on one dictionary, in dB of the error's norm over that of the truth: what theory and others' code promise.
 */
static void test_recovery_without_training(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double least, most;
    } cases[] = {{"optimizer=amp", -34, -27},
                 {"optimizer=lamp initial-weight=dictionary", -34, -27},
                 {"optimizer=bayes-amp", -90, -68},
                 {"optimizer=tista", -56, -42},
                 {"optimizer=fista lambda=0.1", -12, -9},
                 {"optimizer=hyperlista c1=0.075 c2=0.0155 c3=106", -100, -74}};
    enum { ROWS = 60, COLUMNS = 512 };
    double *x = calloc(ROWS * COLUMNS, sizeof *x);
    assert_non_null(x);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        bench self;
        char text[400];
        snprintf(text, sizeof text,
                 "problem=lasso m=256 n=512 batch=60 shared-A=yes A-seed=1 unit-columns=yes b=truth x0=0 %s",
                 cases[k].text);
        bench_create(&self, text, 2);
        draw_weights(self.optimizer, 0);
        bench_run(&self, 16, x, NULL);
        double error = 0, size = 0;
        for (int64_t i = 0; i < ROWS * COLUMNS; i++) {
            double truth = (double)((const float *)self.problem->truth)[i];
            error += (x[i] - truth) * (x[i] - truth);
            size += truth * truth;
        }
        double decibel = 10 * log10(error / size);
        if (decibel < cases[k].least || decibel > cases[k].most) fail_msg("%s: %g dB", cases[k].text, decibel);
        bench_free(&self);
    }
    free(x);
}

/* --------------------------------------------------------------------------------------------- refusals and files */

static void refuse(const char *settings, l2o_status expected, const char *part) {
    bench self = {0};
    bench_settings(&self, settings);
    assert_int_equal(optimizer_create(self.settings, NULL, &self.optimizer, &self.error), expected);
    if (strstr(self.error.text, part) == NULL) fail_msg("'%s' is not in: %s", part, self.error.text);
    assert_null(self.optimizer);
    settings_free(self.settings);
}

static void test_refusals(void **state) {
    (void)state;
    refuse("problem=lasso optimizer=lista", L2O_ERROR_UNSUPPORTED,
           "draw one with shared-A = yes, or give it as one file");
    refuse("problem=lasso optimizer=bayes-amp", L2O_ERROR_UNSUPPORTED,
           "draw one with shared-A = yes, or give it as one file");
    refuse("problem=rosenbrock optimizer=alista", L2O_ERROR_UNSUPPORTED, "made for measurements b of A x");
    refuse("problem=logistic shared-A=yes optimizer=lamp", L2O_ERROR_UNSUPPORTED, "made for measurements b of A x");
    refuse("problem=lasso shared-A=yes A=0 optimizer=lista", L2O_ERROR_INPUT, "the dictionary is zero");
    refuse("problem=lasso shared-A=yes A=0 optimizer=lista-cp", L2O_ERROR_INPUT, "zero");
    refuse("problem=lasso shared-A=yes optimizer=lista gradient-scale=batch", L2O_ERROR_INPUT,
           "gradient-scale = batch means nothing");
    refuse("problem=lasso shared-A=yes optimizer=lista dictionary-rows=3", L2O_ERROR_INPUT,
           "dictionary-rows is 3, but the dictionary of the problem has 10");

    bench self, other;
    create(&self, "lista-cp", "", 0);
    bench_create(&other, "problem=lasso m=7 n=10 shared-A=yes optimizer=fista", 1);
    assert_int_equal(optimizer_suits(self.optimizer, other.problem, &self.error), L2O_ERROR_UNSUPPORTED);
    assert_non_null(strstr(self.error.text, "a dictionary of 6 x 10, and the problem's A is 7 x 10"));
    bench_free(&other);
    bench_create(&other, "problem=lasso m=6 n=10 optimizer=fista", 1);
    assert_int_equal(optimizer_suits(self.optimizer, other.problem, &self.error), L2O_ERROR_UNSUPPORTED);
    assert_non_null(strstr(self.error.text, "draw one with shared-A = yes, or give it as one file"));
    bench_free(&other);
    bench_free(&self);
}

static void read_weights(bench *self, const char *path, const char *settings) {
    bench_settings(self, settings);
    if (weights_file_read(path, self->settings, &self->optimizer, &self->error) != L2O_OK)
        fail_msg("%s", self->error.text);
}

static void forget_weights(bench *self) {
    optimizer_free(self->optimizer);
    settings_free(self->settings);
}

/* One optimizer and another on the same problem. */
static void run_both(bench *self, bench *other, double *x, double *y) {
    other->problem = self->problem;
    other->context = self->context;
    run(self, STEPS, x, NULL);
    run(other, STEPS, y, NULL);
}

/* Weights from a file need no problem: here the settings' has no dictionary at all. */
static void test_files_of_weights(void **state) {
    (void)state;
    static const char path[] = "test_unrolled.safetensors";
    static const char *const names[] = {"lista",
                                        "lista-cp",
                                        "lamp",
                                        "glista",
                                        "glista tied=yes vector-threshold=yes gain=combine",
                                        "glista overshoot-gate=sigmoid gates-split=2",
                                        "lfista tied=yes",
                                        "tista",
                                        "hyperlista"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        bench self, again = {0};
        double x[(STEPS + 1) * B * N], y[(STEPS + 1) * B * N];
        create(&self, names[k], "", 0.1);
        if (weights_file_write(self.optimizer, DTYPE_FLOAT64, path, &self.error) != L2O_OK)
            fail_msg("%s", self.error.text);
        read_weights(&again, path, "problem=lasso m=3 n=4");
        assert_int_equal(again.optimizer->weight_count, self.optimizer->weight_count);
        run_both(&self, &again, x, y);
        assert_memory_equal(x, y, sizeof x);
        forget_weights(&again);
        read_weights(&again, path, "problem=rosenbrock");
        assert_int_equal(again.optimizer->step_limit, K);
        forget_weights(&again);
        bench_free(&self);
    }
    remove(path);
}

/* Numbers alone have no size: what is made of one dictionary, with its numbers written and read, is what is made of
 * another and given those numbers. */
static void test_numbers_serve_every_size(void **state) {
    (void)state;
    static const char path[] = "test_unrolled_size.safetensors";
    static const char wide[] = DATA "m=9 n=15 x0=0 depth=4 optimizer=";
    static const char *const names[] = {"alista", "step-lista", "hyperlista", "tista"};
    enum { WIDE = 15 };
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        bench narrow, fresh, read = {0};
        char text[256];
        double x[(STEPS + 1) * B * WIDE], y[(STEPS + 1) * B * WIDE];
        snprintf(text, sizeof text, "%s%s", wide, names[k]);
        create(&narrow, names[k], "", 0.1);
        bench_create(&fresh, text, 2);
        assert_int_equal(fresh.optimizer->weight_total, narrow.optimizer->weight_total);
        memcpy(fresh.optimizer->weights, narrow.optimizer->weights,
               (size_t)fresh.optimizer->weight_total * sizeof *fresh.optimizer->weights);
        assert_int_equal(weights_file_write(narrow.optimizer, DTYPE_FLOAT64, path, &narrow.error), L2O_OK);
        assert_null(json_object_get(json_object_get(narrow.optimizer->provenance, "architecture"), "dictionary-rows"));
        read_weights(&read, path, "problem=lasso m=9 n=15");
        assert_int_equal(optimizer_suits(read.optimizer, fresh.problem, &read.error), L2O_OK);
        run_both(&fresh, &read, x, y);
        assert_memory_equal(x, y, sizeof x);
        forget_weights(&read);
        bench_free(&fresh);
        bench_free(&narrow);
    }
    remove(path);
    refuse("problem=lasso shared-A=yes optimizer=tista learned-weight=yes dictionary-columns=3", L2O_ERROR_INPUT,
           "dictionary-columns is 3, but the dictionary of the problem has 10");
}

/* A size that an older file names, where nothing is of that size, is not handed on; what begins by a setting is. */
static void test_sizes_without_matrices(void **state) {
    (void)state;
    static const char *const learned[] = {"no", "yes"};
    for (int k = 0; k < 2; k++) {
        bench self = {0};
        char text[160];
        snprintf(text, sizeof text, "dictionary-rows=3 dictionary-columns=4 initial-gamma=2 learned-weight=%s",
                 learned[k]);
        bench_settings(&self, text);
        if (optimizer_create_for_file(self.settings, "tista", "old.safetensors", &self.optimizer, &self.error) !=
            L2O_OK)
            fail_msg("%s", self.error.text);
        json_t *architecture = json_object_get(self.optimizer->provenance, "architecture");
        assert_true((json_object_get(architecture, "dictionary-rows") != NULL) == (k == 1));
        assert_true((json_object_get(architecture, "dictionary-columns") != NULL) == (k == 1));
        assert_string_equal(json_string_value(json_object_get(architecture, "initial-gamma")), "2");
        optimizer_free(self.optimizer);
        settings_free(self.settings);
    }
}

/* Layers say which step uses them first. */
static void test_layout(void **state) {
    (void)state;
    bench self;
    create(&self, "lfista", "", 0);
    assert_int_equal(self.optimizer->weight_count, 1 + (K - 1) + (K - 2) + K);
    for (int k = 0; k < self.optimizer->weight_count; k++) {
        const weight_layout *layout = &self.optimizer->layout[k];
        const char *dot = strchr(layout->name, '.');
        assert_int_equal(layout->step, dot == NULL ? 1 : atoi(dot + 1));
    }
    bench_free(&self);
}

/* How many tensors and weights there are, and that shared ones serve from the first layer that has them. */
static void test_counts_of_weights(void **state) {
    (void)state;
    static const struct {
        const char *name, *options, *shared; /* a tensor without a layer, at `step` */
        int tensors, weights, step;
    } cases[] = {{"lista", "", "b", 1 + (K - 1) + K, N * M + (K - 1) * N * N + K, 1},
                 {"lista", "tied=yes", "w", 2 + (K - 1) + K, N * M + N * N + (K - 1) + K, 2},
                 {"lfista", "tied=yes", "m", 3 + (K - 1) + K, N * M + 2 * N * N + (K - 1) + K, 3},
                 {"lista-cp", "tied=yes", "w", 1 + 2 * K, M * N + 2 * K, 1},
                 {"lista-cpss", "tied=yes", "w", 1 + 2 * K, M * N + 2 * K, 1},
                 {"lamp", "tied=yes", "w", 1 + 2 * K, M * N + 2 * K, 1},
                 {"step-lista", "tied=yes", "gamma", 1, 1, 1},
                 {"glista", "tied=yes", "w", 1 + 5 * K, M * N + 4 * K + K * N, 1},
                 {"glista", "tied=yes vector-threshold=yes", "w", 1 + 5 * K, M * N + 3 * K + 2 * K * N, 1},
                 {"glista", "overshoot-gate=sigmoid", "p", 5 * K + 3, K * (M * N + N + 3) + N * N + N * M + N, 1},
                 {"glista", "tied=yes gates-split=1", "w", 1 + 2 * K + 2 * (K - 1) + 1,
                  M * N + 2 * K + (K - 1) * (N + 1) + 1, 1},
                 {"tista", "tied=yes learned-weight=yes", "w", 1 + 3 * K, M * N + 3 * K, 1}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        bench self;
        create(&self, cases[k].name, cases[k].options, 0);
        int found = -1;
        for (int i = 0; i < self.optimizer->weight_count; i++)
            if (strcmp(self.optimizer->layout[i].name, cases[k].shared) == 0) found = i;
        if (self.optimizer->weight_count != cases[k].tensors || self.optimizer->weight_total != cases[k].weights)
            fail_msg("%s %s: %d tensors, %lld weights", cases[k].name, cases[k].options, self.optimizer->weight_count,
                     (long long)self.optimizer->weight_total);
        assert_true(found >= 0);
        assert_int_equal(self.optimizer->layout[found].step, cases[k].step);
        bench_free(&self);
    }
    refuse("problem=lasso shared-A=yes optimizer=glista gain=none gates-split=2", L2O_ERROR_INPUT,
           "there is only one of the gates");
    refuse("problem=lasso shared-A=yes optimizer=glista depth=4 gates-split=4", L2O_ERROR_INPUT,
           "gates-split = 4 leaves the gain none of 4 layers; choose less than depth");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_implementations),
        cmocka_unit_test(test_fresh_weights_are_known_methods),
        cmocka_unit_test(test_tied_weights_begin_alike),
        cmocka_unit_test(test_reference_momentum),
        cmocka_unit_test(test_reference_starts),
        cmocka_unit_test(test_support_sizes),
        cmocka_unit_test(test_shrinkage),
        cmocka_unit_test(test_derivatives),
        cmocka_unit_test(test_goes_on_with_fista),
        cmocka_unit_test(test_rows_that_are_dropped),
        cmocka_unit_test(test_recovery_without_training),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_files_of_weights),
        cmocka_unit_test(test_numbers_serve_every_size),
        cmocka_unit_test(test_sizes_without_matrices),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_counts_of_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
