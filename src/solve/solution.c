/* What a solve gives, as a handle: its life, its accessors, and the public door to the loop. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "run/divergence.h"
#include "run/range.h"
#include "solve/solve.h"
#include "solve/stationarity.h"

/* Of the gradient mapping, as a share of that at 0: far above what float32 makes of a stationary point. */
static const double ROUNDING = 1e-6;

l2o_status solution_create(int64_t batch, int64_t dimension, l2o_solution **out, l2o_error *error) {
    *out = NULL;
    size_t numbers;
    TRY(memory_product((size_t)batch, (size_t)dimension, "a solution", &numbers, error));
    l2o_solution *created = memory_allocate(1, sizeof *created, error);
    if (created == NULL) return error->status;
    created->batch = batch;
    created->dimension = dimension;
    created->x = memory_allocate(numbers, sizeof *created->x, error);
    created->records = memory_allocate((size_t)batch, sizeof *created->records, error);
    if (created->x == NULL || created->records == NULL) {
        solution_free(created);
        return error->status;
    }
    for (int64_t p = 0; p < batch; p++)
        created->records[p] = (l2o_solve_record){.status = L2O_CANCELLED,
                                                 .value = NAN,
                                                 .last_value = NAN,
                                                 .best_value = NAN,
                                                 .gap = NAN,
                                                 .stationarity = NAN};
    *out = created;
    return L2O_OK;
}

void solution_free(l2o_solution *solution) {
    if (solution == NULL) return;
    memory_free(solution->x);
    memory_free(solution->records);
    memory_free(solution);
}

/* Is the start as good as a point can be, so that no iterate falls below it: b = 0, or lambda of lambda_max and more?
 * By the distance to the truth, where it is 0; else where the gradient mapping is, but for rounding. */
static l2o_status starts_at_optimum(const problem *problem, int64_t p, const l2o_solve_record *record,
                                    const evaluation *evaluation, bool *optimal) {
    double at_start = NAN, at_zero = NAN;
    *optimal = record->best_value == 0;
    if (problem->ops->supervised) return L2O_OK;
    arena_mark mark = arena_position(evaluation->scratch);
    size_t bytes = (size_t)problem->dimension * dtype_size(problem->type);
    void *zero = arena_allocate(evaluation->scratch, bytes, evaluation->error);
    if (zero == NULL) return evaluation->error->status;
    memset(zero, 0, bytes);
    const instances row = {1, &p};
    TRY(stationarity(problem, row, (const char *)problem->x0 + (size_t)p * bytes, &at_start, evaluation));
    TRY(stationarity(problem, row, zero, &at_zero, evaluation));
    arena_reset(evaluation->scratch, mark);
    *optimal = at_start <= ROUNDING * at_zero;
    return L2O_OK;
}

static l2o_status warn_of_divergence(l2o_context *context, const problem *problem, const optimizer *optimizer,
                                     const l2o_solution *solution) {
    evaluation evaluation = {NULL, &context->workers[0].arena, &context->error};
    int64_t idle = 0;
    if (divergence_remedy(optimizer) == NULL) return L2O_OK;
    TRY(kernels_select(context->kernel, problem->type, &evaluation.kernels, &context->error));
    for (int64_t p = 0; p < solution->batch; p++) {
        const l2o_solve_record *record = &solution->records[p];
        bool optimal;
        if (record->status != L2O_STEP_LIMIT || record->steps == 0 || record->best_step > 0) continue;
        TRY(starts_at_optimum(problem, p, record, &evaluation, &optimal));
        idle += !optimal;
    }
    divergence_warn(context, optimizer, solution->batch, l2o_solution_count(solution, L2O_DIVERGED), idle);
    return L2O_OK;
}

l2o_status l2o_solve(l2o_context *context, l2o_problem *problem, l2o_optimizer *optimizer, const l2o_settings *settings,
                     l2o_solution **solution) {
    *solution = NULL;
    error_clear(&context->error);
    solve_options options;
    solve_options_read(settings, problem, &options);
    TRY(settings_check_used(settings, "solving", &context->error));
    TRY(optimizer_suits(optimizer, problem, &context->error));
    TRY(range_warn(context, optimizer, problem, &context->error));
    TRY(solve_run(context, problem, optimizer, optimizer->weights, &options, solution, &context->error));
    l2o_status status = warn_of_divergence(context, problem, optimizer, *solution);
    if (status == L2O_OK) return L2O_OK;
    solution_free(*solution);
    *solution = NULL;
    return status;
}

void l2o_solution_free(l2o_solution *solution) { solution_free(solution); }
int64_t l2o_solution_batch(const l2o_solution *solution) { return solution->batch; }
int64_t l2o_solution_dimension(const l2o_solution *solution) { return solution->dimension; }
const double *l2o_solution_x(const l2o_solution *solution) { return solution->x; }

const l2o_solve_record *l2o_solution_record(const l2o_solution *solution, int64_t instance) {
    return instance >= 0 && instance < solution->batch ? &solution->records[instance] : NULL;
}

int64_t l2o_solution_count(const l2o_solution *solution, l2o_solve_status status) {
    int64_t count = 0;
    for (int64_t p = 0; p < solution->batch; p++) count += solution->records[p].status == status;
    return count;
}

const char *l2o_solve_status_text(l2o_solve_status status) {
    switch (status) {
    case L2O_SOLVED_GAP: return "solved: the duality gap is small enough";
    case L2O_SOLVED_TOLERANCE: return "solved: stationary to the tolerance";
    case L2O_STEP_LIMIT: return "stopped at the limit of steps";
    case L2O_STALLED: return "stalled: the optimizer does not move any more";
    case L2O_DIVERGED: return "diverged";
    case L2O_CANCELLED: return "cancelled";
    }
    return "unknown status";
}
