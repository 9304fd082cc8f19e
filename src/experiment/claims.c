/* Claims are measured on the tables of a results file, so that a file can be verified without running anything. */
#include "experiment/claims.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiment/experiment_kinds.h"
#include "experiment/quantity.h"
#include "experiment/table_rows.h"

typedef struct lookup {
    const experiment *experiment;
    const experiment_claim *claim;
    const json_t *results;
    l2o_error *error;
} lookup;

static const json_t *named(const json_t *array, const char *key, const char *name) {
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        const char *text = json_string_value(json_object_get(item, key));
        if (text != NULL && strcmp(text, name) == 0) return item;
    }
    return NULL;
}

/* A cell's value; NAN where it is null. */
static l2o_status value_at(const lookup *self, int variant, int panel, const char *method, double *value) {
    const experiment *experiment = self->experiment;
    bool last = self->claim->measure == CLAIM_LAST || experiment->quantity->last;
    const char *base = last ? "last" : "minimum";
    const char *row_name = experiment->panels[panel].name, *of = experiment->variants[variant].name;
    char name[96];
    bool sweep = experiment->kind == &kind_sweep;
    if (sweep) {
        snprintf(name, sizeof name, "%s-%.60s", base, row_name);
        row_name = of;
    } else {
        snprintf(name, sizeof name, "%s%s%.60s", base, of[0] != '\0' ? "-" : "", of);
    }
    const json_t *table = named(json_object_get(self->results, "tables"), "name", name);
    const json_t *columns = json_object_get(table, "columns");
    const json_t *row = named(json_object_get(table, "rows"), "label", row_name);
    for (size_t c = 0; c < json_array_size(columns) && row != NULL; c++) {
        const char *column = json_string_value(json_array_get(columns, c));
        if (column == NULL || strcmp(column, method) != 0) continue;
        const json_t *cell = json_array_get(json_object_get(row, "cells"), c);
        const json_t *number = json_object_get(cell, self->claim->measure == CLAIM_SPREAD ? "seeds_deviation" : "mean");
        *value = json_is_number(number) ? json_number_value(number) : (double)NAN;
        return L2O_OK;
    }
    return error_set(self->error, L2O_ERROR_INPUT,
                     "the results have no table '%s' with a row '%s' and a column '%s', which [claim %s] is about; run "
                     "the experiment anew",
                     name, row_name, method, self->claim->name);
}

const char *claim_next_name(const char **list, size_t *length) {
    if (**list == '\0') return NULL;
    const char *name = *list + strspn(*list, " "), *comma = strchr(name, ','), *end = comma;
    if (end == NULL) end = name + strlen(name);
    *list = comma != NULL ? comma + 1 : end;
    while (end > name && end[-1] == ' ') end--;
    *length = (size_t)(end - name);
    return name;
}

/* Is the name in the list? Without one, or with `all`, every name is. */
static bool concerns(const char *given, const char *name) {
    if (given == NULL || strcmp(given, "all") == 0) return true;
    size_t length;
    for (const char *at = claim_next_name(&given, &length); at != NULL; at = claim_next_name(&given, &length))
        if (strlen(name) == length && strncmp(at, name, length) == 0) return true;
    return false;
}

/* Of the method, or of what it is compared with, which may be a number. */
static l2o_status side(const lookup *self, int variant, int panel, const char *method, double *value) {
    char *end;
    double number = strtod(method, &end);
    if (end == method || *end != '\0') return value_at(self, variant, panel, method, value);
    *value = number;
    return L2O_OK;
}

l2o_status claim_measure_of(const experiment *experiment, const experiment_claim *claim, const json_t *results,
                            double *measured, bool *holds, l2o_error *error) {
    lookup self = {experiment, claim, results, error};
    bool spread = claim->measure == CLAIM_SPREAD;
    double largest = -INFINITY, squares[2] = {0, 0};
    int count = 0;
    for (int v = 0; v < experiment->variant_count; v++)
        for (int p = 0; p < experiment->panel_count; p++) {
            double own, other;
            if (!concerns(claim->panel, experiment->panels[p].name) ||
                !concerns(claim->variant, experiment->variants[v].name))
                continue;
            TRY(side(&self, v, p, claim->method, &own));
            TRY(side(&self, v, p, claim->other, &other));
            double difference = own - claim->factor * other;
            if (claim->near) difference = fabs(difference);
            if (isnan(difference) || difference > largest) largest = difference; /* NaN stays */
            squares[0] += own * own;
            squares[1] += other * other;
            count++;
        }
    if (count == 0)
        return error_set(error, L2O_ERROR_INPUT, "%s: [claim %s] is about no panel of this experiment", claim->origin,
                         claim->name);
    double apart = sqrt(squares[0] / count) - claim->factor * sqrt(squares[1] / count);
    *measured = !spread ? largest : claim->near ? fabs(apart) : apart;
    *holds = *measured <= claim->bound;
    return L2O_OK;
}

bool claim_is_as_stated(const experiment_claim *claim, bool holds) { return holds == (claim->unmet == NULL); }

void claim_sentence(const experiment_claim *claim, double measured, bool holds, char *text, size_t size) {
    const char *verdict = holds ? "holds" : "does not hold";
    const char *link = claim->unmet == NULL ? "" : holds ? "; [claim] says that it does not: " : "; known: ";
    const char *known = claim->unmet == NULL ? "" : claim->unmet;
    if (isfinite(measured))
        snprintf(text, size, "%s: %s (measured %.3g, to be at most %.3g)%s%s", claim->text, verdict, measured,
                 claim->bound, link, known);
    else
        snprintf(text, size, "%s: %s (measured nothing finite: %s)%s%s", claim->text, verdict,
                 claim->measure == CLAIM_SPREAD ? "a deviation needs at least two seeds, and finite runs"
                                                : "some run diverged",
                 link, known);
}

l2o_status claims_check(const experiment *experiment, const json_t *results, json_t **claims, l2o_error *error) {
    json_t *list = json_array();
    l2o_status status = L2O_OK;
    for (int i = 0; i < experiment->claim_count && status == L2O_OK; i++) {
        const experiment_claim *claim = &experiment->claims[i];
        double measured = NAN;
        bool holds = false;
        status = claim_measure_of(experiment, claim, results, &measured, &holds, error);
        if (status == L2O_OK &&
            !results_add(list, json_pack("{s:s, s:o, s:f, s:b}", "text", claim->text, "measured",
                                         results_number(measured), "bound", claim->bound, "holds", holds)))
            status = table_out_of_memory(error);
    }
    if (status == L2O_OK)
        *claims = list;
    else
        json_decref(list);
    return status;
}
