/* The workloads' inputs and results as files. */
#include <string.h>

#include "io/npy.h"
#include "problems/linear_model.h"
#include "workload.h"

enum { MOST_ARRAYS = 8 };

/* Arrays on their way into an npz file. */
typedef struct archive {
    array arrays[MOST_ARRAYS];
    size_t count;
} archive;

static l2o_status add(archive *archive, const char *name, int rank, const int64_t *shape, double **values,
                      l2o_error *error) {
    TRY(array_create(&archive->arrays[archive->count], name, rank, shape, error));
    *values = archive->arrays[archive->count++].values;
    return L2O_OK;
}

static l2o_status keep(archive *archive, const char *name, int64_t rows, int64_t columns, const double *from,
                       l2o_error *error) {
    double *values;
    TRY(add(archive, name, columns == 0 ? 1 : 2, (int64_t[]){rows, columns}, &values, error));
    memcpy(values, from, (size_t)(rows * (columns == 0 ? 1 : columns)) * sizeof *values);
    return L2O_OK;
}

static void archive_free(archive *archive) {
    for (size_t i = 0; i < archive->count; i++) array_free(&archive->arrays[i]);
}

/* ------------------------------------------------------------------------------------------------------- the inputs */

l2o_status workload_write_weights(const workload *workload, const char *path, l2o_error *error) {
    array flat;
    TRY(array_create(&flat, NULL, 1, (int64_t[]){workload->optimizer->weight_total}, error));
    memcpy(flat.values, workload->weights, (size_t)flat.count * sizeof *flat.values);
    l2o_status status = npy_write(path, &flat, error);
    array_free(&flat);
    return status;
}

/* One array of all tasks' problems: A, b or x0. */
typedef struct part {
    const char *name;
    int64_t count; /* of one task */
    int rank;      /* of one task */
    int64_t shape[3];
} part;

enum { PARTS = 3 };

static void describe(const workload *workload, part parts[PARTS]) {
    const problem *problem = workload->problems[0];
    int64_t batch = problem->batch, n = problem->dimension;
    parts[0] = (part){"A", batch * n * n, 3, {batch, n, n}};
    parts[1] = (part){"b", batch * n, 2, {batch, n}};
    parts[2] = (part){"x0", batch * n, 2, {batch, n}};
}

static void *data_of(const problem *problem, int part) {
    return part == 0 ? problem->model->a : part == 1 ? problem->model->b : problem->x0;
}

l2o_status workload_write_inputs(const workload *workload, const char *path, l2o_error *error) {
    if (workload->options.kind == 'e') return workload_vector_write(&workload->vector, path, error);
    archive archive = {.count = 0};
    part parts[PARTS];
    describe(workload, parts);
    bool tasks = workload->task_count > 1;
    l2o_status status = L2O_OK;
    for (int k = 0; k < PARTS && status == L2O_OK; k++) {
        int64_t shape[4] = {workload->task_count};
        memcpy(tasks ? shape + 1 : shape, parts[k].shape, sizeof parts[k].shape);
        double *values;
        status = add(&archive, parts[k].name, parts[k].rank + tasks, shape, &values, error);
        for (int task = 0; task < workload->task_count && status == L2O_OK; task++)
            for (int64_t i = 0; i < parts[k].count; i++)
                *values++ = problem_load(workload->problems[task]->type, data_of(workload->problems[task], k), i);
    }
    if (status == L2O_OK) status = npz_write(path, archive.arrays, archive.count, false, error);
    archive_free(&archive);
    return status;
}

static l2o_status read_weights(workload *workload, const char *path, l2o_error *error) {
    array flat;
    TRY(npy_read(path, &flat, error));
    int64_t total = workload->optimizer->weight_total;
    l2o_status status = L2O_OK;
    if (flat.count == total)
        memcpy(workload->weights, flat.values, (size_t)total * sizeof *flat.values);
    else
        status = error_set(error, L2O_ERROR_INPUT, "%s: %lld weights, but %lld were expected", path,
                           (long long)flat.count, (long long)total);
    array_free(&flat);
    return status;
}

static l2o_status read_part(workload *workload, const npz *file, const char *path, const part *part, int index,
                            l2o_error *error) {
    const array *found = npz_find(file, part->name);
    int64_t count = part->count * workload->task_count;
    if (found == NULL || found->count != count)
        return error_set(error, L2O_ERROR_INPUT, "%s: '%s' must hold %lld numbers", path, part->name, (long long)count);
    const double *values = found->values;
    for (int task = 0; task < workload->task_count; task++)
        for (int64_t i = 0; i < part->count; i++)
            problem_store(workload->problems[task]->type, data_of(workload->problems[task], index), i, *values++);
    return L2O_OK;
}

l2o_status workload_read(workload *workload, const char *weights, const char *inputs, l2o_error *error) {
    TRY(read_weights(workload, weights, error));
    if (workload->options.kind == 'e') {
        memcpy(workload->optimizer->weights, workload->weights,
               (size_t)workload->optimizer->weight_total * sizeof(double));
        return workload_vector_read(workload->context, &workload->vector, inputs, error);
    }
    npz file;
    TRY(npz_read(inputs, &file, error));
    part parts[PARTS];
    describe(workload, parts);
    l2o_status status = L2O_OK;
    for (int k = 0; k < PARTS && status == L2O_OK; k++)
        status = read_part(workload, &file, inputs, &parts[k], k, error);
    npz_free(&file);
    for (int task = 0; task < workload->task_count && status == L2O_OK; task++)
        carry_reset(&workload->tasks[task].now, workload->problems[task]);
    return status;
}

/* ------------------------------------------------------------------------------------------------------ the results */

/* The mean objectives of the unroll that the runner has just made. */
static void mean_objectives(const workload *workload, double *out) {
    for (int64_t t = 0; t <= workload->options.unroll; t++)
        out[t] = runner_mean_objective(&workload->tasks[0].runner, t);
}

/* The first gradient, and the losses of a few updates; of plain training their objectives too. */
static l2o_status update_numbers(workload *workload, archive *archive, l2o_error *error) {
    bool plain = workload->options.kind == 'a';
    int updates = plain ? WORKLOAD_TRAINING_STEPS : WORKLOAD_TASK_UPDATES;
    int64_t terms = workload->options.unroll + 1;
    double losses[WORKLOAD_TRAINING_STEPS], *objectives = NULL;
    if (plain) TRY(add(archive, "train_f_traj", 2, (int64_t[]){updates, terms}, &objectives, error));
    for (int i = 0; i < updates; i++) {
        TRY(workload_run(workload, error));
        losses[i] = workload->support_loss;
        if (plain) mean_objectives(workload, objectives + i * terms);
        if (i == 0) TRY(keep(archive, "grad", workload->optimizer->weight_total, 0, workload->gradient, error));
    }
    if (plain) TRY(keep(archive, "loss", 1, 0, losses, error));
    return keep(archive, "train_loss", updates, 0, losses, error);
}

static l2o_status vector_numbers(workload *workload, archive *archive, l2o_error *error) {
    for (int step = 0; step < WORKLOAD_VECTOR_STEPS; step++) TRY(workload_run(workload, error));
    const workload_vector *vector = &workload->vector;
    double *values;
    TRY(add(archive, "x", 1, &vector->length, &values, error));
    for (int64_t i = 0; i < vector->length; i++) values[i] = problem_load(vector->type, vector->x, i);
    return L2O_OK;
}

l2o_status workload_numbers(workload *workload, const char *path, l2o_error *error) {
    archive archive = {.count = 0};
    l2o_status status;
    if (workload->options.kind == 'd') {
        status = workload_run(workload, error);
        if (status == L2O_OK)
            status = keep(&archive, "f_traj", workload->options.steps + 1, 0, workload->objectives, error);
    } else if (workload->options.kind == 'e') {
        status = vector_numbers(workload, &archive, error);
    } else {
        status = update_numbers(workload, &archive, error);
    }
    if (status == L2O_OK && path != NULL) status = npz_write(path, archive.arrays, archive.count, false, error);
    archive_free(&archive);
    return status;
}
