/* The LSTM cell, forward with its matrix products and backward pointwise. Included by kernels_body.h.
 *
 * Forward runs by blocks of rows whose gates [rows, 4 hidden] stay in the first-level cache: products, activations and
 * the new state follow each other there. As sigmoid(v) = 1/2 + tanh(v/2) / 2, one tanh with constants per column serves
 * all four gates in whole vectors: activation = offset + factor tanh(factor v), factor 1/2 and offset 1/2 for a
 * sigmoid, 1 and 0 for tanh. Cells too wide for a few rows to fit are done in strips of hidden units. This is the
 * tape's cell; the fused unroll has its own (kernels_columns.h). */

#define GATE_ELEMENTS ((int64_t)(32768 / sizeof(REAL)))  /* gates held at once */
#define COPY_ELEMENTS ((int64_t)(131072 / sizeof(REAL))) /* old h held at once, where strips overwrite it */
#define STRIP         32                                 /* hidden units in a strip of a wide cell */
#define WIDE_ROWS     16

/* A block of rows and a strip of hidden units: gate g of hidden unit j lies at gates[row * gate_row + g * pitch + j].
 */
typedef struct NAME(lstm_block) {
    const lstm_forward_arguments *arguments;
    int64_t row, rows, unit, units;
    const REAL *h;
    REAL *gates, *bias, *factor, *offset;
    int64_t gate_row, pitch;
    bool in_place; /* `gates` is where the activations are wanted */
} NAME(lstm_block);

/* bias[column], with the forget gate's shift of 1, and the constants of the activations; zeros where rows are padded.
 */
static void NAME(lstm_constants)(const NAME(lstm_block) * block) {
    const lstm_forward_arguments *arguments = block->arguments;
    const REAL *b = arguments->b;
    for (int64_t column = 0; column < block->gate_row; column++) {
        block->bias[column] = 0;
        block->factor[column] = block->offset[column] = (REAL)0.5;
    }
    for (int64_t gate = 0; gate < 4; gate++) {
        const int64_t first = gate * block->pitch;
        const REAL *from = b + gate * arguments->hidden + block->unit;
        const REAL shift = gate == 1 ? (REAL)1 : (REAL)0;
        for (int64_t unit = 0; unit < block->units; unit++) block->bias[first + unit] = from[unit] + shift;
        if (gate != 2) continue;
        for (int64_t column = first; column < first + block->pitch; column++) {
            block->factor[column] = 1;
            block->offset[column] = 0;
        }
    }
}

/* gates = x Wx + h Wh + bias. */
static void NAME(lstm_products)(const NAME(lstm_block) * block) {
    const lstm_forward_arguments *arguments = block->arguments;
    const int64_t columns = 4 * arguments->hidden;
    const bool whole = block->units == arguments->hidden;
    const REAL *x = (const REAL *)arguments->x + block->row * arguments->input;
    if (whole && block->gate_row == columns && block->pitch == arguments->hidden) {
        NAME(gemm_pair)
        (&(NAME(pair)){.m = block->rows,
                       .n = columns,
                       .k = {arguments->input, arguments->hidden},
                       .a = {x, block->h},
                       .b = {arguments->wx, arguments->wh},
                       .bias = block->bias,
                       .c = block->gates});
        return;
    }
    for (int64_t gate = 0; gate < (whole ? 1 : 4); gate++) {
        const int64_t first = gate * arguments->hidden + block->unit, n = whole ? columns : block->units;
        REAL *gates = block->gates + gate * block->pitch;
        NAME(gemm_tiled)
        (false, false, block->rows, n, arguments->input, 1, x, arguments->input, (const REAL *)arguments->wx + first,
         columns, block->bias + gate * block->pitch, 0, gates, block->gate_row);
        NAME(gemm_tiled)
        (false, false, block->rows, n, arguments->hidden, 1, block->h, arguments->hidden,
         (const REAL *)arguments->wh + first, columns, gates, block->gate_row, gates, block->gate_row);
    }
}

/* Activations, in place, of the same vector of columns in `count` rows. */
INLINE void NAME(activate_rows)(const int count, VECTOR factor, VECTOR offset, REAL *gates, int64_t gate_row) {
    VECTOR v[ABREAST];
    UNROLL for (int k = 0; k < count; k++) v[k] = NAME(load)(gates + k * gate_row) * factor;
    NAME(tanh_abreast)(count, v, v);
    UNROLL for (int k = 0; k < count; k++) NAME(store)(gates + k * gate_row, NAME(multiply_add)(factor, v[k], offset));
}

static void NAME(lstm_activate)(const NAME(lstm_block) * block) {
    const int64_t rows = block->rows, gate_row = block->gate_row;
    for (int64_t j = 0; j < gate_row; j += LANES) {
        const VECTOR factor = NAME(load)(block->factor + j), offset = NAME(load)(block->offset + j);
        REAL *gates = block->gates + j;
        int64_t row = 0;
        for (; row + ABREAST <= rows; row += ABREAST)
            NAME(activate_rows)(ABREAST, factor, offset, gates + row * gate_row, gate_row);
        for (; row < rows; row++) NAME(activate_rows)(1, factor, offset, gates + row * gate_row, gate_row);
    }
}

/* out[j] = x[j] for a row that need not be a multiple of the vectors. */
INLINE void NAME(copy_row)(int64_t count, const REAL *x, REAL *out) {
    int64_t j = 0;
    for (; j + LANES <= count; j += LANES) NAME(store)(out + j, NAME(load)(x + j));
    if (j < count) NAME(store_part)(out + j, NAME(load_part)(x + j, count - j), count - j);
}

static void NAME(lstm_save)(const NAME(lstm_block) * block) {
    const int64_t hidden = block->arguments->hidden;
    const bool whole = block->units == hidden;
    for (int64_t row = 0; row < block->rows; row++) {
        const REAL *gates = block->gates + row * block->gate_row;
        REAL *saved = (REAL *)block->arguments->activations + (block->row + row) * 4 * hidden + block->unit;
        if (whole)
            NAME(copy_row)(4 * hidden, gates, saved);
        else
            for (int64_t gate = 0; gate < 4; gate++)
                NAME(copy_row)(block->units, gates + gate * block->pitch, saved + gate * hidden);
    }
}

INLINE VECTOR NAME(load_some)(const REAL *source, int64_t count) {
    return count == LANES ? NAME(load)(source) : NAME(load_part)(source, count);
}
INLINE void NAME(store_some)(REAL *target, VECTOR v, int64_t count) {
    if (count == LANES)
        NAME(store)(target, v);
    else
        NAME(store_part)(target, v, count);
}

/* f c + i g of up to LANES units, whose gates lie `pitch` apart. */
INLINE void NAME(cell_part)(const REAL *gates, int64_t pitch, const REAL *c, REAL *c_next, int64_t count) {
    const VECTOR i = NAME(load_some)(gates, count), f = NAME(load_some)(gates + pitch, count);
    const VECTOR g = NAME(load_some)(gates + 2 * pitch, count);
    NAME(store_some)(c_next, NAME(multiply_add)(f, NAME(load_some)(c, count), i * g), count);
}

INLINE void NAME(product_part)(const REAL *x, const REAL *y, REAL *out, int64_t count) {
    NAME(store_some)(out, NAME(load_some)(x, count) * NAME(load_some)(y, count), count);
}

/* c' = f c + i g, tanh(c'), h' = o tanh(c'): in three passes, so that tanh sees one long row where units lie together.
 * tanh(c') is never kept where h' goes: a vector loaded across the end of a part just stored would wait for it. */
static void NAME(lstm_state)(const NAME(lstm_block) * block) {
    REAL scratch[GATE_ELEMENTS / 4];
    const lstm_forward_arguments *arguments = block->arguments;
    const int64_t hidden = arguments->hidden, pitch = block->pitch, units = block->units, rows = block->rows;
    const int64_t first = block->row * hidden + block->unit, gate_row = block->gate_row;
    const int64_t whole = units / LANES * LANES, rest = units - whole;
    const REAL *gates = block->gates, *c = (const REAL *)arguments->c + first;
    REAL *c_next = (REAL *)arguments->c_next + first, *h_next = (REAL *)arguments->h_next + first;
    const int64_t t_pitch = arguments->tanh_c ? hidden : units;
    REAL *t = arguments->tanh_c ? (REAL *)arguments->tanh_c + first : scratch;
    for (int64_t row = 0; row < rows; row++) {
        const REAL *gate = gates + row * gate_row, *old = c + row * hidden;
        REAL *next = c_next + row * hidden;
        for (int64_t j = 0; j < whole; j += LANES) NAME(cell_part)(gate + j, pitch, old + j, next + j, LANES);
        if (rest) NAME(cell_part)(gate + whole, pitch, old + whole, next + whole, rest);
    }
    const bool together = units == hidden;
    for (int64_t row = 0; row < (together ? 1 : rows); row++)
        NAME(tanh_row)(together ? rows * hidden : units, c_next + row * hidden, t + row * t_pitch);
    for (int64_t row = 0; row < rows; row++) {
        const REAL *o = gates + row * gate_row + 3 * pitch, *t_row = t + row * t_pitch;
        REAL *next = h_next + row * hidden;
        for (int64_t j = 0; j < whole; j += LANES) NAME(product_part)(o + j, t_row + j, next + j, LANES);
        if (rest) NAME(product_part)(o + whole, t_row + whole, next + whole, rest);
    }
}

static void NAME(lstm_block_forward)(const NAME(lstm_block) * block) {
    NAME(lstm_products)(block);
    NAME(lstm_activate)(block);
    if (block->arguments->activations && !block->in_place) NAME(lstm_save)(block);
    NAME(lstm_state)(block);
}

/* Cells of which a few rows do not fit: strips of hidden units, the old h of the rows kept aside where h' replaces it.
 */
static __attribute__((noinline)) void NAME(lstm_forward_wide)(const lstm_forward_arguments *arguments, REAL *gates) {
    REAL h_copy[COPY_ELEMENTS], bias[4 * STRIP], factor[4 * STRIP], offset[4 * STRIP];
    const int64_t hidden = arguments->hidden;
    const bool in_place = arguments->h == arguments->h_next && hidden <= COPY_ELEMENTS;
    int64_t most = WIDE_ROWS;
    if (in_place && most > COPY_ELEMENTS / hidden) most = COPY_ELEMENTS / hidden;
    NAME(lstm_block)
    block = {.arguments = arguments,
             .gates = gates,
             .bias = bias,
             .factor = factor,
             .offset = offset,
             .gate_row = (int64_t)4 * STRIP,
             .pitch = STRIP};
    for (block.row = 0; block.row < arguments->rows; block.row += most) {
        block.rows = arguments->rows - block.row < most ? arguments->rows - block.row : most;
        block.h = (const REAL *)arguments->h + block.row * hidden;
        if (in_place) {
            memcpy(h_copy, block.h, (size_t)(block.rows * hidden) * sizeof(REAL));
            block.h = h_copy;
        }
        memset(gates, 0, (size_t)(block.rows * block.gate_row) * sizeof(REAL));
        for (block.unit = 0; block.unit < hidden; block.unit += STRIP) {
            block.units = hidden - block.unit < STRIP ? hidden - block.unit : STRIP;
            NAME(lstm_constants)(&block);
            NAME(lstm_block_forward)(&block);
        }
    }
}

static void NAME(lstm_forward)(const lstm_forward_arguments *arguments) {
    enum { MOST_COLUMNS = 32768 / sizeof(REAL) / 8 };
    REAL gates[GATE_ELEMENTS] __attribute__((aligned(VECTOR_BYTES)));
    REAL bias[MOST_COLUMNS], factor[MOST_COLUMNS], offset[MOST_COLUMNS];
    const int64_t hidden = arguments->hidden;
    if (arguments->rows <= 0 || hidden <= 0) return;
    const int64_t gate_row = (4 * hidden + LANES - 1) / LANES * LANES;
    if (gate_row > MOST_COLUMNS) {
        NAME(lstm_forward_wide)(arguments, gates);
        return;
    }
    NAME(lstm_block)
    block = {.arguments = arguments,
             .units = hidden,
             .gates = gates,
             .bias = bias,
             .factor = factor,
             .offset = offset,
             .gate_row = gate_row,
             .pitch = hidden,
             .in_place = arguments->activations && gate_row == 4 * hidden};
    NAME(lstm_constants)(&block);
    const int64_t fitting = GATE_ELEMENTS / gate_row, most = fitting > 40 ? fitting / 40 * 40 : fitting;
    if (gate_row > 4 * hidden) memset(gates, 0, sizeof gates); /* the padding is computed with, and never read */
    for (block.row = 0; block.row < arguments->rows; block.row += most) {
        block.rows = arguments->rows - block.row < most ? arguments->rows - block.row : most;
        block.h = (const REAL *)arguments->h + block.row * hidden;
        if (block.in_place) block.gates = (REAL *)arguments->activations + block.row * gate_row;
        NAME(lstm_block_forward)(&block);
    }
}

/* Where one row's part of each array begins. */
typedef struct NAME(backward_part) {
    const REAL *gates, *tanh_c, *c, *dh, *dc;
    REAL *dgates, *dc_previous;
} NAME(backward_part);

INLINE void NAME(lstm_backward_part)(const NAME(backward_part) * part, int64_t hidden, int64_t count) {
    const VECTOR one = NAME(splat)(1), zero = {0};
    const VECTOR i = NAME(load_some)(part->gates, count), f = NAME(load_some)(part->gates + hidden, count);
    const VECTOR g = NAME(load_some)(part->gates + 2 * hidden, count);
    const VECTOR o = NAME(load_some)(part->gates + 3 * hidden, count);
    const VECTOR t = NAME(load_some)(part->tanh_c, count), old = NAME(load_some)(part->c, count);
    const VECTOR dh = part->dh ? NAME(load_some)(part->dh, count) : zero;
    const VECTOR dc = dh * o * (one - t * t) + (part->dc ? NAME(load_some)(part->dc, count) : zero);
    NAME(store_some)(part->dgates, dc * g * (i * (one - i)), count);
    NAME(store_some)(part->dgates + hidden, dc * old * (f * (one - f)), count);
    NAME(store_some)(part->dgates + 2 * hidden, dc * i * (one - g * g), count);
    NAME(store_some)(part->dgates + 3 * hidden, dh * t * (o * (one - o)), count);
    NAME(store_some)(part->dc_previous, dc * f, count);
}

static void NAME(lstm_backward)(const lstm_backward_arguments *arguments) {
    const int64_t hidden = arguments->hidden, whole = hidden / LANES * LANES;
    for (int64_t row = 0; row < arguments->rows; row++) {
        const int64_t first = row * hidden;
        NAME(backward_part)
        part = {.gates = (const REAL *)arguments->activations + 4 * first,
                .tanh_c = (const REAL *)arguments->tanh_c + first,
                .c = (const REAL *)arguments->c + first,
                .dh = arguments->dh ? (const REAL *)arguments->dh + first : NULL,
                .dc = arguments->dc ? (const REAL *)arguments->dc + first : NULL,
                .dgates = (REAL *)arguments->dgates + 4 * first,
                .dc_previous = (REAL *)arguments->dc_previous + first};
        for (int64_t j = 0; j < whole; j += LANES) {
            NAME(lstm_backward_part)(&part, hidden, LANES);
            part.gates += LANES;
            part.tanh_c += LANES;
            part.c += LANES;
            if (part.dh) part.dh += LANES;
            if (part.dc) part.dc += LANES;
            part.dgates += LANES;
            part.dc_previous += LANES;
        }
        if (whole < hidden) NAME(lstm_backward_part)(&part, hidden, hidden - whole);
    }
}

#undef GATE_ELEMENTS
#undef COPY_ELEMENTS
#undef STRIP
#undef WIDE_ROWS
