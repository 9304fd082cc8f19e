/* Puts the files of bench/run.sh together.
 *
 *   bench_report --compare OURS.npz PEER.npz          exits with 1 where the numbers disagree
 *   bench_report --table OUT.json RUN.json ...        prints the table, and writes all runs into one file
 *
 * Numbers agree when their largest difference is below 1e-4 of the largest number: float32 leaves about 1e-6 after the
 * sums of an unroll, and a wrong formula shows at 1e-2. Of the evaluation only the first 201 objectives are compared:
 * later on the iterates dance around kinks, where a difference in the last bit decides a sign and trajectories part.
 *
 * A run is one process. Several runs of the same program, form, workload and number of threads are one row, with the
 * median of all their samples: the runs take turns, so that a busy stretch of the machine meets all of them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "io/npz.h"

enum { MOST_ROWS = 32, MOST_SAMPLES = 10000, COMPARED_OBJECTIVES = 201 };
static const double TOLERANCE = 1e-4;

typedef struct row {
    const char *form;
    char workload;
    int threads, count;
    double samples[MOST_SAMPLES];
    double median;
    double processor;  /* the least median of processor time among its runs */
    json_int_t memory; /* KiB */
} row;

static int compare(const char *ours_path, const char *peer_path) {
    l2o_error error = {0};
    npz ours = {0}, peer = {0};
    int bad = 0, compared = 0;
    if (npz_read(ours_path, &ours, &error) != L2O_OK || npz_read(peer_path, &peer, &error) != L2O_OK) {
        fprintf(stderr, "bench_report: %s\n", error.text);
        npz_free(&ours);
        return 1;
    }
    for (size_t k = 0; k < ours.count; k++) {
        const array *mine = &ours.arrays[k], *theirs = npz_find(&peer, mine->name);
        if (theirs == NULL) continue;
        compared++;
        int64_t count = mine->count;
        if (strcmp(mine->name, "f_traj") == 0 && count > COMPARED_OBJECTIVES) count = COMPARED_OBJECTIVES;
        double apart = mine->count == theirs->count ? 0 : INFINITY, largest = 0;
        for (int64_t i = 0; i < count && isfinite(apart); i++) {
            double difference = fabs(mine->values[i] - theirs->values[i]);
            if (!(difference <= apart)) apart = difference; /* keeps a NaN */
            largest = fmax(largest, fabs(theirs->values[i]));
        }
        bool agrees = apart <= TOLERANCE * largest;
        bad += !agrees;
        printf("%-14s relative difference %.1e  %s\n", mine->name, apart / largest, agrees ? "agrees" : "DISAGREES");
    }
    npz_free(&ours);
    npz_free(&peer);
    if (compared == 0) fprintf(stderr, "bench_report: %s and %s share no numbers\n", ours_path, peer_path);
    return bad > 0 || compared == 0;
}

static int ascending(const void *a, const void *b) {
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static row *row_of(row *rows, int *count, const char *form, char workload, int threads) {
    for (int i = 0; i < *count; i++)
        if (strcmp(rows[i].form, form) == 0 && rows[i].workload == workload && rows[i].threads == threads)
            return &rows[i];
    if (*count == MOST_ROWS) return NULL;
    row *added = &rows[(*count)++];
    *added = (row){.form = form, .workload = workload, .threads = threads};
    return added;
}

/* Adds a run's samples to its rows. */
static void collect(const json_t *run, row *rows, int *count) {
    const char *form = json_string_value(json_object_get(run, "form"));
    int threads = (int)json_integer_value(json_object_get(run, "threads"));
    json_int_t memory = json_integer_value(json_object_get(run, "peak_rss_kib"));
    for (const char *workload = "ad"; form != NULL && *workload != '\0'; workload++) {
        const json_t *timing = json_object_get(run, (char[]){*workload, '\0'});
        const json_t *samples = json_object_get(timing, "samples");
        row *at = samples == NULL ? NULL : row_of(rows, count, form, *workload, threads);
        if (at == NULL) continue;
        for (size_t i = 0; i < json_array_size(samples) && at->count < MOST_SAMPLES; i++)
            at->samples[at->count++] = json_number_value(json_array_get(samples, i));
        if (memory > at->memory) at->memory = memory;
        double processor = json_number_value(json_object_get(timing, "processor_median"));
        if (at->processor == 0 || processor < at->processor) at->processor = processor;
    }
}

static const row *find(const row *rows, int count, const char *form, char workload) {
    for (int i = 0; i < count; i++)
        if (strcmp(rows[i].form, form) == 0 && rows[i].workload == workload && rows[i].threads == 1) return &rows[i];
    return NULL;
}

static void print_peer(const row *peer, const row *ours, bool processor) {
    if (peer == NULL) {
        printf(" %12s %7s %9s", "-", "-", "-");
        return;
    }
    double theirs = processor ? peer->processor : peer->median, own = processor ? ours->processor : ours->median;
    printf(" %9.2f ms %6.2fx %5.0f MiB", theirs, theirs / own, (double)peer->memory / 1024);
}

static void print_row(const row *rows, int count, const row *ours, bool processor) {
    printf("%-22s %s, %d thr. %9.2f ms %4.0f MiB", ours->workload == 'a' ? "a  meta-training step" : "d  1000 steps",
           processor ? "processor" : "wall     ", ours->threads, processor ? ours->processor : ours->median,
           (double)ours->memory / 1024);
    print_peer(find(rows, count, "folded", ours->workload), ours, processor);
    print_peer(find(rows, count, "plain", ours->workload), ours, processor);
    putchar('\n');
}

static json_t *print_table(row *rows, int count) {
    json_t *table = json_array();
    for (int i = 0; i < count; i++) {
        row *at = &rows[i];
        qsort(at->samples, (size_t)at->count, sizeof *at->samples, ascending);
        int half = at->count / 2;
        if (at->count > 0)
            at->median = at->count % 2 ? at->samples[half] : 0.5 * (at->samples[half - 1] + at->samples[half]);
        json_array_append_new(table,
                              json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:I}", "form", at->form, "workload",
                                        (char[]){at->workload, '\0'}, "threads", at->threads, "samples", at->count,
                                        "median_ms", at->median, "minimum_ms", at->count > 0 ? at->samples[0] : 0.0,
                                        "processor_ms", at->processor, "peak_rss_kib", at->memory));
    }
    printf("%-40s %12s %8s %31s %31s\n", "", "l2o", "memory", "PyTorch folded: time ratio mem.",
           "nn.LSTMCell: time ratio mem.");
    for (const char *workload = "ad"; *workload != '\0'; workload++)
        for (int i = 0; i < count; i++) {
            const row *ours = &rows[i];
            if (ours->workload != *workload || strcmp(ours->form, "l2o") != 0) continue;
            print_row(rows, count, ours, false);
            if (ours->threads == 1) print_row(rows, count, ours, true);
        }
    printf("wall: medians of all samples. processor: the least median of processor time among the runs of a program,\n"
           "which a busy machine disturbs less. The peers run on one thread. A ratio above 1: l2o is faster.\n");
    return table;
}

static int tabulate(const char *out_path, int count, char **paths) {
    static row rows[MOST_ROWS];
    int row_count = 0;
    l2o_error error = {0};
    json_t *runs = json_array(), *report = json_object();
    l2o_status status = runs == NULL || report == NULL ? L2O_ERROR_MEMORY : L2O_OK;
    for (int i = 0; i < count && status == L2O_OK; i++) {
        json_t *run;
        status = json_read_file(paths[i], &run, &error);
        if (status != L2O_OK) break;
        collect(run, rows, &row_count);
        json_array_append_new(runs, run);
    }
    if (status == L2O_OK) {
        json_object_set_new(report, "table", print_table(rows, row_count));
        json_object_set(report, "runs", runs);
        status = json_write_file(out_path, report, &error);
    }
    if (status != L2O_OK) fprintf(stderr, "bench_report: %s\n", error.text);
    json_decref(runs);
    json_decref(report);
    return status == L2O_OK ? 0 : 1;
}

int main(int count, char **arguments) {
    if (count == 4 && strcmp(arguments[1], "--compare") == 0) return compare(arguments[2], arguments[3]);
    if (count >= 4 && strcmp(arguments[1], "--table") == 0) return tabulate(arguments[2], count - 3, arguments + 3);
    fprintf(stderr, "bench_report: --compare OURS.npz PEER.npz, or --table OUT.json RUN.json ...\n");
    return 2;
}
