/* Says where the best learned method stands beside each classical one, by what the quantity is judged by, on the same
 * problems. */
#include "experiment/rivals.h"

#include <math.h>
#include <string.h>

#include "experiment/table_rows.h"

enum { LISTS = 4 };

static bool in_group(const session *session, int method, const char *group) {
    return strcmp(session->experiment->methods[method].group, group) == 0;
}

static l2o_status best_learned(const session *session, int variant, int panel, sample *best, int *method,
                               l2o_error *error) {
    double least = INFINITY;
    *method = -1;
    for (int m = 0; m < session->experiment->method_count; m++) {
        sample sample;
        sample_summary summary;
        if (!in_group(session, m, "learned")) continue;
        l2o_status status =
            results_sample(session, variant, panel, m, results_judged(session->experiment), &sample, error);
        if (status == L2O_OK) status = sample_summarise(&sample, &summary, error);
        if (status != L2O_OK || !(summary.mean < least)) {
            sample_free(&sample);
            TRY(status);
            continue;
        }
        sample_free(best);
        *best = sample;
        *method = m;
        least = summary.mean;
    }
    return L2O_OK;
}

/* Which list a rival goes to: 0 the method loses to it, 1 cannot be told from it (the wider interval of the paired
 * difference holds 0), 2 is ahead of it, 3 without an interval nothing can be said, as of single runs. One of two that
 * diverged is behind; where both did, nothing tells them apart. */
static int judge(double difference, double half) {
    if (isnan(difference)) return 1;
    if (isinf(difference)) return difference > 0 ? 0 : 2;
    if (isnan(half)) return 3;
    return !(fabs(difference) > half) ? 1 : difference > 0 ? 0 : 2;
}

/* Small ones count where the axis is logarithmic. */
static l2o_status print_difference(const quantity *quantity, double mean, double half, buffer *list, l2o_error *error) {
    if (!isfinite(mean)) return buffer_append_text(list, " (diverged runs)", error);
    if (!isfinite(half))
        return quantity->logarithmic ? buffer_print(list, error, " (%+.2g)", mean)
                                     : buffer_print(list, error, " (%+.2f)", mean);
    return quantity->logarithmic ? buffer_print(list, error, " (%+.2g ± %.2g)", mean, half)
                                 : buffer_print(list, error, " (%+.2f ± %.2f)", mean, half);
}

static l2o_status compare_all(const session *session, int variant, int panel, const sample *best, buffer lists[LISTS],
                              l2o_error *error) {
    for (int m = 0; m < session->experiment->method_count; m++) {
        sample rival = {0};
        sample_summary difference;
        if (!in_group(session, m, "classical")) continue;
        l2o_status status =
            results_sample(session, variant, panel, m, results_judged(session->experiment), &rival, error);
        if (status == L2O_OK) status = sample_difference(best, &rival, &difference, error);
        sample_free(&rival);
        TRY(status);
        double half = fmax(difference.half, difference.seeds_half); /* fmax() passes over NaN */
        buffer *list = &lists[judge(difference.mean, half)];
        TRY(buffer_print(list, error, "%s%s", list->size > 0 ? ", " : "", session->experiment->methods[m].name));
        TRY(print_difference(session->experiment->quantity, difference.mean, half, list, error));
    }
    return L2O_OK;
}

static l2o_status write_note(const session *session, int variant, int panel, int method, const buffer lists[LISTS],
                             buffer *note, l2o_error *error) {
    static const char *const verbs[LISTS] = {" loses to ", " cannot be told from ", " is ahead of ",
                                             " differs by an unknown error from "};
    char label[160];
    results_label(session, variant, panel, label, sizeof label);
    TRY(buffer_print(note, error, "%s: the best learned method, %s,", label,
                     session->experiment->methods[method].name));
    const char *between = "";
    for (int i = 0; i < LISTS; i++) {
        if (lists[i].size == 0) continue;
        TRY(buffer_print(note, error, "%s%s%s", between, verbs[i], buffer_text(&lists[i])));
        between = ";";
    }
    return buffer_append_text(note, ".", error);
}

l2o_status rivals_note(const session *session, int variant, int panel, json_t *notes, l2o_error *error) {
    sample best = {0};
    buffer lists[LISTS] = {{0}}, note = {0};
    int method;
    l2o_status status = best_learned(session, variant, panel, &best, &method, error);
    if (status == L2O_OK && method >= 0) status = compare_all(session, variant, panel, &best, lists, error);
    bool any = false;
    for (int i = 0; i < LISTS; i++) any |= lists[i].size > 0;
    if (status == L2O_OK && any) status = write_note(session, variant, panel, method, lists, &note, error);
    if (status == L2O_OK && any && !results_add(notes, json_string(buffer_text(&note))))
        status = table_out_of_memory(error);
    for (int i = 0; i < LISTS; i++) buffer_free(&lists[i]);
    buffer_free(&note);
    sample_free(&best);
    return status;
}
