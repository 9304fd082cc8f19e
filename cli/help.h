/* Help, as text for the terminal and as the source of manual pages: both are made from the verbs' own tables and the
 * settings reference, so they cannot disagree with what the tool does. */
#ifndef L2O_CLI_HELP_H
#define L2O_CLI_HELP_H

#include "command.h"
#include "page.h"

/* `l2o --help`. */
void help_print_tool(page_style style);
/* `l2o VERB --help`; needs command->settings. */
void help_print_verb(const command *command, const verb *verb, page_style style);

/* The group that a table of the settings reference belongs to; 0 for one that no verb uses. */
unsigned help_table_group(const char *table);
/* "[yes|no]", "a|b|c", "NUMBER" or "TEXT": what a setting takes. */
const char *help_placeholder(const l2o_setting_description *description);

#endif
