/* From the text of an experiment to its parts, each key checked by name and value. */
#include "experiment/experiment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "experiment/catalog.h"
#include "experiment/claims.h"
#include "experiment/experiment_kinds.h"
#include "experiment/presets.h"
#include "experiment/quantity.h"

enum { LONGEST_NAME = 60 }; /* of what stands in headings; those of sections are shorter yet */

typedef struct reader {
    experiment *out;
    l2o_settings *known; /* to check values of settings with */
    const source_entry *sweep_x, *sweep_values, *sweep_of;
    const source_entry *chosen_methods, *chosen_panels, *chosen_variants;
    l2o_error *error;
} reader;

static l2o_status wrong(reader *self, const source_entry *entry, const char *what) {
    return error_set(self->error, L2O_ERROR_INPUT, "%s: %s", entry->origin, what);
}

static l2o_status wrong_key(reader *self, const source_entry *entry, const char *keys) {
    return error_set(self->error, L2O_ERROR_INPUT, "%s: '%.60s' is no key of [%s]; there are %s", entry->origin,
                     entry->key, entry->kind, keys);
}

/* ------------------------------------------------------------------------------------------------- values and lists */

static void *room(reader *self, size_t count, size_t size) {
    size_t bytes;
    if (memory_product(count, size, "parts of an experiment", &bytes, self->error) != L2O_OK) return NULL;
    void *made = arena_allocate(&self->out->source.memory, bytes, self->error);
    if (made != NULL) memset(made, 0, bytes);
    return made;
}

static l2o_status append(reader *self, value_list *list, const char *name, const source_entry *entry) {
    if (list->count == list->capacity) {
        int capacity = list->capacity == 0 ? 8 : 2 * list->capacity;
        named_value *grown = room(self, (size_t)capacity, sizeof *grown);
        if (grown == NULL) return self->error->status;
        if (list->count > 0) memcpy(grown, list->items, (size_t)list->count * sizeof *grown);
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = (named_value){name, entry->value, entry->origin};
    return L2O_OK;
}

const char *value_list_find(const value_list *list, const char *name) {
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0) return list->items[i].value;
    return NULL;
}

/* A setting, whose name and value are checked here. */
static l2o_status append_setting(reader *self, value_list *list, const char *name, const source_entry *entry) {
    TRY(settings_set(self->known, name, entry->value, entry->origin, self->error));
    return append(self, list, name, entry);
}

static l2o_status read_flag(reader *self, const source_entry *entry, bool *out) {
    *out = strcmp(entry->value, "yes") == 0;
    if (*out || strcmp(entry->value, "no") == 0) return L2O_OK;
    return error_set(self->error, L2O_ERROR_INPUT, "%s: '%s' is yes or no, not '%.60s'", entry->origin, entry->key,
                     entry->value);
}

static l2o_status read_number(reader *self, const source_entry *entry, double *out) {
    char *end;
    *out = strtod(entry->value, &end);
    if (end != entry->value && *end == '\0' && isfinite(*out)) return L2O_OK;
    return error_set(self->error, L2O_ERROR_INPUT, "%s: '%.60s' is a number, not '%.60s'", entry->origin, entry->key,
                     entry->value);
}

/* The next piece of a list between commas, without blanks around it; NULL at the end. */
static const char *next_piece(reader *self, const char **at) {
    if (**at == '\0') return NULL;
    size_t length = strcspn(*at, ","), skipped = strspn(*at, " \t");
    const char *start = *at + (skipped < length ? skipped : length), *end = *at + length;
    *at += length + ((*at)[length] == ',');
    while (end > start && (end[-1] == ' ' || end[-1] == '\t')) end--;
    char *copy = room(self, (size_t)(end - start) + 1, 1);
    if (copy != NULL) memcpy(copy, start, (size_t)(end - start));
    return copy;
}

/* --------------------------------------------------------------------------------------------------------- sections */

/* The name of part `index`, which is each part's first member. */
static const char *part_name(const void *parts, size_t size, int index) {
    const char *name;
    memcpy(&name, (const char *)parts + (size_t)index * size, sizeof name);
    return name;
}

/* The part that the entry's section is called by, made where there is none; NULL when there are too many. */
static void *part_of(reader *self, const source_entry *entry, void *parts, size_t size, int *count) {
    int index = 0;
    while (index < *count && strcmp(part_name(parts, size, index), entry->label) != 0) index++;
    if (index == MOST_PARTS) {
        wrong(self, entry, "more than 128 sections of this kind");
        return NULL;
    }
    char *part = (char *)parts + (size_t)index * size;
    if (index == *count) {
        memcpy(part, &entry->label, sizeof entry->label);
        ++*count;
    }
    return part;
}

static l2o_status read_kind(reader *self, const source_entry *entry) {
    char names[256];
    self->out->kind = experiment_kind_find(entry->value);
    if (self->out->kind != NULL) return L2O_OK;
    experiment_kind_names(names, sizeof names);
    return error_set(self->error, L2O_ERROR_INPUT, "%s: there is no kind of experiment '%.60s'; there are %s",
                     entry->origin, entry->value, names);
}

static l2o_status read_quantity(reader *self, const source_entry *entry) {
    char names[128];
    self->out->quantity = quantity_find(entry->value);
    if (self->out->quantity != NULL) return L2O_OK;
    quantity_names(names, sizeof names);
    return error_set(self->error, L2O_ERROR_INPUT, "%s: there is no quantity '%.60s'; there are %s", entry->origin,
                     entry->value, names);
}

static l2o_status read_steps(reader *self, const source_entry *entry) {
    experiment *out = self->out;
    const char *at = entry->value, *piece;
    out->at_count = 0;
    while ((piece = next_piece(self, &at)) != NULL) {
        char *end;
        double step = strtod(piece, &end);
        if (end == piece || *end != '\0' || !(step >= 0 && step <= 1e12) || step != floor(step))
            return wrong(self, entry, "'at' is a step, a whole number from 0, or a list of steps");
        if (out->at_count == MOST_STEPS) return wrong(self, entry, "'at' has at most 16 steps");
        if (step > 0) out->at[out->at_count++] = (int64_t)step;
    }
    return self->error->status;
}

static l2o_status read_experiment(reader *self, const source_entry *entry) {
    experiment *out = self->out;
    const struct {
        const char *key, **target;
    } texts[] = {{"title", &out->title},           {"summary", &out->summary},   {"reference", &out->reference},
                 {"row-header", &out->row_header}, {"baseline", &out->baseline}, {"x-label", &out->x_label}};
    const struct {
        const char *key;
        const source_entry **target;
    } lists[] = {
        {"methods", &self->chosen_methods}, {"panels", &self->chosen_panels}, {"variants", &self->chosen_variants}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(entry->key, texts[i].key) == 0) {
            bool heading = texts[i].target == &out->row_header || texts[i].target == &out->x_label;
            if (heading && strlen(entry->value) > LONGEST_NAME)
                return wrong(self, entry, "a heading has at most 60 characters");
            return *texts[i].target = entry->value, L2O_OK;
        }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(entry->key, lists[i].key) == 0) return *lists[i].target = entry, L2O_OK;
    if (strcmp(entry->key, "kind") == 0) return read_kind(self, entry);
    if (strcmp(entry->key, "curves") == 0) return read_flag(self, entry, &out->curves);
    if (strcmp(entry->key, "x-log") == 0) return read_flag(self, entry, &out->x_log);
    if (strcmp(entry->key, "at") == 0) return read_steps(self, entry);
    if (strcmp(entry->key, "quantity") == 0) return read_quantity(self, entry);
    return wrong_key(self, entry,
                     "title, summary, reference, kind, inherit, methods, panels, variants, row-header, baseline, "
                     "quantity, at, curves, x-label and x-log");
}

static l2o_status read_weights(reader *self, const source_entry *entry) {
    experiment_weights *weights = part_of(self, entry, self->out->weights, sizeof *weights, &self->out->weights_count);
    if (weights == NULL) return self->error->status;
    weights->origin = entry->origin;
    if (entry->key[0] == '\0') return L2O_OK;
    if (strcmp(entry->key, "preset") == 0) {
        weights->preset = entry->value;
        l2o_status status = preset_check(entry->value, self->error);
        if (status == L2O_OK) return L2O_OK;
        l2o_error cause = *self->error;
        return error_set(self->error, status, "%s: %s", entry->origin, cause.text);
    }
    if (strcmp(entry->key, "file") == 0) {
        weights->file = entry->value;
        weights->file_origin = entry->origin;
        return L2O_OK;
    }
    if (strcmp(entry->key, "fixed") == 0) return read_flag(self, entry, &weights->fixed);
    if (strcmp(entry->key, "from") == 0) return weights->from = entry->value, L2O_OK;
    if (strcmp(entry->key, "on") == 0) {
        weights->on_panel = strcmp(entry->value, "panel") == 0;
        return weights->on_panel ? L2O_OK : wrong(self, entry, "'on' is panel: a training for each panel");
    }
    if (strcmp(entry->key, "seed") == 0 || strcmp(entry->key, "seeds") == 0)
        return wrong(self, entry, "the seeds of all trainings are set by 'seeds' in [settings]");
    return append_setting(self, &weights->settings, entry->key, entry);
}

static l2o_status read_tuning(reader *self, const source_entry *entry, rate_choice *out) {
    *out = strcmp(entry->value, "family") == 0 ? RATE_BY_FAMILY : RATE_BY_PROBLEM;
    if (*out == RATE_BY_FAMILY || strcmp(entry->value, "problem") == 0) return L2O_OK;
    return wrong(self, entry, "'tune' is family (the best rate on tuning problems) or problem (the best in each run)");
}

/* What follows a prefix such as "adapt."; NULL without it. */
static const char *after(const char *key, const char *prefix) {
    size_t length = strlen(prefix);
    return strncmp(key, prefix, length) == 0 ? key + length : NULL;
}

static l2o_status read_method(reader *self, const source_entry *entry) {
    experiment_method *method = part_of(self, entry, self->out->methods, sizeof *method, &self->out->method_count);
    if (method == NULL) return self->error->status;
    method->origin = entry->origin;
    if (entry->key[0] == '\0') return L2O_OK;
    if (strcmp(entry->key, "weights") == 0) return method->weights = entry->value, L2O_OK;
    if (strcmp(entry->key, "optimizer") == 0) return method->optimizer = entry->value, L2O_OK;
    if (strcmp(entry->key, "group") == 0) return method->group = entry->value, L2O_OK;
    if (strcmp(entry->key, "adapt") == 0) return read_flag(self, entry, &method->adapt);
    if (strcmp(entry->key, "limit") == 0) return read_flag(self, entry, &method->limit);
    if (strcmp(entry->key, "tune") == 0) return read_tuning(self, entry, &method->tune);
    const char *rest = after(entry->key, "test.");
    if (rest != NULL && strcmp(rest, "lambda") != 0 && strcmp(rest, "lambda-relative") != 0)
        return wrong(self, entry, "of the test problems a method may have its own lambda or lambda-relative alone");
    if (rest != NULL) return append_setting(self, &method->test, rest, entry);
    return append_setting(self, &method->options, entry->key, entry);
}

/* One point of a published curve: VALUE or STEP:VALUE. The `index`-th of values without steps is that of step `index`.
 */
static bool read_point(const char *text, int64_t index, double *step, double *value) {
    char *end;
    const char *colon = strchr(text, ':');
    *step = (double)index;
    if (colon != NULL) {
        *step = strtod(text, &end);
        if (end != colon || !(*step >= 0 && *step == floor(*step))) return false;
        text = colon + 1;
    }
    *value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*value);
}

/* "-30.4", or a curve: "0, -4.5, -7.5" from step 0 on, or "1:16, 2:26, 100:0.0066". */
static l2o_status read_published(reader *self, const source_entry *entry, experiment_published *out) {
    const char *at = entry->value, *piece;
    int64_t most = 1;
    for (const char *c = entry->value; *c != '\0'; c++) most += *c == ',';
    if (most > MOST_PUBLISHED) return wrong(self, entry, "a published curve has at most 1024 points");
    out->count = 0;
    out->origin = entry->origin;
    out->step = room(self, (size_t)(2 * most), sizeof *out->step);
    if (out->step == NULL) return self->error->status;
    out->value = out->step + most;
    while ((piece = next_piece(self, &at)) != NULL) {
        double *step = &out->step[out->count];
        if (!read_point(piece, out->count, step, &out->value[out->count]) || (out->count > 0 && !(step[0] > step[-1])))
            return error_set(self->error, L2O_ERROR_INPUT,
                             "%s: '%s' is a number, or a list of numbers from step 0 on, or of STEP:NUMBER with "
                             "increasing steps, not '%.60s'",
                             entry->origin, entry->key, entry->value);
        out->count++;
    }
    if (out->count == 1 && strchr(entry->value, ':') == NULL) out->step[0] = NAN;
    return self->error->status;
}

/* A method's, which replaces what a file that is inherited from has. */
static l2o_status add_published(reader *self, experiment_panel *panel, const char *method, const source_entry *entry) {
    int i = 0;
    while (i < panel->paper_count && strcmp(panel->papers[i].method, method) != 0) i++;
    if (i == panel->paper_capacity) {
        int capacity = i == 0 ? 8 : 2 * i;
        experiment_published *grown = room(self, (size_t)capacity, sizeof *grown);
        if (grown == NULL) return self->error->status;
        if (i > 0) memcpy(grown, panel->papers, (size_t)i * sizeof *grown);
        panel->papers = grown;
        panel->paper_capacity = capacity;
    }
    if (i == panel->paper_count) panel->paper_count++;
    panel->papers[i].method = method;
    return read_published(self, entry, &panel->papers[i]);
}

const experiment_published *experiment_find_published(const experiment_panel *panel, const char *method) {
    for (int i = 0; i < panel->paper_count; i++)
        if (strcmp(panel->papers[i].method, method) == 0) return &panel->papers[i];
    return NULL;
}

static l2o_status read_panel(reader *self, const source_entry *entry) {
    experiment_panel *panel = part_of(self, entry, self->out->panels, sizeof *panel, &self->out->panel_count);
    if (panel == NULL || entry->key[0] == '\0') return self->error->status;
    const char *rest;
    if ((rest = after(entry->key, "paper.")) != NULL) return add_published(self, panel, rest, entry);
    if ((rest = after(entry->key, "adapt.")) != NULL) return append_setting(self, &panel->adapt, rest, entry);
    return append_setting(self, &panel->settings, entry->key, entry);
}

static l2o_status read_variant(reader *self, const source_entry *entry) {
    experiment_variant *variant = part_of(self, entry, self->out->variants, sizeof *variant, &self->out->variant_count);
    if (variant == NULL || entry->key[0] == '\0') return self->error->status;
    const char *rest;
    if ((rest = after(entry->key, "weights.")) != NULL) return append(self, &variant->weights, rest, entry);
    if ((rest = after(entry->key, "train.")) != NULL) return append_setting(self, &variant->training, rest, entry);
    if ((rest = after(entry->key, "adapt.")) != NULL) return append_setting(self, &variant->adapt, rest, entry);
    return append_setting(self, &variant->settings, entry->key, entry);
}

static l2o_status read_sweep(reader *self, const source_entry *entry) {
    if (strcmp(entry->key, "x") == 0)
        self->sweep_x = entry;
    else if (strcmp(entry->key, "values") == 0)
        self->sweep_values = entry;
    else if (strcmp(entry->key, "of") == 0)
        self->sweep_of = entry;
    else
        return wrong_key(self, entry, "x, values and of");
    return L2O_OK;
}

static l2o_status read_claim(reader *self, const source_entry *entry) {
    experiment_claim *claim = part_of(self, entry, self->out->claims, sizeof *claim, &self->out->claim_count);
    if (claim == NULL) return self->error->status;
    if (claim->origin == NULL) claim->factor = 1;
    claim->origin = entry->origin;
    if (entry->key[0] == '\0') return L2O_OK;
    const struct {
        const char *key, **target;
    } texts[] = {{"text", &claim->text},   {"method", &claim->method},   {"below", &claim->other},
                 {"panel", &claim->panel}, {"variant", &claim->variant}, {"near", &claim->other},
                 {"unmet", &claim->unmet}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(entry->key, texts[i].key) != 0) continue;
        claim->near |= strcmp(entry->key, "near") == 0;
        *texts[i].target = entry->value;
        return L2O_OK;
    }
    if (strcmp(entry->key, "bound") == 0) return read_number(self, entry, &claim->bound);
    if (strcmp(entry->key, "factor") == 0) return read_number(self, entry, &claim->factor);
    if (strcmp(entry->key, "measure") != 0)
        return wrong_key(self, entry, "text, method, below, near, bound, factor, panel, variant, measure and unmet");
    static const char *const measures[] = {"minimum", "last", "spread"};
    for (int i = 0; i < 3; i++)
        if (strcmp(entry->value, measures[i]) == 0) return claim->measure = (claim_measure)(i + 1), L2O_OK;
    return wrong(self, entry, "'measure' is minimum, last or spread (the deviation over meta-training seeds)");
}

static l2o_status read_settings(reader *self, const source_entry *entry) {
    return append_setting(self, &self->out->settings, entry->key, entry);
}

static l2o_status read_entry(reader *self, const source_entry *entry) {
    const struct {
        const char *kind;
        bool labelled;
        l2o_status (*read)(reader *self, const source_entry *entry);
    } sections[] = {{"experiment", false, read_experiment}, {"settings", false, read_settings},
                    {"sweep", false, read_sweep},           {"weights", true, read_weights},
                    {"method", true, read_method},          {"panel", true, read_panel},
                    {"variant", true, read_variant},        {"claim", true, read_claim}};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (strcmp(sections[i].kind, entry->kind) == 0 && sections[i].labelled == (entry->label[0] != '\0'))
            return sections[i].labelled || entry->key[0] != '\0' ? sections[i].read(self, entry) : L2O_OK;
    return error_set(self->error, L2O_ERROR_INPUT,
                     "%s: [%s%s%s] is no section of an experiment; there are [experiment], [settings], [sweep], "
                     "[weights NAME], [method NAME], [panel NAME], [variant NAME] and [claim NAME]",
                     entry->origin, entry->kind, entry->label[0] != '\0' ? " " : "", entry->label);
}

/* -------------------------------------------------------------------------------------------------- the whole of it */

/* Each value of the sweep is a variant. */
static l2o_status expand_sweep(reader *self) {
    experiment *out = self->out;
    const source_entry *given = self->sweep_x != NULL ? self->sweep_x : self->sweep_values;
    if (given == NULL && self->sweep_of == NULL) return L2O_OK;
    if (self->sweep_x == NULL || self->sweep_values == NULL)
        return wrong(self, given != NULL ? given : self->sweep_of, "[sweep] needs both x and values");
    if (out->variant_count > 0) return wrong(self, given, "there are [sweep] and [variant] sections; keep one of them");
    const char *of = self->sweep_of != NULL ? self->sweep_of->value : "adapt", *at = self->sweep_values->value, *piece;
    bool adapt = strcmp(of, "adapt") == 0, train = strcmp(of, "train") == 0;
    if (!adapt && !train && strcmp(of, "test") != 0)
        return wrong(self, self->sweep_of, "'of' is adapt, train or test: what the setting x belongs to");
    while ((piece = next_piece(self, &at)) != NULL) {
        if (out->variant_count == MOST_PARTS) return wrong(self, self->sweep_values, "more than 128 values");
        for (int i = 0; i < out->variant_count; i++)
            if (strcmp(out->variants[i].name, piece) == 0)
                return wrong(self, self->sweep_values, "the same value stands twice among the values");
        if (strlen(piece) > LONGEST_NAME) return wrong(self, self->sweep_values, "a value has more than 60 characters");
        experiment_variant *variant = &out->variants[out->variant_count++];
        source_entry value = *self->sweep_values;
        value.value = piece;
        variant->name = piece;
        value_list *list = adapt ? &variant->adapt : train ? &variant->training : &variant->settings;
        TRY(append_setting(self, list, self->sweep_x->value, &value));
    }
    if (out->x_label == NULL) out->x_label = self->sweep_x->value;
    return self->error->status;
}

/* Numbers that stand in names: 10 and 1e-3, and the 100 of normal:100. */
static void find_numbers(experiment *out) {
    for (int i = 0; i < out->variant_count; i++) {
        char *end;
        const char *colon = strrchr(out->variants[i].name, ':');
        const char *start = colon != NULL ? colon + 1 : out->variants[i].name;
        out->variants[i].x = strtod(start, &end);
        if (end == start || *end != '\0') out->variants[i].x = NAN;
    }
}

/* Keeps the parts that a list names, in its order. */
static l2o_status choose(reader *self, const source_entry *list, void *parts, size_t size, int *count) {
    if (list == NULL) return L2O_OK;
    char *all = parts, *chosen = room(self, MOST_PARTS, size);
    if (chosen == NULL) return self->error->status;
    int kept = 0;
    const char *at = list->value, *name;
    while ((name = next_piece(self, &at)) != NULL) {
        int i = 0;
        while (i < *count && strcmp(part_name(all, size, i), name) != 0) i++;
        if (i == *count || kept == MOST_PARTS)
            return error_set(self->error, L2O_ERROR_INPUT, "%s: '%s' names '%.60s', but there is no such section",
                             list->origin, list->key, name);
        for (int k = 0; k < kept; k++)
            if (strcmp(part_name(chosen, size, k), name) == 0)
                return error_set(self->error, L2O_ERROR_INPUT, "%s: '%s' names '%.60s' twice; keep one of them",
                                 list->origin, list->key, name);
        memcpy(chosen + (size_t)kept++ * size, all + (size_t)i * size, size);
    }
    memcpy(all, chosen, (size_t)kept * size);
    *count = kept;
    return self->error->status;
}

const experiment_weights *experiment_find_weights(const experiment *experiment, const char *name) {
    for (int i = 0; i < experiment->weights_count; i++)
        if (strcmp(experiment->weights[i].name, name) == 0) return &experiment->weights[i];
    return NULL;
}

const experiment_method *experiment_find_method(const experiment *experiment, const char *name) {
    for (int i = 0; i < experiment->method_count; i++)
        if (strcmp(experiment->methods[i].name, name) == 0) return &experiment->methods[i];
    return NULL;
}

const experiment_weights *experiment_weights_of(const experiment *experiment, const experiment_method *method,
                                                const experiment_variant *variant) {
    const char *name = value_list_find(&variant->weights, method->name);
    if (name == NULL) name = method->weights;
    return name == NULL ? NULL : experiment_find_weights(experiment, name);
}

static l2o_status check_recipe(reader *self, const char *name, const char *origin) {
    if (name == NULL || experiment_find_weights(self->out, name) != NULL) return L2O_OK;
    return error_set(self->error, L2O_ERROR_INPUT, "%s: there is no section [weights %.60s]", origin, name);
}

/* Recipes that begin with others' weights, which must not lead in a circle, and recipes on panels. */
static l2o_status check_weights(reader *self, const experiment_weights *weights) {
    const experiment *out = self->out;
    if (weights->on_panel && !out->kind->compares)
        return error_set(self->error, L2O_ERROR_INPUT,
                         "%s: [weights %s]: 'on = panel' is for the kinds table and sweep, not for %s", weights->origin,
                         weights->name, out->kind->name);
    if (weights->file != NULL && (weights->on_panel || weights->from != NULL))
        return error_set(self->error, L2O_ERROR_INPUT,
                         "%s: [weights %s]: weights that are trained for each panel, or begin with those of another "
                         "recipe, are not shipped; drop 'file'",
                         weights->origin, weights->name);
    if (weights->from == NULL) return L2O_OK;
    TRY(check_recipe(self, weights->from, weights->origin));
    const experiment_weights *first = experiment_find_weights(out, weights->from);
    if (first->on_panel && !weights->on_panel)
        return error_set(self->error, L2O_ERROR_INPUT,
                         "%s: [weights %s] begins with the weights of '%s', of which each panel has its own; add on = "
                         "panel",
                         weights->origin, weights->name, first->name);
    if (value_list_find(&weights->settings, "optimizer") != NULL)
        return error_set(self->error, L2O_ERROR_INPUT,
                         "%s: [weights %s] begins with the weights of '%s' and so has its optimizer; drop 'optimizer'",
                         weights->origin, weights->name, first->name);
    for (int steps = 0; first->from != NULL && experiment_find_weights(out, first->from) != NULL; steps++) {
        if (steps == out->weights_count)
            return error_set(self->error, L2O_ERROR_INPUT,
                             "%s: [weights %s]: 'from' leads in a circle; let one of its recipes begin afresh",
                             weights->origin, weights->name);
        first = experiment_find_weights(out, first->from);
    }
    return L2O_OK;
}

static l2o_status check_method(reader *self, experiment_method *method) {
    int ways = (method->weights != NULL) + (method->optimizer != NULL) + method->limit;
    if (ways != 1)
        return error_set(self->error, L2O_ERROR_INPUT,
                         "%s: [method %s] needs one of weights, optimizer and limit = yes, and has %d", method->origin,
                         method->name, ways);
    if (method->limit && self->out->quantity != &quantity_ln)
        return error_set(self->error, L2O_ERROR_INPUT, "%s: [method %s] is the limit of ln f alone; leave it out",
                         method->origin, method->name);
    if (method->limit &&
        (method->adapt || method->tune != RATE_GIVEN || method->options.count > 0 || method->test.count > 0))
        return error_set(self->error, L2O_ERROR_INPUT, "%s: [method %s] is the limit, which takes no other keys",
                         method->origin, method->name);
    if (method->group == NULL)
        method->group = method->limit ? "limit" : method->weights != NULL || method->adapt ? "learned" : "classical";
    return check_recipe(self, method->weights, method->origin);
}

/* A claim about a part that is not there would come to light when all is done. */
static l2o_status check_claimed(reader *self, const experiment_claim *claim, const char *what, const char *names,
                                const void *parts, size_t size, int count) {
    if (names == NULL || strcmp(names, "all") == 0) return L2O_OK;
    size_t length;
    for (const char *name = claim_next_name(&names, &length); name != NULL; name = claim_next_name(&names, &length)) {
        bool found = false;
        for (int i = 0; i < count && !found; i++) {
            const char *own = part_name(parts, size, i);
            found = strlen(own) == length && strncmp(own, name, length) == 0;
        }
        if (!found)
            return error_set(self->error, L2O_ERROR_INPUT,
                             "%s: [claim %s] is about the %s '%.*s', which is not among those here", claim->origin,
                             claim->name, what, (int)(length < 60 ? length : 60), name);
    }
    return L2O_OK;
}

static l2o_status check_claim(reader *self, const experiment_claim *claim) {
    const char *what = claim->text == NULL     ? "text"
                       : claim->method == NULL ? "method"
                       : claim->other == NULL  ? "below or near"
                                               : NULL;
    if (what != NULL)
        return error_set(self->error, L2O_ERROR_INPUT, "%s: [claim %s] lacks %s", claim->origin, claim->name, what);
    if (claim->measure == CLAIM_MINIMUM && self->out->quantity->last)
        return error_set(self->error, L2O_ERROR_INPUT,
                         "%s: [claim %s]: with quantity = %s there is no measure 'minimum'; it is about the last value",
                         claim->origin, claim->name, self->out->quantity->name);
    char *end;
    strtod(claim->other, &end);
    const char *names[] = {claim->method, end != claim->other && *end == '\0' ? NULL : claim->other};
    for (int i = 0; i < 2; i++)
        if (names[i] != NULL && experiment_find_method(self->out, names[i]) == NULL)
            return error_set(self->error, L2O_ERROR_INPUT, "%s: [claim %s] is about '%.60s', which is no method here",
                             claim->origin, claim->name, names[i]);
    TRY(check_claimed(self, claim, "panel", claim->panel, self->out->panels, sizeof *self->out->panels,
                      self->out->panel_count));
    return check_claimed(self, claim, "variant", claim->variant, self->out->variants, sizeof *self->out->variants,
                         self->out->variant_count);
}

static l2o_status check(reader *self) {
    experiment *out = self->out;
    if (out->title == NULL || out->kind == NULL)
        return error_set(self->error, L2O_ERROR_INPUT, "%s: [experiment] needs title and kind", out->path);
    if (out->quantity == &quantity_ln && out->at_count > 1)
        return error_set(self->error, L2O_ERROR_INPUT,
                         "%s: tables of ln f have one step 'at'; several are for other quantities", out->path);
    for (int i = 0; i < out->weights_count; i++) TRY(check_weights(self, &out->weights[i]));
    for (int i = 0; i < out->method_count; i++) TRY(check_method(self, &out->methods[i]));
    for (int i = 0; i < out->variant_count; i++)
        for (int k = 0; k < out->variants[i].weights.count; k++) {
            const named_value *value = &out->variants[i].weights.items[k];
            TRY(check_recipe(self, value->value, value->origin));
        }
    for (int i = 0; i < out->claim_count; i++) TRY(check_claim(self, &out->claims[i]));
    if (out->baseline != NULL && experiment_find_method(out, out->baseline) == NULL)
        return error_set(self->error, L2O_ERROR_INPUT, "%s: the baseline '%.60s' is no method here", out->path,
                         out->baseline);
    if (out->quantity != &quantity_ln && out->kind != &kind_table && out->kind != &kind_sweep)
        return error_set(self->error, L2O_ERROR_INPUT, "%s: quantity = %s is for the kinds table and sweep, not for %s",
                         out->path, out->quantity->name, out->kind->name);
    return experiment_kind_check(out, self->error);
}

/* Methods that panels and variants speak of: all that there are, also those that this experiment leaves out. */
static l2o_status check_names(reader *self) {
    const experiment *out = self->out;
    for (int p = 0; p < out->panel_count; p++)
        for (int k = 0; k < out->panels[p].paper_count; k++) {
            const experiment_published *paper = &out->panels[p].papers[k];
            if (out->method_count > 0 && experiment_find_method(out, paper->method) == NULL)
                return error_set(self->error, L2O_ERROR_INPUT, "%s: 'paper.%.60s': there is no [method %.60s]",
                                 paper->origin, paper->method, paper->method);
        }
    for (int v = 0; v < out->variant_count; v++)
        for (int k = 0; k < out->variants[v].weights.count; k++) {
            const named_value *value = &out->variants[v].weights.items[k];
            const experiment_method *method = experiment_find_method(out, value->name);
            if (method == NULL || method->weights == NULL)
                return error_set(self->error, L2O_ERROR_INPUT,
                                 "%s: 'weights.%.60s': there is no [method %.60s] with weights, which a variant could "
                                 "replace",
                                 value->origin, value->name, value->name);
        }
    return L2O_OK;
}

static l2o_status read_all(reader *self) {
    experiment *out = self->out;
    out->weights = room(self, MOST_PARTS, sizeof *out->weights);
    out->methods = room(self, MOST_PARTS, sizeof *out->methods);
    out->panels = room(self, MOST_PARTS, sizeof *out->panels);
    out->variants = room(self, MOST_PARTS, sizeof *out->variants);
    out->claims = room(self, MOST_PARTS, sizeof *out->claims);
    if (self->error->status != L2O_OK) return self->error->status;
    for (int i = 0; i < out->source.count; i++) TRY(read_entry(self, &out->source.entries[i]));
    TRY(expand_sweep(self));
    TRY(check_names(self));
    TRY(choose(self, self->chosen_methods, out->methods, sizeof *out->methods, &out->method_count));
    TRY(choose(self, self->chosen_panels, out->panels, sizeof *out->panels, &out->panel_count));
    TRY(choose(self, self->chosen_variants, out->variants, sizeof *out->variants, &out->variant_count));
    if (out->variant_count == 0) out->variants[out->variant_count++].name = "";
    find_numbers(out);
    return check(self);
}

static l2o_status interpret(const char *path, const char *name, experiment *out, l2o_error *error) {
    l2o_error fault = {0}; /* of our own, as `error` may hold an older one */
    reader self = {.out = out, .error = &fault};
    out->curves = true;
    out->quantity = &quantity_ln;
    char *texts = arena_allocate(&out->source.memory, strlen(path) + strlen(name) + 2, error);
    if (texts == NULL) return error->status;
    out->path = memcpy(texts, path, strlen(path) + 1);
    out->name = memcpy(texts + strlen(path) + 1, name, strlen(name) + 1);
    l2o_status status = catalog_settings(&self.known, &fault);
    if (status == L2O_OK) status = read_all(&self);
    settings_free(self.known);
    if (status != L2O_OK) *error = fault;
    return status;
}

l2o_status experiment_read(const char *path, const char *name, experiment *out, l2o_error *error) {
    *out = (experiment){0};
    TRY(experiment_source_read(path, experiment_find, &out->source, error));
    l2o_status status = interpret(path, name, out, error);
    if (status != L2O_OK) experiment_free(out);
    return status;
}

l2o_status experiment_parse(const char *bytes, size_t size, const char *name, experiment *out, l2o_error *error) {
    *out = (experiment){0};
    TRY(experiment_source_parse(bytes, size, name, &out->source, error));
    l2o_status status = interpret(name, name, out, error);
    if (status != L2O_OK) experiment_free(out);
    return status;
}

void experiment_free(experiment *experiment) {
    experiment_source_free(&experiment->source);
    *experiment = (struct experiment){0};
}
