/* Loss, last objective and validation over meta-updates, with the stages of the curriculum as stretches and recoveries
 * as upright lines; a table of the stages; the settings. A NULL from jansson's constructors is looked for once, at the
 * end of each part. */
#include "report/training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "meta/training_log.h"
#include "optimizers/weights_file.h"
#include "report/results.h"

enum { STAGES_MAX = 1024 };

typedef struct stage_summary {
    size_t draws, evaluations, recoveries;
    double first, final; /* meta-updates before it and at its end */
    double last;         /* objective at the end of its last draw */
    double best;         /* least validation */
} stage_summary;

typedef struct course {
    training_log log;
    stage_summary stages[STAGES_MAX];
    int stage_count;
    int parts;                          /* stages of each layer, where training went layer by layer; else 0 */
    double updates, best, best_updates; /* of the whole training; the last two NaN where nothing was evaluated */
} course;

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static l2o_status out_of_memory(l2o_error *error) {
    return error_set(error, L2O_ERROR_MEMORY, "out of memory while a report was put together");
}

/* --------------------------------------------------------------------------------------------------------- course */

static stage_summary *stage_at(course *course, int stage, double updates) {
    int index = stage < STAGES_MAX ? stage : STAGES_MAX - 1;
    for (; course->stage_count <= index; course->stage_count++)
        course->stages[course->stage_count] =
            (stage_summary){.first = course->updates, .final = course->updates, .last = NAN, .best = NAN};
    course->updates = fmax(course->updates, updates);
    course->stages[index].final = fmax(course->stages[index].final, updates);
    return &course->stages[index];
}

static void summarise(course *course) {
    const training_log *log = &course->log;
    course->best = course->best_updates = NAN;
    for (size_t i = 0; i < log->draw_count; i++) {
        stage_summary *stage = stage_at(course, log->draws[i].stage, log->draws[i].updates);
        stage->draws++;
        stage->last = log->draws[i].last;
    }
    for (size_t i = 0; i < log->evaluation_count; i++) {
        const training_evaluation *evaluation = &log->evaluations[i];
        stage_summary *stage = stage_at(course, evaluation->stage, evaluation->updates);
        stage->evaluations++;
        stage->best = fmin(stage->best, evaluation->validation);
        if (!isfinite(evaluation->validation) || evaluation->validation >= course->best) continue;
        course->best = evaluation->validation;
        course->best_updates = evaluation->updates;
    }
    for (size_t i = 0; i < log->recovery_count; i++)
        stage_at(course, log->recoveries[i].stage, log->recoveries[i].updates)->recoveries++;
}

/* -------------------------------------------------------------------------------------------------------- figures */

static json_t *numbers(const double *values, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(array, number(values[i]));
    return array;
}

/* The stages of each layer, where training went layer by layer: the numbers of the setting `stage-rates`; else 0. */
static int parts_of(const json_t *settings) {
    const char *layers = json_string_value(json_object_get(settings, "layer-wise"));
    const char *at = json_string_value(json_object_get(settings, "stage-rates"));
    int parts = 1;
    if (layers == NULL || strcmp(layers, "yes") != 0 || at == NULL) return 0;
    for (; *at != '\0'; at++) parts += *at == ',' || *at == '/';
    return parts;
}

/* `what` goes before the number of a stage of a curriculum. */
static json_t *stage_label(int stage, int parts, const char *what) {
    if (parts == 0) return json_sprintf("%s%d", what, stage + 1);
    return json_sprintf("layer %d, stage %d", stage / parts + 1, stage % parts + 1);
}

static json_t *spans(const course *course) {
    json_t *array = json_array();
    for (int s = 0; s < course->stage_count; s++)
        json_array_append_new(array, json_pack("{s:o, s:f, s:f}", "label", stage_label(s, course->parts, "stage "),
                                               "low", course->stages[s].first, "high", course->stages[s].final));
    for (size_t i = 0; i < course->log.recovery_count; i++)
        json_array_append_new(array,
                              json_pack("{s:s, s:f, s:f}", "label", "recovery", "low",
                                        course->log.recoveries[i].updates, "high", course->log.recoveries[i].updates));
    return array;
}

static json_t *figure(const course *course, const char *title, const char *label, const training_curve *curves,
                      const char *const *names, size_t count) {
    json_t *series = json_array();
    bool positive = true;
    for (size_t c = 0; c < count; c++) {
        const training_curve *curve = &curves[c];
        for (size_t i = 0; i < curve->count; i++) positive &= isnan(curve->mean[i]) || curve->mean[i] > 0;
        json_t *one = json_pack("{s:s, s:o, s:o}", "label", names[c], "x", numbers(curve->x, curve->count), "mean",
                                numbers(curve->mean, curve->count));
        if (curve->low != NULL) {
            json_object_set_new(one, "low", numbers(curve->low, curve->count));
            json_object_set_new(one, "high", numbers(curve->high, curve->count));
        }
        json_array_append_new(series, one);
    }
    return json_pack("{s:s, s:{s:s}, s:{s:s, s:b}, s:o, s:o}", "title", title, "x", "label", "meta-updates", "y",
                     "label", label, "log", positive, "series", series, "spans", spans(course));
}

static l2o_status add_draws(course *course, training_quantity quantity, const char *title, const char *label,
                            json_t *figures, l2o_error *error) {
    static const char *const names[] = {"mean over draws"};
    training_curve curve;
    TRY(training_log_group(&course->log, quantity, &curve, error));
    json_array_append_new(figures, figure(course, title, label, &curve, names, 1));
    return L2O_OK;
}

static l2o_status add_validation(course *course, json_t *figures, l2o_error *error) {
    static const char *const names[] = {"validation", "best so far"};
    training_log *log = &course->log;
    size_t count = log->evaluation_count;
    if (count == 0) return L2O_OK;
    double *room = arena_allocate(&log->arena, 3 * count * sizeof *room, error);
    if (room == NULL) return error->status;
    training_curve curves[2] = {{.count = count, .x = room, .mean = room + count},
                                {.count = count, .x = room, .mean = room + 2 * count}};
    for (size_t i = 0; i < count; i++) {
        curves[0].x[i] = log->evaluations[i].updates;
        curves[0].mean[i] = log->evaluations[i].validation;
        curves[1].mean[i] = log->evaluations[i].best;
    }
    json_array_append_new(figures, figure(course, "Validation: mean objective at the end of the run", "mean objective",
                                          curves, names, 2));
    return L2O_OK;
}

static l2o_status make_figures(course *course, json_t **out, l2o_error *error) {
    json_t *figures = *out = json_array();
    size_t wanted = course->log.draw_count > 0 ? 2 : 0;
    if (wanted > 0) {
        TRY(add_draws(course, TRAINING_LOSS, "Meta-loss of the last unroll of a draw", "meta-loss", figures, error));
        TRY(add_draws(course, TRAINING_LAST, "Objective at the end of a draw", "mean objective", figures, error));
    }
    if (course->log.evaluation_count > 0) wanted++;
    TRY(add_validation(course, figures, error));
    return json_array_size(figures) == wanted ? L2O_OK : out_of_memory(error);
}

/* --------------------------------------------------------------------------------------------------------- tables */

/* The numbers of the setting `stages`, such as "5,10,25": unrolls a draw. 0 where it does not say. */
static long unrolls_of(const json_t *settings, int stage) {
    const char *at = json_string_value(json_object_get(settings, "stages"));
    for (int s = 0; at != NULL && s < stage; s++) {
        at = strchr(at, ',');
        if (at != NULL) at++;
    }
    return at == NULL ? 0 : strtol(at, NULL, 10);
}

static json_t *mean_cell(double value) { return json_pack("{s:o}", "mean", number(value)); }
static json_t *text_cell(const char *text) { return json_pack("{s:s}", "text", text); }

static json_t *stage_table(const course *course, const json_t *settings) {
    json_t *rows = json_array();
    for (int s = 0; s < course->stage_count; s++) {
        const stage_summary *stage = &course->stages[s];
        long unrolls = course->parts > 0 ? 1 : unrolls_of(settings, s);
        json_t *best = isnan(stage->best) ? json_null() : mean_cell(stage->best);
        json_array_append_new(
            rows,
            json_pack("{s:o, s:[o, {s:o}, {s:o}, o, o, {s:o}, {s:o}]}", "label", stage_label(s, course->parts, ""),
                      "cells", unrolls > 0 ? json_pack("{s:o}", "text", json_sprintf("%ld", unrolls)) : json_null(),
                      "text", json_sprintf("%zu", stage->draws), "text",
                      json_sprintf("%.0f", stage->final - stage->first),
                      stage->draws == 0 ? json_null() : mean_cell(stage->last), best, "text",
                      json_sprintf("%zu", stage->evaluations), "text", json_sprintf("%zu", stage->recoveries)));
    }
    return json_pack("{s:s, s:s, s:s, s:[s, s, s, s, s, s, s], s:o}", "title", "Stages of the curriculum", "note",
                     "Validation is the mean objective at the end of the run, on problems that training does not see; "
                     "the weights with the least are kept.",
                     "row_header", "stage", "columns", "unrolls a draw", "draws", "meta-updates", "last objective",
                     "least validation", "evaluations", "recoveries", "rows", rows);
}

static json_t *recovery_table(const course *course) {
    json_t *rows = json_array();
    for (size_t i = 0; i < course->log.recovery_count; i++) {
        const training_recovery *recovery = &course->log.recoveries[i];
        json_array_append_new(rows, json_pack("{s:o, s:[{s:o}, {s:o}, o, o]}", "label", json_sprintf("%zu", i + 1),
                                              "cells", "text", json_sprintf("%.0f", recovery->draw), "text",
                                              json_sprintf("%.0f", recovery->updates), mean_cell(recovery->rate_factor),
                                              text_cell(recovery->reason)));
    }
    return json_pack("{s:s, s:s, s:s, s:[s, s, s, s], s:o}", "title", "Recoveries", "note",
                     "Where numbers stopped being finite, training went back to the last good weights with a smaller "
                     "rate. Upright lines in the figures.",
                     "row_header", "recovery", "columns", "in draw", "after meta-updates", "rate times", "reason",
                     "rows", rows);
}

static l2o_status make_tables(const course *course, const json_t *settings, json_t **out, l2o_error *error) {
    json_t *tables = *out = json_array();
    size_t wanted = 1;
    json_array_append_new(tables, stage_table(course, settings));
    if (course->log.recovery_count > 0) {
        json_array_append_new(tables, recovery_table(course));
        wanted++;
    }
    return json_array_size(tables) == wanted ? L2O_OK : out_of_memory(error);
}

/* ------------------------------------------------------------------------------------------------------- settings */

/* What the weights say, in the order a reader wants: program and version apart, tensors on a line each. */
static json_t *make_ran(const json_t *about) {
    json_t *ran = json_object(), *tensors = json_object();
    const char *program = json_string_value(json_object_get(about, "program"));
    const char *blank = program == NULL ? NULL : strchr(program, ' ');
    if (blank != NULL) {
        json_object_set_new(ran, "program", json_stringn(program, (size_t)(blank - program)));
        json_object_set_new(ran, "version", json_string(blank + 1));
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)about, key, value) {
        if (strcmp(key, "tensors") != 0 && json_object_get(ran, key) == NULL) json_object_set(ran, key, value);
    }
    size_t index;
    json_array_foreach(json_object_get(about, "tensors"), index, value) {
        const json_t *shape = json_object_get(value, "shape");
        long long rows = json_integer_value(json_array_get(shape, 0)),
                  columns = json_integer_value(json_array_get(shape, 1));
        const char *name = json_string_value(json_object_get(value, "name"));
        const char *type = json_string_value(json_object_get(value, "type"));
        if (name == NULL || type == NULL) continue;
        json_object_set_new(tensors, name,
                            json_array_size(shape) == 2 ? json_sprintf("%lld \xc3\x97 %lld, %s", rows, columns, type)
                                                        : json_sprintf("%lld, %s", rows, type));
    }
    json_object_set_new(ran, "tensors", tensors);
    return ran;
}

static const char *text_or(const json_t *object, const char *key, const char *otherwise) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? otherwise : text;
}

static json_t *make_summary(const course *course, const json_t *about, bool logged) {
    const json_t *settings = json_object_get(about, "settings");
    char kind[256] = "", way[256] = "";
    if (about != NULL)
        snprintf(kind, sizeof kind, "%.80s for %.80s, estimator %.40s. ",
                 text_or(json_object_get(about, "architecture"), "optimizer", "A learned optimizer"),
                 text_or(settings, "problem", "problems of a kind that is not said"),
                 text_or(settings, "estimator", "not said"));
    if (logged)
        snprintf(way, sizeof way, "%.0f meta-updates in %zu draws over %d %s, %zu %s.", course->updates,
                 course->log.draw_count, course->stage_count, course->stage_count == 1 ? "stage" : "stages",
                 course->log.recovery_count, course->log.recovery_count == 1 ? "recovery" : "recoveries");
    if (!logged || isnan(course->best)) return json_sprintf("%s%s", kind, way);
    return json_sprintf("%s%s The least validation came after %.0f of them.", kind, way, course->best_updates);
}

/* ------------------------------------------------------------------------------------------------------ the whole */

/* Names of files need not be UTF-8. */
static json_t *title_of(const char *name) {
    json_t *text = json_text(name);
    json_t *title = text == NULL ? NULL : json_sprintf("Training of %s", json_string_value(text));
    json_decref(text);
    return title;
}

static l2o_status assemble(const char *name, course *course, const json_t *about, bool logged, json_t **out,
                           l2o_error *error) {
    json_t *document = *out = json_pack("{s:s, s:o, s:o}", "format", RESULTS_FORMAT, "title", title_of(name), "summary",
                                        make_summary(course, about, logged));
    if (document == NULL) return out_of_memory(error);
    bool failed = about != NULL && json_object_set_new(document, "ran", make_ran(about)) != 0;
    if (!logged)
        failed |= json_object_set_new(document, "notes",
                                      json_pack("[s]", "There is no log beside the weights, so the course of their "
                                                       "training is not shown.")) != 0;
    if (failed) return out_of_memory(error);
    if (!logged) return L2O_OK;
    json_t *part = NULL;
    l2o_status status = make_tables(course, json_object_get(about, "settings"), &part, error);
    if (json_object_set_new(document, "tables", part) != 0 && status == L2O_OK) status = out_of_memory(error);
    part = NULL;
    if (status == L2O_OK) {
        status = make_figures(course, &part, error);
        if (json_object_set_new(document, "figures", part) != 0 && status == L2O_OK) status = out_of_memory(error);
    }
    return status;
}

l2o_status report_training(const char *name, const char *weights, const char *log, json_t **out, l2o_error *error) {
    *out = NULL;
    json_t *about = NULL;
    course course = {.stage_count = 0};
    l2o_status status = weights == NULL ? L2O_OK : weights_file_describe(weights, &about, error);
    course.parts = parts_of(json_object_get(about, "settings"));
    if (status == L2O_OK && log != NULL) {
        status = training_log_read(log, &course.log, error);
        if (status == L2O_OK) summarise(&course);
    }
    if (status == L2O_OK) status = assemble(name, &course, about, log != NULL, out, error);
    training_log_free(&course.log);
    json_decref(about);
    if (status == L2O_OK) return L2O_OK;
    json_decref(*out);
    *out = NULL;
    return status;
}
