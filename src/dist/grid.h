/* A grid: several runs that do not depend on one another. The ranks form as many groups as there are runs, or as many
 * as there are ranks; each group takes runs in turn, and within a group a run's pieces are shared. A run gives the same
 * bits in any group. */
#ifndef L2O_DIST_GRID_H
#define L2O_DIST_GRID_H

#include "dist/context.h"

/* Run number `run`. False: this group begins no further run. */
typedef bool (*grid_function)(void *argument, int64_t run);

/* Runs 0 .. count - 1. results[run], of `size` bytes each, is filled by the function and then known to all ranks. Fails
 * only where ranks lose contact; how a run went is in its result. */
l2o_status grid_run(l2o_context *context, int64_t count, grid_function function, void *argument, void *results,
                    size_t size, l2o_error *error);

#endif
