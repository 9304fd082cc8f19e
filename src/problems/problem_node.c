/* A problem on the tape: its objective as a node whose derivatives are its gradient, Hessian-vector product and third.
 */
#include "problems/problem_node.h"

#include "problems/penalty.h"

/* What a record needs to find its problem again. */
typedef struct binding {
    const problem *problem;
    const instances *rows;
    bool smooth; /* the smooth part, not all of the objective */
} binding;

static evaluation evaluation_on(tape *tape) { return (evaluation){tape->kernels, tape->arena, tape->error}; }

/* After a problem's function: its scratch memory is given back, and a failure is kept. */
static bool settle(tape *tape, const problem *problem, arena_mark scratch, l2o_status status) {
    arena_reset(tape->arena, scratch);
    return problem_outcome(problem, status, tape->error) == L2O_OK;
}

static const binding *bind(tape *tape, const problem *problem, const instances *rows, bool smooth) {
    binding *bound = arena_allocate(tape->arena, sizeof *bound, tape->error);
    if (bound != NULL) *bound = (binding){problem, rows, smooth};
    return bound;
}

static void refuse(tape *tape, const problem *problem, const char *what) {
    error_set(
        tape->error, L2O_ERROR_UNSUPPORTED,
        "the problem '%s' has no %s, which this meta-gradient needs; use an estimator or `inputs` that does without",
        problem->ops->name, what);
}

typedef l2o_status (*value_function)(const problem *, instances, const void *, void *, void *, const evaluation *);

static void evaluate(tape *tape, const operation *operation, value_function function, const problem *problem,
                     const instances *rows, value *x, value **f, value **g) {
    if (x == NULL) {
        if (f != NULL) *f = NULL;
        if (g != NULL) *g = NULL;
        return;
    }
    bool record_it = tape->recording && x->differentiable;
    value *output[2] = {NULL, NULL};
    if (f != NULL || record_it) output[0] = tape_value(tape, x->rows, 1);
    if (g != NULL || record_it) output[1] = tape_value(tape, x->rows, x->columns);
    evaluation evaluation = evaluation_on(tape);
    if (tape_status(tape) == L2O_OK) {
        arena_mark scratch = arena_position(tape->arena);
        settle(tape, problem, scratch,
               function(problem, *rows, x->data, output[0] == NULL ? NULL : output[0]->data,
                        output[1] == NULL ? NULL : output[1]->data, &evaluation));
    }
    if (tape_status(tape) != L2O_OK) output[0] = output[1] = NULL;
    if (record_it && output[0] != NULL) {
        const binding *bound = bind(tape, problem, rows, operation == &operation_problem_smooth);
        record *made = tape_record(tape, operation, 1, &x, 2, output);
        if (made != NULL) made->object = bound;
    }
    if (f != NULL) *f = output[0];
    if (g != NULL) *g = output[1];
}

void problem_node(tape *tape, const problem *problem, const instances *rows, value *x, value **f, value **g) {
    evaluate(tape, &operation_problem, problem->ops->value_gradient, problem, rows, x, f, g);
}

value *problem_node_smooth_gradient(tape *tape, const problem *problem, const instances *rows, value *x) {
    value *g;
    evaluate(tape, &operation_problem_smooth, problem->ops->smooth_gradient, problem, rows, x, NULL, &g);
    return g;
}

void problem_node_smooth(tape *tape, const problem *problem, const instances *rows, value *x, value **f, value **g) {
    evaluate(tape, &operation_problem_smooth, problem->ops->smooth_gradient, problem, rows, x, f, g);
    if (*f != NULL) penalty_add_l1(problem, *rows, x->data, (*f)->data, NULL);
}

static value *hessian(tape *tape, const binding *bound, value *x, value *v) {
    if (v == NULL) return NULL;
    const problem_ops *ops = bound->problem->ops;
    bool apart = bound->smooth && ops->smooth_hess_vec != NULL;
    l2o_status (*product)(const problem *, instances, const void *, const void *, void *, const evaluation *) =
        apart ? ops->smooth_hess_vec : ops->hess_vec;
    if (product == NULL) {
        refuse(tape, bound->problem, "Hessian-vector product");
        return NULL;
    }
    value *out = tape_value(tape, x->rows, x->columns);
    if (out == NULL) return NULL;
    evaluation evaluation = evaluation_on(tape);
    arena_mark scratch = arena_position(tape->arena);
    if (!settle(tape, bound->problem, scratch,
                product(bound->problem, *bound->rows, x->data, v->data, out->data, &evaluation)))
        return NULL;
    record *made = tape_record(tape, &operation_problem_hessian, 2, (value *[]){x, v}, 1, &out);
    if (made != NULL) made->object = bound;
    return out;
}

static value *third(tape *tape, const binding *bound, value *x, value *u, value *v) {
    if (u == NULL || v == NULL) return NULL;
    if (bound->problem->ops->third == NULL) {
        refuse(tape, bound->problem, "third derivative");
        return NULL;
    }
    value *out = tape_value(tape, x->rows, x->columns);
    if (out == NULL) return NULL;
    evaluation evaluation = evaluation_on(tape);
    arena_mark scratch = arena_position(tape->arena);
    if (!settle(tape, bound->problem, scratch,
                bound->problem->ops->third(bound->problem, *bound->rows, x->data, u->data, v->data, out->data,
                                           &evaluation)))
        return NULL;
    record *made = tape_record(tape, &operation_problem_third, 3, (value *[]){x, u, v}, 1, &out);
    if (made != NULL) made->object = bound;
    return out;
}

/* df'/dx = f's cotangent times g, which is this record's own other output; dg'/dx = H. */
static void problem_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    if (cotangent[0] != NULL) result[0] = tape_multiply(tape, cotangent[0], record->output[1]);
    if (cotangent[1] != NULL) {
        value *curved = hessian(tape, record->object, record->input[0], cotangent[1]);
        result[0] = result[0] == NULL ? curved : tape_add(tape, result[0], curved);
    }
}

static void hessian_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    value *x = record->input[0], *v = record->input[1];
    if (x->differentiable) result[0] = third(tape, record->object, x, v, cotangent[0]);
    if (v->differentiable) result[1] = hessian(tape, record->object, x, cotangent[0]);
}

/* Linear and symmetric in u and v; along x it would need the fourth derivative, which nothing here asks for. */
static void third_derivative(tape *tape, const record *record, value *const *cotangent, value **result) {
    const binding *bound = record->object;
    value *x = record->input[0], *u = record->input[1], *v = record->input[2];
    if (x->differentiable) refuse(tape, bound->problem, "fourth derivative");
    if (u->differentiable) result[1] = third(tape, bound, x, v, cotangent[0]);
    if (v->differentiable) result[2] = third(tape, bound, x, u, cotangent[0]);
}

const operation operation_problem = {"problem", problem_derivative};
const operation operation_problem_smooth = {"smooth part of a problem", problem_derivative};
const operation operation_problem_hessian = {"Hessian-vector product of a problem", hessian_derivative};
const operation operation_problem_third = {"third derivative of a problem", third_derivative};
