/* An entry's address is p n + j of FIELD_TRUTH: a uniform number decides whether it is zero, a normal one what it is.
 */
#include "problems/drawn_truth.h"

#include <string.h>

#include "problems/dense_vector.h"

enum { LANES = 8 };

static l2o_status read_sparsity(const problem *problem, const l2o_settings *settings, drawn_truth *out,
                                l2o_error *error) {
    out->nonzeros = -1;
    out->scale = settings_real(settings, "truth-scale");
    if (!settings_is_set(settings, "nonzeros")) {
        out->density = settings_real(settings, "density");
        return L2O_OK;
    }
    if (settings_is_set(settings, "density"))
        return error_set(error, L2O_ERROR_INPUT,
                         "density and nonzeros are both given: one says how many entries of the true x are nonzero on "
                         "average, the other how many exactly; drop one");
    out->nonzeros = settings_integer(settings, "nonzeros");
    if (out->nonzeros > problem->dimension)
        return error_set(error, L2O_ERROR_INPUT, "nonzeros: %lld entries of x cannot be nonzero, it has n = %lld",
                         (long long)out->nonzeros, (long long)problem->dimension);
    return L2O_OK;
}

l2o_status drawn_truth_create(problem *problem, const linear_model *model, const l2o_settings *settings,
                              drawn_truth *out, l2o_error *error) {
    TRY(read_sparsity(problem, settings, out, error));
    out->x = problem_allocate(problem, model->n, 1, 1, sizeof *out->x, error);
    if (out->x == NULL) return error->status;
    if (!model->shared || model->sparse != NULL) return L2O_OK;
    out->columns = problem_allocate(problem, model->n, model->m, 1, sizeof *out->columns, error);
    out->lanes = problem_allocate(problem, LANES, model->m, 1, sizeof *out->lanes, error);
    return out->columns == NULL || out->lanes == NULL ? error->status : L2O_OK;
}

void drawn_truth_note_columns(drawn_truth *truth, const linear_model *model) {
    for (int64_t i = 0; i < model->m && truth->columns != NULL; i++)
        for (int64_t j = 0; j < model->n; j++)
            truth->columns[j * model->m + i] = problem_load(model->type, model->a, i * model->n + j);
}

/* A x by columns, in the very order in which a row's product with x is summed: by j modulo 8, then the lanes, then the
 * rest. So it has the bits of linear_model_apply_double(). */
static void multiply_columns(const drawn_truth *truth, int64_t m, int64_t n, double *restrict out) {
    double *restrict lane = truth->lanes;
    int64_t whole = n - n % LANES;
    memset(lane, 0, (size_t)(LANES * m) * sizeof *lane);
    for (int64_t j = 0; j < whole; j++)
        if (truth->x[j] != 0) dense_axpy(m, truth->x[j], truth->columns + j * m, lane + j % LANES * m);
    for (int64_t i = 0; i < m; i++)
        out[i] = ((lane[i] + lane[4 * m + i]) + (lane[2 * m + i] + lane[6 * m + i])) +
                 ((lane[m + i] + lane[5 * m + i]) + (lane[3 * m + i] + lane[7 * m + i]));
    for (int64_t j = whole; j < n; j++)
        if (truth->x[j] != 0) dense_axpy(m, truth->x[j], truth->columns + j * m, out);
}

void drawn_truth_draw(const drawn_truth *truth, problem *problem, random_key key, int64_t p, double *image) {
    const linear_model *model = problem->model;
    int64_t n = problem->dimension, left = truth->nonzeros;
    double *x = truth->x;
    key.field = FIELD_TRUTH;
    random_fill_uniform(key, (uint64_t)(p * n), n, x);
    for (int64_t j = 0; j < n; j++) {
        /* With a number left to place, an entry is taken with probability left / (n - j): each set is as likely. */
        bool nonzero = truth->nonzeros < 0 ? x[j] < truth->density : x[j] * (double)(n - j) < (double)left;
        if (nonzero) left--;
        x[j] = nonzero ? truth->scale * random_normal(key, (uint64_t)(p * n + j)) : 0;
        problem_store(problem->type, problem->truth, p * n + j, x[j]);
        x[j] = problem_load(problem->type, problem->truth, p * n + j);
    }
    if (truth->columns != NULL)
        multiply_columns(truth, model->m, n, image);
    else
        linear_model_apply_double(model, p, x, image);
}
