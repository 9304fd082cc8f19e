/* Runs handed out to groups of ranks. */
#include "dist/grid.h"

l2o_status grid_run(l2o_context *context, int64_t count, grid_function function, void *argument, void *results,
                    size_t size, l2o_error *error) {
    const rank_place *all = &context->ranks.all;
    int groups = count < all->count ? (int)count : all->count;
    int own = (int)((int64_t)all->rank * groups / all->count);
    if (groups > 1) TRY(ranks_split(context, own, error));
    for (int64_t run = own; run < count; run += groups)
        if (!function(argument, run)) break;
    ranks_unite(context);
    for (int64_t run = 0; run < count; run++) {
        int group = (int)(run % groups);
        int leader = (int)(((int64_t)group * all->count + groups - 1) / groups); /* the group's first rank */
        TRY(ranks_broadcast(context, (char *)results + (size_t)run * size, size, leader, error));
    }
    return L2O_OK;
}
