/* The stepper: given gradients instead of a problem. An optimizer with a fused step goes through it, in blocks that
 * keep their state in the kernels' own layout. Any other takes its ordinary step, piece by piece of the coordinates, on
 * a problem that has nothing but the given gradient. */
#include "l2o/stepper.h"

#include <string.h>

#include "base/memory.h"
#include "run/driver.h"

enum { PIECE_COORDINATES = 4096 };

struct l2o_stepper {
    l2o_context *context;
    const optimizer *optimizer;
    const kernels *kernels;
    problem problem; /* of one instance: what the optimizer is created for */
    int64_t steps;
    bool interrupted; /* some coordinates are a step ahead of others */
    arena memory;     /* the weights of a fused step */
    blocks blocks;
    carry carry; /* the state of an ordinary one */
};

/* ------------------------------------------------------------------------------------------ a problem without function
 */

/* `family` is the gradient. The objective is unknown; nobody reads it. */
static l2o_status given_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                       const evaluation *evaluation) {
    (void)rows, (void)x, (void)evaluation;
    if (f != NULL) memset(f, 0, dtype_size(problem->type));
    if (g != NULL) memcpy(g, problem->family, (size_t)problem->dimension * dtype_size(problem->type));
    return L2O_OK;
}

static const problem_ops given_gradient = {
    .name = "a given gradient",
    .summary = "a gradient that the caller gives",
    .value_gradient = given_value_gradient,
};

/* -------------------------------------------------------------------------------------------------------------- life
 */

static bool is_fused(const l2o_stepper *stepper) { return stepper->optimizer->ops->fused_step != NULL; }

static l2o_status suits(const l2o_stepper *stepper, l2o_error *error) {
    const optimizer_ops *ops = stepper->optimizer->ops;
    TRY(optimizer_suits(stepper->optimizer, &stepper->problem, error));
    if (ops->step != NULL && ops->wants == WANTS_GRADIENT) return L2O_OK;
    return error_set(error, L2O_ERROR_UNSUPPORTED,
                     "the optimizer '%s' asks for gradients at points of its own, and a stepper is given the one at x; "
                     "choose rnnprop, sgd, momentum, adam or rmsprop",
                     ops->name);
}

static l2o_status load_weights(l2o_stepper *stepper, l2o_error *error) {
    arena_reset(&stepper->memory, (arena_mark){0});
    const optimizer *optimizer = stepper->optimizer;
    stepper->blocks.weights =
        optimizer->ops->fused_step->load(optimizer, stepper->kernels, optimizer->weights, &stepper->memory, error);
    return stepper->blocks.weights == NULL ? error->status : L2O_OK;
}

static l2o_status allocate(l2o_stepper *stepper, l2o_error *error) {
    if (!is_fused(stepper)) return carry_create(&stepper->problem, stepper->optimizer, &stepper->carry, error);
    stepper->blocks = blocks_plan(stepper->context, stepper->optimizer, stepper->kernels, stepper->problem.dimension);
    stepper->blocks.records = memory_allocate(blocks_bytes(&stepper->blocks), 1, error);
    if (stepper->blocks.records == NULL) return error->status;
    return load_weights(stepper, error);
}

l2o_status l2o_stepper_create(l2o_context *context, const l2o_optimizer *optimizer, int64_t coordinates,
                              const char *dtype, l2o_stepper **out) {
    l2o_error *error = &context->error;
    error_clear(error);
    *out = NULL;
    bool twice = dtype != NULL && strcmp(dtype, "float64") == 0;
    if (dtype != NULL && !twice && strcmp(dtype, "float32") != 0)
        return error_set(error, L2O_ERROR_INPUT, "dtype: '%s' is neither float32 nor float64", dtype);
    const int64_t most = INT64_MAX >> 20; /* so that no size overflows */
    if (coordinates < 1 || coordinates > most)
        return error_set(error, L2O_ERROR_INPUT, "coordinates is %lld, but must lie between 1 and %lld",
                         (long long)coordinates, (long long)most);
    l2o_stepper *stepper = memory_allocate(1, sizeof *stepper, error);
    if (stepper == NULL) return error->status;
    stepper->context = context;
    stepper->optimizer = optimizer;
    stepper->problem = (problem){.ops = &given_gradient,
                                 .type = twice ? DTYPE_FLOAT64 : DTYPE_FLOAT32,
                                 .batch = 1,
                                 .dimension = coordinates,
                                 .component = COMPONENT_ALL};
    l2o_status status = kernels_select(context->kernel, stepper->problem.type, &stepper->kernels, error);
    if (status == L2O_OK) status = suits(stepper, error);
    if (status == L2O_OK) status = allocate(stepper, error);
    if (status != L2O_OK) {
        l2o_stepper_free(stepper);
        return status;
    }
    *out = stepper;
    return L2O_OK;
}

void l2o_stepper_free(l2o_stepper *stepper) {
    if (stepper == NULL) return;
    memory_free(stepper->blocks.records);
    arena_free(&stepper->memory);
    carry_free(&stepper->carry);
    memory_free(stepper);
}

l2o_status l2o_stepper_reset(l2o_stepper *stepper) {
    l2o_error *error = &stepper->context->error;
    error_clear(error);
    stepper->steps = 0;
    stepper->interrupted = false;
    if (is_fused(stepper)) {
        memset(stepper->blocks.records, 0, blocks_bytes(&stepper->blocks));
        return load_weights(stepper, error);
    }
    for (int k = 0; k < stepper->carry.state_count; k++)
        memset(stepper->carry.state[k], 0, stepper->carry.row_bytes[k]);
    return L2O_OK;
}

int64_t l2o_stepper_steps(const l2o_stepper *stepper) { return stepper->steps; }

/* ---------------------------------------------------------------------------------------------------- an ordinary step
 */

typedef struct task {
    const l2o_stepper *stepper;
    char *x;
    const char *gradient;
} task;

/* A range of the coordinates as a problem and a carry of their own, which are views. */
static l2o_status step_piece(void *argument, int64_t piece, worker *worker) {
    const task *task = argument;
    const l2o_stepper *stepper = task->stepper;
    const optimizer *optimizer = stepper->optimizer;
    int64_t first = piece * PIECE_COORDINATES, left = stepper->problem.dimension - first;
    int64_t count = left < PIECE_COORDINATES ? left : PIECE_COORDINATES;
    size_t size = dtype_size(stepper->problem.type), offset = (size_t)first * size;
    problem part = stepper->problem;
    part.dimension = count;
    part.family = (void *)(uintptr_t)(task->gradient + offset); /* read only */
    carry range = stepper->carry;
    range.dimension = count;
    range.x = task->x + offset;
    for (int k = 0; k < range.state_count; k++) {
        size_t width = (size_t)optimizer->state[k].width;
        range.state[k] = (char *)range.state[k] + offset * width;
        range.row_bytes[k] = (size_t)count * width * size;
    }
    instances rows = {1, &(int64_t){0}};
    driver driver;
    driver_begin(&driver, stepper->kernels, &worker->arena, &worker->error, &part, optimizer, optimizer->weights, &rows,
                 &range, 0, false, true);
    driver_step(&driver, stepper->steps + 1);
    TRY(driver_status(&driver));
    driver_store(&driver, &range, 0);
    return L2O_OK;
}

static l2o_status step_ordinarily(l2o_stepper *stepper, void *x, const void *gradient, l2o_error *error) {
    task task = {stepper, x, gradient};
    int64_t pieces = (stepper->problem.dimension + PIECE_COORDINATES - 1) / PIECE_COORDINATES;
    return pieces_run(stepper->context, pieces, true, step_piece, &task, error);
}

l2o_status l2o_stepper_step(l2o_stepper *stepper, void *x, const void *gradient) {
    l2o_error *error = &stepper->context->error;
    int64_t limit = stepper->optimizer->step_limit;
    error_clear(error);
    if (context_cancelled(stepper->context)) return error_set(error, L2O_ERROR_CANCELLED, "cancelled by the user");
    if (stepper->interrupted)
        return error_set(error, L2O_ERROR_INPUT,
                         "a step was interrupted when some of its coordinates had moved; call l2o_stepper_reset() and "
                         "begin anew");
    if (limit > 0 && stepper->steps >= limit)
        return error_set(error, L2O_ERROR_INPUT, "the optimizer '%s' has %lld steps, and all of them are taken",
                         stepper->optimizer->ops->name, (long long)limit);
    l2o_status status = is_fused(stepper) ? blocks_step(&stepper->blocks, stepper->steps + 1, x, gradient, error)
                                          : step_ordinarily(stepper, x, gradient, error);
    stepper->interrupted = status != L2O_OK;
    stepper->steps += status == L2O_OK;
    return status;
}
