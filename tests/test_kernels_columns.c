/* The kernels in columns of every table that this machine can run, in both float types, against loops in float64; and
 * that a column's bits do not depend on its place or on how many there are. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tensor/kernels.h"

static const kernels *tables[6];
static int table_count;

static int find_tables(void **state) {
    (void)state;
    static const char *const names[] = {"portable", "avx2", "avx512"};
    l2o_error error;
    for (int name = 0; name < 3; name++)
        for (int type = 0; type < 2; type++)
            if (kernels_select(names[name], (dtype)type, &tables[table_count], &error) == L2O_OK) table_count++;
    return table_count >= 2 ? 0 : -1;
}

/* Numbers uniform in [-1, 1). */
static uint64_t generator = 1;
static double draw(void) {
    generator = generator * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(int64_t)(generator >> 11) / 4503599627370496.0 - 1.0;
}

/* An array of a table's type, exactly as long as asked so that sanitizers see any step outside, and its numbers. */
typedef struct array {
    dtype type;
    int64_t count;
    void *data;
} array;

static double get(array a, int64_t i) {
    assert_true(i >= 0 && i < a.count);
    return a.type == DTYPE_FLOAT32 ? (double)((float *)a.data)[i] : ((double *)a.data)[i];
}
static void set(array a, int64_t i, double value) {
    assert_true(i >= 0 && i < a.count);
    if (a.type == DTYPE_FLOAT32)
        ((float *)a.data)[i] = (float)value;
    else
        ((double *)a.data)[i] = value;
}
/* Aligned as the kernels demand. */
static void *memory_of(dtype type, int64_t count) {
    return aligned_alloc(64, ((size_t)count * dtype_size(type) + 63) / 64 * 64);
}
static array array_draw(dtype type, int64_t count, double size) {
    array a = {type, count, memory_of(type, count)};
    assert_non_null(a.data);
    for (int64_t i = 0; i < count; i++) set(a, i, size * draw());
    return a;
}
static array array_copy(array a) {
    array b = {a.type, a.count, memory_of(a.type, a.count)};
    assert_non_null(b.data);
    memcpy(b.data, a.data, (size_t)a.count * dtype_size(a.type));
    return b;
}
/* Columns first .. first + width - 1 of a matrix of `columns` columns. */
static array array_columns(array a, int64_t columns, int64_t first, int64_t width) {
    int64_t rows = a.count / columns;
    array b = array_draw(a.type, rows * width, 1);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < width; j++) set(b, i * width + j, get(a, i * columns + first + j));
    return b;
}
static void array_free(array a) { free(a.data); }
static void free_all(int count, const array *all) {
    for (int k = 0; k < count; k++) array_free(all[k]);
}

static double epsilon(dtype type) { return type == DTYPE_FLOAT32 ? 1.1920928955078125e-7 : 2.220446049250313e-16; }

/* Within `units` of the type's precision of a number of about the given size. */
static void assert_close(array a, int64_t i, double expected, double size, double units, const char *what) {
    double actual = get(a, i);
    if (fabs(actual - expected) <= units * epsilon(a.type) * size) return;
    fail_msg("%s[%lld] in %s: %.17g instead of %.17g", what, (long long)i,
             a.type == DTYPE_FLOAT32 ? "float32" : "float64", actual, expected);
}

static void assert_same_bits(array a, array b) {
    assert_int_equal(a.count, b.count);
    assert_memory_equal(a.data, b.data, (size_t)a.count * dtype_size(a.type));
}

static const int64_t widths[] = {16, 32, 48, 64, 80, 96, 112, 160}, units[] = {1, 2, 3, 7, 16, 20, 33, 37};
enum { WIDTHS = sizeof widths / sizeof *widths, UNITS = sizeof units / sizeof *units };

static void test_transpose(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int64_t rows = 1; rows <= 37; rows++)
            for (int64_t columns = 1; columns <= 37; columns += rows % 4 == 0 ? 1 : 3) {
                int64_t x_stride = columns + rows % 3, out_stride = rows + columns % 5;
                array x = array_draw(tables[t]->type, rows * x_stride, 1);
                array out = array_draw(tables[t]->type, columns * out_stride, 1), before = array_copy(out);
                tables[t]->transpose(rows, columns, x.data, x_stride, out.data, out_stride);
                for (int64_t j = 0; j < columns; j++)
                    for (int64_t i = 0; i < out_stride; i++)
                        assert_true(get(out, j * out_stride + i) ==
                                    (i < rows ? get(x, i * x_stride + j) : get(before, j * out_stride + i)));
                free_all(3, (array[]){x, out, before});
            }
}

/* A cell and what goes through it. */
typedef struct cell {
    int64_t columns, input, hidden;
    array w, b, packed, x, h, c, h_next, c_next, gates, tanh_c;
} cell;
enum { CELL_ARRAYS = 10 };

static cell cell_draw(const kernels *table, int64_t columns, int64_t input, int64_t hidden) {
    dtype type = table->type;
    double size = 2 / sqrt((double)(input + hidden));
    cell z = {.columns = columns,
              .input = input,
              .hidden = hidden,
              .w = array_draw(type, (input + hidden) * 4 * hidden, size),
              .b = array_draw(type, 4 * hidden, 1),
              .packed = array_draw(type, hidden * (input + hidden + 1) * 4, 1),
              .x = array_draw(type, input * columns, 1),
              .h = array_draw(type, hidden * columns, 1),
              .c = array_draw(type, hidden * columns, 2),
              .h_next = array_draw(type, hidden * columns, 1),
              .c_next = array_draw(type, hidden * columns, 1),
              .gates = array_draw(type, 4 * hidden * columns, 1),
              .tanh_c = array_draw(type, hidden * columns, 1)};
    table->columns_lstm_pack(input, hidden, z.w.data, z.b.data, z.packed.data);
    return z;
}

static void cell_free(cell *z) {
    free_all(CELL_ARRAYS,
             (array[CELL_ARRAYS]){z->w, z->b, z->packed, z->x, z->h, z->c, z->h_next, z->c_next, z->gates, z->tanh_c});
}

static columns_lstm_arguments cell_arguments(const cell *z) {
    return (columns_lstm_arguments){z->columns,     z->input,      z->hidden,      z->packed.data,
                                    z->x.data,      z->h.data,     z->c.data,      z->h_next.data,
                                    z->c_next.data, z->gates.data, z->tanh_c.data, false};
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void check_cell(const cell *z) {
    const double tolerance = 24;
    int64_t columns = z->columns, hidden = z->hidden;
    for (int64_t unit = 0; unit < hidden; unit++)
        for (int64_t j = 0; j < columns; j++) {
            double sum[4];
            for (int gate = 0; gate < 4; gate++) {
                int64_t at = gate * hidden + unit;
                sum[gate] = get(z->b, at);
                for (int64_t k = 0; k < z->input; k++)
                    sum[gate] += get(z->w, k * 4 * hidden + at) * get(z->x, k * columns + j);
                for (int64_t k = 0; k < hidden; k++)
                    sum[gate] += get(z->w, (z->input + k) * 4 * hidden + at) * get(z->h, k * columns + j);
            }
            double active[4] = {sigmoid(sum[0]), sigmoid(sum[1] + 1), tanh(sum[2]), sigmoid(sum[3])};
            int64_t place = unit * columns + j;
            for (int gate = 0; gate < 4; gate++)
                assert_close(z->gates, gate * hidden * columns + place, active[gate], 1, tolerance, "gates");
            double c = active[1] * get(z->c, place) + active[0] * active[2];
            assert_close(z->c_next, place, c, 3, tolerance, "c'");
            assert_close(z->tanh_c, place, tanh(c), 1, 2 * tolerance, "tanh(c')");
            assert_close(z->h_next, place, active[3] * tanh(c), 1, 2 * tolerance, "h'");
        }
}

/* The same without what is saved, and with c' in the place of c. */
static void check_in_place(const kernels *table, const cell *z) {
    array h_next = array_copy(z->h_next), c = array_copy(z->c);
    columns_lstm_arguments arguments = cell_arguments(z);
    arguments.h_next = h_next.data;
    arguments.c = c.data;
    arguments.c_next = c.data;
    arguments.gates = arguments.tanh_c = NULL;
    table->columns_lstm_forward(&arguments);
    assert_same_bits(h_next, z->h_next);
    assert_same_bits(c, z->c_next);
    free_all(2, (array[]){h_next, c});
}

/* The same, stored around the caches. */
static void check_far(const kernels *table, const cell *z) {
    array outputs[] = {array_copy(z->h_next), array_copy(z->c_next), array_copy(z->gates), array_copy(z->tanh_c)};
    for (int k = 0; k < 4; k++) memset(outputs[k].data, 0, (size_t)outputs[k].count * dtype_size(outputs[k].type));
    columns_lstm_arguments arguments = cell_arguments(z);
    arguments.h_next = outputs[0].data;
    arguments.c_next = outputs[1].data;
    arguments.gates = outputs[2].data;
    arguments.tanh_c = outputs[3].data;
    arguments.far = true;
    table->columns_lstm_forward(&arguments);
    assert_same_bits(outputs[0], z->h_next);
    assert_same_bits(outputs[1], z->c_next);
    assert_same_bits(outputs[2], z->gates);
    assert_same_bits(outputs[3], z->tanh_c);
    free_all(4, outputs);
}

static void test_lstm_forward(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int u = 0; u < UNITS; u++)
            for (int v = 0; v < WIDTHS; v += u % 2 + 1) {
                cell z = cell_draw(tables[t], widths[v], units[(u + v) % UNITS], units[u]);
                columns_lstm_arguments arguments = cell_arguments(&z);
                tables[t]->columns_lstm_forward(&arguments);
                check_cell(&z);
                check_in_place(tables[t], &z);
                check_far(tables[t], &z);
                cell_free(&z);
            }
}

/* Large sums saturate, and what is not a number stays in its column. */
static void test_lstm_extremes(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++) {
        cell z = cell_draw(tables[t], 80, 20, 20);
        for (int64_t k = 0; k < z.input; k++) {
            set(z.x, k * z.columns + 3, NAN);
            set(z.x, k * z.columns + 20, k % 2 ? -1e30 : 1e30);
            set(z.x, k * z.columns + 41, k == 5 ? INFINITY : 0);
        }
        columns_lstm_arguments arguments = cell_arguments(&z);
        tables[t]->columns_lstm_forward(&arguments);
        for (int64_t unit = 0; unit < z.hidden; unit++)
            for (int64_t j = 0; j < z.columns; j++) {
                double h = get(z.h_next, unit * z.columns + j);
                assert_true(j == 3 ? isnan(h) : fabs(h) <= 1);
            }
        cell_free(&z);
    }
}

static void test_lstm_backward(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int u = 0; u < UNITS; u++)
            for (int v = 0; v < WIDTHS; v += 2)
                for (int later = 0; later < 2; later++) {
                    const kernels *table = tables[t];
                    dtype type = table->type;
                    int64_t hidden = units[u], columns = widths[v], size = hidden * columns;
                    array gates = array_draw(type, 4 * size, 1), tanh_c = array_draw(type, size, 1);
                    array c = array_draw(type, size, 2), above = array_draw(type, size, 1);
                    array later_h = array_draw(type, size, 1), dc = array_draw(type, size, 1);
                    array dgates = array_draw(type, 4 * size, 1), db = array_draw(type, 4 * hidden * 16, 1);
                    array old_dc = array_copy(dc), old_db = array_copy(db);
                    table->columns_lstm_backward(
                        &(columns_lstm_backward_arguments){.columns = columns,
                                                           .hidden = hidden,
                                                           .gates = gates.data,
                                                           .tanh_c = tanh_c.data,
                                                           .c = c.data,
                                                           .dh_above = above.data,
                                                           .dh_later = later ? later_h.data : NULL,
                                                           .dc = later ? dc.data : NULL,
                                                           .dc_previous = dc.data,
                                                           .dgates = dgates.data,
                                                           .db = db.data});
                    for (int64_t unit = 0; unit < hidden; unit++) {
                        double sums[4][16] = {{0}};
                        for (int64_t j = 0; j < columns; j++) {
                            int64_t at = unit * columns + j;
                            double i = get(gates, at), f = get(gates, size + at), g = get(gates, 2 * size + at);
                            double o = get(gates, 3 * size + at), th = get(tanh_c, at);
                            double dh = get(above, at) + (later ? get(later_h, at) : 0);
                            double d = dh * o * (1 - th * th) + (later ? get(old_dc, at) : 0);
                            double expected[4] = {d * g * i * (1 - i), d * get(c, at) * f * (1 - f),
                                                  d * i * (1 - g * g), dh * th * o * (1 - o)};
                            assert_close(dc, at, d * f, 4, 4, "dc");
                            for (int gate = 0; gate < 4; gate++) {
                                assert_close(dgates, gate * size + at, expected[gate], 12, 4, "dgates");
                                sums[gate][j % 16] += expected[gate];
                            }
                        }
                        for (int gate = 0; gate < 4; gate++)
                            for (int64_t k = 0; k < 16; k++) {
                                int64_t at = (gate * hidden + unit) * 16 + k;
                                assert_close(db, at, get(old_db, at) + sums[gate][k], 100, 4, "db");
                            }
                    }
                    free_all(10, (array[]){gates, tanh_c, c, above, later_h, dc, dgates, db, old_dc, old_db});
                }
}

static void test_projection(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int u = 0; u < UNITS; u++)
            for (int v = 0; v < WIDTHS; v += 2) {
                const kernels *table = tables[t];
                dtype type = table->type;
                int64_t hidden = units[u], columns = widths[v], input = 1 + (u + v) % 4;
                array x = array_draw(type, input * columns, 2), w = array_draw(type, input * hidden, 1);
                array b = array_draw(type, hidden, 1), out = array_draw(type, hidden * columns, 1);
                array dout = array_draw(type, hidden * columns, 1), dw = array_draw(type, input * hidden * 16, 1);
                array db = array_draw(type, hidden * 16, 1);
                array old_dw = array_copy(dw), old_db = array_copy(db);
                table->columns_projection(
                    &(columns_projection_arguments){columns, input, hidden, x.data, w.data, b.data, out.data});
                table->columns_projection_backward(&(columns_projection_backward_arguments){
                    columns, input, hidden, x.data, out.data, dout.data, dw.data, db.data});
                for (int64_t unit = 0; unit < hidden; unit++) {
                    double sums[5][16] = {{0}};
                    for (int64_t j = 0; j < columns; j++) {
                        double sum = get(b, unit);
                        for (int64_t k = 0; k < input; k++) sum += get(w, k * hidden + unit) * get(x, k * columns + j);
                        int64_t at = unit * columns + j;
                        assert_close(out, at, sum > 0 ? sum : expm1(sum), 8, 4, "ELU");
                        double d = get(dout, at) * (get(out, at) > 0 ? 1 : get(out, at) + 1);
                        sums[4][j % 16] += d;
                        for (int64_t k = 0; k < input; k++) sums[k][j % 16] += d * get(x, k * columns + j);
                    }
                    for (int64_t slot = 0; slot < 16; slot++) {
                        int64_t at = unit * 16 + slot;
                        assert_close(db, at, get(old_db, at) + sums[4][slot], 12, 4, "db");
                        for (int64_t k = 0; k < input; k++) {
                            int64_t place = k * hidden * 16 + at;
                            assert_close(dw, place, get(old_dw, place) + sums[k][slot], 24, 4, "dw");
                        }
                    }
                }
                free_all(9, (array[]){x, w, b, out, dout, dw, db, old_dw, old_db});
            }
}

/* What a rule makes of a column's outputs z, its d and g: x's move, the slopes of both outputs, and the share of d. */
typedef struct moved {
    double step, slope[2], kept;
} moved;

static moved move(columns_rule rule, double length, const double *z, double d, double g) {
    double r = tanh(z[rule.update == COLUMNS_SCALED_STEP]), reach = length * exp(rule.range * r);
    if (rule.update == COLUMNS_STEP) return (moved){length * r, {length * (1 - r * r)}, 0};
    double u = tanh(z[0]), kept = 1 / (1 + exp(-z[1] - rule.shift)), bent = rule.range * (1 - r * r);
    if (rule.update == COLUMNS_SCALED_STEP) return (moved){reach * u, {reach * (1 - u * u), bent * reach * u}, 0};
    return (moved){kept * d - reach * g, {-bent * reach * g, d * kept * (1 - kept)}, kept};
}

static void check_head(const kernels *table, columns_rule rule, bool own_lengths, int64_t hidden, int64_t columns) {
    dtype type = table->type;
    const bool momentum = rule.update == COLUMNS_MOMENTUM;
    int64_t outputs = columns_outputs(rule.update), rows = columns_saved(rule.update);
    array h = array_draw(type, hidden * columns, 1), w = array_draw(type, hidden * outputs, 1);
    array b = array_draw(type, outputs, 1), x = array_draw(type, columns, 1), out = array_draw(type, columns, 1);
    array saved = array_draw(type, rows * columns, 1), lambda = array_draw(type, columns, 1);
    array d = array_draw(type, columns, 1), d_next = array_copy(d), g = array_draw(type, columns, 1);
    array lengths = array_draw(type, columns, 1), later = array_draw(type, columns, 1), carried = array_copy(later);
    array dh = array_draw(type, hidden * columns, 1), dw = array_draw(type, hidden * outputs * 16, 1);
    array db = array_draw(type, outputs * 16, 1), old_dw = array_copy(dw), old_db = array_copy(db);
    columns_head_arguments arguments = {.columns = columns,
                                        .hidden = hidden,
                                        .rule = rule,
                                        .lengths = own_lengths ? lengths.data : NULL,
                                        .h = h.data,
                                        .w = w.data,
                                        .b = b.data,
                                        .g = momentum ? g.data : NULL,
                                        .d = momentum ? d_next.data : NULL,
                                        .x = x.data,
                                        .x_next = out.data,
                                        .saved = saved.data};
    table->columns_head(&arguments);
    array in_place = array_copy(x), again = array_copy(d);
    arguments.x = arguments.x_next = in_place.data;
    arguments.saved = NULL;
    if (momentum) arguments.d = again.data;
    table->columns_head(&arguments);
    assert_same_bits(in_place, out);
    if (momentum) assert_same_bits(again, d_next);
    table->columns_head_backward(&(columns_head_backward_arguments){.columns = columns,
                                                                    .hidden = hidden,
                                                                    .rule = rule,
                                                                    .lengths = arguments.lengths,
                                                                    .h = h.data,
                                                                    .saved = saved.data,
                                                                    .w = w.data,
                                                                    .lambda = lambda.data,
                                                                    .momentum = momentum ? carried.data : NULL,
                                                                    .dh = dh.data,
                                                                    .dw = dw.data,
                                                                    .db = db.data});
    double *sums = calloc((size_t)((hidden + 1) * outputs * 16), sizeof *sums);
    assert_non_null(sums);
    for (int64_t j = 0; j < columns; j++) {
        double z[2], own[2], length = own_lengths ? get(lengths, j) : rule.scale;
        for (int64_t k = 0; k < outputs; k++) {
            z[k] = get(b, k);
            for (int64_t unit = 0; unit < hidden; unit++)
                z[k] += get(w, unit * outputs + k) * get(h, unit * columns + j);
        }
        moved now = move(rule, length, z, get(d, j), get(g, j));
        assert_close(out, j, get(x, j) + now.step, 4, 16, "x'");
        double mu = get(lambda, j) + (momentum ? get(later, j) : 0);
        if (momentum) assert_close(d_next, j, now.step, 4, 16, "d'");
        if (momentum) assert_close(carried, j, now.kept * mu, 2, 16, "of d");
        for (int64_t k = 0; k < outputs; k++) {
            own[k] = mu * now.slope[k];
            sums[(hidden * outputs + k) * 16 + j % 16] += own[k];
        }
        for (int64_t unit = 0; unit < hidden; unit++) {
            double back = 0;
            for (int64_t k = 0; k < outputs; k++) {
                back += own[k] * get(w, unit * outputs + k);
                sums[(unit * outputs + k) * 16 + j % 16] += own[k] * get(h, unit * columns + j);
            }
            assert_close(dh, unit * columns + j, back, 8, 16, "dh");
        }
    }
    for (int64_t i = 0; i < hidden * outputs * 16; i++) assert_close(dw, i, get(old_dw, i) + sums[i], 32, 16, "dw");
    for (int64_t i = 0; i < outputs * 16; i++)
        assert_close(db, i, get(old_db, i) + sums[hidden * outputs * 16 + i], 32, 16, "db");
    free(sums);
    free_all(19, (array[]){h, w, b, x, out, saved, lambda, d, d_next, g, lengths, later, carried, dh, dw, db, old_dw,
                           old_db, in_place});
    free_all(1, (array[]){again});
}

static void test_head(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int u = 0; u < UNITS; u++)
            for (int v = 0; v < WIDTHS; v++)
                for (int update = COLUMNS_STEP; update <= COLUMNS_MOMENTUM; update++)
                    for (int own_lengths = 0; own_lengths < 2; own_lengths++)
                        check_head(tables[t], (columns_rule){(columns_update)update, 0.25, 0.75, -0.5}, own_lengths,
                                   units[u], widths[v]);
}

/* Where exp and sigmoid leave the numbers' range the step is still one: all of d is kept or none. */
static void test_head_extremes(void **state) {
    (void)state;
    enum { COLUMNS = 16 };
    for (int t = 0; t < table_count; t++) {
        dtype type = tables[t]->type;
        array h = array_draw(type, COLUMNS, 0), w = array_draw(type, 2, 0), b = array_draw(type, 2, 0);
        array d = array_draw(type, COLUMNS, 1), g = array_draw(type, COLUMNS, 1), x = array_draw(type, COLUMNS, 0);
        for (int sign = -1; sign <= 1; sign += 2) {
            array kept = array_copy(d), out = array_copy(x);
            tables[t]->columns_head(&(columns_head_arguments){.columns = COLUMNS,
                                                              .hidden = 1,
                                                              .rule = {COLUMNS_MOMENTUM, 0.5, 1, sign * 1e30},
                                                              .h = h.data,
                                                              .w = w.data,
                                                              .b = b.data,
                                                              .g = g.data,
                                                              .d = kept.data,
                                                              .x = x.data,
                                                              .x_next = out.data});
            for (int64_t j = 0; j < COLUMNS; j++)
                assert_close(kept, j, (sign > 0 ? get(d, j) : 0) - 0.5 * get(g, j), 2, 4, "d'");
            assert_same_bits(kept, out);
            free_all(2, (array[]){kept, out});
        }
        free_all(6, (array[]){h, w, b, d, g, x});
    }
}

/* Sanitizers put checks between a product and its sum, so that the compiler fuses them in one tile and not in another.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static void test_independent_columns(void **state) {
    (void)state;
    if (SANITIZED) return;
    enum { ALL = 160 };
    for (int t = 0; t < table_count; t++)
        for (int64_t width = 16; width <= 112; width += 16)
            for (int64_t first = 0; first + width <= ALL; first += 48) {
                int64_t hidden = width == 80 ? 20 : 5, input = hidden;
                cell z = cell_draw(tables[t], ALL, input, hidden);
                columns_lstm_arguments arguments = cell_arguments(&z);
                tables[t]->columns_lstm_forward(&arguments);
                cell part = z;
                part.columns = width;
                array *own[] = {&part.x, &part.h, &part.c, &part.h_next, &part.c_next, &part.gates, &part.tanh_c};
                array expected[7];
                for (int k = 0; k < 7; k++) {
                    expected[k] = array_columns(*own[k], ALL, first, width);
                    *own[k] = array_copy(expected[k]);
                }
                arguments = cell_arguments(&part);
                tables[t]->columns_lstm_forward(&arguments);
                for (int k = 0; k < 7; k++) {
                    assert_same_bits(*own[k], expected[k]);
                    free_all(2, (array[]){*own[k], expected[k]});
                }
                array out = array_draw(tables[t]->type, hidden * ALL, 1), x = array_columns(z.x, ALL, first, width);
                tables[t]->columns_projection(
                    &(columns_projection_arguments){ALL, input, hidden, z.x.data, z.w.data, z.b.data, out.data});
                array few = array_draw(tables[t]->type, hidden * width, 1);
                tables[t]->columns_projection(
                    &(columns_projection_arguments){width, input, hidden, x.data, z.w.data, z.b.data, few.data});
                array same = array_columns(out, ALL, first, width);
                assert_same_bits(few, same);
                free_all(4, (array[]){out, x, few, same});
                cell_free(&z);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transpose),     cmocka_unit_test(test_lstm_forward),
        cmocka_unit_test(test_lstm_extremes), cmocka_unit_test(test_lstm_backward),
        cmocka_unit_test(test_projection),    cmocka_unit_test(test_head),
        cmocka_unit_test(test_head_extremes), cmocka_unit_test(test_independent_columns),
    };
    return cmocka_run_group_tests(tests, find_tables, NULL);
}
