/* A wide unrolled optimizer beside the matrix library it could at best keep up with: LISTA for a dictionary of
 * [250, 500], 16 layers, 3.9 million weights, float32.
 *
 *   bench_lista [--threads N] [--kernel NAME] [--repeat R] [--signals S] [--inputs F.npz] [--out F.json]
 *
 *   training   the gradient of the last objective, 1/2 ||x - x*||^2 averaged over a batch of 128, and one update by
 *              Adam; drawing the batch is left out
 *   inference  16 layers on 10,000 signals
 *   products   what is multiplied in a training step, 2 g1 + 45 g2 with g1 = 2 B m n and g2 = 2 B n^2, by the matrix
 *              library alone, each product on memory of its own; then the same by this library's kernels, cut into
 *              shards
 *
 * --inputs writes A, b and x* of the batch for the peers; loss and norm of the first gradient are reported so that they
 * can be compared. Unset OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE for it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(L2O_HAVE_BLAS) && defined(L2O_HAVE_OPENMP) /* whose threads the library takes */
#define TIMES_LIBRARY
#include <cblas.h>
#include <omp.h>
#endif

#include "base/memory.h"
#include "experiment/catalog.h"
#include "io/json.h"
#include "io/npz.h"
#include "meta/adam.h"
#include "meta/estimator.h"
#include "problems/linear_model.h"
#include "timing.h"

enum { M = 250, N = 500, LAYERS = 16, BATCH = 128, WARM_UP = 3 };

typedef struct lista {
    const char *kernel, *inputs, *out;
    int threads, repeat;
    int64_t signals;
    l2o_context *context;
    l2o_settings *settings;
    problem *batch, *many;
    optimizer *optimizer;
    estimator_options estimator;
    meta_task task;
    runner runner; /* of the many */
    carry start;
    adam adam;
    double *weights, *trajectory;
    float *numbers; /* of the products */
} lista;

static double product_of(int64_t batch, int64_t m, int64_t n) { return 2.0 * (double)(batch * m * n); }
static double training_work(void) { return 2 * product_of(BATCH, M, N) + 45 * product_of(BATCH, N, N); }
static double inference_work(int64_t signals) {
    return product_of(signals, M, N) + (LAYERS - 1) * product_of(signals, N, N);
}

/* ------------------------------------------------------------------------------------------------------- the setup */

static l2o_status draw(lista *self, const char *batch, problem **problem, l2o_error *error) {
    TRY(settings_set(self->settings, "batch", batch, "the workload", error));
    TRY(problem_create(self->settings, COMPONENT_ALL, problem, error));
    return problem_sample(*problem, 1, STREAM_TRAINING, 0, 0, error);
}

static l2o_status create(lista *self, l2o_error *error) {
    static const char *const given[][2] = {
        {"problem", "recovery"}, {"m", "250"},       {"n", "500"},         {"shared-A", "yes"}, {"unit-columns", "yes"},
        {"b", "truth"},          {"density", "0.1"}, {"dtype", "float32"}, {"x0", "0"},         {"optimizer", "lista"},
        {"depth", "16"}};
    char signals[32];
    if (l2o_context_create(self->threads, self->kernel, &self->context) != L2O_OK)
        return error_set(error, L2O_ERROR_INPUT, "%s",
                         self->context == NULL ? "out of memory" : l2o_context_error(self->context));
    TRY(catalog_settings(&self->settings, error));
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        TRY(settings_set(self->settings, given[i][0], given[i][1], "the workload", error));
    snprintf(signals, sizeof signals, "%lld", (long long)self->signals);
    TRY(draw(self, signals, &self->many, error));
    TRY(draw(self, "128", &self->batch, error));
    TRY(optimizer_create(self->settings, NULL, &self->optimizer, error));
    self->estimator =
        (estimator_options){.kind = estimator_at(0), .loss = meta_loss_at(1), .unroll = LAYERS, .detached = true};
    TRY(meta_task_create(self->context, self->batch, self->optimizer, &self->estimator, &self->task, error));
    TRY(runner_create(self->context, self->many, self->optimizer, &self->runner, error));
    TRY(carry_create(self->many, self->optimizer, &self->start, error));
    carry_reset(&self->start, self->many);
    TRY(adam_create(&self->adam, self->optimizer->weight_total, 1e-8, false, error));
    self->weights = memory_allocate((size_t)self->optimizer->weight_total, sizeof(double), error);
    self->trajectory = memory_allocate((size_t)(LAYERS + 1) * BATCH * N, sizeof(double), error);
    self->numbers = memory_allocate((size_t)LAYERS * (2 * N * N + 2 * BATCH * N), sizeof(float), error);
    if (self->weights == NULL || self->trajectory == NULL || self->numbers == NULL) return error->status;
    optimizer_initialise(self->optimizer, 1, 0, self->weights);
    return L2O_OK;
}

static void destroy(lista *self) {
    memory_free(self->weights);
    memory_free(self->trajectory);
    memory_free(self->numbers);
    adam_free(&self->adam);
    carry_free(&self->start);
    runner_free(&self->runner);
    meta_task_free(&self->task);
    optimizer_free(self->optimizer);
    problem_free(self->batch);
    problem_free(self->many);
    settings_free(self->settings);
    l2o_context_free(self->context);
}

/* --------------------------------------------------------------------------------------------------- what is timed */

static l2o_status gradient(lista *self, l2o_error *error) {
    carry_reset(&self->task.now, self->batch);
    return self->estimator.kind->gradients(1, &self->task, &self->estimator, self->weights, error);
}

static l2o_status train(void *argument, l2o_error *error) {
    lista *self = argument;
    const double *gradients[] = {self->task.gradient};
    adam_part all = {0, self->optimizer->weight_total, 1, 1, 1};
    adam_update update = {5e-4, false, 1, &all, 1, gradients};
    TRY(gradient(self, error));
    adam_apply(&self->adam, self->context, &update, self->weights);
    return L2O_OK;
}

static l2o_status infer(void *argument, l2o_error *error) {
    lista *self = argument;
    segment pass = {.weights = self->weights, .steps = LAYERS, .from = &self->start};
    return segment_run(&self->runner, &pass, error);
}

/* One product of rows first .. end of the batch, or into rows of the weights' shape. */
typedef void (*multiply)(const lista *self, bool transpose_a, bool transpose_b, int m, int n, int k, const float *a,
                         const float *b, float *c);

/* All of a training step's: forward, back through the layers, into the gradients. */
static void run_products(lista *self, multiply multiply, int rows) {
    float *w = self->numbers, *dw = w + LAYERS * N * N, *x = dw + LAYERS * N * N, *dz = x + LAYERS * BATCH * N;
    for (int first = 0; first < BATCH; first += rows) {
        int64_t at = (int64_t)first * N;
        multiply(self, false, true, rows, N, M, x + at, w, dz + at);
        for (int t = 1; t < LAYERS; t++)
            multiply(self, false, true, rows, N, N, x + t * BATCH * N + at, w + t * N * N, dz + t * BATCH * N + at);
        for (int t = LAYERS - 1; t > 0; t--)
            multiply(self, false, false, rows, N, N, dz + t * BATCH * N + at, w + t * N * N, x + t * BATCH * N + at);
        for (int t = 1; t < LAYERS; t++)
            multiply(self, true, false, N, N, rows, dz + t * BATCH * N + at, x + t * BATCH * N + at, dw + t * N * N);
        multiply(self, true, false, N, M, rows, dz + at, x + at, dw);
    }
}

#ifdef TIMES_LIBRARY
static void by_library(const lista *self, bool transpose_a, bool transpose_b, int m, int n, int k, const float *a,
                       const float *b, float *c) {
    (void)self;
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, m, n,
                k, 1, a, transpose_a ? m : k, b, transpose_b ? k : n, 0, c, n);
}

static l2o_status products(void *argument, l2o_error *error) {
    lista *self = argument;
    (void)error;
    omp_set_num_threads(self->threads);
    run_products(self, by_library, BATCH);
    return L2O_OK;
}
#endif

/* On one thread, by shards of half a batch. */
static void by_kernels(const lista *self, bool transpose_a, bool transpose_b, int m, int n, int k, const float *a,
                       const float *b, float *c) {
    self->runner.kernels->gemm(transpose_a, transpose_b, m, n, k, 1, a, transpose_a ? m : k, b, transpose_b ? k : n, 0,
                               c, n);
}

static l2o_status own_products(void *argument, l2o_error *error) {
    (void)error;
    run_products(argument, by_kernels, BATCH / 2);
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------ the report */

static l2o_status time_one(lista *self, json_t *report, const char *name, l2o_status (*run)(void *, l2o_error *),
                           double work, l2o_error *error) {
    timing timing;
    l2o_status status = timing_take(&timing, WARM_UP, self->repeat, run, self, error);
    if (status == L2O_OK) {
        double least = timing_least(timing.count, timing.wall);
        json_t *entry =
            json_pack("{s:f, s:f, s:f, s:f}", "wall_median_ms", timing_median(timing.count, timing.wall),
                      "wall_least_ms", least, "processor_least_ms", timing_least(timing.count, timing.processor),
                      "gigaflops_of_dense_products", 1e-6 * work / least);
        if (json_object_set_new(report, name, entry) != 0)
            status = error_set(error, L2O_ERROR_MEMORY, "out of memory while the report was made");
    }
    timing_free(&timing);
    return status;
}

/* Of the first gradient, and how many numbers of each x_t are not zero. */
static l2o_status report_numbers(lista *self, json_t *report, l2o_error *error) {
    TRY(gradient(self, error));
    double squares = 0, nonzero[LAYERS + 1] = {0};
    for (int k = 0; k < self->optimizer->weight_count; k++) squares += self->task.squares[k];
    segment pass = {.weights = self->weights, .steps = LAYERS, .from = &self->task.now, .trajectory = self->trajectory};
    carry_reset(&self->task.now, self->batch);
    TRY(segment_run(&self->task.runner, &pass, error));
    json_t *density = json_array();
    for (int t = 1; t <= LAYERS; t++) {
        for (int64_t i = 0; i < BATCH * N; i++) nonzero[t] += self->trajectory[t * BATCH * N + i] != 0;
        json_array_append_new(density, json_real(nonzero[t] / (BATCH * N)));
    }
    if (json_object_set_new(report, "loss", json_real(self->task.result.outer_loss)) != 0 ||
        json_object_set_new(report, "gradient_norm", json_real(sqrt(squares))) != 0 ||
        json_object_set_new(report, "density", density) != 0)
        return error_set(error, L2O_ERROR_MEMORY, "out of memory while the report was made");
    return L2O_OK;
}

/* Numbers that are not zero anywhere: the library's rate does not depend on them, the kernels' does. */
static void fill(lista *self) {
    for (int64_t i = 0; i < (int64_t)LAYERS * (2 * N * N + 2 * BATCH * N); i++)
        self->numbers[i] = (float)(i * 7919 % 1999 + 1) / 2000 - 0.5F;
}

static l2o_status measure(lista *self, json_t *report, l2o_error *error) {
    TRY(report_numbers(self, report, error));
#ifdef TIMES_LIBRARY
    fill(self);
    TRY(time_one(self, report, "products", products, training_work(), error));
#endif
    fill(self);
    TRY(time_one(self, report, "own_products_one_thread", own_products, training_work(), error));
    TRY(time_one(self, report, "training", train, training_work(), error));
    optimizer_initialise(self->optimizer, 1, 0, self->weights);
    self->repeat = self->repeat < 10 ? self->repeat : 10;
    return time_one(self, report, "inference", infer, inference_work(self->signals), error);
}

/* A [m, n], b [B, m] and x* [B, n] */
static l2o_status write_inputs(const lista *self, l2o_error *error) {
    const linear_model *model = self->batch->model;
    const struct {
        const char *name;
        int64_t rows, columns;
        const void *numbers;
    } given[] = {{"A", M, N, model->a}, {"b", BATCH, M, model->b}, {"x", BATCH, N, self->batch->truth}};
    array arrays[3];
    size_t count = 0;
    l2o_status status = L2O_OK;
    while (count < 3 && status == L2O_OK) {
        status = array_create(&arrays[count], given[count].name, 2,
                              (int64_t[]){given[count].rows, given[count].columns}, error);
        if (status != L2O_OK) break;
        for (int64_t i = 0; i < given[count].rows * given[count].columns; i++)
            arrays[count].values[i] = problem_load(self->batch->type, given[count].numbers, i);
        count++;
    }
    if (status == L2O_OK) status = npz_write(self->inputs, arrays, count, false, error);
    for (size_t i = 0; i < count; i++) array_free(&arrays[i]);
    return status;
}

static l2o_status run(lista *self, l2o_error *error) {
    TRY(create(self, error));
    if (self->inputs != NULL) TRY(write_inputs(self, error));
    json_t *report = json_pack("{s:s, s:s, s:i, s:s}", "program", "l2o", "workload", "lista", "threads", self->threads,
                               "kernel", self->runner.kernels->name);
    if (report == NULL) return error_set(error, L2O_ERROR_MEMORY, "out of memory while the report was made");
    l2o_status status = measure(self, report, error);
    if (status == L2O_OK && self->out != NULL)
        status = json_write_file(self->out, report, error);
    else if (status == L2O_OK && json_dumpf(report, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(5)) == 0)
        putchar('\n');
    json_decref(report);
    return status;
}

int main(int count, char **arguments) {
    lista self = {.threads = 2, .repeat = 31, .signals = 10000};
    bool understood = count % 2 == 1;
    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = arguments[i], *text = arguments[i + 1];
        if (strcmp(name, "--kernel") == 0)
            self.kernel = text;
        else if (strcmp(name, "--inputs") == 0)
            self.inputs = text;
        else if (strcmp(name, "--out") == 0)
            self.out = text;
        else if (strcmp(name, "--threads") == 0)
            self.threads = atoi(text);
        else if (strcmp(name, "--repeat") == 0)
            self.repeat = atoi(text);
        else if (strcmp(name, "--signals") == 0)
            self.signals = atoi(text);
        else
            understood = false;
    }
    if (!understood || self.threads < 1 || self.threads > 1024 || self.repeat < 1 || self.signals < 1) {
        fprintf(stderr, "bench_lista: [--threads N] [--kernel NAME] [--repeat R] [--signals S] [--inputs F.npz] "
                        "[--out F.json]\n");
        return 2;
    }
    l2o_error error = {0};
    l2o_status status = run(&self, &error);
    destroy(&self);
    if (status == L2O_OK) return 0;
    fprintf(stderr, "bench_lista: %s\n", error.text);
    return 1;
}
