/* Entries of matrix p, m x n of them, have the addresses from p m n on. */
#include "problems/drawn_matrix.h"

#include <math.h>
#include <string.h>

#include "problems/dense_vector.h"
#include "problems/eigen.h"

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static l2o_status read_shape(const linear_model *model, const l2o_settings *settings, drawn_matrix *out,
                             l2o_error *error) {
    bool conditioned = settings_is_set(settings, "condition"), ranked = settings_is_set(settings, "rank");
    if (conditioned && ranked)
        return error_set(error, L2O_ERROR_INPUT,
                         "condition and rank are both given: a matrix without full rank has no finite condition "
                         "number; drop one");
    if (conditioned) out->condition = settings_real(settings, "condition");
    if (!ranked) return L2O_OK;
    out->rank = settings_integer(settings, "rank");
    if (out->rank > smaller(model->m, model->n))
        return error_set(error, L2O_ERROR_INPUT,
                         "rank: a matrix A of m = %lld rows and n = %lld columns has no rank %lld", (long long)model->m,
                         (long long)model->n, (long long)out->rank);
    return L2O_OK;
}

l2o_status drawn_matrix_create(problem *problem, linear_model *model, const l2o_settings *settings, drawn_matrix *out,
                               l2o_error *error) {
    TRY(problem_parse_distribution(settings_text(settings, "A"), "A", &out->entries, error));
    TRY(distribution_choose(&out->entries, problem->component, "A", error));
    model->m = settings_integer(settings, "m");
    if (model->m == 0) model->m = model->n;
    model->shared = settings_flag(settings, "shared-A");
    if (model->shared) {
        out->seed = (uint64_t)settings_integer(settings, "A-seed");
        if (out->entries.count > 1)
            return error_set(error, L2O_ERROR_INPUT,
                             "A: a mixture of %d cannot be shared by all instances; drop shared-A or the mixture",
                             out->entries.count);
        out->perturbation = settings_real(settings, "A-perturbation");
        if (out->perturbation > 0) out->perturbation_seed = (uint32_t)settings_integer(settings, "A-perturbation-seed");
    }
    out->unit_columns = settings_flag(settings, "unit-columns");
    TRY(read_shape(model, settings, out, error));
    if (out->condition == 0 && out->rank == 0) return L2O_OK;
    /* Beside A itself: Q'A, Q, eigenvalues and work; or the two factors. */
    int64_t m = model->m, n = model->n;
    int64_t more = out->rank > 0 ? out->rank * (m + n) : m * n + m * m + 4 * m;
    out->raw = problem_allocate(problem, m * n + more, 1, 1, sizeof *out->raw, error);
    return out->raw == NULL ? error->status : L2O_OK;
}

/* c[m, n] = a b, a [m, k] or, transposed, [k, m] */
static void multiply(bool transposed, int64_t m, int64_t n, int64_t k, const double *a, const double *b, double *c) {
    memset(c, 0, (size_t)(m * n) * sizeof *c);
    for (int64_t i = 0; i < m; i++)
        for (int64_t l = 0; l < k; l++) dense_axpy(n, a[transposed ? l * m + i : i * k + l], b + l * n, c + i * n);
}

/* With AA' = Q diag(s^2) Q', A = Q diag(s) V' becomes Q diag(new s / s) Q'A. Where m > n, the first m - n of s are
 * zeros and stay so. */
static l2o_status set_condition(const drawn_matrix *matrix, int64_t m, int64_t n, l2o_error *error) {
    double *a = matrix->raw, *projected = a + m * n, *vectors = projected + m * n;
    double *values = vectors + m * m, *work = values + m;
    int64_t count = smaller(m, n);
    double ratio = count > 1 ? pow(matrix->condition, -1 / (double)(count - 1)) : 1, squares = 0;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j <= i; j++) vectors[i * m + j] = vectors[j * m + i] = dense_dot(n, a + i * n, a + j * n);
    TRY(eigen_symmetric(m, vectors, values, work, error));
    for (int64_t k = 0; k < count; k++) squares += pow(ratio, 2 * (double)k);
    multiply(false, m, n, m, vectors, a, projected);
    for (int64_t k = 0; k < m; k++) {
        double wanted = sqrt((double)n / squares) * pow(ratio, (double)(m - 1 - k));
        double factor = m - 1 - k < count && values[k] > 0 ? wanted / sqrt(values[k]) : 0;
        for (int64_t j = 0; j < n; j++) projected[k * n + j] *= factor;
    }
    multiply(true, m, n, m, vectors, projected, a);
    return L2O_OK;
}

static void draw_entries(const distribution_component *component, random_key key, int64_t first, int64_t count,
                         double *out) {
    for (int64_t i = 0; i < count; i++) out[i] = distribution_draw(component, key, (uint64_t)(first + i));
}

/* Matrix p into matrix->raw. */
static l2o_status draw_raw(const drawn_matrix *matrix, int64_t m, int64_t n, const distribution_component *component,
                           random_key key, int64_t p, l2o_error *error) {
    if (matrix->rank == 0) {
        draw_entries(component, key, p * m * n, m * n, matrix->raw);
        return set_condition(matrix, m, n, error);
    }
    int64_t rank = matrix->rank, first = p * rank * (m + n);
    double *left = matrix->raw + m * n, *right = left + m * rank;
    draw_entries(component, key, first, m * rank, left);
    const distribution_component normal = {DISTRIBUTION_NORMAL, 0, 1 / sqrt((double)rank)};
    draw_entries(&normal, key, first + m * rank, rank * n, right);
    multiply(false, m, n, rank, left, right, matrix->raw);
    return L2O_OK;
}

static void normalise_columns(const linear_model *model, int64_t p) {
    int64_t size = model->m * model->n;
    for (int64_t j = 0; j < model->n; j++) {
        double sum = 0;
        for (int64_t i = 0; i < model->m; i++) {
            double value = problem_load(model->type, model->a, p * size + i * model->n + j);
            sum += value * value;
        }
        if (sum == 0) continue;
        double scale = 1 / sqrt(sum);
        for (int64_t i = p * size + j; i < (p + 1) * size; i += model->n)
            problem_store(model->type, model->a, i, scale * problem_load(model->type, model->a, i));
    }
}

/* A shared A that has shifted: normal noise of its own on every entry, in units of their root mean square. */
static void perturb(const drawn_matrix *matrix, const linear_model *model, random_key key) {
    const distribution_component normal = {DISTRIBUTION_NORMAL, 0, 1};
    int64_t size = model->m * model->n;
    double squares = 0;
    for (int64_t i = 0; i < size; i++) {
        double entry = problem_load(model->type, model->a, i);
        squares += entry * entry;
    }
    double deviation = matrix->perturbation * sqrt(squares / (double)size);
    key.draw = 1 + matrix->perturbation_seed; /* A itself has draw 0 */
    for (int64_t i = 0; i < size; i++) {
        double noise = deviation * distribution_draw(&normal, key, (uint64_t)i);
        problem_store(model->type, model->a, i, problem_load(model->type, model->a, i) + noise);
    }
}

static l2o_status draw_one(const drawn_matrix *matrix, const linear_model *model, random_key key, int64_t p,
                           l2o_error *error) {
    int64_t size = model->m * model->n;
    const distribution_component *component =
        &matrix->entries.component[distribution_component_of(&matrix->entries, p, model->batch)];
    if (matrix->raw != NULL) TRY(draw_raw(matrix, model->m, model->n, component, key, p, error));
    for (int64_t i = 0; i < size; i++) {
        uint64_t index = (uint64_t)(p * size + i);
        problem_store(model->type, model->a, p * size + i,
                      matrix->raw != NULL ? matrix->raw[i] : distribution_draw(component, key, index));
    }
    if (matrix->perturbation > 0) perturb(matrix, model, key);
    if (matrix->unit_columns) normalise_columns(model, p);
    return L2O_OK;
}

l2o_status drawn_matrix_draw(const drawn_matrix *matrix, const linear_model *model, random_key key, l2o_error *error) {
    /* The shared one is the same for every stream and draw: an unrolled network is trained and tested on one A. */
    if (model->shared)
        return draw_one(matrix, model, (random_key){.seed = matrix->seed, .stream = STREAM_SPLIT, .field = FIELD_A}, 0,
                        error);
    key.field = FIELD_A;
    for (int64_t p = 0; p < model->batch; p++) TRY(draw_one(matrix, model, key, p, error));
    return L2O_OK;
}
