/* l2o compare: several optimizers on the same test problems, as a table and as curves. */
#include "l2o/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "output.h"
#include "table.h"

static void on_progress(void *user, const char *label, int64_t done, int64_t total) {
    (void)label;
    command *command = user;
    if (!command->progressing) command_progress_begin(command, total, 0, "comparing");
    command_progress(command, done, NAN);
}

static void interval_cell(table *table, double mean, double half, table_style style) {
    if (isnan(half))
        table_cell(table, "%.3f", mean);
    else
        table_cell(table, "%.3f %s %.2f", mean, style == TABLE_MARKDOWN ? "±" : "+-", half);
}

static void fill(table *table, const l2o_comparison *comparison, table_style style) {
    static const char *const headings[] = {"optimizer",   "least ln f", "at step", "last ln f",
                                           "evaluations", "to prepare", "seconds", "tuned rate"};
    table_begin(table, sizeof headings / sizeof *headings, headings);
    for (int i = 0; i < l2o_comparison_rows(comparison); i++) {
        const l2o_compare_row *row = l2o_comparison_row(comparison, i);
        table_cell(table, "%s", row->label);
        interval_cell(table, row->minimum, row->minimum_half, style);
        if (row->is_limit) {
            table_end_row(table);
            continue;
        }
        table_number(table, row->minimum_step, 5);
        interval_cell(table, row->last, row->last_half, style);
        table_number(table, row->gradient_evaluations, 6);
        table_number(table, row->preparation_evaluations, 6);
        table_number(table, row->seconds + row->preparation_seconds, 3);
        table_number(table, row->rate, 3);
    }
}

static bool print_table(const l2o_comparison *comparison, FILE *stream, table_style style) {
    table table = {0};
    fill(&table, comparison, style);
    bool printed = table_print(&table, stream, style, 0);
    table_free(&table);
    return printed;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length > tail && strcmp(text + length - tail, end) == 0;
}

/* --out: JSON, or Markdown where the name says so. */
static bool write_file(const char *path, const l2o_comparison *comparison, const char *json) {
    output file;
    if (!output_open(&file, path)) return false;
    if (ends_with(path, ".md"))
        print_table(comparison, file.stream, TABLE_MARKDOWN);
    else
        fprintf(file.stream, "%s%s", json, ends_with(json, "\n") ? "" : "\n");
    return output_commit(&file);
}

static int report(command *command, const l2o_comparison *comparison) {
    const char *out = command_option(command, OPTION_OUT), *svg = command_option(command, OPTION_SVG);
    const char *problem = l2o_settings_get(command->settings, "problem");
    if (svg != NULL) {
        l2o_status status = l2o_comparison_plot(command->context, comparison, problem, svg);
        if (status != L2O_OK) return command_failed(command, status);
    }
    char *json = NULL;
    l2o_status status = l2o_comparison_json(command->context, comparison, &json);
    if (status != L2O_OK) return command_failed(command, status);
    int code = EXIT_FINE;
    if (out != NULL && !write_file(out, comparison, json))
        code = EXIT_BAD_INPUT;
    else if (command->json)
        code = output_json(json_loads(json, 0, NULL));
    else if (!command->quiet || command_option(command, OPTION_MARKDOWN) != NULL) {
        bool markdown = command_option(command, OPTION_MARKDOWN) != NULL;
        print_table(comparison, stdout, markdown ? TABLE_MARKDOWN : TABLE_TEXT);
        if (!command->quiet && !markdown)
            printf("ln f: natural logarithm of the mean objective; +-: 95 %% interval of the mean over runs;\n"
                   "evaluations: gradients per instance, those to prepare (tune, adapt) included\n");
        code = command_flush();
    }
    l2o_string_free(json);
    return code;
}

static int run(command *command) {
    l2o_comparison *comparison = NULL;
    l2o_status status = l2o_compare(command->context, command->settings, on_progress, command, &comparison);
    command_progress_end(command);
    int code = status == L2O_OK ? report(command, comparison) : command_failed(command, status);
    l2o_comparison_free(comparison);
    return code;
}

const verb verb_compare = {
    .name = "compare",
    .usage = "[RUN.ini] --optimizers LIST [--out FILE] [--svg FILE] [--SETTING VALUE ...]",
    .summary = "run several optimizers on the same test problems",
    .description =
        "Runs every optimizer of a list on the same test problems, several times, and prints for each the least "
        "objective and the last (means with 95 % intervals, as natural logarithms), the step of the least, and what it "
        "cost, adaptation and tuning included.\n"
        "An entry of the list is NAME=WHAT or WHAT; WHAT is the name of an optimizer or a file of weights, with "
        "options after colons: adam:rate=0.01, adam:tune (the best of half-decade rates), ml2o.safetensors:adapt "
        "(adapted anew in each run). Where the optimum is known it is the last row, the limit.\n"
        "--out writes everything, curves included, as JSON; or the table as Markdown when the name ends with .md.",
    .examples = "l2o compare --optimizers 'ML2O=ml2o.safetensors:adapt,adam:tune,fista' \\\n"
                "    --problem lasso --A normal:100 --out table.json --svg curves.svg\n"
                "# the table as Markdown\n"
                "l2o compare run.ini --optimizers 'ista,fista' --markdown",
    .options = OPTIONS_COMPUTING | OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_SVG) | OPTION_BIT(OPTION_MARKDOWN),
    .groups = GROUP_GENERAL | GROUP_PROBLEM | GROUP_OPTIMIZER | GROUP_ESTIMATOR | GROUP_ADAPTATION | GROUP_COMPARE,
    .run = run,
};
