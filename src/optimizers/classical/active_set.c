/* A primal active-set method, as feature-sign search (Lee, Battle, Raina and Ng, NIPS 2006), with the solves done by QR
 * of the columns themselves: their Gram matrix would square a condition number that is already large when a square
 * Gaussian matrix is unlucky, which is where coordinate descent alone takes millions of sweeps.
 *
 * With the signs of the support S fixed, f is a quadratic whose minimum solves A_S'(b - A_S x) = lambda sign. x moves
 * towards it; a coordinate that would change its sign stops the move at 0 and leaves S. At the minimum of S the column
 * with the largest |correlation| above lambda enters. A column that depends on those in S is exchanged: along the
 * dependency the residual stays and the norm falls until a coordinate is 0. f falls with every change of S, so no S
 * comes twice. */
#include "optimizers/classical/active_set.h"

#include <math.h>
#include <string.h>

#include "optimizers/classical/column_qr.h"
#include "problems/dense_vector.h"

enum { MOST_ENTRIES = 1 << 23, REFINEMENTS = 2, SPARE_COLUMNS = 32, STEPS_AT_LEAST = 100, STEPS_PER_COLUMN = 10 };

static const double DEPENDENT = 1e-13; /* what is left of a column over its norm */
static const double ROUNDING = 1e-15;

typedef struct active_set {
    lasso_instance *instance;
    const column *columns;
    int64_t m, count;
    double lambda;
    double *x; /* [count] */
    column_qr qr;
    int64_t *member;                      /* [capacity]: the column at each position of the factorisation */
    double *sign;                         /* [count]: of those inside */
    bool *inside;                         /* [count] */
    bool *barred;                         /* [count]: rounding lets it neither in nor out */
    double *target, *change, *projection; /* [capacity] */
    double *residual, *dense;             /* [m] */
} active_set;

static int64_t support_size(int64_t count, const double *x) {
    int64_t size = 0;
    for (int64_t j = 0; j < count; j++) size += x[j] != 0;
    return size;
}

static l2o_status begin(active_set *set, int64_t capacity) {
    arena *arena = set->instance->scratch;
    l2o_error *error = set->instance->error;
    TRY(column_qr_create(&set->qr, set->m, capacity, arena, error));
    set->member = arena_allocate(arena, (size_t)capacity * sizeof *set->member, error);
    set->inside = arena_allocate(arena, (size_t)(2 * set->count) * sizeof *set->inside, error);
    double *numbers = arena_allocate(arena, (size_t)(set->count + 3 * capacity + 2 * set->m) * sizeof *numbers, error);
    if (set->member == NULL || set->inside == NULL || numbers == NULL) return error->status;
    memset(set->inside, 0, (size_t)(2 * set->count) * sizeof *set->inside);
    set->barred = set->inside + set->count;
    set->sign = numbers;
    set->target = set->sign + set->count;
    set->change = set->target + capacity;
    set->projection = set->change + capacity;
    set->residual = set->projection + capacity;
    set->dense = set->residual + set->m;
    return L2O_OK;
}

static void leave(active_set *set, int64_t position) {
    int64_t j = set->member[position];
    set->inside[j] = false;
    set->x[j] = 0;
    column_qr_remove(&set->qr, position);
    memmove(set->member + position, set->member + position + 1,
            (size_t)(set->qr.count - position) * sizeof *set->member);
    set->instance->work += 2 * (double)(set->qr.count - position) * (double)set->m;
}

/* Moves along x_j += step, x_S -= step * change, which leaves A x as it is, in the direction `toward` of j, to the
 * first zero. Returns the position that became 0, set->qr.count for j itself, -1 when nothing does. */
static int64_t exchange(active_set *set, int64_t j, double toward) {
    double longest = INFINITY;
    int64_t first = -1;
    if (set->x[j] * toward < 0) {
        longest = fabs(set->x[j]);
        first = set->qr.count;
    }
    for (int64_t k = 0; k < set->qr.count; k++) {
        double speed = -toward * set->change[k], at = set->x[set->member[k]];
        if (at * speed >= 0) continue;
        double step = -at / speed;
        if (step < longest) {
            longest = step;
            first = k;
        }
    }
    if (first < 0) return first;
    set->x[j] = first == set->qr.count ? 0 : set->x[j] + toward * longest;
    for (int64_t k = 0; k < set->qr.count; k++) set->x[set->member[k]] -= toward * longest * set->change[k];
    return first;
}

/* Lets column j in, at x[j] with the sign that it has or is to get. */
static void enter(active_set *set, int64_t j, double sign) {
    double norm = sqrt(set->columns[j].squared_norm);
    column_scatter(&set->columns[j], set->m, set->dense);
    while (set->qr.count < set->qr.capacity) {
        set->instance->work += 4 * (double)set->qr.count * (double)set->m;
        if (column_qr_append(&set->qr, set->dense, DEPENDENT * norm, set->change)) {
            set->member[set->qr.count - 1] = j;
            set->inside[j] = true;
            set->sign[j] = sign;
            return;
        }
        double slope = 1; /* of ||x||_1 as j moves away from 0 */
        for (int64_t k = 0; k < set->qr.count; k++) slope -= sign * set->sign[set->member[k]] * set->change[k];
        if (slope > 0 && set->x[j] == 0) break;
        int64_t position = exchange(set, j, slope > 0 ? -sign : sign);
        if (position == set->qr.count) return;
        if (position < 0) break;
        leave(set, position);
    }
    set->barred[j] = true;
}

static void compute_residual(active_set *set, const double *x_inside) {
    memcpy(set->residual, set->instance->b, (size_t)set->m * sizeof *set->residual);
    for (int64_t k = 0; k < set->qr.count; k++) column_axpy(-x_inside[k], &set->columns[set->member[k]], set->residual);
}

/* The minimum over S with its signs: R x = Q'b - R^-T lambda sign, then corrected by its own residual. */
static void solve(active_set *set) {
    int64_t count = set->qr.count;
    column_qr_project(&set->qr, set->instance->b, set->projection);
    for (int64_t k = 0; k < count; k++) set->target[k] = set->lambda * set->sign[set->member[k]];
    column_qr_solve_transpose(&set->qr, set->target);
    for (int64_t k = 0; k < count; k++) set->target[k] = set->projection[k] - set->target[k];
    column_qr_solve(&set->qr, set->target);
    for (int round = 0; round < REFINEMENTS; round++) {
        compute_residual(set, set->target);
        for (int64_t k = 0; k < count; k++) {
            int64_t j = set->member[k];
            set->change[k] = column_dot(&set->columns[j], set->residual) - set->lambda * set->sign[j];
        }
        column_qr_solve_transpose(&set->qr, set->change);
        column_qr_solve(&set->qr, set->change);
        for (int64_t k = 0; k < count; k++) set->target[k] += set->change[k];
    }
    set->instance->work += (1 + 2 * REFINEMENTS) * (double)count * (double)set->m;
}

/* Moves to the target, or up to the first zero on the way, whose coordinates leave. True when the target was reached.
 */
static bool move(active_set *set) {
    double part = 1;
    int64_t first = -1;
    for (int64_t k = 0; k < set->qr.count; k++) {
        int64_t j = set->member[k];
        if (set->target[k] * set->sign[j] > 0) continue;
        double distance = fabs(set->x[j]) + fabs(set->target[k]);
        double zero_at = distance > 0 ? fabs(set->x[j]) / distance : 0;
        if (first < 0 || zero_at < part) {
            part = zero_at;
            first = k;
        }
    }
    for (int64_t k = 0; k < set->qr.count; k++) {
        double *x = &set->x[set->member[k]];
        *x = part == 1 ? set->target[k] : *x + part * (set->target[k] - *x);
    }
    if (first < 0) return true;
    /* One that has only just come in and would go at once is kept out for good: only rounding lets that happen. */
    if (part == 0) set->barred[set->member[first]] = true;
    leave(set, first);
    for (int64_t k = set->qr.count - 1; k >= 0; k--)
        if (set->x[set->member[k]] * set->sign[set->member[k]] < 0) leave(set, k);
    return false;
}

/* The column outside S whose correlation exceeds lambda most; -1: none does by more than rounding. */
static int64_t largest_violation(active_set *set, double *sign) {
    double largest = 0, b_norm = sqrt(dense_squares(set->m, set->instance->b));
    int64_t found = -1;
    compute_residual(set, set->target);
    for (int64_t j = 0; j < set->count; j++) {
        if (set->inside[j] || set->barred[j]) continue;
        double correlation = column_dot(&set->columns[j], set->residual);
        double rounding = ROUNDING * sqrt(set->columns[j].squared_norm) * b_norm;
        double excess = fabs(correlation) - set->lambda - rounding;
        if (excess > largest) {
            largest = excess;
            found = j;
            *sign = copysign(1, correlation);
        }
    }
    set->instance->work += (double)set->count * (double)set->m;
    return found;
}

/* The residual at the minimum of S, from the factorisation and without x: b less its part in the range of A_S, which is
 * taken out twice as rounding wants it, plus Q R^-T lambda sign. */
static void keep_dual(active_set *set) {
    double *dual = set->instance->dual;
    memcpy(dual, set->instance->b, (size_t)set->m * sizeof *dual);
    for (int round = 0; round < 2; round++) {
        column_qr_project(&set->qr, dual, set->projection);
        column_qr_combine(&set->qr, set->projection, set->dense);
        dense_axpy(set->m, -1, set->dense, dual);
    }
    for (int64_t k = 0; k < set->qr.count; k++) set->projection[k] = set->lambda * set->sign[set->member[k]];
    column_qr_solve_transpose(&set->qr, set->projection);
    column_qr_combine(&set->qr, set->projection, set->dense);
    dense_axpy(set->m, 1, set->dense, dual);
    set->instance->has_dual = true;
}

l2o_status active_set_finish(lasso_instance *instance, int64_t count, const column *columns, double *x) {
    active_set set = {
        .instance = instance, .columns = columns, .m = instance->m, .count = count, .lambda = instance->lambda, .x = x};
    int64_t capacity = 2 * support_size(count, x) + SPARE_COLUMNS;
    if (capacity > count) capacity = count;
    if (capacity > set.m + 1) capacity = set.m + 1; /* one more, which is always found to be dependent */
    if ((double)capacity * (double)(set.m + capacity) > MOST_ENTRIES) return L2O_OK;
    arena_mark mark = arena_position(instance->scratch);
    l2o_status status = begin(&set, capacity);
    if (status == L2O_OK) {
        for (int64_t j = 0; j < count; j++)
            if (x[j] != 0) enter(&set, j, copysign(1, x[j]));
        bool foreseen = true;
        for (int64_t j = 0; j < count; j++) foreseen = foreseen && (x[j] == 0 || set.inside[j]);
        int64_t steps = STEPS_AT_LEAST + STEPS_PER_COLUMN * count;
        for (int64_t step = 0; foreseen && step < steps; step++) {
            solve(&set);
            if (!move(&set)) continue;
            double sign = 1;
            int64_t entering = largest_violation(&set, &sign);
            if (entering < 0) {
                keep_dual(&set);
                break;
            }
            if (set.qr.count == set.qr.capacity) break;
            enter(&set, entering, sign);
        }
    }
    arena_reset(instance->scratch, mark);
    return status;
}
