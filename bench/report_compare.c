/* Numbers agree when their largest difference is below 1e-4 of the largest number: float32 leaves about 1e-6 after the
 * sums of an unroll, and a wrong formula shows at 1e-2. Of the evaluation only the first 201 objectives are compared:
 * later on the iterates dance around kinks, where a difference in the last bit decides a sign and trajectories part. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/npz.h"
#include "report.h"

enum { COMPARED_OBJECTIVES = 201 };
static const double TOLERANCE = 1e-4;

static bool compare_arrays(const array *mine, const array *theirs) {
    int64_t count = mine->count;
    if (strcmp(mine->name, "f_traj") == 0 && count > COMPARED_OBJECTIVES) count = COMPARED_OBJECTIVES;
    double apart = mine->count == theirs->count ? 0 : INFINITY, largest = 0;
    for (int64_t i = 0; i < count && isfinite(apart); i++) {
        double difference = fabs(mine->values[i] - theirs->values[i]);
        if (!(difference <= apart)) apart = difference; /* keeps a NaN */
        largest = fmax(largest, fabs(theirs->values[i]));
    }
    bool agrees = apart <= TOLERANCE * largest;
    printf("%-14s relative difference %.1e  %s\n", mine->name, apart / largest, agrees ? "agrees" : "DISAGREES");
    return agrees;
}

bool report_compare(const char *ours_path, const char *peer_path) {
    l2o_error error = {0};
    npz ours = {0}, peer = {0};
    if (npz_read(ours_path, &ours, &error) != L2O_OK || npz_read(peer_path, &peer, &error) != L2O_OK) {
        fprintf(stderr, "bench_report: %s\n", error.text);
        npz_free(&ours);
        return false;
    }
    int disagreements = 0, compared = 0;
    for (size_t k = 0; k < ours.count; k++) {
        const array *theirs = npz_find(&peer, ours.arrays[k].name);
        if (theirs == NULL) continue;
        compared++;
        disagreements += !compare_arrays(&ours.arrays[k], theirs);
    }
    npz_free(&ours);
    npz_free(&peer);
    if (compared == 0) fprintf(stderr, "bench_report: %s and %s share no numbers\n", ours_path, peer_path);
    return disagreements == 0 && compared > 0;
}
