/* Long vectors: their inputs, and the step. */
#include "workload_vector.h"

#include "base/memory.h"
#include "base/random.h"
#include "dist/context.h"
#include "problems/problem.h"

enum { SEED = 1 };
static const double START = 0.01, SLOPE = 1.0 / 128;

static l2o_status passed_on(const l2o_context *context, l2o_status status, l2o_error *error) {
    return status == L2O_OK ? L2O_OK : error_set(error, status, "%s", l2o_context_error(context));
}

l2o_status workload_vector_create(l2o_context *context, const l2o_optimizer *optimizer, int64_t length, dtype type,
                                  workload_vector *vector, l2o_error *error) {
    *vector = (workload_vector){.length = length, .type = type};
    vector->x = memory_allocate((size_t)length, dtype_size(type), error);
    vector->gradient = memory_allocate((size_t)length, dtype_size(type), error);
    if (vector->x == NULL || vector->gradient == NULL) return error->status;
    const random_key start = {.seed = SEED, .stream = STREAM_TRAINING, .field = FIELD_X0};
    const random_key slope = {.seed = SEED, .stream = STREAM_TRAINING, .field = FIELD_OTHER};
    for (int64_t i = 0; i < length; i++) {
        problem_store(type, vector->x, i, START * random_normal(start, (uint64_t)i));
        problem_store(type, vector->gradient, i, SLOPE * random_normal(slope, (uint64_t)i));
    }
    return passed_on(
        context,
        l2o_stepper_create(context, optimizer, length, type == DTYPE_FLOAT32 ? "float32" : "float64", &vector->stepper),
        error);
}

void workload_vector_free(workload_vector *vector) {
    memory_free(vector->x);
    memory_free(vector->gradient);
    l2o_stepper_free(vector->stepper);
    *vector = (workload_vector){0};
}

l2o_status workload_vector_step(l2o_context *context, workload_vector *vector, l2o_error *error) {
    return passed_on(context, l2o_stepper_step(vector->stepper, vector->x, vector->gradient), error);
}

l2o_status workload_vector_write(const workload_vector *vector, const char *path, l2o_error *error) {
    array arrays[2] = {{0}};
    l2o_status status = array_create(&arrays[0], "x0", 1, &vector->length, error);
    if (status == L2O_OK) status = array_create(&arrays[1], "g", 1, &vector->length, error);
    for (int64_t i = 0; i < vector->length && status == L2O_OK; i++) {
        arrays[0].values[i] = problem_load(vector->type, vector->x, i);
        arrays[1].values[i] = problem_load(vector->type, vector->gradient, i);
    }
    if (status == L2O_OK) status = npz_write(path, arrays, 2, false, error);
    array_free(&arrays[0]);
    array_free(&arrays[1]);
    return status;
}

l2o_status workload_vector_read(l2o_context *context, workload_vector *vector, const char *path, l2o_error *error) {
    npz file;
    TRY(npz_read(path, &file, error));
    const array *x = npz_find(&file, "x0"), *gradient = npz_find(&file, "g");
    bool fits = x != NULL && gradient != NULL && x->count == vector->length && gradient->count == vector->length;
    for (int64_t i = 0; i < vector->length && fits; i++) {
        problem_store(vector->type, vector->x, i, x->values[i]);
        problem_store(vector->type, vector->gradient, i, gradient->values[i]);
    }
    npz_free(&file);
    if (!fits)
        return error_set(error, L2O_ERROR_INPUT, "%s: 'x0' and 'g' must hold %lld numbers each", path,
                         (long long)vector->length);
    return passed_on(context, l2o_stepper_reset(vector->stepper), error);
}
