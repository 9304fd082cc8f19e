/* RNNprop's fused unroll: the way back. With detached inputs the gradient of the meta-loss flows through the steps
 * x_{t+1} = x_t + scale u_t and the LSTM's state alone: with lambda_t = sum over s > t of w_s grad f(x_s),
 *
 *   dL/dz_t = lambda_t scale (1 - u_t^2), then back through the head, the layers and the projection,
 *
 * or another rule's slopes. With momentum d_{t+1} = x_{t+1} - x_t = M_t d_t - ... takes x's place, and in lambda_t's
 * place stands its gradient mu_t = lambda_t + M_{t+1} mu_{t+1}. It goes from the last step that counts to the first; dh
 * and dc are zero behind the last and are dropped before the first. No second derivatives of f appear. Blocks come one
 * after another, for their coordinates meet in the sums alone. */
#include <string.h>

#include "optimizers/learned/rnnprop_sums.h"

typedef struct backward {
    rnnprop_unroll *it;
    rnnprop_sums sums;
    void *lambda;                   /* [columns] */
    void *momentum;                 /* [columns]: of d, from the next step; NULL without */
    void *dh;                       /* [hidden, columns]: from the head */
    void *dgates;                   /* [4 hidden, columns]; NULL: in the place of the activations */
    void *turned;                   /* [columns, gate_row]: dgates transposed */
    void *dc[RNNPROP_MOST_LAYERS];  /* [hidden, columns] */
    void *dxh[RNNPROP_MOST_LAYERS]; /* [2 hidden, columns]: of the layer's input and of its old h */
} backward;

static l2o_status begin(backward *back) {
    rnnprop_unroll *it = back->it;
    int64_t hidden = it->network->hidden, columns = it->widest;
    TRY(rnnprop_sums_begin(it, &back->sums));
    size_t turned = (size_t)(columns * back->sums.gate_row);
    back->lambda = rnnprop_numbers(it, columns);
    if (it->network->update == COLUMNS_MOMENTUM) back->momentum = rnnprop_numbers(it, columns);
    back->dh = rnnprop_numbers(it, hidden * columns);
    /* What is in the cache already need not be fetched to be written; but a second pass needs the activations too, and
     * far memory is better left alone. */
    if (it->asked->direction != NULL || it->far) back->dgates = rnnprop_numbers(it, 4 * hidden * columns);
    back->turned = rnnprop_numbers(it, (int64_t)turned);
    for (int layer = 0; layer < it->network->layers; layer++) {
        back->dc[layer] = rnnprop_numbers(it, hidden * columns);
        back->dxh[layer] = rnnprop_numbers(it, 2 * hidden * columns);
    }
    if (it->error->status != L2O_OK) return it->error->status;
    memset(back->turned, 0, turned * it->size);
    return L2O_OK;
}

/* What the layer that comes next on the way back will read of its records: successive parts of memory. */
enum { APPROACHED = 3, STRIP_ROWS = 5, LINE = 64 };

typedef struct approach {
    const char *memory[APPROACHED];
    size_t bytes[APPROACHED]; /* left */
    size_t portion;           /* to fetch at a time; 0: nothing follows, or it is near anyway */
} approach;

static approach approach_of(const rnnprop_unroll *it, const rnnprop_block *block, int64_t t, int layer) {
    if (layer < 0) {
        layer = it->network->layers - 1;
        if (t-- % it->window == 0) return (approach){0};
    }
    if (!it->far) return (approach){0};
    rnnprop_record record = rnnprop_saved(it, block, t), before = rnnprop_before(it, block, t);
    int64_t hidden = it->network->hidden, strips = 4 * ((hidden + STRIP_ROWS - 1) / STRIP_ROWS);
    size_t rows = (size_t)(hidden * block->columns) * it->size;
    return (approach){{record.layer[layer].gates, before.layer[layer].c, before.layer[layer].h},
                      {5 * rows, rows, rows}, /* the gates and tanh(c) lie together */
                      7 * rows / (size_t)strips + LINE};
}

static void draw_near(approach *next) {
    size_t left = next->portion;
    for (int k = 0; k < APPROACHED; k++)
        for (; left >= LINE && next->bytes[k] >= LINE; left -= LINE, next->bytes[k] -= LINE, next->memory[k] += LINE)
            __builtin_prefetch(next->memory[k], 0, 2);
}

/* c[m, n] = a b, or added to it. Where memory is far away it is drawn near a little at a time, between strips of rows:
 * processors have only so many fetches under way, and wait when asked for more. */
static void product(const kernels *kernels, approach *next, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
                    const void *b, double beta, void *c) {
    int64_t strip = next->portion > 0 ? STRIP_ROWS : m;
    int64_t size = (int64_t)dtype_size(kernels->type);
    for (int64_t row = 0; row < m; row += strip) {
        draw_near(next);
        kernels->gemm(false, false, m - row < strip ? m - row : strip, n, k, 1, (const char *)a + row * lda * size, lda,
                      b, n, beta, (char *)c + row * n * size, n);
    }
}

/* One layer's share of step t: from dh and dc to what lies before, and to the sums. */
static void layer_back(backward *back, const rnnprop_block *block, int layer, const rnnprop_record *record,
                       const rnnprop_record *before, const void *dh_above, bool last, bool first, approach *next) {
    const rnnprop_unroll *it = back->it;
    const kernels *kernels = it->kernels;
    int64_t hidden = it->network->hidden, columns = block->columns, gate_row = back->sums.gate_row;
    void *dc = back->dc[layer], *dxh = back->dxh[layer];
    void *dgates = back->dgates != NULL ? back->dgates : record->layer[layer].gates;
    kernels->columns_lstm_backward(
        &(columns_lstm_backward_arguments){.columns = columns,
                                           .hidden = hidden,
                                           .gates = record->layer[layer].gates,
                                           .tanh_c = record->layer[layer].tanh_c,
                                           .c = before->layer[layer].c,
                                           .dh_above = dh_above,
                                           .dh_later = last ? NULL : rnnprop_at(it, dxh, hidden * columns),
                                           .dc = last ? NULL : dc,
                                           .dc_previous = dc,
                                           .dgates = dgates,
                                           .db = back->sums.bias[layer]});
    kernels->transpose(4 * hidden, columns, dgates, columns, back->turned, gate_row);
    const void *x = layer == 0 ? record->signal : record->layer[layer - 1].h;
    char *dw = back->sums.gates[layer];
    product(kernels, next, hidden, gate_row, columns, x, columns, back->turned, 1, dw);
    product(kernels, next, hidden, gate_row, columns, before->layer[layer].h, columns, back->turned, 1,
            rnnprop_at(it, dw, hidden * gate_row));
    product(kernels, next, first ? hidden : 2 * hidden, columns, 4 * hidden, it->weights.gates[layer], 4 * hidden,
            dgates, 0, dxh);
}

static void step_back(backward *back, const rnnprop_block *block, int64_t t, bool last) {
    const rnnprop_unroll *it = back->it;
    const kernels *kernels = it->kernels;
    int64_t hidden = it->network->hidden, columns = block->columns;
    int layers = it->network->layers;
    rnnprop_record record = rnnprop_saved(it, block, t), before = rnnprop_before(it, block, t);
    double weight = it->asked->loss_weights[t + 1];
    if (weight != 0)
        kernels->axpy(columns, weight, rnnprop_at(it, rnnprop_row(it, it->g, t + 1, it->width), block->first),
                      back->lambda);
    kernels->columns_head_backward(
        &(columns_head_backward_arguments){.columns = columns,
                                           .hidden = hidden,
                                           .rule = rnnprop_rule(it->network, it->asked->first_step + t),
                                           .lengths = rnnprop_block_lengths(it, block),
                                           .h = record.layer[layers - 1].h,
                                           .saved = rnnprop_head(it, block, t),
                                           .w = it->weights.head_w,
                                           .lambda = back->lambda,
                                           .momentum = back->momentum,
                                           .dh = back->dh,
                                           .dw = back->sums.head_w,
                                           .db = back->sums.head_b});
    const void *above = back->dh;
    for (int layer = layers - 1; layer >= 0; layer--) {
        approach next = approach_of(it, block, t, layer - 1);
        layer_back(back, block, layer, &record, &before, above, last, t == 0, &next);
        above = back->dxh[layer];
    }
    kernels->columns_projection_backward(&(columns_projection_backward_arguments){
        .columns = columns,
        .input = 2,
        .hidden = hidden,
        .x = rnnprop_at(it, rnnprop_row(it, it->features, t, 2 * it->width), 2 * block->first),
        .out = record.signal,
        .dout = above,
        .dw = back->sums.input_w,
        .db = back->sums.input_b});
}

l2o_status rnnprop_gradient(rnnprop_unroll *it) {
    backward back = {.it = it};
    int64_t last = rnnprop_last_term(it);
    memset(it->asked->gradient, 0, (size_t)it->asked->optimizer->weight_total * sizeof(double));
    if (last == 0) return L2O_OK;
    TRY(begin(&back));
    for (int64_t k = 0; k < it->block_count; k++) {
        const rnnprop_block *block = &it->blocks[k];
        memset(back.lambda, 0, (size_t)block->columns * it->size);
        if (back.momentum != NULL) memset(back.momentum, 0, (size_t)block->columns * it->size);
        for (int64_t end = last, start; end > 0; end = start) {
            start = (end - 1) / it->window * it->window;
            rnnprop_recall(it, block, start, end - start);
            for (int64_t t = end - 1; t >= start; t--) step_back(&back, block, t, t == last - 1);
            if (context_cancelled(it->asked->context))
                return error_set(it->error, L2O_ERROR_CANCELLED, "cancelled by the user");
            rnnprop_sums_add(it, &back.sums, it->asked->gradient);
        }
    }
    return L2O_OK;
}
