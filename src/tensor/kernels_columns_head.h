/* The last layer and the step in columns, by the rules of kernels.h: forward, backward, and the tangents of both.
 * Included by kernels_body.h, behind kernels_columns_tangent.h.
 *
 * To first order a rule is x' = x + a1 dz1 + a2 dz2 + M dd: slopes of the outputs, and with momentum the share of d
 * that is kept, with mu = lambda + (what the next step left of it) in lambda's place. The slopes and their tangents are
 * all that the ways back know of a rule. */

/* Per column: u = tanh(z) of the one output; or u, r = tanh(z2) and p = s exp(R r); or r = tanh(z1), M, p g and d. */
INLINE void NAME(head)(const columns_head_arguments *arguments, const columns_update update) {
    const int outputs = update == COLUMNS_STEP ? 1 : 2;
    const int64_t columns = arguments->columns, hidden = arguments->hidden;
    const REAL *h = arguments->h, *w = arguments->w, *b = arguments->b, *x = arguments->x;
    const REAL *lengths = arguments->lengths;
    REAL *x_next = arguments->x_next;
    const VECTOR scale = NAME(splat)((REAL)arguments->rule.scale), range = NAME(splat)((REAL)arguments->rule.range);
    const VECTOR shift = NAME(splat)((REAL)arguments->rule.shift);
    for (int64_t column = 0; column < columns; column += LANES) {
        VECTOR z[2];
        UNROLL for (int k = 0; k < outputs; k++) z[k] = NAME(splat)(b[k]);
        for (int64_t unit = 0; unit < hidden; unit++) {
            const VECTOR row = NAME(load)(h + unit * columns + column);
            UNROLL for (int k = 0; k < outputs; k++) z[k] =
                NAME(multiply_add)(NAME(splat)(w[unit * outputs + k]), row, z[k]);
        }
        const VECTOR length = lengths != NULL ? NAME(load)(lengths + column) : scale;
        REAL *saved = arguments->saved == NULL ? NULL : (REAL *)arguments->saved + column;
        VECTOR moved = NAME(load)(x + column);
        if (update == COLUMNS_MOMENTUM) {
            REAL *d = (REAL *)arguments->d + column;
            const VECTOR r = NAME(vector_tanh)(z[0]), kept = NAME(vector_sigmoid)(z[1] + shift), old = NAME(load)(d);
            const VECTOR push = length * NAME(vector_exp)(range * r) * NAME(load)((const REAL *)arguments->g + column);
            const VECTOR step = NAME(multiply_add)(kept, old, -push);
            moved += step;
            NAME(store)(d, step);
            if (saved) {
                NAME(store)(saved, r);
                NAME(store)(saved + columns, kept);
                NAME(store)(saved + 2 * columns, push);
                NAME(store)(saved + 3 * columns, old);
            }
        } else if (update == COLUMNS_SCALED_STEP) {
            const VECTOR u = NAME(vector_tanh)(z[0]), r = NAME(vector_tanh)(z[1]);
            const VECTOR reach = length * NAME(vector_exp)(range * r);
            moved = NAME(multiply_add)(reach, u, moved);
            if (saved) {
                NAME(store)(saved, u);
                NAME(store)(saved + columns, r);
                NAME(store)(saved + 2 * columns, reach);
            }
        } else {
            const VECTOR u = NAME(vector_tanh)(z[0]);
            moved = NAME(multiply_add)(length, u, moved);
            if (saved) NAME(store)(saved, u);
        }
        NAME(store)(x_next + column, moved);
    }
}

static void NAME(columns_head)(const columns_head_arguments *arguments) {
    switch (arguments->rule.update) {
    case COLUMNS_STEP: NAME(head)(arguments, COLUMNS_STEP); break;
    case COLUMNS_SCALED_STEP: NAME(head)(arguments, COLUMNS_SCALED_STEP); break;
    case COLUMNS_MOMENTUM: NAME(head)(arguments, COLUMNS_MOMENTUM); break;
    }
}

/* The slopes of the outputs in one vector of columns, whose rows begin at `saved`. */
INLINE void NAME(head_slopes)(const columns_update update, const REAL *saved, int64_t columns, VECTOR length,
                              VECTOR range, VECTOR slope[2]) {
    const VECTOR one = NAME(splat)(1), first = NAME(load)(saved);
    if (update == COLUMNS_STEP) {
        slope[0] = length * NAME(multiply_add)(-first, first, one);
        return;
    }
    const VECTOR second = NAME(load)(saved + columns), third = NAME(load)(saved + 2 * columns);
    if (update == COLUMNS_SCALED_STEP) {
        slope[0] = third * NAME(multiply_add)(-first, first, one);
        slope[1] = range * third * first * NAME(multiply_add)(-second, second, one);
    } else {
        slope[0] = -range * third * NAME(multiply_add)(-first, first, one);
        slope[1] = NAME(load)(saved + 3 * columns) * second * (one - second);
    }
}

/* Their tangents, from those of z and d at `tangent`. */
INLINE void NAME(head_slope_tangents)(const columns_update update, const REAL *saved, const REAL *tangent,
                                      int64_t columns, VECTOR range, const VECTOR slope[2], VECTOR slope_tangent[2]) {
    const VECTOR one = NAME(splat)(1), first = NAME(load)(saved), z = NAME(load)(tangent);
    if (update == COLUMNS_STEP) {
        slope_tangent[0] = -(slope[0] * (first + first) * z);
        return;
    }
    const VECTOR second = NAME(load)(saved + columns), third = NAME(load)(saved + 2 * columns);
    const VECTOR first_slope = NAME(multiply_add)(-first, first, one), first_tangent = first_slope * z;
    const VECTOR second_z = NAME(load)(tangent + columns);
    if (update == COLUMNS_SCALED_STEP) {
        const VECTOR second_slope = NAME(multiply_add)(-second, second, one), second_tangent = second_slope * second_z;
        const VECTOR growth = range * second_tangent; /* of `third`, relative */
        const VECTOR bend = (first + first) * first_tangent, second_bend = (second + second) * second_tangent;
        slope_tangent[0] = third * NAME(multiply_add)(growth, first_slope, -bend);
        slope_tangent[1] =
            range * third *
            NAME(multiply_add)(NAME(multiply_add)(first, growth, first_tangent), second_slope, -first * second_bend);
    } else {
        const VECTOR growth = range * first_tangent, bend = (first + first) * first_tangent;
        const VECTOR second_slope = second * (one - second), second_bend = (one - (second + second)) * second_slope;
        const VECTOR d = NAME(load)(saved + 3 * columns), d_tangent = NAME(load)(tangent + 2 * columns);
        slope_tangent[0] = -range * third * NAME(multiply_add)(growth, first_slope, -bend);
        slope_tangent[1] = NAME(multiply_add)(d_tangent, second_slope, d * second_bend * second_z);
    }
}

/* In strips of columns, whose gradients of the outputs are kept while the units pass. */
INLINE void NAME(head_backward)(const columns_head_backward_arguments *arguments, const columns_update update) {
    enum { STRIP = 8 * COLUMN_MULTIPLE };
    REAL d[2][STRIP] __attribute__((aligned(64)));
    const int outputs = update == COLUMNS_STEP ? 1 : 2;
    const int64_t columns = arguments->columns;
    const REAL *lengths = arguments->lengths;
    const VECTOR one = NAME(splat)(1), scale = NAME(splat)((REAL)arguments->rule.scale);
    const VECTOR range = NAME(splat)((REAL)arguments->rule.range);
    for (int64_t first = 0; first < columns; first += STRIP) {
        const int64_t width = columns - first < STRIP ? columns - first : STRIP;
        const REAL *saved = (const REAL *)arguments->saved + first, *lambda = (const REAL *)arguments->lambda + first;
        for (int64_t j = 0; j < width; j += LANES) {
            const VECTOR length = lengths != NULL ? NAME(load)(lengths + first + j) : scale;
            VECTOR own[2], mu = NAME(load)(lambda + j);
            if (update == COLUMNS_STEP) {
                const VECTOR u = NAME(load)(saved + j);
                own[0] = mu * length * (one - u * u);
            } else {
                VECTOR slope[2];
                NAME(head_slopes)(update, saved + j, columns, length, range, slope);
                if (update == COLUMNS_MOMENTUM) {
                    REAL *momentum = (REAL *)arguments->momentum + first + j;
                    mu += NAME(load)(momentum);
                    NAME(store)(momentum, NAME(load)(saved + columns + j) * mu);
                }
                UNROLL for (int k = 0; k < outputs; k++) own[k] = mu * slope[k];
            }
            UNROLL for (int k = 0; k < outputs; k++) {
                REAL *db = (REAL *)arguments->db + k * COLUMN_MULTIPLE + j % COLUMN_MULTIPLE;
                NAME(store)(d[k] + j, own[k]);
                NAME(store)(db, NAME(load)(db) + own[k]);
            }
        }
        for (int64_t unit = 0; unit < arguments->hidden; unit++) {
            const REAL *h = (const REAL *)arguments->h + unit * columns + first;
            REAL *dh = (REAL *)arguments->dh + unit * columns + first;
            REAL *dw = (REAL *)arguments->dw + unit * outputs * COLUMN_MULTIPLE;
            VECTOR w[2];
            UNROLL for (int k = 0; k < outputs; k++) w[k] =
                NAME(splat)(((const REAL *)arguments->w)[unit * outputs + k]);
            for (int64_t slot = 0; slot < COLUMN_MULTIPLE; slot += LANES) {
                VECTOR sum[2];
                UNROLL for (int k = 0; k < outputs; k++) sum[k] = NAME(load)(dw + k * COLUMN_MULTIPLE + slot);
                for (int64_t j = slot; j < width; j += COLUMN_MULTIPLE) {
                    const VECTOR row = NAME(load)(h + j), own = NAME(load)(d[0] + j);
                    sum[0] = NAME(multiply_add)(own, row, sum[0]);
                    VECTOR back = w[0] * own;
                    if (outputs == 2) {
                        const VECTOR other = NAME(load)(d[1] + j);
                        sum[1] = NAME(multiply_add)(other, row, sum[1]);
                        back = NAME(multiply_add)(w[1], other, back);
                    }
                    NAME(store)(dh + j, back);
                }
                UNROLL for (int k = 0; k < outputs; k++) NAME(store)(dw + k * COLUMN_MULTIPLE + slot, sum[k]);
            }
        }
    }
}

static void NAME(columns_head_backward)(const columns_head_backward_arguments *arguments) {
    switch (arguments->rule.update) {
    case COLUMNS_STEP: NAME(head_backward)(arguments, COLUMNS_STEP); break;
    case COLUMNS_SCALED_STEP: NAME(head_backward)(arguments, COLUMNS_SCALED_STEP); break;
    case COLUMNS_MOMENTUM: NAME(head_backward)(arguments, COLUMNS_MOMENTUM); break;
    }
}

INLINE void NAME(head_tangent)(const columns_head_tangent_arguments *arguments, const columns_update update) {
    const int outputs = update == COLUMNS_STEP ? 1 : 2;
    const int64_t columns = arguments->columns;
    const REAL *w = arguments->w, *w_tangent = arguments->w_tangent, *b = arguments->b_tangent;
    const REAL *lengths = arguments->lengths;
    const VECTOR scale = NAME(splat)((REAL)arguments->rule.scale), range = NAME(splat)((REAL)arguments->rule.range);
    for (int64_t column = 0; column < columns; column += LANES) {
        VECTOR z[2], other[2] = {{0}, {0}};
        const REAL *h = (const REAL *)arguments->h + column, *h_tangent = (const REAL *)arguments->h_tangent + column;
        UNROLL for (int k = 0; k < outputs; k++) z[k] = NAME(splat)(b[k]);
        for (int64_t unit = 0; unit < arguments->hidden; unit++) {
            const VECTOR row = NAME(load)(h + unit * columns), row_tangent = NAME(load)(h_tangent + unit * columns);
            UNROLL for (int k = 0; k < outputs; k++) {
                z[k] = NAME(multiply_add)(NAME(splat)(w[unit * outputs + k]), row_tangent, z[k]);
                other[k] = NAME(multiply_add)(NAME(splat)(w_tangent[unit * outputs + k]), row, other[k]);
            }
        }
        const REAL *saved = (const REAL *)arguments->saved + column;
        REAL *kept = (REAL *)arguments->saved_tangent + column, *x = (REAL *)arguments->x_tangent + column;
        VECTOR slope[2];
        NAME(head_slopes)
        (update, saved, columns, lengths != NULL ? NAME(load)(lengths + column) : scale, range, slope);
        UNROLL for (int k = 0; k < outputs; k++) {
            z[k] += other[k];
            NAME(store)(kept + k * columns, z[k]);
        }
        VECTOR before = NAME(load)(x), step = {0};
        if (update == COLUMNS_MOMENTUM) {
            REAL *d = (REAL *)arguments->d_tangent + column;
            const VECTOR old = NAME(load)(d);
            NAME(store)(kept + 2 * columns, old);
            step = NAME(multiply_add)(slope[1], z[1], slope[0] * z[0]);
            step = NAME(multiply_add)(NAME(load)(saved + columns), old, step);
            NAME(store)(d, step);
            before += step;
        } else {
            UNROLL for (int k = 0; k < outputs; k++) before = NAME(multiply_add)(slope[k], z[k], before);
        }
        NAME(store)(x, before);
    }
}

static void NAME(columns_head_tangent)(const columns_head_tangent_arguments *arguments) {
    switch (arguments->rule.update) {
    case COLUMNS_STEP: NAME(head_tangent)(arguments, COLUMNS_STEP); break;
    case COLUMNS_SCALED_STEP: NAME(head_tangent)(arguments, COLUMNS_SCALED_STEP); break;
    case COLUMNS_MOMENTUM: NAME(head_tangent)(arguments, COLUMNS_MOMENTUM); break;
    }
}

INLINE void NAME(head_tangent_backward)(const columns_head_tangent_backward_arguments *arguments,
                                        const columns_update update) {
    const int outputs = update == COLUMNS_STEP ? 1 : 2;
    const int64_t columns = arguments->columns, hidden = arguments->hidden;
    const REAL *w = arguments->w, *w_tangent = arguments->w_tangent, *lengths = arguments->lengths;
    const VECTOR scale = NAME(splat)((REAL)arguments->rule.scale), range = NAME(splat)((REAL)arguments->rule.range);
    REAL *dw_tangent = arguments->dw_tangent, *db_tangent = arguments->db_tangent;
    for (int64_t column = 0; column < columns; column += LANES) {
        const REAL *saved = (const REAL *)arguments->saved + column;
        const REAL *tangent = (const REAL *)arguments->saved_tangent + column;
        VECTOR slope[2], bend[2], dz[2], dz_tangent[2];
        NAME(head_slopes)
        (update, saved, columns, lengths != NULL ? NAME(load)(lengths + column) : scale, range, slope);
        NAME(head_slope_tangents)(update, saved, tangent, columns, range, slope, bend);
        VECTOR mu = NAME(load)((const REAL *)arguments->lambda + column);
        VECTOR mu_tangent = NAME(load)((const REAL *)arguments->lambda_tangent + column);
        if (update == COLUMNS_MOMENTUM) {
            REAL *momentum = (REAL *)arguments->momentum + column;
            REAL *momentum_tangent = (REAL *)arguments->momentum_tangent + column;
            const VECTOR kept = NAME(load)(saved + columns);
            const VECTOR kept_tangent = kept * (NAME(splat)(1) - kept) * NAME(load)(tangent + columns);
            mu += NAME(load)(momentum);
            mu_tangent += NAME(load)(momentum_tangent);
            NAME(store)(momentum, kept * mu);
            NAME(store)(momentum_tangent, NAME(multiply_add)(kept, mu_tangent, kept_tangent * mu));
        }
        UNROLL for (int k = 0; k < outputs; k++) {
            dz[k] = mu * slope[k];
            dz_tangent[k] = NAME(multiply_add)(mu_tangent, slope[k], mu * bend[k]);
        }
        for (int64_t unit = 0; unit < hidden; unit++) {
            const int64_t at = unit * columns + column;
            REAL *dh = (REAL *)arguments->dh + at, *dh_tangent = (REAL *)arguments->dh_tangent + at;
            const VECTOR h = NAME(load)((const REAL *)arguments->h + at);
            const VECTOR h_tangent = NAME(load)((const REAL *)arguments->h_tangent + at);
            VECTOR back = NAME(load)(dh), back_tangent = NAME(load)(dh_tangent);
            UNROLL for (int k = 0; k < outputs; k++) {
                const int64_t weight = unit * outputs + k;
                const VECTOR factor = NAME(splat)(w[weight]), factor_tangent = NAME(splat)(w_tangent[weight]);
                back = NAME(multiply_add)(factor, dz[k], back);
                back_tangent = NAME(multiply_add)(factor, dz_tangent[k], back_tangent);
                back_tangent = NAME(multiply_add)(factor_tangent, dz[k], back_tangent);
                NAME(add_partial)
                (dw_tangent + weight * COLUMN_MULTIPLE, column,
                 NAME(multiply_add)(h_tangent, dz[k], h * dz_tangent[k]));
            }
            NAME(store)(dh, back);
            NAME(store)(dh_tangent, back_tangent);
        }
        UNROLL for (int k = 0; k < outputs; k++)
            NAME(add_partial)(db_tangent + k * COLUMN_MULTIPLE, column, dz_tangent[k]);
    }
}

static void NAME(columns_head_tangent_backward)(const columns_head_tangent_backward_arguments *arguments) {
    switch (arguments->rule.update) {
    case COLUMNS_STEP: NAME(head_tangent_backward)(arguments, COLUMNS_STEP); break;
    case COLUMNS_SCALED_STEP: NAME(head_tangent_backward)(arguments, COLUMNS_SCALED_STEP); break;
    case COLUMNS_MOMENTUM: NAME(head_tangent_backward)(arguments, COLUMNS_MOMENTUM); break;
    }
}
