/* The derivative checks of one problem and optimizer, gathered as rows. */
#include "run/check.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"

l2o_check_row *check_row(check_run *run, int order, double tolerance, const char *what) {
    l2o_check_row *row = &run->result->rows[run->result->count++];
    *row = (l2o_check_row){.order = order, .tolerance = tolerance, .passed = 1};
    snprintf(row->what, sizeof row->what, "%s", what);
    return row;
}

void check_enter(l2o_check_row *row, double error) {
    if (error < 0) {
        row->skipped++;
        snprintf(row->why, sizeof row->why, "next to a kink");
        return;
    }
    row->points++;
    if (!(error <= row->error)) row->error = isnan(error) ? INFINITY : error;
    row->passed = row->error <= row->tolerance;
}

double check_normal(const check_run *run, uint32_t purpose, int64_t index) {
    return random_normal((random_key){.seed = run->seed, .draw = purpose, .stream = STREAM_CHECK, .field = FIELD_OTHER},
                         (uint64_t)index);
}

double check_dot(int64_t count, const double *a, const double *b) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

double check_norm(int64_t count, const double *x) { return sqrt(check_dot(count, x, x)); }

double check_scale(int64_t count, const double *x) {
    double size = check_norm(count, x) / sqrt((double)(count > 0 ? count : 1));
    return size > 0 && isfinite(size) ? size : 1;
}

static l2o_status run_checks(check_run *run, l2o_error *error) {
    TRY(check_problem(run, error));
    return run->optimizer != NULL && run->optimizer->weight_total > 0 ? check_unroll(run, error) : L2O_OK;
}

l2o_status check_derivatives(l2o_context *context, problem *problem, const optimizer *optimizer, uint64_t seed,
                             l2o_derivative_check **check, l2o_error *error) {
    *check = NULL;
    if (problem->type != DTYPE_FLOAT64)
        return error_set(error, L2O_ERROR_INPUT,
                         "derivative checks run in float64, but the problem '%s' was made in float32; set dtype = "
                         "float64",
                         problem->ops->name);
    if (optimizer != NULL) TRY(optimizer_suits(optimizer, problem, error));
    l2o_derivative_check *result = memory_allocate(1, sizeof *result, error);
    if (result == NULL) return error->status;
    check_run run = {context, problem, optimizer, seed, result};
    l2o_status status = run_checks(&run, error);
    if (status != L2O_OK) {
        memory_free(result);
        return status;
    }
    *check = result;
    return L2O_OK;
}

l2o_status l2o_check_derivatives(l2o_context *context, l2o_problem *problem, const l2o_optimizer *optimizer,
                                 uint64_t seed, l2o_derivative_check **check) {
    error_clear(&context->error);
    return check_derivatives(context, problem, optimizer, seed, check, &context->error);
}

int l2o_derivative_check_rows(const l2o_derivative_check *check) { return check->count; }

const l2o_check_row *l2o_derivative_check_row(const l2o_derivative_check *check, int index) {
    return index >= 0 && index < check->count ? &check->rows[index] : NULL;
}

int l2o_derivative_check_failed(const l2o_derivative_check *check) {
    int failed = 0;
    for (int k = 0; k < check->count; k++) failed += check->rows[k].passed == 0;
    return failed;
}

void l2o_derivative_check_free(l2o_derivative_check *check) { memory_free(check); }
