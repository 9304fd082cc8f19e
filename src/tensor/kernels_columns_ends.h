/* What lies before and behind the LSTM layers, in columns: the projection of the inputs and the step. Included by
 * kernels_body.h. */

INLINE void NAME(columns_project)(const columns_projection_arguments *arguments, const int64_t input) {
    const int64_t columns = arguments->columns, hidden = arguments->hidden;
    const REAL *x = arguments->x, *w = arguments->w, *b = arguments->b;
    REAL *out = arguments->out;
    for (int64_t unit = 0; unit < hidden; unit++) {
        for (int64_t column = 0; column < columns; column += LANES) {
            VECTOR sum = NAME(splat)(b[unit]);
            for (int64_t k = 0; k < input; k++)
                sum = NAME(multiply_add)(NAME(splat)(w[k * hidden + unit]), NAME(load)(x + k * columns + column), sum);
            NAME(store)(out + unit * columns + column, NAME(vector_elu)(sum));
        }
    }
}

static void NAME(columns_projection)(const columns_projection_arguments *arguments) {
    if (arguments->input == 2)
        NAME(columns_project)(arguments, 2);
    else
        NAME(columns_project)(arguments, arguments->input);
}

/* The sums of one unit's bias and of the weights of two inputs, or of one without `second`. The factor of ELU's
 * derivative is 1 above zero and out + 1 = exp(.) below. */
INLINE void NAME(columns_projection_sums)(const columns_projection_backward_arguments *arguments, int64_t unit,
                                          int64_t k, const bool second) {
    const int64_t columns = arguments->columns, hidden = arguments->hidden;
    const REAL *out = (const REAL *)arguments->out + unit * columns;
    const REAL *dout = (const REAL *)arguments->dout + unit * columns;
    const REAL *x = (const REAL *)arguments->x + k * columns;
    REAL *db = (REAL *)arguments->db + unit * COLUMN_MULTIPLE;
    REAL *dw = (REAL *)arguments->dw + (k * hidden + unit) * COLUMN_MULTIPLE;
    REAL *second_dw = second ? dw + hidden * COLUMN_MULTIPLE : NULL;
    const VECTOR one = NAME(splat)(1);
    for (int64_t slot = 0; slot < COLUMN_MULTIPLE; slot += LANES) {
        VECTOR sum = NAME(load)(db + slot), first_sum = NAME(load)(dw + slot);
        VECTOR second_sum = second ? NAME(load)(second_dw + slot) : sum;
        for (int64_t column = slot; column < columns; column += COLUMN_MULTIPLE) {
            const VECTOR y = NAME(load)(out + column);
            const VECTOR d = NAME(load)(dout + column) * NAME(select)(y > 0, one, y + one);
            sum += d;
            first_sum = NAME(multiply_add)(d, NAME(load)(x + column), first_sum);
            if (second) second_sum = NAME(multiply_add)(d, NAME(load)(x + columns + column), second_sum);
        }
        if (k == 0) NAME(store)(db + slot, sum);
        NAME(store)(dw + slot, first_sum);
        if (second) NAME(store)(second_dw + slot, second_sum);
    }
}

static void NAME(columns_projection_backward)(const columns_projection_backward_arguments *arguments) {
    for (int64_t unit = 0; unit < arguments->hidden; unit++)
        for (int64_t k = 0; k < arguments->input; k += 2) {
            if (k + 1 < arguments->input)
                NAME(columns_projection_sums)(arguments, unit, k, true);
            else
                NAME(columns_projection_sums)(arguments, unit, k, false);
        }
}

static void NAME(columns_head)(const columns_head_arguments *arguments) {
    const int64_t columns = arguments->columns, hidden = arguments->hidden;
    const REAL *h = arguments->h, *w = arguments->w, *b = arguments->b, *x = arguments->x;
    REAL *x_next = arguments->x_next, *u_out = arguments->u;
    const VECTOR scale = NAME(splat)((REAL)arguments->scale);
    for (int64_t column = 0; column < columns; column += LANES) {
        VECTOR sum = NAME(splat)(*b);
        for (int64_t unit = 0; unit < hidden; unit++)
            sum = NAME(multiply_add)(NAME(splat)(w[unit]), NAME(load)(h + unit * columns + column), sum);
        const VECTOR u = NAME(vector_tanh)(sum);
        if (u_out) NAME(store)(u_out + column, u);
        NAME(store)(x_next + column, NAME(load)(x + column) + scale * u);
    }
}

/* In strips of columns, whose gradients of the pre-activation are kept while the units pass. */
static void NAME(columns_head_backward)(const columns_head_backward_arguments *arguments) {
    enum { STRIP = 8 * COLUMN_MULTIPLE };
    REAL d[STRIP] __attribute__((aligned(64)));
    const int64_t columns = arguments->columns;
    const VECTOR one = NAME(splat)(1), scale = NAME(splat)((REAL)arguments->scale);
    for (int64_t first = 0; first < columns; first += STRIP) {
        const int64_t width = columns - first < STRIP ? columns - first : STRIP;
        const REAL *u = (const REAL *)arguments->u + first, *lambda = (const REAL *)arguments->lambda + first;
        for (int64_t j = 0; j < width; j += LANES) {
            const VECTOR y = NAME(load)(u + j), own = NAME(load)(lambda + j) * scale * (one - y * y);
            REAL *db = (REAL *)arguments->db + j % COLUMN_MULTIPLE;
            NAME(store)(d + j, own);
            NAME(store)(db, NAME(load)(db) + own);
        }
        for (int64_t unit = 0; unit < arguments->hidden; unit++) {
            const REAL *h = (const REAL *)arguments->h + unit * columns + first;
            REAL *dh = (REAL *)arguments->dh + unit * columns + first;
            REAL *dw = (REAL *)arguments->dw + unit * COLUMN_MULTIPLE;
            const VECTOR w = NAME(splat)(((const REAL *)arguments->w)[unit]);
            for (int64_t slot = 0; slot < COLUMN_MULTIPLE; slot += LANES) {
                VECTOR sum = NAME(load)(dw + slot);
                for (int64_t j = slot; j < width; j += COLUMN_MULTIPLE) {
                    const VECTOR own = NAME(load)(d + j);
                    sum = NAME(multiply_add)(own, NAME(load)(h + j), sum);
                    NAME(store)(dh + j, w * own);
                }
                NAME(store)(dw + slot, sum);
            }
        }
    }
}
