/* Factors of weight gradients kept over a round of pieces, and their products summed by stretches of rows. */
#include "run/products.h"

#include <string.h>

#include "problems/dense_vector.h"

/* A tensor from this size on is deferred; what of a tensor one thread sums at a time stays in its cache. */
enum { DEFERRED = 4096, STRETCH = 65536 };

struct kept_product {
    kept_product *next;
    int tensor;
    int64_t depth;      /* rows of both factors */
    void *left, *right; /* [depth, rows of the tensor], [depth, columns of the tensor] */
};

bool products_defer(const optimizer *optimizer, int k) {
    const weight_layout *layout = &optimizer->layout[k];
    return layout->multiplies && layout->rows * layout->columns >= DEFERRED;
}

bool products_any(const optimizer *optimizer) {
    for (int k = 0; k < optimizer->weight_count; k++)
        if (products_defer(optimizer, k)) return true;
    return false;
}

void product_slot_clear(product_slot *slot) {
    arena_reset(&slot->memory, (arena_mark){0});
    slot->first = slot->last = NULL;
}

static void *kept(product_slot *slot, const kernels *kernels, const value *factor, l2o_error *error) {
    size_t bytes = (size_t)(factor->rows * factor->columns) * dtype_size(kernels->type);
    void *copy = arena_allocate(&slot->memory, bytes, error);
    if (copy != NULL) memcpy(copy, factor->data, bytes);
    return copy;
}

l2o_status product_slot_keep(product_slot *slot, const tape *tape, int tensors, value *const *weights,
                             l2o_error *error) {
    for (const deferred_product *noted = tape->products; noted != NULL; noted = noted->next) {
        kept_product *made = arena_allocate(&slot->memory, sizeof *made, error);
        if (made == NULL) return error->status;
        int k = 0;
        while (k < tensors && weights[k] != noted->target) k++;
        *made = (kept_product){.tensor = k, .depth = noted->left->rows};
        made->left = kept(slot, tape->kernels, noted->left, error);
        made->right = kept(slot, tape->kernels, noted->right, error);
        if (made->left == NULL || made->right == NULL) return error->status;
        if (slot->last != NULL)
            slot->last->next = made;
        else
            slot->first = made;
        slot->last = made;
    }
    return L2O_OK;
}

/* ---------------------------------------------------------------------------------------------------------- sums */

/* How many stretches of successive rows a tensor is summed in. */
static int64_t stretches(const optimizer *optimizer, int k) {
    const weight_layout *layout = &optimizer->layout[k];
    if (!products_defer(optimizer, k)) return 0;
    int64_t count = (layout->rows * layout->columns + STRETCH - 1) / STRETCH;
    return count < layout->rows ? count : layout->rows;
}

int64_t products_stretches(const optimizer *optimizer) {
    int64_t count = 0;
    for (int k = 0; k < optimizer->weight_count; k++) count += stretches(optimizer, k);
    return count;
}

/* `tile` [count, columns]: rows first, first + 1, ... of the sum of a tensor's products. */
static void multiply(const product_sum *sum, int tensor, int64_t first, int64_t count, void *tile) {
    const weight_layout *layout = &sum->optimizer->layout[tensor];
    size_t size = dtype_size(sum->kernels->type);
    bool adding = false;
    for (int s = 0; s < sum->slot_count; s++)
        for (const kept_product *product = sum->slots[s].first; product != NULL; product = product->next) {
            if (product->tensor != tensor) continue;
            sum->kernels->gemm(true, false, count, layout->columns, product->depth, 1.0,
                               (const char *)product->left + (size_t)first * size, layout->rows, product->right,
                               layout->columns, adding ? 1.0 : 0.0, tile, layout->columns);
            adding = true;
        }
    if (!adding) memset(tile, 0, (size_t)(count * layout->columns) * size);
}

/* The pieces are the stretches of all tensors, counted through. */
static l2o_status sum_stretch(void *argument, int64_t piece, worker *worker) {
    const product_sum *sum = argument;
    double *squares = &sum->stretch_squares[piece];
    int tensor = 0;
    for (; piece >= stretches(sum->optimizer, tensor); tensor++) piece -= stretches(sum->optimizer, tensor);
    *squares = 0;
    if (sum->active != NULL && !sum->active[tensor]) return L2O_OK;
    const weight_layout *layout = &sum->optimizer->layout[tensor];
    int64_t columns = layout->columns, parts = stretches(sum->optimizer, tensor);
    int64_t first = piece * layout->rows / parts, count = (piece + 1) * layout->rows / parts - first;
    double *out = sum->gradient + layout->offset + first * columns;
    size_t row_bytes = (size_t)columns * dtype_size(sum->kernels->type);
    char *tile = arena_allocate(&worker->arena, (size_t)count * row_bytes, &worker->error);
    double *wide = arena_allocate(&worker->arena, (size_t)columns * sizeof *wide, &worker->error);
    if (tile == NULL || wide == NULL) return worker->error.status;
    multiply(sum, tensor, first, count, tile);
    for (int64_t i = 0; i < count; i++, out += columns) {
        sum->kernels->to_double(columns, tile + (size_t)i * row_bytes, sum->adding ? wide : out);
        for (int64_t j = 0; sum->adding && j < columns; j++) out[j] += wide[j];
        *squares += dense_squares(columns, out);
    }
    return L2O_OK;
}

l2o_status products_sum(l2o_context *context, product_sum *sum, l2o_error *error) {
    return pieces_run_whole(context, products_stretches(sum->optimizer), sum_stretch, sum, error);
}

double products_squares(const product_sum *sum, int k) {
    const double *at = sum->stretch_squares;
    double total = 0;
    for (int before = 0; before < k; before++) at += stretches(sum->optimizer, before);
    for (int64_t i = 0; i < stretches(sum->optimizer, k); i++) total += at[i];
    return total;
}
