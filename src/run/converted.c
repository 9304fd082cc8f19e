/* Weights in the problem's float type, tensor by tensor, a stretch of a tensor at a time. */
#include "run/converted.h"

enum { STRETCH = 65536, LINE_NUMBERS = 16 };

typedef struct conversion {
    const optimizer *optimizer;
    const kernels *kernels;
    const double *weights;
    char *out;
} conversion;

static int64_t tensor_length(const optimizer *optimizer, int k) {
    return optimizer->layout[k].rows * optimizer->layout[k].columns;
}

int64_t converted_offset(const optimizer *optimizer, int k) {
    int64_t offset = 0;
    for (int before = 0; before < k; before++)
        offset += (tensor_length(optimizer, before) + LINE_NUMBERS - 1) / LINE_NUMBERS * LINE_NUMBERS;
    return offset;
}

static int64_t stretches(const optimizer *optimizer, int k) {
    return (tensor_length(optimizer, k) + STRETCH - 1) / STRETCH;
}

/* The pieces are the stretches of all tensors, counted through. */
static l2o_status convert_piece(void *argument, int64_t piece, worker *worker) {
    const conversion *self = argument;
    int k = 0;
    (void)worker;
    for (; piece >= stretches(self->optimizer, k); k++) piece -= stretches(self->optimizer, k);
    int64_t first = piece * STRETCH, length = tensor_length(self->optimizer, k) - first;
    size_t at = (size_t)(converted_offset(self->optimizer, k) + first) * dtype_size(self->kernels->type);
    self->kernels->from_double(length < STRETCH ? length : STRETCH,
                               self->weights + self->optimizer->layout[k].offset + first, self->out + at);
    return L2O_OK;
}

void converted_fill(const optimizer *optimizer, const kernels *kernels, const double *weights, void *out) {
    size_t at = 0;
    for (int k = 0; k < optimizer->weight_count; k++) {
        int64_t length = tensor_length(optimizer, k);
        kernels->from_double(length, weights + optimizer->layout[k].offset,
                             (char *)out + at * dtype_size(kernels->type));
        at += (size_t)((length + LINE_NUMBERS - 1) / LINE_NUMBERS * LINE_NUMBERS);
    }
}

void converted_spread(l2o_context *context, const optimizer *optimizer, const kernels *kernels, const double *weights,
                      void *out) {
    conversion self = {optimizer, kernels, weights, out};
    l2o_error unused; /* nothing in it fails */
    int64_t pieces = 0;
    if (optimizer->weight_total <= STRETCH) { /* threads would cost more than they bring */
        converted_fill(optimizer, kernels, weights, out);
        return;
    }
    for (int k = 0; k < optimizer->weight_count; k++) pieces += stretches(optimizer, k);
    pieces_run_whole(context, pieces, convert_piece, &self, &unused);
}
