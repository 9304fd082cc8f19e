/* An optimizer for tests of training layer by layer: weights of their own for each step, one that all steps share, one
 * that belongs to no step, and a state that is carried. The linker sends the library's look-ups by name here (see
 * CMakeLists.txt), so that the trainer makes it like any other. Include it in exactly one file of such a program. */
#ifndef L2O_TESTS_LAYERED_OPTIMIZER_H
#define L2O_TESTS_LAYERED_OPTIMIZER_H

#include <string.h>

#include "optimizers/optimizer.h"

enum { LAYERED_STEPS = 4, LAYERED_TENSORS = 2 * LAYERED_STEPS + 2, LAYERED_SHARED = 0, LAYERED_FREE = 1 };

static l2o_status layered_create(optimizer *optimizer, const l2o_settings *settings, l2o_error *error) {
    (void)settings;
    TRY(optimizer_add_weight(optimizer, "shared", 1, 1, INITIALISE_TRUNCATED_NORMAL, 0.5, error));
    optimizer->layout[LAYERED_SHARED].step = 1;
    TRY(optimizer_add_weight(optimizer, "free", 1, 1, INITIALISE_TRUNCATED_NORMAL, 0.3, error));
    for (int t = 1; t <= LAYERED_STEPS; t++) {
        char name[NAME_LENGTH];
        snprintf(name, sizeof name, "gain%d", t);
        TRY(optimizer_add_weight(optimizer, name, 1, 1, INITIALISE_TRUNCATED_NORMAL, 0.3, error));
        optimizer->layout[optimizer->weight_count - 1].step = t;
        snprintf(name, sizeof name, "shift%d", t);
        TRY(optimizer_add_weight(optimizer, name, 1, 2, INITIALISE_TRUNCATED_NORMAL, 0.3, error));
        optimizer->layout[optimizer->weight_count - 1].step = t;
    }
    optimizer_add_state(optimizer, "velocity", true, 1, false);
    return L2O_OK;
}

/* x - (shared gain_t) g + shift_t + free v, v the last step; beyond the last layer its weights serve on. */
static value *layered_step(step_context *context, value *x, value **state) {
    tape *tape = context->tape;
    int64_t t = context->step < LAYERED_STEPS ? context->step : LAYERED_STEPS;
    value *const *own = &context->weights[2 * t];
    value *length = tape_multiply(tape, context->weights[LAYERED_SHARED], own[0]);
    value *g = step_gradient(context, x), *old = tape_reshape(tape, state[0], x->rows, x->columns);
    value *move =
        tape_subtract(tape, tape_multiply(tape, context->weights[LAYERED_FREE], old), tape_multiply(tape, length, g));
    move = tape_add(tape, move, own[1]);
    if (move == NULL) return NULL;
    state[0] = tape_reshape(tape, move, x->rows * x->columns, 1);
    return tape_add(tape, x, move);
}

static const optimizer_ops layered_ops = {.name = "layered",
                                          .summary = "for tests",
                                          .reference = "",
                                          .learned = true,
                                          .create = layered_create,
                                          .step = layered_step};

const optimizer_ops *__real_optimizer_find(const char *name);
const optimizer_ops *__wrap_optimizer_find(const char *name);

const optimizer_ops *__wrap_optimizer_find(const char *name) {
    return strcmp(name, "layered") == 0 ? &layered_ops : __real_optimizer_find(name);
}

#endif
