/* Cells as files; the curve is called after ln f, whatever its quantity. JSON has no infinities: they stand as texts. A
 * file that does not hold this very cell, or is damaged, counts as none: the cell is run again and the file replaced.
 */
#include <math.h>
#include <string.h>

#include "experiment/cell.h"
#include "io/file.h"
#include "io/json.h"

static json_t *number(double value) {
    if (isfinite(value)) return json_real(value);
    return json_string(isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
}

static json_t *numbers(const double *values, int64_t count) {
    json_t *array = json_array();
    for (int64_t i = 0; i < count; i++) json_array_append_new(array, number(values[i]));
    return array;
}

static json_t *steps(const cell *cell) {
    json_t *array = json_array();
    for (int64_t i = 0; i < cell->points; i++) json_array_append_new(array, json_integer(cell->point[i]));
    return array;
}

l2o_status cell_write(const cell *cell, l2o_error *error) {
    json_t *document = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "method", cell->method->name,
        "panel", cell->panel->name, "description", buffer_text(&cell->description), "runs", (json_int_t)cell->runs,
        "steps", (json_int_t)cell->steps, "points", steps(cell), "minimum", numbers(cell->minimum, cell->runs),
        "minimum_step", numbers(cell->minimum_step, cell->runs), "last", numbers(cell->last, cell->runs), "rate",
        numbers(cell->rate, cell->runs), "logarithm", numbers(cell->curve, cell->runs * cell->points), "evaluations",
        numbers(cell->evaluations, cell->points), "seconds", numbers(cell->seconds, cell->points),
        "preparation_evaluations", number(cell->preparation_evaluations), "preparation_seconds",
        number(cell->preparation_seconds));
    if (cell->paired && document != NULL) {
        json_object_set_new(document, "other", numbers(cell->other, cell->runs * cell->points));
        json_object_set_new(document, "instances", number(cell->instances));
        json_object_set_new(document, "weight_total", number(cell->weight_total));
    }
    if (document == NULL) return error_set(error, L2O_ERROR_MEMORY, "%s: out of memory", cell->path);
    l2o_status status = json_write_file(cell->path, document, error);
    json_decref(document);
    return status;
}

static bool take_number(const json_t *value, double *out) {
    const char *word = json_string_value(value);
    if (json_is_number(value))
        *out = json_number_value(value);
    else if (word != NULL)
        *out = strcmp(word, "inf") == 0 ? INFINITY : strcmp(word, "-inf") == 0 ? -INFINITY : NAN;
    else
        return false;
    return true;
}

static bool take_numbers(const json_t *document, const char *key, int64_t count, double *out) {
    const json_t *array = json_object_get(document, key);
    if (json_array_size(array) != (size_t)count) return false;
    for (int64_t i = 0; i < count; i++)
        if (!take_number(json_array_get(array, (size_t)i), &out[i])) return false;
    return true;
}

static bool take_pair(cell *cell, const json_t *document) {
    return take_numbers(document, "other", cell->runs * cell->points, cell->other) &&
           take_number(json_object_get(document, "instances"), &cell->instances) &&
           take_number(json_object_get(document, "weight_total"), &cell->weight_total);
}

static bool take_all(cell *cell, const json_t *document) {
    const json_t *points = json_object_get(document, "points");
    for (int64_t i = 0; i < cell->points; i++) {
        cell->point[i] = json_integer_value(json_array_get(points, (size_t)i));
        if (cell->point[i] != (i == 0                  ? 0
                               : i + 1 == cell->points ? cell->steps
                                                       : cell->point[i]) ||
            (i > 0 && cell->point[i] <= cell->point[i - 1]))
            return false;
    }
    return take_numbers(document, "minimum", cell->runs, cell->minimum) &&
           take_numbers(document, "minimum_step", cell->runs, cell->minimum_step) &&
           take_numbers(document, "last", cell->runs, cell->last) &&
           take_numbers(document, "rate", cell->runs, cell->rate) &&
           take_numbers(document, "logarithm", cell->runs * cell->points, cell->curve) &&
           (!cell->paired || take_pair(cell, document)) &&
           take_numbers(document, "evaluations", cell->points, cell->evaluations) &&
           take_numbers(document, "seconds", cell->points, cell->seconds) &&
           take_number(json_object_get(document, "preparation_evaluations"), &cell->preparation_evaluations) &&
           take_number(json_object_get(document, "preparation_seconds"), &cell->preparation_seconds);
}

l2o_status cell_read(cell *cell, bool *found, l2o_error *error) {
    json_t *document = NULL;
    l2o_error ignored = {0};
    *found = false;
    if (!file_exists(cell->path) || json_read_file(cell->path, &document, &ignored) != L2O_OK) return L2O_OK;
    const char *description = json_string_value(json_object_get(document, "description"));
    int64_t runs = json_integer_value(json_object_get(document, "runs"));
    size_t points = json_array_size(json_object_get(document, "points"));
    bool whole = runs > 0 && points > 0 && json_array_size(json_object_get(document, "minimum")) == (size_t)runs;
    l2o_status status = L2O_OK;
    if (description != NULL && strcmp(description, buffer_text(&cell->description)) == 0 && whole) {
        cell->steps = json_integer_value(json_object_get(document, "steps"));
        status = cell_allocate(cell, runs, (int64_t)points, error);
        *found = status == L2O_OK && take_all(cell, document);
    }
    json_decref(document);
    return status;
}
