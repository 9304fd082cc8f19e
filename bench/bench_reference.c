/* The two reference workloads, timed on this library alone; bench/peers/pytorch_eager.py computes and times the same.
 *
 *   a  one meta-training step: LASSO, B 128, n = m = 10, lambda 0.005; RNNprop, two layers of 20; an unroll of T = 20
 *      steps, the gradient of the summed objectives (inputs detached), one Adam update of rate 1e-3; state is carried
 *   d  one evaluation: 1000 steps from the start, no gradient, the objective recorded at each point
 *
 *   bench_reference --prepare WEIGHTS.npy PROBLEM.npz         draws both inputs and writes them
 *   bench_reference --workload a|d --weights F --problem F [--threads N] [--repeat N] [--warm-up N]
 *                   [--dtype float32|float64] [--kernel NAME] [--out F.json] [--numbers F.npz]
 *
 * `processor` is the processor time of all threads, which a busy machine disturbs less than the wall clock. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/memory.h"
#include "experiment/catalog.h"
#include "io/json.h"
#include "io/npy.h"
#include "io/npz.h"
#include "meta/adam.h"
#include "meta/estimator.h"
#include "problems/linear_model.h"
#include "tensor/blas.h"

enum { BATCH = 128, DIMENSION = 10, UNROLL = 20, STEPS = 1000, TRAINING_STEPS = 5, MOST_RUNS = 100000 };
static const double RATE = 1e-3;

typedef struct options {
    const char *weights, *problem, *out, *numbers, *dtype, *kernel;
    char workload;
    int threads, repeat, warm_up;
} options;

/* What both workloads work with. */
typedef struct bench {
    options options;
    l2o_context *context;
    l2o_settings *settings;
    l2o_error error;
    problem *problem;
    optimizer *optimizer;
    estimator_options estimator;
    meta_task task;
    adam adam;
    double *weights, *gradient, *objectives;
    double loss;
} bench;

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static long peak_memory(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* ------------------------------------------------------------------------------------------------------- the inputs */

static l2o_status make_parts(bench *bench, const char *kernel, int threads, const char *dtype) {
    l2o_error *error = &bench->error;
    if (l2o_context_create(threads, kernel, &bench->context) != L2O_OK)
        return error_set(error, L2O_ERROR_INPUT, "%s",
                         bench->context == NULL ? "out of memory" : l2o_context_error(bench->context));
    TRY(catalog_settings(&bench->settings, error));
    TRY(settings_set(bench->settings, "dtype", dtype, "--dtype", error));
    TRY(settings_set(bench->settings, "b", "uniform:0:1", "bench", error));
    TRY(problem_create(bench->settings, COMPONENT_ALL, &bench->problem, error));
    TRY(optimizer_create(bench->settings, "rnnprop", &bench->optimizer, error));
    bench->weights = bench->optimizer->weights;
    return L2O_OK;
}

static l2o_status member(npz *out, const char *name, int rank, int64_t second, int64_t third, dtype type,
                         const void *from, l2o_error *error) {
    array *added = &out->arrays[out->count];
    TRY(array_create(added, name, rank, (int64_t[]){BATCH, second, third}, error));
    out->count++;
    for (int64_t i = 0; i < added->count; i++) added->values[i] = problem_load(type, from, i);
    return L2O_OK;
}

static l2o_status prepare(bench *bench, const char *weights, const char *problem_path) {
    l2o_error *error = &bench->error;
    TRY(make_parts(bench, NULL, 1, "float32"));
    TRY(problem_sample(bench->problem, 1, STREAM_TRAINING, 0, 0, error));
    optimizer_initialise(bench->optimizer, 1, 0, bench->weights);
    array flat;
    TRY(array_create(&flat, NULL, 1, (int64_t[]){bench->optimizer->weight_total}, error));
    memcpy(flat.values, bench->weights, (size_t)flat.count * sizeof *flat.values);
    l2o_status status = npy_write(weights, &flat, error);
    array_free(&flat);
    TRY(status);
    array arrays[3] = {{0}};
    npz file = {arrays, 0};
    const linear_model *model = bench->problem->model;
    status = member(&file, "A", 3, DIMENSION, DIMENSION, model->type, model->a, error);
    if (status == L2O_OK) status = member(&file, "b", 2, DIMENSION, 0, model->type, model->b, error);
    if (status == L2O_OK) status = member(&file, "x0", 2, DIMENSION, 0, model->type, bench->problem->x0, error);
    if (status == L2O_OK) status = npz_write(problem_path, arrays, file.count, false, error);
    for (size_t i = 0; i < file.count; i++) array_free(&arrays[i]);
    return status;
}

static l2o_status take(const npz *file, const char *path, const char *name, int64_t count, dtype type, void *to,
                       l2o_error *error) {
    const array *found = npz_find(file, name);
    if (found == NULL || found->count != count)
        return error_set(error, L2O_ERROR_INPUT, "%s: '%s' must hold %lld numbers", path, name, (long long)count);
    for (int64_t i = 0; i < count; i++) problem_store(type, to, i, found->values[i]);
    return L2O_OK;
}

static l2o_status load(bench *bench) {
    l2o_error *error = &bench->error;
    TRY(make_parts(bench, bench->options.kernel, bench->options.threads, bench->options.dtype));
    int64_t total = bench->optimizer->weight_total;
    array flat;
    TRY(npy_read(bench->options.weights, &flat, error));
    l2o_status status = L2O_OK;
    if (flat.count == total)
        memcpy(bench->weights, flat.values, (size_t)total * sizeof *flat.values);
    else
        status = error_set(error, L2O_ERROR_INPUT, "%s: %lld weights, but %lld were expected", bench->options.weights,
                           (long long)flat.count, (long long)total);
    array_free(&flat);
    TRY(status);
    npz file;
    const char *path = bench->options.problem;
    TRY(npz_read(path, &file, error));
    problem *problem = bench->problem;
    status = take(&file, path, "A", (int64_t)BATCH * DIMENSION * DIMENSION, problem->type, problem->model->a, error);
    if (status == L2O_OK) status = take(&file, path, "b", BATCH * DIMENSION, problem->type, problem->model->b, error);
    if (status == L2O_OK) status = take(&file, path, "x0", BATCH * DIMENSION, problem->type, problem->x0, error);
    npz_free(&file);
    TRY(status);
    for (int64_t p = 0; p < BATCH; p++) problem->lambda[p] = 0.005;

    bench->estimator = (estimator_options){
        .kind = estimator_at(0), .loss = meta_loss_at(0), .unroll = UNROLL, .detached = true, .inner_steps = 1};
    TRY(meta_task_create(bench->context, problem, bench->optimizer, &bench->estimator, &bench->task, error));
    carry_reset(&bench->task.now, problem);
    TRY(adam_create(&bench->adam, total, 1e-8, false, error));
    bench->gradient = memory_allocate((size_t)total, sizeof(double), error);
    bench->objectives = memory_allocate(STEPS + 1, sizeof(double), error);
    return error->status;
}

static void bench_free(bench *bench) {
    meta_task_free(&bench->task);
    adam_free(&bench->adam);
    memory_free(bench->gradient);
    memory_free(bench->objectives);
    optimizer_free(bench->optimizer);
    problem_free(bench->problem);
    settings_free(bench->settings);
    l2o_context_free(bench->context);
}

/* ---------------------------------------------------------------------------------------------------- the workloads */

static l2o_status training_step(bench *bench) {
    estimate result;
    TRY(bench->estimator.kind->gradient(&bench->task, &bench->estimator, bench->weights, bench->gradient, &result,
                                        &bench->error));
    bench->loss = result.support_loss;
    adam_step(&bench->adam, RATE, bench->gradient, bench->weights);
    return L2O_OK;
}

static l2o_status evaluation_run(bench *bench) {
    carry_reset(&bench->task.now, bench->problem);
    segment pass = {.weights = bench->weights,
                    .steps = STEPS,
                    .detached = true,
                    .from = &bench->task.now,
                    .mean_objective = bench->objectives};
    return segment_run(&bench->task.runner, &pass, &bench->error);
}

static l2o_status keep(npz *file, const char *name, int64_t rows, int64_t columns, const double *values,
                       l2o_error *error) {
    array *added = &file->arrays[file->count];
    TRY(array_create(added, name, columns == 0 ? 1 : 2, (int64_t[]){rows, columns}, error));
    file->count++;
    memcpy(added->values, values, (size_t)added->count * sizeof *values);
    return L2O_OK;
}

static l2o_status training_numbers(bench *bench, npz *file) {
    double objectives[TRAINING_STEPS][UNROLL + 1], losses[TRAINING_STEPS];
    for (int step = 0; step < TRAINING_STEPS; step++) {
        TRY(training_step(bench));
        losses[step] = bench->loss;
        for (int64_t t = 0; t <= UNROLL; t++) {
            double sum = 0;
            for (int64_t p = 0; p < BATCH; p++) sum += runner_objective(&bench->task.runner, t)[p];
            objectives[step][t] = sum / BATCH;
        }
        if (step == 0) TRY(keep(file, "grad", bench->optimizer->weight_total, 0, bench->gradient, &bench->error));
    }
    TRY(keep(file, "loss", 1, 0, losses, &bench->error));
    TRY(keep(file, "train_loss", TRAINING_STEPS, 0, losses, &bench->error));
    return keep(file, "train_f_traj", TRAINING_STEPS, UNROLL + 1, objectives[0], &bench->error);
}

/* The numbers that two programs must agree on before their times are compared. */
static l2o_status numbers(bench *bench) {
    array arrays[8] = {{0}};
    npz file = {arrays, 0};
    l2o_status status = L2O_OK;
    if (bench->options.workload == 'a') {
        status = training_numbers(bench, &file);
    } else {
        status = evaluation_run(bench);
        if (status == L2O_OK) status = keep(&file, "f_traj", STEPS + 1, 0, bench->objectives, &bench->error);
    }
    if (status == L2O_OK && bench->options.numbers != NULL)
        status = npz_write(bench->options.numbers, arrays, file.count, false, &bench->error);
    for (size_t i = 0; i < file.count; i++) array_free(&arrays[i]);
    return status;
}

static int ascending(const void *a, const void *b) {
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static double median(double *samples, int count) {
    qsort(samples, (size_t)count, sizeof *samples, ascending);
    return count % 2 ? samples[count / 2] : 0.5 * (samples[count / 2 - 1] + samples[count / 2]);
}

static l2o_status time_runs(bench *bench, json_t *report) {
    int repeat = bench->options.repeat;
    double *wall = memory_allocate((size_t)repeat, 2 * sizeof *wall, &bench->error);
    if (wall == NULL) return bench->error.status;
    double *processor = wall + repeat;
    json_t *samples = json_array();
    l2o_status status = L2O_OK;
    for (int run = -bench->options.warm_up; run < repeat && status == L2O_OK; run++) {
        double begin = seconds(CLOCK_MONOTONIC), processor_begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
        status = bench->options.workload == 'a' ? training_step(bench) : evaluation_run(bench);
        if (run < 0) {
            json_object_set_new(report, "peak_rss_kib_after_warm_up", json_integer(peak_memory()));
            continue;
        }
        processor[run] = 1e3 * (seconds(CLOCK_PROCESS_CPUTIME_ID) - processor_begin);
        wall[run] = 1e3 * (seconds(CLOCK_MONOTONIC) - begin);
        json_array_append_new(samples, json_real(wall[run]));
    }
    double middle = median(wall, repeat); /* sorts: the first is the least */
    json_t *timing = json_pack("{s:s, s:f, s:f, s:f, s:i, s:i, s:o}", "unit", "milliseconds", "median", middle,
                               "minimum", wall[0], "processor_median", median(processor, repeat), "repeat", repeat,
                               "warm_up", bench->options.warm_up, "samples", samples);
    memory_free(wall);
    TRY(status);
    if (timing == NULL || json_object_set_new(report, (char[]){bench->options.workload, '\0'}, timing) != 0)
        return error_set(&bench->error, L2O_ERROR_MEMORY, "out of memory while the report was made");
    return L2O_OK;
}

static l2o_status run(bench *bench) {
    TRY(load(bench));
    TRY(numbers(bench));
    json_t *report = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s}", "program", "l2o", "form", "l2o", "version",
                               l2o_version(), "kernel", l2o_context_kernel(bench->context), "blas", blas_description(),
                               "threads", l2o_context_threads(bench->context), "dtype", bench->options.dtype);
    if (report == NULL) return error_set(&bench->error, L2O_ERROR_MEMORY, "out of memory while the report was made");
    l2o_status status = time_runs(bench, report);
    json_object_set_new(report, "peak_rss_kib", json_integer(peak_memory()));
    if (status == L2O_OK) {
        if (bench->options.out != NULL)
            status = json_write_file(bench->options.out, report, &bench->error);
        else if (json_dumpf(report, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0)
            putchar('\n');
    }
    json_decref(report);
    return status;
}

/* ------------------------------------------------------------------------------------------------- the command line */

static bool whole_number(const char *text, int smallest, int *out) {
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < smallest || number > MOST_RUNS) return false;
    *out = (int)number;
    return true;
}

static bool parse(int count, char **arguments, options *options) {
    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = arguments[i], *text = arguments[i + 1];
        if (strcmp(name, "--weights") == 0)
            options->weights = text;
        else if (strcmp(name, "--problem") == 0)
            options->problem = text;
        else if (strcmp(name, "--out") == 0)
            options->out = text;
        else if (strcmp(name, "--numbers") == 0)
            options->numbers = text;
        else if (strcmp(name, "--dtype") == 0)
            options->dtype = text;
        else if (strcmp(name, "--kernel") == 0)
            options->kernel = text;
        else if (strcmp(name, "--workload") == 0 && (strcmp(text, "a") == 0 || strcmp(text, "d") == 0))
            options->workload = text[0];
        else if (!(strcmp(name, "--threads") == 0 && whole_number(text, 1, &options->threads)) &&
                 !(strcmp(name, "--repeat") == 0 && whole_number(text, 1, &options->repeat)) &&
                 !(strcmp(name, "--warm-up") == 0 && whole_number(text, 0, &options->warm_up)))
            return false;
    }
    return count % 2 == 1 && options->weights != NULL && options->problem != NULL && options->workload != 0;
}

int main(int count, char **arguments) {
    bench bench = {.options = {.dtype = "float32", .threads = 1, .repeat = 20, .warm_up = 3}};
    l2o_status status;
    if (count == 4 && strcmp(arguments[1], "--prepare") == 0) {
        status = prepare(&bench, arguments[2], arguments[3]);
    } else if (parse(count, arguments, &bench.options)) {
        status = run(&bench);
    } else {
        fprintf(stderr, "bench_reference: unknown or incomplete arguments; they are listed at the head of its source, "
                        "bench/bench_reference.c\n");
        return 2;
    }
    if (status != L2O_OK) fprintf(stderr, "bench_reference: %s\n", bench.error.text);
    bench_free(&bench);
    return status == L2O_OK ? 0 : 1;
}
