/* Reads and checks a user's files, and chooses batches of their instances. Every mismatch is one sentence that names
 * both files and their shapes. */
#include "problems/user_data.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { SHAPE_TEXT = 160 };

/* "data/b.npy [3, 4]" */
typedef struct described {
    char text[SHAPE_TEXT + 512];
} described;

static described describe(const char *path, const data_file *file) {
    described out;
    size_t used = (size_t)snprintf(out.text, 512, "%s", path);
    if (used > 511) used = 511;
    if (file->is_sparse) {
        snprintf(out.text + used, SHAPE_TEXT, " [%lld, %lld] (sparse)", (long long)file->sparse.rows,
                 (long long)file->sparse.columns);
        return out;
    }
    used += (size_t)snprintf(out.text + used, SHAPE_TEXT, " [");
    for (int d = 0; d < file->dense.rank && used + 32 < sizeof out.text; d++)
        used += (size_t)snprintf(out.text + used, 32, "%s%lld", d == 0 ? "" : ", ", (long long)file->dense.shape[d]);
    snprintf(out.text + used, 2, "]");
    return out;
}

static bool names_file(const l2o_settings *settings, const char *name) {
    /* Looking is not using: who takes the file reads the setting. */
    return settings_is_set(settings, name) && data_file_recognised(settings_peek(settings, name));
}

/* b, lambda and x0 are small beside A and are kept dense. With `labels`, a format that has labels means those. */
static l2o_status read_dense(const char *path, bool labels, data_file *out, l2o_error *error) {
    data_file file;
    *out = (data_file){0};
    TRY(data_file_read(path, &file, error));
    if (!file.is_sparse) {
        *out = file;
        return L2O_OK;
    }
    const sparse_matrix *sparse = &file.sparse;
    bool vector = labels && file.labels != NULL;
    int64_t shape[2] = {vector ? file.label_count : sparse->rows, sparse->columns};
    l2o_status status = array_create(&out->dense, NULL, vector ? 1 : 2, shape, error);
    double *values = out->dense.values;
    if (status == L2O_OK && vector) memcpy(values, file.labels, (size_t)shape[0] * sizeof *values);
    for (int64_t i = 0; status == L2O_OK && !vector && i < shape[0]; i++)
        for (int64_t k = sparse->row_start[i]; k < sparse->row_start[i + 1]; k++)
            values[i * shape[1] + sparse->column[k]] = sparse->value[k];
    data_file_free(&file);
    return status;
}

static l2o_status read_a(user_data *data, const l2o_settings *settings, l2o_error *error) {
    const char *path = settings_text(settings, "A");
    size_t room = strlen(path) + sizeof "A: ";
    TRY(data_file_read(path, &data->a, error));
    data->a_given = true;
    data->a_name = memory_allocate(room, 1, error);
    if (data->a_name == NULL) return error->status;
    snprintf(data->a_name, room, "A: %s", path);
    const array *dense = &data->a.dense;
    if (data->a.is_sparse) {
        data->m = data->a.sparse.rows;
        data->n = data->a.sparse.columns;
        TRY(sparse_transpose(&data->a.sparse, &data->transpose, error));
    } else if (dense->rank == 2 || dense->rank == 3) {
        data->m = dense->shape[dense->rank - 2];
        data->n = dense->shape[dense->rank - 1];
        if (dense->rank == 3) data->instances = dense->shape[0];
    } else {
        return error_set(error, L2O_ERROR_INPUT,
                         "A: %s must be [m, n], one matrix for all instances, or [instances, m, n], one for each",
                         describe(path, &data->a).text);
    }
    if (data->m == 0 || data->n == 0 || (!data->a.is_sparse && dense->count == 0))
        return error_set(error, L2O_ERROR_INPUT, "A: %s has no entries", describe(path, &data->a).text);
    const char *names[] = {"n", "m"};
    const int64_t sizes[] = {data->n, data->m};
    for (int i = 0; i < 2; i++) {
        if (!settings_is_set(settings, names[i])) continue;
        int64_t given = settings_integer(settings, names[i]);
        if (given != sizes[i] && given != 0)
            return error_set(error, L2O_ERROR_INPUT, "%s is %lld (%s), but A: %s has %s = %lld; drop the setting",
                             names[i], (long long)given, settings_origin(settings, names[i]),
                             describe(path, &data->a).text, names[i], (long long)sizes[i]);
    }
    return L2O_OK;
}

/* Whether b of `rank` and `shape` has its instances in rows or columns. */
static l2o_status find_layout(const user_data *data, const l2o_settings *settings, const data_file *b, bool *columns,
                              l2o_error *error) {
    const char *a_path = settings_text(settings, "A"), *b_path = settings_text(settings, "b");
    enum { AUTO, ROWS, COLUMNS };
    int layout = settings_choice(settings, "b-layout");
    const int64_t *shape = b->dense.shape;
    bool fits_rows = shape[1] == data->m && (data->instances == 0 || shape[0] == data->instances);
    bool fits_columns = shape[0] == data->m && (data->instances == 0 || shape[1] == data->instances);
    if (layout == AUTO && fits_rows && fits_columns && data->m > 1)
        return error_set(error, L2O_ERROR_INPUT,
                         "b: %s is square, so with A: %s its instances could be its rows or its columns; say which "
                         "with b-layout = rows or b-layout = columns",
                         describe(b_path, b).text, describe(a_path, &data->a).text);
    if ((layout != COLUMNS && fits_rows) || (layout != ROWS && fits_columns)) {
        *columns = layout == COLUMNS || !fits_rows;
        return L2O_OK;
    }
    return error_set(error, L2O_ERROR_INPUT, "b: %s does not fit A: %s, which needs %s of length m = %lld%s",
                     describe(b_path, b).text, describe(a_path, &data->a).text,
                     layout == AUTO   ? "rows or columns"
                     : layout == ROWS ? "rows"
                                      : "columns",
                     (long long)data->m, data->instances == 0 ? "" : ", one for each of A's instances");
}

/* Copies b into [N, m], whichever way it lies. */
static l2o_status keep_b(user_data *data, int64_t instances, const double *values, bool columns, l2o_error *error) {
    data->instances = instances;
    data->b_given = true;
    data->b = memory_allocate((size_t)(instances * data->m), sizeof *data->b, error);
    if (data->b == NULL) return error->status;
    for (int64_t p = 0; p < instances; p++)
        for (int64_t i = 0; i < data->m; i++)
            data->b[p * data->m + i] = values[columns ? i * instances + p : p * data->m + i];
    return L2O_OK;
}

static l2o_status take_b(user_data *data, const l2o_settings *settings, const data_file *b, l2o_error *error) {
    const char *a_path = settings_text(settings, "A"), *b_path = settings_text(settings, "b");
    int rank = b->dense.rank;
    settings_mark_used(settings, "b-layout");
    const int64_t *shape = b->dense.shape;
    if (b->dense.count == 0) return error_set(error, L2O_ERROR_INPUT, "b: %s has no entries", describe(b_path, b).text);
    bool columns = false;
    if (rank == 1 || (rank == 3 && shape[2] == 1)) { /* [m], or column vectors [N, m, 1] */
        int64_t length = rank == 1 ? shape[0] : shape[1], instances = rank == 1 ? 1 : shape[0];
        if (length == data->m && (data->instances == 0 || data->instances == instances))
            return keep_b(data, instances, b->dense.values, false, error);
    } else if (rank == 2) {
        TRY(find_layout(data, settings, b, &columns, error));
        return keep_b(data, shape[columns ? 1 : 0], b->dense.values, columns, error);
    }
    return error_set(error, L2O_ERROR_INPUT,
                     "b: %s does not fit A: %s; it must be [m] or [instances, m] with m = %lld%s",
                     describe(b_path, b).text, describe(a_path, &data->a).text, (long long)data->m,
                     data->instances == 0 ? "" : " and as many instances as A");
}

static l2o_status read_b(user_data *data, const problem_ops *ops, const l2o_settings *settings, l2o_error *error) {
    const char *a_path = settings_text(settings, "A");
    if (names_file(settings, "b")) {
        const char *path = settings_text(settings, "b");
        if (!data->a_given)
            return error_set(error, L2O_ERROR_INPUT,
                             "b is the data file %s, but A is '%s', which is none; give A as a data file, too: its "
                             "name ends with .npy, .npz:MEMBER, .csv, .tsv, .txt, .mtx, .svm or .libsvm",
                             path, a_path);
        data_file b;
        TRY(read_dense(path, true, &b, error));
        l2o_status status = take_b(data, settings, &b, error);
        data_file_free(&b);
        return status;
    }
    if (!data->a_given || settings_is_set(settings, "b")) return L2O_OK; /* drawn, as the user says */
    if (data->a.labels == NULL && ops->default_b != NULL) return L2O_OK;
    if (data->a.labels == NULL)
        return error_set(error, L2O_ERROR_INPUT,
                         "A is the data file %s, but b is not given; name a data file, or `truth` or a distribution to "
                         "draw b",
                         a_path);
    return keep_b(data, 1, data->a.labels, false, error);
}

static l2o_status read_truth(user_data *data, const l2o_settings *settings, l2o_error *error) {
    const char *path = settings_text(settings, "truth");
    if (!data->b_given)
        return error_set(error, L2O_ERROR_INPUT,
                         "truth is the data file %s, but there is none for b: the true x* belongs to the b that it was "
                         "measured as; give both",
                         path);
    TRY(read_dense(path, false, &data->truth, error));
    data->truth_given = true;
    return L2O_OK;
}

static l2o_status read_all(user_data *data, const problem_ops *ops, const l2o_settings *settings, l2o_error *error) {
    if (ops->data) {
        if (names_file(settings, "A")) TRY(read_a(data, settings, error));
        TRY(read_b(data, ops, settings, error));
        if (ops->penalized && names_file(settings, "lambda")) {
            TRY(read_dense(settings_text(settings, "lambda"), true, &data->lambda, error));
            data->lambda_given = true;
        }
        if (ops->drawn_b && names_file(settings, "truth")) TRY(read_truth(data, settings, error));
    }
    if (names_file(settings, "x0")) {
        TRY(read_dense(settings_text(settings, "x0"), false, &data->x0, error));
        data->x0_given = true;
    }
    if (data->instances > 0) {
        double fraction = settings_real(settings, "held-out");
        data->held_out = (int64_t)llround(fraction * (double)data->instances);
        if (data->held_out == 0 && fraction > 0) data->held_out = 1;
        if (data->held_out >= data->instances) data->held_out = data->instances - 1;
    }
    return L2O_OK;
}

l2o_status user_data_read(const problem_ops *ops, const l2o_settings *settings, user_data **out, l2o_error *error) {
    *out = NULL;
    bool any = names_file(settings, "x0");
    if (ops->drawn_b && settings_is_set(settings, "truth") && !names_file(settings, "truth"))
        return error_set(error, L2O_ERROR_INPUT,
                         "truth: '%s' is no data file; its name ends with .npy, .npz:MEMBER, .csv, .tsv, .txt or .mtx "
                         "(a true x* is drawn by b = truth)",
                         settings_text(settings, "truth"));
    if (ops->data)
        any = any || names_file(settings, "A") || names_file(settings, "b") || names_file(settings, "lambda") ||
              names_file(settings, "truth");
    if (!any) return L2O_OK;
    user_data *data = memory_allocate(1, sizeof *data, error);
    if (data == NULL) return error->status;
    l2o_status status = read_all(data, ops, settings, error);
    if (status != L2O_OK) {
        user_data_free(data);
        return status;
    }
    *out = data;
    return L2O_OK;
}

void user_data_free(user_data *data) {
    if (data == NULL) return;
    memory_free(data->a_name);
    data_file_free(&data->a);
    data_file_free(&data->lambda);
    data_file_free(&data->x0);
    data_file_free(&data->truth);
    sparse_free(&data->transpose);
    memory_free(data->b);
    memory_free(data->order);
    memory_free(data->pool);
    memory_free(data->chosen);
    memory_free(data);
}

static bool sees_held_out(random_stream stream) { return stream == STREAM_VALIDATION || stream == STREAM_HELD_OUT; }
static bool sees_kept(random_stream stream) {
    return stream == STREAM_TRAINING || stream == STREAM_ADAPTATION || stream == STREAM_TUNING;
}

int64_t user_data_part(const user_data *data, random_stream stream) {
    if (data->held_out == 0) return data->instances; /* nothing is held out: every stream sees all */
    if (sees_held_out(stream)) return data->held_out;
    return sees_kept(stream) ? data->instances - data->held_out : data->instances;
}

static l2o_status check_lambda(const user_data *data, const l2o_settings *settings, int64_t count, l2o_error *error) {
    const char *path = settings_text(settings, "lambda");
    if (data->lambda.dense.count != 1 && data->lambda.dense.count != count)
        return error_set(error, L2O_ERROR_INPUT,
                         "lambda: %s must hold one number, or one for each of the %lld instances",
                         describe(path, &data->lambda).text, (long long)count);
    for (int64_t i = 0; i < data->lambda.dense.count; i++)
        if (data->lambda.dense.values[i] < 0)
            return error_set(error, L2O_ERROR_INPUT, "lambda: %s: number %lld is %g; lambda must be 0 or more", path,
                             (long long)i, data->lambda.dense.values[i]);
    return L2O_OK;
}

static l2o_status check_x0(const user_data *data, const l2o_settings *settings, int64_t count, int64_t dimension,
                           l2o_error *error) {
    const array *x0 = &data->x0.dense;
    bool one = x0->count == dimension && x0->rank <= 2;
    bool each = x0->rank == 2 && x0->shape[0] == count && x0->shape[1] == dimension;
    if (one || each) return L2O_OK;
    const char *a = data->a_given ? settings_text(settings, "A") : NULL;
    return error_set(error, L2O_ERROR_INPUT,
                     "x0: %s does not fit%s%s: it must be [n] = [%lld], or [instances, n] = [%lld, %lld]",
                     describe(settings_text(settings, "x0"), &data->x0).text,
                     a == NULL ? " the problem" : " A: ", a == NULL ? "" : describe(a, &data->a).text,
                     (long long)dimension, (long long)count, (long long)dimension);
}

static l2o_status check_truth(const user_data *data, const l2o_settings *settings, int64_t dimension,
                              l2o_error *error) {
    const array *truth = &data->truth.dense;
    bool one = data->instances == 1 && truth->rank == 1 && truth->shape[0] == dimension;
    if (one || (truth->rank == 2 && truth->shape[0] == data->instances && truth->shape[1] == dimension)) return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT,
                     "truth: %s does not fit A: %s and its %lld instances: it must be [instances, n] = [%lld, %lld]",
                     describe(settings_text(settings, "truth"), &data->truth).text,
                     describe(settings_text(settings, "A"), &data->a).text, (long long)data->instances,
                     (long long)data->instances, (long long)dimension);
}

/* Numbers of a file are float64; as float32 the largest would be infinite. */
static l2o_status check_range(const l2o_settings *settings, const char *name, int64_t count, const double *numbers,
                              l2o_error *error) {
    for (int64_t i = 0; i < count; i++)
        if (fabs(numbers[i]) > (double)FLT_MAX)
            return error_set(error, L2O_ERROR_INPUT,
                             "%s: %s: number %lld is %g, too large for float32; set dtype = float64 or scale the data",
                             name, settings_text(settings, name), (long long)i, numbers[i]);
    return L2O_OK;
}

static l2o_status check_ranges(const user_data *data, const l2o_settings *settings, l2o_error *error) {
    if (settings_choice(settings, "dtype") != 0) return L2O_OK;
    TRY(check_range(settings, "A", data->a.dense.count, data->a.dense.values, error));
    TRY(check_range(settings, "A", data->a.sparse.nonzeros, data->a.sparse.value, error));
    int64_t measured = data->b_given ? data->instances * data->m : 0;
    TRY(check_range(settings, names_file(settings, "b") ? "b" : "A", measured, data->b, error));
    TRY(check_range(settings, "x0", data->x0.dense.count, data->x0.dense.values, error));
    return check_range(settings, "truth", data->truth.dense.count, data->truth.dense.values, error);
}

l2o_status user_data_bind(user_data *data, const l2o_settings *settings, int64_t batch, int64_t dimension,
                          l2o_error *error) {
    int64_t count = data->instances > 0 ? data->instances : batch;
    if (data->lambda_given) TRY(check_lambda(data, settings, count, error));
    if (data->truth_given) TRY(check_truth(data, settings, dimension, error));
    if (data->x0_given) TRY(check_x0(data, settings, count, dimension, error));
    TRY(check_ranges(data, settings, error));
    data->order = memory_allocate((size_t)data->instances, sizeof *data->order, error);
    data->pool = memory_allocate((size_t)data->instances, sizeof *data->pool, error);
    data->chosen = memory_allocate((size_t)batch, sizeof *data->chosen, error);
    return data->order == NULL || data->pool == NULL || data->chosen == NULL ? error->status : L2O_OK;
}

l2o_status user_data_labels(user_data *data, const l2o_settings *settings, l2o_error *error) {
    int64_t total = data->instances * data->m;
    bool zeros = false, minus = false;
    for (int64_t i = 0; i < total; i++) {
        zeros = zeros || data->b[i] == 0;
        minus = minus || data->b[i] == -1;
        if (data->b[i] != 0 && data->b[i] != 1 && data->b[i] != -1)
            return error_set(error, L2O_ERROR_INPUT,
                             "%s: label %lld of instance %lld is %g; labels are -1 and 1, or 0 and 1",
                             settings_text(settings, names_file(settings, "b") ? "b" : "A"), (long long)(i % data->m),
                             (long long)(i / data->m), data->b[i]);
    }
    if (zeros && minus)
        return error_set(error, L2O_ERROR_INPUT,
                         "%s: the labels are a mixture of -1, 0 and 1; use -1 and 1, or 0 and 1",
                         settings_text(settings, names_file(settings, "b") ? "b" : "A"));
    for (int64_t i = 0; zeros && i < total; i++) data->b[i] = 2 * data->b[i] - 1;
    return L2O_OK;
}

/* The first `count` of `items` become a draw without replacement from all `size` of them. */
static void shuffle(int64_t *items, int64_t size, int64_t count, random_key key) {
    for (int64_t i = 0; i < count; i++) {
        int64_t other = i + (int64_t)(random_uniform(key, (uint64_t)i) * (double)(size - i));
        int64_t item = items[i];
        items[i] = items[other];
        items[other] = item;
    }
}

void user_data_choose(user_data *data, int64_t batch, random_key key) {
    if (data->instances == 0) return;
    random_stream stream = (random_stream)key.stream;
    if (!sees_kept(stream) && !sees_held_out(stream)) {
        for (int64_t p = 0; p < batch; p++)
            data->chosen[p] =
                (int64_t)(((uint64_t)key.draw * (uint64_t)batch + (uint64_t)p) % (uint64_t)data->instances);
        return;
    }
    /* One split for all seeds: what training held out must be what adaptation and comparisons hold out. */
    if (!data->ordered) {
        for (int64_t i = 0; i < data->instances; i++) data->order[i] = i;
        shuffle(data->order, data->instances, data->instances,
                (random_key){.stream = STREAM_SPLIT, .field = FIELD_OTHER});
        data->ordered = true;
    }
    int64_t part = user_data_part(data, stream);
    const int64_t *first = data->order + (sees_kept(stream) ? data->instances - part : 0);
    memcpy(data->pool, first, (size_t)part * sizeof *first);
    key.field = FIELD_OTHER;
    shuffle(data->pool, part, part < batch ? part : batch, key);
    for (int64_t p = 0; p < batch; p++) data->chosen[p] = data->pool[p % part];
}

int64_t user_data_entry(const user_data *data, int64_t count, int64_t p) {
    if (count == 1) return 0;
    return data->instances > 0 ? data->chosen[p] : p;
}
