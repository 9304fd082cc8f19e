/* Reads distributions from text and draws from them. The grammar is generous about punctuation (`normal:0:1`,
 * `normal(0,1)`, `N(0,1)`, `U[0,1)`) and strict about everything else. Normal's second number is the standard
 * deviation. Mixtures do not nest. */
#include "problems/distribution.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

enum { NAME_LENGTH = 15 };

static const char expected[] =
    "expected normal:SD, normal:MEAN:SD, uniform:LOW:HIGH, log-uniform:LOW:HIGH, fixed:VALUE, a number, or a mixture "
    "mix:D,D,... of these";

typedef struct parser {
    const char *text, *what, *at;
    l2o_error *error;
} parser;

static l2o_status fail(const parser *parser, const char *reason) {
    return error_set(parser->error, L2O_ERROR_INPUT, "%s: '%s' is not a distribution: %s at character %d; %s",
                     parser->what, parser->text, reason, (int)(parser->at - parser->text) + 1, expected);
}

static void skip_spaces(parser *parser) {
    while (isspace((unsigned char)*parser->at)) parser->at++;
}

static l2o_status parse_number(parser *parser, double *value) {
    skip_spaces(parser);
    char *end;
    *value = strtod(parser->at, &end);
    if (end == parser->at) return fail(parser, "a number is missing");
    if (!isfinite(*value)) return fail(parser, "the number is not finite");
    parser->at = end;
    skip_spaces(parser);
    return L2O_OK;
}

/* Reads the word at the cursor in lower case; an empty one when a number stands there. */
static l2o_status parse_name(parser *parser, char name[NAME_LENGTH + 1]) {
    skip_spaces(parser);
    int length = 0;
    while (isalpha((unsigned char)*parser->at) || (length > 0 && *parser->at == '-')) {
        if (length == NAME_LENGTH) return fail(parser, "the name is unknown");
        name[length++] = (char)tolower((unsigned char)*parser->at++);
    }
    name[length] = '\0';
    skip_spaces(parser);
    return L2O_OK;
}

/* `:a:b`, `(a,b)`, `[a,b)`: up to two numbers. */
static l2o_status parse_numbers(parser *parser, double number[2], int *count) {
    *count = 0;
    bool brackets = *parser->at == '(' || *parser->at == '[';
    if (!brackets && *parser->at != ':') return fail(parser, "its numbers are missing");
    do {
        if (*count == 2) return fail(parser, "there is a number too many");
        parser->at++;
        TRY(parse_number(parser, &number[(*count)++]));
    } while (*parser->at == ':' || (brackets && *parser->at == ','));
    if (brackets) {
        if (*parser->at != ')' && *parser->at != ']') return fail(parser, "a closing bracket is missing");
        parser->at++;
        skip_spaces(parser);
    }
    return L2O_OK;
}

static l2o_status parse_component(parser *parser, distribution_component *component) {
    char name[NAME_LENGTH + 1];
    const char *start = parser->at;
    TRY(parse_name(parser, name));
    double number[2] = {0, 0};
    int count;
    if (name[0] == '\0') {
        TRY(parse_number(parser, &number[0]));
        *component = (distribution_component){DISTRIBUTION_FIXED, number[0], 0};
        return L2O_OK;
    }
    if (strcmp(name, "normal") == 0 || strcmp(name, "n") == 0) {
        TRY(parse_numbers(parser, number, &count));
        double mean = count == 2 ? number[0] : 0;
        double deviation = number[count - 1];
        if (deviation < 0) return fail(parser, "the standard deviation is negative");
        *component = (distribution_component){DISTRIBUTION_NORMAL, mean, deviation};
        return L2O_OK;
    }
    bool logarithmic = strcmp(name, "log-uniform") == 0;
    if (logarithmic || strcmp(name, "uniform") == 0 || strcmp(name, "u") == 0) {
        TRY(parse_numbers(parser, number, &count));
        if (count != 2) return fail(parser, "uniform needs two numbers");
        if (number[0] > number[1]) return fail(parser, "the low end lies above the high end");
        if (logarithmic && number[0] <= 0) return fail(parser, "log-uniform needs numbers above 0");
        if (logarithmic && !isfinite(number[1] / number[0])) return fail(parser, "the ends lie too far apart");
        *component = (distribution_component){logarithmic ? DISTRIBUTION_LOG_UNIFORM : DISTRIBUTION_UNIFORM, number[0],
                                              number[1]};
        return L2O_OK;
    }
    if (strcmp(name, "fixed") == 0) {
        TRY(parse_numbers(parser, number, &count));
        if (count != 1) return fail(parser, "fixed needs one number");
        *component = (distribution_component){DISTRIBUTION_FIXED, number[0], 0};
        return L2O_OK;
    }
    parser->at = start;
    return fail(parser, strcmp(name, "mix") == 0 ? "a mixture within a mixture" : "the name is unknown");
}

static l2o_status parse_mixture(parser *parser, distribution *out) {
    bool brackets = *parser->at == '(';
    if (!brackets && *parser->at != ':') return fail(parser, "the mixture's components are missing");
    do {
        parser->at++;
        if (out->count == DISTRIBUTION_COMPONENTS) return fail(parser, "a mixture has 16 components at most");
        TRY(parse_component(parser, &out->component[out->count++]));
    } while (*parser->at == ',');
    if (brackets) {
        if (*parser->at != ')') return fail(parser, "a closing bracket is missing");
        parser->at++;
        skip_spaces(parser);
    }
    return L2O_OK;
}

l2o_status distribution_parse(const char *text, const char *what, distribution *out, l2o_error *error) {
    parser parser = {text, what, text, error};
    char name[NAME_LENGTH + 1];
    *out = (distribution){0};
    skip_spaces(&parser);
    const char *start = parser.at;
    TRY(parse_name(&parser, name));
    if (strcmp(name, "mix") == 0) {
        TRY(parse_mixture(&parser, out));
    } else {
        parser.at = start;
        out->count = 1;
        TRY(parse_component(&parser, &out->component[0]));
    }
    if (*parser.at != '\0') return fail(&parser, "there is more text than expected");
    return L2O_OK;
}

l2o_status distribution_choose(distribution *distribution, int component, const char *what, l2o_error *error) {
    if (component < 0 || distribution->count == 1) return L2O_OK;
    if (component >= distribution->count)
        return error_set(error, L2O_ERROR_INPUT, "%s: component %d of a mixture of %d was asked for; they count from 0",
                         what, component, distribution->count);
    distribution->component[0] = distribution->component[component];
    distribution->count = 1;
    return L2O_OK;
}

int distribution_component_of(const distribution *distribution, int64_t instance, int64_t batch) {
    int64_t share = batch / distribution->count;
    int64_t component = share == 0 ? instance : instance / share;
    return component < distribution->count ? (int)component : distribution->count - 1;
}

double distribution_least(const distribution *distribution) {
    double least = INFINITY;
    for (int c = 0; c < distribution->count; c++) {
        const distribution_component *component = &distribution->component[c];
        bool unbounded = component->kind == DISTRIBUTION_NORMAL && component->second > 0;
        least = fmin(least, unbounded ? (double)-INFINITY : component->first);
    }
    return least;
}

double distribution_draw(const distribution_component *component, random_key key, uint64_t index) {
    switch (component->kind) {
    case DISTRIBUTION_FIXED: return component->first;
    case DISTRIBUTION_NORMAL: return component->first + component->second * random_normal(key, index);
    case DISTRIBUTION_UNIFORM:
        return component->first + (component->second - component->first) * random_uniform(key, index);
    case DISTRIBUTION_LOG_UNIFORM:
        return component->first * pow(component->second / component->first, random_uniform(key, index));
    }
    return 0;
}
