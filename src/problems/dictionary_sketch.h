/* A few numbers that tell one shared A from another without keeping it: sums of its entries with fixed random signs
 * (Alon, Matias and Szegedy, STOC 1996). Those of a difference are the differences, and the mean of their squares is
 * ||A - A'||_F^2 on average; with 16 of them a distance is right within a third, most of the time. */
#ifndef L2O_PROBLEMS_DICTIONARY_SKETCH_H
#define L2O_PROBLEMS_DICTIONARY_SKETCH_H

#include <jansson.h>

#include "problems/linear_model.h"

enum { SKETCH_SUMS = 16 };

typedef struct dictionary_sketch {
    int64_t m, n; /* 0: of no A */
    double norm;  /* ||A||_F */
    double sums[SKETCH_SUMS];
} dictionary_sketch;

/* Of the A that all instances share; of no A where there is none, where it is sparse or its norm is no number. */
dictionary_sketch dictionary_sketch_of(const problem *problem);
bool dictionary_sketch_equals(const dictionary_sketch *a, const dictionary_sketch *b);
/* About ||A - A'||_F / ||A||_F, A' of `other`; NaN where the sizes differ or one is of no A. */
double dictionary_sketch_distance(const dictionary_sketch *self, const dictionary_sketch *other);

/* {"shape": [m, n], "norm", "sums": [16]}; null for no A, NULL when out of memory. */
json_t *dictionary_sketch_json(const dictionary_sketch *self);
/* Of no A where the JSON is anything else. */
dictionary_sketch dictionary_sketch_read(const json_t *json);

#endif
