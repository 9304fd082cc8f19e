/* An optimizer's meta-gradient and its Hessian-vector product against differences, on a short unroll from the start and
 * on one that goes on from there; and those of its fused unroll, where it has one, against the tape's.
 *
 * With detached inputs the meta-gradient is that of a surrogate loss whose inputs are frozen (design: the surrogate's
 * Hessian is the one that exact MAML means). So the gradients that the optimizer saw at the unperturbed weights are
 * kept, and replayed as constants while the weights, and with them x, move. With full derivatives nothing is frozen.
 * Weights that no gradient tells of stay where they are, and a row names them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "autodiff/derivative_check.h"
#include "base/memory.h"
#include "optimizers/unroll.h"
#include "run/check.h"
#include "run/divergence.h"
#include "run/segment.h"

static const double TOLERANCE = 1e-6, SYMMETRY = 1e-8, AGREEMENT = 1e-8;
static const double ROUNDING = 1e-6;    /* as in check_problem.c */
static const double KINK_RADIUS = 1e-4; /* of x's size: trajectories keep this distance */

enum { DIRECTIONS = 3, SINGLE_WEIGHTS = 12, CALLS_PER_STEP = 4, ROUNDS = 40 };

typedef struct meta_check {
    check_run *run;
    runner runner;
    carry start, later;
    const carry *from;
    int64_t steps, total;
    bool detached, of_gradient; /* differences are taken of the loss, or of its gradient */
    gradient_log log;
    double weight_scale, loss;
    double *loss_weights, *weights, *gradient, *scratch, *u, *v, *hu, *hv, *trajectory;
    char divergence[160]; /* why nothing is compared where it diverges */
} meta_check;

static l2o_status run_segment(meta_check *it, const double *weights, bool replay, double *gradient,
                              const double *direction, double *product, l2o_error *error) {
    it->log.replay = replay;
    segment pass = {.weights = weights,
                    .steps = it->steps,
                    .detached = it->detached,
                    .loss_weights = it->loss_weights,
                    .from = it->from,
                    .gradient = gradient,
                    .direction = direction,
                    .hessian_vector = product,
                    .unguarded = true,
                    .log = it->detached ? &it->log : NULL};
    TRY(segment_run(&it->runner, &pass, error));
    it->loss = pass.loss;
    return L2O_OK;
}

static l2o_status along_line(void *argument, double offset, double *values, l2o_error *error) {
    meta_check *it = argument;
    for (int64_t i = 0; i < it->total; i++) it->weights[i] = it->run->optimizer->weights[i] + offset * it->u[i];
    TRY(run_segment(it, it->weights, true, it->of_gradient ? values : NULL, NULL, NULL, error));
    if (!it->of_gradient) *values = it->loss;
    return L2O_OK;
}

/* The claimed derivative along it->u. */
static l2o_status compare(meta_check *it, l2o_check_row *row, bool of_gradient, const double *claimed, double floor,
                          l2o_error *error) {
    double apart;
    it->of_gradient = of_gradient;
    line_check check = {.groups = 1,
                        .width = of_gradient ? it->total : 1,
                        .evaluate = along_line,
                        .argument = it,
                        .derivative = claimed,
                        .floor = &floor,
                        .scale = 1,
                        .tolerance = row->tolerance};
    TRY(derivative_check(&check, &apart, error));
    check_enter(row, apart);
    return L2O_OK;
}

static void draw_direction(const meta_check *it, uint32_t purpose, double *out) {
    const optimizer *optimizer = it->run->optimizer;
    for (int64_t i = 0; i < it->total; i++) out[i] = it->weight_scale * check_normal(it->run, purpose, i);
    for (int k = 0; k < optimizer->weight_count; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        if (layout->without_gradient)
            memset(out + layout->offset, 0, (size_t)(layout->rows * layout->columns) * sizeof *out);
    }
}

static l2o_status compare_gradient_along(meta_check *it, l2o_check_row *row, l2o_error *error) {
    double slope = check_dot(it->total, it->gradient, it->u);
    double typical = check_norm(it->total, it->gradient) * check_norm(it->total, it->u) / sqrt((double)it->total);
    return compare(it, row, false, &slope, fmax(0.1 * typical, ROUNDING * fabs(it->loss)), error);
}

/* Along random directions, and along one weight of each tensor. */
static l2o_status compare_gradient(meta_check *it, l2o_check_row *row, uint32_t purpose, l2o_error *error) {
    const optimizer *optimizer = it->run->optimizer;
    TRY(run_segment(it, optimizer->weights, false, it->gradient, NULL, NULL, error));
    for (uint32_t k = 0; k < DIRECTIONS; k++) {
        draw_direction(it, purpose + k, it->u);
        TRY(compare_gradient_along(it, row, error));
    }
    for (int k = 0; k < optimizer->weight_count && k < SINGLE_WEIGHTS; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        if (layout->without_gradient) continue;
        double place = fabs(sin((double)(purpose + 1) * (k + 1))) * (double)(layout->rows * layout->columns);
        memset(it->u, 0, (size_t)it->total * sizeof *it->u);
        it->u[layout->offset + (int64_t)fmin(place, (double)(layout->rows * layout->columns - 1))] = it->weight_scale;
        TRY(compare_gradient_along(it, row, error));
    }
    return L2O_OK;
}

static l2o_status compare_hessian(meta_check *it, l2o_check_row *row, l2o_check_row *symmetry, uint32_t purpose,
                                  l2o_error *error) {
    const double *weights = it->run->optimizer->weights;
    for (uint32_t k = 0; k < DIRECTIONS; k++) {
        draw_direction(it, purpose + 2 * k, it->u);
        draw_direction(it, purpose + 2 * k + 1, it->v);
        TRY(run_segment(it, weights, false, it->scratch, it->v, it->hv, error));
        TRY(run_segment(it, weights, false, it->gradient, it->u, it->hu, error));
        double sizes = check_norm(it->total, it->u) * check_norm(it->total, it->hv) +
                       check_norm(it->total, it->v) * check_norm(it->total, it->hu);
        double apart = fabs(check_dot(it->total, it->u, it->hv) - check_dot(it->total, it->v, it->hu));
        check_enter(symmetry, apart == 0 ? 0 : apart / sizes);
        TRY(compare(it, row, true, it->hu, ROUNDING * check_norm(it->total, it->gradient), error));
    }
    return L2O_OK;
}

static void skip(l2o_check_row *row, const char *obstacle) {
    snprintf(row->why, sizeof row->why, "%s", obstacle);
    row->skipped = 1;
}

static l2o_status compare_mode(meta_check *it, bool detached, const char *obstacle, l2o_error *error) {
    check_run *run = it->run;
    const problem_ops *ops = run->problem->ops;
    l2o_check_row *row[3] = {
        check_row(run, 1, TOLERANCE, detached ? "meta-gradient, detached inputs" : "meta-gradient, full derivatives"),
        check_row(run, 2, TOLERANCE,
                  detached ? "meta-Hessian-vector product, detached inputs"
                           : "meta-Hessian-vector product, full derivatives"),
        check_row(run, 2, SYMMETRY,
                  detached ? "meta-Hessian is symmetric, detached inputs"
                           : "meta-Hessian is symmetric, full derivatives")};
    bool first = detached || ops->hess_vec != NULL;
    bool second = ops->hess_vec != NULL && (detached || ops->third != NULL);
    for (int k = 0; k < 3; k++) {
        if (obstacle != NULL)
            skip(row[k], obstacle);
        else if (!(k == 0 ? first : second))
            snprintf(row[k]->why, sizeof row[k]->why, "the problem has no %s, so this is refused",
                     ops->hess_vec == NULL ? "Hessian-vector product" : "third derivative");
    }
    it->detached = detached;
    const carry *froms[] = {&it->start, &it->later};
    for (uint32_t k = 0; k < 2 && obstacle == NULL; k++) {
        it->from = froms[k];
        uint32_t purpose = 5000 + 1000 * k + (detached ? 0 : 500);
        if (first) TRY(compare_gradient(it, row[0], purpose, error));
        if (second) TRY(compare_hessian(it, row[1], row[2], purpose + 100, error));
    }
    return L2O_OK;
}

static double apart(int64_t count, const double *a, const double *b) {
    double sum = 0, size = fmax(check_norm(count, a), check_norm(count, b));
    for (int64_t i = 0; i < count; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum == 0 ? 0 : sqrt(sum) / size;
}

/* Gradient and product of the optimizer's own unroll and of the tape. */
static l2o_status compare_fused(meta_check *it, bool second_order, l2o_check_row *row[2], uint32_t purpose,
                                l2o_error *error) {
    double *gradient[2] = {it->gradient, it->scratch}, *product[2] = {it->hu, it->hv};
    draw_direction(it, purpose, it->u);
    for (int on_tape = 0; on_tape < 2; on_tape++) {
        segment pass = {.weights = it->run->optimizer->weights,
                        .steps = it->steps,
                        .detached = true,
                        .loss_weights = it->loss_weights,
                        .from = it->from,
                        .gradient = gradient[on_tape],
                        .on_tape = on_tape};
        TRY(segment_run(&it->runner, &pass, error));
        if (!second_order) continue;
        pass.gradient = NULL;
        pass.direction = it->u;
        pass.hessian_vector = product[on_tape];
        TRY(segment_run(&it->runner, &pass, error));
    }
    check_enter(row[0], apart(it->total, gradient[0], gradient[1]));
    if (second_order) check_enter(row[1], apart(it->total, product[0], product[1]));
    return L2O_OK;
}

static l2o_status check_fused(meta_check *it, const char *obstacle, l2o_error *error) {
    check_run *run = it->run;
    const fused_unroll *fused = run->optimizer->ops->fused;
    if (fused == NULL) return L2O_OK;
    bool second_order = fused->second_order && run->problem->ops->hess_vec != NULL;
    l2o_check_row *row[2] = {check_row(run, 1, AGREEMENT, "meta-gradient, fused unroll against the tape"), NULL};
    if (second_order)
        row[1] = check_row(run, 2, AGREEMENT, "meta-Hessian-vector product, fused unroll against the tape");
    const carry *froms[] = {&it->start, &it->later};
    for (uint32_t k = 0; k < 2 && obstacle == NULL; k++) {
        it->from = froms[k];
        TRY(compare_fused(it, second_order, row, 8000 + k, error));
    }
    for (int k = 0; k < 2 && obstacle != NULL; k++)
        if (row[k] != NULL) skip(row[k], obstacle);
    return L2O_OK;
}

/* Some point of the trajectory of instance p is next to a kink. A coordinate that proximal steps hold at zero exactly
 * does not move, and so does not cross the kink it sits on. */
static bool meets_kink(const meta_check *it, int64_t steps, double radius, int64_t p, double *room) {
    const problem *problem = it->run->problem;
    int64_t n = problem->dimension;
    for (int64_t t = 0; t <= steps; t++) {
        const double *x = it->trajectory + (t * problem->batch + p) * n;
        for (int64_t j = 0; j < n; j++)
            room[j] = x[j] == 0 && problem_has(problem, STRUCTURE_PROXIMAL) ? 1 + radius : x[j];
        if (problem->ops->near_kink(problem, p, room, radius)) return true;
    }
    return false;
}

static void start_at(meta_check *it) {
    for (int k = 0; k < it->start.state_count; k++)
        if (it->start.starts_at_x[k])
            memcpy(it->start.state[k], it->start.x, (size_t)it->start.batch * it->start.row_bytes[k]);
}

/* Moves the starting points of instances whose trajectories come close to kinks until none does. */
static l2o_status avoid_kinks(meta_check *it, int64_t first, bool *clear, l2o_error *error) {
    const problem *problem = it->run->problem;
    int64_t n = problem->dimension, steps = first + it->steps;
    carry_reset(&it->start, problem);
    *clear = problem->ops->near_kink == NULL;
    double *x = it->start.x, scale = check_scale(problem->batch * n, problem->x0);
    double *room = it->trajectory + (steps + 1) * problem->batch * n;
    for (uint32_t round = 0; round < ROUNDS && !*clear; round++) {
        segment pass = {.weights = it->run->optimizer->weights,
                        .steps = steps,
                        .detached = true,
                        .from = &it->start,
                        .unguarded = true,
                        .trajectory = it->trajectory};
        TRY(segment_run(&it->runner, &pass, error));
        *clear = true;
        for (int64_t p = 0; p < problem->batch; p++) {
            if (!meets_kink(it, steps, KINK_RADIUS * scale, p, room)) continue;
            *clear = false;
            for (int64_t j = p * n; j < (p + 1) * n; j++)
                x[j] = ((const double *)problem->x0)[j] + 0.3 * scale * check_normal(it->run, 100 + round, j);
        }
        start_at(it);
    }
    segment ahead = {.weights = it->run->optimizer->weights,
                     .steps = first,
                     .detached = true,
                     .from = &it->start,
                     .to = &it->later,
                     .unguarded = true};
    return segment_run(&it->runner, &ahead, error);
}

/* Steps that are too long for the problem (momentum where no curvature is known) leave nothing to compare. */
static l2o_status find_obstacle(meta_check *it, int64_t first, const char **obstacle, l2o_error *error) {
    bool clear;
    TRY(avoid_kinks(it, first, &clear, error));
    segment pass = {.weights = it->run->optimizer->weights,
                    .steps = first + it->steps,
                    .detached = true,
                    .from = &it->start,
                    .unguarded = true,
                    .trajectory = it->trajectory};
    TRY(segment_run(&it->runner, &pass, error));
    const char *remedy = divergence_remedy(it->run->optimizer);
    snprintf(it->divergence, sizeof it->divergence, "the optimizer diverges here; %s",
             remedy != NULL ? remedy : "take shorter steps (step-scale) or another problem");
    if (check_hold_diverged(it->run->problem, pass.steps, it->trajectory) > 0)
        *obstacle = it->divergence;
    else
        *obstacle = clear ? NULL : "no starting point was found whose trajectory avoids kinks";
    return L2O_OK;
}

static l2o_status prepare(meta_check *it, arena *memory, int64_t first, l2o_error *error) {
    const problem *problem = it->run->problem;
    size_t total = (size_t)it->total, size = (size_t)(problem->batch * problem->dimension);
    double **arrays[] = {&it->weights, &it->gradient, &it->scratch, &it->u, &it->v, &it->hu, &it->hv};
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++) {
        *arrays[k] = arena_allocate(memory, total * sizeof(double), error);
        if (*arrays[k] == NULL) return error->status;
    }
    it->log =
        (gradient_log){.calls = it->steps * CALLS_PER_STEP, .batch = problem->batch, .dimension = problem->dimension};
    it->loss_weights = arena_allocate(memory, (size_t)(it->steps + 1) * sizeof(double), error);
    it->trajectory = arena_allocate(memory, (size_t)(first + it->steps + 2) * size * sizeof(double), error);
    it->log.gradients = arena_allocate(memory, (size_t)it->log.calls * size * sizeof(double), error);
    if (it->loss_weights == NULL || it->trajectory == NULL || it->log.gradients == NULL) return error->status;
    for (int64_t t = 0; t <= it->steps; t++) it->loss_weights[t] = 1;
    TRY(carry_create(problem, it->run->optimizer, &it->start, error));
    return carry_create(problem, it->run->optimizer, &it->later, error);
}

/* What the comparison leaves out. */
static void name_without_gradient(check_run *run) {
    const optimizer *optimizer = run->optimizer;
    l2o_check_row *row = NULL;
    for (int k = 0; k < optimizer->weight_count; k++) {
        if (!optimizer->layout[k].without_gradient) continue;
        if (row == NULL) {
            row = check_row(run, 1, 0, "weights without a gradient");
            skip(row, "no gradient tells of these, they are for search:");
        }
        size_t used = strlen(row->why);
        snprintf(row->why + used, sizeof row->why - used, " %s", optimizer->layout[k].name);
    }
}

l2o_status check_unroll(check_run *run, l2o_error *error) {
    meta_check it = {.run = run,
                     .steps = CHECK_UNROLL,
                     .total = run->optimizer->weight_total,
                     .weight_scale = check_scale(run->optimizer->weight_total, run->optimizer->weights)};
    int64_t first = 3, limit = run->optimizer->step_limit;
    if (limit > 0 && limit < first + it.steps) {
        it.steps = limit < it.steps ? limit : it.steps;
        first = limit - it.steps;
    }
    arena memory = {0};
    TRY(runner_create(run->context, run->problem, run->optimizer, &it.runner, error));
    l2o_status status = prepare(&it, &memory, first, error);
    const char *obstacle = NULL;
    if (status == L2O_OK) status = find_obstacle(&it, first, &obstacle, error);
    if (status == L2O_OK) status = compare_mode(&it, true, obstacle, error);
    if (status == L2O_OK) status = compare_mode(&it, false, obstacle, error);
    if (status == L2O_OK) status = check_fused(&it, obstacle, error);
    if (status == L2O_OK) name_without_gradient(run);
    carry_free(&it.start);
    carry_free(&it.later);
    runner_free(&it.runner);
    arena_free(&memory);
    return status;
}
