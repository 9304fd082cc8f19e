/* The second-order kernels in columns, of every table that this machine can run and in both float types: against loops
 * in dual numbers (a value and its tangent, in float64), and against differences of the first-order kernels. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tensor/kernels.h"

static const kernels *tables[6];
static int table_count;

static int find_tables(void **state) {
    (void)state;
    const char *names[] = {"portable", "avx2", "avx512"};
    l2o_error error;
    for (int name = 0; name < 3; name++)
        for (int type = 0; type < 2; type++)
            if (kernels_select(names[name], (dtype)type, &tables[table_count], &error) == L2O_OK) table_count++;
    return table_count >= 2 ? 0 : -1;
}

static uint64_t generator = 1;
static double draw(void) {
    generator = generator * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(int64_t)(generator >> 11) / 4503599627370496.0 - 1.0;
}

/* A value and its tangent. */
typedef struct dual {
    double value, tangent;
} dual;

static dual constant(double value) { return (dual){value, 0}; }
static dual add(dual a, dual b) { return (dual){a.value + b.value, a.tangent + b.tangent}; }
static dual subtract(dual a, dual b) { return (dual){a.value - b.value, a.tangent - b.tangent}; }
static dual multiply(dual a, dual b) { return (dual){a.value * b.value, a.tangent * b.value + a.value * b.tangent}; }
static dual tanh_of(dual a) {
    const double y = tanh(a.value);
    return (dual){y, (1 - y * y) * a.tangent};
}
static dual sigmoid_of(dual a) {
    const double y = 1 / (1 + exp(-a.value));
    return (dual){y, y * (1 - y) * a.tangent};
}
static dual elu_of(dual a) { return a.value > 0 ? a : (dual){expm1(a.value), exp(a.value) * a.tangent}; }
static dual elu_slope_of(dual a) { return a.value > 0 ? constant(1) : (dual){exp(a.value), exp(a.value) * a.tangent}; }
/* 1 - a^2 and a - a^2 */
static dual tanh_slope(dual y) { return subtract(constant(1), multiply(y, y)); }
static dual sigmoid_slope(dual y) { return subtract(y, multiply(y, y)); }

/* An array in a table's type and its tangent beside it. */
typedef struct pair {
    dtype type;
    int64_t count;
    void *value, *tangent;
} pair;

static void put(dtype type, void *data, int64_t i, double value) {
    if (type == DTYPE_FLOAT32)
        ((float *)data)[i] = (float)value;
    else
        ((double *)data)[i] = value;
}
static double get(dtype type, const void *data, int64_t i) {
    return type == DTYPE_FLOAT32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}
static dual at(pair p, int64_t i) {
    assert_true(i >= 0 && i < p.count);
    return (dual){get(p.type, p.value, i), get(p.type, p.tangent, i)};
}
static void set(pair p, int64_t i, dual x) {
    put(p.type, p.value, i, x.value);
    put(p.type, p.tangent, i, x.tangent);
}
static pair pair_make(dtype type, int64_t count) {
    pair p = {type, count, malloc((size_t)count * dtype_size(type)), malloc((size_t)count * dtype_size(type))};
    assert_non_null(p.value);
    assert_non_null(p.tangent);
    for (int64_t i = 0; i < count; i++) set(p, i, (dual){NAN, NAN});
    return p;
}
static pair pair_draw(dtype type, int64_t count, double scale) {
    pair p = pair_make(type, count);
    for (int64_t i = 0; i < count; i++) set(p, i, (dual){scale * draw(), scale * draw()});
    return p;
}
static pair pair_copy(pair p) {
    pair q = pair_make(p.type, p.count);
    memcpy(q.value, p.value, (size_t)p.count * dtype_size(p.type));
    memcpy(q.tangent, p.tangent, (size_t)p.count * dtype_size(p.type));
    return q;
}
static void pair_free(pair p) {
    free(p.value);
    free(p.tangent);
}
#define FREE_ALL(...)                                                                                                  \
    do {                                                                                                               \
        pair all[] = {__VA_ARGS__};                                                                                    \
        for (size_t number = 0; number < sizeof all / sizeof *all; number++) pair_free(all[number]);                   \
    } while (0)

static double epsilon(dtype type) { return type == DTYPE_FLOAT32 ? 1.1920928955078125e-7 : 2.220446049250313e-16; }

static void assert_near(double actual, double expected, double tolerance, const char *what, int64_t i) {
    if (!(fabs(actual - expected) <= tolerance * (1 + fabs(expected))))
        fail_msg("%s[%lld]: %.17g instead of %.17g", what, (long long)i, actual, expected);
}
static void assert_tangent(pair p, int64_t i, dual expected, double tolerance, const char *what) {
    assert_near(at(p, i).tangent, expected.tangent, tolerance, what, i);
}
/* A sum over columns, held in parts, that was 1 in each part before. */
static void assert_sum(dtype type, const void *parts, int64_t row, double expected, double tolerance,
                       const char *what) {
    double sum = 0;
    for (int64_t k = 0; k < COLUMN_MULTIPLE; k++) sum += get(type, parts, row * COLUMN_MULTIPLE + k) - 1;
    assert_near(sum, expected, COLUMN_MULTIPLE * tolerance, what, row);
}
static pair sums_make(dtype type, int64_t rows) {
    pair p = pair_make(type, rows * COLUMN_MULTIPLE);
    for (int64_t i = 0; i < p.count; i++) set(p, i, (dual){1, 1});
    return p;
}

static const int64_t shapes[][3] = {/* columns, input, hidden */
                                    {80, 20, 20}, {16, 1, 1},  {48, 3, 5},   {32, 2, 17},
                                    {64, 5, 3},   {160, 7, 9}, {96, 20, 20}, {16, 33, 40}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* One step of a cell with all that the kernels take and give. */
typedef struct cell {
    const kernels *table;
    int64_t columns, input, hidden;
    pair w, b, packed, x, h, c, gates, tanh_c, h_next, c_next;
    pair dh, zero, dc, dc_previous, dgates, db;
} cell;

static cell cell_make(const kernels *table, const int64_t *shape) {
    const int64_t columns = shape[0], input = shape[1], hidden = shape[2], size = hidden * columns;
    const dtype type = table->type;
    return (cell){.table = table,
                  .columns = columns,
                  .input = input,
                  .hidden = hidden,
                  .w = pair_draw(type, (input + hidden) * 4 * hidden, 2 / sqrt((double)(input + hidden))),
                  .b = pair_draw(type, 4 * hidden, 1),
                  .packed = pair_make(type, hidden * (input + hidden + 1) * 4),
                  .x = pair_draw(type, input * columns, 1),
                  .h = pair_draw(type, size, 1),
                  .c = pair_draw(type, size, 1),
                  .gates = pair_make(type, 4 * size),
                  .tanh_c = pair_make(type, size),
                  .h_next = pair_make(type, size),
                  .c_next = pair_make(type, size),
                  .dh = pair_draw(type, size, 1),
                  .zero = pair_draw(type, size, 0),
                  .dc = pair_draw(type, size, 1),
                  .dc_previous = pair_make(type, size),
                  .dgates = pair_make(type, 4 * size),
                  .db = sums_make(type, 4 * hidden)};
}
static void cell_free(cell *it) {
    FREE_ALL(it->w, it->b, it->packed, it->x, it->h, it->c, it->gates, it->tanh_c, it->h_next, it->c_next, it->dh,
             it->zero, it->dc, it->dc_previous, it->dgates, it->db);
}

/* Forward and pointwise backward, first order. */
static void cell_first_order(const cell *it) {
    it->table->columns_lstm_pack(it->input, it->hidden, it->w.value, it->b.value, it->packed.value);
    it->table->columns_lstm_forward(&(columns_lstm_arguments){.columns = it->columns,
                                                              .input = it->input,
                                                              .hidden = it->hidden,
                                                              .packed = it->packed.value,
                                                              .x = it->x.value,
                                                              .h = it->h.value,
                                                              .c = it->c.value,
                                                              .h_next = it->h_next.value,
                                                              .c_next = it->c_next.value,
                                                              .gates = it->gates.value,
                                                              .tanh_c = it->tanh_c.value});
    it->table->columns_lstm_backward(&(columns_lstm_backward_arguments){.columns = it->columns,
                                                                        .hidden = it->hidden,
                                                                        .gates = it->gates.value,
                                                                        .tanh_c = it->tanh_c.value,
                                                                        .c = it->c.value,
                                                                        .dh_above = it->dh.value,
                                                                        .dh_later = it->zero.value,
                                                                        .dc = it->dc.value,
                                                                        .dc_previous = it->dc_previous.value,
                                                                        .dgates = it->dgates.value,
                                                                        .db = it->db.value});
}

static void cell_second_order(const cell *it) {
    it->table->columns_lstm_pack(it->input, it->hidden, it->w.tangent, it->b.tangent, it->packed.tangent);
    it->table->columns_lstm_tangent(&(columns_lstm_tangent_arguments){.columns = it->columns,
                                                                      .input = it->input,
                                                                      .hidden = it->hidden,
                                                                      .packed = it->packed.value,
                                                                      .packed_tangent = it->packed.tangent,
                                                                      .b_tangent = it->b.tangent,
                                                                      .x = it->x.value,
                                                                      .h = it->h.value,
                                                                      .c = it->c.value,
                                                                      .gates = it->gates.value,
                                                                      .tanh_c = it->tanh_c.value,
                                                                      .x_tangent = it->x.tangent,
                                                                      .h_tangent = it->h.tangent,
                                                                      .c_tangent = it->c.tangent,
                                                                      .gates_tangent = it->gates.tangent,
                                                                      .tanh_c_tangent = it->tanh_c.tangent,
                                                                      .c_next_tangent = it->c_next.tangent,
                                                                      .h_next_tangent = it->h_next.tangent});
    memcpy(it->dc_previous.value, it->dc.value, (size_t)it->dc.count * dtype_size(it->dc.type));
    memcpy(it->dc_previous.tangent, it->dc.tangent, (size_t)it->dc.count * dtype_size(it->dc.type));
    it->table->columns_lstm_tangent_backward(
        &(columns_lstm_tangent_backward_arguments){.columns = it->columns,
                                                   .hidden = it->hidden,
                                                   .c = it->c.value,
                                                   .gates = it->gates.value,
                                                   .tanh_c = it->tanh_c.value,
                                                   .c_tangent = it->c.tangent,
                                                   .gates_tangent = it->gates.tangent,
                                                   .tanh_c_tangent = it->tanh_c.tangent,
                                                   .dh = it->dh.value,
                                                   .dh_tangent = it->dh.tangent,
                                                   .dc = it->dc_previous.value,
                                                   .dc_tangent = it->dc_previous.tangent,
                                                   .dgates = it->dgates.value,
                                                   .dgates_tangent = it->dgates.tangent,
                                                   .db_tangent = it->db.tangent});
}

static dual cell_gate(const cell *it, int64_t gate, int64_t unit, int64_t column) {
    const int64_t hidden = it->hidden, row = gate * hidden + unit;
    dual sum = add(at(it->b, row), constant(gate == 1 ? 1 : 0));
    for (int64_t k = 0; k < it->input; k++)
        sum = add(sum, multiply(at(it->w, k * 4 * hidden + row), at(it->x, k * it->columns + column)));
    for (int64_t k = 0; k < hidden; k++)
        sum = add(sum, multiply(at(it->w, (it->input + k) * 4 * hidden + row), at(it->h, k * it->columns + column)));
    return gate == 2 ? tanh_of(sum) : sigmoid_of(sum);
}

/* One hidden unit in one column. `total` collects dgates. */
static void check_unit(const cell *it, int64_t unit, int64_t column, double tolerance, dual total[4]) {
    const int64_t place = unit * it->columns + column, gate_stride = it->hidden * it->columns;
    dual gate[4];
    for (int64_t k = 0; k < 4; k++) {
        gate[k] = cell_gate(it, k, unit, column);
        assert_tangent(it->gates, k * gate_stride + place, gate[k], tolerance, "gate");
    }
    const dual c = at(it->c, place), c_next = add(multiply(gate[1], c), multiply(gate[0], gate[2]));
    const dual t = tanh_of(c_next);
    assert_tangent(it->c_next, place, c_next, tolerance, "c'");
    assert_tangent(it->tanh_c, place, t, tolerance, "tanh c'");
    assert_tangent(it->h_next, place, multiply(gate[3], t), tolerance, "h'");

    const dual dh = at(it->dh, place);
    const dual d = add(at(it->dc, place), multiply(dh, multiply(gate[3], tanh_slope(t))));
    const dual dgates[4] = {
        multiply(multiply(d, gate[2]), sigmoid_slope(gate[0])), multiply(multiply(d, c), sigmoid_slope(gate[1])),
        multiply(multiply(d, gate[0]), tanh_slope(gate[2])), multiply(multiply(dh, t), sigmoid_slope(gate[3]))};
    assert_near(at(it->dc_previous, place).value, multiply(d, gate[1]).value, tolerance, "dc", place);
    assert_tangent(it->dc_previous, place, multiply(d, gate[1]), tolerance, "dc");
    for (int64_t k = 0; k < 4; k++) {
        assert_near(at(it->dgates, k * gate_stride + place).value, dgates[k].value, tolerance, "dgates", place);
        assert_tangent(it->dgates, k * gate_stride + place, dgates[k], tolerance, "dgates");
        total[k] = add(total[k], dgates[k]);
    }
}

static void test_lstm_dual(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int shape = 0; shape < SHAPES; shape++) {
            cell it = cell_make(tables[t], shapes[shape]);
            const double tolerance = (64 + 4 * (double)(it.input + it.hidden)) * epsilon(tables[t]->type);
            cell_first_order(&it);
            cell_second_order(&it);
            for (int64_t unit = 0; unit < it.hidden; unit++) {
                dual total[4] = {{0}};
                for (int64_t column = 0; column < it.columns; column++) check_unit(&it, unit, column, tolerance, total);
                for (int64_t gate = 0; gate < 4; gate++)
                    assert_sum(it.db.type, it.db.tangent, gate * it.hidden + unit, total[gate].tangent,
                               sqrt((double)it.columns) * tolerance, "db");
            }
            cell_free(&it);
        }
}

/* p + offset p' */
static pair moved(pair p, double offset) {
    pair q = pair_copy(p);
    for (int64_t i = 0; i < p.count; i++)
        set(q, i, (dual){at(p, i).value + offset * at(p, i).tangent, at(p, i).tangent});
    return q;
}

static cell cell_moved(const cell *it, double offset) {
    cell other = cell_make(it->table, (int64_t[]){it->columns, it->input, it->hidden});
    FREE_ALL(other.w, other.b, other.x, other.h, other.c, other.dh, other.dc);
    other.w = moved(it->w, offset);
    other.b = moved(it->b, offset);
    other.x = moved(it->x, offset);
    other.h = moved(it->h, offset);
    other.c = moved(it->c, offset);
    other.dh = moved(it->dh, offset);
    other.dc = moved(it->dc, offset);
    cell_first_order(&other);
    return other;
}

static void assert_differences(pair p, pair above, pair below, double step, const char *what) {
    for (int64_t i = 0; i < p.count; i++)
        assert_near(at(p, i).tangent, (at(above, i).value - at(below, i).value) / (2 * step), 1e-8, what, i);
}

static void test_lstm_differences(void **state) {
    (void)state;
    const double step = 1e-5;
    for (int t = 0; t < table_count; t++)
        for (int shape = 0; shape < SHAPES; shape++) {
            if (tables[t]->type != DTYPE_FLOAT64) continue;
            cell it = cell_make(tables[t], shapes[shape]);
            cell_first_order(&it);
            cell above = cell_moved(&it, step), below = cell_moved(&it, -step);
            pair dgates = pair_copy(it.dgates), dc = pair_copy(it.dc_previous);
            cell_second_order(&it);
            assert_differences(it.gates, above.gates, below.gates, step, "gate");
            assert_differences(it.tanh_c, above.tanh_c, below.tanh_c, step, "tanh c'");
            assert_differences(it.h_next, above.h_next, below.h_next, step, "h'");
            assert_differences(it.c_next, above.c_next, below.c_next, step, "c'");
            assert_differences(it.dgates, above.dgates, below.dgates, step, "dgates");
            assert_differences(it.dc_previous, above.dc_previous, below.dc_previous, step, "dc");
            for (int64_t i = 0; i < dgates.count; i++)
                assert_near(at(it.dgates, i).value, at(dgates, i).value, 1e-14, "dgates of the first order", i);
            for (int64_t i = 0; i < dc.count; i++)
                assert_near(at(it.dc_previous, i).value, at(dc, i).value, 1e-14, "dc of the first order", i);
            FREE_ALL(dgates, dc);
            cell_free(&above);
            cell_free(&below);
            cell_free(&it);
        }
}

/* Columns first .. first + count of an array [rows, columns], dense. */
static pair slice(pair p, int64_t columns, int64_t first, int64_t count) {
    pair q = pair_make(p.type, p.count / columns * count);
    for (int64_t i = 0; i < q.count; i++) set(q, i, at(p, i / count * columns + first + i % count));
    return q;
}
static void assert_slice(pair whole, int64_t columns, int64_t first, pair part, int64_t count) {
    pair expected = slice(whole, columns, first, count);
    assert_memory_equal(expected.tangent, part.tangent, (size_t)part.count * dtype_size(part.type));
    pair_free(expected);
}

/* A column has the same bits wherever it stands and however many there are. */
static void test_lstm_columns(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++) {
        cell it = cell_make(tables[t], (int64_t[]){112, 6, 5});
        cell_first_order(&it);
        cell_second_order(&it);
        for (int64_t first = 0, count = 16; first + count <= it.columns; first += count, count += 16) {
            cell part = cell_make(tables[t], (int64_t[]){count, it.input, it.hidden});
            FREE_ALL(part.w, part.b, part.x, part.h, part.c, part.dh, part.dc);
            part.w = pair_copy(it.w);
            part.b = pair_copy(it.b);
            pair *to[] = {&part.x, &part.h, &part.c, &part.dh, &part.dc};
            const pair from[] = {it.x, it.h, it.c, it.dh, it.dc};
            for (int k = 0; k < 5; k++) *to[k] = slice(from[k], it.columns, first, count);
            cell_first_order(&part);
            cell_second_order(&part);
            assert_slice(it.gates, it.columns, first, part.gates, count);
            assert_slice(it.h_next, it.columns, first, part.h_next, count);
            assert_slice(it.c_next, it.columns, first, part.c_next, count);
            assert_slice(it.dgates, it.columns, first, part.dgates, count);
            assert_slice(it.dc_previous, it.columns, first, part.dc_previous, count);
            cell_free(&part);
        }
        cell_free(&it);
    }
}

static void test_projection(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int shape = 0; shape < SHAPES; shape++) {
            const int64_t columns = shapes[shape][0], input = shapes[shape][1], hidden = shapes[shape][2];
            const dtype type = tables[t]->type;
            const double tolerance = (64 + 4 * (double)input) * epsilon(type);
            pair x = pair_draw(type, input * columns, 1), w = pair_draw(type, input * hidden, 1);
            pair b = pair_draw(type, hidden, 1), out = pair_make(type, hidden * columns);
            pair dout = pair_draw(type, hidden * columns, 1);
            pair dw = sums_make(type, input * hidden), db = sums_make(type, hidden);
            tables[t]->columns_projection(
                &(columns_projection_arguments){columns, input, hidden, x.value, w.value, b.value, out.value});
            tables[t]->columns_projection_tangent(&(columns_projection_tangent_arguments){
                columns, input, hidden, x.value, w.tangent, b.tangent, out.value, out.tangent});
            tables[t]->columns_projection_tangent_backward(&(columns_projection_tangent_backward_arguments){
                columns, input, hidden, x.value, out.value, out.tangent, dout.value, dout.tangent, dw.tangent,
                db.tangent});
            for (int64_t unit = 0; unit < hidden; unit++) {
                dual total = {0}, *products = calloc((size_t)input, sizeof *products);
                assert_non_null(products);
                for (int64_t column = 0; column < columns; column++) {
                    dual sum = at(b, unit);
                    for (int64_t k = 0; k < input; k++)
                        sum = add(sum, multiply(at(w, k * hidden + unit), constant(at(x, k * columns + column).value)));
                    assert_tangent(out, unit * columns + column, elu_of(sum), tolerance, "projection");
                    const dual d = multiply(at(dout, unit * columns + column), elu_slope_of(sum));
                    total = add(total, d);
                    for (int64_t k = 0; k < input; k++)
                        products[k] = add(products[k], multiply(d, constant(at(x, k * columns + column).value)));
                }
                const double wide = tolerance * sqrt((double)columns);
                assert_sum(type, db.tangent, unit, total.tangent, wide, "db");
                for (int64_t k = 0; k < input; k++)
                    assert_sum(type, dw.tangent, k * hidden + unit, products[k].tangent, wide, "dw");
                free(products);
            }
            FREE_ALL(x, w, b, out, dout, dw, db);
        }
}

static dual scaled_exp(double factor, dual a) {
    const double y = exp(factor * a.value);
    return (dual){y, factor * y * a.tangent};
}

/* A rule's move of one column, the slopes of its outputs, and the share of d that is kept. */
typedef struct motion {
    dual step, slope[2], kept;
} motion;

static motion move(columns_rule rule, double length, const dual *z, dual d, double g) {
    const dual first = tanh_of(z[0]), s = constant(length);
    if (rule.update == COLUMNS_STEP) return (motion){multiply(s, first), {multiply(s, tanh_slope(first))}, {0, 0}};
    const dual r = rule.update == COLUMNS_SCALED_STEP ? tanh_of(z[1]) : first;
    const dual reach = multiply(s, scaled_exp(rule.range, r)), bent = multiply(constant(rule.range), tanh_slope(r));
    if (rule.update == COLUMNS_SCALED_STEP) {
        const dual step = multiply(reach, first);
        return (motion){step, {multiply(reach, tanh_slope(first)), multiply(bent, step)}, {0, 0}};
    }
    const dual kept = sigmoid_of(add(z[1], constant(rule.shift))), push = multiply(reach, constant(g));
    return (motion){subtract(multiply(kept, d), push),
                    {multiply(constant(-1), multiply(bent, push)), multiply(d, sigmoid_slope(kept))},
                    kept};
}

static void check_head(const kernels *table, columns_rule rule, bool own_lengths, int64_t columns, int64_t hidden) {
    const dtype type = table->type;
    const bool momentum = rule.update == COLUMNS_MOMENTUM;
    const int64_t outputs = columns_outputs(rule.update);
    const double tolerance = (128 + 8 * (double)hidden) * epsilon(type);
    pair h = pair_draw(type, hidden * columns, 1), w = pair_draw(type, hidden * outputs, 1);
    pair b = pair_draw(type, outputs, 1), x = pair_draw(type, columns, 1), before = pair_copy(x);
    pair saved = pair_make(type, 4 * columns), lengths = pair_draw(type, columns, 1);
    pair d = pair_draw(type, columns, 1), d_next = pair_copy(d), g = pair_draw(type, columns, 1);
    pair lambda = pair_draw(type, columns, 1), next = pair_draw(type, columns, 1), carried = pair_copy(next);
    pair dh = pair_draw(type, hidden * columns, 1), later = pair_copy(dh);
    pair dw = sums_make(type, hidden * outputs), db = sums_make(type, outputs);
    const void *own = own_lengths ? lengths.value : NULL;
    table->columns_head(&(columns_head_arguments){.columns = columns,
                                                  .hidden = hidden,
                                                  .rule = rule,
                                                  .lengths = own,
                                                  .h = h.value,
                                                  .w = w.value,
                                                  .b = b.value,
                                                  .g = g.value,
                                                  .d = d_next.value,
                                                  .x = x.value,
                                                  .x_next = x.value,
                                                  .saved = saved.value});
    table->columns_head_tangent(&(columns_head_tangent_arguments){.columns = columns,
                                                                  .hidden = hidden,
                                                                  .rule = rule,
                                                                  .lengths = own,
                                                                  .h = h.value,
                                                                  .h_tangent = h.tangent,
                                                                  .w = w.value,
                                                                  .w_tangent = w.tangent,
                                                                  .b_tangent = b.tangent,
                                                                  .saved = saved.value,
                                                                  .saved_tangent = saved.tangent,
                                                                  .d_tangent = d_next.tangent,
                                                                  .x_tangent = x.tangent});
    table->columns_head_tangent_backward(&(columns_head_tangent_backward_arguments){.columns = columns,
                                                                                    .hidden = hidden,
                                                                                    .rule = rule,
                                                                                    .lengths = own,
                                                                                    .h = h.value,
                                                                                    .h_tangent = h.tangent,
                                                                                    .w = w.value,
                                                                                    .w_tangent = w.tangent,
                                                                                    .saved = saved.value,
                                                                                    .saved_tangent = saved.tangent,
                                                                                    .lambda = lambda.value,
                                                                                    .lambda_tangent = lambda.tangent,
                                                                                    .momentum = carried.value,
                                                                                    .momentum_tangent = carried.tangent,
                                                                                    .dh = dh.value,
                                                                                    .dh_tangent = dh.tangent,
                                                                                    .dw_tangent = dw.tangent,
                                                                                    .db_tangent = db.tangent});
    dual *sums = calloc((size_t)((hidden + 1) * outputs), sizeof *sums);
    assert_non_null(sums);
    for (int64_t column = 0; column < columns; column++) {
        dual z[2];
        for (int64_t k = 0; k < outputs; k++) {
            z[k] = at(b, k);
            for (int64_t unit = 0; unit < hidden; unit++)
                z[k] = add(z[k], multiply(at(w, unit * outputs + k), at(h, unit * columns + column)));
            assert_near(at(saved, k * columns + column).tangent, z[k].tangent, tolerance, "z", column);
        }
        const double length = own_lengths ? at(lengths, column).value : rule.scale;
        const motion now = move(rule, length, z, at(d, column), at(g, column).value);
        const dual mu = momentum ? add(at(lambda, column), at(next, column)) : at(lambda, column);
        assert_tangent(x, column, add(at(before, column), now.step), tolerance, "x");
        assert_tangent(d_next, column, momentum ? now.step : at(d, column), tolerance, "d");
        assert_tangent(carried, column, momentum ? multiply(now.kept, mu) : at(next, column), tolerance, "of d");
        for (int64_t k = 0; k < outputs; k++)
            sums[hidden * outputs + k] = add(sums[hidden * outputs + k], multiply(mu, now.slope[k]));
        for (int64_t unit = 0; unit < hidden; unit++) {
            const int64_t place = unit * columns + column;
            dual expected = at(later, place);
            for (int64_t k = 0; k < outputs; k++) {
                const dual dz = multiply(mu, now.slope[k]);
                expected = add(expected, multiply(at(w, unit * outputs + k), dz));
                sums[unit * outputs + k] = add(sums[unit * outputs + k], multiply(at(h, place), dz));
            }
            assert_near(at(dh, place).value, expected.value, tolerance, "dh", place);
            assert_tangent(dh, place, expected, tolerance, "dh");
        }
    }
    const double wide = tolerance * sqrt((double)columns);
    for (int64_t i = 0; i < hidden * outputs; i++) assert_sum(type, dw.tangent, i, sums[i].tangent, wide, "dw");
    for (int64_t k = 0; k < outputs; k++)
        assert_sum(type, db.tangent, k, sums[hidden * outputs + k].tangent, wide, "db");
    free(sums);
    FREE_ALL(h, w, b, x, before, saved, lengths, d, d_next, g, lambda, next, carried, dh, later, dw, db);
}

static void test_head(void **state) {
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int shape = 0; shape < SHAPES; shape++)
            for (int update = COLUMNS_STEP; update <= COLUMNS_MOMENTUM; update++)
                for (int own_lengths = 0; own_lengths < 2; own_lengths++)
                    check_head(tables[t], (columns_rule){(columns_update)update, 0.3, 0.75, -0.5}, own_lengths,
                               shapes[shape][0], shapes[shape][2]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lstm_dual),    cmocka_unit_test(test_lstm_differences),
        cmocka_unit_test(test_lstm_columns), cmocka_unit_test(test_projection),
        cmocka_unit_test(test_head),
    };
    return cmocka_run_group_tests(tests, find_tables, NULL);
}
