/* The texts of --help, of the manual pages and of `l2o list`, made from the tables of verbs, options and settings. */
#include "help.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char purpose[] =
    "l2o trains, adapts and runs learned optimizers: optimizers whose update rule is learned from sample problems. "
    "With M-L2O training, a learned optimizer adapts to an unfamiliar kind of problem in about five updates; whether "
    "it then "
    "beats hand-designed ones there is measured (compare), not promised.\n"
    "One trains weights once (train), adapts them to the problems at hand (adapt), and uses them (solve, compare).";

static const char tour[] = "# learn an optimizer for LASSO problems of three kinds\n"
                           "l2o train --problem lasso --A 'mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1' \\\n"
                           "    --estimator fomaml --out ml2o.safetensors\n"
                           "# adapt it to problems it has never seen\n"
                           "l2o adapt --weights ml2o.safetensors --problem lasso --A normal:100 \\\n"
                           "    --out adapted.safetensors\n"
                           "# see what that is worth beside others, on the same test problems\n"
                           "l2o compare --optimizers 'adapted.safetensors,adam:tune,fista' --problem lasso \\\n"
                           "    --A normal:100 --svg curves.svg";

static const char precedence[] =
    "Every setting NAME of the library is a flag --NAME VALUE, a line `NAME = VALUE` of an INI file, and an entry of "
    "presets. A flag overrides the INI file, the INI file overrides the preset, and the preset overrides the "
    "default. A setting that is given but that nothing would use is an error.";

typedef struct exit_code {
    const char *code, *meaning;
} exit_code;
static const exit_code exit_codes[] = {
    {"0", "Success."},
    {"1", "A check failed, or a solve diverged."},
    {"2",
     "Bad input: an option, a setting or a file cannot be used as given. One sentence on standard error says which, "
     "and what to do."},
    {"3", "Failed while running: memory ran out, or numbers overflowed beyond recovery."},
    {"130, 143", "Stopped by Ctrl-C or SIGTERM. Training has then written its checkpoint; a second Ctrl-C ends the "
                 "program at once."},
};

/* Which settings tables belong to which group; families and optimizers have tables of their own names. */
typedef struct table_of_group {
    const char *table;
    unsigned group;
} table_of_group;
static const table_of_group tables[] = {
    {"general", GROUP_GENERAL},       {"problem", GROUP_PROBLEM},   {"optimizer", GROUP_OPTIMIZER},
    {"estimator", GROUP_ESTIMATOR},   {"training", GROUP_TRAINING}, {"stages", GROUP_TRAINING},
    {"adaptation", GROUP_ADAPTATION}, {"solve", GROUP_SOLVE},       {"compare", GROUP_COMPARE},
    {"check", GROUP_CHECK},           {"theory", GROUP_THEORY},
};

static bool in_catalog(const char *kind, const char *name) {
    l2o_catalog_entry entry;
    for (int i = 0; l2o_catalog(kind, i, &entry) != 0; i++)
        if (strcmp(entry.name, name) == 0) return true;
    return false;
}

unsigned help_table_group(const char *table) {
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (strcmp(tables[i].table, table) == 0) return tables[i].group;
    if (in_catalog("problems", table)) return GROUP_PROBLEM;
    if (in_catalog("optimizers", table)) return GROUP_OPTIMIZER;
    return 0;
}

const char *help_placeholder(const l2o_setting_description *description) {
    if (description->choices != NULL) return description->choices;
    if (description->is_flag) return "[yes|no]";
    return description->is_number ? "NUMBER" : "TEXT";
}

static void text_append(char *text, size_t size, const char *more) {
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", more);
}

static void item_of_setting(const page *page, const l2o_setting_description *setting) {
    char term[256], meaning[2048], part[256];
    snprintf(term, sizeof term, "--%s %s", setting->name, help_placeholder(setting));
    snprintf(meaning, sizeof meaning, "%s", setting->help);
    size_t length = strlen(meaning);
    if (length > 0 && strchr(".!?", meaning[length - 1]) == NULL) text_append(meaning, sizeof meaning, ".");
    if (setting->default_value != NULL) {
        bool unit = setting->unit != NULL && setting->unit[0] != '\0';
        snprintf(part, sizeof part, " Default: %s%s%s.", setting->default_value, unit ? " " : "",
                 unit ? setting->unit : "");
        text_append(meaning, sizeof meaning, part);
    }
    page_item(page, term, meaning);
}

static bool listed_before(const l2o_settings *settings, int index, const char *name, unsigned group) {
    l2o_setting_description earlier;
    for (int i = 0; i < index && l2o_settings_describe(settings, i, &earlier) != 0; i++)
        if (strcmp(earlier.name, name) == 0 && (help_table_group(earlier.table) & group) != 0) return true;
    return false;
}

/* The settings of the groups, table by table; a name that several tables share is shown with the first. */
static void print_settings(const page *page, const l2o_settings *settings, unsigned groups) {
    l2o_setting_description setting;
    const char *table = "";
    for (int i = 0; l2o_settings_describe(settings, i, &setting) != 0; i++) {
        if ((help_table_group(setting.table) & groups) == 0 || listed_before(settings, i, setting.name, groups))
            continue;
        if (strcmp(table, setting.table) != 0) {
            char heading[128];
            table = setting.table;
            snprintf(heading, sizeof heading, "Settings (%s)", table);
            page_subheading(page, heading);
        }
        item_of_setting(page, &setting);
    }
}

static void print_options(const page *page, unsigned wanted) {
    for (int i = 0; i < OPTION_COUNT; i++) {
        if ((wanted & OPTION_BIT(i)) == 0) continue;
        char term[64];
        snprintf(term, sizeof term, "--%s%s%s", options[i].name, options[i].value != NULL ? " " : "",
                 options[i].value != NULL ? options[i].value : "");
        page_item(page, term, options[i].help);
    }
}

static void print_title(const page *page, const char *name, const char *summary) {
    if (page->style == PAGE_TEXT) {
        fprintf(page->stream, "%s - %s\n", name, summary);
        return;
    }
    char dashed[256];
    snprintf(dashed, sizeof dashed, "%s", name);
    for (char *at = dashed; *at != '\0'; at++)
        if (*at == ' ') *at = '-';
    fprintf(page->stream, ".\\\" Made by `l2o help --man`; see scripts/manual.\n.TH %s 1 \"\" \"l2o %s\" \"l2o\"\n",
            dashed, l2o_version());
    fprintf(page->stream, ".SH NAME\n%s \\- %s\n", dashed, summary);
}

static void print_synopsis(const page *page, const char *lines) {
    page_heading(page, page->style == PAGE_TEXT ? "Usage" : "Synopsis");
    page_example(page, lines);
}

static void print_exit_codes(const page *page) {
    page_heading(page, page->style == PAGE_TEXT ? "Exit code" : "Exit status");
    for (size_t i = 0; i < sizeof exit_codes / sizeof *exit_codes; i++)
        page_item(page, exit_codes[i].code, exit_codes[i].meaning);
}

void help_print_tool(page_style style) {
    const page page = {stdout, style};
    print_title(&page, "l2o", "learned optimizers that adapt to an unfamiliar problem in a few steps");
    print_synopsis(&page, "l2o COMMAND [RUN.ini] [--OPTION VALUE ...]\nl2o COMMAND --help\nl2o --version");
    if (style == PAGE_TEXT)
        putchar('\n');
    else
        page_heading(&page, "Description");
    page_paragraphs(&page, purpose);
    page_heading(&page, "Examples");
    page_example(&page, tour);
    page_heading(&page, "Commands");
    for (const verb *const *at = verbs; *at != NULL; at++) page_item(&page, (*at)->name, (*at)->summary);
    page_heading(&page, "Settings");
    page_paragraphs(&page, precedence);
    print_exit_codes(&page);
    page_heading(&page, "More");
    page_paragraphs(&page, "`l2o COMMAND --help` has examples and all settings of a command, `l2o list settings` the "
                           "whole reference, `l2o list problems` and `l2o list optimizers` what there is to choose "
                           "from.");
}

void help_print_verb(const command *command, const verb *verb, page_style style) {
    const page page = {stdout, style};
    char text[256];
    snprintf(text, sizeof text, "l2o %s", verb->name);
    print_title(&page, text, verb->summary);
    snprintf(text, sizeof text, "l2o %s%s%s", verb->name, verb->usage[0] != '\0' ? " " : "", verb->usage);
    print_synopsis(&page, text);
    if (style == PAGE_TEXT)
        putchar('\n');
    else
        page_heading(&page, "Description");
    page_paragraphs(&page, verb->description);
    page_heading(&page, "Examples");
    page_example(&page, verb->examples);
    page_heading(&page, "Options");
    print_options(&page, verb->options);
    if (verb->groups != 0) {
        page_heading(&page, "Settings");
        page_paragraphs(&page, precedence);
        print_settings(&page, command->settings, verb->groups);
    }
    if (style == PAGE_MAN) print_exit_codes(&page);
    page_heading(&page, style == PAGE_TEXT ? "More" : "See also");
    page_paragraphs(&page, "`l2o --help` for the other commands and the exit codes; `l2o list settings` and "
                           "docs/settings.md for the reference of all settings.");
}
