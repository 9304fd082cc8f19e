/* l2o train: meta-trains a learned optimizer. */
#include "l2o/train.h"

#include <math.h>
#include <stdio.h>

#include "command.h"
#include "output.h"

static void on_progress(void *user, const l2o_training_progress *now) {
    command *command = user;
    if (!command->progressing)
        command_progress_begin(command, now->expected_updates, now->updates > 1 ? now->updates : 0, "training");
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

static int run(command *command) {
    if (!command_requires(command, OPTION_OUT, "the file that the weights go to")) return EXIT_BAD_INPUT;
    l2o_training_report report = {.best_validation = NAN};
    const char *path = command_option(command, OPTION_OUT), *svg = command_option(command, OPTION_SVG);
    l2o_status status = l2o_train(command->context, command->settings, path, on_progress, command, &report);
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
        "to the same bits as if it had never stopped.",
    .examples = "# three kinds of LASSO problems, first-order MAML\n"
                "l2o train --problem lasso --A 'mix:uniform:0:0.1,uniform:0:0.5,uniform:0:1' \\\n"
                "    --estimator fomaml --out ml2o.safetensors\n"
                "# the same settings from a file, one overridden; go on where it stopped\n"
                "l2o train run.ini --batch 64 --out ml2o.safetensors --resume\n"
                "# your own instances: A shared, one instance a row of b\n"
                "l2o train --problem lasso --A data.npz:A --b data.npz:b --out mine.safetensors",
    .options = OPTIONS_COMPUTING | OPTION_BIT(OPTION_RANKS) | OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_WEIGHTS) |
               OPTION_BIT(OPTION_SVG),
    .groups = GROUP_GENERAL | GROUP_PROBLEM | GROUP_OPTIMIZER | GROUP_ESTIMATOR | GROUP_TRAINING,
    .run = run,
};
