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
    REAL *sums;            /* [4, vectors]; some are replaced by what follows from them */
    const REAL *c;         /* of the unit's first column here, as all that follow */
    REAL *c_next, *h_next; /* of the unit's first column here, as the next two */
    REAL *tanh_c, *gates;  /* only where they are saved */
    int64_t gate, columns; /* between one gate's activations and the next's, and between units */
} NAME(column_unit);

INLINE NAME(column_unit) NAME(columns_unit)(const columns_lstm_arguments *arguments, const int saves, int64_t unit,
                                            int64_t column, REAL *sums) {
    const int64_t columns = arguments->columns, place = unit * columns + column;
    return (NAME(column_unit)){.sums = sums,
                               .c = (const REAL *)arguments->c + place,
                               .c_next = (REAL *)arguments->c_next + place,
                               .h_next = (REAL *)arguments->h_next + place,
                               .tanh_c = saves ? (REAL *)arguments->tanh_c + place : NULL,
                               .gates = saves ? (REAL *)arguments->gates + place : NULL,
                               .gate = arguments->hidden * columns,
                               .columns = columns};
}

/* What becomes of the activations: nothing, or a record that is near or far. */
#define DROPS   0
#define SAVES   1
#define STREAMS 2

/* Stores, and where values are saved has the memory brought near where the next unit's will go: records come from far
 * away. */
INLINE void NAME(columns_store)(const int saves, REAL *target, int64_t columns, VECTOR v) {
    if (saves) __builtin_prefetch(target + columns, 1);
    NAME(store)(target, v);
}

/* The same of what is not needed again on the way forward. */
INLINE void NAME(columns_save)(const int saves, REAL *target, int64_t columns, VECTOR v) {
    if (saves == STREAMS)
        NAME(store_streaming)(target, v);
    else
        NAME(columns_store)(saves, target, columns, v);
}

INLINE VECTOR NAME(columns_activate)(const NAME(column_unit) * unit, const int vectors, const int saves, const int gate,
                                     int v) {
    const VECTOR half = NAME(splat)((REAL)0.5);
    VECTOR active = NAME(tanh_beside)(NAME(load)(unit->sums + (gate * vectors + v) * LANES));
    if (gate != 2) active = NAME(multiply_add)(half, active, half);
    if (saves) NAME(columns_save)(saves, unit->gates + gate * unit->gate + v * LANES, unit->columns, active);
    return active;
}

/* The new state of one unit: five activations for each vector, and with each of them a row of the next unit's products,
 * where `at` is not NULL. Activations that need each other are far apart, so that none waits. There are no branches
 * inside: behind one, a compiler would put off products until their factors fill the registers. */
INLINE void NAME(columns_finish)(const NAME(column_unit) * unit, const int vectors, const int saves,
                                 NAME(column_rows) * at, VECTOR sum[4][COLUMN_VECTORS]) {
    REAL *fresh = unit->sums + 2 * vectors * LANES; /* tanh(g), then the input's share of c' */
    for (int v = 0; v < vectors; v++) {
        if (at) NAME(columns_product)(at, vectors, sum);
        const VECTOR g = NAME(columns_activate)(unit, vectors, saves, 2, v);
        if (saves != SAVES) NAME(store)(fresh + v * LANES, g);
    }
    const REAL *g = saves == SAVES ? unit->gates + 2 * unit->gate : fresh;
    for (int v = 0; v < vectors; v++) {
        if (at) NAME(columns_product)(at, vectors, sum);
        const VECTOR i = NAME(columns_activate)(unit, vectors, saves, 0, v);
        NAME(store)(fresh + v * LANES, i * NAME(load)(g + v * LANES));
    }
    for (int v = 0; v < vectors; v++) {
        if (at) NAME(columns_product)(at, vectors, sum);
        const VECTOR f = NAME(columns_activate)(unit, vectors, saves, 1, v);
        const VECTOR c = NAME(multiply_add)(f, NAME(load)(unit->c + v * LANES), NAME(load)(fresh + v * LANES));
        NAME(columns_store)(saves, unit->c_next + v * LANES, unit->columns, c);
    }
    REAL *tanh_c = saves == SAVES ? unit->tanh_c : fresh;
    for (int v = 0; v < vectors; v++) {
        if (at) NAME(columns_product)(at, vectors, sum);
        const VECTOR t = NAME(tanh_beside)(NAME(load)(unit->c_next + v * LANES));
        NAME(columns_store)(saves == SAVES, tanh_c + v * LANES, unit->columns, t);
        if (saves == STREAMS) NAME(store_streaming)(unit->tanh_c + v * LANES, t);
    }
    for (int v = 0; v < vectors; v++) {
        if (at) NAME(columns_product)(at, vectors, sum);
        const VECTOR o = NAME(columns_activate)(unit, vectors, saves, 3, v);
        NAME(columns_store)(saves, unit->h_next + v * LANES, unit->columns, o * NAME(load)(tanh_c + v * LANES));
    }
}

/* All units of some vectors of columns. */
INLINE void NAME(columns_cells)(const columns_lstm_arguments *arguments, const int vectors, const int saves,
                                int64_t column) {
    REAL sums[4 * COLUMN_VECTORS * LANES] __attribute__((aligned(64))) = {0};
    const int64_t rows = arguments->input + arguments->hidden;
    const bool overlaps = OVERLAPS && rows >= 5 * vectors;
    for (int64_t unit = 0; unit < arguments->hidden; unit++) {
        VECTOR sum[4][COLUMN_VECTORS];
        NAME(column_rows) at = NAME(columns_begin)(arguments, vectors, unit, column, sum);
        int64_t k = 0;
        if (unit > 0 && overlaps) {
            const NAME(column_unit) before = NAME(columns_unit)(arguments, saves, unit - 1, column, sums);
            NAME(columns_finish)(&before, vectors, saves, &at, sum);
            k = 5 * vectors;
        }
        for (; k < rows; k++) NAME(columns_product)(&at, vectors, sum);
        UNROLL for (int gate = 0; gate < 4; gate++) {
            UNROLL for (int v = 0; v < vectors; v++) NAME(store)(sums + (gate * vectors + v) * LANES, sum[gate][v]);
        }
        if (overlaps && unit + 1 < arguments->hidden) continue;
        const NAME(column_unit) own = NAME(columns_unit)(arguments, saves, unit, column, sums);
        NAME(columns_finish)(&own, vectors, saves, NULL, NULL);
    }
}

typedef void (*NAME(cells_function))(const columns_lstm_arguments *arguments, int64_t column);

#define CELLS(vectors)                                                                                                 \
    static void NAME(columns_cells_##vectors)(const columns_lstm_arguments *arguments, int64_t column) {               \
        NAME(columns_cells)(arguments, vectors, DROPS, column);                                                        \
    }                                                                                                                  \
    static void NAME(columns_saving_cells_##vectors)(const columns_lstm_arguments *arguments, int64_t column) {        \
        NAME(columns_cells)(arguments, vectors, SAVES, column);                                                        \
    }                                                                                                                  \
    static void NAME(columns_streaming_cells_##vectors)(const columns_lstm_arguments *arguments, int64_t column) {     \
        NAME(columns_cells)(arguments, vectors, STREAMS, column);                                                      \
    }
CELLS(1)
CELLS(2)
CELLS(3)
#if TILE_VECTORS == 5
CELLS(4)
CELLS(5)
#endif
#undef CELLS

static const NAME(cells_function) NAME(cells)[COLUMN_VECTORS][3] = {
#define CELLS(vectors)                                                                                                 \
    { NAME(columns_cells_##vectors), NAME(columns_saving_cells_##vectors), NAME(columns_streaming_cells_##vectors) }
    CELLS(1), CELLS(2), CELLS(3),
#if TILE_VECTORS == 5
    CELLS(4), CELLS(5),
#endif
#undef CELLS
};

static void NAME(columns_lstm_forward)(const columns_lstm_arguments *arguments) {
    const int64_t vectors = arguments->columns / LANES, tiles = (vectors + COLUMN_VECTORS - 1) / COLUMN_VECTORS;
    const int saves = arguments->gates == NULL ? DROPS : arguments->far ? STREAMS : SAVES;
    for (int64_t tile = 0; tile < tiles; tile++) {
        const int64_t first = tile * vectors / tiles, end = (tile + 1) * vectors / tiles;
        NAME(cells)[end - first - 1][saves](arguments, first * LANES);
    }
}

/* Without `later` dh_later and dc are zero. */
INLINE void NAME(columns_pointwise)(const columns_lstm_backward_arguments *arguments, const bool later) {
    const int64_t columns = arguments->columns, hidden = arguments->hidden, gate = hidden * columns;
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
                const VECTOR dho = dh * o, dhot = dho * t;
                VECTOR dc = dho - dhot * t;
                if (later) dc += NAME(load)((const REAL *)arguments->dc + place);
                const VECTOR dcf = dc * f, dci = dc * i, dcig = dci * g;
                NAME(store)((REAL *)arguments->dc_previous + place, dcf);
                const VECTOR dcfc = dcf * NAME(load)((const REAL *)arguments->c + place);
                const VECTOR part[4] = {dcig - dcig * i, dcfc - dcfc * f, dci - dcig * g, dhot - dhot * o};
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
#undef DROPS
#undef SAVES
#undef STREAMS
#undef OVERLAPS
