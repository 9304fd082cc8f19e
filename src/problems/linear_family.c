/* Draws A, b and the true x of linear models, entry by entry from their addresses, or copies the chosen of a user's
 * instances, and sets lambda. */
#include "problems/linear_family.h"

#include <math.h>
#include <string.h>

#include "problems/distribution.h"
#include "problems/user_data.h"

typedef struct linear_family {
    linear_model model;
    linear_penalty penalty;
    linear_target target;
    distribution a, b;
    bool truth;        /* b, or the labels, are made from a drawn x */
    bool unit_columns; /* of a drawn A */
    uint64_t a_seed;   /* of a shared drawn A */
    double density;    /* of the true x */
    double noise;      /* standard deviation of b's noise over that of A x; 0: none */
    distribution lambda;
    double relative;      /* of lambda_max; < 0: lambda holds */
    double *long_vector;  /* [m] for work in float64 */
    double *short_vector; /* [n] */
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
        model->shared = source->a.is_sparse || source->a.dense.rank == 2;
        if (source->a.is_sparse) {
            model->sparse = &source->a.sparse;
            model->transpose = &source->transpose;
        }
        return L2O_OK;
    }
    TRY(problem_parse_distribution(settings_text(settings, "A"), "A", &family->a, error));
    TRY(distribution_choose(&family->a, problem->component, "A", error));
    model->m = settings_integer(settings, "m");
    if (model->m == 0) model->m = model->n;
    model->shared = settings_flag(settings, "shared-A");
    if (model->shared) {
        family->a_seed = (uint64_t)settings_integer(settings, "A-seed");
        if (family->a.count > 1)
            return error_set(error, L2O_ERROR_INPUT,
                             "A: a mixture of %d cannot be shared by all instances; drop shared-A or the mixture",
                             family->a.count);
    }
    family->unit_columns = settings_flag(settings, "unit-columns");
    return L2O_OK;
}

static l2o_status read_b(problem *problem, linear_family *family, const l2o_settings *settings, l2o_error *error) {
    if (problem->source != NULL && problem->source->b_given)
        return family->target == TARGET_LABELS ? user_data_labels(problem->source, settings, error) : L2O_OK;
    family->truth = true;
    if (family->target == TARGET_VALUES) {
        const char *text = settings_text(settings, "b");
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
    family->density = settings_real(settings, "density");
    return L2O_OK;
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
    if (family->truth) problem->truth = problem_allocate(problem, model->batch, model->n, 1, size, error);
    if ((model->a == NULL && model->sparse == NULL) || model->b == NULL || problem->lambda == NULL ||
        problem->lipschitz == NULL || family->long_vector == NULL || family->short_vector == NULL ||
        (family->truth && problem->truth == NULL))
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
    family->model = (linear_model){.n = problem->dimension, .batch = problem->batch, .type = problem->type};
    problem->family = family;
    problem->model = &family->model;
    TRY(read_a(problem, family, settings, error));
    TRY(read_b(problem, family, settings, error));
    TRY(read_lambda(problem, family, settings, error));
    TRY(allocate(problem, family, error));
    if (problem->source != NULL && problem->source->a_given && family->model.shared) copy_a(problem, family);
    return L2O_OK;
}

/* Entries of matrix `p` of the drawn A, m x n of them, from index p m n on. */
static void draw_matrix(linear_family *family, random_key key, int64_t p) {
    linear_model *model = &family->model;
    int64_t size = model->m * model->n;
    const distribution_component *component =
        &family->a.component[distribution_component_of(&family->a, p, model->batch)];
    for (int64_t i = p * size; i < (p + 1) * size; i++)
        problem_store(model->type, model->a, i, distribution_draw(component, key, (uint64_t)i));
    for (int64_t j = 0; family->unit_columns && j < model->n; j++) {
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

static void draw_a(linear_family *family, random_key key) {
    key.field = FIELD_A;
    if (family->model.shared) {
        /* The same for every stream and draw: an unrolled network is trained and tested on one A. */
        key = (random_key){.seed = family->a_seed, .stream = STREAM_SPLIT, .field = FIELD_A};
        draw_matrix(family, key, 0);
    } else {
        for (int64_t p = 0; p < family->model.batch; p++) draw_matrix(family, key, p);
    }
}

/* The true x of instance p: Bernoulli times standard normal; leaves A x in family->long_vector. */
static void draw_truth(problem *problem, linear_family *family, random_key key, int64_t p) {
    key.field = FIELD_TRUTH;
    int64_t n = problem->dimension;
    for (int64_t j = 0; j < n; j++) {
        uint64_t index = (uint64_t)(p * n + j);
        double value = random_uniform(key, index) < family->density ? random_normal(key, index) : 0;
        problem_store(problem->type, problem->truth, p * n + j, value);
        family->short_vector[j] = problem_load(problem->type, problem->truth, p * n + j);
    }
    linear_model_apply_double(&family->model, p, family->short_vector, family->long_vector);
}

/* Standard deviation of the entries, mean removed. */
static double deviation(int64_t count, const double *x) {
    double mean = 0, sum = 0;
    for (int64_t i = 0; i < count; i++) mean += x[i] / (double)count;
    for (int64_t i = 0; i < count; i++) sum += (x[i] - mean) * (x[i] - mean);
    return count == 0 ? 0 : sqrt(sum / (double)count);
}

static void copy_b(problem *problem, linear_family *family) {
    linear_model *model = &family->model;
    const user_data *source = problem->source;
    for (int64_t p = 0; p < model->batch; p++) {
        const double *from = source->b + user_data_entry(source, source->instances, p) * model->m;
        for (int64_t i = 0; i < model->m; i++) problem_store(model->type, model->b, p * model->m + i, from[i]);
    }
}

static void draw_b(problem *problem, linear_family *family, random_key key) {
    linear_model *model = &family->model;
    key.field = FIELD_B;
    for (int64_t p = 0; p < model->batch; p++) {
        double noise = 0;
        if (family->truth) {
            draw_truth(problem, family, key, p);
            if (family->noise > 0) noise = family->noise * deviation(model->m, family->long_vector);
        }
        const distribution_component *component =
            family->truth ? NULL : &family->b.component[distribution_component_of(&family->b, p, model->batch)];
        for (int64_t i = 0; i < model->m; i++) {
            uint64_t index = (uint64_t)(p * model->m + i);
            double value;
            if (family->target == TARGET_LABELS)
                value = random_uniform(key, index) < 1 / (1 + exp(-family->long_vector[i])) ? 1 : -1;
            else if (family->truth)
                value = family->long_vector[i] + (noise > 0 ? noise * random_normal(key, index) : 0);
            else
                value = distribution_draw(component, key, index);
            problem_store(model->type, model->b, (int64_t)index, value);
        }
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
    (void)error;
    linear_family *family = problem->family;
    const user_data *source = problem->source;
    if (source == NULL || !source->a_given)
        draw_a(family, key);
    else if (!family->model.shared)
        copy_a(problem, family);
    if (source == NULL || !source->b_given)
        draw_b(problem, family, key);
    else
        copy_b(problem, family);
    for (int64_t p = 0; p < problem->batch; p++) problem->lambda[p] = lambda_of(problem, family, key, p);
    return L2O_OK;
}
