/* l2o train: meta-trains a learned optimizer. */
#include "l2o/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "output.h"
#include "table.h"

/* What a run of the command works with. */
typedef struct training {
    command *command;
    l2o_training_run *runs; /* [count] */
    int64_t count, seed;    /* the seed whose progress is shown */
    char label[48];
} training;

static void on_progress(void *user, const l2o_training_progress *now) {
    training *training = user;
    command *command = training->command;
    if (now->seed != training->seed) command_progress_end(command);
    training->seed = now->seed;
    if (training->count > 1) snprintf(training->label, sizeof training->label, "seed %lld", (long long)now->seed);
    if (!command->progressing)
        command_progress_begin(command, now->expected_updates, now->resumed ? now->updates : 0, training->label);
    if (now->event != NULL) command_note(command, "%s", now->event);
    command_progress(command, now->updates, now->loss);
}

static int print_json(command *command, const l2o_training_report *report) {
    char *text = NULL;
    l2o_status status = l2o_settings_json(command->context, command->settings, &text);
    if (status != L2O_OK) return command_failed(command, status);
    json_t *settings = json_loads(text, 0, NULL);
    l2o_string_free(text);
    return output_json(json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:i, s:b, s:b, s:i, s:o, s:o, s:o, s:o}", "command", "train", "weights",
        report->weights_path, "checkpoint", report->checkpoint_path, "log", report->log_path, "curves",
        report->plot_path, "updates", (json_int_t)report->updates, "draws", (json_int_t)report->draws, "stages_done",
        report->stages_done, "finished", report->finished, "resumed", report->resumed, "recoveries", report->recoveries,
        "best_validation", output_real(report->best_validation), "gradient_evaluations",
        output_real(report->gradient_evaluations), "seconds", output_real(report->seconds), "settings", settings));
}

static void print_path(const char *what, const char *path) {
    if (path[0] != '\0') printf("  %-12s%s\n", what, path);
}

static int print_summary(const l2o_training_report *report) {
    printf("trained with %lld updates on %lld drawn problems in %.1f s%s\n", (long long)report->updates,
           (long long)report->draws, report->seconds, report->resumed ? ", resumed from a checkpoint" : "");
    if (isfinite(report->best_validation)) printf("  best validation loss %.6g\n", report->best_validation);
    if (report->recoveries > 0)
        printf("  recovered %d time%s from numbers that overflowed\n", report->recoveries,
               report->recoveries == 1 ? "" : "s");
    print_path("weights", report->weights_path);
    print_path("checkpoint", report->checkpoint_path);
    print_path("log", report->log_path);
    print_path("curves", report->plot_path);
    return command_flush();
}

/* The library draws the curves beside the weights; --svg wants them elsewhere too. */
static bool copy_curves(const char *from, const char *to) {
    FILE *source = fopen(from, "r");
    if (source == NULL) {
        command_complain("%s: cannot be read, so there are no curves for --svg %s", from, to);
        return false;
    }
    output copy;
    if (!output_open(&copy, to)) {
        (void)fclose(source);
        return false;
    }
    char bytes[8192];
    for (size_t got; (got = fread(bytes, 1, sizeof bytes, source)) > 0;) (void)fwrite(bytes, 1, got, copy.stream);
    bool complete = !ferror(source);
    (void)fclose(source);
    if (complete) return output_commit(&copy);
    output_abandon(&copy);
    command_complain("%s: cannot be read to its end, so there are no curves for --svg %s; try again", from, to);
    return false;
}

static int run_one(training *training) {
    command *command = training->command;
    l2o_training_report report = {.best_validation = NAN};
    const char *path = command_option(command, OPTION_OUT), *svg = command_option(command, OPTION_SVG);
    l2o_status status = l2o_train(command->context, command->settings, path, on_progress, training, &report);
    command_progress_end(command);
    if (status == L2O_ERROR_CANCELLED && report.checkpoint_path[0] != '\0') {
        command_complain("stopped after %lld updates; the same command with --resume goes on from %s",
                         (long long)report.updates, report.checkpoint_path);
        return command_stopped();
    }
    if (status != L2O_OK) return command_failed(command, status);
    if (!command->leads) return EXIT_FINE;
    if (svg != NULL && !copy_curves(report.plot_path, svg)) return EXIT_BAD_INPUT;
    if (command->json) return print_json(command, &report);
    return command->quiet ? EXIT_FINE : print_summary(&report);
}

static const char *how_it_went(const l2o_training_run *run) {
    if (run->status == L2O_OK) return "trained";
    return run->status == L2O_ERROR_CANCELLED ? "stopped" : run->error;
}

static int print_runs(const training *training) {
    static const char *const headings[] = {"seed", "updates", "validation", "seconds", "result", "weights"};
    table table = {0};
    table_begin(&table, sizeof headings / sizeof *headings, headings);
    for (int64_t k = 0; k < training->count; k++) {
        const l2o_training_run *run = &training->runs[k];
        table_cell(&table, "%lld", (long long)run->seed);
        table_cell(&table, "%lld", (long long)run->report.updates);
        table_number(&table, run->report.best_validation, 6);
        table_number(&table, run->report.seconds, 3);
        table_cell(&table, "%s", how_it_went(run));
        table_cell(&table, "%s", run->status == L2O_OK ? run->report.weights_path : "");
    }
    (void)table_print(&table, stdout, TABLE_TEXT, 0);
    table_free(&table);
    return command_flush();
}

static int print_runs_json(const training *training) {
    json_t *runs = json_array();
    bool whole = runs != NULL;
    for (int64_t k = 0; k < training->count && whole; k++) {
        const l2o_training_run *run = &training->runs[k];
        const l2o_training_report *report = &run->report;
        json_t *one =
            json_pack("{s:I, s:b, s:s, s:s, s:s, s:I, s:i, s:o, s:o}", "seed", (json_int_t)run->seed, "trained",
                      run->status == L2O_OK, "error", run->error, "weights", report->weights_path, "checkpoint",
                      report->checkpoint_path, "updates", (json_int_t)report->updates, "recoveries", report->recoveries,
                      "best_validation", output_real(report->best_validation), "seconds", output_real(report->seconds));
        whole = json_array_append_new(runs, one) == 0;
    }
    json_t *document = whole ? json_pack("{s:s, s:O}", "command", "train", "runs", runs) : NULL;
    json_decref(runs);
    return output_json(document);
}

/* The table tells of those that failed, the exit code too. */
static int run_several(training *training) {
    command *command = training->command;
    if (command_option(command, OPTION_SVG) != NULL)
        return command_complain("--svg takes one training; with --seeds the curves lie beside the weights");
    training->runs = calloc((size_t)training->count, sizeof *training->runs);
    if (training->runs == NULL) {
        command_complain("out of memory");
        return EXIT_TROUBLE;
    }
    training->runs[0].seed = -1; /* until the list of runs is made */
    l2o_status status = l2o_train_runs(command->context, command->settings, command_option(command, OPTION_OUT),
                                       on_progress, training, training->runs);
    command_progress_end(command);
    int code = EXIT_FINE;
    bool begun = training->runs[0].seed >= 0;
    if (begun && command->leads && command->json) code = print_runs_json(training);
    if (begun && command->leads && !command->json && !command->quiet) code = print_runs(training);
    free(training->runs);
    return status == L2O_OK ? code : command_failed(command, status);
}

static int run(command *command) {
    if (!command_requires(command, OPTION_OUT, "the file that the weights go to")) return EXIT_BAD_INPUT;
    training training = {.command = command, .count = 1, .seed = -1, .label = "training"};
    l2o_status status = l2o_training_runs(command->context, command->settings, &training.count);
    status = l2o_context_agree(command->context, status, l2o_context_error(command->context));
    if (status != L2O_OK) return command_failed(command, status);
    return l2o_settings_get(command->settings, "seeds") == NULL ? run_one(&training) : run_several(&training);
}

const verb verb_train = {
    .name = "train",
    .usage = "[RUN.ini] --out FILE.safetensors [--SETTING VALUE ...]",
    .summary = "learn the weights of an optimizer from sample problems",
    .description =
        "Draws sample problems, lets a learned optimizer work on them, and moves its weights so that it gets better: "
        "meta-training. With a mixture of distributions (mix:...) each component is a task, and the estimators fomaml "
        "and maml train weights that adapt well to problems of a new kind (M-L2O).\n"
        "The best weights go to FILE.safetensors. Beside them lie a checkpoint, a log with one JSON object a line, and "
        "the curves of training as SVG. Training that is stopped, by Ctrl-C or by a power cut, goes on with --resume, "
        "to the same bits as if it had never stopped.\n"
        "Under mpirun the work is shared over ranks, to the same bits; a run may go on with another number of them.",
    .examples = "# three kinds of LASSO problems, first-order MAML\n"
                "l2o train --problem lasso --A 'mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1' \\\n"
                "    --estimator fomaml --out ml2o.safetensors\n"
                "# the same settings from a file, one overridden; go on where it stopped\n"
                "l2o train run.ini --batch 64 --out ml2o.safetensors --resume\n"
                "# ten seeds, on the cores of this machine; and the same over four ranks\n"
                "l2o train run.ini --seeds 1-10 --out 'weights-{seed}.safetensors'\n"
                "mpirun -n 4 l2o train run.ini --seeds 1-10 --out 'weights-{seed}.safetensors'\n"
                "# your own instances: A shared, one instance a row of b\n"
                "l2o train --problem lasso --A data.npz:A --b data.npz:b --out mine.safetensors",
    .options = OPTIONS_COMPUTING | OPTION_BIT(OPTION_RANKS) | OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_WEIGHTS) |
               OPTION_BIT(OPTION_SVG),
    .groups = GROUP_GENERAL | GROUP_PROBLEM | GROUP_OPTIMIZER | GROUP_ESTIMATOR | GROUP_TRAINING,
    .run = run,
};
