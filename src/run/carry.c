/* What goes on from one segment to the next: x, the state of the optimizer and the count of steps, as values. */
#include "run/carry.h"

#include <string.h>

#include "base/memory.h"

size_t carry_x_bytes(const carry *carry) { return (size_t)carry->dimension * dtype_size(carry->type); }

size_t carry_bytes(const carry *carry) {
    size_t bytes = carry_x_bytes(carry);
    for (int k = 0; k < carry->state_count; k++) bytes += carry->row_bytes[k];
    return bytes * (size_t)carry->batch;
}

l2o_status carry_create(const problem *problem, const optimizer *optimizer, carry *carry, l2o_error *error) {
    *carry = (struct carry){.batch = problem->batch,
                            .dimension = problem->dimension,
                            .type = problem->type,
                            .state_count = optimizer->state_count};
    size_t size = dtype_size(problem->type);
    carry->x = memory_allocate((size_t)carry->batch, carry_x_bytes(carry), error);
    l2o_status status = carry->x == NULL ? error->status : L2O_OK;
    for (int k = 0; k < optimizer->state_count && status == L2O_OK; k++) {
        const state_layout *layout = &optimizer->state[k];
        carry->starts_at_x[k] = layout->starts_at_x;
        carry->row_bytes[k] = (size_t)(layout->width * (layout->per_coordinate ? problem->dimension : 1)) * size;
        carry->state[k] = memory_allocate((size_t)carry->batch, carry->row_bytes[k], error);
        if (carry->state[k] == NULL) status = error->status;
    }
    if (status != L2O_OK) carry_free(carry);
    return status;
}

void carry_free(carry *carry) {
    memory_free(carry->x);
    for (int k = 0; k < carry->state_count; k++) memory_free(carry->state[k]);
    *carry = (struct carry){0};
}

void carry_reset(carry *carry, const problem *problem) {
    carry->steps = 0;
    memcpy(carry->x, problem->x0, (size_t)carry->batch * carry_x_bytes(carry));
    for (int k = 0; k < carry->state_count; k++) {
        size_t bytes = (size_t)carry->batch * carry->row_bytes[k];
        if (carry->starts_at_x[k])
            memcpy(carry->state[k], problem->x0, bytes);
        else
            memset(carry->state[k], 0, bytes);
    }
}

void carry_copy(const carry *from, carry *to) {
    to->steps = from->steps;
    memcpy(to->x, from->x, (size_t)from->batch * carry_x_bytes(from));
    for (int k = 0; k < from->state_count; k++)
        memcpy(to->state[k], from->state[k], (size_t)from->batch * from->row_bytes[k]);
}
