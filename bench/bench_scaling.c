/* Measures what the model of scale needs (scaling_model.h), holds the model against this machine, and predicts larger
 * ones; prints the tables of docs/scaling.md. bench/scaling.sh runs it all.
 *
 *   mpirun -n R bench_scaling --ranks F.json --workload a|b|c [--blocks N]   the exchange alone and the whole step
 *   bench_scaling --out F.json [--blocks N] [RANKS.json ...]                 the rest, and the tables
 *
 * A time is the least of many: what disturbs a run can only lengthen it. Where ranks take part it is that of a block of
 * runs, which evens out which rank gets ahead of the others. N, 20 if not given, says how many. */
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "dist/context.h"
#include "io/json.h"
#include "scaling_tables.h"
#include "timing.h"
#include "workload.h"

enum { MOST_BLOCKS = 1000, LOOKS = 50, SHARDS = 4, SINGLE = 20, DRAWN_BATCH = 2048 };
static const long NAP_NANOSECONDS = 20000; /* this and LOOKS as src/dist/ranks.c waits */

typedef l2o_status (*action)(void *argument, l2o_error *error);

/* Seconds of one run: the least of blocks of `block` runs. */
static l2o_status measure(int blocks, int block, action run, void *argument, double *seconds, l2o_error *error) {
    *seconds = INFINITY;
    TRY(run(argument, error));
    for (int i = 0; i < blocks; i++) {
        double begin = timing_seconds(CLOCK_MONOTONIC);
        for (int k = 0; k < block; k++) TRY(run(argument, error));
        *seconds = fmin(*seconds, (timing_seconds(CLOCK_MONOTONIC) - begin) / block);
    }
    return L2O_OK;
}

/* ----------------------------------------------------------------------------------------------------- what is timed
 */

/* One segment of a workload's first task, its gradient or its Hessian-vector product. */
typedef struct pass {
    workload *workload;
    bool product;
} pass;

static l2o_status run_pass(void *argument, l2o_error *error) {
    const pass *pass = argument;
    meta_task *task = &pass->workload->tasks[0];
    segment segment = {.weights = pass->workload->weights,
                       .steps = pass->workload->options.unroll,
                       .detached = true,
                       .require_finite = true,
                       .loss_weights = task->loss_weights,
                       .from = &task->now,
                       .to = &task->ahead,
                       .gradient = pass->product ? NULL : task->gradient};
    if (pass->product) {
        segment.direction = pass->workload->gradient;
        segment.hessian_vector = task->gradient;
    }
    return segment_run(&task->runner, &segment, error);
}

static l2o_status run_draw(void *argument, l2o_error *error) {
    workload *workload = argument;
    TRY(problem_sample(workload->problems[0], 1, STREAM_TRAINING, 1, 0, error));
    carry_reset(&workload->tasks[0].now, workload->problems[0]);
    return L2O_OK;
}

static l2o_status no_piece(void *argument, int64_t piece, worker *worker) {
    (void)argument, (void)piece, (void)worker;
    return L2O_OK;
}

static l2o_status run_region(void *argument, l2o_error *error) {
    l2o_context *context = argument;
    return pieces_run(context, context->threads, true, no_piece, NULL, error);
}

static l2o_status run_looks(void *argument, l2o_error *error) {
    (void)argument, (void)error;
    for (int i = 0; i < LOOKS; i++) sched_yield();
    return L2O_OK;
}

static l2o_status run_nap(void *argument, l2o_error *error) {
    (void)argument, (void)error;
    nanosleep(&(struct timespec){.tv_nsec = NAP_NANOSECONDS}, NULL);
    return L2O_OK;
}

/* Rows of zeros in one sum for each task, finished over and over: the tree and, over ranks, the exchange. */
typedef struct rows {
    l2o_context *context;
    int count;
    sums own[WORKLOAD_TASKS], *all[WORKLOAD_TASKS];
} rows;

static l2o_status rows_create(l2o_context *context, int count, int64_t pieces, int64_t length, rows *out,
                              l2o_error *error) {
    *out = (rows){.context = context};
    for (; out->count < count; out->count++) {
        out->all[out->count] = &out->own[out->count];
        TRY(sums_create(out->all[out->count], pieces, error));
    }
    sums_share(context, count, out->all);
    for (int k = 0; k < count; k++) {
        TRY(sums_reserve(out->all[k], length, error));
        memset(out->all[k]->rows, 0, out->all[k]->room * sizeof(double)); /* pages of its own, not those of zeros */
        memset(out->all[k]->costs, 0, (size_t)pieces * sizeof(double));
    }
    return L2O_OK;
}

static void rows_free(rows *rows) {
    for (int k = 0; k < rows->count; k++) sums_free(rows->all[k]);
}

static l2o_status run_rows(void *argument, l2o_error *error) {
    rows *rows = argument;
    return sums_finish(rows->context, rows->count, rows->all, INT64_MAX, error);
}

static l2o_status measure_rows(int blocks, l2o_context *context, int count, int64_t pieces, int64_t length,
                               double *seconds, l2o_error *error) {
    rows rows;
    l2o_status status = rows_create(context, count, pieces, length, &rows, error);
    if (status == L2O_OK) status = measure(blocks, 10, run_rows, &rows, seconds, error);
    rows_free(&rows);
    return status;
}

/* ------------------------------------------------------------------------------------------------------- measurements
 */

/* A piece's row: the weights, padded to a cache line, and the objectives. */
static int64_t row_length(const workload *workload) {
    return (workload->optimizer->weight_total + 7) / 8 * 8 + workload->options.unroll + 1;
}

static l2o_status measure_pass(int blocks, const workload_options *options, bool product, double *seconds,
                               l2o_error *error) {
    workload workload;
    l2o_status status = workload_create(options, &workload, error);
    pass pass = {&workload, product};
    if (status == L2O_OK) memcpy(workload.gradient, workload.weights, (size_t)workload.adam.count * sizeof(double));
    if (status == L2O_OK) status = measure(SINGLE * blocks, 1, run_pass, &pass, seconds, error);
    workload_free(&workload);
    return status;
}

static l2o_status measure_step(int runs, const workload_options *options, double *seconds, l2o_error *error) {
    workload workload;
    l2o_status status = workload_create(options, &workload, error);
    if (status == L2O_OK) status = measure(runs, 1, workload_run, &workload, seconds, error);
    workload_free(&workload);
    return status;
}

/* A few shards one after another, as many on every core at once, and steps with next to no work: one coordinate, one
 * step of the optimizer. */
static l2o_status measure_work(int blocks, scaling_machine *out, l2o_error *error) {
    workload_options few = workload_reference('a'), crowd = few, empty = few;
    double together;
    few.batch = SHARDS * few.batch / scaling_shards(few.batch, few.dimension);
    crowd.batch = few.batch * out->cores;
    crowd.threads = out->cores;
    TRY(measure_pass(blocks, &few, false, &out->gradient, error));
    TRY(measure_pass(blocks, &few, true, &out->product, error));
    TRY(measure_pass(blocks, &crowd, false, &together, error));
    out->crowding = fmax(1, (together - out->region) / out->gradient);
    out->gradient /= SHARDS;
    out->product /= SHARDS;
    empty.batch = empty.dimension = empty.unroll = 1;
    for (int w = 0; w < SCALING_WORKLOADS; w++) {
        empty.kind = (char)('a' + w);
        TRY(measure_step(SINGLE * blocks, &empty, &out->serial[w], error));
    }
    return L2O_OK;
}

static l2o_status measure_machine(int blocks, scaling_machine *out, int64_t *row, l2o_error *error) {
    workload_options options = workload_reference('a');
    workload workload;
    out->cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    options.batch = DRAWN_BATCH;
    options.threads = 2;
    l2o_status status = workload_create(&options, &workload, error);
    double near, far;
    if (status == L2O_OK) {
        *row = row_length(&workload);
        status = measure(blocks, 3, run_draw, &workload, &out->draw, error);
        out->draw /= DRAWN_BATCH;
    }
    if (status == L2O_OK) status = measure(blocks, 100, run_region, workload.context, &out->region, error);
    if (status == L2O_OK) status = measure(blocks, 10, run_looks, NULL, &out->looks, error);
    if (status == L2O_OK) status = measure(blocks, 10, run_nap, NULL, &out->nap, error);
    if (status == L2O_OK) status = measure_rows(blocks, workload.context, 1, 16, *row, &near, error);
    if (status == L2O_OK)
        status = measure_rows(blocks, workload.context, WORKLOAD_TASKS, MOST_PIECES, *row, &far, error);
    workload_free(&workload);
    TRY(status);
    out->add_near = near / (15.0 * (double)*row);
    out->add_far = far / ((double)(WORKLOAD_TASKS * (MOST_PIECES - 1)) * (double)*row);
    return measure_work(blocks, out, error);
}

static l2o_status measure_threads(int blocks, scaling_measured *out, l2o_error *error) {
    for (char kind = 'a'; kind < 'a' + SCALING_WORKLOADS; kind++) {
        for (int threads = 1; threads <= 2; threads++) {
            workload_options options = workload_reference(kind);
            options.threads = threads;
            scaling_run *run = &out->runs[out->count++];
            *run = (scaling_run){.workload = kind, .ranks = 1, .threads = threads, .exchange = NAN};
            TRY(measure_step(3 * blocks, &options, &run->step, error));
        }
    }
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------------- ranks
 */

static l2o_status measure_ranks(int blocks, char kind, const char *path, l2o_error *error) {
    workload_options options = workload_reference(kind);
    workload workload;
    double exchange, step;
    l2o_status status = workload_create(&options, &workload, error);
    int count = workload.task_count;
    if (status == L2O_OK && l2o_context_ranks(workload.context) == 1)
        status = error_set(error, L2O_ERROR_INPUT, "start several ranks with an MPI launcher");
    int64_t pieces = scaling_pieces(options.batch, options.dimension);
    if (status == L2O_OK)
        status = measure_rows(blocks, workload.context, count, pieces, row_length(&workload), &exchange, error);
    if (status == L2O_OK) status = measure(blocks, 5, workload_run, &workload, &step, error);
    if (status == L2O_OK && l2o_context_rank(workload.context) == 0) {
        json_t *out =
            json_pack("{s:s, s:i, s:f, s:f}", "workload", (char[]){kind, '\0'}, "ranks",
                      l2o_context_ranks(workload.context), "exchange_seconds", exchange, "step_seconds", step);
        status = out == NULL ? error_set(error, L2O_ERROR_MEMORY, "out of memory while the report was made")
                             : json_write_file(path, out, error);
        json_decref(out);
    }
    workload_free(&workload);
    return status;
}

static l2o_status read_ranks(const char *path, scaling_run *out, l2o_error *error) {
    json_t *in;
    TRY(json_read_file(path, &in, error));
    const char *workload = json_string_value(json_object_get(in, "workload"));
    *out = (scaling_run){.workload = workload == NULL ? '\0' : *workload,
                         .ranks = (int)json_integer_value(json_object_get(in, "ranks")),
                         .threads = 1,
                         .exchange = json_number_value(json_object_get(in, "exchange_seconds")),
                         .step = json_number_value(json_object_get(in, "step_seconds"))};
    json_decref(in);
    if (out->workload < 'a' || out->workload >= 'a' + SCALING_WORKLOADS || out->ranks < 2)
        return error_set(error, L2O_ERROR_INPUT, "%s: not a file of bench_scaling --ranks", path);
    return L2O_OK;
}

/* -------------------------------------------------------------------------------------------------- the command line
 */

static l2o_status report(int blocks, const char *path, int count, char **files, l2o_error *error) {
    scaling_measured measured = {0};
    if (count > MOST_RUNS - 2 * SCALING_WORKLOADS)
        return error_set(error, L2O_ERROR_INPUT, "at most %d files of ranks are read",
                         (int)MOST_RUNS - 2 * SCALING_WORKLOADS);
    TRY(measure_machine(blocks, &measured.machine, &measured.row, error));
    TRY(measure_threads(blocks, &measured, error));
    for (int i = 0; i < count; i++) TRY(read_ranks(files[i], &measured.runs[measured.count++], error));
    scaling_print(&measured);
    if (path == NULL) return L2O_OK;
    json_t *out = scaling_to_json(&measured);
    if (out == NULL) return error_set(error, L2O_ERROR_MEMORY, "out of memory while the report was made");
    l2o_status status = json_write_file(path, out, error);
    json_decref(out);
    return status;
}

int main(int count, char **arguments) {
    const char *out = NULL, *ranks = NULL;
    char kind = '\0';
    int blocks = 20, i = 1;
    bool understood = true;
    for (; i + 1 < count && strncmp(arguments[i], "--", 2) == 0; i += 2) {
        const char *name = arguments[i], *text = arguments[i + 1];
        if (strcmp(name, "--out") == 0)
            out = text;
        else if (strcmp(name, "--ranks") == 0)
            ranks = text;
        else if (strcmp(name, "--blocks") == 0)
            blocks = atoi(text);
        else if (strcmp(name, "--workload") == 0 && strlen(text) == 1 && strchr("abc", *text) != NULL)
            kind = *text;
        else
            understood = false;
    }
    understood = understood && blocks >= 1 && blocks <= MOST_BLOCKS && (ranks == NULL) == (kind == '\0');
    if (!understood || (i < count && (ranks != NULL || strncmp(arguments[i], "--", 2) == 0))) {
        fprintf(stderr, "bench_scaling: [--out F.json] [--blocks N] [RANKS.json ...], or under mpirun --ranks F.json "
                        "--workload a|b|c [--blocks N]\n");
        return 2;
    }
    l2o_error error = {0};
    l2o_status status = ranks != NULL ? measure_ranks(blocks, kind, ranks, &error)
                                      : report(blocks, out, count - i, arguments + i, &error);
    if (status != L2O_OK) fprintf(stderr, "bench_scaling: %s\n", error.text);
    return status == L2O_OK ? 0 : 1;
}
