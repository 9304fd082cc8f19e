/* Time against size; sweep.c lists the sweeps.
 *
 *   bench_sweep [--out F.json] [--svg F.svg] [--seconds X] [--only NAME] [--kernel NAME]
 *
 * `--seconds` is spent on each size, 0.5 if not given; `--only` runs one sweep. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "sweep.h"

enum { MOST_SWEEPS = 16 };

typedef struct options {
    const char *out, *svg, *only, *kernel;
    double seconds;
} options;

static l2o_status write_json(const sweep *sweeps, int count, const limits *limits, const char *path, l2o_error *error) {
    json_t *list = json_array();
    for (int i = 0; i < count && list != NULL; i++) json_array_append_new(list, sweep_to_json(&sweeps[i]));
    json_t *report = json_pack("{s:o, s:o}", "sweeps", list, "limits", limits_to_json(limits));
    if (report == NULL) return error_set(error, L2O_ERROR_MEMORY, "out of memory while the report was made");
    l2o_status status = json_write_file(path, report, error);
    json_decref(report);
    return status;
}

static l2o_status run(const options *options, sweep *sweeps, l2o_error *error) {
    limits limits;
    int count = 0;
    TRY(limits_measure(options->kernel, DTYPE_FLOAT32, 1, &limits, error));
    memcpy(limits.seconds, limits.least, sizeof limits.least); /* sizes are timed by the least of many times, too */
    for (int i = 0; sweep_at(i) != NULL && count < MOST_SWEEPS; i++) {
        if (options->only != NULL && strcmp(sweep_at(i)->name, options->only) != 0) continue;
        sweeps[count] = *sweep_at(i);
        TRY(sweep_run(&sweeps[count], options->kernel, &limits, options->seconds, error));
        count++;
    }
    if (count == 0) return error_set(error, L2O_ERROR_INPUT, "there is no sweep called '%s'", options->only);
    if (options->out != NULL) TRY(write_json(sweeps, count, &limits, options->out, error));
    return options->svg == NULL ? L2O_OK : sweep_figure(sweeps, count, options->svg, error);
}

static bool parse(int count, char **arguments, options *options) {
    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = arguments[i], *text = arguments[i + 1];
        if (strcmp(name, "--out") == 0)
            options->out = text;
        else if (strcmp(name, "--svg") == 0)
            options->svg = text;
        else if (strcmp(name, "--only") == 0)
            options->only = text;
        else if (strcmp(name, "--kernel") == 0)
            options->kernel = text;
        else if (strcmp(name, "--seconds") == 0)
            options->seconds = strtod(text, NULL);
        else
            return false;
    }
    return count % 2 == 1 && options->seconds >= 0;
}

int main(int count, char **arguments) {
    static sweep sweeps[MOST_SWEEPS];
    options options = {.seconds = 0.5};
    if (!parse(count, arguments, &options)) {
        fprintf(stderr, "bench_sweep: [--out F.json] [--svg F.svg] [--seconds X] [--only NAME] [--kernel NAME]\n");
        return 2;
    }
    l2o_error error = {0};
    if (run(&options, sweeps, &error) == L2O_OK) return 0;
    fprintf(stderr, "bench_sweep: %s\n", error.text);
    return 1;
}
