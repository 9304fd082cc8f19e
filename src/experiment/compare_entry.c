/* Reads the list of optimizers and makes each entry ready. Entries are separated by commas, options by colons, both
 * outside of brackets; a piece that is no option continues the value before it, so that A=normal:10 needs no quotes. */
#include "experiment/compare_entry.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "meta/adapt.h"
#include "optimizers/weights_file.h"
#include "problems/user_data.h"

enum { MOST_ENTRIES = 256, MOST_OPTIONS = 64 };

static const char *const ORIGIN = "its options";

l2o_status compare_entry_failed(const compare_entry *entry, l2o_status status, l2o_error *error) {
    if (status == L2O_OK || status == L2O_ERROR_CANCELLED || status == L2O_ERROR_MEMORY) return status;
    l2o_error cause = *error;
    return error_set(error, status, "optimizers: '%s': %s", entry->spec, cause.text);
}

/* -------------------------------------------------------------------------------------------------------- parsing */

static char *copy_text(arena *arena, const char *from, size_t length, l2o_error *error) {
    char *copy = arena_allocate(arena, length + 1, error);
    if (copy == NULL) return NULL;
    memcpy(copy, from, length);
    copy[length] = '\0';
    return copy;
}

/* The end of the piece that starts at `from`: the next separator outside of brackets, or the end of the text. */
static char *piece_end(char *from, char separator) {
    int depth = 0;
    for (; *from != '\0'; from++) {
        if (*from == '(' || *from == '[') depth++;
        if ((*from == ')' || *from == ']') && depth > 0) depth--;
        if (*from == separator && depth == 0) break;
    }
    return from;
}

/* Cuts spaces off both ends of [from, end), in place. */
static char *trim(char *from, char *end) {
    while (from < end && (*from == ' ' || *from == '\t' || *from == '\n')) from++;
    while (end > from && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n')) end--;
    *end = '\0';
    return from;
}

static l2o_status parse_option(compare_entry *entry, char *piece, l2o_error *error) {
    char *equals = strchr(piece, '=');
    compare_option *last = entry->option_count > 0 ? &entry->options[entry->option_count - 1] : NULL;
    if (strcmp(piece, "adapt") == 0) {
        entry->adapt = true;
    } else if (strcmp(piece, "tune") == 0) {
        entry->tune = true;
    } else if (equals != NULL && equals > piece) {
        if (entry->option_count == MOST_OPTIONS)
            return error_set(error, L2O_ERROR_INPUT, "more than %d options", (int)MOST_OPTIONS);
        *equals = '\0';
        entry->options[entry->option_count++] = (compare_option){piece, equals + 1};
    } else if (last != NULL && piece > last->value && piece[-1] == '\0' &&
               last->value + strlen(last->value) + 1 == piece) {
        piece[-1] = ':';
    } else {
        return error_set(error, L2O_ERROR_INPUT, "'%s' is no option; the options are adapt, tune and SETTING=VALUE",
                         piece);
    }
    return L2O_OK;
}

/* `text` is LABEL=SPEC or SPEC, trimmed. */
static l2o_status parse_entry(compare_entry *entry, const char *text, arena *arena, l2o_error *error) {
    entry->rate = NAN;
    entry->spec = copy_text(arena, text, strlen(text), error);
    char *rest = copy_text(arena, text, strlen(text), error);
    entry->options = arena_allocate(arena, MOST_OPTIONS * sizeof *entry->options, error);
    if (entry->spec == NULL || rest == NULL || entry->options == NULL) return error->status;
    char *colon = strchr(rest, ':'), *equals = strchr(rest, '=');
    entry->label = entry->spec;
    if (equals != NULL && (colon == NULL || equals < colon)) {
        entry->label = copy_text(arena, rest, (size_t)(equals - rest), error);
        if (entry->label == NULL) return error->status;
        entry->label = trim(entry->label, entry->label + strlen(entry->label));
        rest = trim(equals + 1, rest + strlen(rest));
    }
    if (entry->label[0] == '\0' || rest[0] == '\0')
        return error_set(error, L2O_ERROR_INPUT, "an entry is LABEL=SPEC or SPEC, neither of them empty");
    char *end = piece_end(rest, ':');
    bool more = *end != '\0';
    *end = '\0';
    entry->name = rest;
    while (more) {
        char *piece = end + 1;
        end = piece_end(piece, ':');
        more = *end != '\0';
        *end = '\0';
        TRY(parse_option(entry, piece, error));
    }
    return L2O_OK;
}

/* A label that an earlier entry has, too, gets a number. */
static l2o_status make_unique(compare_entry *entries, int count, arena *arena, l2o_error *error) {
    compare_entry *entry = &entries[count];
    size_t size = strlen(entry->label) + 16;
    char *label = entry->label;
    for (int number = 2;; number++) {
        bool taken = false;
        for (int i = 0; i < count; i++) taken |= strcmp(entries[i].label, label) == 0;
        if (!taken) break;
        if (label == entry->label) label = arena_allocate(arena, size, error);
        if (label == NULL) return error->status;
        snprintf(label, size, "%s (%d)", entry->label, number);
    }
    entry->label = label;
    return L2O_OK;
}

static l2o_status classical_list(const problem_ops *problem, arena *arena, char **list, l2o_error *error) {
    static const char *const proximal[] = {"ista", "fista", "cd"};
    enum { LIST_SIZE = 64 };
    *list = arena_allocate(arena, LIST_SIZE, error);
    if (*list == NULL) return error->status;
    size_t used = (size_t)snprintf(*list, LIST_SIZE, "adam:tune");
    for (size_t i = 0; i < sizeof proximal / sizeof *proximal; i++) {
        const optimizer_ops *ops = optimizer_find(proximal[i]);
        if (ops != NULL && problem != NULL && (problem->structures & ops->requires) == ops->requires)
            used += (size_t)snprintf(*list + used, LIST_SIZE - used, ",%s", proximal[i]);
    }
    return L2O_OK;
}

l2o_status compare_entries_parse(const char *given, const problem_ops *problem, arena *arena, compare_entry **entries,
                                 int *count, l2o_error *error) {
    char *list;
    if (given == NULL)
        TRY(classical_list(problem, arena, &list, error));
    else if ((list = copy_text(arena, given, strlen(given), error)) == NULL)
        return error->status;
    *count = 0;
    *entries = arena_allocate(arena, MOST_ENTRIES * sizeof **entries, error);
    if (*entries == NULL) return error->status;
    memset(*entries, 0, MOST_ENTRIES * sizeof **entries);
    for (bool more = true; more; (*count)++) {
        if (*count == MOST_ENTRIES)
            return error_set(error, L2O_ERROR_INPUT, "optimizers: more than %d entries", (int)MOST_ENTRIES);
        compare_entry *entry = &(*entries)[*count];
        char *end = piece_end(list, ',');
        more = *end != '\0';
        char *text = trim(list, end);
        list = end + 1;
        if (text[0] == '\0')
            return error_set(error, L2O_ERROR_INPUT, "optimizers: entry %d of the list is empty", *count + 1);
        l2o_status status = parse_entry(entry, text, arena, error);
        if (status != L2O_OK) return compare_entry_failed(entry, status, error);
        TRY(make_unique(*entries, *count, arena, error));
    }
    return L2O_OK;
}

/* ------------------------------------------------------------------------------------------------------- creation */

static l2o_status set_options(compare_entry *entry, const l2o_settings *settings, l2o_error *error) {
    TRY(settings_copy(settings, &entry->settings, error));
    for (int i = 0; i < entry->option_count; i++) {
        const compare_option *option = &entry->options[i];
        for (int j = 0; j < i; j++)
            if (strcmp(entry->options[j].key, option->key) == 0)
                return error_set(error, L2O_ERROR_INPUT, "'%s' is given twice", option->key);
        TRY(settings_set(entry->settings, option->key, option->value, ORIGIN, error));
    }
    return L2O_OK;
}

static l2o_status create_optimizer(compare_entry *entry, arena *arena, l2o_error *error) {
    if (!weights_file_recognised(entry->name)) {
        TRY(optimizer_create(entry->settings, entry->name, &entry->optimizer, error));
        entry->fresh = entry->optimizer->weight_total > 0;
        return L2O_OK;
    }
    TRY(weights_file_read(entry->name, entry->settings, &entry->optimizer, error));
    size_t bytes = (size_t)entry->optimizer->weight_total * sizeof(double);
    entry->weights = arena_allocate(arena, bytes, error);
    if (entry->weights == NULL) return error->status;
    memcpy(entry->weights, entry->optimizer->weights, bytes);
    return L2O_OK;
}

static l2o_status check_options(const compare_entry *entry, l2o_error *error) {
    const optimizer_ops *ops = entry->optimizer->ops;
    if (entry->adapt && entry->optimizer->weights == NULL)
        return error_set(error, L2O_ERROR_INPUT, "%s is hand-designed and has no weights to adapt; drop `adapt`",
                         ops->name);
    if (!entry->tune) return L2O_OK;
    bool has_rate = false;
    for (const setting *s = ops->settings; s != NULL && s->name != NULL; s++) has_rate |= strcmp(s->name, "rate") == 0;
    if (!has_rate)
        return error_set(error, L2O_ERROR_INPUT, "%s has no rate that could be tuned; drop `tune`", ops->name);
    if (settings_is_given(entry->settings, "rate"))
        return error_set(error, L2O_ERROR_INPUT, "the rate is %s already (%s); drop either that or `tune`",
                         settings_text(entry->settings, "rate"), settings_origin(entry->settings, "rate"));
    return L2O_OK;
}

/* Which of a user's instances are held out must be the same for tests and practice. */
static l2o_status check_split(const compare_entry *entry, const problem *test, l2o_error *error) {
    if (test->source == NULL || test->source->instances == 0) return L2O_OK;
    for (int i = 0; i < entry->option_count; i++)
        if (strcmp(entry->options[i].key, "held-out") == 0)
            return error_set(error, L2O_ERROR_INPUT,
                             "'held-out' decides which of your instances the test is on, so one optimizer that adapts "
                             "or is tuned cannot have its own; set it for all (--held-out)");
    return L2O_OK;
}

static l2o_status create(l2o_context *context, compare_entry *entry, const l2o_settings *settings, const problem *test,
                         arena *arena, l2o_error *error) {
    TRY(set_options(entry, settings, error));
    TRY(create_optimizer(entry, arena, error));
    TRY(check_options(entry, error));
    TRY(optimizer_suits(entry->optimizer, test, error));
    if (entry->adapt || entry->tune) TRY(check_split(entry, test, error));
    if (entry->adapt || entry->tune)
        TRY(problem_create_for(entry->settings, COMPONENT_ALL, entry->adapt ? STREAM_ADAPTATION : STREAM_TUNING,
                               &entry->practice, error));
    settings_mark_used(entry->settings, "seed");
    if (entry->adapt) TRY(adapt_check(context, entry->settings, entry->practice, entry->optimizer, error));
    if (entry->tune) {
        TRY(optimizer_suits(entry->optimizer, entry->practice, error));
        settings_mark_used(entry->settings, "tune-problems");
        settings_mark_used(entry->settings, "tune-lowest");
        settings_mark_used(entry->settings, "tune-highest");
    }
    settings_share_use(entry->settings, settings);
    return settings_check_origin(entry->settings, ORIGIN, error);
}

l2o_status compare_entry_create(l2o_context *context, compare_entry *entry, const l2o_settings *settings,
                                const problem *test, arena *arena, l2o_error *error) {
    return compare_entry_failed(entry, create(context, entry, settings, test, arena, error), error);
}

void compare_entry_free(compare_entry *entry) {
    settings_free(entry->settings);
    optimizer_free(entry->optimizer);
    problem_free(entry->practice);
}

/* ------------------------------------------------------------------------------------------------------ each run */

l2o_status compare_entry_begin(l2o_context *context, compare_entry *entry, uint32_t run, double *evaluations,
                               double *seconds, l2o_error *error) {
    optimizer *optimizer = entry->optimizer;
    if (entry->fresh)
        optimizer_initialise(optimizer, (uint64_t)settings_integer(entry->settings, "seed"), run, optimizer->weights);
    else if (entry->weights != NULL)
        memcpy(optimizer->weights, entry->weights, (size_t)optimizer->weight_total * sizeof(double));
    *evaluations = entry->tuning_evaluations;
    *seconds = entry->tuning_seconds;
    if (!entry->adapt) return L2O_OK;
    l2o_adaptation_report report;
    TRY(adapt_run(context, entry->settings, entry->practice, optimizer, run, false, &report, error));
    *evaluations += report.gradient_evaluations + report.measuring_evaluations;
    *seconds += report.seconds + report.measuring_seconds;
    return L2O_OK;
}
