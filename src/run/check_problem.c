/* A problem's derivatives: each against differences of the one below it, per instance, and the symmetries that second
 * and third derivatives have. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "autodiff/derivative_check.h"
#include "base/memory.h"
#include "run/check.h"
#include "run/segment.h"

static const double TOLERANCE = 1e-6, SYMMETRY = 1e-9;
/* Rounding of a function whose values are F large shows in its differences as about this much of F. */
static const double ROUNDING = 1e-6;
static const double BESIDE = 1e-3; /* how far from x values are looked at as well, in units of x's scale */

enum { AROUND = 2, DIRECTIONS = 2 };

typedef enum quantity { VALUE, SMOOTH_VALUE, GRADIENT, SMOOTH_GRADIENT, HESSIAN_VECTOR, THIRD } quantity;

/* One x for the whole batch, and room to work. All arrays are [B, n], or [B] where one number an instance suffices. */
typedef struct probe {
    check_run *run;
    evaluation evaluation;
    instances rows;
    int64_t *identity;
    double scale;
    quantity differentiated;
    double *x, *u, *v, *moved, *derivative, *below, *swapped, *floor, *errors;
} probe;

static l2o_status evaluate(const probe *probe, quantity what, const double *x, const double *u, const double *v,
                           double *out) {
    const problem *problem = probe->run->problem;
    const problem_ops *ops = problem->ops;
    const evaluation *with = &probe->evaluation;
    l2o_status status = L2O_OK;
    arena_mark mark = arena_position(with->scratch);
    switch (what) {
    case VALUE: status = ops->value_gradient(problem, probe->rows, x, out, NULL, with); break;
    case SMOOTH_VALUE: status = ops->smooth_gradient(problem, probe->rows, x, out, NULL, with); break;
    case GRADIENT: status = ops->value_gradient(problem, probe->rows, x, NULL, out, with); break;
    case SMOOTH_GRADIENT: status = ops->smooth_gradient(problem, probe->rows, x, NULL, out, with); break;
    case HESSIAN_VECTOR: status = ops->hess_vec(problem, probe->rows, x, v, out, with); break;
    case THIRD: status = ops->third(problem, probe->rows, x, u, v, out, with); break;
    }
    arena_reset(with->scratch, mark);
    if (status != L2O_OK && with->error->status == L2O_OK)
        error_set(with->error, status, "the problem '%s' could not be evaluated: %s", ops->name,
                  l2o_status_text(status));
    return with->error->status;
}

static l2o_status along_line(void *argument, double offset, double *values, l2o_error *error) {
    probe *probe = argument;
    (void)error; /* the evaluation's own */
    for (int64_t i = 0; i < probe->run->problem->batch * probe->run->problem->dimension; i++)
        probe->moved[i] = probe->x[i] + offset * probe->u[i];
    return evaluate(probe, probe->differentiated, probe->moved, NULL, probe->v, values);
}

static bool near_kink(void *argument, int64_t instance, double reach) {
    const probe *probe = argument;
    const problem *problem = probe->run->problem;
    int64_t n = problem->dimension;
    return problem->ops->near_kink(problem, instance, probe->x + instance * n,
                                   reach * check_norm(n, probe->u + instance * n));
}

/* How large each instance's value is at x or beside it: where a minimum is zero it is nothing at x itself, but its
 * differences round like those around. */
static l2o_status value_sizes(probe *probe, double *sizes) {
    TRY(along_line(probe, BESIDE * probe->scale, sizes, probe->evaluation.error));
    for (int64_t p = 0; p < probe->run->problem->batch; p++) {
        double here = fabs(probe->below[p]), beside = fabs(sizes[p]);
        sizes[p] = isfinite(beside) ? fmax(here, beside) : here;
    }
    return L2O_OK;
}

/* `derivative` of `below` along u: the gradient's scalar product with u, or a vector. */
static l2o_status compare(probe *probe, l2o_check_row *row, quantity below, quantity derivative) {
    const problem *problem = probe->run->problem;
    int64_t batch = problem->batch, n = problem->dimension, width = below <= SMOOTH_VALUE ? 1 : n;
    /* H u is checked with u for its vector; the third derivative along u is that of H v. */
    const double *vector = below == HESSIAN_VECTOR ? probe->v : probe->u;
    TRY(evaluate(probe, derivative, probe->x, probe->u, vector, probe->derivative));
    TRY(evaluate(probe, below, probe->x, NULL, probe->v, probe->below));
    probe->differentiated = below;
    if (below <= SMOOTH_VALUE) TRY(value_sizes(probe, probe->errors));
    for (int64_t p = 0; p < batch; p++) {
        bool value = below <= SMOOTH_VALUE;
        double size = value ? probe->errors[p] : check_norm(width, probe->below + p * width);
        probe->floor[p] = ROUNDING * size / probe->scale;
        if (!value) continue;
        const double *g = probe->derivative + p * n, *u = probe->u + p * n;
        probe->floor[p] = fmax(probe->floor[p], 1e-2 * check_norm(n, g));
        probe->swapped[p] = check_dot(n, g, u);
    }
    line_check check = {.groups = batch,
                        .width = width,
                        .evaluate = along_line,
                        .near_kink = problem->ops->near_kink != NULL ? near_kink : NULL,
                        .argument = probe,
                        .derivative = below <= SMOOTH_VALUE ? probe->swapped : probe->derivative,
                        .floor = probe->floor,
                        .scale = probe->scale,
                        .tolerance = row->tolerance};
    TRY(derivative_check(&check, probe->errors, probe->evaluation.error));
    for (int64_t p = 0; p < batch; p++) check_enter(row, probe->errors[p]);
    return L2O_OK;
}

static l2o_status compare_hessian_symmetry(probe *probe, l2o_check_row *row) {
    int64_t n = probe->run->problem->dimension;
    TRY(evaluate(probe, HESSIAN_VECTOR, probe->x, NULL, probe->u, probe->derivative));
    TRY(evaluate(probe, HESSIAN_VECTOR, probe->x, NULL, probe->v, probe->swapped));
    for (int64_t p = 0; p < probe->run->problem->batch; p++) {
        const double *u = probe->u + p * n, *v = probe->v + p * n;
        const double *hu = probe->derivative + p * n, *hv = probe->swapped + p * n;
        double size = check_norm(n, u) * check_norm(n, hv) + check_norm(n, v) * check_norm(n, hu);
        double apart = fabs(check_dot(n, u, hv) - check_dot(n, v, hu));
        check_enter(row, apart == 0 ? 0 : apart / size);
    }
    return L2O_OK;
}

static l2o_status compare_third_symmetry(probe *probe, l2o_check_row *row) {
    int64_t n = probe->run->problem->dimension;
    TRY(evaluate(probe, THIRD, probe->x, probe->u, probe->v, probe->derivative));
    TRY(evaluate(probe, THIRD, probe->x, probe->v, probe->u, probe->swapped));
    for (int64_t p = 0; p < probe->run->problem->batch; p++) {
        double size = check_norm(n, probe->derivative + p * n), apart = 0;
        for (int64_t i = p * n; i < (p + 1) * n; i++) apart = hypot(apart, probe->derivative[i] - probe->swapped[i]);
        check_enter(row, apart == 0 ? 0 : apart / size);
    }
    return L2O_OK;
}

/* What is checked of this problem; rows that do not apply are NULL. */
typedef struct rows {
    l2o_check_row *gradient, *smooth, *hessian, *hessian_symmetry, *third, *third_symmetry;
} rows;

static rows rows_for(check_run *run) {
    const problem_ops *ops = run->problem->ops;
    rows made = {.gradient = check_row(run, 1, TOLERANCE, "gradient against differences of the value")};
    if (problem_has(run->problem, STRUCTURE_PROXIMAL) && ops->smooth_gradient != NULL)
        made.smooth = check_row(run, 1, TOLERANCE, "smooth part's gradient against differences of its value");
    l2o_check_row *second = check_row(run, 2, TOLERANCE, "Hessian-vector product against differences of the gradient");
    if (ops->hess_vec == NULL) {
        snprintf(second->why, sizeof second->why,
                 "the problem has none: exact maml and full derivatives will be refused");
        return made;
    }
    made.hessian = second;
    made.hessian_symmetry = check_row(run, 2, SYMMETRY, "Hessian is symmetric");
    l2o_check_row *third =
        check_row(run, 3, TOLERANCE, "third derivative against differences of Hessian-vector products");
    if (ops->third == NULL) {
        snprintf(third->why, sizeof third->why,
                 "the problem has none: exact maml with full derivatives will be refused");
        return made;
    }
    made.third = third;
    made.third_symmetry = check_row(run, 3, SYMMETRY, "third derivative is symmetric");
    return made;
}

/* Directions with entries up to 1. */
static void draw_direction(const probe *probe, uint32_t purpose, double *out) {
    int64_t n = probe->run->problem->dimension;
    for (int64_t p = 0; p < probe->run->problem->batch; p++) {
        double largest = 0;
        for (int64_t j = p * n; j < (p + 1) * n; j++) {
            out[j] = check_normal(probe->run, purpose, j);
            largest = fmax(largest, fabs(out[j]));
        }
        for (int64_t j = p * n; j < (p + 1) * n; j++) out[j] /= largest > 0 ? largest : 1;
    }
}

static l2o_status check_point(probe *probe, const rows *rows, int point) {
    probe->scale = check_scale(probe->run->problem->batch * probe->run->problem->dimension, probe->x);
    for (int k = 0; k < DIRECTIONS; k++) {
        uint32_t purpose = (uint32_t)(1000 + 2 * (point * DIRECTIONS + k));
        draw_direction(probe, purpose, probe->u);
        draw_direction(probe, purpose + 1, probe->v);
        TRY(compare(probe, rows->gradient, VALUE, GRADIENT));
        if (rows->smooth != NULL) TRY(compare(probe, rows->smooth, SMOOTH_VALUE, SMOOTH_GRADIENT));
        if (rows->hessian != NULL) TRY(compare(probe, rows->hessian, GRADIENT, HESSIAN_VECTOR));
        if (rows->hessian_symmetry != NULL) TRY(compare_hessian_symmetry(probe, rows->hessian_symmetry));
        if (rows->third != NULL) TRY(compare(probe, rows->third, HESSIAN_VECTOR, THIRD));
        if (rows->third_symmetry != NULL) TRY(compare_third_symmetry(probe, rows->third_symmetry));
        if (context_cancelled(probe->run->context))
            return error_set(probe->evaluation.error, L2O_ERROR_CANCELLED, "cancelled by the user");
    }
    return L2O_OK;
}

/* x_1 .. x_T by the optimizer itself. */
static l2o_status optimizer_points(const check_run *run, int64_t steps, double *trajectory, l2o_error *error) {
    runner runner;
    carry carry;
    TRY(runner_create(run->context, run->problem, run->optimizer, &runner, error));
    l2o_status status = carry_create(run->problem, run->optimizer, &carry, error);
    if (status == L2O_OK) {
        carry_reset(&carry, run->problem);
        segment pass = {.weights = run->optimizer->weights,
                        .steps = steps,
                        .detached = true,
                        .from = &carry,
                        .trajectory = trajectory};
        status = segment_run(&runner, &pass, error);
        carry_free(&carry);
    }
    runner_free(&runner);
    return status;
}

int64_t check_hold_diverged(const problem *problem, int64_t steps, double *trajectory) {
    int64_t n = problem->dimension, size = problem->batch * n, held = 0;
    for (int64_t p = 0; p < problem->batch; p++) {
        double largest = 0;
        for (int64_t j = 0; j < n; j++) largest = fmax(largest, fabs(trajectory[p * n + j]));
        for (int64_t t = 1; t <= steps; t++) {
            double *x = trajectory + t * size + p * n;
            bool near = true;
            for (int64_t j = 0; j < n; j++) near &= fabs(x[j]) <= 100 * (1 + largest); /* false for NaN */
            if (near) continue;
            memcpy(x, x - size, (size_t)n * sizeof(double));
            held++;
        }
    }
    return held;
}

/* x_1 .. x_T by steps of a tenth of x along the gradient. */
static l2o_status descent_points(probe *probe, int64_t steps, double *trajectory) {
    int64_t n = probe->run->problem->dimension, size = probe->run->problem->batch * n;
    double length = 0.1 * check_scale(size, trajectory);
    for (int64_t t = 0; t < steps; t++) {
        const double *x = trajectory + t * size;
        double *next = trajectory + (t + 1) * size;
        TRY(evaluate(probe, GRADIENT, x, NULL, NULL, probe->derivative));
        for (int64_t p = 0; p < probe->run->problem->batch; p++) {
            double largest = 0;
            for (int64_t j = p * n; j < (p + 1) * n; j++) largest = fmax(largest, fabs(probe->derivative[j]));
            for (int64_t j = p * n; j < (p + 1) * n; j++)
                next[j] = x[j] - (largest > 0 ? length * probe->derivative[j] / largest : 0);
        }
    }
    return L2O_OK;
}

static l2o_status check_points(probe *probe, double *trajectory) {
    check_run *run = probe->run;
    const problem *problem = run->problem;
    int64_t size = problem->batch * problem->dimension, steps = CHECK_UNROLL;
    if (run->optimizer != NULL && run->optimizer->step_limit > 0 && run->optimizer->step_limit < steps)
        steps = run->optimizer->step_limit;
    rows rows = rows_for(run);
    memcpy(trajectory, problem->x0, (size_t)size * sizeof(double));
    if (run->optimizer != NULL) {
        TRY(optimizer_points(run, steps, trajectory, probe->evaluation.error));
        int64_t held = check_hold_diverged(problem, steps, trajectory);
        if (held > 0)
            snprintf(rows.gradient->why, sizeof rows.gradient->why,
                     "'%s' diverged at %lld points: checked where it last was near its start instead",
                     run->optimizer->ops->name, (long long)held);
    } else {
        TRY(descent_points(probe, steps, trajectory));
    }
    double spread = 0.3 * check_scale(size, trajectory);
    for (int point = 0; point <= steps + AROUND; point++) {
        bool around = point > steps;
        memcpy(probe->x, trajectory + (around ? 0 : point * size), (size_t)size * sizeof(double));
        for (int64_t i = 0; around && i < size; i++)
            probe->x[i] += spread * check_normal(run, (uint32_t)(500 + point), i);
        TRY(check_point(probe, &rows, point));
    }
    return L2O_OK;
}

l2o_status check_problem(check_run *run, l2o_error *error) {
    probe probe = {.run = run};
    TRY(kernels_select(run->context->kernel, DTYPE_FLOAT64, &probe.evaluation.kernels, error));
    arena memory = {0}, scratch = {0};
    size_t batch = (size_t)run->problem->batch, size = batch * (size_t)run->problem->dimension;
    double **arrays[] = {&probe.x,     &probe.u,       &probe.v,     &probe.moved, &probe.derivative,
                         &probe.below, &probe.swapped, &probe.floor, &probe.errors};
    l2o_status status = L2O_OK;
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays && status == L2O_OK; k++) {
        *arrays[k] = arena_allocate(&memory, (size + batch) * sizeof(double), error);
        if (*arrays[k] == NULL) status = error->status;
    }
    double *trajectory = NULL;
    if (status == L2O_OK) {
        trajectory = arena_allocate(&memory, (CHECK_UNROLL + 1) * size * sizeof(double), error);
        probe.identity = arena_allocate(&memory, batch * sizeof(int64_t), error);
        if (trajectory == NULL || probe.identity == NULL) status = error->status;
    }
    if (status == L2O_OK) {
        for (size_t p = 0; p < batch; p++) probe.identity[p] = (int64_t)p;
        probe.rows = (instances){(int64_t)batch, probe.identity};
        probe.evaluation.scratch = &scratch;
        probe.evaluation.error = error;
        status = check_points(&probe, trajectory);
    }
    arena_free(&memory);
    arena_free(&scratch);
    return status;
}
