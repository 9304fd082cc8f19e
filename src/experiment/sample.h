/* A sample over meta-training seeds and runs: v[s][r], what seed s's weights reached on the problem of run r. Every
 * seed sees the same problems, every method too, so that differences are taken problem by problem.
 *
 *   mean             of all v[s][r]
 *   half             t_{0.975, R-1} d / sqrt(R), d the sample deviation over r of the means over s
 *   seeds_half       t_{0.975, S-1} e / sqrt(S), e the sample deviation over s of the means over r
 *   seeds_deviation  e
 *   deviation        the sample deviation of all v[s][r]
 *
 * What there are too few values for is NaN. A value that is not finite makes the mean so. */
#ifndef L2O_EXPERIMENT_SAMPLE_H
#define L2O_EXPERIMENT_SAMPLE_H

#include <stdint.h>

#include "base/error.h"

typedef struct sample {
    int64_t seeds, runs;
    double *values; /* [seeds, runs], for memory_free() */
} sample;

typedef struct sample_summary {
    double mean, half, seeds_half, seeds_deviation, deviation;
} sample_summary;

l2o_status sample_create(int64_t seeds, int64_t runs, sample *out, l2o_error *error);
void sample_free(sample *sample);
l2o_status sample_summarise(const sample *sample, sample_summary *summary, l2o_error *error);
/* Of a - b, run by run; and seed by seed where both have the same number of them or one has a single one. Else the
 * means over seeds are subtracted, and there is no interval over seeds. */
l2o_status sample_difference(const sample *a, const sample *b, sample_summary *summary, l2o_error *error);

#endif
