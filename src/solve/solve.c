/* The loop over one shard: objective, checks, step; who is done is written out and leaves.
 *
 * The objective comes free with the step of an optimizer that asks for the gradient at its iterate, and is otherwise
 * computed only at checks, unless the best iterate is to be kept. Passes of an optimizer that steps natively are worth
 * a check each. The certificates in the records are made in the end, at the points that are handed out. */
#include "solve/solve.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "optimizers/classical/coordinate_descent.h"
#include "run/driver.h"
#include "run/segment.h"
#include "solve/stationarity.h"

const setting solve_settings[] = {
    {"steps", SETTING_INTEGER, "steps", "1000", 0, 1e12, NULL, "Steps after which an instance is left in any case"},
    {"tolerance", SETTING_REAL, "", "1e-6", 0, 1, NULL,
     "An instance is solved when the norm of its gradient mapping is at most this times the norm at the start, or at 0 "
     "where that is larger; 0: never. Where the problem has a duality gap it counts only when given"},
    {"gap", SETTING_REAL, "of |f(0)|", "1e-6", 0, 1, NULL,
     "An instance is solved when its duality gap, a bound of f(x) - f*, is at most this times |f(0)|; 0: never"},
    {"check-every", SETTING_INTEGER, "steps", "10", 1, 1e9, NULL, "Steps between checks of the stopping rules"},
    {"keep-iterate", SETTING_CHOICE, "", "best", 0, 0, "last|best",
     "Which iterate is handed out of an instance that met no stopping rule: its last, or the one of least objective; "
     "unless given, its last where the objective is the distance to the truth (recovery), which a solver does not "
     "know"},
    {"divergence", SETTING_REAL, "of |f(x0)| + 1", "1e10", 1, 1e300, NULL,
     "An instance whose objective exceeds this has diverged"},
    {"certificate", SETTING_CHOICE, "", "fast", 0, 0, "fast|exact",
     "How gaps are bounded in the end: from the residual of x alone, or for lasso and logistic regression by solving "
     "each instance exactly, which is as tight as float64 allows"},
    {0}};

void solve_options_read(const l2o_settings *settings, const problem *problem, solve_options *options) {
    *options = (solve_options){
        .steps = settings_integer(settings, "steps"),
        .check_every = settings_integer(settings, "check-every"),
        .tolerance = settings_real(settings, "tolerance"),
        .gap = settings_real(settings, "gap"),
        .divergence = settings_real(settings, "divergence"),
        .keep_best = settings_choice(settings, "keep-iterate") == 1,
        .exact_certificate = settings_choice(settings, "certificate") == 1,
    };
    /* The best by the distance to the truth is no result of a solver's. */
    if (problem->ops->supervised && !settings_is_set(settings, "keep-iterate")) options->keep_best = false;
    bool decided_by_gap = options->gap > 0 && problem_has(problem, STRUCTURE_DUALITY_GAP);
    if (decided_by_gap && !settings_is_set(settings, "tolerance")) options->tolerance = 0;
}

typedef struct solver {
    runner runner;
    carry start;
    const double *weights;
    solve_options options;
    l2o_solution *solution;
} solver;

/* One shard at work; arrays of the instances that are left have their order. */
typedef struct shard {
    solver *solver;
    worker *worker;
    const problem *problem;
    driver driver;
    evaluation evaluation;
    int64_t first, count; /* of the shard */
    int64_t *index;       /* [count]: the instances that are left */
    int64_t *keep;        /* [count] */
    l2o_solve_status *status;
    bool *done;
    double *value, *gap, *norm;                 /* [count] */
    double *gap_target, *norm_target, *highest; /* [count], by instance - first */
    char *before;                               /* x before a native step */
    size_t x_bytes;
    bool native;
} shard;

static l2o_solve_record *record_of(const shard *shard, int64_t r) {
    return &shard->solver->solution->records[shard->index[r]];
}

static void copy_x(const shard *shard, int64_t r) {
    int64_t n = shard->problem->dimension;
    const char *x = (const char *)shard->driver.x->data + (size_t)r * shard->x_bytes;
    shard->solver->runner.kernels->to_double(n, x, shard->solver->solution->x + shard->index[r] * n);
}

static l2o_status allocate(shard *shard) {
    arena *arena = &shard->worker->arena;
    l2o_error *error = &shard->worker->error;
    size_t count = (size_t)shard->count;
    shard->index = arena_allocate(arena, count * sizeof *shard->index, error);
    shard->keep = arena_allocate(arena, count * sizeof *shard->keep, error);
    shard->status = arena_allocate(arena, count * sizeof *shard->status, error);
    shard->done = arena_allocate(arena, count * sizeof *shard->done, error);
    shard->before = arena_allocate(arena, count * shard->x_bytes, error);
    shard->value = arena_allocate(arena, 6 * count * sizeof *shard->value, error);
    if (shard->index == NULL || shard->keep == NULL || shard->status == NULL || shard->done == NULL ||
        shard->before == NULL || shard->value == NULL)
        return error->status;
    shard->gap = shard->value + count;
    shard->norm = shard->gap + count;
    shard->gap_target = shard->norm + count;
    shard->norm_target = shard->gap_target + count;
    shard->highest = shard->norm_target + count;
    for (int64_t r = 0; r < shard->count; r++) shard->index[r] = shard->first + r;
    return L2O_OK;
}

static instances rows_left(const shard *shard) { return (instances){shard->driver.rows.count, shard->index}; }

static bool gap_decides(const shard *shard) {
    return shard->solver->options.gap > 0 && problem_has(shard->problem, STRUCTURE_DUALITY_GAP);
}

/* What the stopping rules are relative to: f and the gradient mapping at 0, and the latter at x0. */
static l2o_status set_targets(shard *shard) {
    const solve_options *options = &shard->solver->options;
    arena_mark mark = arena_position(shard->evaluation.scratch);
    size_t bytes = (size_t)shard->count * shard->x_bytes;
    void *zero = arena_allocate(shard->evaluation.scratch, bytes, shard->evaluation.error);
    void *f = arena_allocate(shard->evaluation.scratch, (size_t)shard->count * sizeof(double), shard->evaluation.error);
    if (zero == NULL || f == NULL) return shard->evaluation.error->status;
    memset(zero, 0, bytes);
    instances rows = rows_left(shard);
    if (gap_decides(shard)) {
        TRY(shard->problem->ops->value_gradient(shard->problem, rows, zero, f, NULL, &shard->evaluation));
        for (int64_t r = 0; r < shard->count; r++)
            shard->gap_target[r] = options->gap * fabs(problem_load(shard->problem->type, f, r));
    }
    if (options->tolerance > 0) {
        TRY(stationarity(shard->problem, rows, zero, shard->norm, &shard->evaluation));
        memcpy(shard->norm_target, shard->norm, (size_t)shard->count * sizeof *shard->norm);
        TRY(stationarity(shard->problem, rows, shard->driver.x->data, shard->norm, &shard->evaluation));
        for (int64_t r = 0; r < shard->count; r++) {
            shard->norm_target[r] = options->tolerance * fmax(shard->norm_target[r], shard->norm[r]);
            record_of(shard, r)->check_evaluations += 2;
        }
    }
    arena_reset(shard->evaluation.scratch, mark);
    return L2O_OK;
}

/* Objectives of those left at step t: the best so far, and who has diverged. */
static l2o_status look_at_values(shard *shard, int64_t t) {
    value *f = driver_objective(&shard->driver);
    TRY(driver_status(&shard->driver));
    shard->solver->runner.kernels->to_double(f->rows, f->data, shard->value);
    for (int64_t r = 0; r < shard->driver.rows.count; r++) {
        l2o_solve_record *record = record_of(shard, r);
        double at = shard->value[r], *highest = &shard->highest[shard->index[r] - shard->first];
        if (t == 0) {
            *highest = shard->solver->options.divergence * (fabs(at) + 1);
            record->best_value = at;
            copy_x(shard, r);
        }
        if (!isfinite(at) || at > *highest) {
            shard->done[r] = true;
            shard->status[r] = L2O_DIVERGED;
        } else if (at < record->best_value) {
            record->best_value = at;
            record->best_step = t;
            if (shard->solver->options.keep_best) copy_x(shard, r);
        }
    }
    return L2O_OK;
}

static l2o_status check(shard *shard) {
    const solve_options *options = &shard->solver->options;
    instances rows = rows_left(shard);
    const void *x = shard->driver.x->data;
    if (gap_decides(shard)) {
        TRY(shard->problem->ops->duality_gap(shard->problem, rows, x, shard->gap, &shard->evaluation));
        for (int64_t r = 0; r < rows.count; r++) {
            record_of(shard, r)->check_evaluations += 1;
            if (shard->done[r] || !(shard->gap[r] <= shard->gap_target[shard->index[r] - shard->first])) continue;
            shard->done[r] = true;
            shard->status[r] = L2O_SOLVED_GAP;
        }
    }
    if (options->tolerance > 0) {
        TRY(stationarity(shard->problem, rows, x, shard->norm, &shard->evaluation));
        for (int64_t r = 0; r < rows.count; r++) {
            record_of(shard, r)->check_evaluations += 1;
            if (shard->done[r] || !(shard->norm[r] <= shard->norm_target[shard->index[r] - shard->first])) continue;
            shard->done[r] = true;
            shard->status[r] = L2O_SOLVED_TOLERANCE;
        }
    }
    return L2O_OK;
}

/* Writes out those that are done and lets them leave. */
static void dismiss(shard *shard, int64_t t) {
    int64_t left = 0;
    for (int64_t r = 0; r < shard->driver.rows.count; r++) {
        l2o_solve_record *record = record_of(shard, r);
        if (!shard->done[r]) {
            shard->keep[left++] = r;
            continue;
        }
        record->status = shard->status[r];
        record->steps = t;
        record->last_value = shard->value[r];
        record->gradient_evaluations = shard->driver.gradient_evaluations;
        bool last = record->status > 0 || !shard->solver->options.keep_best;
        record->value = last ? record->last_value : record->best_value;
        if (last) copy_x(shard, r);
    }
    if (left == shard->driver.rows.count) return;
    for (int64_t k = 0; k < left; k++) {
        shard->index[k] = shard->index[shard->keep[k]];
        shard->done[k] = false;
    }
    tape_reset(&shard->driver.tape, shard->driver.mark);
    instances rows = {left, shard->index};
    driver_compact(&shard->driver, shard->keep, left, &rows);
}

static void finish_all(shard *shard, l2o_solve_status status) {
    for (int64_t r = 0; r < shard->driver.rows.count; r++)
        if (!shard->done[r]) {
            shard->done[r] = true;
            shard->status[r] = status;
        }
}

/* A native step depends on x alone, so once x stays it stays for good. */
static void step_natively(shard *shard, int64_t t) {
    size_t count = (size_t)shard->driver.rows.count;
    memcpy(shard->before, shard->driver.x->data, count * shard->x_bytes);
    driver_step(&shard->driver, t);
    for (size_t r = 0; r < count; r++) {
        const char *x = (const char *)shard->driver.x->data + r * shard->x_bytes;
        if (memcmp(x, shard->before + r * shard->x_bytes, shard->x_bytes) != 0) continue;
        shard->done[r] = true;
        shard->status[r] = L2O_STALLED;
    }
}

static l2o_status run(shard *shard) {
    const solve_options *options = &shard->solver->options;
    const l2o_context *context = shard->solver->runner.context;
    int64_t steps = options->steps, limit = shard->solver->runner.optimizer->step_limit;
    if (limit > 0 && steps > limit) steps = limit;
    int64_t every = shard->native ? 1 : options->check_every;
    for (int64_t t = 0; shard->driver.rows.count > 0; t++) {
        bool cancelled = context_cancelled(context);
        bool checked = t % every == 0 || t == steps || cancelled;
        if (checked || options->keep_best) TRY(look_at_values(shard, t));
        if (checked) TRY(check(shard));
        if (cancelled || t == steps) finish_all(shard, cancelled ? L2O_CANCELLED : L2O_STEP_LIMIT);
        dismiss(shard, t);
        if (shard->driver.rows.count == 0) break;
        if (shard->native)
            step_natively(shard, t + 1);
        else
            driver_step(&shard->driver, t + 1);
        TRY(driver_status(&shard->driver));
    }
    return driver_status(&shard->driver);
}

/* Bounds f(x) - f* of one instance by solving it: where asked for, and where a native step stalled or ran out without
 * its own point's residual proving what it reached. */
static l2o_status certify_exactly(shard *shard, int64_t p) {
    solver *solver = shard->solver;
    l2o_solve_record *record = &solver->solution->records[p];
    bool unproven = shard->native && (record->status == L2O_STALLED || record->status == L2O_STEP_LIMIT);
    if (!coordinate_descent_suits(shard->problem, p) || !isfinite(record->value)) return L2O_OK;
    if (!solver->options.exact_certificate && !unproven) return L2O_OK;
    double value, gap;
    TRY(coordinate_descent_certificate(shard->problem, p, solver->solution->x + p * shard->problem->dimension, &value,
                                       &gap, &shard->evaluation));
    if (!isnan(record->gap) && !(gap < record->gap)) return L2O_OK;
    record->gap = gap;
    if (unproven && gap_decides(shard) && gap <= shard->gap_target[p - shard->first]) record->status = L2O_SOLVED_GAP;
    return L2O_OK;
}

/* Gap and stationarity at the points that are handed out. */
static l2o_status certify(shard *shard) {
    const solver *solver = shard->solver;
    int64_t n = shard->problem->dimension;
    instances rows = {shard->count, solver->runner.identity + shard->first};
    void *x = arena_allocate(shard->evaluation.scratch, (size_t)shard->count * shard->x_bytes, shard->evaluation.error);
    if (x == NULL) return shard->evaluation.error->status;
    solver->runner.kernels->from_double(shard->count * n, solver->solution->x + shard->first * n, x);
    bool has_gap = problem_has(shard->problem, STRUCTURE_DUALITY_GAP);
    if (has_gap) TRY(shard->problem->ops->duality_gap(shard->problem, rows, x, shard->gap, &shard->evaluation));
    TRY(stationarity(shard->problem, rows, x, shard->norm, &shard->evaluation));
    for (int64_t r = 0; r < shard->count; r++) {
        l2o_solve_record *record = &solver->solution->records[shard->first + r];
        if (has_gap) record->gap = shard->gap[r];
        record->stationarity = shard->norm[r];
        TRY(certify_exactly(shard, shard->first + r));
    }
    return L2O_OK;
}

static l2o_status run_shard(void *argument, int64_t number, worker *worker) {
    solver *solver = argument;
    const runner *runner = &solver->runner;
    shard shard = {.solver = solver,
                   .worker = worker,
                   .problem = runner->problem,
                   .evaluation = {runner->kernels, &worker->arena, &worker->error},
                   .first = number * runner->shard_size,
                   .x_bytes = carry_x_bytes(&solver->start),
                   .native = runner->optimizer->ops->step == NULL};
    shard.count = runner->problem->batch - shard.first;
    if (shard.count > runner->shard_size) shard.count = runner->shard_size;
    TRY(allocate(&shard));
    memset(shard.done, 0, (size_t)shard.count * sizeof *shard.done);
    instances rows = {shard.count, shard.index};
    if (runner->optimizer->ops->fused_step != NULL)
        driver_begin_fused(&shard.driver, runner->context, runner->kernels, &worker->arena, &worker->error,
                           runner->problem, runner->optimizer, solver->weights, &rows, &solver->start, shard.first);
    else
        driver_begin_converted(&shard.driver, runner->kernels, &worker->arena, &worker->error, runner->problem,
                               runner->optimizer, runner->converted, &rows, &solver->start, shard.first, false, true);
    TRY(driver_status(&shard.driver));
    TRY(set_targets(&shard));
    TRY(run(&shard));
    return certify(&shard);
}

/* The fused step begins with a state of zeros without being shown one: of a wide instance it would be most of the
 * memory. */
static l2o_status begin_carry(solver *solver, const problem *problem, l2o_error *error) {
    const optimizer *optimizer = solver->runner.optimizer;
    if (optimizer->ops->fused_step != NULL) {
        solver->start =
            (carry){.batch = problem->batch, .dimension = problem->dimension, .type = problem->type, .x = problem->x0};
        return L2O_OK;
    }
    TRY(carry_create(problem, optimizer, &solver->start, error));
    carry_reset(&solver->start, problem);
    return L2O_OK;
}

static l2o_status run_all(solver *solver, problem *problem, l2o_error *error) {
    evaluation evaluation = {solver->runner.kernels, &solver->runner.context->workers[0].arena, error};
    unsigned wanted = STRUCTURE_PROXIMAL | STRUCTURE_LIPSCHITZ;
    TRY(optimizer_prepare(solver->runner.optimizer, problem, &evaluation));
    if (problem_has(problem, wanted)) TRY(problem_prepare(problem, STRUCTURE_LIPSCHITZ, &evaluation));
    bool fused = solver->runner.optimizer->ops->fused_step != NULL;
    TRY(begin_carry(solver, problem, error));
    /* Who is cancelled before its start keeps it. */
    solver->runner.kernels->to_double(problem->batch * problem->dimension, problem->x0, solver->solution->x);
    l2o_status status = fused ? L2O_OK : runner_convert(&solver->runner, solver->weights, error);
    if (status == L2O_OK)
        status = pieces_run(solver->runner.context, solver->runner.shard_count, problem->concurrent, run_shard, solver,
                            error);
    if (!fused) carry_free(&solver->start);
    if (status != L2O_ERROR_CANCELLED) return status;
    error_clear(error);
    return L2O_OK;
}

l2o_status solve_run(l2o_context *context, problem *problem, const optimizer *optimizer, const double *weights,
                     const solve_options *options, l2o_solution **solution, l2o_error *error) {
    *solution = NULL;
    solver solver = {.weights = weights, .options = *options};
    TRY(runner_create(context, problem, optimizer, &solver.runner, error));
    l2o_status status = solution_create(problem->batch, problem->dimension, &solver.solution, error);
    if (status == L2O_OK) status = run_all(&solver, problem, error);
    runner_free(&solver.runner);
    if (status != L2O_OK) {
        solution_free(solver.solution);
        return status;
    }
    *solution = solver.solution;
    return L2O_OK;
}
