/* RNNprop's fused unroll: the way forward. Instances are flattened to coordinates and cut into blocks of columns, which
 * the kernels in columns work through; the problem is asked for all instances at once, step by step.
 *
 * For a gradient the inputs of all steps are kept, and the records of all steps as far as memory is granted. Beyond,
 * the state is kept once per window of steps, and the way back makes the records of one window of one block again. */
#include "optimizers/learned/rnnprop_unroll.h"

#include <math.h>
#include <string.h>

/* Records up to NEAR_SAVED bytes are still in the caches on the way back. */
enum { BLOCK_COLUMNS = 80, MOST_SAVED = 256 << 20, NEAR_SAVED = 12 << 20 };

void *rnnprop_numbers(rnnprop_unroll *it, int64_t count) {
    return arena_allocate(it->arena, (size_t)count * it->size, it->error);
}

/* ------------------------------------------------------------------------------------------------ blocks and records
 */

int64_t rnnprop_record_length(const rnnprop_unroll *it, const rnnprop_block *block) {
    return (1 + 7 * it->network->layers) * it->network->hidden * block->columns;
}

int64_t rnnprop_state_length(const rnnprop_unroll *it, const rnnprop_block *block) {
    return 2 * it->network->layers * it->network->hidden * block->columns;
}

/* h and c of all layers, one behind another. */
static rnnprop_record state_in(const rnnprop_unroll *it, const rnnprop_block *block, const void *memory) {
    int64_t rows = it->network->hidden * block->columns;
    rnnprop_record state = {0};
    for (int layer = 0; layer < it->network->layers; layer++) {
        state.layer[layer].h = rnnprop_at(it, memory, 2 * layer * rows);
        state.layer[layer].c = rnnprop_at(it, memory, (2 * layer + 1) * rows);
    }
    return state;
}

rnnprop_record rnnprop_record_of(const rnnprop_unroll *it, const rnnprop_block *block, const char *records, int64_t t) {
    int64_t rows = it->network->hidden * block->columns;
    const char *memory = rnnprop_at(it, records, t % it->window * rnnprop_record_length(it, block));
    rnnprop_record record; /* no more of it is written than is used: records are asked for often */
    record.signal = rnnprop_at(it, memory, 0);
    for (int layer = 0; layer < it->network->layers; layer++) {
        const char *own = rnnprop_at(it, memory, (1 + 7 * layer) * rows);
        record.layer[layer].gates = rnnprop_at(it, own, 0);
        record.layer[layer].tanh_c = rnnprop_at(it, own, 4 * rows);
        record.layer[layer].c = rnnprop_at(it, own, 5 * rows);
        record.layer[layer].h = rnnprop_at(it, own, 6 * rows);
    }
    return record;
}

rnnprop_record rnnprop_saved(const rnnprop_unroll *it, const rnnprop_block *block, int64_t t) {
    return rnnprop_record_of(it, block, block->records, t);
}

rnnprop_record rnnprop_state_of(const rnnprop_unroll *it, const rnnprop_block *block, const char *checkpoints,
                                int64_t t) {
    return state_in(it, block, rnnprop_at(it, checkpoints, t / it->window * rnnprop_state_length(it, block)));
}

static rnnprop_record checkpoint(const rnnprop_unroll *it, const rnnprop_block *block, int64_t t) {
    return rnnprop_state_of(it, block, block->checkpoints, t);
}

rnnprop_record rnnprop_before(const rnnprop_unroll *it, const rnnprop_block *block, int64_t t) {
    return t % it->window == 0 ? checkpoint(it, block, t) : rnnprop_saved(it, block, t - 1);
}

/* Whole vectors of columns, shared out evenly. */
static l2o_status cut_blocks(rnnprop_unroll *it) {
    int64_t parts = it->width / COLUMN_MULTIPLE, most = BLOCK_COLUMNS / COLUMN_MULTIPLE;
    it->block_count = (parts + most - 1) / most;
    it->blocks = arena_allocate(it->arena, (size_t)it->block_count * sizeof *it->blocks, it->error);
    if (it->blocks == NULL) return it->error->status;
    for (int64_t k = 0; k < it->block_count; k++) {
        int64_t first = k * parts / it->block_count * COLUMN_MULTIPLE;
        int64_t end = (k + 1) * parts / it->block_count * COLUMN_MULTIPLE;
        int64_t count = (end < it->coordinates ? end : it->coordinates) - first;
        it->blocks[k] = (rnnprop_block){.first = first, .columns = end - first, .count = count};
        if (end - first > it->widest) it->widest = end - first;
    }
    return L2O_OK;
}

/* How much is saved, and where. */
static l2o_status place_records(rnnprop_unroll *it) {
    int64_t steps = it->asked->steps > 0 ? it->asked->steps : 1, longest = 0, together = 0;
    for (int64_t k = 0; k < it->block_count; k++) {
        int64_t length = rnnprop_record_length(it, &it->blocks[k]);
        together += length;
        if (length > longest) longest = length;
    }
    size_t most = it->asked->most_saved > 0 ? it->asked->most_saved : MOST_SAVED;
    int64_t affordable =
        (int64_t)(most / it->size) / (it->asked->direction != NULL ? 2 : 1); /* tangents' records too */
    it->window = steps;
    it->all_saved = it->keeping && together <= affordable / steps;
    if (it->keeping && !it->all_saved) {
        it->window = affordable / longest < 1 ? 1 : affordable / longest;
        if (it->window > steps) it->window = steps;
    }
    void *signal = rnnprop_numbers(it, it->network->hidden * it->widest), *shared = NULL;
    if (it->keeping && !it->all_saved) shared = rnnprop_numbers(it, it->window * longest);
    it->far = it->all_saved && (size_t)(together * steps) * it->size > NEAR_SAVED;
    int64_t windows = (steps + it->window - 1) / it->window;
    for (int64_t k = 0; k < it->block_count && it->error->status == L2O_OK; k++) {
        rnnprop_block *block = &it->blocks[k];
        block->checkpoints = rnnprop_numbers(it, windows * rnnprop_state_length(it, block));
        block->records = it->all_saved ? rnnprop_numbers(it, steps * rnnprop_record_length(it, block)) : shared;
        if (it->all_saved) {
            block->now = state_in(it, block, block->checkpoints);
            continue;
        }
        void *memory[2] = {rnnprop_numbers(it, rnnprop_state_length(it, block)),
                           rnnprop_numbers(it, rnnprop_state_length(it, block))};
        if (it->error->status != L2O_OK) break;
        block->now = state_in(it, block, memory[0]);
        block->other = state_in(it, block, memory[1]);
        block->now.signal = block->other.signal = signal;
    }
    return it->error->status;
}

/* ------------------------------------------------------------------------------------------------------------- state
 */

/* A copy of the coordinates' numbers with zeros behind. */
static void *load_flat(rnnprop_unroll *it, const void *from) {
    void *flat = rnnprop_numbers(it, it->width);
    if (flat == NULL) return NULL;
    memset(flat, 0, (size_t)it->width * it->size);
    memcpy(flat, from, (size_t)it->coordinates * it->size);
    return flat;
}

static void load_columns(const rnnprop_unroll *it, const rnnprop_block *block, const void *from, void *to) {
    int64_t hidden = it->network->hidden;
    memset(to, 0, (size_t)(hidden * block->columns) * it->size);
    it->kernels->transpose(block->count, hidden, rnnprop_at(it, from, block->first * hidden), hidden, to,
                           block->columns);
}

static void store_columns(const rnnprop_unroll *it, const rnnprop_block *block, const void *from, void *to) {
    int64_t hidden = it->network->hidden;
    it->kernels->transpose(hidden, block->count, from, block->columns, rnnprop_at(it, to, block->first * hidden),
                           hidden);
}

static int state_of_d(const rnnprop_unroll *it) { return RNNPROP_STATE_LAYERS + 2 * it->network->layers; }

static l2o_status load_state(rnnprop_unroll *it) {
    const unroll *asked = it->asked;
    it->m = load_flat(it, asked->state[RNNPROP_STATE_M]);
    it->v = load_flat(it, asked->state[RNNPROP_STATE_V]);
    if (it->network->update == COLUMNS_MOMENTUM) it->d = load_flat(it, asked->state[state_of_d(it)]);
    for (int64_t k = 0; k < it->block_count; k++) {
        const rnnprop_block *block = &it->blocks[k];
        for (int layer = 0; layer < it->network->layers; layer++) {
            const void *const *state = &asked->state[RNNPROP_STATE_LAYERS + 2 * layer];
            load_columns(it, block, state[0], block->now.layer[layer].h);
            load_columns(it, block, state[1], block->now.layer[layer].c);
        }
    }
    return it->error->status;
}

static void store_state(const rnnprop_unroll *it) {
    const unroll *asked = it->asked;
    size_t bytes = (size_t)it->coordinates * it->size;
    memcpy(asked->x_next, rnnprop_row(it, it->x, asked->steps, it->width), bytes);
    memcpy(asked->state_next[RNNPROP_STATE_M], it->m, bytes);
    memcpy(asked->state_next[RNNPROP_STATE_V], it->v, bytes);
    if (it->d != NULL) memcpy(asked->state_next[state_of_d(it)], it->d, bytes);
    for (int64_t k = 0; k < it->block_count; k++) {
        const rnnprop_block *block = &it->blocks[k];
        for (int layer = 0; layer < it->network->layers; layer++) {
            void *const *state = &asked->state_next[RNNPROP_STATE_LAYERS + 2 * layer];
            store_columns(it, block, block->now.layer[layer].h, state[0]);
            store_columns(it, block, block->now.layer[layer].c, state[1]);
        }
    }
}

/* ------------------------------------------------------------------------------------------------------- the network
 */

/* The layers of LSTM, from the features of step t. Meanwhile the state of the block that follows is brought near, where
 * one does: NULL otherwise. */
static void run_layers(const rnnprop_unroll *it, const rnnprop_block *block, int64_t t, const rnnprop_record *before,
                       const rnnprop_record *after, const rnnprop_block *next) {
    int64_t hidden = it->network->hidden;
    size_t rows = next == NULL ? 0 : (size_t)(hidden * next->columns) * it->size;
    it->kernels->columns_projection(&(columns_projection_arguments){
        .columns = block->columns,
        .input = 2,
        .hidden = hidden,
        .x = rnnprop_at(it, rnnprop_row(it, it->features, t, 2 * it->width), 2 * block->first),
        .w = it->weights.input_w,
        .b = it->weights.input_b,
        .out = after->signal});
    for (int layer = 0; layer < it->network->layers; layer++) {
        if (next != NULL) rnnprop_fetch(next->now.layer[layer].h, rows, false);
        if (next != NULL) rnnprop_fetch(next->now.layer[layer].c, rows, false);
        it->kernels->columns_lstm_forward(
            &(columns_lstm_arguments){.columns = block->columns,
                                      .input = hidden,
                                      .hidden = hidden,
                                      .packed = it->weights.packed[layer],
                                      .x = layer == 0 ? after->signal : after->layer[layer - 1].h,
                                      .h = before->layer[layer].h,
                                      .c = before->layer[layer].c,
                                      .h_next = after->layer[layer].h,
                                      .c_next = after->layer[layer].c,
                                      .gates = after->layer[layer].gates,
                                      .tanh_c = after->layer[layer].tanh_c,
                                      .far = it->far});
    }
}

void rnnprop_recall(rnnprop_unroll *it, const rnnprop_block *block, int64_t t, int64_t steps) {
    if (it->all_saved) return;
    rnnprop_record before = checkpoint(it, block, t);
    for (int64_t s = t; s < t + steps; s++) {
        rnnprop_record after = rnnprop_saved(it, block, s);
        run_layers(it, block, s, &before, &after, NULL);
        before = after;
    }
}

static void keep_checkpoint(const rnnprop_unroll *it, const rnnprop_block *block, int64_t t) {
    rnnprop_record kept = checkpoint(it, block, t);
    size_t bytes = (size_t)(it->network->hidden * block->columns) * it->size;
    for (int layer = 0; layer < it->network->layers; layer++) {
        memcpy(kept.layer[layer].h, block->now.layer[layer].h, bytes);
        memcpy(kept.layer[layer].c, block->now.layer[layer].c, bytes);
    }
}

/* One step of one block: from the gradient as the optimizer sees it to the next x. */
static void step_block(rnnprop_unroll *it, rnnprop_block *block, const rnnprop_block *next, int64_t t, const void *g) {
    const unroll *asked = it->asked;
    int64_t first = block->first;
    it->kernels->moments(
        &(moments_arguments){.count = block->columns,
                             .decay = RNNPROP_DECAY,
                             .correction = rnnprop_correction(asked->first_step + t),
                             .epsilon = RNNPROP_EPSILON,
                             .g = rnnprop_at(it, g, first),
                             .m = rnnprop_at(it, it->m, first),
                             .v = rnnprop_at(it, it->v, first),
                             .m_next = rnnprop_at(it, it->m, first),
                             .v_next = rnnprop_at(it, it->v, first),
                             .features = rnnprop_at(it, rnnprop_row(it, it->features, t, 2 * it->width), 2 * first)});
    if (it->keeping && !it->all_saved && t % it->window == 0) keep_checkpoint(it, block, t);
    rnnprop_record after = it->all_saved ? rnnprop_saved(it, block, t) : block->other;
    run_layers(it, block, t, &block->now, &after, next);
    if (!it->all_saved) block->other = block->now;
    block->now = after;
    it->kernels->columns_head(
        &(columns_head_arguments){.columns = block->columns,
                                  .hidden = it->network->hidden,
                                  .rule = rnnprop_rule(it->network, asked->first_step + t),
                                  .lengths = rnnprop_block_lengths(it, block),
                                  .h = after.layer[it->network->layers - 1].h,
                                  .w = it->weights.head_w,
                                  .b = it->weights.head_b,
                                  .g = rnnprop_at(it, g, first),
                                  .d = it->d == NULL ? NULL : rnnprop_at(it, it->d, first),
                                  .x = rnnprop_at(it, rnnprop_row(it, it->x, t, it->width), first),
                                  .x_next = rnnprop_at(it, rnnprop_row(it, it->x, t + 1, it->width), first),
                                  .saved = it->keeping ? rnnprop_head(it, block, t) : NULL});
}

/* ----------------------------------------------------------------------------------------------------- the way forward
 */

int64_t rnnprop_last_term(const rnnprop_unroll *it) {
    int64_t last = it->asked->steps;
    while (last > 0 && it->asked->loss_weights[last] == 0) last--;
    return last;
}

/* f and g at x_t; g[width] with zeros behind, or NULL. */
static l2o_status evaluate(rnnprop_unroll *it, int64_t t, void *g) {
    const unroll *asked = it->asked;
    const void *x = rnnprop_row(it, it->x, t, it->width);
    evaluation evaluation = {it->kernels, it->arena, it->error};
    arena_mark scratch = arena_position(it->arena);
    l2o_status status = asked->problem->ops->value_gradient(asked->problem, asked->rows, x, it->f, g, &evaluation);
    arena_reset(it->arena, scratch);
    TRY(problem_outcome(asked->problem, status, it->error));
    if (g != NULL) memset(rnnprop_at(it, g, it->coordinates), 0, (size_t)(it->width - it->coordinates) * it->size);
    it->kernels->to_double(asked->rows.count, it->f, asked->objective + t * asked->objective_stride);
    if (asked->trajectory != NULL)
        it->kernels->to_double(it->coordinates, x,
                               asked->trajectory + t * asked->objective_stride * asked->problem->dimension);
    return L2O_OK;
}

/* grad ln f = grad f / f of each instance, in the place of the gradient, which the network has seen; 0 where f is. */
static void divide_by_objectives(const rnnprop_unroll *it, int64_t t, void *g) {
    const unroll *asked = it->asked;
    const double *f = asked->objective + t * asked->objective_stride;
    int64_t n = asked->problem->dimension;
    for (int64_t r = 0; r < asked->rows.count; r++) {
        void *row = rnnprop_at(it, g, r * n);
        bool solved = unroll_is_solved(it->kernels->type, asked->direction != NULL, f[r]);
        it->kernels->unary(UNARY_SCALE, solved ? 0 : 1 / f[r], n, row, row);
    }
}

static l2o_status run_forward(rnnprop_unroll *it) {
    const unroll *asked = it->asked;
    for (int64_t t = 0; t <= asked->steps; t++) {
        bool stepping = t < asked->steps, counts = it->keeping && asked->loss_weights[t] != 0;
        void *g = rnnprop_row(it, it->g, t, it->width);
        TRY(evaluate(it, t, stepping || counts ? g : NULL));
        if (stepping) {
            const void *seen = g;
            if (asked->gradient_scale != 1.0) {
                it->kernels->unary(UNARY_SCALE, asked->gradient_scale, it->width, g, it->scaled);
                seen = it->scaled;
            }
            for (int64_t k = 0; k < it->block_count; k++)
                step_block(it, &it->blocks[k], k + 1 < it->block_count ? &it->blocks[k + 1] : NULL, t, seen);
        }
        if (counts && asked->logarithm) divide_by_objectives(it, t, g);
        if (context_cancelled(asked->context))
            return error_set(it->error, L2O_ERROR_CANCELLED, "cancelled by the user");
    }
    return L2O_OK;
}

static l2o_status begin(rnnprop_unroll *it) {
    const unroll *asked = it->asked;
    it->size = dtype_size(it->kernels->type);
    it->coordinates = asked->rows.count * asked->problem->dimension;
    it->width = (it->coordinates + COLUMN_MULTIPLE - 1) / COLUMN_MULTIPLE * COLUMN_MULTIPLE;
    it->keeping = asked->gradient != NULL || asked->direction != NULL;
    TRY(rnnprop_weights_load(asked->optimizer, it->kernels, asked->weights, it->arena, &it->weights, it->error));
    TRY(cut_blocks(it));
    TRY(place_records(it));
    TRY(load_state(it));
    int64_t rows = it->keeping ? asked->steps : 0;
    it->x = rnnprop_numbers(it, (rows + 1) * it->width);
    it->g = rnnprop_numbers(it, (rows + 1) * it->width);
    it->features = rnnprop_numbers(it, (rows + 1) * 2 * it->width);
    it->head_rows = columns_saved(it->network->update);
    if (it->keeping) it->head = rnnprop_numbers(it, rows * it->head_rows * it->width);
    it->scaled = rnnprop_numbers(it, it->width);
    it->lengths = rnnprop_lengths(asked->optimizer, asked->problem, &asked->rows, asked->gradient_scale, it->kernels,
                                  it->arena, it->error);
    it->f = rnnprop_numbers(it, asked->rows.count);
    if (it->error->status != L2O_OK) return it->error->status;
    memset(it->x, 0, (size_t)it->width * it->size);
    memcpy(it->x, asked->x, (size_t)it->coordinates * it->size);
    return L2O_OK;
}

static l2o_status run(const unroll *asked, arena *arena, l2o_error *error) {
    rnnprop_unroll it = {
        .asked = asked, .kernels = asked->kernels, .network = asked->optimizer->own, .arena = arena, .error = error};
    TRY(begin(&it));
    TRY(run_forward(&it));
    if (asked->x_next != NULL) store_state(&it);
    if (asked->gradient != NULL) TRY(rnnprop_gradient(&it));
    return asked->direction == NULL ? L2O_OK : rnnprop_hessian(&it);
}

const fused_unroll rnnprop_fused = {.shard_coordinates = BLOCK_COLUMNS, .second_order = true, .run = run};
