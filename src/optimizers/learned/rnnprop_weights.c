/* RNNprop's weights, converted and packed for the kernels in columns. */
#include "optimizers/learned/rnnprop_weights.h"

typedef struct loader {
    const optimizer *optimizer;
    const kernels *kernels;
    const double *flat;
    arena *arena;
    l2o_error *error;
} loader;

static void *numbers(const loader *it, int64_t count) {
    return arena_allocate(it->arena, (size_t)count * dtype_size(it->kernels->type), it->error);
}

static void *load_tensor(const loader *it, int k) {
    const weight_layout *layout = &it->optimizer->layout[k];
    int64_t count = layout->rows * layout->columns;
    void *loaded = numbers(it, count);
    if (loaded != NULL) it->kernels->from_double(count, it->flat + layout->offset, loaded);
    return loaded;
}

l2o_status rnnprop_weights_load(const optimizer *optimizer, const kernels *kernels, const double *flat, arena *arena,
                                rnnprop_weights *weights, l2o_error *error) {
    const loader it = {optimizer, kernels, flat, arena, error};
    const rnnprop *network = optimizer->own;
    int64_t hidden = network->hidden;
    int layers = network->layers, head = RNNPROP_WEIGHT_LAYERS + 2 * layers;
    weights->input_w = load_tensor(&it, RNNPROP_WEIGHT_INPUT);
    weights->input_b = load_tensor(&it, RNNPROP_WEIGHT_INPUT_BIAS);
    weights->head_w = load_tensor(&it, head);
    weights->head_b = load_tensor(&it, head + 1);
    for (int layer = 0; layer < layers; layer++) {
        weights->gates[layer] = load_tensor(&it, RNNPROP_WEIGHT_LAYERS + 2 * layer);
        weights->bias[layer] = load_tensor(&it, RNNPROP_WEIGHT_LAYERS + 2 * layer + 1);
        weights->packed[layer] = numbers(&it, hidden * (2 * hidden + 1) * 4);
        if (error->status != L2O_OK) return error->status;
        kernels->columns_lstm_pack(hidden, hidden, weights->gates[layer], weights->bias[layer], weights->packed[layer]);
    }
    return error->status;
}
