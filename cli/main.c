/* l2o: the command-line tool. Each verb has a file of its own; this one only picks it. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "help.h"

const verb *const verbs[] = {&verb_train,      &verb_adapt,  &verb_solve, &verb_compare,
                             &verb_experiment, &verb_report, &verb_check, &verb_info,
                             &verb_list,       &verb_help,   NULL};

const verb *verb_find(const char *name) {
    for (const verb *const *at = verbs; *at != NULL; at++)
        if (strcmp((*at)->name, name) == 0) return *at;
    return NULL;
}

static int unknown_verb(const char *name) {
    suggestion near;
    suggestion_begin(&near, name);
    for (const verb *const *at = verbs; *at != NULL; at++) suggestion_offer(&near, (*at)->name);
    if (near.best != NULL) return command_complain("there is no command '%s'; did you mean '%s'?", name, near.best);
    return command_complain("there is no command '%s'; `l2o --help` shows them all", name);
}

int main(int count, char **words) {
    if (count < 2) return command_complain("which command? `l2o --help` shows them all");
    const char *name = words[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        help_print_tool(PAGE_TEXT);
        return command_flush();
    }
    if (strcmp(name, "--version") == 0) {
        printf("l2o %s\n", l2o_version());
        return command_flush();
    }
    if (name[0] == '-') return command_complain("'%s': the command comes first, as in `l2o train --help`", name);
    const verb *verb = verb_find(name);
    if (verb == NULL) return unknown_verb(name);

    command command;
    int code = EXIT_FINE;
    if (command_begin(&command, verb, count - 2, words + 2, &code)) code = verb->run(&command);
    command_end(&command);
    return code;
}
