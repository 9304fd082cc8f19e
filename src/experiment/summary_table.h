/* A table with a row for each method of a panel: what it reaches by both definitions of the quantity and at chosen
 * steps, how long it takes, how many weights it has. */
#ifndef L2O_EXPERIMENT_SUMMARY_TABLE_H
#define L2O_EXPERIMENT_SUMMARY_TABLE_H

#include "experiment/results_parts.h"

/* Appends it. The experiment's quantity has two definitions. */
l2o_status summary_table(const session *session, int variant, int panel, json_t *tables, l2o_error *error);

#endif
