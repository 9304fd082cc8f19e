/* Reading the log: all lines are parsed first, then counted, then taken apart. */
#include "meta/training_log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/file.h"
#include "io/json.h"

enum { GROUPS = 80, STAGE_MAX = 1 << 20 };

static double real_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static int stage_of(const json_t *entry) {
    json_int_t stage = json_integer_value(json_object_get(entry, "stage"));
    return stage < 0 ? 0 : stage > STAGE_MAX ? STAGE_MAX : (int)stage;
}

static l2o_status parse_lines(const char *path, const buffer *text, json_t *lines, l2o_error *error) {
    const char *line = buffer_text(text), *end = line + text->size;
    for (size_t number = 1; line < end; number++) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (stop == NULL) return L2O_OK;
        char source[640];
        json_t *entry;
        snprintf(source, sizeof source, "%.600s, line %zu of the log", path, number);
        TRY(json_parse(line, (size_t)(stop - line), source, &entry, error));
        bool known = json_is_string(json_object_get(entry, "event")) && isfinite(real_of(entry, "updates"));
        if (json_array_append_new(lines, entry) != 0)
            return error_set(error, L2O_ERROR_MEMORY, "%s: out of memory while the log was read", path);
        if (!known)
            return error_set(error, L2O_ERROR_INPUT,
                             "%s: line %zu has no \"event\" or no \"updates\", so this is not the log of a training; "
                             "give one that `l2o train` wrote",
                             path, number);
        line = stop + 1;
    }
    return L2O_OK;
}

static l2o_status allocate(training_log *log, l2o_error *error) {
    log->draws = arena_allocate(&log->arena, log->draw_count * sizeof *log->draws, error);
    log->evaluations = arena_allocate(&log->arena, log->evaluation_count * sizeof *log->evaluations, error);
    log->recoveries = arena_allocate(&log->arena, log->recovery_count * sizeof *log->recoveries, error);
    bool failed = log->draws == NULL || log->evaluations == NULL || log->recoveries == NULL;
    return failed ? error->status : L2O_OK;
}

/* Counts the entries; once there is room for them, fills it. */
static void take_apart(training_log *log) {
    bool fill = log->draws != NULL;
    size_t draws = 0, evaluations = 0, recoveries = 0;
    for (size_t i = 0; i < json_array_size(log->lines); i++) {
        const json_t *entry = json_array_get(log->lines, i);
        const char *event = text_of(entry, "event");
        int stage = stage_of(entry);
        double updates = real_of(entry, "updates");
        if (strcmp(event, "draw") == 0) {
            if (fill)
                log->draws[draws] = (training_draw){stage, updates, real_of(entry, "loss"), real_of(entry, "last")};
            draws++;
        } else if (strcmp(event, "evaluation") == 0) {
            if (fill)
                log->evaluations[evaluations] = (training_evaluation){
                    stage, updates, real_of(entry, "validation"), real_of(entry, "best"), text_of(entry, "decision")};
            evaluations++;
        } else if (strcmp(event, "recovery") == 0) {
            if (fill)
                log->recoveries[recoveries] = (training_recovery){
                    stage, real_of(entry, "draw"), updates, real_of(entry, "rate-factor"), text_of(entry, "reason")};
            recoveries++;
        }
    }
    log->draw_count = draws;
    log->evaluation_count = evaluations;
    log->recovery_count = recoveries;
}

l2o_status training_log_read(const char *path, training_log *log, l2o_error *error) {
    *log = (training_log){.lines = json_array()};
    if (log->lines == NULL) return error_set(error, L2O_ERROR_MEMORY, "%s: out of memory", path);
    buffer text = {0};
    l2o_status status = file_read(path, 0, &text, error);
    if (status == L2O_OK) status = parse_lines(path, &text, log->lines, error);
    buffer_free(&text);
    TRY(status);
    take_apart(log);
    TRY(allocate(log, error));
    take_apart(log);
    return L2O_OK;
}

void training_log_free(training_log *log) {
    json_decref(log->lines);
    arena_free(&log->arena);
    *log = (training_log){.lines = NULL};
}

l2o_status training_log_group(training_log *log, training_quantity quantity, training_curve *curve, l2o_error *error) {
    size_t most = log->draw_count;
    double *room = arena_allocate(&log->arena, 4 * most * sizeof *room, error);
    if (room == NULL) return error->status;
    *curve = (training_curve){0, room, room + most, room + 2 * most, room + 3 * most};
    size_t size = most / GROUPS + 1;
    for (size_t first = 0, end; first < most; first = end) {
        double sum = 0, squares = 0;
        end = first;
        while (end < most && end - first < size && log->draws[end].stage == log->draws[first].stage) end++;
        double count = (double)(end - first);
        for (size_t i = first; i < end; i++) sum += quantity == TRAINING_LOSS ? log->draws[i].loss : log->draws[i].last;
        double mean = sum / count;
        for (size_t i = first; i < end; i++)
            squares += pow((quantity == TRAINING_LOSS ? log->draws[i].loss : log->draws[i].last) - mean, 2);
        double half = count > 1 ? 1.96 * sqrt(squares / (count - 1) / count) : 0;
        size_t at = curve->count++;
        curve->x[at] = log->draws[end - 1].updates;
        curve->mean[at] = mean;
        curve->low[at] = mean - half;
        curve->high[at] = mean + half;
    }
    return L2O_OK;
}
