/* Runs gathered into rows, and each workload's limit. */
#include <math.h>
#include <string.h>

#include "report.h"
#include "timing.h"
#include "workload.h"

static report_row *row_of(report_rows *rows, const char *form, char workload, int threads) {
    for (int i = 0; i < rows->count; i++) {
        report_row *row = &rows->rows[i];
        if (strcmp(row->form, form) == 0 && row->workload == workload && row->threads == threads) return row;
    }
    if (rows->count == REPORT_ROWS) return NULL;
    report_row *added = &rows->rows[rows->count++];
    *added = (report_row){.form = form, .workload = workload, .threads = threads, .processor = NAN};
    return added;
}

static void collect_limits(report_rows *rows, const json_t *run, int threads) {
    if (threads != 1 || rows->limit_count == REPORT_SAMPLES) return;
    if (limits_from_json(json_object_get(run, "float32"), &rows->limits[rows->limit_count])) rows->limit_count++;
}

void report_collect(report_rows *rows, const json_t *run) {
    const char *form = json_string_value(json_object_get(run, "form"));
    int threads = (int)json_integer_value(json_object_get(run, "threads"));
    json_int_t memory = json_integer_value(json_object_get(run, "peak_rss_kib"));
    if (form == NULL) return;
    if (strcmp(form, "limits") == 0) collect_limits(rows, run, threads);
    for (const char *workload = "abcde"; *workload != '\0'; workload++) {
        const json_t *timing = json_object_get(run, (char[]){*workload, '\0'});
        const json_t *samples = json_object_get(timing, "samples");
        report_row *row = samples == NULL ? NULL : row_of(rows, form, *workload, threads);
        if (row == NULL) continue;
        for (size_t i = 0; i < json_array_size(samples) && row->count < REPORT_SAMPLES; i++)
            row->samples[row->count++] = json_number_value(json_array_get(samples, i));
        if (memory > row->memory) row->memory = memory;
        row->processor = fmin(row->processor, json_number_value(json_object_get(timing, "processor_minimum")));
    }
}

void report_summarize(report_rows *rows) {
    for (int i = 0; i < rows->count; i++)
        rows->rows[i].median = timing_median(rows->rows[i].count, rows->rows[i].samples);
    double samples[REPORT_SAMPLES];
    for (int k = 0; k < LIMIT_COUNT; k++) {
        for (int i = 0; i < rows->limit_count; i++) samples[i] = rows->limits[i].seconds[k];
        rows->limit.seconds[k] = timing_median(rows->limit_count, samples);
        for (int i = 0; i < rows->limit_count; i++) samples[i] = rows->limits[i].least[k];
        rows->limit.least[k] = timing_least(rows->limit_count, samples);
    }
}

const report_row *report_find(const report_rows *rows, const char *form, char workload, int threads) {
    for (int i = 0; i < rows->count; i++) {
        const report_row *row = &rows->rows[i];
        if (strcmp(row->form, form) == 0 && row->workload == workload && row->threads == threads) return row;
    }
    return NULL;
}

static cost reference_cost(char kind) {
    workload_options options = workload_reference(kind);
    cost_size size = workload_size(&options);
    return cost_of(kind, &size);
}

double report_limit(const report_rows *rows, char workload, report_bound bound, bool best) {
    cost cost = reference_cost(workload);
    limits limits = rows->limit;
    if (best) memcpy(limits.seconds, limits.least, sizeof limits.least);
    double arithmetic = cost_arithmetic(&cost, &limits), memory = cost_memory(&cost, &limits);
    return 1e3 * (bound == BOUND_SUM ? arithmetic + memory : fmax(arithmetic, memory));
}

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *rows_to_json(const report_rows *rows) {
    json_t *out = json_array();
    for (int i = 0; i < rows->count && out != NULL; i++) {
        const report_row *row = &rows->rows[i];
        json_array_append_new(out, json_pack("{s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:I}", "form", row->form, "workload",
                                             (char[]){row->workload, '\0'}, "threads", row->threads, "samples",
                                             row->count, "median_ms", number(row->median), "minimum_ms",
                                             number(timing_least(row->count, row->samples)), "processor_minimum_ms",
                                             number(row->processor), "peak_rss_kib", row->memory));
    }
    return out;
}

static json_t *costs_to_json(const report_rows *rows) {
    json_t *out = json_object();
    for (const char *workload = "abcde"; *workload != '\0' && out != NULL; workload++) {
        cost cost = reference_cost(*workload);
        json_object_set_new(out, (char[]){*workload, '\0'},
                            json_pack("{s:f, s:f, s:f, s:f, s:o, s:o}", "multiply_adds", cost.multiply_adds, "tanh",
                                      cost.tanh, "elu", cost.elu, "bytes", cost.bytes, "limit_ms",
                                      number(report_limit(rows, *workload, BOUND_SUM, false)), "limit_overlapped_ms",
                                      number(report_limit(rows, *workload, BOUND_GREATER, false))));
    }
    return out;
}

json_t *report_to_json(const report_rows *rows) {
    return json_pack("{s:o, s:o}", "table", rows_to_json(rows), "limits", costs_to_json(rows));
}
