/* What lies before the LSTM layers, in columns: the projection of the inputs. Included by kernels_body.h. */

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
