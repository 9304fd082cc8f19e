/* Time against size: workloads whose size is varied in one direction, everything else at the reference size. */
#ifndef L2O_BENCH_SWEEP_H
#define L2O_BENCH_SWEEP_H

#include <jansson.h>

#include "workload.h"

enum { SWEEP_POINTS = 12 };

typedef struct sweep_point {
    double size, time, limit; /* time and the model's limit in milliseconds; limit NaN where there is none */
    double work;              /* how many units of work, by which the time is to grow */
    int runs;
} sweep_point;

typedef struct sweep {
    const char *name, *what; /* what is timed */
    const char *axis, *unit; /* what is varied; what the time is divided by */
    char kind;               /* of the workload */
    const char *family;
    void (*set)(workload_options *options, int64_t size);
    bool by_multiply_adds;       /* the unit is a multiply-add, else a coordinate's step */
    bool wall;                   /* the clock on the wall, as several threads work; else processor time */
    int64_t sizes[SWEEP_POINTS]; /* ends with 0 */
    int count;
    sweep_point points[SWEEP_POINTS];
} sweep;

/* The sweeps there are, NULL past the end; they are templates, to be copied. */
const sweep *sweep_at(int index);

/* Times each size, for about `seconds` each, but at least three times; prints a line for each. */
l2o_status sweep_run(sweep *sweep, const char *kernel, const limits *limits, double seconds, l2o_error *error);
/* The greatest time of a unit of work over the least. */
double sweep_spread(const sweep *sweep);

json_t *sweep_to_json(const sweep *sweep); /* NULL when out of memory */
/* A figure of those sweeps in which size is a number of coordinates, of steps or of units. */
l2o_status sweep_figure(const sweep *sweeps, int count, const char *path, l2o_error *error);

#endif
