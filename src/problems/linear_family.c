/* Where A, b, the true x and lambda of linear models come from: drawn, entry by entry from their addresses, or copied,
 * the chosen of a user's instances. */
#include "problems/linear_family.h"

#include <math.h>
#include <string.h>

#include "problems/distribution.h"
#include "problems/drawn_matrix.h"
#include "problems/drawn_truth.h"
#include "problems/user_data.h"

typedef struct linear_family {
    linear_model model;
    linear_penalty penalty;
    linear_target target;
    drawn_matrix a;
    distribution b;
    bool truth; /* b, or the labels, are made from a drawn x: */
    drawn_truth x;
    double noise; /* standard deviation of b's noise over that of A x; 0: none */
    distribution lambda;
    double relative;      /* of lambda_max; < 0: lambda holds */
    double *long_vector;  /* [m] for work in float64 */
    double *short_vector; /* [n] */
    double *errors;       /* [m] */
} linear_family;

static l2o_status read_lambda(const problem *problem, linear_family *family, const l2o_settings *settings,
                              l2o_error *error) {
    family->relative = -1;
    if (family->penalty == PENALTY_NONE) return L2O_OK;
    if (settings_is_set(settings, "lambda-relative")) {
        if (settings_is_set(settings, "lambda"))
            return error_set(error, L2O_ERROR_INPUT,
                             "lambda and lambda-relative are both given: they are two ways to say one thing, drop one");
        family->relative = settings_real(settings, "lambda-relative");
        return L2O_OK;
    }
    if (problem->source != NULL && problem->source->lambda_given) return L2O_OK;
    const char *text = settings_text(settings, "lambda");
    TRY(problem_parse_distribution(text, "lambda", &family->lambda, error));
    TRY(distribution_choose(&family->lambda, problem->component, "lambda", error));
    if (distribution_least(&family->lambda) < 0)
        return error_set(error, L2O_ERROR_INPUT, "lambda: '%s' may be negative; a penalty's weight is at least 0",
                         text);
    return L2O_OK;
}

static l2o_status read_a(problem *problem, linear_family *family, const l2o_settings *settings, l2o_error *error) {
    linear_model *model = &family->model;
    const user_data *source = problem->source;
    if (source != NULL && source->a_given) {
        model->m = source->m;
        model->name = source->a_name;
        model->shared = source->a.is_sparse || source->a.dense.rank == 2;
        if (source->a.is_sparse) {
            model->sparse = &source->a.sparse;
            model->transpose = &source->transpose;
        }
        return L2O_OK;
    }
    return drawn_matrix_create(problem, model, settings, &family->a, error);
}

static l2o_status read_b(problem *problem, linear_family *family, const l2o_settings *settings, l2o_error *error) {
    if (problem->source != NULL && problem->source->b_given)
        return family->target == TARGET_LABELS ? user_data_labels(problem->source, settings, error) : L2O_OK;
    family->truth = true;
    if (family->target == TARGET_VALUES) {
        const char *text = problem_b_text(problem->ops, settings);
        family->truth = strcmp(text, "truth") == 0;
        if (!family->truth) {
            TRY(problem_parse_distribution(text, "b", &family->b, error));
            return distribution_choose(&family->b, problem->component, "b", error);
        }
        if (settings_is_set(settings, "snr")) family->noise = pow(10, -settings_real(settings, "snr") / 20);
    }
    if (family->target == TARGET_LABELS && settings_is_set(settings, "b") &&
        strcmp(settings_text(settings, "b"), "truth") != 0)
        return error_set(
            error, L2O_ERROR_INPUT,
            "b: '%s' cannot be the labels of logistic regression; give a data file, or `truth` to draw them "
            "from the model",
            settings_text(settings, "b"));
    return drawn_truth_create(problem, &family->model, settings, &family->x, error);
}

static l2o_status allocate(problem *problem, linear_family *family, l2o_error *error) {
    linear_model *model = &family->model;
    size_t size = dtype_size(model->type);
    if (model->sparse == NULL)
        model->a = problem_allocate(problem, model->shared ? 1 : model->batch, model->m, model->n, size, error);
    model->b = problem_allocate(problem, model->batch, model->m, 1, size, error);
    problem->lambda = problem_allocate(problem, model->batch, 1, 1, sizeof(double), error);
    problem->lipschitz = problem_allocate(problem, model->batch, 1, 1, sizeof(double), error);
    family->long_vector = problem_allocate(problem, model->m, 1, 1, sizeof(double), error);
    family->short_vector = problem_allocate(problem, model->n, 1, 1, sizeof(double), error);
    family->errors = problem_allocate(problem, model->m, 1, 1, sizeof(double), error);
    bool truth = family->truth || (problem->source != NULL && problem->source->truth_given);
    if (truth) problem->truth = problem_allocate(problem, model->batch, model->n, 1, size, error);
    if ((model->a == NULL && model->sparse == NULL) || model->b == NULL || problem->lambda == NULL ||
        problem->lipschitz == NULL || family->long_vector == NULL || family->short_vector == NULL ||
        family->errors == NULL || (truth && problem->truth == NULL))
        return error->status;
    return L2O_OK;
}

/* A user's A: [m, n] once, or the chosen ones of [N, m, n]. */
static void copy_a(problem *problem, linear_family *family) {
    linear_model *model = &family->model;
    if (model->sparse != NULL) return;
    const array *a = &problem->source->a.dense;
    int64_t size = model->m * model->n;
    for (int64_t p = 0; p < (model->shared ? 1 : model->batch); p++) {
        const double *from =
            a->values + (model->shared ? 0 : user_data_entry(problem->source, a->count / size, p) * size);
        for (int64_t i = 0; i < size; i++) problem_store(model->type, model->a, p * size + i, from[i]);
    }
}

l2o_status linear_family_create(problem *problem, const l2o_settings *settings, linear_penalty penalty,
                                linear_target target, l2o_error *error) {
    linear_family *family = problem_allocate(problem, 1, 1, 1, sizeof *family, error);
    if (family == NULL) return error->status;
    family->penalty = penalty;
    family->target = target;
    family->model =
        (linear_model){.n = problem->dimension, .batch = problem->batch, .type = problem->type, .name = "A"};
    problem->family = family;
    problem->model = &family->model;
    TRY(read_a(problem, family, settings, error));
    TRY(read_b(problem, family, settings, error));
    TRY(read_lambda(problem, family, settings, error));
    TRY(allocate(problem, family, error));
    if (!family->model.shared) return L2O_OK;
    if (problem->source != NULL && problem->source->a_given)
        copy_a(problem, family);
    else
        TRY(drawn_matrix_draw(&family->a, &family->model, (random_key){0}, error));
    drawn_truth_note_columns(&family->x, &family->model);
    return L2O_OK;
}

/* Standard deviation of the entries, mean removed. */
static double deviation(int64_t count, const double *x) {
    double mean = 0, sum = 0;
    for (int64_t i = 0; i < count; i++) mean += x[i] / (double)count;
    for (int64_t i = 0; i < count; i++) sum += (x[i] - mean) * (x[i] - mean);
    return count == 0 ? 0 : sqrt(sum / (double)count);
}

static void copy_rows(const problem *problem, const double *from, int64_t length, void *to) {
    const user_data *source = problem->source;
    for (int64_t p = 0; p < problem->batch; p++) {
        const double *row = from + user_data_entry(source, source->instances, p) * length;
        for (int64_t i = 0; i < length; i++) problem_store(problem->type, to, p * length + i, row[i]);
    }
}

/* Labels of probability 1 / (1 + exp(-A x)), with A x in `image`. */
static void draw_labels(const linear_model *model, random_key key, int64_t p, const double *image) {
    for (int64_t i = 0; i < model->m; i++) {
        uint64_t index = (uint64_t)(p * model->m + i);
        double value = random_uniform(key, index) < 1 / (1 + exp(-image[i])) ? 1 : -1;
        problem_store(model->type, model->b, (int64_t)index, value);
    }
}

static void draw_values(const linear_family *family, random_key key, int64_t p) {
    const linear_model *model = &family->model;
    const distribution_component *component =
        &family->b.component[distribution_component_of(&family->b, p, model->batch)];
    for (int64_t i = p * model->m; i < (p + 1) * model->m; i++)
        problem_store(model->type, model->b, i, distribution_draw(component, key, (uint64_t)i));
}

/* b = A x + noise, with A x in `image`. */
static void measure(const linear_family *family, random_key key, int64_t p, const double *image) {
    const linear_model *model = &family->model;
    double noise = family->noise > 0 ? family->noise * deviation(model->m, image) : 0;
    int64_t first = p * model->m;
    if (noise > 0) random_fill_normal(key, (uint64_t)first, model->m, family->errors);
    for (int64_t i = 0; i < model->m; i++)
        problem_store(model->type, model->b, first + i, image[i] + (noise > 0 ? noise * family->errors[i] : 0));
}

static void draw_b(problem *problem, linear_family *family, random_key key) {
    key.field = FIELD_B;
    for (int64_t p = 0; p < problem->batch; p++) {
        if (!family->truth) {
            draw_values(family, key, p);
            continue;
        }
        drawn_truth_draw(&family->x, problem, key, p, family->long_vector);
        if (family->target == TARGET_LABELS)
            draw_labels(&family->model, key, p, family->long_vector);
        else
            measure(family, key, p, family->long_vector);
    }
}

/* Norm of the smooth part's gradient at 0, in the norm dual to the penalty's. */
static double lambda_max(const linear_family *family, int64_t p) {
    const linear_model *model = &family->model;
    for (int64_t i = 0; i < model->m; i++)
        family->long_vector[i] = problem_load(model->type, model->b, p * model->m + i);
    linear_model_apply_transpose_double(model, p, family->long_vector, family->short_vector);
    double largest = 0, sum = 0;
    for (int64_t j = 0; j < model->n; j++) {
        double value = family->short_vector[j];
        largest = fmax(largest, fabs(value));
        sum += value * value;
    }
    double norm = family->penalty == PENALTY_L1 ? largest : sqrt(sum);
    return family->target == TARGET_LABELS ? norm / (2 * (double)model->m) : norm;
}

static double lambda_of(const problem *problem, const linear_family *family, random_key key, int64_t p) {
    const user_data *source = problem->source;
    if (family->penalty == PENALTY_NONE) return 0;
    if (family->relative >= 0) return family->relative * lambda_max(family, p);
    if (source != NULL && source->lambda_given)
        return source->lambda.dense.values[user_data_entry(source, source->lambda.dense.count, p)];
    key.field = FIELD_LAMBDA;
    int c = distribution_component_of(&family->lambda, p, problem->batch);
    return distribution_draw(&family->lambda.component[c], key, (uint64_t)p);
}

l2o_status linear_family_sample(problem *problem, random_key key, l2o_error *error) {
    linear_family *family = problem->family;
    linear_model *model = &family->model;
    const user_data *source = problem->source;
    if (!model->shared && source != NULL && source->a_given)
        copy_a(problem, family);
    else if (!model->shared)
        TRY(drawn_matrix_draw(&family->a, model, key, error));
    if (source == NULL || !source->b_given)
        draw_b(problem, family, key);
    else
        copy_rows(problem, source->b, model->m, model->b);
    if (source != NULL && source->truth_given) copy_rows(problem, source->truth.dense.values, model->n, problem->truth);
    for (int64_t p = 0; p < problem->batch; p++) problem->lambda[p] = lambda_of(problem, family, key, p);
    return L2O_OK;
}
