/* l2o solve: an optimizer, its weights frozen, on every instance of a problem. */
#include "l2o/solve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "output.h"
#include "table.h"

enum { SHOWN = 10 };

static const l2o_solve_status statuses[] = {L2O_SOLVED_GAP, L2O_SOLVED_TOLERANCE, L2O_STEP_LIMIT,
                                            L2O_STALLED,    L2O_DIVERGED,         L2O_CANCELLED};
enum { STATUSES = sizeof statuses / sizeof *statuses };

static const char *status_name(l2o_solve_status status) {
    switch (status) {
    case L2O_SOLVED_GAP: return "solved-gap";
    case L2O_SOLVED_TOLERANCE: return "solved-tolerance";
    case L2O_STEP_LIMIT: return "step-limit";
    case L2O_STALLED: return "stalled";
    case L2O_DIVERGED: return "diverged";
    case L2O_CANCELLED: return "cancelled";
    }
    return "unknown";
}

static int print_json(const l2o_solution *solution, const char *optimizer, const char *out) {
    json_t *list = json_array(), *counts = json_object();
    for (int64_t i = 0; i < l2o_solution_batch(solution); i++) {
        const l2o_solve_record *record = l2o_solution_record(solution, i);
        json_array_append_new(
            list, json_pack("{s:I, s:s, s:I, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "instance", (json_int_t)i,
                            "status", status_name(record->status), "steps", (json_int_t)record->steps, "value",
                            output_real(record->value), "last_value", output_real(record->last_value), "best_value",
                            output_real(record->best_value), "best_step", (json_int_t)record->best_step, "gap",
                            output_real(record->gap), "stationarity", output_real(record->stationarity),
                            "gradient_evaluations", output_real(record->gradient_evaluations), "check_evaluations",
                            output_real(record->check_evaluations)));
    }
    for (int i = 0; i < STATUSES; i++)
        output_set(counts, status_name(statuses[i]), json_integer(l2o_solution_count(solution, statuses[i])));
    return output_json(json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:o}", "command", "solve", "optimizer", optimizer,
                                 "instances", (json_int_t)l2o_solution_batch(solution), "dimension",
                                 (json_int_t)l2o_solution_dimension(solution), "counts", counts, "out",
                                 out != NULL ? json_string(out) : json_null(), "results", list));
}

static int print_summary(const l2o_solution *solution, const char *out) {
    static const char *const headings[] = {
        "instance", "steps", "objective", "gap", "stationarity", "gradient evaluations", "status"};
    int64_t batch = l2o_solution_batch(solution), shown = batch < SHOWN ? batch : SHOWN;
    table table = {0};
    table_begin(&table, sizeof headings / sizeof *headings, headings);
    for (int64_t i = 0; i < shown; i++) {
        const l2o_solve_record *record = l2o_solution_record(solution, i);
        table_cell(&table, "%lld", (long long)i);
        table_cell(&table, "%lld", (long long)record->steps);
        table_number(&table, record->value, 8);
        table_number(&table, record->gap, 3);
        table_number(&table, record->stationarity, 3);
        table_number(&table, record->gradient_evaluations, 6);
        table_cell(&table, "%s", status_name(record->status));
    }
    table_print(&table, stdout, TABLE_TEXT, 0);
    table_free(&table);
    if (shown < batch) printf("and %lld more; --json prints all\n", (long long)(batch - shown));
    for (int i = 0; i < STATUSES; i++) {
        int64_t count = l2o_solution_count(solution, statuses[i]);
        if (count > 0)
            printf("%lld of %lld instances %s\n", (long long)count, (long long)batch,
                   l2o_solve_status_text(statuses[i]));
    }
    if (out != NULL) printf("solutions in %s\n", out);
    return command_flush();
}

/* Drawn problems are a function of the setting seed. */
static l2o_status make_problem(command *command, l2o_problem **problem) {
    const char *seed = l2o_settings_get(command->settings, "seed");
    l2o_status status = l2o_problem_create(command->context, command->settings, problem);
    if (status != L2O_OK) return status;
    return l2o_problem_sample(command->context, *problem, seed != NULL ? strtoull(seed, NULL, 10) : 0, "test", 0);
}

static int report(command *command, const l2o_solution *solution, const char *optimizer) {
    const char *out = command_option(command, OPTION_OUT);
    int64_t cancelled = l2o_solution_count(solution, L2O_CANCELLED);
    if (cancelled > 0) {
        command_complain("cancelled when %lld of %lld instances were done; nothing was written",
                         (long long)(l2o_solution_batch(solution) - cancelled),
                         (long long)l2o_solution_batch(solution));
        return command_stopped();
    }
    if (out != NULL) {
        l2o_status status = l2o_solution_save(command->context, solution, out);
        if (status != L2O_OK) return command_failed(command, status);
    }
    int code = EXIT_FINE;
    if (command->json)
        code = print_json(solution, optimizer, out);
    else if (!command->quiet)
        code = print_summary(solution, out);
    return code == EXIT_FINE && l2o_solution_count(solution, L2O_DIVERGED) > 0 ? EXIT_FAILED : code;
}

static bool out_has_format(const command *command) {
    const char *out = command_option(command, OPTION_OUT), *end = out != NULL ? strrchr(out, '.') : NULL;
    if (out == NULL) return true;
    if (end != NULL && (strcmp(end, ".npy") == 0 || strcmp(end, ".npz") == 0 || strcmp(end, ".csv") == 0)) return true;
    command_complain("--out: '%s' tells no format; end it with .npy, .npz or .csv", out);
    return false;
}

static int run(command *command) {
    if (!out_has_format(command)) return EXIT_BAD_INPUT;
    l2o_problem *problem = NULL;
    l2o_optimizer *optimizer = NULL;
    l2o_solution *solution = NULL;
    l2o_status status = make_problem(command, &problem);
    if (status == L2O_OK) status = l2o_optimizer_create(command->context, command->settings, &optimizer);
    if (status == L2O_OK) status = l2o_solve(command->context, problem, optimizer, command->settings, &solution);
    int code =
        status == L2O_OK ? report(command, solution, l2o_optimizer_name(optimizer)) : command_failed(command, status);
    l2o_solution_free(solution);
    l2o_optimizer_free(optimizer);
    l2o_problem_free(problem);
    return code;
}

const verb verb_solve = {
    .name = "solve",
    .usage = "[RUN.ini] --optimizer NAME|FILE [--out FILE] [--SETTING VALUE ...]",
    .summary = "solve problems with trained weights or a hand-designed optimizer",
    .description =
        "Runs an optimizer on every instance of a problem until that instance is solved: until its duality gap, or its "
        "stationarity where there is no gap, is small enough. Prints for each instance the objective, the steps it "
        "took, the gap (a proven bound of how far the objective is from the optimum) and why it was left.\n"
        "--out writes the solutions, one instance a row: as .npy or .csv, or as .npz together with status, objective "
        "and gap. The exit code is 1 when an instance diverged.",
    .examples = "# your data: one A, one instance a row of b\n"
                "l2o solve --optimizer fista --problem lasso --A data.npz:A --b data.npz:b \\\n"
                "    --lambda 0.1 --out x.npy\n"
                "# with trained weights\n"
                "l2o solve --weights adapted.safetensors --problem lasso --A data.npz:A \\\n"
                "    --b data.npz:b --json",
    .options = OPTIONS_COMPUTING | OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_WEIGHTS),
    .groups = GROUP_GENERAL | GROUP_PROBLEM | GROUP_OPTIMIZER | GROUP_SOLVE,
    .run = run,
};
