/* l2o report: a page to look at. */
#include "l2o/report.h"

#include <stdio.h>

#include "command.h"
#include "l2o/optimizer.h"

static int run(command *command) {
    if (command->argument_count == 0)
        return command_complain("`l2o report` needs results or weights: l2o report DIR, or l2o report FILE");
    const char *source = command->arguments[0], *out = command_option(command, OPTION_OUT);
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
    .usage = "DIR|FILE [--out PAGE.html]",
    .summary = "a page of tables and figures, to look at in a browser",
    .description =
        "Makes one HTML page that needs nothing beside it, neither a network nor a server: open it from the disk. Its "
        "figures can be zoomed and read by mouse and keyboard, their curves switched off and on; printing gives still "
        "figures.\n"
        "From the results of an experiment (a folder with results.json in it, or a results file): tables with "
        "intervals, the published numbers beside them with a verdict, curves, claims, and what ran.\n"
        "From a training (FILE.safetensors, or its FILE.log.jsonl): loss and validation over meta-updates, the stages "
        "of the curriculum, recoveries, and the settings.\n"
        "Without --out the page is DIR/report.html, or FILE.html.",
    .examples = "l2o report results/ml2o-table1\n"
                "l2o report ml2o.safetensors --out training.html",
    .options = OPTIONS_ALWAYS | OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_QUIET),
    .arguments = 1,
    .run = run,
};
