/* Elementwise kernels: functions of one and of two arguments, soft thresholding, axpy, conversions. Included by
 * kernels_body.h. Each result is stored after its operands are loaded, lane for lane, so `out` may be an operand. */

INLINE VECTOR NAME(vector_sqrt)(VECTOR x) {
    VECTOR root;
    for (int64_t lane = 0; lane < LANES; lane++) root[lane] = REAL_FUNCTION(sqrt)(x[lane]);
    return root;
}

/* out[i] = expression of the vector v, for all i. */
#define MAP(expression)                                                                                                \
    do {                                                                                                               \
        for (; i + LANES <= count; i += LANES) {                                                                       \
            const VECTOR v = NAME(load)(x + i);                                                                        \
            NAME(store)(out + i, (expression));                                                                        \
        }                                                                                                              \
        if (i < count) {                                                                                               \
            const VECTOR v = NAME(load_part)(x + i, count - i);                                                        \
            NAME(store_part)(out + i, (expression), count - i);                                                        \
        }                                                                                                              \
    } while (0)
#define MAP_LIBRARY(function)                                                                                          \
    for (; i < count; i++) out[i] = REAL_FUNCTION(function)(x[i])

static void NAME(unary)(unary_kind kind, double parameter, int64_t count, const void *x_data, void *out_data) {
    const REAL *x = x_data, p = (REAL)parameter;
    REAL *out = out_data;
    const VECTOR zero = {0}, one = NAME(splat)(1), infinite = NAME(splat)((REAL)INFINITY);
    int64_t i = 0;
    switch (kind) {
    case UNARY_SCALE: MAP(v * p); break;
    case UNARY_SHIFT: MAP(v + p); break;
    case UNARY_EXP: MAP(NAME(vector_exp)(v)); break;
    case UNARY_LOG: MAP_LIBRARY(log); break;
    case UNARY_TANH: NAME(tanh_row)(count, x, out); break;
    case UNARY_SIGMOID: MAP(NAME(vector_sigmoid)(v)); break;
    case UNARY_SQRT: MAP(NAME(vector_sqrt)(v)); break;
    case UNARY_RECIPROCAL: MAP(one / NAME(select)(v == 0, infinite, v)); break;
    case UNARY_ABS: MAP(NAME(vector_abs)(v)); break;
    case UNARY_SIGN: MAP(NAME(vector_sign)(v)); break;
    case UNARY_RELU: MAP(NAME(vector_positive)(v)); break;
    case UNARY_STEP: MAP(NAME(select)(v > 0, one, zero)); break;
    case UNARY_ELU: MAP(NAME(vector_elu)(v)); break;
    case UNARY_ELU_GRADIENT: MAP(NAME(select)(v > 0, one, NAME(vector_exp)(v))); break;
    case UNARY_COS: NAME(trigonometric_row)(1, count, x, out); break;
    case UNARY_SIN: NAME(trigonometric_row)(0, count, x, out); break;
    case UNARY_COUNT: break;
    }
}

#undef MAP
#undef MAP_LIBRARY

/* A row of an operand: one repeated number (stride 0), contiguous (1), or strided. `count` is LANES or less. */
INLINE VECTOR NAME(load_strided)(const REAL *source, int64_t stride, int64_t count) {
    if (stride == 0) return NAME(splat)(*source);
    if (stride == 1) return count == LANES ? NAME(load)(source) : NAME(load_part)(source, count);
    VECTOR v = {0};
    for (int64_t lane = 0; lane < LANES; lane++)
        if (lane < count) v[lane] = source[lane * stride];
    return v;
}

/* out[j] = expression of the vectors a and b, over one row. Inlined with constant strides where it matters. */
#define MAP_ROW(name, expression)                                                                                      \
    INLINE void NAME(name##_strided)(int64_t columns, const REAL *x, int64_t x_stride, const REAL *y,                  \
                                     int64_t y_stride, REAL *out) {                                                    \
        int64_t j = 0;                                                                                                 \
        for (; j + LANES <= columns; j += LANES) {                                                                     \
            const VECTOR a = NAME(load_strided)(x + j * x_stride, x_stride, LANES);                                    \
            const VECTOR b = NAME(load_strided)(y + j * y_stride, y_stride, LANES);                                    \
            NAME(store)(out + j, (expression));                                                                        \
        }                                                                                                              \
        if (j < columns) {                                                                                             \
            const VECTOR a = NAME(load_strided)(x + j * x_stride, x_stride, columns - j);                              \
            const VECTOR b = NAME(load_strided)(y + j * y_stride, y_stride, columns - j);                              \
            NAME(store_part)(out + j, (expression), columns - j);                                                      \
        }                                                                                                              \
    }                                                                                                                  \
    static void NAME(name)(int64_t columns, const REAL *x, int64_t x_stride, const REAL *y, int64_t y_stride,          \
                           REAL *out) {                                                                                \
        if (x_stride == 1 && y_stride == 1)                                                                            \
            NAME(name##_strided)(columns, x, 1, y, 1, out);                                                            \
        else if (x_stride == 1 && y_stride == 0)                                                                       \
            NAME(name##_strided)(columns, x, 1, y, 0, out);                                                            \
        else if (x_stride == 0 && y_stride == 1)                                                                       \
            NAME(name##_strided)(columns, x, 0, y, 1, out);                                                            \
        else                                                                                                           \
            NAME(name##_strided)(columns, x, x_stride, y, y_stride, out);                                              \
    }

MAP_ROW(add_row, a + b)
MAP_ROW(subtract_row, a - b)
MAP_ROW(multiply_row, a *b)
MAP_ROW(divide_row, a / b)
MAP_ROW(soft_threshold_row, NAME(vector_sign)(a) * NAME(vector_positive)(NAME(vector_abs)(a) - b))
#undef MAP_ROW

typedef void (*NAME(row_function))(int64_t columns, const REAL *x, int64_t x_stride, const REAL *y, int64_t y_stride,
                                   REAL *out);

/* Whether the rows of an operand follow each other as the columns do, so that all rows are one long row. */
INLINE bool NAME(is_one_row)(const operand *x, int64_t columns) { return x->row_stride == columns * x->column_stride; }

static void NAME(map_rows)(NAME(row_function) function, int64_t rows, int64_t columns, operand x, operand y,
                           REAL *out) {
    if (rows <= 0 || columns <= 0) return;
    if (columns == 1) {
        x.column_stride = x.row_stride;
        y.column_stride = y.row_stride;
        columns = rows;
        rows = 1;
    } else if (NAME(is_one_row)(&x, columns) && NAME(is_one_row)(&y, columns)) {
        columns *= rows;
        rows = 1;
    }
    const REAL *x_data = x.data, *y_data = y.data;
    for (int64_t i = 0; i < rows; i++)
        function(columns, x_data + i * x.row_stride, x.column_stride, y_data + i * y.row_stride, y.column_stride,
                 out + i * columns);
}

static void NAME(binary)(binary_kind kind, int64_t rows, int64_t columns, operand a, operand b, void *out) {
    switch (kind) {
    case BINARY_ADD: NAME(map_rows)(NAME(add_row), rows, columns, a, b, out); break;
    case BINARY_SUBTRACT: NAME(map_rows)(NAME(subtract_row), rows, columns, a, b, out); break;
    case BINARY_MULTIPLY: NAME(map_rows)(NAME(multiply_row), rows, columns, a, b, out); break;
    case BINARY_DIVIDE: NAME(map_rows)(NAME(divide_row), rows, columns, a, b, out); break;
    case BINARY_COUNT: break;
    }
}

static void NAME(soft_threshold)(int64_t rows, int64_t columns, const void *x, operand threshold, void *out) {
    NAME(map_rows)(NAME(soft_threshold_row), rows, columns, (operand){x, columns, 1}, threshold, out);
}

static void NAME(split_columns)(int64_t rows, int64_t left, int64_t right, const void *x_data, void *left_part,
                                void *right_part) {
    const REAL *x = x_data;
    REAL *const out[2] = {left_part, right_part};
    const int64_t widths[2] = {left, right};
    for (int part = 0; part < 2; part++, x += left) {
        const int64_t width = widths[part], whole = width / LANES * LANES;
        for (int64_t i = 0; i < rows; i++) {
            const REAL *from = x + i * (left + right);
            REAL *to = out[part] + i * width;
            for (int64_t j = 0; j < whole; j += LANES) NAME(store)(to + j, NAME(load)(from + j));
            if (whole < width)
                NAME(store_part)(to + whole, NAME(load_part)(from + whole, width - whole), width - whole);
        }
    }
}

static void NAME(moments)(const moments_arguments *arguments) {
    const int64_t count = arguments->count;
    const REAL *g = arguments->g, *m = arguments->m, *v = arguments->v;
    REAL *m_next = arguments->m_next, *v_next = arguments->v_next, *features = arguments->features;
    const REAL decay = (REAL)arguments->decay, rest = (REAL)(1.0 - arguments->decay);
    const REAL correction = (REAL)arguments->correction, epsilon = (REAL)arguments->epsilon;
    for (int64_t i = 0; i < count; i += LANES) {
        const int64_t part = count - i < LANES ? count - i : LANES;
        const VECTOR slope = NAME(load_strided)(g + i, 1, part);
        const VECTOR first = NAME(load_strided)(m + i, 1, part) * decay + slope * rest;
        const VECTOR second = NAME(load_strided)(v + i, 1, part) * decay + slope * slope * rest;
        const VECTOR denominator = NAME(vector_sqrt)(second * correction) + epsilon;
        NAME(store_part)(m_next + i, first, part);
        NAME(store_part)(v_next + i, second, part);
        NAME(store_part)(features + i, first * correction / denominator, part);
        NAME(store_part)(features + count + i, slope / denominator, part);
    }
}

static void NAME(axpy)(int64_t count, double alpha, const void *x_data, void *y_data) {
    const REAL *x = x_data, factor = (REAL)alpha;
    REAL *y = y_data;
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) NAME(store)(y + i, NAME(load)(x + i) * factor + NAME(load)(y + i));
    if (i < count) {
        const int64_t part = count - i;
        NAME(store_part)(y + i, NAME(load_part)(x + i, part) * factor + NAME(load_part)(y + i, part), part);
    }
}

static void NAME(to_double)(int64_t count, const void *x_data, double *restrict out) {
    const REAL *restrict x = x_data;
    for (int64_t i = 0; i < count; i++) out[i] = (double)x[i];
}

static void NAME(from_double)(int64_t count, const double *restrict x, void *out_data) {
    REAL *restrict out = out_data;
    for (int64_t i = 0; i < count; i++) out[i] = (REAL)x[i];
}
