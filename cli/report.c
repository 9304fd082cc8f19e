/* l2o report: a page to look at. */
#include "l2o/report.h"

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "l2o/optimizer.h"
#include "results_table.h"

static const char *table_name(const json_t *table) {
    const char *name = json_string_value(json_object_get(table, "name"));
    return name != NULL ? name : json_string_value(json_object_get(table, "title"));
}

static const json_t *find_table(const json_t *tables, const char *name, size_t length) {
    for (size_t i = 0; i < json_array_size(tables); i++) {
        const char *candidate = table_name(json_array_get(tables, i));
        if (strlen(candidate) == length && strncmp(candidate, name, length) == 0) return json_array_get(tables, i);
    }
    return NULL;
}

/* All names, ", " between them. */
static void list_tables(const json_t *tables, char *text, size_t size) {
    size_t used = 0;
    *text = '\0';
    for (size_t i = 0; i < json_array_size(tables) && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "",
                                 table_name(json_array_get(tables, i)));
}

static int print_tables(command *command, const json_t *tables, const char *names) {
    table_style style = command_option(command, OPTION_MARKDOWN) != NULL ? TABLE_MARKDOWN : TABLE_TEXT;
    char known[1024];
    if (strcmp(names, "all") == 0) {
        for (size_t i = 0; i < json_array_size(tables); i++)
            if (json_array_size(json_object_get(json_array_get(tables, i), "columns")) > 0)
                results_table_print(json_array_get(tables, i), style);
        return command_flush();
    }
    for (const char *name = names, *next; name != NULL; name = next) {
        const char *comma = strchr(name, ',');
        size_t length = comma != NULL ? (size_t)(comma - name) : strlen(name);
        next = comma != NULL ? comma + 1 : NULL;
        const json_t *table = find_table(tables, name, length);
        if (table == NULL) {
            list_tables(tables, known, sizeof known);
            return command_complain("%s: there is no table '%.*s'; there are: %s", command->arguments[0], (int)length,
                                    name, known);
        }
        results_table_print(table, style);
    }
    return command_flush();
}

static int tables(command *command, const char *source, const char *names) {
    if (command_option(command, OPTION_OUT) != NULL)
        return command_complain("--tables prints instead of making a page; drop it or --out");
    char *json;
    l2o_status status = l2o_report_results(command->context, source, &json);
    if (status != L2O_OK) return command_failed(command, status);
    json_t *results = json_loads(json, 0, NULL);
    l2o_string_free(json);
    int code = print_tables(command, json_object_get(results, "tables"), names);
    json_decref(results);
    return code;
}

static int run(command *command) {
    if (command->argument_count == 0)
        return command_complain("`l2o report` needs results or weights: l2o report DIR, or l2o report FILE");
    const char *source = command->arguments[0], *out = command_option(command, OPTION_OUT);
    const char *names = command_option(command, OPTION_TABLES);
    if (names != NULL) return tables(command, source, names);
    if (command_option(command, OPTION_MARKDOWN) != NULL)
        return command_complain("--markdown is for tables that are printed; name them with --tables NAMES");
    char *path = NULL;
    l2o_status status = L2O_OK;
    if (out == NULL) status = l2o_report_path(command->context, source, &path);
    if (status == L2O_OK) status = l2o_report(command->context, source, out != NULL ? out : path);
    if (status == L2O_OK && !command->quiet) printf("%s\n", out != NULL ? out : path);
    l2o_string_free(path);
    return status == L2O_OK ? command_flush() : command_failed(command, status);
}

const verb verb_report = {
    .name = "report",
    .usage = "DIR|FILE [--out PAGE.html] [--tables NAMES [--markdown]]",
    .summary = "a page of tables and figures, to look at in a browser",
    .description =
        "Makes one HTML page that needs nothing beside it, neither a network nor a server: open it from the disk. Its "
        "figures can be zoomed and read by mouse and keyboard, their curves switched off and on; printing gives still "
        "figures.\n"
        "From the results of an experiment (a folder with results.json in it, or a results file): tables with "
        "intervals, the published numbers beside them with a verdict, curves, claims, and what ran.\n"
        "From a training (FILE.safetensors, or its FILE.log.jsonl): loss and validation over meta-updates, the stages "
        "of the curriculum, recoveries, and the settings.\n"
        "Without --out the page is DIR/report.html, or FILE.html.\n"
        "With --tables the tables of these names are printed, and no page is made.",
    .examples = "l2o report results/ml2o-table1\n"
                "l2o report ml2o.safetensors --out training.html\n"
                "l2o report results/ml2o-table1 --tables minimum,differences --markdown",
    .options = OPTIONS_ALWAYS | OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_TABLES) | OPTION_BIT(OPTION_MARKDOWN) |
               OPTION_BIT(OPTION_QUIET),
    .arguments = 1,
    .run = run,
};
