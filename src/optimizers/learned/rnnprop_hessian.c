/* RNNprop's fused unroll: the derivative of the meta-loss's gradient along a direction of the weights, forward over
 * reverse (Pearlmutter, 1994). A prime is a derivative along the direction. With detached inputs the features are
 * constants, so that the network's tangents of a coordinate are its own affair, and with lambda as in the gradient:
 *
 *   forward   x'_{t+1} = x'_t + scale (1 - u_t^2) z'_t,       z' through projection, layers and head (or another rule)
 *   between   lambda'_t = sum over s > t of w_s H(x_s) x'_s,   H the Hessian of each instance's objective
 *   back      the way back and its own tangent together, from lambda_t and lambda'_t
 *
 * Only H asks for all coordinates of an instance at once, so blocks come one after another on both ways. The tangents
 * have records and checkpoints like those of the way forward, under the same limit. */
#include <string.h>

#include "optimizers/learned/rnnprop_sums.h"

typedef struct hessian {
    rnnprop_unroll *it;
    rnnprop_weights direction;
    rnnprop_sums sums;
    int64_t last;                      /* steps that count */
    char *x, *curved;                  /* [last + 1, width]: x'_t, H(x_t) x'_t */
    int64_t head_rows;                 /* columns_saved_tangent() */
    char *head;                        /* [last, head_rows width], as the unroll's */
    void *d;                           /* [width]: d', with momentum */
    char **records, **checkpoints;     /* of each block, the tangents' */
    void *lambda, *lambda_tangent;     /* [columns] */
    void *momentum, *momentum_tangent; /* [columns], with momentum: what the gradient has them for */
    void *dgates, *dgates_tangent;     /* [4 hidden, columns] */
    void *turned;                      /* [columns, gate_row] */
    void *signal, *signal_tangent;     /* [hidden, columns]: what reaches the projection */
    void *dh[RNNPROP_MOST_LAYERS], *dh_tangent[RNNPROP_MOST_LAYERS]; /* [hidden, columns] */
    void *dc[RNNPROP_MOST_LAYERS], *dc_tangent[RNNPROP_MOST_LAYERS];
} hessian;

/* ------------------------------------------------------------------------------------------------------------ memory
 */

static l2o_status place_tangents(hessian *own) {
    rnnprop_unroll *it = own->it;
    int64_t windows = (own->last + it->window - 1) / it->window, longest = 0;
    size_t pointers = (size_t)it->block_count * sizeof(char *);
    own->records = arena_allocate(it->arena, pointers, it->error);
    own->checkpoints = arena_allocate(it->arena, pointers, it->error);
    for (int64_t k = 0; k < it->block_count; k++) {
        int64_t length = rnnprop_record_length(it, &it->blocks[k]);
        if (length > longest) longest = length;
    }
    char *shared = it->all_saved ? NULL : rnnprop_numbers(it, it->window * longest);
    for (int64_t k = 0; k < it->block_count && it->error->status == L2O_OK; k++) {
        const rnnprop_block *block = &it->blocks[k];
        int64_t state = rnnprop_state_length(it, block);
        own->records[k] = it->all_saved ? rnnprop_numbers(it, own->last * rnnprop_record_length(it, block)) : shared;
        own->checkpoints[k] = rnnprop_numbers(it, windows * state);
        if (own->checkpoints[k] != NULL) memset(own->checkpoints[k], 0, (size_t)state * it->size);
    }
    return it->error->status;
}

static l2o_status begin(hessian *own) {
    rnnprop_unroll *it = own->it;
    int64_t columns = it->widest, rows = it->network->hidden * columns;
    TRY(rnnprop_weights_load(it->asked->optimizer, it->kernels, it->asked->direction, it->arena, &own->direction,
                             it->error));
    TRY(rnnprop_sums_begin(it, &own->sums));
    TRY(place_tangents(own));
    own->x = rnnprop_numbers(it, (own->last + 1) * it->width);
    own->curved = rnnprop_numbers(it, (own->last + 1) * it->width);
    own->head_rows = columns_saved_tangent(it->network->update);
    own->head = rnnprop_numbers(it, own->last * own->head_rows * it->width);
    own->lambda = rnnprop_numbers(it, columns);
    own->lambda_tangent = rnnprop_numbers(it, columns);
    if (it->d != NULL) {
        own->d = rnnprop_numbers(it, it->width);
        own->momentum = rnnprop_numbers(it, columns);
        own->momentum_tangent = rnnprop_numbers(it, columns);
    }
    own->dgates = rnnprop_numbers(it, 4 * rows);
    own->dgates_tangent = rnnprop_numbers(it, 4 * rows);
    own->turned = rnnprop_numbers(it, columns * own->sums.gate_row);
    own->signal = rnnprop_numbers(it, rows);
    own->signal_tangent = rnnprop_numbers(it, rows);
    for (int layer = 0; layer < it->network->layers; layer++) {
        own->dh[layer] = rnnprop_numbers(it, rows);
        own->dh_tangent[layer] = rnnprop_numbers(it, rows);
        own->dc[layer] = rnnprop_numbers(it, rows);
        own->dc_tangent[layer] = rnnprop_numbers(it, rows);
    }
    if (it->error->status != L2O_OK) return it->error->status;
    memset(own->x, 0, (size_t)it->width * it->size);
    if (own->d != NULL) memset(own->d, 0, (size_t)it->width * it->size);
    memset(own->turned, 0, (size_t)(columns * own->sums.gate_row) * it->size);
    return L2O_OK;
}

/* ----------------------------------------------------------------------------------------------------------- forward
 */

/* The tangents' state before step t. */
static rnnprop_record tangent_before(const hessian *own, int64_t k, int64_t t) {
    const rnnprop_block *block = &own->it->blocks[k];
    return t % own->it->window == 0 ? rnnprop_state_of(own->it, block, own->checkpoints[k], t)
                                    : rnnprop_record_of(own->it, block, own->records[k], t - 1);
}

static void step_forward(const hessian *own, int64_t k, int64_t t) {
    const rnnprop_unroll *it = own->it;
    const kernels *kernels = it->kernels;
    const rnnprop_block *block = &it->blocks[k];
    int64_t hidden = it->network->hidden, columns = block->columns;
    rnnprop_record base = rnnprop_saved(it, block, t), before = rnnprop_before(it, block, t);
    rnnprop_record tangent = rnnprop_record_of(it, block, own->records[k], t), old = tangent_before(own, k, t);
    kernels->columns_projection_tangent(&(columns_projection_tangent_arguments){
        .columns = columns,
        .input = 2,
        .hidden = hidden,
        .x = rnnprop_at(it, rnnprop_row(it, it->features, t, 2 * it->width), 2 * block->first),
        .w_tangent = own->direction.input_w,
        .b_tangent = own->direction.input_b,
        .out = base.signal,
        .out_tangent = tangent.signal});
    for (int layer = 0; layer < it->network->layers; layer++)
        kernels->columns_lstm_tangent(
            &(columns_lstm_tangent_arguments){.columns = columns,
                                              .input = hidden,
                                              .hidden = hidden,
                                              .packed = it->weights.packed[layer],
                                              .packed_tangent = own->direction.packed[layer],
                                              .b_tangent = own->direction.bias[layer],
                                              .x = layer == 0 ? base.signal : base.layer[layer - 1].h,
                                              .h = before.layer[layer].h,
                                              .c = before.layer[layer].c,
                                              .gates = base.layer[layer].gates,
                                              .tanh_c = base.layer[layer].tanh_c,
                                              .x_tangent = layer == 0 ? tangent.signal : tangent.layer[layer - 1].h,
                                              .h_tangent = old.layer[layer].h,
                                              .c_tangent = old.layer[layer].c,
                                              .gates_tangent = tangent.layer[layer].gates,
                                              .tanh_c_tangent = tangent.layer[layer].tanh_c,
                                              .c_next_tangent = tangent.layer[layer].c,
                                              .h_next_tangent = tangent.layer[layer].h});
}

/* The tangents of what step t saved of a block's head. */
static void *head_tangent(const hessian *own, const rnnprop_block *block, int64_t t) {
    return rnnprop_at(own->it, own->head, own->head_rows * (t * own->it->width + block->first));
}

/* From x'_t to x'_{t+1}, by the head. */
static void step_x(const hessian *own, int64_t k, int64_t t) {
    const rnnprop_unroll *it = own->it;
    const rnnprop_block *block = &it->blocks[k];
    int top = it->network->layers - 1;
    void *x = rnnprop_at(it, rnnprop_row(it, own->x, t + 1, it->width), block->first);
    memcpy(x, rnnprop_at(it, rnnprop_row(it, own->x, t, it->width), block->first), (size_t)block->columns * it->size);
    it->kernels->columns_head_tangent(
        &(columns_head_tangent_arguments){.columns = block->columns,
                                          .hidden = it->network->hidden,
                                          .rule = rnnprop_rule(it->network, it->asked->first_step + t),
                                          .lengths = rnnprop_block_lengths(it, block),
                                          .h = rnnprop_saved(it, block, t).layer[top].h,
                                          .h_tangent = rnnprop_record_of(it, block, own->records[k], t).layer[top].h,
                                          .w = it->weights.head_w,
                                          .w_tangent = own->direction.head_w,
                                          .b_tangent = own->direction.head_b,
                                          .saved = rnnprop_head(it, block, t),
                                          .saved_tangent = head_tangent(own, block, t),
                                          .d_tangent = own->d == NULL ? NULL : rnnprop_at(it, own->d, block->first),
                                          .x_tangent = x});
}

static void keep_checkpoint(const hessian *own, int64_t k, int64_t t) {
    const rnnprop_unroll *it = own->it;
    const rnnprop_block *block = &it->blocks[k];
    rnnprop_record from = rnnprop_record_of(it, block, own->records[k], t - 1);
    rnnprop_record kept = rnnprop_state_of(it, block, own->checkpoints[k], t);
    size_t bytes = (size_t)(it->network->hidden * block->columns) * it->size;
    for (int layer = 0; layer < it->network->layers; layer++) {
        memcpy(kept.layer[layer].h, from.layer[layer].h, bytes);
        memcpy(kept.layer[layer].c, from.layer[layer].c, bytes);
    }
}

static void run_forward(const hessian *own, int64_t k) {
    const rnnprop_unroll *it = own->it;
    for (int64_t start = 0, end; start < own->last; start = end) {
        end = start + it->window < own->last ? start + it->window : own->last;
        rnnprop_recall(own->it, &it->blocks[k], start, end - start);
        for (int64_t t = start; t < end; t++) {
            step_forward(own, k, t);
            step_x(own, k, t);
        }
        if (end < own->last) keep_checkpoint(own, k, end);
    }
}

/* ----------------------------------------------------------------------------------------------------------- between
 */

/* The Hessian of ln f is H / f - (grad ln f)(grad ln f)'; what the way forward left of the gradient is grad ln f. */
static void curve_of_logarithm(const hessian *own, int64_t t, char *curved) {
    const rnnprop_unroll *it = own->it;
    const unroll *asked = it->asked;
    const double *f = asked->objective + t * asked->objective_stride;
    const void *g = rnnprop_row(it, it->g, t, it->width), *x = rnnprop_row(it, own->x, t, it->width);
    int64_t n = asked->problem->dimension;
    for (int64_t r = 0; r < asked->rows.count; r++) {
        void *row = rnnprop_at(it, curved, r * n);
        double along = it->kernels->dot(n, rnnprop_at(it, g, r * n), rnnprop_at(it, x, r * n));
        bool solved = unroll_is_solved(it->kernels->type, true, f[r]);
        it->kernels->unary(UNARY_SCALE, solved ? 0 : 1 / f[r], n, row, row);
        it->kernels->axpy(n, -along, rnnprop_at(it, g, r * n), row);
    }
}

static l2o_status curve(const hessian *own) {
    const rnnprop_unroll *it = own->it;
    const unroll *asked = it->asked;
    evaluation evaluation = {it->kernels, it->arena, it->error};
    for (int64_t t = 1; t <= own->last; t++) {
        if (asked->loss_weights[t] == 0) continue;
        void *out = rnnprop_row(it, own->curved, t, it->width);
        memset(rnnprop_at(it, out, it->coordinates), 0, (size_t)(it->width - it->coordinates) * it->size);
        arena_mark scratch = arena_position(it->arena);
        l2o_status status =
            asked->problem->ops->hess_vec(asked->problem, asked->rows, rnnprop_row(it, it->x, t, it->width),
                                          rnnprop_row(it, own->x, t, it->width), out, &evaluation);
        arena_reset(it->arena, scratch);
        TRY(problem_outcome(asked->problem, status, it->error));
        if (asked->logarithm) curve_of_logarithm(own, t, out);
    }
    return L2O_OK;
}

/* -------------------------------------------------------------------------------------------------------------- back
 */

/* out (+)= w dgates and out' (+)= w' dgates + w dgates', for `hidden` of the layer's inputs from `input` on. */
static void data_products(const hessian *own, int64_t columns, int layer, int64_t input, bool add, void *out,
                          void *out_tangent) {
    const rnnprop_unroll *it = own->it;
    int64_t hidden = it->network->hidden, gates = 4 * hidden;
    const void *w = rnnprop_at(it, it->weights.gates[layer], input * gates);
    const void *w_tangent = rnnprop_at(it, own->direction.gates[layer], input * gates);
    double beta = add ? 1 : 0;
    void (*gemm)(bool, bool, int64_t, int64_t, int64_t, double, const void *, int64_t, const void *, int64_t, double,
                 void *, int64_t) = it->kernels->gemm;
    gemm(false, false, hidden, columns, gates, 1, w, gates, own->dgates, columns, beta, out, columns);
    gemm(false, false, hidden, columns, gates, 1, w_tangent, gates, own->dgates, columns, beta, out_tangent, columns);
    gemm(false, false, hidden, columns, gates, 1, w, gates, own->dgates_tangent, columns, 1, out_tangent, columns);
}

/* The sums of a layer's matrix grow by [x; h] dgates', dgates as given. */
static void weight_products(const hessian *own, int64_t columns, int layer, const void *x, const void *h,
                            const void *dgates) {
    const rnnprop_unroll *it = own->it;
    const kernels *kernels = it->kernels;
    int64_t hidden = it->network->hidden, row = own->sums.gate_row;
    void *dw = own->sums.gates[layer];
    kernels->transpose(4 * hidden, columns, dgates, columns, own->turned, row);
    kernels->gemm(false, false, hidden, row, columns, 1, x, columns, own->turned, row, 1, dw, row);
    kernels->gemm(false, false, hidden, row, columns, 1, h, columns, own->turned, row, 1,
                  rnnprop_at(it, dw, hidden * row), row);
}

/* What one step of a block has left, and the states it started from. */
typedef struct step {
    int64_t columns;
    rnnprop_record base, before, tangent, old;
    bool first;
} step;

static void layer_back(const hessian *own, const step *step, int layer) {
    const rnnprop_unroll *it = own->it;
    int64_t columns = step->columns;
    const rnnprop_record *base = &step->base, *tangent = &step->tangent;
    it->kernels->columns_lstm_tangent_backward(
        &(columns_lstm_tangent_backward_arguments){.columns = columns,
                                                   .hidden = it->network->hidden,
                                                   .c = step->before.layer[layer].c,
                                                   .gates = base->layer[layer].gates,
                                                   .tanh_c = base->layer[layer].tanh_c,
                                                   .c_tangent = step->old.layer[layer].c,
                                                   .gates_tangent = tangent->layer[layer].gates,
                                                   .tanh_c_tangent = tangent->layer[layer].tanh_c,
                                                   .dh = own->dh[layer],
                                                   .dh_tangent = own->dh_tangent[layer],
                                                   .dc = own->dc[layer],
                                                   .dc_tangent = own->dc_tangent[layer],
                                                   .dgates = own->dgates,
                                                   .dgates_tangent = own->dgates_tangent,
                                                   .db_tangent = own->sums.bias[layer]});
    if (layer == 0)
        data_products(own, columns, layer, 0, false, own->signal, own->signal_tangent);
    else
        data_products(own, columns, layer, 0, true, own->dh[layer - 1], own->dh_tangent[layer - 1]);
    if (!step->first)
        data_products(own, columns, layer, it->network->hidden, false, own->dh[layer], own->dh_tangent[layer]);
    weight_products(own, columns, layer, layer == 0 ? tangent->signal : tangent->layer[layer - 1].h,
                    step->old.layer[layer].h, own->dgates);
    weight_products(own, columns, layer, layer == 0 ? base->signal : base->layer[layer - 1].h,
                    step->before.layer[layer].h, own->dgates_tangent);
}

static void step_back(const hessian *own, int64_t k, int64_t t) {
    const rnnprop_unroll *it = own->it;
    const kernels *kernels = it->kernels;
    const rnnprop_block *block = &it->blocks[k];
    int64_t first = block->first, columns = block->columns, hidden = it->network->hidden;
    int top = it->network->layers - 1;
    step step = {.columns = columns,
                 .base = rnnprop_saved(it, block, t),
                 .before = rnnprop_before(it, block, t),
                 .tangent = rnnprop_record_of(it, block, own->records[k], t),
                 .old = tangent_before(own, k, t),
                 .first = t == 0};
    double weight = it->asked->loss_weights[t + 1];
    if (weight != 0) {
        kernels->axpy(columns, weight, rnnprop_at(it, rnnprop_row(it, it->g, t + 1, it->width), first), own->lambda);
        kernels->axpy(columns, weight, rnnprop_at(it, rnnprop_row(it, own->curved, t + 1, it->width), first),
                      own->lambda_tangent);
    }
    kernels->columns_head_tangent_backward(
        &(columns_head_tangent_backward_arguments){.columns = columns,
                                                   .hidden = hidden,
                                                   .rule = rnnprop_rule(it->network, it->asked->first_step + t),
                                                   .lengths = rnnprop_block_lengths(it, block),
                                                   .h = step.base.layer[top].h,
                                                   .h_tangent = step.tangent.layer[top].h,
                                                   .w = it->weights.head_w,
                                                   .w_tangent = own->direction.head_w,
                                                   .saved = rnnprop_head(it, block, t),
                                                   .saved_tangent = head_tangent(own, block, t),
                                                   .lambda = own->lambda,
                                                   .lambda_tangent = own->lambda_tangent,
                                                   .momentum = own->momentum,
                                                   .momentum_tangent = own->momentum_tangent,
                                                   .dh = own->dh[top],
                                                   .dh_tangent = own->dh_tangent[top],
                                                   .dw_tangent = own->sums.head_w,
                                                   .db_tangent = own->sums.head_b});
    for (int layer = top; layer >= 0; layer--) layer_back(own, &step, layer);
    kernels->columns_projection_tangent_backward(&(columns_projection_tangent_backward_arguments){
        .columns = columns,
        .input = 2,
        .hidden = hidden,
        .x = rnnprop_at(it, rnnprop_row(it, it->features, t, 2 * it->width), 2 * first),
        .out = step.base.signal,
        .out_tangent = step.tangent.signal,
        .dout = own->signal,
        .dout_tangent = own->signal_tangent,
        .dw_tangent = own->sums.input_w,
        .db_tangent = own->sums.input_b});
}

/* Behind the last step nothing depends on the state. */
static void clear_way_back(const hessian *own, int64_t columns) {
    const rnnprop_unroll *it = own->it;
    size_t row = (size_t)columns * it->size, rows = (size_t)it->network->hidden * row;
    memset(own->lambda, 0, row);
    memset(own->lambda_tangent, 0, row);
    if (own->momentum != NULL) {
        memset(own->momentum, 0, row);
        memset(own->momentum_tangent, 0, row);
    }
    for (int layer = 0; layer < it->network->layers; layer++) {
        memset(own->dh[layer], 0, rows);
        memset(own->dh_tangent[layer], 0, rows);
        memset(own->dc[layer], 0, rows);
        memset(own->dc_tangent[layer], 0, rows);
    }
}

static l2o_status run_back(hessian *own, int64_t k) {
    rnnprop_unroll *it = own->it;
    const rnnprop_block *block = &it->blocks[k];
    clear_way_back(own, block->columns);
    for (int64_t end = own->last, start; end > 0; end = start) {
        start = (end - 1) / it->window * it->window;
        rnnprop_recall(it, block, start, end - start);
        for (int64_t t = start; t < end && !it->all_saved; t++) step_forward(own, k, t);
        for (int64_t t = end - 1; t >= start; t--) step_back(own, k, t);
        if (context_cancelled(it->asked->context))
            return error_set(it->error, L2O_ERROR_CANCELLED, "cancelled by the user");
        rnnprop_sums_add(it, &own->sums, it->asked->hessian_vector);
    }
    return L2O_OK;
}

l2o_status rnnprop_hessian(rnnprop_unroll *it) {
    hessian own = {.it = it, .last = rnnprop_last_term(it)};
    memset(it->asked->hessian_vector, 0, (size_t)it->asked->optimizer->weight_total * sizeof(double));
    if (own.last == 0) return L2O_OK;
    TRY(begin(&own));
    for (int64_t k = 0; k < it->block_count; k++) run_forward(&own, k);
    TRY(curve(&own));
    for (int64_t k = 0; k < it->block_count; k++) TRY(run_back(&own, k));
    return L2O_OK;
}
