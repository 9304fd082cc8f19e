/* Times one workload of workload.h at the reference size; the programs in peers/ compute and time the same.
 *
 *   bench_reference --prepare FOLDER       draws the inputs: weights.npy; problem.npz (a, d), problems.npz (b, c),
 *                                          vector.npz (e)
 *   bench_reference --workload a|d --weights F --problem F [OPTIONS]
 *   bench_reference --workload b|c --weights F --problems F [OPTIONS]
 *   bench_reference --workload e --weights F --vector F [OPTIONS]
 *
 * Options: [--threads N] [--repeat N] [--warm-up N] [--dtype float32|float64] [--kernel NAME] [--out F.json]
 *          [--numbers F.npz]
 *
 * Started by an MPI launcher, the ranks share the work of a, b, c and d, and rank 0 writes the files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "io/json.h"
#include "tensor/blas.h"
#include "timing.h"
#include "workload.h"

enum { MOST_RUNS = 100000 };

typedef struct options {
    workload_options workload;
    const char *weights, *inputs, *out, *numbers;
    int repeat, warm_up;
} options;

static long peak_memory(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* ------------------------------------------------------------------------------------------------------- the inputs */

static l2o_status write_inputs(const workload *workload, const char *folder, const char *inputs, bool weights,
                               l2o_error *error) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, inputs);
    TRY(workload_write_inputs(workload, path, error));
    if (!weights) return L2O_OK;
    snprintf(path, sizeof path, "%s/weights.npy", folder);
    return workload_write_weights(workload, path, error);
}

static l2o_status prepare(const char *folder, l2o_error *error) {
    static const struct {
        char kind;
        const char *inputs;
        bool weights;
    } files[] = {{'a', "problem.npz", true}, {'b', "problems.npz", false}, {'e', "vector.npz", false}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        workload_options options = workload_reference(files[i].kind);
        workload workload;
        l2o_status status = workload_create(&options, &workload, error);
        if (status == L2O_OK) status = write_inputs(&workload, folder, files[i].inputs, files[i].weights, error);
        workload_free(&workload);
        TRY(status);
    }
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------- the timing */

static json_t *array_of(int count, const double *values) {
    json_t *out = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(out, json_real(values[i]));
    return out;
}

static json_t *describe(const options *options, const timing *timing) {
    int count = timing->count;
    return json_pack("{s:s, s:f, s:f, s:f, s:f, s:i, s:i, s:o}", "unit", "milliseconds", "median",
                     timing_median(count, timing->wall), "minimum", timing_least(count, timing->wall),
                     "processor_median", timing_median(count, timing->processor), "processor_minimum",
                     timing_least(count, timing->processor), "repeat", count, "warm_up", options->warm_up, "samples",
                     array_of(count, timing->wall));
}

static l2o_status write_report(const options *options, const workload *workload, const timing *timing,
                               l2o_error *error) {
    json_t *report =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:o, s:I}", "program", "l2o", "form", "l2o", "version",
                  l2o_version(), "kernel", l2o_context_kernel(workload->context), "blas", blas_description(), "threads",
                  l2o_context_threads(workload->context), "ranks", l2o_context_ranks(workload->context), "dtype",
                  options->workload.dtype, (char[]){options->workload.kind, '\0'}, describe(options, timing),
                  "peak_rss_kib", (json_int_t)peak_memory());
    if (report == NULL) return error_set(error, L2O_ERROR_MEMORY, "out of memory while the report was made");
    l2o_status status = L2O_OK;
    if (options->out != NULL)
        status = json_write_file(options->out, report, error);
    else if (json_dumpf(report, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0)
        putchar('\n');
    json_decref(report);
    return status;
}

static l2o_status run(const options *options, l2o_error *error) {
    workload workload;
    timing timing = {0};
    l2o_status status = workload_create(&options->workload, &workload, error);
    if (status == L2O_OK) status = workload_read(&workload, options->weights, options->inputs, error);
    bool first = status == L2O_OK && l2o_context_rank(workload.context) == 0;
    if (status == L2O_OK) status = workload_numbers(&workload, first ? options->numbers : NULL, error);
    if (status == L2O_OK)
        status = timing_take(&timing, options->warm_up, options->repeat, workload_run, &workload, error);
    if (status == L2O_OK && first) status = write_report(options, &workload, &timing, error);
    timing_free(&timing);
    workload_free(&workload);
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
    char kind = '\0';
    workload_options *workload = &options->workload;
    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = arguments[i], *text = arguments[i + 1];
        if (strcmp(name, "--weights") == 0)
            options->weights = text;
        else if (strcmp(name, "--problem") == 0 || strcmp(name, "--problems") == 0 || strcmp(name, "--vector") == 0)
            options->inputs = text;
        else if (strcmp(name, "--out") == 0)
            options->out = text;
        else if (strcmp(name, "--numbers") == 0)
            options->numbers = text;
        else if (strcmp(name, "--dtype") == 0)
            workload->dtype = text;
        else if (strcmp(name, "--kernel") == 0)
            workload->kernel = text;
        else if (strcmp(name, "--workload") == 0 && strlen(text) == 1 && strchr("abcde", *text) != NULL)
            kind = *text;
        else if (!(strcmp(name, "--threads") == 0 && whole_number(text, 1, &workload->threads)) &&
                 !(strcmp(name, "--repeat") == 0 && whole_number(text, 1, &options->repeat)) &&
                 !(strcmp(name, "--warm-up") == 0 && whole_number(text, 0, &options->warm_up)))
            return false;
    }
    workload->kind = kind;
    return count % 2 == 1 && options->weights != NULL && options->inputs != NULL && kind != '\0';
}

int main(int count, char **arguments) {
    options options = {.workload = workload_reference('a'), .repeat = 20, .warm_up = 3};
    l2o_error error = {0};
    l2o_status status;
    if (count == 3 && strcmp(arguments[1], "--prepare") == 0) {
        status = prepare(arguments[2], &error);
    } else if (parse(count, arguments, &options)) {
        status = run(&options, &error);
    } else {
        fprintf(stderr, "bench_reference: unknown or incomplete arguments; they are listed at the head of its source, "
                        "bench/bench_reference.c\n");
        return 2;
    }
    if (status != L2O_OK) fprintf(stderr, "bench_reference: %s\n", error.text);
    return status == L2O_OK ? 0 : 1;
}
