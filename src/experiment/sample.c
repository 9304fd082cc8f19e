/* Summaries of samples over seeds and runs, and of their paired differences. */
#include "experiment/sample.h"

#include <stdbool.h>

#include "base/memory.h"
#include "experiment/statistics.h"

l2o_status sample_create(int64_t seeds, int64_t runs, sample *out, l2o_error *error) {
    size_t count;
    *out = (sample){seeds, runs, NULL};
    TRY(memory_product((size_t)seeds, (size_t)runs, "runs of all seeds", &count, error));
    out->values = memory_allocate(count, sizeof(double), error);
    return out->values == NULL ? error->status : L2O_OK;
}

void sample_free(sample *sample) {
    memory_free(sample->values);
    sample->values = NULL;
}

l2o_status sample_summarise(const sample *sample, sample_summary *summary, l2o_error *error) {
    size_t seeds = (size_t)sample->seeds, runs = (size_t)sample->runs;
    double *of_run = memory_allocate(runs + seeds, sizeof *of_run, error);
    if (of_run == NULL) return error->status;
    double *of_seed = of_run + runs;
    for (size_t s = 0; s < seeds; s++) of_seed[s] = statistics_mean(sample->values + s * runs, runs);
    for (size_t r = 0; r < runs; r++) {
        double sum = 0;
        for (size_t s = 0; s < seeds; s++) sum += sample->values[s * runs + r];
        of_run[r] = sum / (double)seeds;
    }
    *summary = (sample_summary){.mean = statistics_mean(sample->values, seeds * runs),
                                .half = statistics_half_width(of_run, runs),
                                .seeds_half = statistics_half_width(of_seed, seeds),
                                .seeds_deviation = statistics_deviation(of_seed, seeds),
                                .deviation = statistics_deviation(sample->values, seeds * runs)};
    memory_free(of_run);
    return L2O_OK;
}

/* a[s][r], or the mean over seeds where it is not taken seed by seed. */
static double at(const sample *sample, int64_t seeds, int64_t s, int64_t r) {
    if (sample->seeds == seeds) return sample->values[s * sample->runs + r];
    double sum = 0;
    for (int64_t k = 0; k < sample->seeds; k++) sum += sample->values[k * sample->runs + r];
    return sum / (double)sample->seeds;
}

l2o_status sample_difference(const sample *a, const sample *b, sample_summary *summary, l2o_error *error) {
    sample difference;
    bool paired = a->seeds == b->seeds || a->seeds == 1 || b->seeds == 1;
    int64_t seeds = !paired ? 1 : a->seeds > b->seeds ? a->seeds : b->seeds;
    int64_t runs = a->runs < b->runs ? a->runs : b->runs;
    TRY(sample_create(seeds, runs, &difference, error));
    for (int64_t s = 0; s < seeds; s++)
        for (int64_t r = 0; r < runs; r++) difference.values[s * runs + r] = at(a, seeds, s, r) - at(b, seeds, s, r);
    l2o_status status = sample_summarise(&difference, summary, error);
    sample_free(&difference);
    return status;
}
