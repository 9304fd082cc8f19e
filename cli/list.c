/* l2o list: what there is to choose from, and the reference of all settings. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "help.h"
#include "l2o/experiment.h"
#include "output.h"
#include "table.h"

static const char *const kinds[] = {"problems", "optimizers",  "estimators", "meta-losses", "presets",
                                    "kernels",  "experiments", "models",     "settings"};
enum { KINDS = sizeof kinds / sizeof *kinds, LARGEST_PLAIN = 1000000000 };

/* -------------------------------------------------------------------------------------------------------- catalog */

static json_t *optional_text(const char *text) { return text != NULL ? json_string(text) : json_null(); }

static json_t *catalog_json(const char *kind) {
    json_t *list = json_array();
    l2o_catalog_entry entry;
    for (int i = 0; l2o_catalog(kind, i, &entry) != 0; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", entry.name, "summary", entry.summary,
                                              "reference", optional_text(entry.reference)));
    return list;
}

static void catalog_table(const char *kind, FILE *stream, table_style style) {
    static const char *const headings[] = {"name", "what it is", "reference"};
    bool referenced = false;
    l2o_catalog_entry entry;
    for (int i = 0; l2o_catalog(kind, i, &entry) != 0; i++) referenced |= entry.reference != NULL;
    table table = {0};
    table_begin(&table, referenced ? 3 : 2, headings);
    for (int i = 0; l2o_catalog(kind, i, &entry) != 0; i++) {
        table_cell(&table, "%s", entry.name);
        table_cell(&table, "%s", entry.summary);
        if (referenced) table_cell(&table, "%s", entry.reference != NULL ? entry.reference : "");
    }
    table_print(&table, stream, style, 0);
    table_free(&table);
}

/* ---------------------------------------------------------------------------------------------------- experiments */

static void experiments_table(const json_t *list, FILE *stream, table_style style) {
    static const char *const headings[] = {"name", "what it is", "kind", "reference"}, *const keys[] = {"name", "title",
                                                                                                        "kind",
                                                                                                        "reference"};
    table table = {0};
    table_begin(&table, 4, headings);
    for (size_t i = 0; i < json_array_size(list); i++)
        for (int k = 0; k < 4; k++) {
            const char *text = json_string_value(json_object_get(json_array_get(list, i), keys[k]));
            table_cell(&table, "%s", text != NULL ? text : "");
        }
    table_print(&table, stream, style, 0);
    table_free(&table);
}

/* --------------------------------------------------------------------------------------------------------- models */

/* "ml2o-table1 [weights ml2o], ..." */
static void recipes_cell(table *table, const json_t *recipes) {
    char text[512] = "";
    for (size_t i = 0; i < json_array_size(recipes); i++) {
        const json_t *recipe = json_array_get(recipes, i);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s [weights %s]", i > 0 ? ", " : "",
                 json_string_value(json_object_get(recipe, "experiment")),
                 json_string_value(json_object_get(recipe, "weights")));
    }
    table_cell(table, "%s", text);
}

static void models_table(const json_t *list, FILE *stream, table_style style) {
    static const char *const headings[] = {"file", "recipe", "seed", "updates", "kernel"}, *const keys[] = {"seed",
                                                                                                            "updates",
                                                                                                            "kernel"};
    table table = {0};
    table_begin(&table, 5, headings);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *model = json_array_get(list, i);
        table_cell(&table, "%s", json_string_value(json_object_get(model, "file")));
        recipes_cell(&table, json_object_get(model, "recipes"));
        for (int k = 0; k < 3; k++) {
            const char *text = json_string_value(json_object_get(model, keys[k]));
            table_cell(&table, "%s", text != NULL ? text : "");
        }
    }
    table_print(&table, stream, style, 0);
    table_free(&table);
}

/* ------------------------------------------------------------------------------------------------------- settings */

static json_t *settings_json(const l2o_settings *settings) {
    json_t *list = json_array();
    l2o_setting_description setting;
    for (int i = 0; l2o_settings_describe(settings, i, &setting) != 0; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s}", "table", setting.table, "name",
                            setting.name, "type", setting.type, "unit", optional_text(setting.unit), "default",
                            optional_text(setting.default_value), "choices", optional_text(setting.choices), "minimum",
                            setting.is_number ? output_real(setting.minimum) : json_null(), "maximum",
                            setting.is_number ? output_real(setting.maximum) : json_null(), "help", setting.help));
    return list;
}

/* "0 to 0.9", "at least 1", "a, b or c" */
static void values_cell(table *table, const l2o_setting_description *setting) {
    if (setting->choices != NULL)
        table_cell(table, "%s", setting->choices);
    else if (setting->is_flag)
        table_cell(table, "yes|no");
    else if (!setting->is_number)
        table_cell(table, "%s", setting->type);
    else if (setting->maximum >= LARGEST_PLAIN)
        table_cell(table, "%s from %g", setting->type, setting->minimum);
    else
        table_cell(table, "%s, %g to %g", setting->type, setting->minimum, setting->maximum);
}

static void settings_table(const l2o_settings *settings, const char *name, FILE *stream, table_style style) {
    static const char *const headings[] = {"name", "values", "unit", "default", "meaning"};
    table table = {0};
    table_begin(&table, 5, headings);
    l2o_setting_description setting;
    for (int i = 0; l2o_settings_describe(settings, i, &setting) != 0; i++) {
        if (strcmp(setting.table, name) != 0) continue;
        table_cell(&table, style == TABLE_MARKDOWN ? "`%s`" : "%s", setting.name);
        values_cell(&table, &setting);
        table_cell(&table, "%s", setting.unit != NULL ? setting.unit : "");
        table_cell(&table, "%s", setting.default_value != NULL ? setting.default_value : "");
        table_cell(&table, "%s", setting.help);
    }
    table_print(&table, stream, style, 0);
    table_free(&table);
}

static bool first_of_table(const l2o_settings *settings, int index, const char *name) {
    l2o_setting_description setting;
    for (int i = 0; i < index && l2o_settings_describe(settings, i, &setting) != 0; i++)
        if (strcmp(setting.table, name) == 0) return false;
    return true;
}

static void print_settings(const l2o_settings *settings, FILE *stream, table_style style) {
    l2o_setting_description setting;
    if (style == TABLE_MARKDOWN)
        fputs(
            "# Settings\n\n"
            "Every setting is a flag of the tool (`--batch 64`), a line of an INI file (`batch = 64`), and a name for "
            "`l2o_settings_set()`. A flag overrides the INI file, that overrides the preset, and that overrides the "
            "default. A setting that is given but that nothing would use is an error.\n\n"
            "This page is made by `l2o list settings --markdown`.\n",
            stream);
    for (int i = 0; l2o_settings_describe(settings, i, &setting) != 0; i++) {
        if (!first_of_table(settings, i, setting.table)) continue;
        if (style == TABLE_MARKDOWN)
            fprintf(stream, "\n## %s\n\n", setting.table);
        else
            fprintf(stream, "%s%s\n\n", i > 0 ? "\n" : "", setting.table);
        settings_table(settings, setting.table, stream, style);
    }
}

/* ---------------------------------------------------------------------------------------------------------- verb */

static int complain_kind(const char *kind) {
    char names[256] = "";
    for (int i = 0; i < KINDS; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", kinds[i]);
    }
    if (kind == NULL) return command_complain("`l2o list` needs to know what to list: %s", names);
    suggestion near;
    suggestion_begin(&near, kind);
    for (int i = 0; i < KINDS; i++) suggestion_offer(&near, kinds[i]);
    if (near.best != NULL)
        return command_complain("`l2o list` does not know '%s'; did you mean '%s'?", kind, near.best);
    return command_complain("`l2o list` does not know '%s'; it lists %s", kind, names);
}

static bool known(const char *kind) {
    for (int i = 0; i < KINDS; i++)
        if (strcmp(kinds[i], kind) == 0) return true;
    return false;
}

static int run(command *command) {
    const char *kind = command->argument_count > 0 ? command->arguments[0] : NULL;
    if (kind == NULL || !known(kind)) return complain_kind(kind);
    bool settings = strcmp(kind, "settings") == 0;
    const char *path = command_option(command, OPTION_OUT);
    table_style style = command_option(command, OPTION_MARKDOWN) != NULL ? TABLE_MARKDOWN : TABLE_TEXT;
    if (command->json && path != NULL)
        return command_complain("--out: with --json the list goes to standard output; drop --out %s", path);
    json_t *found = NULL;
    bool models = strcmp(kind, "models") == 0;
    if (models || strcmp(kind, "experiments") == 0) {
        char *text;
        l2o_status status =
            models ? l2o_models_list(command->context, &text) : l2o_experiment_list(command->context, &text);
        if (status != L2O_OK) return command_failed(command, status);
        found = json_loads(text, 0, NULL);
        l2o_string_free(text);
        if (command->json) return output_json(found);
    }
    if (command->json) return output_json(settings ? settings_json(command->settings) : catalog_json(kind));
    output file = {.stream = stdout};
    if (path != NULL && !output_open(&file, path)) {
        json_decref(found);
        return EXIT_BAD_INPUT;
    }
    if (found != NULL)
        (models ? models_table : experiments_table)(found, file.stream, style);
    else if (settings)
        print_settings(command->settings, file.stream, style);
    else
        catalog_table(kind, file.stream, style);
    json_decref(found);
    if (path != NULL) return output_commit(&file) ? EXIT_FINE : EXIT_BAD_INPUT;
    return command_flush();
}

const verb verb_list = {
    .name = "list",
    .usage = "problems|optimizers|estimators|meta-losses|presets|kernels|experiments|models|settings",
    .summary = "what there is to choose from, and the reference of settings",
    .description = "Lists problem families, optimizers, estimators of the meta-gradient, meta-losses, presets, "
                   "compute kernels, experiments, and the weights that come with the program; or every setting with "
                   "its values, default and meaning.",
    .examples = "l2o list problems\n"
                "l2o list settings --json\n"
                "l2o list settings --markdown --out docs/settings.md",
    .options = OPTIONS_ALWAYS | OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_MARKDOWN) | OPTION_BIT(OPTION_OUT),
    .arguments = 1,
    .run = run,
};
