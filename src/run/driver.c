/* One optimizer over some instances of one problem: asks for gradients, takes steps, recorded on the tape or not. */
#include "run/driver.h"

#include <string.h>

#include "problems/problem_node.h"
#include "run/converted.h"

l2o_status driver_status(const driver *driver) { return tape_status(&driver->tape); }

/* A copy of `bytes` in the tape's arena that steps can be written back to. */
static value *own_copy(driver *driver, const void *data, size_t bytes, int64_t rows, int64_t columns) {
    void *copy = arena_allocate(driver->tape.arena, bytes, driver->tape.error);
    if (copy == NULL) return NULL;
    memcpy(copy, data, bytes);
    return tape_input(&driver->tape, copy, rows, columns, false);
}

static void place_weights(driver *driver, const void *converted, bool differentiable) {
    const optimizer *optimizer = driver->optimizer;
    size_t size = dtype_size(driver->kernels->type);
    driver->weights =
        arena_allocate(driver->tape.arena, (size_t)optimizer->weight_count * sizeof(value *), driver->tape.error);
    if (driver->weights == NULL) return;
    for (int k = 0; k < optimizer->weight_count; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        const char *numbers = (const char *)converted + (size_t)converted_offset(optimizer, k) * size;
        driver->weights[k] = tape_input(&driver->tape, numbers, layout->rows, layout->columns, differentiable);
    }
}

/* The tape, what steps see, and x. */
static void begin(driver *driver, const kernels *kernels, arena *arena, l2o_error *error, const problem *problem,
                  const optimizer *optimizer, const instances *rows, const carry *from, int64_t first, bool recording) {
    *driver = (struct driver){.optimizer = optimizer, .rows = *rows, .kernels = kernels};
    tape_begin(&driver->tape, kernels, arena, error, recording);
    bool by_batch = optimizer->ops->learned && optimizer->scale_by_batch;
    driver->context = (step_context){
        .tape = &driver->tape,
        .optimizer = optimizer,
        .problem = problem,
        .rows = &driver->rows,
        .gradient_scale = by_batch ? 1.0 / (double)problem->batch : 1.0,
    };
    driver->x_bytes = carry_x_bytes(from);
    driver->x = own_copy(driver, (const char *)from->x + (size_t)first * driver->x_bytes,
                         (size_t)rows->count * driver->x_bytes, rows->count, from->dimension);
}

void driver_begin(driver *driver, const kernels *kernels, arena *arena, l2o_error *error, const problem *problem,
                  const optimizer *optimizer, const double *weights, const instances *rows, const carry *from,
                  int64_t first, bool recording, bool detached) {
    size_t bytes = (size_t)converted_offset(optimizer, optimizer->weight_count) * dtype_size(kernels->type);
    void *converted = arena_allocate(arena, bytes, error);
    if (converted != NULL && optimizer->weight_count > 0) converted_fill(optimizer, kernels, weights, converted);
    driver_begin_converted(driver, kernels, arena, error, problem, optimizer, converted, rows, from, first, recording,
                           detached);
}

void driver_begin_converted(driver *driver, const kernels *kernels, arena *arena, l2o_error *error,
                            const problem *problem, const optimizer *optimizer, const void *converted,
                            const instances *rows, const carry *from, int64_t first, bool recording, bool detached) {
    begin(driver, kernels, arena, error, problem, optimizer, rows, from, first, recording);
    if (optimizer->weight_count > 0) place_weights(driver, converted, recording);
    driver->context.weights = driver->weights;
    driver->context.detached = detached;
    driver->context.guarded = !recording;
    int64_t count = rows->count;
    for (int k = 0; k < optimizer->state_count; k++) {
        const state_layout *layout = &optimizer->state[k];
        driver->state_bytes[k] = from->row_bytes[k];
        driver->state[k] = own_copy(driver, (const char *)from->state[k] + (size_t)first * from->row_bytes[k],
                                    (size_t)count * from->row_bytes[k],
                                    layout->per_coordinate ? count * from->dimension : count, layout->width);
        if (driver->state[k] != NULL) driver->state[k]->replaceable = !recording;
    }
    driver->start = tape_position(&driver->tape);
    if (optimizer->ops->begin != NULL && driver_status(driver) == L2O_OK) optimizer->ops->begin(&driver->context);
    driver->mark = tape_position(&driver->tape);
}

/* The numbers that steps take of the present instances; NULL: none. */
static const void *lengths_of(const driver *driver) {
    const fused_step *fused = driver->optimizer->ops->fused_step;
    const step_context *context = &driver->context;
    if (fused->lengths == NULL) return NULL;
    return fused->lengths(driver->optimizer, context->problem, context->rows, context->gradient_scale, driver->kernels,
                          driver->tape.arena, driver->tape.error);
}

void driver_begin_fused(driver *driver, l2o_context *context, const kernels *kernels, arena *arena, l2o_error *error,
                        const problem *problem, const optimizer *optimizer, const double *weights,
                        const instances *rows, const carry *from, int64_t first) {
    begin(driver, kernels, arena, error, problem, optimizer, rows, from, first, false);
    driver->context.detached = true;
    driver->fused = true;
    driver->blocks = blocks_plan(context, optimizer, kernels, rows->count * from->dimension);
    driver->blocks.weights = optimizer->ops->fused_step->load(optimizer, kernels, weights, arena, error);
    driver->blocks.records = arena_allocate(arena, blocks_bytes(&driver->blocks), error);
    if (driver_status(driver) == L2O_OK) blocks_load(&driver->blocks, from, first);
    driver->start = tape_position(&driver->tape);
    driver->blocks.lengths = lengths_of(driver);
    driver->mark = tape_position(&driver->tape);
}

value *driver_objective(driver *driver) {
    if (driver->optimizer->ops->step != NULL) return step_objective(&driver->context, driver->x);
    value *f;
    problem_node(&driver->tape, driver->context.problem, &driver->rows, driver->x, &f, NULL);
    return f;
}

static void step_native(driver *driver) {
    const optimizer *optimizer = driver->optimizer;
    evaluation evaluation = {driver->kernels, driver->tape.arena, driver->tape.error};
    double spent = 0;
    for (int64_t r = 0; r < driver->rows.count && driver_status(driver) == L2O_OK; r++) {
        void *x = (char *)driver->x->data + (size_t)r * driver->x_bytes;
        l2o_status status = optimizer->ops->step_native(optimizer, driver->context.problem, driver->rows.index[r], x,
                                                        &spent, &evaluation);
        if (status != L2O_OK && driver_status(driver) == L2O_OK)
            error_set(driver->tape.error, status, "a step of '%s' on instance %lld failed: %s", optimizer->ops->name,
                      (long long)driver->rows.index[r], l2o_status_text(status));
        tape_reset(&driver->tape, driver->mark);
    }
    if (driver->rows.count > 0) driver->gradient_evaluations += spent / (double)driver->rows.count;
}

static void step_fused(driver *driver, int64_t step) {
    value *g = step_gradient(&driver->context, driver->x);
    if (driver_status(driver) == L2O_OK)
        blocks_step(&driver->blocks, step, driver->x->data, g->data, driver->tape.error);
    driver->context.memo_x = NULL;
    tape_reset(&driver->tape, driver->mark);
}

static size_t value_bytes(const driver *driver, const value *x) {
    return (size_t)(x->rows * x->columns) * dtype_size(driver->kernels->type);
}

static bool overlap(const driver *driver, const value *a, const value *b) {
    uintptr_t first = (uintptr_t)a->data, second = (uintptr_t)b->data;
    return first < second + value_bytes(driver, b) && second < first + value_bytes(driver, a);
}

/* A value that a step returned, in memory of its own when it is a view of what is about to be overwritten: x kept as
 * the previous x, or two states exchanged. */
static value *stage(driver *driver, value *made, const value *x, value *const *state) {
    if (made == NULL) return NULL;
    bool shared = overlap(driver, made, x);
    for (int k = 0; k < driver->optimizer->state_count; k++) shared |= overlap(driver, made, state[k]);
    return shared ? own_copy(driver, made->data, value_bytes(driver, made), made->rows, made->columns) : made;
}

void driver_step(driver *driver, int64_t step) {
    if (driver_status(driver) != L2O_OK) return;
    if (driver->optimizer->ops->step == NULL) {
        step_native(driver);
        return;
    }
    driver->context.step = step;
    driver->gradient_evaluations += 1;
    if (driver->fused) {
        step_fused(driver, step);
        return;
    }
    if (driver->tape.recording) {
        driver->x = driver->optimizer->ops->step(&driver->context, driver->x, driver->state);
        return;
    }
    /* Not recorded: what the step made is copied over what it replaced, and the rest of its memory is given back. */
    value *x = driver->x, *state[OPTIMIZER_STATES];
    memcpy(state, driver->state, sizeof state);
    value *next = driver->optimizer->ops->step(&driver->context, x, driver->state);
    driver->gradient_evaluations += driver->context.spent;
    driver->context.spent = 0;
    if (driver_status(driver) != L2O_OK) return;
    next = stage(driver, next, x, state);
    for (int k = 0; k < driver->optimizer->state_count; k++)
        if (driver->state[k] != state[k]) driver->state[k] = stage(driver, driver->state[k], x, state);
    if (driver_status(driver) != L2O_OK) return;
    size_t count = (size_t)driver->rows.count;
    memcpy(x->data, next->data, count * driver->x_bytes);
    for (int k = 0; k < driver->optimizer->state_count; k++) {
        if (driver->state[k] != state[k])
            memcpy(state[k]->data, driver->state[k]->data, count * driver->state_bytes[k]);
        driver->state[k] = state[k];
    }
    driver->context.memo_x = NULL;
    tape_reset(&driver->tape, driver->mark);
}

static void compact(void *data, size_t bytes, const int64_t *keep, int64_t count) {
    for (int64_t r = 0; r < count; r++)
        if (keep[r] != r) memmove((char *)data + (size_t)r * bytes, (char *)data + (size_t)keep[r] * bytes, bytes);
}

void driver_compact(driver *driver, const int64_t *keep, int64_t count, const instances *rows) {
    compact(driver->x->data, driver->x_bytes, keep, count);
    driver->x->rows = count;
    if (driver->fused) {
        tape_reset(&driver->tape, driver->mark);
        blocks_compact(&driver->blocks, driver->x->columns, keep, count, driver->tape.arena, driver->tape.error);
        driver->rows = *rows;
        driver->context.memo_x = NULL;
        tape_reset(&driver->tape, driver->start);
        driver->blocks.lengths = lengths_of(driver);
        driver->mark = tape_position(&driver->tape);
        return;
    }
    for (int k = 0; k < driver->optimizer->state_count; k++) {
        value *state = driver->state[k];
        compact(state->data, driver->state_bytes[k], keep, count);
        state->rows = driver->optimizer->state[k].per_coordinate ? count * driver->x->columns : count;
    }
    driver->rows = *rows;
    driver->context.memo_x = NULL;
    /* Constants are made per instance, so they are made anew for those that are left. */
    tape_reset(&driver->tape, driver->start);
    if (driver->optimizer->ops->begin != NULL) driver->optimizer->ops->begin(&driver->context);
    driver->mark = tape_position(&driver->tape);
}

void driver_store(const driver *driver, carry *to, int64_t first) {
    size_t count = (size_t)driver->rows.count;
    memcpy((char *)to->x + (size_t)first * driver->x_bytes, driver->x->data, count * driver->x_bytes);
    if (driver->fused) {
        blocks_store(&driver->blocks, to, first);
        return;
    }
    for (int k = 0; k < driver->optimizer->state_count; k++)
        memcpy((char *)to->state[k] + (size_t)first * driver->state_bytes[k], driver->state[k]->data,
               count * driver->state_bytes[k]);
}
