/* Measuring the machine's limits. Each measurement is a block of a millisecond or more, repeated; on several threads
 * all of them work at once on memory of their own, and the slowest one counts. */
#include "limits.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "fma_rate.h"
#include "timing.h"

enum {
    SAMPLES = 25,
    LARGE_SAMPLES = 7,
    ELEMENTS = 2048,  /* input and output stay in the first cache, in float64 too */
    LARGE = 256 << 20 /* bytes of each large array and thread */
};
static const double BLOCK = 2e-3; /* seconds */

static const struct {
    const char *name, *unit;
    double scale; /* of seconds to the unit */
    bool rate;    /* the unit is one of speed: its inverse */
} units[LIMIT_COUNT] = {
    [LIMIT_FMA] = {"fma", "Gflop/s", 1e9, true},     [LIMIT_TANH] = {"tanh", "ns", 1e9, false},
    [LIMIT_SIGMOID] = {"sigmoid", "ns", 1e9, false}, [LIMIT_EXP] = {"exp", "ns", 1e9, false},
    [LIMIT_ELU] = {"elu", "ns", 1e9, false},         [LIMIT_COPY] = {"copy", "GB/s", 1e9, true},
    [LIMIT_UPDATE] = {"update", "GB/s", 1e9, true},  [LIMIT_REGION] = {"region", "us", 1e6, false},
};

/* Something to repeat `rounds` times, and what each thread repeats it on. */
typedef struct block {
    void (*run)(const struct block *block, int thread, int64_t rounds);
    const kernels *table;
    const fma_rate *rate;
    unary_kind kind;
    int threads;
    void **arrays;        /* [2 threads] */
    volatile double *sum; /* [threads] */
} block;

static void run_fma(const block *block, int thread, int64_t rounds) {
    block->sum[thread] += block->rate->run[block->table->type](rounds);
}

static void run_unary(const block *block, int thread, int64_t rounds) {
    for (int64_t round = 0; round < rounds; round++)
        block->table->unary(block->kind, 0, ELEMENTS, block->arrays[2 * thread], block->arrays[2 * thread + 1]);
}

static void run_copy(const block *block, int thread, int64_t rounds) {
    for (int64_t round = 0; round < rounds; round++)
        memcpy(block->arrays[2 * thread + (round + 1) % 2], block->arrays[2 * thread + round % 2], LARGE);
}

static void run_update(const block *block, int thread, int64_t rounds) {
    int64_t count = LARGE / (int64_t)dtype_size(block->table->type);
    for (int64_t round = 0; round < rounds; round++)
        block->table->unary(UNARY_SCALE, round % 2 ? 0.5 : 2, count, block->arrays[2 * thread],
                            block->arrays[2 * thread]);
}

static void run_region(const block *block, int thread, int64_t rounds) {
    (void)block, (void)thread;
    for (int64_t round = 0; round < rounds; round++) {
#ifdef L2O_HAVE_OPENMP
#pragma omp parallel num_threads(block->threads)
#endif
        __asm__ volatile(""); /* nothing, but not to be left out */
    }
}

/* Seconds of `rounds` rounds on all threads. */
static double run_once(const block *block, int64_t rounds) {
    double begin = timing_seconds(CLOCK_MONOTONIC);
    if (block->threads == 1 || block->run == run_region) {
        block->run(block, 0, rounds);
    } else {
#ifdef L2O_HAVE_OPENMP
#pragma omp parallel for schedule(static, 1) num_threads(block->threads)
#endif
        for (int thread = 0; thread < block->threads; thread++) block->run(block, thread, rounds);
    }
    return timing_seconds(CLOCK_MONOTONIC) - begin;
}

/* Seconds per unit, a round being `units_a_round` of them on each thread: the better of what is known and this. */
static void measure(const block *block, double units_a_round, int samples, double *median, double *least) {
    int64_t rounds = 1;
    while (rounds < 1 << 30 && run_once(block, rounds) < BLOCK) rounds *= 2;
    double taken[SAMPLES];
    for (int i = 0; i < samples; i++)
        taken[i] = run_once(block, rounds) / ((double)rounds * units_a_round * block->threads);
    *median = fmin(*median, timing_median(samples, taken));
    *least = fmin(*least, timing_least(samples, taken));
}

static void measure_all(block *block, limits *out) {
    for (int i = 0; i < LIMIT_COUNT; i++) out->seconds[i] = out->least[i] = NAN;
    dtype type = block->table->type;
    block->run = run_fma;
    for (int i = 0; (block->rate = fma_rate_at(block->table->name, i)) != NULL; i++)
        measure(block, 2.0 * (double)block->rate->multiply_adds[type], SAMPLES, &out->seconds[LIMIT_FMA],
                &out->least[LIMIT_FMA]);
    static const struct {
        limit limit;
        unary_kind kind;
    } functions[] = {
        {LIMIT_TANH, UNARY_TANH}, {LIMIT_SIGMOID, UNARY_SIGMOID}, {LIMIT_EXP, UNARY_EXP}, {LIMIT_ELU, UNARY_ELU}};
    block->run = run_unary;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        block->kind = functions[i].kind;
        measure(block, ELEMENTS, SAMPLES, &out->seconds[functions[i].limit], &out->least[functions[i].limit]);
    }
    block->run = run_copy;
    measure(block, 2.0 * LARGE, LARGE_SAMPLES, &out->seconds[LIMIT_COPY], &out->least[LIMIT_COPY]);
    block->run = run_update;
    measure(block, 2.0 * LARGE, LARGE_SAMPLES, &out->seconds[LIMIT_UPDATE], &out->least[LIMIT_UPDATE]);
    block->run = run_region;
    measure(block, 1.0 / block->threads, SAMPLES, &out->seconds[LIMIT_REGION], &out->least[LIMIT_REGION]);
}

l2o_status limits_measure(const char *path, dtype type, int threads, limits *out, l2o_error *error) {
    block block = {.threads = threads};
    TRY(kernels_select(path, type, &block.table, error));
    double *sum = memory_allocate((size_t)threads, sizeof *sum, error);
    block.sum = sum;
    block.arrays = memory_allocate((size_t)threads, 2 * sizeof *block.arrays, error);
    bool ready = sum != NULL && block.arrays != NULL;
    for (int i = 0; ready && i < 2 * threads; i++) {
        block.arrays[i] = memory_allocate(LARGE, 1, error);
        ready = block.arrays[i] != NULL;
        /* From -2 to 2, and not a page that is shared because nobody has written to it. */
        for (int64_t e = 0; ready && e < LARGE / 8; e++) {
            double value = (double)((e * 7919) % 1999) / 500.0 - 2.0;
            block.table->from_double(1, &value, (char *)block.arrays[i] + (size_t)e * dtype_size(type));
        }
    }
    if (ready) measure_all(&block, out);
    for (int i = 0; block.arrays != NULL && i < 2 * threads; i++) memory_free(block.arrays[i]);
    memory_free(block.arrays);
    memory_free(sum);
    return ready ? L2O_OK : error->status;
}

static double in_units(limit limit, double seconds) {
    return units[limit].rate ? 1 / (seconds * units[limit].scale) : seconds * units[limit].scale;
}

json_t *limits_to_json(const limits *limits) {
    json_t *out = json_object();
    for (int i = 0; i < LIMIT_COUNT && out != NULL; i++) {
        json_t *entry = json_pack("{s:f, s:f, s:s}", "median", in_units((limit)i, limits->seconds[i]), "best",
                                  in_units((limit)i, limits->least[i]), "unit", units[i].unit);
        if (json_object_set_new(out, units[i].name, entry) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

bool limits_from_json(const json_t *from, limits *out) {
    for (int i = 0; i < LIMIT_COUNT; i++) {
        const json_t *entry = json_object_get(from, units[i].name);
        double median = json_number_value(json_object_get(entry, "median"));
        double best = json_number_value(json_object_get(entry, "best"));
        if (!(median > 0 && best > 0)) return false;
        /* The conversion between a rate and a time is its own inverse, but for the scale. */
        out->seconds[i] = units[i].rate ? 1 / (median * units[i].scale) : median / units[i].scale;
        out->least[i] = units[i].rate ? 1 / (best * units[i].scale) : best / units[i].scale;
    }
    return true;
}
