/* l2o adapt: a few updates of trained weights on problems of the kind that is to be solved. */
#include <math.h>
#include <stdio.h>

#include "command.h"
#include "l2o/train.h"
#include "output.h"
#include "table.h"

static json_t *quality_json(const l2o_quality *quality) {
    return json_pack("{s:o, s:o, s:o, s:I}", "minimum", output_real(quality->minimum), "last",
                     output_real(quality->last), "mean", output_real(quality->mean), "minimum_step",
                     (json_int_t)quality->minimum_step);
}

static json_t *trials_json(const l2o_adaptation_report *report) {
    json_t *trials = json_array();
    for (int r = 0; r < report->trial_count; r++) {
        const l2o_adaptation_trial *trial = &report->trials[r];
        json_array_append_new(trials,
                              json_pack("{s:o, s:I, s:o, s:I, s:o}", "rate", output_real(trial->rate), "updates",
                                        (json_int_t)trial->updates, "after", quality_json(&trial->after), "best_update",
                                        (json_int_t)trial->best_update, "best", quality_json(&trial->best)));
    }
    return trials;
}

static int print_json(const char *name, const char *path, const l2o_adaptation_report *report) {
    return output_json(json_pack(
        "{s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:I, s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "command", "adapt", "optimizer",
        name, "weights", path, "updates", (json_int_t)report->updates, "before", quality_json(&report->before), "after",
        quality_json(&report->after), "kept", quality_json(&report->kept), "kept_update",
        (json_int_t)report->kept_update, "rate", output_real(report->rate), "trials", trials_json(report), "candidates",
        (json_int_t)report->candidates, "gradient_evaluations", output_real(report->gradient_evaluations), "seconds",
        output_real(report->seconds), "measuring_evaluations", output_real(report->measuring_evaluations),
        "measuring_seconds", output_real(report->measuring_seconds)));
}

static void add_row(table *table, const char *label, const l2o_quality *quality) {
    table_cell(table, "%s", label);
    table_number(table, quality->minimum, 6);
    table_cell(table, "%lld", (long long)quality->minimum_step);
    table_number(table, quality->last, 6);
    table_number(table, quality->mean, 6);
}

/* What each of several rates has to offer. */
static void add_trials(table *table, const l2o_adaptation_report *report) {
    for (int r = 0; r < report->trial_count; r++) {
        const l2o_adaptation_trial *trial = &report->trials[r];
        char label[64];
        snprintf(label, sizeof label, "rate %g, update %lld of %lld", trial->rate, (long long)trial->best_update,
                 (long long)trial->updates);
        add_row(table, label, &trial->best);
    }
}

static void print_kept(const l2o_adaptation_report *report, bool best, const char *measure) {
    char reason[128], rate[48] = "";
    bool several = report->trial_count > 1;
    if (best)
        snprintf(reason, sizeof reason, "keep = best: the least %s ln f on held-out problems", measure);
    else
        snprintf(reason, sizeof reason, "keep = always%s%s%s", several ? "; the rate by the least " : "",
                 several ? measure : "", several ? " ln f on held-out problems" : "");
    if (several) snprintf(rate, sizeof rate, " at rate %g", report->rate);
    if (report->kept_update == 0)
        printf("kept: the weights from before (%s)\n", report->updates == 0 ? "no update was made" : reason);
    else
        printf("kept: the weights after update %lld of %lld%s (%s)\n", (long long)report->kept_update,
               (long long)report->updates, rate, reason);
}

static int print_summary(const char *path, const l2o_adaptation_report *report, bool best, const char *measure) {
    static const char *const headings[] = {"on held-out problems", "least ln f", "at step", "last ln f", "mean ln f"};
    table table = {0};
    table_begin(&table, 5, headings);
    add_row(&table, "before", &report->before);
    if (report->trial_count > 1)
        add_trials(&table, report);
    else
        add_row(&table, "after", &report->after);
    table_print(&table, stdout, TABLE_TEXT, 0);
    table_free(&table);
    print_kept(report, best, measure);
    if (report->candidates > 0) printf("%lld candidates tried by search\n", (long long)report->candidates);
    printf("%.6g gradient evaluations for each instance in %.1f s, and %.6g in %.1f s to measure; weights in %s\n",
           report->gradient_evaluations, report->seconds, report->measuring_evaluations, report->measuring_seconds,
           path);
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
        const char *measure = l2o_settings_get(command->settings, "keep-by");
        code = print_summary(path, &report, keep != NULL && keep[0] == 'b', measure);
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
        "before. With --adaptation-rates several rates are tried, and the best one there is taken.\n"
        "Weights that no gradient tells of are searched for in each update; --adaptation-optimizer search finds all "
        "weights so, where they are few.",
    .examples = "# problems from a distribution that training has not seen\n"
                "l2o adapt --weights ml2o.safetensors --problem lasso --A normal:100 \\\n"
                "    --out adapted.safetensors\n"
                "# your own instances; never get worse\n"
                "l2o adapt --weights ml2o.safetensors --problem lasso \\\n"
                "    --A data.npz:A --b data.npz:b --keep best --adaptation-rates 1e-4,1e-3,1e-2 \\\n"
                "    --out mine.safetensors\n"
                "# the three numbers of HyperLISTA, for a dictionary\n"
                "l2o adapt --optimizer hyperlista --problem recovery --A dictionary.npy --density 0.1 \\\n"
                "    --batch 512 --adaptation-optimizer search --adaptation-updates 40 \\\n"
                "    --out tuned.safetensors",
    .options = OPTIONS_COMPUTING | OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_WEIGHTS),
    .groups = GROUP_GENERAL | GROUP_PROBLEM | GROUP_OPTIMIZER | GROUP_ESTIMATOR | GROUP_ADAPTATION,
    .run = run,
};
