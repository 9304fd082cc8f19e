/* A comparison as one JSON document. JSON has no infinities: a number that is not finite is null, and a text beside it
 * says what it was. */
#include <math.h>

#include "base/memory.h"
#include "experiment/compare.h"
#include "io/json.h"

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *numbers(const double *values, int64_t count) {
    json_t *array = json_array();
    for (int64_t i = 0; i < count && array != NULL; i++)
        if (json_array_append_new(array, number(values[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static const char *status_of(double value) {
    if (isfinite(value)) return "finite";
    if (isnan(value)) return "undefined";
    return value > 0 ? "diverged" : "f is 0";
}

/* A mean with its interval. */
static json_t *estimate(double mean, double half) {
    json_t *object = json_pack("{s:o, s:o}", "mean", number(mean), "half", number(half));
    if (object != NULL && !isfinite(mean) && json_object_set_new(object, "status", json_string(status_of(mean))) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *status_text(const compare_result *result) {
    if (result->diverged == 0) return json_string("finite");
    return json_sprintf("diverged in %lld of %lld runs", (long long)result->diverged, (long long)result->runs);
}

static json_t *row_json(const compare_result *result) {
    const l2o_compare_row *row = &result->row;
    if (row->is_limit)
        return json_pack("{s:s, s:b, s:s, s:o, s:o, s:o, s:{s:o}}", "label", row->label, "is_limit", 1, "method",
                         "coordinate descent", "minimum", estimate(row->minimum, row->minimum_half), "largest_gap",
                         number(result->gap), "seconds", number(row->seconds), "runs", "minimum",
                         numbers(result->minimum, result->runs));
    return json_pack(
        "{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o}, s:{s:o, s:o, s:o, "
        "s:o}}",
        "label", row->label, "spec", result->spec, "is_limit", 0, "status", status_text(result), "minimum",
        estimate(row->minimum, row->minimum_half), "last", estimate(row->last, row->last_half), "minimum_step",
        number(row->minimum_step), "gradient_evaluations", number(row->gradient_evaluations), "preparation_evaluations",
        number(row->preparation_evaluations), "seconds", number(row->seconds), "preparation_seconds",
        number(row->preparation_seconds), "rate", number(row->rate), "runs", "minimum",
        numbers(result->minimum, result->runs), "last", numbers(result->last, result->runs), "minimum_step",
        numbers(result->minimum_step, result->runs), "curve", "mean", numbers(row->mean, row->points), "half",
        numbers(row->half, row->points), "gradient_evaluations", numbers(row->evaluations, row->points), "seconds",
        numbers(row->time, row->points));
}

static json_t *comparison_json(const l2o_comparison *comparison) {
    json_t *rows = json_array();
    for (int i = 0; i < comparison->count && rows != NULL; i++)
        if (json_array_append_new(rows, row_json(&comparison->results[i])) != 0) {
            json_decref(rows);
            return NULL;
        }
    json_t *document = json_copy(comparison->about);
    if (document != NULL &&
        json_object_set_new(document, "measure",
                            json_string("natural logarithm of the batch's mean objective; minimum over steps 1 to T; "
                                        "means over runs with half the width of Student's 95 % interval")) == 0 &&
        json_object_set(document, "rows", rows) == 0) {
        json_decref(rows);
        return document;
    }
    json_decref(rows);
    json_decref(document);
    return NULL;
}

l2o_status l2o_comparison_json(l2o_context *context, const l2o_comparison *comparison, char **json) {
    l2o_error *error = &context->error;
    error_clear(error);
    *json = NULL;
    json_t *document = comparison_json(comparison);
    if (document == NULL) return error_set(error, L2O_ERROR_MEMORY, "out of memory while writing JSON");
    buffer text = {0};
    l2o_status status = json_format(document, &text, error);
    json_decref(document);
    if (status == L2O_OK && (*json = memory_string(buffer_text(&text), error)) == NULL) status = error->status;
    buffer_free(&text);
    return status;
}
