/* l2o help: the help of the tool or of one of its verbs; with --man as the source of its manual page. */
#include "command.h"
#include "help.h"

static int run(command *command) {
    page_style style = command_option(command, OPTION_MAN) != NULL ? PAGE_MAN : PAGE_TEXT;
    if (command->argument_count == 0) {
        help_print_tool(style);
        return command_flush();
    }
    const char *name = command->arguments[0];
    const verb *verb = verb_find(name);
    if (verb == NULL) return command_complain("there is no command '%s'; `l2o --help` shows them all", name);
    help_print_verb(command, verb, style);
    return command_flush();
}

const verb verb_help = {
    .name = "help",
    .usage = "[COMMAND] [--man]",
    .summary = "the help of a command",
    .description = "Prints the help of a command, or of the tool.",
    .examples = "l2o help train\n"
                "l2o help adapt --man | man -l -",
    .options = OPTIONS_ALWAYS | OPTION_BIT(OPTION_MAN),
    .arguments = 1,
    .run = run,
};
