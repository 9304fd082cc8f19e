/* Curves of convergence: ln f against steps, gradient evaluations and seconds, with adaptation and tuning counted in;
 * and what all that costs. */
#ifndef L2O_EXPERIMENT_CONVERGENCE_H
#define L2O_EXPERIMENT_CONVERGENCE_H

#include "experiment/results_parts.h"

/* The three figures of one variant and panel. */
l2o_status convergence_figures(const session *session, int variant, int panel, json_t *figures, l2o_error *error);
/* A table of costs, methods in rows, means over the panels of one variant. */
l2o_status convergence_costs(const session *session, int variant, json_t *tables, l2o_error *error);

#endif
