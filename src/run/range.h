/* The range of problems that weights were trained on, kept in their metadata: so that using them far outside it can be
 * noticed and said. */
#ifndef L2O_RUN_RANGE_H
#define L2O_RUN_RANGE_H

#include "dist/context.h"
#include "optimizers/optimizer.h"
#include "problems/dictionary_sketch.h"

typedef struct range {
    int count; /* problems seen so far; 0: nothing known */
    int64_t smallest_dimension, largest_dimension;
    double smallest_gradient, largest_gradient;   /* norm of the gradient at x0, over sqrt(n), per instance */
    double smallest_curvature, largest_curvature; /* Lipschitz constant of the gradient; NaN where unknown */
    char families[128];                           /* names, separated by commas */
    dictionary_sketch dictionary;                 /* of the A that all of them share; of no A where there is none */
} range;

/* Widens the range by the problem as it is sampled now. */
l2o_status range_extend(range *range, problem *problem, const evaluation *evaluation);
/* As a JSON object; NULL when out of memory. */
json_t *range_json(const range *range);
/* The range of the problem as it is sampled now. */
l2o_status range_of(l2o_context *context, problem *problem, range *range, l2o_error *error);
/* Says on the context, in one sentence, when `problem` lies far outside the range in the optimizer's provenance, and
 * outside that of its adaptation where it was adapted: another family; a dimension, gradient or curvature beyond ten
 * times its ends, or the optimizer's own factors; for networks, a dictionary of another m / n. Likewise when an
 * optimizer that has learned one dictionary is used with another of the same size; and, for any optimizer, when it
 * scales its steps by a Lipschitz constant that the problem does not know. */
l2o_status range_warn(l2o_context *context, const optimizer *optimizer, problem *problem, l2o_error *error);

#endif
