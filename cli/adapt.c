/* l2o adapt: a few updates of trained weights on problems of the kind that is to be solved. */
#include <math.h>
#include <stdio.h>

#include "command.h"
#include "l2o/train.h"
#include "output.h"
#include "table.h"

static json_t *quality_json(const l2o_quality *quality) {
    return json_pack("{s:o, s:o, s:I}", "minimum", output_real(quality->minimum), "last", output_real(quality->last),
                     "minimum_step", (json_int_t)quality->minimum_step);
}

static int print_json(const char *name, const char *path, const l2o_adaptation_report *report) {
    return output_json(json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:I, s:o, s:o}", "command", "adapt", "optimizer",
                                 name, "weights", path, "updates", (json_int_t)report->updates, "before",
                                 quality_json(&report->before), "after", quality_json(&report->after), "kept",
                                 quality_json(&report->kept), "kept_update", (json_int_t)report->kept_update,
                                 "gradient_evaluations", output_real(report->gradient_evaluations), "seconds",
                                 output_real(report->seconds)));
}

static void add_row(table *table, const char *label, const l2o_quality *quality) {
    table_cell(table, "%s", label);
    table_number(table, quality->minimum, 6);
    table_cell(table, "%lld", (long long)quality->minimum_step);
    table_number(table, quality->last, 6);
}

static int print_summary(const char *path, const l2o_adaptation_report *report, bool best) {
    static const char *const headings[] = {"on held-out problems", "least ln f", "at step", "last ln f"};
    table table = {0};
    table_begin(&table, 4, headings);
    add_row(&table, "before", &report->before);
    add_row(&table, "after", &report->after);
    table_print(&table, stdout, TABLE_TEXT, 0);
    table_free(&table);
    const char *reason = best ? "keep = best: the least minimum on held-out problems" : "keep = always";
    if (report->kept_update == 0)
        printf("kept: the weights from before (%s)\n", report->updates == 0 ? "no update was made" : reason);
    else
        printf("kept: the weights after update %lld of %lld (%s)\n", (long long)report->kept_update,
               (long long)report->updates, reason);
    printf("%.6g gradient evaluations for each instance, %.1f s; weights in %s\n", report->gradient_evaluations,
           report->seconds, path);
    return command_flush();
}

static int run(command *command) {
    if (!command_requires(command, OPTION_OUT, "the file that the adapted weights go to")) return EXIT_BAD_INPUT;
    if (command_option(command, OPTION_WEIGHTS) == NULL && !command_has_flag(command, "optimizer") &&
        command_option(command, OPTION_CONFIG) == NULL)
        return command_complain("`l2o adapt` needs --weights FILE: the trained weights to start from");
    const char *path = command_option(command, OPTION_OUT);
    l2o_optimizer *optimizer = NULL;
    l2o_adaptation_report report = {0};
    l2o_status status = l2o_optimizer_create(command->context, command->settings, &optimizer);
    if (status == L2O_OK) status = l2o_adapt(command->context, command->settings, optimizer, &report);
    if (status == L2O_OK) status = l2o_optimizer_save(command->context, optimizer, path);
    int code = EXIT_FINE;
    if (status != L2O_OK) {
        code = command_failed(command, status);
    } else if (command->json) {
        code = print_json(l2o_optimizer_name(optimizer), path, &report);
    } else if (!command->quiet) {
        const char *keep = l2o_settings_get(command->settings, "keep");
        code = print_summary(path, &report, keep != NULL && keep[0] == 'b');
    }
    l2o_optimizer_free(optimizer);
    return code;
}

const verb verb_adapt = {
    .name = "adapt",
    .usage = "[RUN.ini] --weights FILE.safetensors --out FILE.safetensors [--SETTING VALUE ...]",
    .summary = "adapt trained weights to the problems at hand, in a few updates",
    .description =
        "Takes trained weights and a few adaptation problems of the kind that is to be solved, and moves the weights "
        "towards them: five updates are the default. Prints how good the weights are before and after on problems of "
        "that kind which adaptation has not seen, as the natural logarithm of the mean objective.\n"
        "With --keep best, the weights with the least minimum on those problems are kept, which may be those from "
        "before.",
    .examples = "# problems from a distribution that training has not seen\n"
                "l2o adapt --weights ml2o.safetensors --problem lasso --A normal:100 \\\n"
                "    --out adapted.safetensors\n"
                "# your own instances; never get worse\n"
                "l2o adapt --weights ml2o.safetensors --problem lasso \\\n"
                "    --A data.npz:A --b data.npz:b --keep best --out mine.safetensors",
    .options = OPTIONS_COMPUTING | OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_WEIGHTS),
    .groups = GROUP_GENERAL | GROUP_PROBLEM | GROUP_OPTIMIZER | GROUP_ESTIMATOR | GROUP_ADAPTATION,
    .run = run,
};
