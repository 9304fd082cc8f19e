/* The sweeps, and their timing. The least of many times stands for a size: what disturbs a run can only lengthen it. */
#include "sweep.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "timing.h"

enum { LEAST_RUNS = 3, MOST_RUNS = 300 };

static void set_batch(workload_options *options, int64_t size) { options->batch = size; }
static void set_hidden(workload_options *options, int64_t size) { options->hidden = size; }
static void set_unroll(workload_options *options, int64_t size) { options->unroll = size; }
static void set_tasks(workload_options *options, int64_t size) { options->tasks = (int)size; }
static void set_length(workload_options *options, int64_t size) { options->length = size; }
static void set_threads(workload_options *options, int64_t size) { options->threads = (int)size; }
static void set_dimension(workload_options *options, int64_t size) {
    options->batch = 16;
    options->dimension = size;
}

static const sweep sweeps[] = {
    {.name = "batch",
     .what = "plain step, LASSO, n = 10",
     .axis = "B",
     .unit = "coordinate and step",
     .kind = 'a',
     .family = "lasso",
     .set = set_batch,
     .sizes = {16, 50, 160, 500, 1600, 5000, 16000}},
    {.name = "dimension",
     .what = "plain step, Rastrigin, B = 16",
     .axis = "n",
     .unit = "coordinate and step",
     .kind = 'a',
     .family = "rastrigin",
     .set = set_dimension,
     .sizes = {10, 32, 100, 320, 1000, 3200, 10000}},
    {.name = "unroll",
     .what = "plain step",
     .axis = "T",
     .unit = "coordinate and step",
     .kind = 'a',
     .family = "lasso",
     .set = set_unroll,
     .sizes = {5, 10, 20, 50, 100, 200, 500}},
    {.name = "hidden",
     .what = "plain step",
     .axis = "hidden units",
     .unit = "1000 multiply-adds",
     .kind = 'a',
     .family = "lasso",
     .set = set_hidden,
     .by_multiply_adds = true,
     .sizes = {5, 10, 16, 20, 32, 40, 80}},
    {.name = "tasks",
     .what = "first-order MAML",
     .axis = "tasks",
     .unit = "coordinate, step and task",
     .kind = 'b',
     .family = "lasso",
     .set = set_tasks,
     .sizes = {1, 2, 3, 4, 6, 8}},
    {.name = "vector",
     .what = "one step on a long vector",
     .axis = "N",
     .unit = "coordinate",
     .kind = 'e',
     .family = "lasso",
     .set = set_length,
     .sizes = {1000, 10000, 100000, 1000000, 10000000}},
    {.name = "threads-step",
     .what = "plain step",
     .axis = "threads",
     .unit = "coordinate and step",
     .kind = 'a',
     .family = "lasso",
     .set = set_threads,
     .wall = true,
     .sizes = {1, 2, 4, 8, 16, 32, 64}},
    {.name = "threads-maml",
     .what = "exact MAML",
     .axis = "threads",
     .unit = "coordinate and step",
     .kind = 'c',
     .family = "lasso",
     .set = set_threads,
     .wall = true,
     .sizes = {1, 2, 4, 8, 16, 32, 64}},
    {.name = "threads-evaluation",
     .what = "1000 steps",
     .axis = "threads",
     .unit = "coordinate and step",
     .kind = 'd',
     .family = "lasso",
     .set = set_threads,
     .wall = true,
     .sizes = {1, 2, 4, 8, 16, 32, 64}},
};

const sweep *sweep_at(int index) {
    return index >= 0 && index < (int)(sizeof sweeps / sizeof *sweeps) ? &sweeps[index] : NULL;
}

static double seconds_now(const sweep *sweep) {
    return timing_seconds(sweep->wall ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID);
}

static l2o_status time_point(const sweep *sweep, workload *workload, double seconds, sweep_point *point,
                             l2o_error *error) {
    TRY(workload_run(workload, error)); /* buffers are made */
    double begin = seconds_now(sweep), end = begin;
    for (point->runs = 0; point->runs < LEAST_RUNS || (end - begin < seconds && point->runs < MOST_RUNS);
         point->runs++) {
        double before = seconds_now(sweep);
        TRY(workload_run(workload, error));
        end = seconds_now(sweep);
        point->time = fmin(point->time, 1e3 * (end - before));
    }
    return L2O_OK;
}

/* Bytes count as moved where they do not stay in the last cache from one run to the next. */
static double least_seconds(const cost *cost, const limits *limits) {
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    double seconds = cost_arithmetic(cost, limits);
    return cost->bytes / 2 > (double)cache ? seconds + cost_memory(cost, limits) : seconds;
}

static l2o_status run_point(sweep *sweep, int64_t size, const char *kernel, const limits *limits, double seconds,
                            l2o_error *error) {
    workload_options options = workload_reference(sweep->kind);
    options.family = sweep->family;
    options.kernel = kernel;
    sweep->set(&options, size);
    workload workload;
    sweep_point *point = &sweep->points[sweep->count];
    *point = (sweep_point){.size = (double)size, .time = INFINITY, .limit = NAN};
    l2o_status status = workload_create(&options, &workload, error);
    if (status == L2O_OK) status = time_point(sweep, &workload, seconds, point, error);
    if (status == L2O_OK) {
        cost_size shape = workload_size(&options);
        cost cost = cost_of(sweep->kind, &shape);
        point->work = sweep->by_multiply_adds ? 1e-3 * cost.multiply_adds
                                              : (double)(shape.coordinates * shape.steps * shape.tasks);
        if (options.threads == 1) point->limit = 1e3 * least_seconds(&cost, limits);
        sweep->count++;
    }
    workload_free(&workload);
    return status;
}

l2o_status sweep_run(sweep *sweep, const char *kernel, const limits *limits, double seconds, l2o_error *error) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    printf("%s: %s against %s\n", sweep->name, sweep->what, sweep->axis);
    for (int i = 0; i < SWEEP_POINTS && sweep->sizes[i] != 0; i++) {
        if (sweep->wall && sweep->sizes[i] > cores) break;
        TRY(run_point(sweep, sweep->sizes[i], kernel, limits, seconds, error));
        const sweep_point *point = &sweep->points[sweep->count - 1];
        printf("  %8.0f %10.3f ms %9.2f ns for each %s", point->size, point->time, 1e6 * point->time / point->work,
               sweep->unit);
        if (isfinite(point->limit)) printf(", %.2fx the limit", point->time / point->limit);
        putchar('\n');
        fflush(stdout);
    }
    if (sweep->wall)
        printf("  %.2fx as fast as one thread\n", sweep->points[0].time / sweep->points[sweep->count - 1].time);
    else
        printf("  greatest over least: %.2f\n", sweep_spread(sweep));
    return L2O_OK;
}

double sweep_spread(const sweep *sweep) {
    double least = INFINITY, greatest = 0;
    for (int i = 0; i < sweep->count; i++) {
        double each = sweep->points[i].time / sweep->points[i].work;
        least = fmin(least, each);
        greatest = fmax(greatest, each);
    }
    return greatest / least;
}

json_t *sweep_to_json(const sweep *sweep) {
    json_t *points = json_array();
    for (int i = 0; i < sweep->count && points != NULL; i++) {
        const sweep_point *point = &sweep->points[i];
        json_t *limit = isfinite(point->limit) ? json_real(point->limit) : json_null();
        json_array_append_new(points,
                              json_pack("{s:f, s:f, s:f, s:o, s:i}", "size", point->size, "ms", point->time, "ns_each",
                                        1e6 * point->time / point->work, "limit_ms", limit, "runs", point->runs));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:f}", "name", sweep->name, "what", sweep->what, "axis",
                     sweep->axis, "each", sweep->unit, "wall_clock", sweep->wall, "points", points,
                     "greatest_over_least", sweep_spread(sweep));
}
