/* The LSTM cell in columns: one coordinate per lane, so that the four gates of a unit and the products that make them
 * meet in registers. Included by kernels_body.h.
 *
 * A tile is one unit's four gates by up to COLUMN_VECTORS vectors of columns: with each row of [x; h] it loads that
 * row's vectors and multiplies them by the four weights. Its activations follow at once, so that a processor which runs
 * ahead starts on the next tile's products meanwhile. The backward pass here is the pointwise part. */

#define COLUMN_VECTORS (TILE_VECTORS == 5 ? 5 : 3)
#define OVERLAPS       (VECTOR_BYTES == 64 && REAL_BITS == 32)

static void NAME(columns_lstm_pack)(int64_t input, int64_t hidden, const void *w_data, const void *b_data,
                                    void *packed_data) {
    const REAL *w = w_data;
    REAL *packed = packed_data;
    const int64_t unit_length = (input + hidden + 1) * 4;
    NAME(transpose)(4, hidden, b_data, hidden, packed, unit_length);
    for (int64_t unit = 0; unit < hidden; unit++) packed[unit * unit_length + 1] += 1;
    for (int64_t row = 0; row < input + hidden; row++)
        NAME(transpose)(4, hidden, w + row * 4 * hidden, hidden, packed + (row + 1) * 4, unit_length);
    const NAME(quad) factor = {(REAL)0.5, (REAL)0.5, 1, (REAL)0.5};
    for (int64_t i = 0; i < hidden * unit_length; i += 4) {
        NAME(quad_unaligned) *gates = (NAME(quad_unaligned) *)(void *)(packed + i);
        *gates = *gates * factor;
    }
}

/* Where the products of a unit's gates are taken: the present row of [x; h] and its four weights. */
typedef struct NAME(column_rows) {
    const REAL *row, *w, *h;
    int64_t left; /* rows of x that follow, this one among them */
    int64_t columns;
} NAME(column_rows);

/* One row's share of the gates of some vectors of columns. */
INLINE void NAME(columns_product)(NAME(column_rows) * at, const int vectors, VECTOR sum[4][COLUMN_VECTORS]) {
    VECTOR x[COLUMN_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) x[v] = NAME(load)(at->row + v * LANES);
    UNROLL for (int gate = 0; gate < 4; gate++) {
        const VECTOR factor = NAME(splat)(at->w[gate]);
        UNROLL for (int v = 0; v < vectors; v++) sum[gate][v] = NAME(multiply_add)(factor, x[v], sum[gate][v]);
    }
    at->w += 4;
    at->row = --at->left == 0 ? at->h : at->row + at->columns;
}

/* The sums at the start are the biases. */
INLINE NAME(column_rows) NAME(columns_begin)(const columns_lstm_arguments *arguments, const int vectors, int64_t unit,
                                             int64_t column, VECTOR sum[4][COLUMN_VECTORS]) {
    const int64_t columns = arguments->columns;
    const REAL *w = (const REAL *)arguments->packed + unit * (arguments->input + arguments->hidden + 1) * 4;
    UNROLL for (int gate = 0; gate < 4; gate++) {
        UNROLL for (int v = 0; v < vectors; v++) sum[gate][v] = NAME(splat)(w[gate]);
    }
    const REAL *x = (const REAL *)arguments->x + column, *h = (const REAL *)arguments->h + column;
    return (NAME(column_rows)){.row = x, .w = w + 4, .h = h, .left = arguments->input, .columns = columns};
}

/* A unit whose products are done, on the way to its new state. */
typedef struct NAME(column_unit) {
    REAL *sums;                             /* [4, vectors]; replaced by what follows from them */
    const REAL *c;                          /* of the unit's first column here, as all that follow */
    REAL *c_next, *h_next, *tanh_c, *gates; /* the last two NULL where they are not wanted */
    int64_t gate, columns;                  /* between one gate's activations and the next's, and between units */
} NAME(column_unit);

INLINE NAME(column_unit)
    NAME(columns_unit)(const columns_lstm_arguments *arguments, int64_t unit, int64_t column, REAL *sums) {
    const int64_t place = unit * arguments->columns + column;
    NAME(column_unit)
    own = {.sums = sums,
           .c = (const REAL *)arguments->c + place,
           .c_next = (REAL *)arguments->c_next + place,
           .h_next = (REAL *)arguments->h_next + place,
           .gate = arguments->hidden * arguments->columns,
           .columns = arguments->columns};
    if (!arguments->gates) return own;
    own.gates = (REAL *)arguments->gates + place;
    own.tanh_c = (REAL *)arguments->tanh_c + place;
    return own;
}

/* Stores, and has the memory brought near where the next unit's will go: saved records come from far away. */
INLINE void NAME(columns_save)(REAL *target, int64_t columns, VECTOR v) {
    __builtin_prefetch(target + columns, 1);
    NAME(store)(target, v);
}

INLINE VECTOR NAME(columns_activate)(const NAME(column_unit) * unit, const int vectors, const int gate, int v) {
    const VECTOR half = NAME(splat)((REAL)0.5);
    VECTOR active = NAME(vector_tanh)(NAME(load)(unit->sums + (gate * vectors + v) * LANES));
    if (gate != 2) active = NAME(multiply_add)(half, active, half);
    if (unit->gates) NAME(columns_save)(unit->gates + gate * unit->gate + v * LANES, unit->columns, active);
    return active;
}

/* The new state of one unit: five activations for each vector, and with each of them a row of the next unit's products,
 * where `at` is not NULL. Activations that need each other are five apart, so that none waits. */
INLINE void NAME(columns_finish)(const NAME(column_unit) * unit, const int vectors, NAME(column_rows) * at,
                                 VECTOR sum[4][COLUMN_VECTORS]) {
    for (int v = 0; v < vectors; v++) {
        if (at) NAME(columns_product)(at, vectors, sum);
        NAME(store)(unit->sums + (2 * vectors + v) * LANES, NAME(columns_activate)(unit, vectors, 2, v));
    }
    for (int v = 0; v < vectors; v++) {
        if (at) NAME(columns_product)(at, vectors, sum);
        REAL *fresh = unit->sums + (2 * vectors + v) * LANES;
        NAME(store)(fresh, NAME(load)(fresh) * NAME(columns_activate)(unit, vectors, 0, v));
    }
    for (int v = 0; v < vectors; v++) {
        if (at) NAME(columns_product)(at, vectors, sum);
        const VECTOR forget = NAME(columns_activate)(unit, vectors, 1, v), old = NAME(load)(unit->c + v * LANES);
        const VECTOR fresh = NAME(load)(unit->sums + (2 * vectors + v) * LANES);
        NAME(columns_save)(unit->c_next + v * LANES, unit->columns, NAME(multiply_add)(forget, old, fresh));
    }
    for (int v = 0; v < vectors; v++) {
        if (at) NAME(columns_product)(at, vectors, sum);
        const VECTOR t = NAME(vector_tanh)(NAME(load)(unit->c_next + v * LANES));
        NAME(store)(unit->sums + v * LANES, t);
        if (unit->tanh_c) NAME(columns_save)(unit->tanh_c + v * LANES, unit->columns, t);
    }
    for (int v = 0; v < vectors; v++) {
        if (at) NAME(columns_product)(at, vectors, sum);
        const VECTOR out = NAME(columns_activate)(unit, vectors, 3, v);
        NAME(columns_save)(unit->h_next + v * LANES, unit->columns, NAME(load)(unit->sums + v * LANES) * out);
    }
}

/* All units of some vectors of columns. */
INLINE void NAME(columns_cells)(const columns_lstm_arguments *arguments, const int vectors, int64_t column) {
    REAL sums[4 * COLUMN_VECTORS * LANES] __attribute__((aligned(64))) = {0};
    const int64_t rows = arguments->input + arguments->hidden;
    const bool overlaps = OVERLAPS && rows >= 5 * vectors;
    for (int64_t unit = 0; unit < arguments->hidden; unit++) {
        VECTOR sum[4][COLUMN_VECTORS];
        NAME(column_rows) at = NAME(columns_begin)(arguments, vectors, unit, column, sum);
        int64_t k = 0;
        if (unit > 0 && overlaps) {
            const NAME(column_unit) before = NAME(columns_unit)(arguments, unit - 1, column, sums);
            NAME(columns_finish)(&before, vectors, &at, sum);
            k = 5 * vectors;
        }
        for (; k < rows; k++) NAME(columns_product)(&at, vectors, sum);
        UNROLL for (int gate = 0; gate < 4; gate++) {
            UNROLL for (int v = 0; v < vectors; v++) NAME(store)(sums + (gate * vectors + v) * LANES, sum[gate][v]);
        }
        if (overlaps && unit + 1 < arguments->hidden) continue;
        const NAME(column_unit) own = NAME(columns_unit)(arguments, unit, column, sums);
        NAME(columns_finish)(&own, vectors, NULL, NULL);
    }
}

#define CELLS(vectors)                                                                                                 \
    static void NAME(columns_cells_##vectors)(const columns_lstm_arguments *arguments, int64_t column) {               \
        NAME(columns_cells)(arguments, vectors, column);                                                               \
    }
CELLS(1)
CELLS(2)
CELLS(3)
#if TILE_VECTORS == 5
CELLS(4)
CELLS(5)
#endif
#undef CELLS

static void NAME(columns_lstm_forward)(const columns_lstm_arguments *arguments) {
    static void (*const cells[])(const columns_lstm_arguments *, int64_t) = {
        NAME(columns_cells_1),
        NAME(columns_cells_2),
        NAME(columns_cells_3),
#if TILE_VECTORS == 5
        NAME(columns_cells_4),
        NAME(columns_cells_5),
#endif
    };
    const int64_t vectors = arguments->columns / LANES, tiles = (vectors + COLUMN_VECTORS - 1) / COLUMN_VECTORS;
    for (int64_t tile = 0; tile < tiles; tile++) {
        const int64_t first = tile * vectors / tiles, end = (tile + 1) * vectors / tiles;
        cells[end - first - 1](arguments, first * LANES);
    }
}

/* Without `later` dh_later and dc are zero. */
INLINE void NAME(columns_pointwise)(const columns_lstm_backward_arguments *arguments, const bool later) {
    const int64_t columns = arguments->columns, hidden = arguments->hidden, gate = hidden * columns;
    const VECTOR one = NAME(splat)(1);
    REAL *db = arguments->db;
    for (int64_t unit = 0; unit < hidden; unit++, db += COLUMN_MULTIPLE) {
        for (int64_t slot = 0; slot < COLUMN_MULTIPLE; slot += LANES) {
            VECTOR sum[4] = {{0}};
            for (int64_t column = slot; column < columns; column += COLUMN_MULTIPLE) {
                const int64_t place = unit * columns + column;
                const REAL *gates = (const REAL *)arguments->gates + place;
                REAL *dgates = (REAL *)arguments->dgates + place;
                const VECTOR i = NAME(load)(gates), f = NAME(load)(gates + gate), g = NAME(load)(gates + 2 * gate);
                const VECTOR o = NAME(load)(gates + 3 * gate), t = NAME(load)((const REAL *)arguments->tanh_c + place);
                VECTOR dh = NAME(load)((const REAL *)arguments->dh_above + place);
                if (later) dh += NAME(load)((const REAL *)arguments->dh_later + place);
                const VECTOR dho = dh * o, dht = dh * t;
                VECTOR dc = dho - dho * t * t;
                if (later) dc += NAME(load)((const REAL *)arguments->dc + place);
                const VECTOR dcf = dc * f, dci = dc * i;
                NAME(store)((REAL *)arguments->dc_previous + place, dcf);
                const VECTOR old = NAME(load)((const REAL *)arguments->c + place);
                const VECTOR part[4] = {dci * g * (one - i), dcf * old * (one - f), dci * (one - g * g),
                                        dht * o * (one - o)};
                UNROLL for (int k = 0; k < 4; k++) {
                    sum[k] += part[k];
                    NAME(store)(dgates + k * gate, part[k]);
                }
            }
            UNROLL for (int k = 0; k < 4; k++) {
                REAL *to = db + k * hidden * COLUMN_MULTIPLE + slot;
                NAME(store)(to, NAME(load)(to) + sum[k]);
            }
        }
    }
}

static void NAME(columns_lstm_backward)(const columns_lstm_backward_arguments *arguments) {
    if (arguments->dh_later)
        NAME(columns_pointwise)(arguments, true);
    else
        NAME(columns_pointwise)(arguments, false);
}

#undef COLUMN_VECTORS
#undef OVERLAPS
