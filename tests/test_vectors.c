/* Recorded vectors: the recorded files pass on every kernel path in both float types, and no altered number passes. */
#include <math.h>
#include <sys/stat.h>

#include "io/npz.h"
#include "l2o/vectors.h"
#include "training.h"

static const char folder[] = "../shared/golden";
static const char *const files[] = {"lasso_small", "rosen_small", "maml_lasso_small", "maml_rosen_small", "lasso_full"};

static void need_files(void) {
    if (!file_exists(folder)) skip();
}

typedef struct tally {
    int arrays, compared, failed;
    double worst; /* of error / tolerance */
    char names[8192], missed[8192];
} tally;

static void add(void *user, const l2o_vector_result *result) {
    tally *self = user;
    self->arrays++;
    self->compared += result->compared;
    self->failed += result->compared && !result->passed;
    char *list = result->compared ? self->names : self->missed;
    size_t used = strlen(list);
    snprintf(list + used, sizeof self->names - used, "%s ", result->name);
    if (result->compared) {
        assert_true(result->tolerance > 0);
        assert_int_equal(result->passed, result->error <= result->tolerance);
        self->worst = fmax(self->worst, isnan(result->error) ? INFINITY : result->error / result->tolerance);
    }
}

static l2o_status check(l2o_context *context, const char *path, const char *dtype, tally *out) {
    int failed = -1;
    *out = (tally){0};
    l2o_status status = l2o_check_vectors(context, path, dtype, add, out, &failed);
    if (status == L2O_OK) assert_int_equal(failed, out->failed);
    return status;
}

static void test_recorded(void **state) {
    (void)state;
    need_files();
    static const char *const paths[] = {"portable", "avx2", "avx512"}, *const types[] = {"float64", "float32"};
    tally *tally = calloc(1, sizeof *tally);
    int ran = 0;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
            for (int d = 0; d < 2; d++) {
                l2o_context *context;
                char path[256];
                if (l2o_context_create(2, paths[k], &context) != L2O_OK) {
                    l2o_context_free(context);
                    continue; /* not on this machine */
                }
                snprintf(path, sizeof path, "%s/%s.npz", folder, files[i]);
                if (check(context, path, types[d], tally) != L2O_OK) fail_msg("%s", l2o_context_error(context));
                if (tally->failed > 0)
                    fail_msg("%s, %s, %s: %d of %d fail, the worst by a factor of %g", files[i], paths[k], types[d],
                             tally->failed, tally->compared, tally->worst);
                if (tally->missed[0] != '\0') fail_msg("%s: not compared: %s", files[i], tally->missed);
                assert_true(tally->compared > 20);
                ran++;
                l2o_context_free(context);
            }
    assert_true(ran >= 10);
    free(tally);
}

/* ------------------------------------------------------------------------------------------------ altered numbers */

static l2o_error error;

static void write_npz(const npz *from, const char *path) {
    if (npz_write(path, from->arrays, from->count, false, &error) != L2O_OK) fail_msg("%s", error.text);
}

static void alter_each(const char *name, int places, int least) {
    directory place;
    directory_create(&place);
    char path[256], altered[160];
    snprintf(path, sizeof path, "%s/%s.npz", folder, name);
    snprintf(altered, sizeof altered, "%s/altered.npz", place.path);
    npz file;
    if (npz_read(path, &file, &error) != L2O_OK) fail_msg("%s", error.text);
    l2o_context *context = training_context(1);
    tally *tally = calloc(1, sizeof *tally);
    write_npz(&file, altered);
    if (check(context, altered, "float64", tally) != L2O_OK || tally->failed > 0)
        fail_msg("the copy fails: %s", l2o_context_error(context));
    int count = 0;
    for (size_t i = 0; i < file.count; i++) {
        array *one = &file.arrays[i];
        double norm = 0;
        for (int64_t k = 0; k < one->count; k++) norm += one->values[k] * one->values[k];
        /* Somewhere in the middle, and the last. */
        for (int place_in = 0; place_in < places; place_in++) {
            int64_t at = place_in == 0 ? one->count * 2 / 5 : one->count - 1;
            double kept = one->values[at];
            one->values[at] += norm > 0 ? 1e-3 * sqrt(norm) : 1e-3;
            write_npz(&file, altered);
            one->values[at] = kept;
            l2o_status status = check(context, altered, "float64", tally);
            if (status == L2O_OK && tally->failed == 0)
                fail_msg("%s: number %lld of '%s' was altered, and nothing noticed", name, (long long)at, one->name);
            assert_true(status == L2O_OK || status == L2O_ERROR_INPUT);
            count++;
        }
    }
    assert_true(count >= least);
    free(tally);
    npz_free(&file);
    l2o_context_free(context);
    directory_remove(&place);
}

/* A mode is known by whatever a file holds of it. */
static void test_parts_of_modes(void **state) {
    (void)state;
    need_files();
    directory place;
    directory_create(&place);
    char path[256], part[160];
    snprintf(path, sizeof path, "%s/maml_lasso_small.npz", folder);
    snprintf(part, sizeof part, "%s/part.npz", place.path);
    npz file;
    if (npz_read(path, &file, &error) != L2O_OK) fail_msg("%s", error.text);
    size_t all = file.count;
    for (size_t i = 0; i < file.count;) {
        if (strstr(file.arrays[i].name, "_support_") == NULL) {
            i++;
            continue;
        }
        array last = file.arrays[--file.count];
        file.arrays[file.count] = file.arrays[i];
        file.arrays[i] = last;
    }
    write_npz(&file, part);
    file.count = all;
    l2o_context *context = training_context(1);
    tally *tally = calloc(1, sizeof *tally);
    if (check(context, part, "float64", tally) != L2O_OK) fail_msg("%s", l2o_context_error(context));
    assert_int_equal(tally->failed, 0);
    assert_true(tally->compared > 80 && tally->missed[0] == '\0');
    assert_non_null(strstr(tally->names, "a1e-1_second_maml_grad2"));
    free(tally);
    npz_free(&file);
    l2o_context_free(context);
    directory_remove(&place);
}

static void test_every_alteration_is_noticed(void **state) {
    (void)state;
    need_files();
    alter_each("lasso_small", 2, 60);
}

static void test_every_alteration_of_maml_is_noticed(void **state) {
    (void)state;
    need_files();
    alter_each("maml_lasso_small", 1, 120);
}

/* ----------------------------------------------------------------------------------------------- files made here */

static array make_array(const char *name, int rank, int64_t a, int64_t b, int64_t c) {
    array made = {.rank = rank, .shape = {a, b, c}, .count = 1};
    for (int d = 0; d < rank; d++) made.count *= made.shape[d];
    made.name = (char *)name;
    made.values = calloc((size_t)(made.count > 0 ? made.count : 1), sizeof(double));
    assert_non_null(made.values);
    return made;
}

static array make_number(const char *name, double value) {
    array made = make_array(name, 0, 0, 0, 0);
    made.values[0] = value;
    return made;
}

static double wave(int64_t i, double frequency) { return sin(frequency * (double)(i + 1)); }

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

typedef struct unroll {
    int64_t batch, m, n, steps, hidden, layers;
    double lambda;
    double *a, *b, *x, *phi;
} unroll;

static double value_of(const unroll *u, const double *x, double *g) {
    double total = 0;
    for (int64_t p = 0; p < u->batch; p++) {
        for (int64_t j = 0; j < u->n; j++) {
            double v = x[p * u->n + j];
            total += u->lambda * fabs(v);
            g[p * u->n + j] = u->lambda * (v > 0 ? 1 : v < 0 ? -1 : 0);
        }
        for (int64_t i = 0; i < u->m; i++) {
            const double *row = u->a + (p * u->m + i) * u->n;
            double residual = -u->b[p * u->m + i];
            for (int64_t j = 0; j < u->n; j++) residual += row[j] * x[p * u->n + j];
            total += residual * residual / 2;
            for (int64_t j = 0; j < u->n; j++) g[p * u->n + j] += row[j] * residual;
        }
    }
    for (int64_t i = 0; i < u->batch * u->n; i++) g[i] /= (double)u->batch;
    return total / (double)u->batch;
}

/* RNNprop by plain loops: f [T + 1], g [T + 1, B n], the last x. Written from the formulas, on nothing of the library.
 */
static void run_unroll(const unroll *u, double *f, double *gradients, double *x) {
    enum { WIDE = 64 };
    int64_t rows = u->batch * u->n, hidden = u->hidden;
    assert_true(hidden <= WIDE);
    double *m = calloc((size_t)rows, 8), *v = calloc((size_t)rows, 8);
    double *h = calloc((size_t)(u->layers * rows * hidden), 8), *c = calloc((size_t)(u->layers * rows * hidden), 8);
    memcpy(x, u->x, (size_t)rows * sizeof *x);
    for (int64_t t = 0; t <= u->steps; t++) {
        double *g = gradients + t * rows;
        f[t] = value_of(u, x, g);
        if (t == u->steps) break;
        for (int64_t r = 0; r < rows; r++) {
            m[r] = 0.95 * m[r] + 0.05 * g[r];
            v[r] = 0.95 * v[r] + 0.05 * g[r] * g[r];
            double correction = 1 - pow(0.95, (double)(t + 1)), root = sqrt(v[r] / correction) + 1e-8;
            double in[2] = {m[r] / correction / root, g[r] / root}, signal[WIDE];
            const double *w = u->phi;
            for (int64_t k = 0; k < hidden; k++) {
                double z = in[0] * w[k] + in[1] * w[hidden + k] + w[2 * hidden + k];
                signal[k] = z > 0 ? z : expm1(z);
            }
            w += 3 * hidden;
            for (int64_t layer = 0; layer < u->layers; layer++) {
                double gates[4 * WIDE], *hs = h + (layer * rows + r) * hidden, *cs = c + (layer * rows + r) * hidden;
                const double *bias = w + 8 * hidden * hidden;
                for (int64_t k = 0; k < 4 * hidden; k++) {
                    gates[k] = bias[k];
                    for (int64_t i = 0; i < hidden; i++)
                        gates[k] += signal[i] * w[i * 4 * hidden + k] + hs[i] * w[(hidden + i) * 4 * hidden + k];
                }
                for (int64_t k = 0; k < hidden; k++) {
                    cs[k] = sigmoid(gates[hidden + k] + 1) * cs[k] + sigmoid(gates[k]) * tanh(gates[2 * hidden + k]);
                    hs[k] = sigmoid(gates[3 * hidden + k]) * tanh(cs[k]);
                    signal[k] = hs[k];
                }
                w = bias + 4 * hidden;
            }
            double z = w[hidden];
            for (int64_t k = 0; k < hidden; k++) z += signal[k] * w[k];
            x[r] += 0.01 * tanh(z);
        }
    }
    free(m);
    free(v);
    free(h);
    free(c);
}

/* A file for m x n matrices and a network of the given size, recorded from the loops above. */
static size_t make_file(unroll *u, array out[16]) {
    size_t count = 0;
    int64_t weights = 3 * u->hidden + u->layers * (8 * u->hidden * u->hidden + 4 * u->hidden) + u->hidden + 1;
    out[count++] = make_number("T", (double)u->steps);
    out[count++] = make_number("B", (double)u->batch);
    out[count++] = make_number("d", (double)u->n);
    if (u->lambda > 0) out[count++] = make_number("lam", u->lambda);
    out[count++] = make_array("A", 3, u->batch, u->m, u->n);
    u->a = out[count - 1].values;
    out[count++] = make_array("b", 2, u->batch, u->m, 0);
    u->b = out[count - 1].values;
    out[count++] = make_array("x0", 2, u->batch, u->n, 0);
    u->x = out[count - 1].values;
    out[count++] = make_array("phi_flat", 1, weights, 0, 0);
    u->phi = out[count - 1].values;
    out[count++] = make_array("phi_W0", 2, 2, u->hidden, 0);
    double *projection = out[count - 1].values;
    for (int64_t i = 0; i < u->batch * u->m * u->n; i++) u->a[i] = wave(i, 1.7);
    for (int64_t i = 0; i < u->batch * u->m; i++) u->b[i] = wave(i, 2.9);
    for (int64_t i = 0; i < u->batch * u->n; i++) u->x[i] = 0.3 * wave(i, 4.3);
    for (int64_t i = 0; i < weights; i++) u->phi[i] = 0.5 * wave(i, 7.1);
    memcpy(projection, u->phi, (size_t)(2 * u->hidden) * sizeof *projection);
    out[count++] = make_array("f_traj", 1, u->steps + 1, 0, 0);
    double *f = out[count - 1].values;
    out[count++] = make_array("g_traj", 3, u->steps + 1, u->batch, u->n);
    double *g = out[count - 1].values;
    out[count++] = make_array("final_x", 2, u->batch, u->n, 0);
    run_unroll(u, f, g, out[count - 1].values);
    out[count++] = make_array("loss", 0, 0, 0, 0);
    for (int64_t t = 0; t <= u->steps; t++) out[count - 1].values[0] += f[t];
    return count;
}

static void free_arrays(array *arrays, size_t count) {
    for (size_t i = 0; i < count; i++) free(arrays[i].values);
}

static void test_other_sizes(void **state) {
    (void)state;
    static const unroll sizes[] = {{.batch = 2, .m = 5, .n = 3, .steps = 4, .hidden = 20, .layers = 2, .lambda = 0.1},
                                   {.batch = 3, .m = 2, .n = 4, .steps = 3, .hidden = 20, .layers = 1, .lambda = 0.02},
                                   {.batch = 1, .m = 1, .n = 1, .steps = 1, .hidden = 1, .layers = 1, .lambda = 0},
                                   {.batch = 4, .m = 3, .n = 3, .steps = 6, .hidden = 7, .layers = 3, .lambda = 0}};
    directory place;
    directory_create(&place);
    l2o_context *context = training_context(1);
    tally *tally = calloc(1, sizeof *tally);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unroll u = sizes[i];
        array arrays[16];
        size_t count = make_file(&u, arrays);
        npz file = {arrays, count};
        const char *path = directory_file(&place, "made.npz");
        write_npz(&file, path);
        for (int d = 0; d < 2; d++) {
            if (check(context, path, d == 0 ? "float64" : "float32", tally) != L2O_OK)
                fail_msg("size %zu: %s", i, l2o_context_error(context));
            if (tally->failed > 0 || tally->compared != 5)
                fail_msg("size %zu: %d fail of %d, by a factor of %g", i, tally->failed, tally->compared, tally->worst);
        }
        free_arrays(arrays, count);
    }
    free(tally);
    l2o_context_free(context);
    directory_remove(&place);
}

/* The made-up file of a quadratic, changed in every way that must not pass. */
static void test_refusals(void **state) {
    (void)state;
    directory place;
    directory_create(&place);
    l2o_context *context = training_context(1);
    tally *tally = calloc(1, sizeof *tally);
    unroll u = {.batch = 2, .m = 4, .n = 3, .steps = 3, .hidden = 20, .layers = 1};
    array arrays[16];
    size_t count = make_file(&u, arrays);
    const char *path = directory_file(&place, "made.npz");

    arrays[count] = make_array("my_own_numbers", 1, 3, 0, 0); /* unknown: reported, not compared */
    arrays[count + 1] = make_array("grad3_flat", 1, 3, 0, 0);
    npz file = {arrays, count + 2};
    write_npz(&file, path);
    assert_int_equal(check(context, path, "float64", tally), L2O_OK);
    assert_int_equal(tally->failed, 0);
    assert_string_equal(tally->missed, "my_own_numbers grad3_flat ");
    free_arrays(arrays + count, 2);

    file.count = count; /* another shape of a known name fails */
    array kept = arrays[count - 4];
    assert_string_equal(kept.name, "f_traj");
    arrays[count - 4].shape[0]--;
    arrays[count - 4].count--;
    write_npz(&file, path);
    assert_int_equal(check(context, path, "float64", tally), L2O_OK);
    assert_int_equal(tally->failed, 1);
    arrays[count - 4] = kept;

    static const struct {
        const char *name, *part;
        double value;
    } numbers[] = {{"T", "'T' must be one whole number", 2.5},
                   {"T", "'T'", 0},
                   {"T", "'T'", 1e7},
                   {"B", "shape [B, d]", 3},
                   {"B", "'B'", NAN},
                   {"d", "'d' is 4", 4},
                   {"T", "'T'", -1}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (size_t k = 0; k < count; k++) {
            if (strcmp(arrays[k].name, numbers[i].name) != 0) continue;
            double old = arrays[k].values[0];
            arrays[k].values[0] = numbers[i].value;
            write_npz(&file, path);
            arrays[k].values[0] = old;
            assert_int_equal(check(context, path, "float64", tally), L2O_ERROR_INPUT);
            assert_contains(l2o_context_error(context), numbers[i].part);
        }
    /* Each input left out. */
    for (size_t k = 0; k < 7; k++) {
        array without[16];
        size_t left = 0;
        for (size_t i = 0; i < count; i++)
            if (i != k) without[left++] = arrays[i];
        npz shorter = {without, left};
        write_npz(&shorter, path);
        l2o_status status = check(context, path, "float64", tally);
        if (strcmp(arrays[k].name, "d") == 0)
            assert_true(status == L2O_OK && tally->failed == 0); /* it is only a check */
        else
            assert_int_equal(status, L2O_ERROR_INPUT);
    }
    npz inputs = {arrays, 7}; /* nothing recorded: an error, not a success */
    write_npz(&inputs, path);
    assert_int_equal(check(context, path, "float64", tally), L2O_ERROR_INPUT);
    assert_contains(l2o_context_error(context), "nothing that can be recomputed");
    /* A width that no network has. */
    array wide[16];
    memcpy(wide, arrays, sizeof wide);
    for (size_t k = 0; k < count; k++)
        if (strcmp(wide[k].name, "phi_W0") == 0) {
            wide[k].shape[0] = 0;
            wide[k].shape[1] = (int64_t)1 << 40;
            wide[k].count = 0;
        }
    npz widest = {wide, count};
    write_npz(&widest, path);
    assert_int_equal(check(context, path, "float64", tally), L2O_ERROR_INPUT);
    assert_int_equal(check(context, path, "float16", tally), L2O_ERROR_INPUT);
    assert_int_equal(check(context, "no/such/file.npz", "float64", tally), L2O_ERROR_IO);
    int failed;
    write_npz(&file, path);
    assert_int_equal(l2o_check_vectors(context, path, "float64", NULL, NULL, &failed), L2O_OK); /* a count is enough */
    assert_int_equal(failed, 0);
    free_arrays(arrays, count);
    free(tally);
    l2o_context_free(context);
    directory_remove(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_parts_of_modes),
        cmocka_unit_test(test_every_alteration_is_noticed),
        cmocka_unit_test(test_every_alteration_of_maml_is_noticed),
        cmocka_unit_test(test_other_sizes),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
