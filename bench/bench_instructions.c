/* A small fixed amount of one workload, made to have its instructions counted (tests/instructions.sh): counts do not
 * depend on how busy a machine is, so that a change which costs 3 % shows anywhere.
 *
 *   bench_instructions --describe           how this program was built: counts of other builds cannot be compared
 *   bench_instructions WORKLOAD KERNEL      a | b | c | d | e, on one kernel path, one thread
 *
 * Only what happens inside instructions_counted() is meant; everything is drawn, allocated and run once before. */
#include <stdio.h>
#include <string.h>

#include "workload.h"

l2o_status instructions_counted(workload *workload, l2o_error *error);

/* What the counter looks for by its name. */
__attribute__((noinline)) l2o_status instructions_counted(workload *workload, l2o_error *error) {
    return workload_run(workload, error);
}

/* Small, as counting slows a program some fifty times; yet several groups of instances, the last of them not full. */
static workload_options small(char kind, const char *kernel) {
    workload_options options = workload_reference(kind);
    options.kernel = kernel;
    options.batch = kind == 'a' || kind == 'd' ? 20 : 12;
    options.unroll = kind == 'a' ? 6 : 4;
    options.tasks = 2;
    options.steps = 30;
    options.length = 5000;
    return options;
}

static l2o_status count(char kind, const char *kernel, l2o_error *error) {
    workload_options options = small(kind, kernel);
    workload workload;
    l2o_status status = workload_create(&options, &workload, error);
    if (status == L2O_OK) status = workload_run(&workload, error);
    if (status == L2O_OK) status = instructions_counted(&workload, error);
    workload_free(&workload);
    return status;
}

int main(int argument_count, char **arguments) {
    if (argument_count == 2 && strcmp(arguments[1], "--describe") == 0) {
        puts(L2O_BENCH_BUILD);
        return 0;
    }
    if (argument_count != 3 || strlen(arguments[1]) != 1 || strchr("abcde", *arguments[1]) == NULL) {
        fprintf(stderr, "bench_instructions: --describe, or a workload (a to e) and a kernel path\n");
        return 2;
    }
    l2o_error error = {0};
    if (count(*arguments[1], arguments[2], &error) == L2O_OK) return 0;
    fprintf(stderr, "bench_instructions: %s\n", error.text);
    return 1;
}
