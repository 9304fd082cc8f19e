/* Sums over columns and steps of RNNprop's fused unroll, and their way into a flat vector of weights. */
#include "optimizers/learned/rnnprop_sums.h"

#include <string.h>

enum { CHAINS = 4 };

l2o_status rnnprop_sums_begin(rnnprop_unroll *it, rnnprop_sums *sums) {
    int64_t hidden = it->network->hidden, partial = COLUMN_MULTIPLE;
    int layers = it->network->layers;
    sums->gate_row = (4 * hidden + COLUMN_MULTIPLE - 1) / COLUMN_MULTIPLE * COLUMN_MULTIPLE;
    int64_t outputs = columns_outputs(it->network->update), ends = (3 * hidden + outputs * (hidden + 1)) * partial;
    int64_t layer_length = 2 * hidden * sums->gate_row + 4 * hidden * partial;
    sums->length = ends + layers * layer_length;
    sums->start = rnnprop_numbers(it, sums->length);
    int64_t longest = 4 * hidden * partial > sums->gate_row ? 4 * hidden * partial : sums->gate_row;
    sums->row = arena_allocate(it->arena, (size_t)longest * sizeof(double), it->error);
    if (it->error->status != L2O_OK) return it->error->status;
    sums->added = false;
    memset(sums->start, 0, (size_t)sums->length * it->size);
    sums->input_w = sums->start;
    sums->input_b = rnnprop_at(it, sums->input_w, 2 * hidden * partial);
    sums->head_w = rnnprop_at(it, sums->input_b, hidden * partial);
    sums->head_b = rnnprop_at(it, sums->head_w, outputs * hidden * partial);
    for (int layer = 0; layer < layers; layer++) {
        sums->gates[layer] = rnnprop_at(it, sums->start, ends + layer * layer_length);
        sums->bias[layer] = rnnprop_at(it, sums->gates[layer], 2 * hidden * sums->gate_row);
    }
    return L2O_OK;
}

static void add_partial(const rnnprop_unroll *it, const rnnprop_sums *sums, int tensor, const void *from, double *out) {
    const weight_layout *layout = &it->asked->optimizer->layout[tensor];
    int64_t count = layout->rows * layout->columns;
    it->kernels->to_double(count * COLUMN_MULTIPLE, from, sums->row);
    for (int64_t i = 0; i < count; i++) {
        /* several chains, which a processor need not wait for one by one */
        const double *row = sums->row + i * COLUMN_MULTIPLE;
        double chain[CHAINS] = {0};
        for (int64_t k = 0; k < COLUMN_MULTIPLE; k += CHAINS)
            for (int64_t j = 0; j < CHAINS; j++) chain[j] += row[k + j];
        double sum = (chain[0] + chain[1]) + (chain[2] + chain[3]);
        out[layout->offset + i] = sums->added ? out[layout->offset + i] + sum : sum;
    }
}

static void add_gates(const rnnprop_unroll *it, const rnnprop_sums *sums, int tensor, const void *from, double *out) {
    const weight_layout *layout = &it->asked->optimizer->layout[tensor];
    out += layout->offset;
    for (int64_t i = 0; i < layout->rows; i++, out += layout->columns) {
        it->kernels->to_double(layout->columns, rnnprop_at(it, from, i * sums->gate_row),
                               sums->added ? sums->row : out);
        for (int64_t j = 0; j < layout->columns && sums->added; j++) out[j] += sums->row[j];
    }
}

void rnnprop_sums_add(const rnnprop_unroll *it, rnnprop_sums *sums, double *out) {
    int layers = it->network->layers, head = RNNPROP_WEIGHT_LAYERS + 2 * layers;
    add_partial(it, sums, RNNPROP_WEIGHT_INPUT, sums->input_w, out);
    add_partial(it, sums, RNNPROP_WEIGHT_INPUT_BIAS, sums->input_b, out);
    add_partial(it, sums, head, sums->head_w, out);
    add_partial(it, sums, head + 1, sums->head_b, out);
    for (int layer = 0; layer < layers; layer++) {
        add_gates(it, sums, RNNPROP_WEIGHT_LAYERS + 2 * layer, sums->gates[layer], out);
        add_partial(it, sums, RNNPROP_WEIGHT_LAYERS + 2 * layer + 1, sums->bias[layer], out);
    }
    sums->added = true;
    memset(sums->start, 0, (size_t)sums->length * it->size);
}
