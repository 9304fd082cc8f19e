/* Solutions as files for other programs: npy and csv hold x [B, n], npz also what is known about each instance. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/npy.h"
#include "io/npz.h"
#include "solve/solve.h"

enum { NPZ_ARRAYS = 6, NUMBER_LENGTH = 32 };

static l2o_status copy_x(const l2o_solution *solution, const char *name, array *out, l2o_error *error) {
    const int64_t shape[2] = {solution->batch, solution->dimension};
    TRY(array_create(out, name, 2, shape, error));
    memcpy(out->values, solution->x, (size_t)out->count * sizeof *out->values);
    return L2O_OK;
}

static l2o_status save_npy(const l2o_solution *solution, const char *path, l2o_error *error) {
    array x = {0};
    l2o_status status = copy_x(solution, NULL, &x, error);
    if (status == L2O_OK) status = npy_write(path, &x, error);
    array_free(&x);
    return status;
}

static l2o_status save_npz(const l2o_solution *solution, const char *path, l2o_error *error) {
    static const char *const names[NPZ_ARRAYS] = {"x", "status", "steps", "value", "gap", "stationarity"};
    array arrays[NPZ_ARRAYS] = {{0}};
    l2o_status status = copy_x(solution, names[0], &arrays[0], error);
    for (int k = 1; k < NPZ_ARRAYS && status == L2O_OK; k++)
        status = array_create(&arrays[k], names[k], 1, &solution->batch, error);
    for (int64_t p = 0; p < solution->batch && status == L2O_OK; p++) {
        const l2o_solve_record *record = &solution->records[p];
        arrays[1].values[p] = record->status;
        arrays[2].values[p] = (double)record->steps;
        arrays[3].values[p] = record->value;
        arrays[4].values[p] = record->gap;
        arrays[5].values[p] = record->stationarity;
    }
    if (status == L2O_OK) status = npz_write(path, arrays, NPZ_ARRAYS, true, error);
    for (int k = 0; k < NPZ_ARRAYS; k++) array_free(&arrays[k]);
    return status;
}

static l2o_status save_csv(const l2o_solution *solution, const char *path, l2o_error *error) {
    buffer text = {0};
    l2o_status status = L2O_OK;
    for (int64_t i = 0; i < solution->batch * solution->dimension && status == L2O_OK; i++) {
        char number[NUMBER_LENGTH];
        bool last = (i + 1) % solution->dimension == 0;
        int length = snprintf(number, sizeof number, "%.17g%c", solution->x[i], last ? '\n' : ',');
        status = buffer_append(&text, number, (size_t)length, error);
    }
    if (status == L2O_OK) status = file_write(path, text.bytes, text.size, error);
    buffer_free(&text);
    return status;
}

l2o_status l2o_solution_save(l2o_context *context, const l2o_solution *solution, const char *path) {
    l2o_error *error = &context->error;
    error_clear(error);
    const char *end = strrchr(path, '.');
    if (end != NULL && strcmp(end, ".npz") == 0) return save_npz(solution, path, error);
    if (end != NULL && strcmp(end, ".csv") == 0) return save_csv(solution, path, error);
    if (end != NULL && strcmp(end, ".npy") == 0) return save_npy(solution, path, error);
    return error_set(error, L2O_ERROR_INPUT, "%s: the name tells no format; end it with .npy, .npz or .csv", path);
}
