/* Reads lists of numbers, real or whole, with one grammar and one sentence for what is wrong with them. */
#include "base/settings_list.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* One number and where it ends; NaN where there is none. */
static double read_number(const char *at, bool whole, char **end) {
    errno = 0;
    double number = whole ? (double)strtoll(at, end, 10) : strtod(at, end);
    return *end == at || errno == ERANGE ? (double)NAN : number;
}

/* Fills whichever of `reals` and `integers` is not NULL. */
static l2o_status read_list(const l2o_settings *settings, const char *name, list_limits limits, double *reals,
                            int64_t *integers, int *count, l2o_error *error) {
    const char *text = settings_text(settings, name);
    *count = 0;
    for (const char *at = text;;) {
        char *end;
        double number = read_number(at, integers != NULL, &end);
        bool valid = number >= limits.minimum && number <= limits.maximum; /* false for NaN */
        if (!valid || *count == limits.most || (*end != ',' && *end != '/' && *end != '\0'))
            return error_set(error, L2O_ERROR_INPUT,
                             "%s: '%s' is a list of at most %d %s from %g to %g, separated by commas, not '%s'",
                             settings_origin(settings, name), name, limits.most,
                             integers != NULL ? "whole numbers" : "numbers", limits.minimum, limits.maximum, text);
        if (reals != NULL) reals[*count] = number;
        if (integers != NULL) integers[*count] = (int64_t)number;
        (*count)++;
        if (*end == '\0') return L2O_OK;
        at = end + 1;
    }
}

l2o_status settings_reals(const l2o_settings *settings, const char *name, list_limits limits, double *numbers,
                          int *count, l2o_error *error) {
    return read_list(settings, name, limits, numbers, NULL, count, error);
}

l2o_status settings_integers(const l2o_settings *settings, const char *name, list_limits limits, int64_t *numbers,
                             int *count, l2o_error *error) {
    return read_list(settings, name, limits, NULL, numbers, count, error);
}
