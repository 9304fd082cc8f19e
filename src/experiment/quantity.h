/* What the cells of an experiment hold at each step, and tables and figures show: ln f, the normalised mean square
 * error of sparse recovery, or the relative loss. Lower is better in each. */
#ifndef L2O_EXPERIMENT_QUANTITY_H
#define L2O_EXPERIMENT_QUANTITY_H

#include "experiment/compare.h"

typedef struct quantity {
    const char *name;      /* as experiments ask for it */
    const char *symbol;    /* of the axis */
    const char *meaning;   /* its definition, a sentence that begins with the symbol */
    bool last;             /* judged by its value after the last step; else by the least over all steps */
    const char *judged;    /* that in words */
    bool logarithmic;      /* the axis */
    double near;           /* how near a published number must be where our interval is narrower */
    bool near_relative;    /* times that number */
    const char *near_text; /* the same in words */
    const char *other;     /* a second definition that is kept beside it: name in tables; NULL: none */
    const char *other_symbol, *other_meaning;
    bool of_instances; /* needs the objectives of each instance */
    bool of_optimum;   /* needs the mean of the optima */
    /* Is it defined on these problems? */
    l2o_status (*suits)(const problem *problem, l2o_error *error);
    /* Of the objectives at step t, and what the optimum is: value[0], and value[1] of the second definition. */
    void (*measure)(const problem *problem, const compare_track *track, int64_t step, double optimum, double value[2]);
} quantity;

extern const quantity quantity_ln; /* what experiments show that ask for none */

const quantity *quantity_find(const char *name); /* NULL: there is none of this name */
void quantity_names(char *text, size_t size);    /* ", " between them */
/* How far from ours a published number may be and agree, where our intervals are no wider. */
double quantity_nearness(const quantity *quantity, double published);

#endif
