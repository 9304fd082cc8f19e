/* l2o check: derivatives against differences, and recorded vectors against what the library computes. */
#include "l2o/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "l2o/problem.h"
#include "l2o/vectors.h"
#include "output.h"
#include "table.h"

/* ---------------------------------------------------------------------------------------------------- derivatives */

static const char *row_verdict(const l2o_check_row *row) {
    return row->points == 0 ? "not compared" : row->passed ? "ok" : "FAIL";
}

static int print_rows(command *command, const l2o_derivative_check *check) {
    int failed = l2o_derivative_check_failed(check), rows = l2o_derivative_check_rows(check);
    if (command->json) {
        json_t *list = json_array();
        for (int i = 0; i < rows; i++) {
            const l2o_check_row *row = l2o_derivative_check_row(check, i);
            json_array_append_new(list, json_pack("{s:s, s:i, s:I, s:I, s:s, s:o, s:o, s:b}", "what", row->what,
                                                  "order", row->order, "points", (json_int_t)row->points, "skipped",
                                                  (json_int_t)row->skipped, "why", row->why, "error",
                                                  output_real(row->points > 0 ? row->error : NAN), "tolerance",
                                                  output_real(row->tolerance), "passed", row->passed));
        }
        int code = output_json(json_pack("{s:s, s:i, s:o}", "command", "check", "failed", failed, "checks", list));
        return code == EXIT_FINE && failed > 0 ? EXIT_FAILED : code;
    }
    static const char *const headings[] = {"check", "points", "skipped", "error", "tolerance", "verdict"};
    table table = {0};
    table_begin(&table, sizeof headings / sizeof *headings, headings);
    for (int i = 0; i < rows; i++) {
        const l2o_check_row *row = l2o_derivative_check_row(check, i);
        table_cell(&table, "%s", row->what);
        table_cell(&table, "%lld", (long long)row->points);
        table_cell(&table, "%lld", (long long)row->skipped);
        table_number(&table, row->points > 0 ? row->error : NAN, 3);
        table_number(&table, row->tolerance, 3);
        table_cell(&table, "%s", row_verdict(row));
    }
    if (!command->quiet) table_print(&table, stdout, TABLE_TEXT, 0);
    table_free(&table);
    for (int i = 0; i < rows && !command->quiet; i++) {
        const l2o_check_row *row = l2o_derivative_check_row(check, i);
        if (row->why[0] != '\0') printf("%s: %s\n", row->what, row->why);
    }
    if (!command->quiet) printf(failed > 0 ? "%d of %d checks failed\n" : "no check failed\n", failed, rows);
    int code = command_flush();
    return code == EXIT_FINE && failed > 0 ? EXIT_FAILED : code;
}

/* Differences need double precision: the type that a recipe trains in does not matter here. */
static l2o_status prefer_double(command *command) {
    if (command_has_flag(command, "dtype")) return L2O_OK;
    return l2o_settings_set_from(command->context, command->settings, "dtype", "float64", "l2o check");
}

static int check_derivatives(command *command) {
    const char *seed = l2o_settings_get(command->settings, "seed");
    l2o_problem *problem = NULL;
    l2o_optimizer *optimizer = NULL;
    l2o_derivative_check *check = NULL;
    l2o_status status = prefer_double(command);
    if (status == L2O_OK) status = l2o_problem_create(command->context, command->settings, &problem);
    if (status == L2O_OK) status = l2o_optimizer_create(command->context, command->settings, &optimizer);
    if (status == L2O_OK) status = l2o_settings_check(command->context, command->settings, "l2o check");
    if (status == L2O_OK)
        status = l2o_check_derivatives(command->context, problem, optimizer,
                                       seed != NULL ? strtoull(seed, NULL, 10) : 0, &check);
    int code = status == L2O_OK ? print_rows(command, check) : command_failed(command, status);
    l2o_derivative_check_free(check);
    l2o_optimizer_free(optimizer);
    l2o_problem_free(problem);
    return code;
}

/* -------------------------------------------------------------------------------------------------------- vectors */

typedef struct gathered {
    json_t *list; /* with --json */
    bool quiet;
    const char *path;
    int compared, unknown;
} gathered;

static void on_vector(void *user, const l2o_vector_result *result) {
    gathered *all = user;
    if (result->compared)
        all->compared++;
    else
        all->unknown++;
    if (all->list != NULL) {
        json_array_append_new(all->list,
                              json_pack("{s:s, s:s, s:b, s:b, s:o, s:o}", "file", all->path, "name", result->name,
                                        "compared", result->compared, "passed", result->passed, "error",
                                        output_real(result->compared ? result->error : NAN), "tolerance",
                                        output_real(result->compared ? result->tolerance : NAN)));
        return;
    }
    if (all->quiet && (!result->compared || result->passed)) return;
    if (result->compared)
        printf("%-32s error %9.3g  tolerance %9.3g  %s\n", result->name, result->error, result->tolerance,
               result->passed ? "ok" : "FAIL");
    else
        printf("%-32s not compared\n", result->name);
}

/* The arguments of --vectors: its value, and the words that follow. */
static const char *file_at(const command *command, int index) {
    return index == 0 ? command_option(command, OPTION_VECTORS) : command->arguments[index - 1];
}

static int check_vectors(command *command) {
    const char *dtype = "float64", *config = command_option(command, OPTION_CONFIG);
    if (config == NULL) config = command_option(command, OPTION_PRESET);
    if (config != NULL)
        return command_complain("%s: recorded vectors bring their own settings; with --vectors only --dtype can be "
                                "given",
                                config);
    for (int i = 0; i < command->flag_count; i++) {
        if (strcmp(command->flags[i].name, "dtype") != 0)
            return command_complain("--%s: recorded vectors bring their own settings; with --vectors only --dtype "
                                    "can be given",
                                    command->flags[i].name);
        dtype = command->flags[i].value;
    }
    gathered all = {.list = command->json ? json_array() : NULL, .quiet = command->quiet};
    int failures = 0;
    for (int i = 0; i <= command->argument_count; i++) {
        int failed = 0;
        all.path = file_at(command, i);
        if (command->argument_count > 0 && !command->json && !command->quiet) printf("%s\n", all.path);
        l2o_status status = l2o_check_vectors(command->context, all.path, dtype, on_vector, &all, &failed);
        if (status != L2O_OK) {
            json_decref(all.list);
            return command_failed(command, status);
        }
        failures += failed;
    }
    int code;
    if (command->json) {
        code =
            output_json(json_pack("{s:s, s:s, s:i, s:i, s:i, s:o}", "command", "check", "dtype", dtype, "compared",
                                  all.compared, "not_compared", all.unknown, "failed", failures, "vectors", all.list));
    } else {
        if (!command->quiet)
            printf("%s: %d arrays compared, %d failed, %d not compared\n", dtype, all.compared, failures, all.unknown);
        code = command_flush();
    }
    return code == EXIT_FINE && failures > 0 ? EXIT_FAILED : code;
}

static int run(command *command) {
    if (command_option(command, OPTION_VECTORS) != NULL) return check_vectors(command);
    if (command->argument_count > 0)
        return command_complain("`l2o check` does not know what to do with '%s'; for recorded vectors, write --vectors "
                                "before it",
                                command->arguments[0]);
    return check_derivatives(command);
}

const verb verb_check = {
    .name = "check",
    .usage = "[--problem NAME] [--optimizer NAME|FILE] [--SETTING VALUE ...]\n"
             "l2o check --vectors FILE.npz [FILE.npz ...] [--dtype float32|float64]",
    .summary = "check derivatives, or recompute recorded vectors",
    .description =
        "Compares a problem's gradient, Hessian-vector product and third derivative with differences, and the "
        "meta-gradients of a learned optimizer on it; in double precision unless --dtype says otherwise. Points next "
        "to a kink are skipped and counted.\n"
        "With --vectors: recomputes what files of recorded vectors hold (trajectories, meta-gradients, Hessian-vector "
        "products, updates), and prints for each array the largest error and the tolerance; in float64 unless --dtype "
        "says otherwise. Arrays of other names are listed as not compared.\n"
        "The exit code is 1 when a check fails.",
    .examples = "l2o check --problem lasso --n 5 --batch 4\n"
                "l2o check --problem rosenbrock --optimizer rnnprop --hidden 4 --batch 2\n"
                "l2o check --vectors vectors/*.npz --dtype float32",
    .options = OPTIONS_COMPUTING | OPTION_BIT(OPTION_WEIGHTS) | OPTION_BIT(OPTION_VECTORS),
    .groups = GROUP_GENERAL | GROUP_PROBLEM | GROUP_OPTIMIZER,
    .arguments = -1,
    .run = run,
};
