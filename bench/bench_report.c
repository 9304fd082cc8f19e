/* Puts the files of bench/run.sh together.
 *
 *   bench_report --compare OURS.npz PEER.npz          exits with 1 where the numbers disagree
 *   bench_report --table OUT.json RUN.json ...        prints the table, and writes all runs into one file
 *   bench_report --ranks OUT.json RUN.json ...        the same for runs of one program on several numbers of ranks */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "io/json.h"
#include "report.h"

static l2o_status tabulate(report_rows *rows, const char *out, int count, char **paths, json_t *runs,
                           l2o_error *error) {
    for (int i = 0; i < count; i++) {
        json_t *run;
        TRY(json_read_file(paths[i], &run, error));
        json_array_append_new(runs, run);
        report_collect(rows, run);
    }
    report_summarize(rows);
    report_print(rows);
    json_t *report = report_to_json(rows);
    if (report == NULL || json_object_set(report, "runs", runs) != 0) {
        json_decref(report);
        return error_set(error, L2O_ERROR_MEMORY, "out of memory while the report was made");
    }
    l2o_status status = json_write_file(out, report, error);
    json_decref(report);
    return status;
}

/* The runs as they come, each against the first one of its workload. */
static l2o_status list_ranks(const char *out, int count, char **paths, json_t *runs, l2o_error *error) {
    double alone = NAN;
    const char *workload = "";
    for (int i = 0; i < count; i++) {
        json_t *run;
        TRY(json_read_file(paths[i], &run, error));
        json_array_append_new(runs, run);
        for (const char *kind = "abcd"; *kind != '\0'; kind++) {
            const json_t *timing = json_object_get(run, (char[]){*kind, '\0'});
            if (timing == NULL) continue;
            double median = json_number_value(json_object_get(timing, "median"));
            if (*workload != *kind) alone = median;
            workload = kind;
            printf("workload %c, %2d ranks: %9.2f ms, %.2fx as fast as on one\n", *kind,
                   (int)json_integer_value(json_object_get(run, "ranks")), median, alone / median);
        }
    }
    return json_write_file(out, runs, error);
}

static int ranks(const char *out, int count, char **paths) {
    l2o_error error = {0};
    json_t *runs = json_array();
    l2o_status status = list_ranks(out, count, paths, runs, &error);
    if (status != L2O_OK) fprintf(stderr, "bench_report: %s\n", error.text);
    json_decref(runs);
    return status == L2O_OK ? 0 : 1;
}

static int table(const char *out, int count, char **paths) {
    l2o_error error = {0};
    report_rows *rows = memory_allocate(1, sizeof *rows, &error);
    json_t *runs = json_array();
    l2o_status status = rows == NULL ? error.status : tabulate(rows, out, count, paths, runs, &error);
    if (status != L2O_OK) fprintf(stderr, "bench_report: %s\n", error.text);
    json_decref(runs);
    memory_free(rows);
    return status == L2O_OK ? 0 : 1;
}

int main(int count, char **arguments) {
    if (count == 4 && strcmp(arguments[1], "--compare") == 0) return report_compare(arguments[2], arguments[3]) ? 0 : 1;
    if (count >= 4 && strcmp(arguments[1], "--table") == 0) return table(arguments[2], count - 3, arguments + 3);
    if (count >= 4 && strcmp(arguments[1], "--ranks") == 0) return ranks(arguments[2], count - 3, arguments + 3);
    fprintf(stderr, "bench_report: --compare OURS.npz PEER.npz, or --table or --ranks OUT.json RUN.json ...\n");
    return 2;
}
