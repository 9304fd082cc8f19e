/* The tape's core: values, records and the reverse pass. The operations are in the files beside this one. */
#include "autodiff/tape.h"

#include <math.h>
#include <string.h>

#include "autodiff/operations.h"

void tape_begin(tape *tape, const kernels *kernels, arena *arena, l2o_error *error, bool recording) {
    *tape = (struct tape){.kernels = kernels, .arena = arena, .error = error, .recording = recording};
}

tape_mark tape_position(const tape *tape) {
    return (tape_mark){arena_position(tape->arena), tape->last, tape->products};
}

void tape_reset(tape *tape, tape_mark mark) {
    arena_reset(tape->arena, mark.arena);
    tape->last = mark.last;
    tape->products = mark.products;
}

l2o_status tape_status(const tape *tape) { return tape->error->status; }

static value *value_header(tape *tape, void *data, int64_t rows, int64_t columns) {
    value *fresh = arena_allocate(tape->arena, sizeof *fresh, tape->error);
    if (fresh == NULL) return NULL;
    *fresh = (value){.data = data, .rows = rows, .columns = columns};
    return fresh;
}

value *tape_value(tape *tape, int64_t rows, int64_t columns) {
    if (tape->error->status != L2O_OK) return NULL;
    void *data = arena_allocate(tape->arena, (size_t)(rows * columns) * dtype_size(tape->kernels->type), tape->error);
    return data == NULL ? NULL : value_header(tape, data, rows, columns);
}

value *tape_input(tape *tape, const void *data, int64_t rows, int64_t columns, bool differentiable) {
    if (tape->error->status != L2O_OK) return NULL;
    value *input = value_header(tape, (void *)data, rows, columns); /* operations never write to their inputs */
    if (input != NULL) input->differentiable = differentiable;
    return input;
}

value *tape_fill(tape *tape, int64_t rows, int64_t columns, double number) {
    value *filled = tape_value(tape, rows, columns);
    if (filled == NULL) return NULL;
    for (int64_t i = 0; i < rows * columns; i++) {
        if (tape->kernels->type == DTYPE_FLOAT32)
            ((float *)filled->data)[i] = (float)number;
        else
            ((double *)filled->data)[i] = number;
    }
    return filled;
}

value *tape_from_double(tape *tape, int64_t rows, int64_t columns, const double *numbers) {
    value *copy = tape_value(tape, rows, columns);
    if (copy != NULL) tape->kernels->from_double(rows * columns, numbers, copy->data);
    return copy;
}

value *tape_detach(tape *tape, value *x) {
    if (x == NULL || !x->differentiable) return x;
    return tape_input(tape, x->data, x->rows, x->columns, false);
}

double tape_scalar(const tape *tape, const value *x) {
    if (x == NULL) return NAN;
    double number;
    tape->kernels->to_double(1, x->data, &number);
    return number;
}

record *tape_record(tape *tape, const operation *operation, int inputs, value *const *input, int outputs,
                    value *const *output) {
    if (!tape->recording) return NULL;
    bool differentiable = false;
    for (int i = 0; i < inputs; i++) differentiable |= input[i] != NULL && input[i]->differentiable;
    if (!differentiable) return NULL;
    record *made = arena_allocate(tape->arena, sizeof *made, tape->error);
    if (made == NULL) return NULL;
    *made = (record){.operation = operation,
                     .previous = tape->last,
                     .number = tape->records++,
                     .input_count = inputs,
                     .output_count = outputs};
    for (int i = 0; i < inputs; i++) made->input[i] = input[i];
    for (int i = 0; i < outputs; i++) {
        made->output[i] = output[i];
        output[i]->maker = made;
        output[i]->output = i;
        output[i]->differentiable = true;
    }
    tape->last = made;
    return made;
}

static void enter_pass(value *target, uint32_t pass) {
    if (target->pass == pass) return;
    target->pass = pass;
    target->cotangent = NULL;
    target->owns_cotangent = false;
}

value *tape_accumulator(tape *tape, value *target) {
    if (target == NULL) return NULL;
    enter_pass(target, tape->passes);
    if (target->cotangent != NULL && target->owns_cotangent) return target->cotangent;
    value *own = tape_value(tape, target->rows, target->columns);
    if (own == NULL) return NULL;
    size_t bytes = (size_t)(target->rows * target->columns) * dtype_size(tape->kernels->type);
    if (target->cotangent == NULL)
        memset(own->data, 0, bytes);
    else
        memcpy(own->data, target->cotangent->data, bytes);
    target->cotangent = own;
    target->owns_cotangent = true;
    return own;
}

bool tape_defer(tape *tape, const value *target, const value *left, const value *right) {
    if (!target->deferred || tape->recording || left == NULL || right == NULL) return false;
    deferred_product *noted = arena_allocate(tape->arena, sizeof *noted, tape->error);
    if (noted == NULL) return true;
    *noted = (deferred_product){tape->products, target, left, right};
    tape->products = noted;
    return true;
}

static void accumulate(tape *tape, value *target, value *cotangent, uint32_t pass) {
    if (cotangent == NULL || target == NULL) return;
    enter_pass(target, pass);
    if (target->cotangent == NULL) {
        target->cotangent = cotangent;
    } else if (target->owns_cotangent) {
        tape->kernels->axpy(target->rows * target->columns, 1.0, cotangent->data, target->cotangent->data);
    } else {
        target->cotangent = tape_add(tape, target->cotangent, cotangent);
        target->owns_cotangent = !tape->recording && target->cotangent != NULL;
    }
}

static value *cotangent_of(const value *target, uint32_t pass) {
    return target != NULL && target->pass == pass ? target->cotangent : NULL;
}

l2o_status tape_gradient(tape *tape, int outputs, value *const *output, value *const *cotangent, int inputs,
                         value *const *input, value **gradient) {
    uint32_t pass = ++tape->passes;
    for (int k = 0; k < outputs; k++) {
        if (output[k] == NULL) continue;
        value *seed = cotangent != NULL ? cotangent[k] : NULL;
        if (seed == NULL) seed = tape_fill(tape, output[k]->rows, output[k]->columns, 1.0);
        accumulate(tape, output[k], seed, pass);
    }
    /* Records that this pass makes itself come after `tape->last` as it is now, so they are not walked. */
    for (record *at = tape->last; at != NULL && tape_status(tape) == L2O_OK; at = at->previous) {
        value *seeds[TAPE_OUTPUTS], *results[TAPE_INPUTS] = {0};
        bool reached = false;
        for (int i = 0; i < at->output_count; i++) {
            seeds[i] = cotangent_of(at->output[i], pass);
            reached |= seeds[i] != NULL;
        }
        if (!reached) continue;
        at->operation->derivative(tape, at, seeds, results);
        for (int i = 0; i < at->input_count; i++)
            if (at->input[i] != NULL && at->input[i]->differentiable) accumulate(tape, at->input[i], results[i], pass);
    }
    for (int j = 0; j < inputs; j++) {
        gradient[j] = cotangent_of(input[j], pass);
        if (gradient[j] == NULL && input[j] != NULL && (tape->recording || !input[j]->deferred))
            gradient[j] = tape_fill(tape, input[j]->rows, input[j]->columns, 0.0);
    }
    return tape_status(tape);
}

const operation *tape_operation_at(int index) {
    static const operation *const others[] = {
        &operation_add,           &operation_subtract,      &operation_multiply,    &operation_divide,
        &operation_reshape,       &operation_broadcast,     &operation_sum_to,      &operation_slice_rows,
        &operation_pad_rows,      &operation_slice_columns, &operation_pad_columns, &operation_concat_columns,
        &operation_matmul,        &operation_affine,        &operation_lstm,        &operation_lstm_backward,
        &operation_soft_threshold};
    const int count = (int)(sizeof others / sizeof *others);
    if (index < count) return others[index];
    return index < count + UNARY_COUNT ? &operation_unary[index - count] : NULL;
}
