/* The public face of problems: double precision, one context, errors kept on it. */
#include <string.h>

#include "dist/context.h"
#include "l2o/problem.h"
#include "problems/custom.h"
#include "problems/problem.h"

enum { PIECE = 64 }; /* instances that one thread takes at a time */

static l2o_status sample(l2o_context *context, l2o_problem **problem) {
    l2o_status status = problem_sample(*problem, 0, STREAM_TEST, 0, 0, &context->error);
    if (status == L2O_OK) return L2O_OK;
    problem_free(*problem);
    *problem = NULL;
    return status;
}

l2o_status l2o_problem_create(l2o_context *context, const l2o_settings *settings, l2o_problem **problem) {
    error_clear(&context->error);
    TRY(problem_create(settings, COMPONENT_ALL, problem, &context->error));
    return sample(context, problem);
}

l2o_status l2o_problem_create_custom(l2o_context *context, const l2o_problem_callbacks *callbacks, void *user,
                                     int64_t batch, int64_t dimension, const char *dtype, l2o_problem **problem) {
    error_clear(&context->error);
    *problem = NULL;
    bool twice = dtype != NULL && strcmp(dtype, "float64") == 0;
    if (dtype != NULL && !twice && strcmp(dtype, "float32") != 0)
        return error_set(&context->error, L2O_ERROR_INPUT, "dtype: '%s' is neither float32 nor float64", dtype);
    TRY(problem_create_custom(callbacks, user, batch, dimension, twice ? DTYPE_FLOAT64 : DTYPE_FLOAT32, problem,
                              &context->error));
    return sample(context, problem);
}

void l2o_problem_free(l2o_problem *problem) { problem_free(problem); }
int64_t l2o_problem_batch(const l2o_problem *problem) { return problem->batch; }
int64_t l2o_problem_dimension(const l2o_problem *problem) { return problem->dimension; }

l2o_status l2o_problem_sample(l2o_context *context, l2o_problem *problem, uint64_t seed, const char *stream,
                              uint32_t draw) {
    static const struct {
        const char *name;
        random_stream stream;
    } streams[] = {{"training", STREAM_TRAINING},
                   {"validation", STREAM_VALIDATION},
                   {"adaptation", STREAM_ADAPTATION},
                   {"held-out", STREAM_HELD_OUT},
                   {"test", STREAM_TEST},
                   {"tuning", STREAM_TUNING}};
    error_clear(&context->error);
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        if (strcmp(streams[i].name, stream) == 0)
            return problem_sample(problem, seed, streams[i].stream, draw, 0, &context->error);
    return error_set(&context->error, L2O_ERROR_INPUT,
                     "there is no stream '%s'; the streams are training, validation, adaptation, held-out, test and "
                     "tuning",
                     stream);
}

l2o_status l2o_problem_start(l2o_context *context, const l2o_problem *problem, double *x) {
    error_clear(&context->error);
    for (int64_t i = 0; i < problem->batch * problem->dimension; i++)
        x[i] = problem_load(problem->type, problem->x0, i);
    return L2O_OK;
}

typedef struct request {
    const l2o_problem *problem;
    const kernels *kernels;
    const double *x;
    double *f, *g;
} request;

/* Instances piece * PIECE and following. */
static l2o_status evaluate(void *argument, int64_t piece, worker *worker) {
    const request *self = argument;
    const l2o_problem *problem = self->problem;
    dtype type = problem->type;
    int64_t n = problem->dimension, first = piece * PIECE;
    int64_t count = problem->batch - first < PIECE ? problem->batch - first : PIECE;
    size_t bytes = (size_t)(count * n) * dtype_size(type);
    int64_t index[PIECE];
    for (int64_t r = 0; r < count; r++) index[r] = first + r;
    void *x = arena_allocate(&worker->arena, bytes, &worker->error);
    void *g = arena_allocate(&worker->arena, bytes, &worker->error);
    void *f = arena_allocate(&worker->arena, (size_t)count * dtype_size(type), &worker->error);
    if (x == NULL || g == NULL || f == NULL) return worker->error.status;
    self->kernels->from_double(count * n, self->x + first * n, x);
    const evaluation evaluation = {self->kernels, &worker->arena, &worker->error};
    TRY(problem->ops->value_gradient(problem, (instances){count, index}, x, f, self->g == NULL ? NULL : g,
                                     &evaluation));
    if (self->f != NULL) self->kernels->to_double(count, f, self->f + first);
    if (self->g != NULL) self->kernels->to_double(count * n, g, self->g + first * n);
    return L2O_OK;
}

l2o_status l2o_problem_value_gradient(l2o_context *context, const l2o_problem *problem, const double *x, double *f,
                                      double *g) {
    error_clear(&context->error);
    request request = {problem, NULL, x, f, g};
    TRY(kernels_select(context->kernel, problem->type, &request.kernels, &context->error));
    int64_t pieces = (problem->batch + PIECE - 1) / PIECE;
    return pieces_run(context, pieces, problem->concurrent, evaluate, &request, &context->error);
}
