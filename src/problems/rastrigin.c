/* Rastrigin's function, sum_i (x_i^2 - alpha cos(2 pi x_i)) + alpha n: always with the constant that makes the least
 * value 0, at x = 0. alpha is drawn for each instance. The benchmark's variant with a random linear model is another
 * function and not offered here. */
#include <math.h>

#include "problems/distribution.h"
#include "problems/families.h"

static const double TWO_PI = 6.283185307179586476925;

#define REAL        float
#define TYPED(name) name##_float32
#include "problems/rastrigin_body.h"
#undef REAL
#undef TYPED
#define REAL        double
#define TYPED(name) name##_float64
#include "problems/rastrigin_body.h"
#undef REAL
#undef TYPED

typedef struct rastrigin {
    distribution distribution;
    double *alpha; /* [B] */
} rastrigin;

static l2o_status check_not_negative(const distribution *distribution, const char *text, l2o_error *error) {
    for (int c = 0; c < distribution->count; c++) {
        const distribution_component *component = &distribution->component[c];
        if (component->kind == DISTRIBUTION_NORMAL || component->first < 0)
            return error_set(error, L2O_ERROR_INPUT,
                             "alpha: '%s' can be negative, and then the least value is not 0; use fixed:VALUE or "
                             "uniform:LOW:HIGH from 0 on",
                             text);
    }
    return L2O_OK;
}

static l2o_status rastrigin_create(problem *problem, const l2o_settings *settings, l2o_error *error) {
    rastrigin *self = problem_allocate(problem, 1, 1, 1, sizeof *self, error);
    problem->optimum = problem_allocate(problem, problem->batch, 1, 1, sizeof(double), error);
    double *alpha = problem_allocate(problem, problem->batch, 1, 1, sizeof(double), error);
    if (self == NULL || problem->optimum == NULL || alpha == NULL) return error->status;
    self->alpha = alpha;
    problem->family = self;
    const char *text = settings_text(settings, "alpha");
    TRY(distribution_parse(text, "alpha", &self->distribution, error));
    TRY(distribution_choose(&self->distribution, problem->component, "alpha", error));
    return check_not_negative(&self->distribution, text, error);
}

static l2o_status rastrigin_sample(problem *problem, random_key key, l2o_error *error) {
    (void)error;
    rastrigin *self = problem->family;
    key.field = FIELD_OTHER;
    for (int64_t p = 0; p < problem->batch; p++) {
        int c = distribution_component_of(&self->distribution, p, problem->batch);
        self->alpha[p] = distribution_draw(&self->distribution.component[c], key, (uint64_t)p);
    }
    return L2O_OK;
}

/* Sine and cosine of pi x, [count, n], one after the other in scratch memory; NULL and an error without memory. */
static void *sine_cosine(const problem *problem, instances rows, const void *x, const evaluation *evaluation) {
    int64_t total = rows.count * problem->dimension;
    size_t bytes = (size_t)total * dtype_size(problem->type);
    char *sine = arena_allocate(evaluation->scratch, 2 * bytes, evaluation->error);
    if (sine == NULL) return NULL;
    char *cosine = sine + bytes;
    if (problem->type == DTYPE_FLOAT32)
        reduce_float32(total, x, (float *)(void *)sine);
    else
        reduce_float64(total, x, (double *)(void *)sine);
    evaluation->kernels->unary(UNARY_COS, 0, total, sine, cosine);
    evaluation->kernels->unary(UNARY_SIN, 0, total, sine, sine);
    return sine;
}

static l2o_status rastrigin_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                           const evaluation *evaluation) {
    const rastrigin *self = problem->family;
    int64_t n = problem->dimension, total = rows.count * n;
    arena_mark mark = arena_position(evaluation->scratch);
    void *sine = sine_cosine(problem, rows, x, evaluation);
    if (sine == NULL) return evaluation->error->status;
    if (problem->type == DTYPE_FLOAT32)
        value_gradient_float32(n, rows, self->alpha, x, sine, (const float *)sine + total, f, g);
    else
        value_gradient_float64(n, rows, self->alpha, x, sine, (const double *)sine + total, f, g);
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

static l2o_status rastrigin_hess_vec(const problem *problem, instances rows, const void *x, const void *v, void *out,
                                     const evaluation *evaluation) {
    const rastrigin *self = problem->family;
    arena_mark mark = arena_position(evaluation->scratch);
    void *sine = sine_cosine(problem, rows, x, evaluation);
    if (sine == NULL) return evaluation->error->status;
    if (problem->type == DTYPE_FLOAT32)
        hess_vec_float32(problem->dimension, rows, self->alpha, sine, v, out);
    else
        hess_vec_float64(problem->dimension, rows, self->alpha, sine, v, out);
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

static l2o_status rastrigin_third(const problem *problem, instances rows, const void *x, const void *u, const void *v,
                                  void *out, const evaluation *evaluation) {
    const rastrigin *self = problem->family;
    int64_t n = problem->dimension, total = rows.count * n;
    arena_mark mark = arena_position(evaluation->scratch);
    void *sine = sine_cosine(problem, rows, x, evaluation);
    if (sine == NULL) return evaluation->error->status;
    if (problem->type == DTYPE_FLOAT32)
        third_float32(n, rows, self->alpha, sine, (const float *)sine + total, u, v, out);
    else
        third_float64(n, rows, self->alpha, sine, (const double *)sine + total, u, v, out);
    arena_reset(evaluation->scratch, mark);
    return L2O_OK;
}

static const setting rastrigin_settings[] = {
    {"alpha", SETTING_TEXT, "", "10", 0, 0, NULL,
     "Distribution of the ripples' height in Rastrigin's function: fixed, uniform, or a mixture of these."},
    {NULL, SETTING_TEXT, NULL, NULL, 0, 0, NULL, NULL},
};
static const char *const rastrigin_distributions[] = {"alpha", NULL};

const problem_ops rastrigin_problem = {
    .name = "rastrigin",
    .summary = "sum_i (x_i^2 - alpha cos(2 pi x_i)) + alpha n",
    .reference = "Rastrigin (1974); M-L2O, ICLR 2023, public implementation",
    .settings = rastrigin_settings,
    .structures = STRUCTURE_OPTIMUM,
    .default_x0 = "uniform:-3:3",
    .distributions = rastrigin_distributions,
    .create = rastrigin_create,
    .sample = rastrigin_sample,
    .value_gradient = rastrigin_value_gradient,
    .hess_vec = rastrigin_hess_vec,
    .third = rastrigin_third,
};
