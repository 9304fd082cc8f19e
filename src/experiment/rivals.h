/* Where learned optimizers lose to classical ones: a sentence for each kind of problems. */
#ifndef L2O_EXPERIMENT_RIVALS_H
#define L2O_EXPERIMENT_RIVALS_H

#include "experiment/results_parts.h"

/* Appends what the best learned method of a panel loses and wins by, where the panel has both kinds of methods. */
l2o_status rivals_note(const session *session, int variant, int panel, json_t *notes, l2o_error *error);

#endif
