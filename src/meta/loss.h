/* Meta-losses: what an unroll of T steps is judged by, as weights of its T + 1 mean objectives, or of the means of
 * their logarithms. */
#ifndef L2O_META_LOSS_H
#define L2O_META_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/settings.h"

typedef struct meta_loss {
    const char *name, *summary;
    void (*weights)(int64_t steps, double *weights); /* fills [steps + 1] */
    bool logarithm;                                  /* of the instances' ln f instead of f */
} meta_loss;

const meta_loss *meta_loss_at(int index);           /* in the order of the setting meta-loss; NULL past the end */
const meta_loss *meta_loss_named(const char *name); /* NULL: there is none */

#endif
