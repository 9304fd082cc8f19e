/* RNNprop's fused step. A block's record holds m, v, for each layer h and c, and momentum's d: 2 + 4 hidden rows with
 * two layers and without momentum. It is the only memory that a step streams through: what lies between the layers
 * stays in two buffers in the cache, and the next block's record is fetched while the present one is worked on.
 *
 * The LSTM kernel reads all of h for each unit of h', which therefore goes to a buffer first and then into the record.
 */
#include "optimizers/learned/rnnprop_weights.h"

#include <string.h>

enum { BLOCK_COLUMNS = 80 };

static const void *load(const optimizer *optimizer, const kernels *kernels, const double *weights, arena *arena,
                        l2o_error *error) {
    rnnprop_weights *loaded = arena_allocate(arena, sizeof *loaded, error);
    if (loaded == NULL) return NULL;
    return rnnprop_weights_load(optimizer, kernels, weights, arena, loaded, error) == L2O_OK ? loaded : NULL;
}

/* What a block is worked on with. */
typedef struct scratch {
    char *features;   /* [2, columns] */
    char *signals[2]; /* [hidden, columns]: a layer's input and its h', in turns */
} scratch;

/* `rows` is the size of one row of columns, `next` the record that follows or NULL. */
static void step_block(const block_step *asked, const scratch *scratch, size_t row, char *record, const char *next,
                       char *x, const char *g, const char *lengths) {
    const rnnprop *network = asked->optimizer->own;
    const rnnprop_weights *weights = asked->weights;
    const kernels *kernels = asked->kernels;
    const int64_t columns = asked->columns, hidden = network->hidden;
    const size_t part = (size_t)hidden * row;
    char *m = record, *v = m + row, *layers = v + row, *d = layers + 2 * (size_t)network->layers * part;
    if (next != NULL) rnnprop_fetch(next, 2 * row, true);
    kernels->moments(&(moments_arguments){.count = columns,
                                          .decay = RNNPROP_DECAY,
                                          .correction = rnnprop_correction(asked->step),
                                          .epsilon = RNNPROP_EPSILON,
                                          .g = g,
                                          .m = m,
                                          .v = v,
                                          .m_next = m,
                                          .v_next = v,
                                          .features = scratch->features});
    kernels->columns_projection(&(columns_projection_arguments){.columns = columns,
                                                                .input = 2,
                                                                .hidden = hidden,
                                                                .x = scratch->features,
                                                                .w = weights->input_w,
                                                                .b = weights->input_b,
                                                                .out = scratch->signals[0]});
    for (int layer = 0; layer < network->layers; layer++) {
        char *h = layers + 2 * (size_t)layer * part, *c = h + part, *h_next = scratch->signals[(layer + 1) % 2];
        if (next != NULL) rnnprop_fetch(next + (h - record), 2 * part, true);
        kernels->columns_lstm_forward(&(columns_lstm_arguments){.columns = columns,
                                                                .input = hidden,
                                                                .hidden = hidden,
                                                                .packed = weights->packed[layer],
                                                                .x = scratch->signals[layer % 2],
                                                                .h = h,
                                                                .c = c,
                                                                .h_next = h_next,
                                                                .c_next = c});
        memcpy(h, h_next, part);
    }
    kernels->columns_head(&(columns_head_arguments){.columns = columns,
                                                    .hidden = hidden,
                                                    .rule = rnnprop_rule(network, asked->step),
                                                    .lengths = lengths,
                                                    .h = scratch->signals[network->layers % 2],
                                                    .w = weights->head_w,
                                                    .b = weights->head_b,
                                                    .g = g,
                                                    .d = d,
                                                    .x = x,
                                                    .x_next = x});
}

static l2o_status run(const block_step *asked, arena *arena, l2o_error *error) {
    const rnnprop *network = asked->optimizer->own;
    size_t row = (size_t)asked->columns * dtype_size(asked->kernels->type), part = (size_t)network->hidden * row;
    size_t record = 2 * row + 2 * (size_t)network->layers * part + (network->update == COLUMNS_MOMENTUM ? row : 0);
    scratch scratch = {.features = arena_allocate(arena, 2 * row, error),
                       .signals = {arena_allocate(arena, part, error), arena_allocate(arena, part, error)}};
    if (error->status != L2O_OK) return error->status;
    char *records = asked->records, *x = asked->x;
    const char *g = asked->g, *lengths = asked->lengths;
    for (int64_t k = 0; k < asked->blocks; k++, records += record, x += row, g += row) {
        step_block(asked, &scratch, row, records, k + 1 < asked->blocks ? records + record : NULL, x, g, lengths);
        if (lengths != NULL) lengths += row;
    }
    return L2O_OK;
}

const fused_step rnnprop_fused_step = {.columns = BLOCK_COLUMNS, .load = load, .lengths = rnnprop_lengths, .run = run};
