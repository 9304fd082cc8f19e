/* l2o experiment: runs a table or figure of a paper from its file, and holds results against its claims. */
#include "l2o/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "output.h"
#include "results_table.h"

/* ------------------------------------------------------------------------------------------------------- progress */

typedef struct showing {
    command *command;
    char phase[16];
} showing;

static void on_progress(void *user, const l2o_experiment_progress *now) {
    showing *showing = user;
    command *command = showing->command;
    if (strcmp(showing->phase, now->phase) != 0) {
        command_progress_end(command);
        snprintf(showing->phase, sizeof showing->phase, "%s", now->phase);
    }
    if (!command->progressing) command_progress_begin(command, now->total, now->done, showing->phase);
    if (now->event != NULL) command_note(command, "%s", now->event);
    command_progress(command, now->done, NAN);
}

/* --------------------------------------------------------------------------------------------------------- printing */

static bool any_begins(const json_t *tables, const char *start) {
    for (size_t i = 0; i < json_array_size(tables); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(tables, i), "name"));
        if (strncmp(name, start, strlen(start)) == 0) return true;
    }
    return false;
}

/* The least ln f; of other quantities the summaries, or the last values where there are none. */
static const char *main_tables(const json_t *tables) {
    static const char *const starts[] = {"minimum", "summary-"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (any_begins(tables, starts[i])) return starts[i];
    return "last";
}

/* The tables that say most; the others, and the figures, are in the file. */
static int print_results(command *command, const json_t *results, const char *folder) {
    const json_t *tables = json_object_get(results, "tables"), *notes = json_object_get(results, "notes");
    table_style style = command_option(command, OPTION_MARKDOWN) != NULL ? TABLE_MARKDOWN : TABLE_TEXT;
    const char *start = main_tables(tables);
    for (size_t i = 0; i < json_array_size(tables); i++) {
        const json_t *table = json_array_get(tables, i);
        const char *name = json_string_value(json_object_get(table, "name"));
        bool main = strncmp(name, start, strlen(start)) == 0 && strncmp(name, "minimum-step", 12) != 0;
        bool rows = json_array_size(json_object_get(table, "columns")) > 0;
        main = main || strcmp(name, "at") == 0 || strcmp(name, "decision") == 0;
        if (rows && (main || json_array_size(tables) < 4)) results_table_print(table, style);
    }
    for (size_t i = 0; i < json_array_size(notes); i++) printf("%s\n", json_string_value(json_array_get(notes, i)));
    const json_t *claims = json_object_get(results, "claims");
    for (size_t i = 0; i < json_array_size(claims); i++) {
        const json_t *claim = json_array_get(claims, i);
        printf("%s %s\n", json_is_true(json_object_get(claim, "holds")) ? "holds:" : "does not hold:",
               json_string_value(json_object_get(claim, "text")));
    }
    printf("everything is in %s/results.json\n", folder);
    return command_flush();
}

/* ------------------------------------------------------------------------------------------------------- the verb */

static void on_claim(void *user, int holds, const char *sentence) {
    const command *command = user;
    if (!holds)
        command_complain("%s", sentence);
    else if (!command->quiet)
        printf("%s\n", sentence);
}

static int verify(command *command) {
    static const struct {
        option option;
        const char *name;
    } idle[] = {{OPTION_TRAIN, "train"},
                {OPTION_CACHE, "cache"},
                {OPTION_SHIP, "ship"},
                {OPTION_MARKDOWN, "markdown"},
                {OPTION_JSON, "json"}};
    const char *folder = command_option(command, OPTION_OUT);
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
        if (command_option(command, idle[i].option) != NULL)
            return command_complain("--verify runs nothing and has no use for --%s; drop it", idle[i].name);
    if (command->flag_count > 0)
        return command_complain("--verify runs nothing and has no use for --%s; drop it", command->flags[0].name);
    if (folder != NULL && command->argument_count > 1)
        return command_complain("--verify takes the results from --out %s or from %s, not from both; drop one", folder,
                                command->arguments[1]);
    char path[1100];
    snprintf(path, sizeof path, "%.1000s/results.json", folder != NULL ? folder : "");
    const char *file = command->argument_count > 1 ? command->arguments[1] : folder != NULL ? path : NULL;
    int failed;
    l2o_status status =
        l2o_experiment_verify(command->context, command->arguments[0], file, on_claim, command, &failed);
    if (status != L2O_OK) return command_failed(command, status);
    return failed > 0 ? EXIT_FAILED : command_flush();
}

static int ship(command *command) {
    if (command_option(command, OPTION_OUT) != NULL)
        return command_complain("--ship runs nothing that --out could hold; drop one of them");
    l2o_experiment_options how = {.folder = command_option(command, OPTION_SHIP),
                                  .cache = command_option(command, OPTION_CACHE),
                                  .train = command_option(command, OPTION_TRAIN) != NULL};
    showing showing = {.command = command};
    int64_t count;
    l2o_status status = l2o_experiment_ship(command->context, command->settings, command->arguments[0], &how,
                                            on_progress, &showing, &count);
    command_progress_end(command);
    if (status != L2O_OK) return command_failed(command, status);
    if (command->json)
        return output_json(
            json_pack("{s:s, s:s, s:I}", "command", "experiment", "folder", how.folder, "files", (json_int_t)count));
    if (!command->quiet) printf("%lld files of weights are in %s\n", (long long)count, how.folder);
    return command_flush();
}

/* The command as it was given, for the record. */
static void command_text(const command *command, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "l2o experiment %s", command->arguments[0]);
    if (command_option(command, OPTION_TRAIN) != NULL && used < size)
        used += (size_t)snprintf(text + used, size - used, " --train");
    for (int i = 0; i < command->flag_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, " --%s %s", command->flags[i].name, command->flags[i].value);
}

/* Is the name a slip of one that there is? Files are left to the library. */
static bool mistyped(command *command, const char *name, char *meant, size_t size) {
    char *text;
    if (strchr(name, '.') != NULL || l2o_experiment_list(command->context, &text) != L2O_OK) return false;
    json_t *list = json_loads(text, 0, NULL);
    bool there = false;
    suggestion near;
    l2o_string_free(text);
    suggestion_begin(&near, name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *candidate = json_string_value(json_object_get(json_array_get(list, i), "name"));
        there |= strcmp(candidate, name) == 0;
        suggestion_offer(&near, candidate);
    }
    bool found = !there && near.best != NULL;
    if (found) snprintf(meant, size, "%s", near.best);
    json_decref(list);
    return found;
}

static int run(command *command) {
    char meant[256];
    if (command->argument_count == 0)
        return command_complain("which experiment? `l2o list experiments` shows them all");
    if (mistyped(command, command->arguments[0], meant, sizeof meant))
        return command_complain("there is no experiment '%s'; did you mean '%s'?", command->arguments[0], meant);
    if (command_option(command, OPTION_VERIFY) != NULL) return verify(command);
    if (command->argument_count > 1)
        return command_complain("`l2o experiment` does not know what to do with '%s'; a file of results follows "
                                "--verify",
                                command->arguments[1]);
    if (command_option(command, OPTION_SHIP) != NULL) return ship(command);
    const char *name = command->arguments[0];
    char text[1024], folder[512], *json = NULL;
    command_text(command, text, sizeof text);
    l2o_experiment_options how = {.folder = command_option(command, OPTION_OUT),
                                  .cache = command_option(command, OPTION_CACHE),
                                  .train = command_option(command, OPTION_TRAIN) != NULL,
                                  .command = text};
    showing showing = {.command = command};
    l2o_status status =
        l2o_experiment_run(command->context, command->settings, name, &how, on_progress, &showing, &json);
    command_progress_end(command);
    if (status != L2O_OK) return command_failed(command, status);
    if (command->json) {
        fputs(json, stdout); /* as it stands in the file */
        l2o_string_free(json);
        return command_flush();
    }
    json_t *results = json_loads(json, 0, NULL);
    l2o_string_free(json);
    snprintf(folder, sizeof folder, "%s%.400s", how.folder != NULL ? "" : "results/",
             how.folder != NULL ? how.folder : json_string_value(json_object_get(results, "name")));
    int code = command->quiet ? EXIT_FINE : print_results(command, results, folder);
    json_decref(results);
    return code;
}

const verb verb_experiment = {
    .name = "experiment",
    .usage = "NAME|FILE.ini [--out DIR] [--train] [--verify [RESULTS.json]] [--SETTING VALUE ...]",
    .summary = "run a table or figure of a paper, or check its results",
    .description =
        "Runs an experiment: trains the weights it needs, or takes those that are shipped, runs all methods on the "
        "same "
        "problems, and writes tables, curves and what was run to DIR/results.json (results/NAME where no --out is "
        "given). `l2o list experiments` shows what there is; a file of one's own is described in "
        "docs/experiments.md.\n"
        "Trainings and cells (one method on one kind of problems) run over all threads, one a thread. What is finished "
        "is kept in DIR/cache, so an experiment that was stopped goes on where it was; --cache DIR keeps it elsewhere, "
        "for several experiments to share.\n"
        "Settings given here hold for all parts of the experiment: --seeds for the meta-trainings, --runs and --steps "
        "for the tests, --stages and --updates for how long to train.\n"
        "--ship DIR does not run it: it trains the recipes that name a file, and lays these files into DIR, those "
        "that are not there yet; with --train all of them.\n"
        "--verify runs nothing: it holds a file of results against the experiment's claims, with a sentence for each, "
        "and ends with code 1 where one does not hold.",
    .examples = "l2o experiment ml2o-table1\n"
                "# from scratch, with the weights of five meta-trainings\n"
                "l2o experiment ml2o-table1 --train --seeds 1-5 --out results/table1\n"
                "l2o experiment ml2o-table1 --verify results/table1/results.json",
    .options = OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_CACHE) | OPTION_BIT(OPTION_TRAIN) | OPTION_BIT(OPTION_SHIP) |
               OPTION_BIT(OPTION_VERIFY) | OPTION_BIT(OPTION_MARKDOWN) | OPTION_BIT(OPTION_THREADS) |
               OPTION_BIT(OPTION_KERNEL) | OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_QUIET) | OPTIONS_ALWAYS,
    .groups = GROUP_GENERAL | GROUP_PROBLEM | GROUP_OPTIMIZER | GROUP_ESTIMATOR | GROUP_TRAINING | GROUP_ADAPTATION |
              GROUP_COMPARE | GROUP_THEORY,
    .arguments = 2,
    .out_is_folder = true,
    .run = run,
};
