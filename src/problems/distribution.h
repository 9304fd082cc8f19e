/* Distributions that problem data is drawn from, as text: `normal:SD`, `normal:MEAN:SD`, `uniform:LOW:HIGH`,
 * `log-uniform:LOW:HIGH` (the logarithm is uniform), `fixed:VALUE` (or a bare number); `normal(0,1)`, `N(0,1)` and
 * `U[0,1)` mean the same; and mixtures `mix:D,D,D` whose components take equal shares of the batch, in order: component
 * of instance p = min(p / (B / K), K - 1), so the last takes the rest (42, 42, 44 of 128). */
#ifndef L2O_PROBLEMS_DISTRIBUTION_H
#define L2O_PROBLEMS_DISTRIBUTION_H

#include <stdint.h>

#include "base/error.h"
#include "base/random.h"

enum { DISTRIBUTION_COMPONENTS = 16 };

typedef enum distribution_kind {
    DISTRIBUTION_FIXED,
    DISTRIBUTION_NORMAL,
    DISTRIBUTION_UNIFORM,
    DISTRIBUTION_LOG_UNIFORM
} distribution_kind;

typedef struct distribution_component {
    distribution_kind kind;
    double first, second; /* value; mean and standard deviation; low and high */
} distribution_component;

typedef struct distribution {
    int count;
    distribution_component component[DISTRIBUTION_COMPONENTS];
} distribution;

/* `what` names the setting in the error's sentence. */
l2o_status distribution_parse(const char *text, const char *what, distribution *out, l2o_error *error);
/* Replaces a mixture by one of its components, counted from 0; nothing to do for a negative number or without a
 * mixture. */
l2o_status distribution_choose(distribution *distribution, int component, const char *what, l2o_error *error);
int distribution_component_of(const distribution *distribution, int64_t instance, int64_t batch);
/* The least number that may be drawn: minus infinity for a normal with a deviation. */
double distribution_least(const distribution *distribution);
double distribution_draw(const distribution_component *component, random_key key, uint64_t index);

#endif
