/* Tables of a results file (docs/results-file.md), printed. */
#ifndef L2O_CLI_RESULTS_TABLE_H
#define L2O_CLI_RESULTS_TABLE_H

#include <jansson.h>

#include "table.h"

/* Prints one table with its title to standard output: each cell as mean +- interval over runs +- interval over seeds,
 * as far as it has them. False when memory ran out or nothing could be written. */
bool results_table_print(const json_t *from, table_style style);

#endif
