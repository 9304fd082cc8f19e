/* Sparse codes by l2o: a LASSO problem from two files, an optimizer from its name or its weights, and l2o_solve(). */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "images.h"

static void require(l2o_context *context, l2o_status status) {
    if (status != L2O_OK) fail("%s", l2o_context_error(context));
}

codes codes_find(l2o_context *context, const char *A_path, const char *b_path, double lambda, const char *solver) {
    char optimizer_text[512], lambda_text[32];
    const char *at = strrchr(solver, '@'), *steps = at == NULL ? "10000" : at + 1;
    if (snprintf(optimizer_text, sizeof optimizer_text, "%.*s",
                 (int)(at == NULL ? strlen(solver) : (size_t)(at - solver)), solver) >= (int)sizeof optimizer_text)
        fail("%s: too long", solver);
    snprintf(lambda_text, sizeof lambda_text, "%.17g", lambda);
    const char *rule = at == NULL ? "1e-4" : "0";
    const char *const values[][2] = {
        {"problem", "lasso"},
        {"A", A_path},
        {"b", b_path},
        {"b-layout", "rows"},
        {"x0", "fixed:0"},
        {"lambda", lambda_text},
        {"held-out", "0"},
        {"gap", rule},
        {"tolerance", "0"},
        {"steps", steps},
        {"optimizer", optimizer_text},
        {"keep-iterate", "last"},
    };
    l2o_settings *settings;
    require(context, l2o_settings_create(context, &settings));
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        require(context, l2o_settings_set(context, settings, values[i][0], values[i][1]));
    l2o_problem *problem;
    l2o_optimizer *optimizer;
    require(context, l2o_problem_create(context, settings, &problem));
    require(context, l2o_optimizer_create(context, settings, &optimizer));

    codes found = {0};
    clock_t start = clock();
    require(context, l2o_solve(context, problem, optimizer, settings, &found.solution));
    found.seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    l2o_optimizer_free(optimizer);
    l2o_problem_free(problem);
    l2o_settings_free(settings);

    int64_t batch = l2o_solution_batch(found.solution), dimension = l2o_solution_dimension(found.solution);
    const double *x = l2o_solution_x(found.solution);
    for (int64_t p = 0; p < batch; p++) {
        const l2o_solve_record *record = l2o_solution_record(found.solution, p);
        if (record->status == L2O_DIVERGED || record->status == L2O_CANCELLED)
            fail("%s: signal %lld: %s", solver, (long long)p, l2o_solve_status_text(record->status));
        found.steps += (double)record->steps / (double)batch;
        found.objective += record->value / (double)batch;
        found.gap += record->gap / (double)batch;
        for (int64_t j = 0; j < dimension; j++) found.nonzeros += (x[p * dimension + j] != 0) / (double)batch;
    }
    found.gap /= found.objective;
    return found;
}

void codes_free(codes *found) {
    l2o_solution_free(found->solution);
    found->solution = NULL;
}
