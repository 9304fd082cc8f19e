/* Times the kernels of every table this machine can run, on one thread: the fastest of many short runs.
 *
 *   bench_kernels [path]        only the tables of that path
 *
 * Unset OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE for it: where set, they slow the products that go to BLAS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tensor/blas.h"
#include "tensor/kernels.h"

enum { REPEATS = 40, ELEMENTS = 1 << 18 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* One thing to time; it reads and writes the buffers below. */
typedef struct job {
    const kernels *table;
    bool transpose_a, transpose_b;
    int64_t m, n, k;
    unary_kind kind;
    bool save;
} job;

static void *buffers[8];

static void run_gemm(const job *j) {
    j->table->gemm(j->transpose_a, j->transpose_b, j->m, j->n, j->k, 1, buffers[0], j->transpose_a ? j->m : j->k,
                   buffers[1], j->transpose_b ? j->k : j->n, 0, buffers[2], j->n);
}

static void run_unary(const job *j) { j->table->unary(j->kind, 0.9, j->m, buffers[0], buffers[2]); }

static void run_sum_rows(const job *j) { j->table->sum_rows(j->m, j->n, buffers[0], buffers[2]); }

static void run_add_row(const job *j) {
    j->table->binary(BINARY_ADD, j->m, j->n, (operand){buffers[0], j->n, 1}, (operand){buffers[1], 0, 1}, buffers[2]);
}

static void run_lstm_forward(const job *j) {
    const lstm_forward_arguments arguments = {j->m,
                                              j->k,
                                              j->n,
                                              buffers[0],
                                              buffers[0],
                                              buffers[0],
                                              buffers[1],
                                              buffers[1],
                                              buffers[1],
                                              buffers[2],
                                              buffers[3],
                                              j->save ? buffers[4] : NULL,
                                              j->save ? buffers[5] : NULL};
    j->table->lstm_forward(&arguments);
}

static void run_lstm_backward(const job *j) {
    const lstm_backward_arguments arguments = {j->m,       j->n,       buffers[4], buffers[5], buffers[0],
                                               buffers[2], buffers[3], buffers[6], buffers[7]};
    j->table->lstm_backward(&arguments);
}

/* Seconds of one call: the fastest of REPEATS runs of about half a millisecond. */
static double fastest(void (*run)(const job *), const job *j) {
    run(j);
    const double start = seconds();
    run(j);
    const int calls = 1 + (int)(5e-4 / (seconds() - start + 1e-9));
    double best = 1e30;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        const double begin = seconds();
        for (int call = 0; call < calls; call++) run(j);
        const double time = (seconds() - begin) / calls;
        if (time < best) best = time;
    }
    return best;
}

static void bench_gemm(const kernels *table) {
    static const struct {
        int64_t m, n, k;
        bool transpose_a, transpose_b;
    } shapes[] = {{160, 80, 2, false, false},   {160, 80, 20, false, false},   {160, 80, 40, false, false},
                  {4000, 80, 20, false, false}, {160, 1, 20, false, false},    {160, 20, 80, false, true},
                  {4000, 20, 80, false, true},  {20, 80, 160, true, false},    {20, 80, 4000, true, false},
                  {20, 1, 160, true, false},    {120, 120, 120, false, false}, {400, 400, 400, false, false}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const job j = {.table = table,
                       .m = shapes[i].m,
                       .n = shapes[i].n,
                       .k = shapes[i].k,
                       .transpose_a = shapes[i].transpose_a,
                       .transpose_b = shapes[i].transpose_b};
        const double time = fastest(run_gemm, &j);
        printf("  gemm %4d x %3d x %4d %s%s %9.2f us %7.1f GF/s\n", (int)j.m, (int)j.n, (int)j.k,
               j.transpose_a ? "A^T" : "A  ", j.transpose_b ? "B^T" : "B  ", time * 1e6,
               2e-9 * (double)(j.m * j.n * j.k) / time);
    }
}

static void bench_elementwise(const kernels *table) {
    static const struct {
        const char *name;
        unary_kind kind;
    } functions[] = {{"scale", UNARY_SCALE},     {"exp", UNARY_EXP},   {"log", UNARY_LOG}, {"tanh", UNARY_TANH},
                     {"sigmoid", UNARY_SIGMOID}, {"sqrt", UNARY_SQRT}, {"elu", UNARY_ELU}};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const job j = {.table = table, .m = 3200, .kind = functions[i].kind};
        printf("  %-8s %6.3f ns an element\n", functions[i].name, fastest(run_unary, &j) * 1e9 / (double)j.m);
    }
    const job shape = {.table = table, .m = 160, .n = 80};
    printf("  sum over rows [160, 80]  %6.2f us\n", fastest(run_sum_rows, &shape) * 1e6);
    printf("  add a row to [160, 80]   %6.2f us\n", fastest(run_add_row, &shape) * 1e6);
}

static void bench_lstm(const kernels *table) {
    job j = {.table = table, .m = 160, .n = 20, .k = 20, .save = false};
    printf("  LSTM [160, 20 -> 20]: forward %.2f us", fastest(run_lstm_forward, &j) * 1e6);
    j.save = true;
    printf(", saving %.2f us", fastest(run_lstm_forward, &j) * 1e6);
    printf(", pointwise backward %.2f us\n", fastest(run_lstm_backward, &j) * 1e6);
}

int main(int count, char **arguments) {
    const char *names[] = {"portable", "avx2", "avx512"};
    printf("BLAS: %s\n", blas_description());
    for (int i = 0; i < 8; i++)
        if (!(buffers[i] = calloc(2 * ELEMENTS, sizeof(double)))) return 1;
    for (int name = 0; name < 3; name++)
        for (int type = 0; type < 2; type++) {
            const kernels *table;
            l2o_error error;
            if (count > 1 && strcmp(arguments[1], names[name]) != 0) continue;
            if (kernels_select(names[name], (dtype)type, &table, &error) != L2O_OK) continue;
            for (int i = 0; i < 8; i++)
                for (int64_t e = 0; e < 2 * ELEMENTS; e++) {
                    const double value = (double)((e * 7919 + i * 31) % 1999) / 1000.0 - 1.0;
                    table->from_double(1, &value, (char *)buffers[i] + (size_t)e * dtype_size(table->type));
                }
            printf("%s, %s\n", names[name], type == DTYPE_FLOAT32 ? "float32" : "float64");
            bench_gemm(table);
            bench_elementwise(table);
            bench_lstm(table);
        }
    for (int i = 0; i < 8; i++) free(buffers[i]);
    return 0;
}
