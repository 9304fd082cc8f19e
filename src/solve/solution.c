/* What a solve gives, as a handle: its life, its accessors, and the public door to the loop. */
#include <math.h>

#include "base/memory.h"
#include "run/divergence.h"
#include "run/range.h"
#include "solve/solve.h"

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

static void warn_of_divergence(l2o_context *context, const optimizer *optimizer, const l2o_solution *solution) {
    int64_t idle = 0;
    for (int64_t p = 0; p < solution->batch; p++) {
        const l2o_solve_record *record = &solution->records[p];
        idle += record->status == L2O_STEP_LIMIT && record->steps > 0 && record->best_step == 0;
    }
    divergence_warn(context, optimizer, solution->batch, l2o_solution_count(solution, L2O_DIVERGED), idle);
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
    warn_of_divergence(context, optimizer, *solution);
    return L2O_OK;
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
