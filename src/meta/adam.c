/* Adam (Kingma and Ba, ICLR 2015) on float64 weights, with epsilon in TensorFlow's place or in PyTorch's. */
#include "meta/adam.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static const double BETA1 = 0.9, BETA2 = 0.999;

l2o_status adam_create(adam *adam, int64_t count, double epsilon, bool tensorflow, l2o_error *error) {
    *adam = (struct adam){.count = count, .epsilon = epsilon, .tensorflow = tensorflow};
    adam->m = memory_allocate((size_t)count, sizeof(double), error);
    adam->v = memory_allocate((size_t)count, sizeof(double), error);
    if (adam->m != NULL && adam->v != NULL) return L2O_OK;
    adam_free(adam);
    return error->status;
}

void adam_free(adam *adam) {
    memory_free(adam->m);
    memory_free(adam->v);
    adam->m = adam->v = NULL;
}

void adam_reset(adam *adam) {
    adam->steps = 0;
    memset(adam->m, 0, (size_t)adam->count * sizeof(double));
    memset(adam->v, 0, (size_t)adam->count * sizeof(double));
}

void adam_step(adam *adam, double rate, const double *gradient, double *weights) {
    adam->steps++;
    double first = 1.0 - pow(BETA1, (double)adam->steps), second = 1.0 - pow(BETA2, (double)adam->steps);
    for (int64_t i = 0; i < adam->count; i++) {
        double m = adam->m[i] = BETA1 * adam->m[i] + (1.0 - BETA1) * gradient[i];
        double v = adam->v[i] = BETA2 * adam->v[i] + (1.0 - BETA2) * gradient[i] * gradient[i];
        if (m == 0) continue; /* with epsilon = 0 it would be 0 / 0 */
        weights[i] -= adam->tensorflow ? rate * sqrt(second) / first * m / (sqrt(v) + adam->epsilon)
                                       : rate * (m / first) / (sqrt(v / second) + adam->epsilon);
    }
}
