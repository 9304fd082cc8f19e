/* Measures what this machine can do at best of what the workloads are made of, and writes it as JSON.
 *
 *   bench_limits [--threads N] [--kernel NAME] [--out F.json] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "limits.h"

static l2o_status report(const char *path, int threads, const char *out, l2o_error *error) {
    const kernels *table;
    limits single, twice;
    TRY(kernels_select(path, DTYPE_FLOAT32, &table, error));
    TRY(limits_measure(path, DTYPE_FLOAT32, threads, &single, error));
    TRY(limits_measure(path, DTYPE_FLOAT64, threads, &twice, error));
    json_t *report =
        json_pack("{s:s, s:s, s:s, s:i, s:o, s:o}", "program", "l2o", "form", "limits", "kernel", table->name,
                  "threads", threads, "float32", limits_to_json(&single), "float64", limits_to_json(&twice));
    if (report == NULL) return error_set(error, L2O_ERROR_MEMORY, "out of memory while the report was made");
    l2o_status status = L2O_OK;
    if (out != NULL)
        status = json_write_file(out, report, error);
    else if (json_dumpf(report, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(5)) == 0)
        putchar('\n');
    json_decref(report);
    return status;
}

int main(int count, char **arguments) {
    const char *path = NULL, *out = NULL;
    int threads = 1;
    bool understood = count % 2 == 1;
    for (int i = 1; i + 1 < count; i += 2) {
        if (strcmp(arguments[i], "--kernel") == 0)
            path = arguments[i + 1];
        else if (strcmp(arguments[i], "--out") == 0)
            out = arguments[i + 1];
        else if (strcmp(arguments[i], "--threads") == 0)
            threads = atoi(arguments[i + 1]);
        else
            understood = false;
    }
    if (!understood || threads < 1 || threads > 1024) {
        fprintf(stderr, "bench_limits: [--threads N] [--kernel NAME] [--out F.json]\n");
        return 2;
    }
    l2o_error error = {0};
    if (report(path, threads, out, &error) == L2O_OK) return 0;
    fprintf(stderr, "bench_limits: %s\n", error.text);
    return 1;
}
