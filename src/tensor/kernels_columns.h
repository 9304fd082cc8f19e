/* The LSTM cell in columns: one coordinate per lane, so that the four gates of a unit and the products that make them
 * meet in registers. Included by kernels_body.h.
 *
 * A tile is one unit's four gates by up to COLUMN_VECTORS vectors of columns: with each row of [x; h] it loads that
 * row's vectors and multiplies them by the four weights. Its activations follow at once, so that a processor which runs
 * ahead starts on the next tile's products meanwhile. The backward pass here is the pointwise part. */

#define COLUMN_VECTORS (TILE_VECTORS == 5 ? 5 : 3)

static void NAME(columns_lstm_pack)(int64_t input, int64_t hidden, const void *w_data, const void *b_data,
                                    void *packed_data) {
    const REAL *w = w_data, *b = b_data;
    REAL *packed = packed_data;
    const REAL half = (REAL)0.5;
    for (int64_t unit = 0; unit < hidden; unit++) {
        for (int64_t gate = 0; gate < 4; gate++) {
            const REAL bias = b[gate * hidden + unit] + (gate == 1 ? (REAL)1 : (REAL)0);
            packed[gate] = gate == 2 ? bias : half * bias;
        }
        packed += 4;
        for (int64_t row = 0; row < input + hidden; row++, packed += 4)
            for (int64_t gate = 0; gate < 4; gate++) {
                const REAL weight = w[row * 4 * hidden + gate * hidden + unit];
                packed[gate] = gate == 2 ? weight : half * weight;
            }
    }
}

/* out[k] = tanh(x[k]) of up to COLUMN_VECTORS vectors. */
INLINE void NAME(columns_tanh)(const int vectors, const VECTOR *x, VECTOR *out) {
    UNROLL for (int v = 0; v < vectors; v += ABREAST)
        NAME(tanh_abreast)(vectors - v < ABREAST ? vectors - v : ABREAST, x + v, out + v);
}

/* One unit's gates in some vectors of columns, and its new state. */
INLINE void NAME(columns_cell)(const columns_lstm_arguments *arguments, const int vectors, int64_t unit,
                               int64_t column) {
    const int64_t columns = arguments->columns, hidden = arguments->hidden;
    const REAL *const from[2] = {arguments->x, arguments->h};
    const int64_t rows[2] = {arguments->input, hidden};
    const REAL *w = (const REAL *)arguments->packed + unit * (arguments->input + hidden + 1) * 4;
    VECTOR sum[4][COLUMN_VECTORS];
    UNROLL for (int gate = 0; gate < 4; gate++) {
        UNROLL for (int v = 0; v < vectors; v++) sum[gate][v] = NAME(splat)(w[gate]);
    }
    w += 4;
    for (int part = 0; part < 2; part++) {
        const REAL *row = from[part] + column;
        for (int64_t k = 0; k < rows[part]; k++, row += columns, w += 4) {
            VECTOR x[COLUMN_VECTORS];
            UNROLL for (int v = 0; v < vectors; v++) x[v] = NAME(load)(row + v * LANES);
            UNROLL for (int gate = 0; gate < 4; gate++) {
                const VECTOR factor = NAME(splat)(w[gate]);
                UNROLL for (int v = 0; v < vectors; v++) sum[gate][v] = NAME(multiply_add)(factor, x[v], sum[gate][v]);
            }
        }
    }
    const VECTOR half = NAME(splat)((REAL)0.5);
    const int64_t place = unit * columns + column, gate_stride = hidden * columns;
    UNROLL for (int gate = 0; gate < 4; gate++) {
        NAME(columns_tanh)(vectors, sum[gate], sum[gate]);
        UNROLL for (int v = 0; v < vectors; v++) {
            if (gate != 2) sum[gate][v] = NAME(multiply_add)(half, sum[gate][v], half);
            if (arguments->gates)
                NAME(store)((REAL *)arguments->gates + gate * gate_stride + place + v * LANES, sum[gate][v]);
        }
    }
    VECTOR c[COLUMN_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) {
        c[v] = NAME(load)((const REAL *)arguments->c + place + v * LANES);
        c[v] = NAME(multiply_add)(sum[1][v], c[v], sum[0][v] * sum[2][v]);
        NAME(store)((REAL *)arguments->c_next + place + v * LANES, c[v]);
    }
    NAME(columns_tanh)(vectors, c, c);
    UNROLL for (int v = 0; v < vectors; v++) {
        if (arguments->tanh_c) NAME(store)((REAL *)arguments->tanh_c + place + v * LANES, c[v]);
        NAME(store)((REAL *)arguments->h_next + place + v * LANES, sum[3][v] * c[v]);
    }
}

#define CELLS(vectors)                                                                                                 \
    static void NAME(columns_cells_##vectors)(const columns_lstm_arguments *arguments, int64_t column) {               \
        for (int64_t unit = 0; unit < arguments->hidden; unit++) NAME(columns_cell)(arguments, vectors, unit, column); \
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

static void NAME(columns_lstm_backward)(const columns_lstm_backward_arguments *arguments) {
    const int64_t columns = arguments->columns, hidden = arguments->hidden, gate_stride = hidden * columns;
    const REAL *gates = arguments->gates, *tanh_c = arguments->tanh_c, *old = arguments->c;
    const REAL *above = arguments->dh_above, *later = arguments->dh_later, *dc = arguments->dc;
    REAL *dgates = arguments->dgates, *dc_previous = arguments->dc_previous, *db = arguments->db;
    const VECTOR one = NAME(splat)(1);
    for (int64_t unit = 0; unit < hidden; unit++) {
        for (int64_t slot = 0; slot < COLUMN_MULTIPLE; slot += LANES) {
            VECTOR sum[4] = {{0}};
            for (int64_t column = slot; column < columns; column += COLUMN_MULTIPLE) {
                const int64_t place = unit * columns + column;
                const VECTOR i = NAME(load)(gates + place), f = NAME(load)(gates + gate_stride + place);
                const VECTOR g = NAME(load)(gates + 2 * gate_stride + place);
                const VECTOR o = NAME(load)(gates + 3 * gate_stride + place), t = NAME(load)(tanh_c + place);
                VECTOR dh = above ? NAME(load)(above + place) : (VECTOR){0};
                if (later) dh += NAME(load)(later + place);
                const VECTOR through = dh * o * (one - t * t);
                const VECTOR d = dc ? through + NAME(load)(dc + place) : through;
                const VECTOR part[4] = {d * g * (i * (one - i)), d * NAME(load)(old + place) * (f * (one - f)),
                                        d * i * (one - g * g), dh * t * (o * (one - o))};
                UNROLL for (int gate = 0; gate < 4; gate++) {
                    sum[gate] += part[gate];
                    NAME(store)(dgates + gate * gate_stride + place, part[gate]);
                }
                NAME(store)(dc_previous + place, d * f);
            }
            UNROLL for (int gate = 0; gate < 4; gate++) {
                REAL *to = db + (gate * hidden + unit) * COLUMN_MULTIPLE + slot;
                NAME(store)(to, NAME(load)(to) + sum[gate]);
            }
        }
    }
}

#undef COLUMN_VECTORS
