/* Without reorthogonalization: rounding then only repeats eigenvalues that are found already, the largest stays what it
 * is, and three vectors suffice whatever the number of steps. */
#include "problems/lanczos.h"

#include <math.h>
#include <stdbool.h>

#include "base/random.h"

enum { MOST_STEPS = 512, STEPS_BETWEEN_CHECKS = 8 };
static const double converged = 1e-13;

/* Whether the tridiagonal matrix has an eigenvalue above `bound`: a Sturm sequence with a nonpositive member for
 * bound I - T says that it is not positive definite. */
static bool eigenvalue_above(int steps, const double *diagonal, const double *off, double bound) {
    double pivot = 1;
    for (int k = 0; k < steps; k++) {
        pivot = bound - diagonal[k] - (k == 0 ? 0 : off[k - 1] * off[k - 1] / pivot);
        if (pivot <= 0) return true;
    }
    return false;
}

static double largest_of_tridiagonal(int steps, const double *diagonal, const double *off) {
    double low = 0, high = 0;
    for (int k = 0; k < steps; k++) { /* Gershgorin */
        double reach = diagonal[k] + (k == 0 ? 0 : off[k - 1]) + (k == steps - 1 ? 0 : off[k]);
        if (reach > high) high = reach;
        if (diagonal[k] > low) low = diagonal[k];
    }
    for (int i = 0; i < 100 && low < high; i++) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high) break;
        if (eigenvalue_above(steps, diagonal, off, middle))
            low = middle;
        else
            high = middle;
    }
    return high;
}

static double norm(int64_t size, const double *x) {
    double sum = 0;
    for (int64_t i = 0; i < size; i++) sum += x[i] * x[i];
    return sqrt(sum);
}

l2o_status lanczos_largest(int64_t size, lanczos_operator apply, const void *argument, double *largest, arena *scratch,
                           l2o_error *error) {
    arena_mark mark = arena_position(scratch);
    size_t bytes = (size_t)size * sizeof(double);
    double *vector = arena_allocate(scratch, bytes, error);
    double *previous = arena_allocate(scratch, bytes, error);
    double *image = arena_allocate(scratch, bytes, error);
    if (vector == NULL || previous == NULL || image == NULL) return error->status;

    const random_key key = {.seed = 0, .stream = STREAM_CHECK, .field = FIELD_OTHER};
    for (int64_t i = 0; i < size; i++) {
        vector[i] = random_normal(key, (uint64_t)i);
        previous[i] = 0;
    }
    double length = norm(size, vector);
    for (int64_t i = 0; i < size; i++) vector[i] /= length;

    double diagonal[MOST_STEPS], off[MOST_STEPS];
    double found = 0, change = 1;
    for (int k = 0; k < MOST_STEPS; k++) {
        apply(argument, vector, image);
        double alpha = 0;
        for (int64_t i = 0; i < size; i++) alpha += vector[i] * image[i];
        double before = k == 0 ? 0 : off[k - 1];
        for (int64_t i = 0; i < size; i++) image[i] -= alpha * vector[i] + before * previous[i];
        diagonal[k] = alpha;
        off[k] = norm(size, image);
        bool last = k == MOST_STEPS - 1 || !(off[k] > 1e-15 * (alpha + before));
        if (last || k % STEPS_BETWEEN_CHECKS == STEPS_BETWEEN_CHECKS - 1) {
            double now = largest_of_tridiagonal(k + 1, diagonal, off);
            change = now > 0 ? fabs(now - found) / now : 0;
            found = now;
            if (last || change <= converged) {
                if (k < MOST_STEPS - 1) change = converged;
                break;
            }
        }
        for (int64_t i = 0; i < size; i++) {
            double next = image[i] / off[k];
            previous[i] = vector[i];
            vector[i] = next;
        }
    }
    *largest = found * (1 + 10 * change);
    arena_reset(scratch, mark);
    return L2O_OK;
}
