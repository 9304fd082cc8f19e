/* Second order in columns: the tangent of one step of an RNNprop-like network along a direction of its weights, and the
 * pointwise backward pass of a step together with that pass's own tangent (forward over reverse). Included by
 * kernels_body.h.
 *
 * The cell's forward tangent is one register tile per hidden unit, four gates by up to TILE_VECTORS vectors, over both
 * products W [x'; h'] + W' [x; h]; the slopes follow while the next tile multiplies. Of the backward pass the products
 * are left to gemm, as in the first order. Sums of products are written as multiply_add, so that a column's bits do not
 * depend on its place. */

/* sum[gate][v] += weights[k][gate] rows[k][v], k < count. */
INLINE void NAME(gates_add)(const int vectors, int64_t count, const REAL *weights, const REAL *rows, int64_t columns,
                            VECTOR sum[4][5]) {
    for (int64_t k = 0; k < count; k++, weights += 4, rows += columns) {
        VECTOR row[5];
        UNROLL for (int v = 0; v < vectors; v++) row[v] = NAME(load)(rows + v * LANES);
        UNROLL for (int gate = 0; gate < 4; gate++) {
            const VECTOR factor = NAME(splat)(weights[gate]);
            UNROLL for (int v = 0; v < vectors; v++) sum[gate][v] = NAME(multiply_add)(factor, row[v], sum[gate][v]);
        }
    }
}

/* The slopes' part, from the tangents of one unit's pre-activations in one vector of columns: of the sigmoids' halves,
 * as weights are packed. */
INLINE void NAME(unit_tangent)(const columns_lstm_tangent_arguments *arguments, int64_t at, VECTOR i_sum, VECTOR f_sum,
                               VECTOR g_sum, VECTOR o_sum) {
    const int64_t gate = arguments->hidden * arguments->columns;
    const REAL *gates = (const REAL *)arguments->gates + at;
    REAL *gates_tangent = (REAL *)arguments->gates_tangent + at;
    const VECTOR one = NAME(splat)(1);
    const VECTOR i = NAME(load)(gates), f = NAME(load)(gates + gate), g = NAME(load)(gates + 2 * gate);
    const VECTOR o = NAME(load)(gates + 3 * gate), t = NAME(load)((const REAL *)arguments->tanh_c + at);
    const VECTOR c = NAME(load)((const REAL *)arguments->c + at);
    const VECTOR c_tangent = NAME(load)((const REAL *)arguments->c_tangent + at);
    const VECTOR i_tangent = (i + i) * (one - i) * i_sum, f_tangent = (f + f) * (one - f) * f_sum;
    const VECTOR g_tangent = NAME(multiply_add)(-g, g, one) * g_sum, o_tangent = (o + o) * (one - o) * o_sum;
    VECTOR next = NAME(multiply_add)(i, g_tangent, i_tangent * g);
    next = NAME(multiply_add)(f_tangent, c, next);
    next = NAME(multiply_add)(f, c_tangent, next);
    const VECTOR t_tangent = NAME(multiply_add)(-t, t, one) * next;
    NAME(store)(gates_tangent, i_tangent);
    NAME(store)(gates_tangent + gate, f_tangent);
    NAME(store)(gates_tangent + 2 * gate, g_tangent);
    NAME(store)(gates_tangent + 3 * gate, o_tangent);
    NAME(store)((REAL *)arguments->c_next_tangent + at, next);
    NAME(store)((REAL *)arguments->tanh_c_tangent + at, t_tangent);
    NAME(store)((REAL *)arguments->h_next_tangent + at, NAME(multiply_add)(o, t_tangent, o_tangent * t));
}

INLINE void NAME(lstm_tangent_group)(const columns_lstm_tangent_arguments *arguments, int64_t first,
                                     const int vectors) {
    const int64_t columns = arguments->columns, input = arguments->input, hidden = arguments->hidden;
    const REAL *b = arguments->b_tangent;
    for (int64_t unit = 0; unit < hidden; unit++) {
        const int64_t place = (unit * (input + hidden + 1) + 1) * 4; /* behind the unit's biases */
        const REAL *w = (const REAL *)arguments->packed + place;
        const REAL *w_tangent = (const REAL *)arguments->packed_tangent + place;
        VECTOR sum[4][5];
        UNROLL for (int gate = 0; gate < 4; gate++) {
            const REAL start = b[gate * hidden + unit] * (REAL)(gate == 2 ? 1 : 0.5);
            UNROLL for (int v = 0; v < vectors; v++) sum[gate][v] = NAME(splat)(start);
        }
        NAME(gates_add)(vectors, input, w, (const REAL *)arguments->x_tangent + first, columns, sum);
        NAME(gates_add)
        (vectors, hidden, w + 4 * input, (const REAL *)arguments->h_tangent + first, columns, sum);
        NAME(gates_add)(vectors, input, w_tangent, (const REAL *)arguments->x + first, columns, sum);
        NAME(gates_add)
        (vectors, hidden, w_tangent + 4 * input, (const REAL *)arguments->h + first, columns, sum);
        UNROLL for (int v = 0; v < vectors; v++) NAME(unit_tangent)(arguments, unit * columns + first + v * LANES,
                                                                    sum[0][v], sum[1][v], sum[2][v], sum[3][v]);
    }
}

static void NAME(columns_lstm_tangent)(const columns_lstm_tangent_arguments *arguments) {
    const int64_t vectors = arguments->columns / LANES, groups = (vectors + TILE_VECTORS - 1) / TILE_VECTORS;
    for (int64_t group = 0; group < groups; group++) {
        const int64_t from = group * vectors / groups, to = (group + 1) * vectors / groups;
        switch (to - from) {
        case 1: NAME(lstm_tangent_group)(arguments, from * LANES, 1); break;
        case 2: NAME(lstm_tangent_group)(arguments, from * LANES, 2); break;
        case 3: NAME(lstm_tangent_group)(arguments, from * LANES, 3); break;
#if TILE_VECTORS == 5
        case 4: NAME(lstm_tangent_group)(arguments, from * LANES, 4); break;
        case 5: NAME(lstm_tangent_group)(arguments, from * LANES, 5); break;
#endif
        default: break;
        }
    }
}

/* One vector of the pointwise part, both orders: with d = dc + dh o (1 - t^2), the gates' derivatives are raw * slope,
 * raw = [d g, d c, d i, dh t], and each factor's tangent is carried along. The gates' derivatives come back. */
INLINE void NAME(unit_backward)(const columns_lstm_tangent_backward_arguments *arguments, int64_t at, VECTOR part[4],
                                VECTOR part1[4]) {
    const int64_t gate = arguments->hidden * arguments->columns;
    const REAL *gates = (const REAL *)arguments->gates + at;
    const REAL *gates_tangent = (const REAL *)arguments->gates_tangent + at;
    REAL *dc = (REAL *)arguments->dc + at, *dc_tangent = (REAL *)arguments->dc_tangent + at;
    const VECTOR one = NAME(splat)(1);
    const VECTOR i = NAME(load)(gates), f = NAME(load)(gates + gate), g = NAME(load)(gates + 2 * gate);
    const VECTOR o = NAME(load)(gates + 3 * gate), t = NAME(load)((const REAL *)arguments->tanh_c + at);
    const VECTOR i1 = NAME(load)(gates_tangent), f1 = NAME(load)(gates_tangent + gate);
    const VECTOR g1 = NAME(load)(gates_tangent + 2 * gate), o1 = NAME(load)(gates_tangent + 3 * gate);
    const VECTOR t1 = NAME(load)((const REAL *)arguments->tanh_c_tangent + at);
    const VECTOR c = NAME(load)((const REAL *)arguments->c + at);
    const VECTOR c1 = NAME(load)((const REAL *)arguments->c_tangent + at);
    const VECTOR dh = NAME(load)((const REAL *)arguments->dh + at);
    const VECTOR dh1 = NAME(load)((const REAL *)arguments->dh_tangent + at);

    const VECTOR slope_t = NAME(multiply_add)(-t, t, one), to_c = o * slope_t;
    const VECTOR to_c1 = NAME(multiply_add)(o1, slope_t, (o + o) * -t * t1);
    const VECTOR d = NAME(multiply_add)(dh, to_c, NAME(load)(dc));
    const VECTOR d1 = NAME(multiply_add)(dh, to_c1, NAME(multiply_add)(dh1, to_c, NAME(load)(dc_tangent)));
    NAME(store)(dc, d * f);
    NAME(store)(dc_tangent, NAME(multiply_add)(d, f1, d1 * f));

    const VECTOR slope_i = i * (one - i), slope_f = f * (one - f), slope_o = o * (one - o);
    const VECTOR slope_g = NAME(multiply_add)(-g, g, one);
    const VECTOR raw_i = d * g, raw_f = d * c, raw_g = d * i, raw_o = dh * t;
    part[0] = raw_i * slope_i;
    part[1] = raw_f * slope_f;
    part[2] = raw_g * slope_g;
    part[3] = raw_o * slope_o;
    const VECTOR raw_i1 = NAME(multiply_add)(d1, g, d * g1), raw_f1 = NAME(multiply_add)(d1, c, d * c1);
    const VECTOR raw_g1 = NAME(multiply_add)(d1, i, d * i1), raw_o1 = NAME(multiply_add)(dh1, t, dh * t1);
    part1[0] = NAME(multiply_add)(raw_i1, slope_i, raw_i * ((one - (i + i)) * i1));
    part1[1] = NAME(multiply_add)(raw_f1, slope_f, raw_f * ((one - (f + f)) * f1));
    part1[2] = NAME(multiply_add)(raw_g1, slope_g, raw_g * (-(g + g) * g1));
    part1[3] = NAME(multiply_add)(raw_o1, slope_o, raw_o * ((one - (o + o)) * o1));
}

/* sums[COLUMN_MULTIPLE] += v, in the place of the columns that v holds. */
INLINE void NAME(add_partial)(REAL *sums, int64_t column, VECTOR v) {
    sums += column % COLUMN_MULTIPLE;
    NAME(store)(sums, NAME(load)(sums) + v);
}

static void NAME(columns_lstm_tangent_backward)(const columns_lstm_tangent_backward_arguments *arguments) {
    const int64_t columns = arguments->columns, hidden = arguments->hidden;
    REAL *db_tangent = arguments->db_tangent;
    for (int64_t unit = 0; unit < hidden; unit++)
        for (int64_t slot = 0; slot < COLUMN_MULTIPLE; slot += LANES) {
            VECTOR sum[4] = {{0}};
            for (int64_t column = slot; column < columns; column += COLUMN_MULTIPLE) {
                VECTOR part[4], part_tangent[4];
                NAME(unit_backward)(arguments, unit * columns + column, part, part_tangent);
                UNROLL for (int gate = 0; gate < 4; gate++) {
                    const int64_t at = (gate * hidden + unit) * columns + column;
                    NAME(store)((REAL *)arguments->dgates + at, part[gate]);
                    NAME(store)((REAL *)arguments->dgates_tangent + at, part_tangent[gate]);
                    sum[gate] += part_tangent[gate];
                }
            }
            UNROLL for (int gate = 0; gate < 4; gate++)
                NAME(add_partial)(db_tangent + (gate * hidden + unit) * COLUMN_MULTIPLE, slot, sum[gate]);
        }
}

static void NAME(columns_projection_tangent)(const columns_projection_tangent_arguments *arguments) {
    const int64_t columns = arguments->columns, hidden = arguments->hidden;
    const REAL *w = arguments->w_tangent, *b = arguments->b_tangent, *x = arguments->x;
    const REAL *out = arguments->out;
    REAL *out_tangent = arguments->out_tangent;
    const VECTOR one = NAME(splat)(1);
    for (int64_t unit = 0; unit < hidden; unit++)
        for (int64_t column = 0; column < columns; column += LANES) {
            VECTOR sum = NAME(splat)(b[unit]);
            for (int64_t k = 0; k < arguments->input; k++)
                sum = NAME(multiply_add)(NAME(splat)(w[k * hidden + unit]), NAME(load)(x + k * columns + column), sum);
            const VECTOR y = NAME(load)(out + unit * columns + column);
            NAME(store)(out_tangent + unit * columns + column, NAME(select)(y > 0, one, y + one) * sum);
        }
}

static void NAME(columns_projection_tangent_backward)(const columns_projection_tangent_backward_arguments *arguments) {
    const int64_t columns = arguments->columns, hidden = arguments->hidden, input = arguments->input;
    const REAL *x = arguments->x, *out = arguments->out, *out_tangent = arguments->out_tangent;
    const REAL *dout = arguments->dout, *dout_tangent = arguments->dout_tangent;
    REAL *dw_tangent = arguments->dw_tangent, *db_tangent = arguments->db_tangent;
    const VECTOR one = NAME(splat)(1), zero = {0};
    for (int64_t unit = 0; unit < hidden; unit++)
        for (int64_t column = 0; column < columns; column += LANES) {
            const int64_t at = unit * columns + column;
            const VECTOR y = NAME(load)(out + at), slope = NAME(select)(y > 0, one, y + one);
            /* The slope's own tangent is 0 where y > 0; below, where the slope is exp, it is that of y. */
            const VECTOR bend = NAME(select)(y > 0, zero, NAME(load)(out_tangent + at));
            const VECTOR d_tangent =
                NAME(multiply_add)(NAME(load)(dout_tangent + at), slope, NAME(load)(dout + at) * bend);
            NAME(add_partial)(db_tangent + unit * COLUMN_MULTIPLE, column, d_tangent);
            for (int64_t k = 0; k < input; k++) {
                const VECTOR feature = NAME(load)(x + k * columns + column);
                const int64_t row = (k * hidden + unit) * COLUMN_MULTIPLE;
                NAME(add_partial)(dw_tangent + row, column, d_tangent * feature);
            }
        }
}
