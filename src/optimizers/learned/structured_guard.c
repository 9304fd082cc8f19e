/* The guard of the structured rule: outside training a step that would raise an instance's objective is not taken. A
 * step of ISTA from the same point never raises it, as its length is 1 / L; it is what is taken instead, and the rule's
 * momentum restarts there. With FISTA's sequence, x + (t - 1) / t' (x - x_before) is tried first, t counting the steps
 * since the sequence began; where that raises the objective as well, ISTA's step is taken and the sequence begins anew
 * (O'Donoghue and Candes, 2015). So whatever the weights are, the objective never rises, to rounding, and what a run of
 * rejected steps amounts to is a known method with its known rate.
 *
 * Cost, counted as the work of gradients: the value at the rule's point for every step, and for those that are rejected
 * the gradient and value of each step tried instead. A value of a linear model is half of a gradient's work, one of its
 * two products with A; of other problems it counts as much as a gradient. */
#include <string.h>

#include "optimizers/classical/proximal.h"
#include "optimizers/learned/structured.h"
#include "problems/problem_node.h"

/* Some of the rows of a step. */
typedef struct selection {
    int64_t *row;   /* of the step */
    instances rows; /* of the problem */
} selection;

void structured_guard_create(optimizer *optimizer, structured *own) {
    if (own->guard != GUARD_FISTA) return;
    own->guard_state = optimizer->state_count;
    optimizer_add_state(optimizer, "x_before", true, 1, true);
    optimizer_add_state(optimizer, "t", false, 1, false);
}

static size_t row_bytes(const tape *tape, const value *x) {
    return (size_t)x->columns * dtype_size(tape->kernels->type);
}

static value *gather(tape *tape, const value *from, const selection *chosen) {
    if (from == NULL) return NULL;
    value *out = tape_value(tape, chosen->rows.count, from->columns);
    size_t bytes = row_bytes(tape, from);
    for (int64_t k = 0; k < chosen->rows.count && out != NULL; k++)
        memcpy((char *)out->data + (size_t)k * bytes, (const char *)from->data + (size_t)chosen->row[k] * bytes, bytes);
    return out;
}

static void scatter(const tape *tape, const value *from, const selection *chosen, value *to) {
    if (from == NULL) return;
    size_t bytes = row_bytes(tape, from);
    for (int64_t k = 0; k < chosen->rows.count; k++)
        memcpy((char *)to->data + (size_t)chosen->row[k] * bytes, (const char *)from->data + (size_t)k * bytes, bytes);
}

/* The objective [count, 1] at a step's point; the cost is shared by all rows of the context. */
static value *objective(step_context *context, const instances *rows, value *at) {
    value *f = NULL;
    problem_node(context->tape, context->problem, rows, at, &f, NULL);
    double work = problem_has(context->problem, STRUCTURE_LINEAR_MODEL) ? 0.5 : 1;
    context->spent += work * (double)rows->count / (double)context->rows->count;
    return f;
}

/* Of `among`, or of all rows where it is NULL, those that do not have f(after) <= f(before); both are by these rows. */
static selection *raised(step_context *context, const selection *among, const value *before, const value *after) {
    tape *tape = context->tape;
    dtype type = tape->kernels->type;
    if (before == NULL || after == NULL) return NULL;
    selection *chosen = arena_allocate(tape->arena, sizeof *chosen, tape->error);
    int64_t *memory = arena_allocate(tape->arena, 2 * (size_t)before->rows * sizeof *memory, tape->error);
    if (chosen == NULL || memory == NULL) return NULL;
    int64_t count = 0, *index = memory + before->rows;
    for (int64_t k = 0; k < before->rows; k++) {
        if (problem_load(type, after->data, k) <= problem_load(type, before->data, k)) continue;
        memory[count] = among == NULL ? k : among->row[k];
        index[count] = context->rows->index[memory[count]];
        count++;
    }
    *chosen = (selection){memory, {count, index}};
    return chosen;
}

/* A proximal gradient step of length 1 / L from `at` [count, n]. */
static value *plain_step(step_context *context, const selection *chosen, value *at) {
    tape *tape = context->tape;
    value *rate = gather(tape, context->constants[STRUCTURED_INVERSE_LIPSCHITZ], chosen);
    value *lambda = gather(tape, context->constants[STRUCTURED_LAMBDA], chosen), *g = NULL;
    bool proximal = structured_is_proximal(context);
    if (proximal)
        g = problem_node_smooth_gradient(tape, context->problem, &chosen->rows, at);
    else
        problem_node(tape, context->problem, &chosen->rows, at, NULL, &g);
    context->spent += (double)chosen->rows.count / (double)context->rows->count;
    value *moved = tape_subtract(tape, at, tape_multiply(tape, rate, g));
    return proximal ? tape_soft_threshold(tape, moved, tape_multiply(tape, rate, lambda)) : moved;
}

/* (t - 1) / t' (x - x_before), 0 at the sequence's start. */
static value *momentum(tape *tape, value *t, value *x, value *x_before) {
    value *share =
        tape_divide(tape, tape_unary(tape, UNARY_RELU, 0, tape_shift(tape, -1, t)), proximal_next_t(tape, t));
    return tape_multiply(tape, share, tape_subtract(tape, x, x_before));
}

static void take_ista(step_context *context, const selection *rejected, const value *x, value *fresh, value *ahead) {
    value *taken = plain_step(context, rejected, gather(context->tape, x, rejected));
    scatter(context->tape, taken, rejected, fresh);
    scatter(context->tape, taken, rejected, ahead);
}

/* The steps of `rejected` that FISTA's sequence goes on with; those it does not are ISTA's. */
static void take_fista(step_context *context, const selection *rejected, const value *x, const value *before,
                       value *fresh, value *ahead, value *x_before, value *t) {
    tape *tape = context->tape;
    value *from = gather(tape, x, rejected), *own_t = gather(tape, t, rejected);
    value *at = tape_add(tape, from, momentum(tape, own_t, from, gather(tape, x_before, rejected)));
    value *taken = plain_step(context, rejected, at);
    value *next_t = proximal_next_t(tape, own_t);
    scatter(tape, taken, rejected, fresh);
    scatter(tape, tape_add(tape, taken, momentum(tape, next_t, taken, from)), rejected, ahead);
    selection *again =
        raised(context, rejected, gather(tape, before, rejected), objective(context, &rejected->rows, taken));
    if (again == NULL || again->rows.count == 0) return;
    take_ista(context, again, x, fresh, ahead);
    for (int64_t k = 0; k < again->rows.count; k++) problem_store(tape->kernels->type, t->data, again->row[k], 0);
}

void structured_guard(step_context *context, value *x, value *before, value *fresh, value *ahead, value **state) {
    tape *tape = context->tape;
    const structured *own = context->optimizer->own;
    if (fresh == NULL || ahead == NULL) return;
    selection *rejected = raised(context, NULL, before, objective(context, context->rows, fresh));
    if (rejected == NULL) return;
    if (own->guard == GUARD_ISTA) {
        if (rejected->rows.count > 0) take_ista(context, rejected, x, fresh, ahead);
        return;
    }
    value **x_before = &state[own->guard_state], **t = x_before + 1;
    value *copy = tape_scale(tape, 1, *t);
    if (rejected->rows.count > 0 && copy != NULL) {
        value *old = tape_reshape(tape, *x_before, x->rows, x->columns);
        take_fista(context, rejected, x, before, fresh, ahead, old, copy);
    }
    *x_before = tape_reshape(tape, x, x->rows * x->columns, 1);
    *t = proximal_next_t(tape, copy);
}
