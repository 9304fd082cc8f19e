/* Your own function through the C interface: say what it is, check its derivatives, solve it with Adam, train a small
 * learned optimizer on it, adapt that, and compare.
 *
 * The function is the robust fit of a line: f(x) = sum_i log(1 + (x0 + x1 t_i - y_i)^2) / 10, one set of points (t_i,
 * y_i) for each instance. Build: cc custom_function.c $(pkg-config --cflags --libs l2o) -lm */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <l2o/l2o.h>

enum { BATCH = 16, VARIABLES = 2, POINTS = 12 };

/* What the callbacks need: they get a pointer to it as `user`. */
typedef struct points {
    double t[BATCH][POINTS], y[BATCH][POINTS];
} points;

/* Value and gradient of one instance; g is NULL when only the value is wanted. */
static int value_gradient(void *user, int64_t instance, const double *x, double *f, double *g) {
    const points *own = user;
    *f = 0;
    if (g != NULL) g[0] = g[1] = 0;
    for (int i = 0; i < POINTS; i++) {
        double t = own->t[instance][i], r = x[0] + x[1] * t - own->y[instance][i];
        *f += log1p(r * r) / 10;
        double slope = 2 * r / (1 + r * r) / 10; /* the derivative with respect to r */
        if (g != NULL) g[0] += slope;
        if (g != NULL) g[1] += slope * t;
    }
    return 0; /* anything else would stop what is running */
}

/* The Hessian times v. Optional: exact MAML needs it, everything else does without. */
static int hessian_vector(void *user, int64_t instance, const double *x, const double *v, double *out) {
    const points *own = user;
    out[0] = out[1] = 0;
    for (int i = 0; i < POINTS; i++) {
        double t = own->t[instance][i], r = x[0] + x[1] * t - own->y[instance][i];
        double curvature = 2 * (1 - r * r) / ((1 + r * r) * (1 + r * r)) / 10;
        double along = curvature * (v[0] + v[1] * t);
        out[0] += along;
        out[1] += along * t;
    }
    return 0;
}

/* New points for one instance. Take random numbers from `random` alone: then runs can be repeated and resumed. */
static int sample(void *user, int64_t instance, l2o_random *random) {
    points *own = user;
    double intercept = l2o_random_normal(random), slope = l2o_random_normal(random);
    for (int i = 0; i < POINTS; i++) {
        double t = own->t[instance][i] = 2 * l2o_random_uniform(random) - 1;
        double noise = 0.05 * l2o_random_normal(random);
        if (l2o_random_uniform(random) < 0.2) noise += 5 * l2o_random_normal(random); /* an outlier */
        own->y[instance][i] = intercept + slope * t + noise;
    }
    return 0;
}

/* Every function that can fail returns a status; the sentence that explains it is on the context. */
static void require(l2o_context *context, l2o_status status) {
    if (status == L2O_OK) return;
    fprintf(stderr, "custom_function: %s\n", context == NULL ? "out of memory" : l2o_context_error(context));
    exit(1);
}

static void set(l2o_context *context, l2o_settings *settings, const char *name, const char *value) {
    require(context, l2o_settings_set(context, settings, name, value));
}

/* Settings for one call: what a call does not use is an error, so each has its own. */
static l2o_settings *settings_of(l2o_context *context, const char *const pairs[][2]) {
    l2o_settings *settings;
    require(context, l2o_settings_create(context, &settings));
    for (int i = 0; pairs[i][0] != NULL; i++) set(context, settings, pairs[i][0], pairs[i][1]);
    return settings;
}

/* The mean objective that an optimizer reaches on the problem as it is sampled now. */
static double solve(l2o_context *context, l2o_problem *problem, l2o_optimizer *optimizer, const char *steps) {
    l2o_settings *settings = settings_of(context, (const char *const[][2]){{"steps", steps}, {NULL, NULL}});
    l2o_solution *solution;
    require(context, l2o_solve(context, problem, optimizer, settings, &solution));
    double sum = 0;
    for (int64_t p = 0; p < l2o_solution_batch(solution); p++) sum += l2o_solution_record(solution, p)->value;
    l2o_solution_free(solution);
    l2o_settings_free(settings);
    return sum / BATCH;
}

int main(void) {
    l2o_context *context;
    l2o_status status = l2o_context_create(0, "auto", &context); /* the sentence of a failure is on it, too */
    require(context, status);
    points points;
    const l2o_problem_callbacks callbacks = {.size = sizeof callbacks,
                                             .value_gradient = value_gradient,
                                             .hess_vec = hessian_vector,
                                             .sample = sample,
                                             .concurrent = 1}; /* they write nothing shared */
    l2o_problem *problem;
    require(context, l2o_problem_create_custom(context, &callbacks, &points, BATCH, VARIABLES, "float64", &problem));

    /* 1. Are the derivatives right? A wrong sign costs an afternoon; this costs a millisecond. */
    l2o_derivative_check *check;
    require(context, l2o_check_derivatives(context, problem, NULL, 1, &check));
    for (int i = 0; i < l2o_derivative_check_rows(check); i++) {
        const l2o_check_row *row = l2o_derivative_check_row(check, i);
        if (row->points > 0) printf("%-60s error %.1e: %s\n", row->what, row->error, row->passed ? "fine" : "WRONG");
    }
    if (l2o_derivative_check_failed(check) > 0) return 1;
    l2o_derivative_check_free(check);

    /* 2. A classical optimizer on the test problems. */
    l2o_settings *classical =
        settings_of(context, (const char *const[][2]){{"optimizer", "adam:rate=0.01"}, {NULL, NULL}});
    l2o_optimizer *adam;
    require(context, l2o_optimizer_create(context, classical, &adam));
    require(context, l2o_problem_sample(context, problem, 1, "test", 0));
    double adam_value = solve(context, problem, adam, "100");
    printf("Adam, 100 steps:                     mean f = %.4f\n", adam_value);

    /* 3. A learned one: trained on draws of the stream "training", which the test problems never meet. */
    l2o_settings *training =
        settings_of(context, (const char *const[][2]){{"optimizer", "rnnprop:layers=1:hidden=8:step-scale=0.1"},
                                                      {"estimator", "maml"},
                                                      {"stages", "5"},
                                                      {"stage-draws", "60"},
                                                      {"outer-rate", "0.003"},
                                                      {"evaluation-draws", "2"},
                                                      {NULL, NULL}});
    const char *path = "custom_function.safetensors";
    l2o_training_report report;
    require(context, l2o_train_on(context, training, &problem, 1, path, NULL, NULL, &report));
    printf("trained: %lld updates in %.1f s\n", (long long)report.updates, report.seconds);

    /* 4. The weights come back from their file as an optimizer like any other. */
    l2o_settings *learned = settings_of(context, (const char *const[][2]){{"optimizer", path}, {NULL, NULL}});
    l2o_optimizer *optimizer;
    require(context, l2o_optimizer_create(context, learned, &optimizer));
    require(context, l2o_problem_sample(context, problem, 1, "test", 0));
    double trained_value = solve(context, problem, optimizer, "100");
    printf("learned, 100 steps:                  mean f = %.4f\n", trained_value);

    /* 5. Five more updates on adaptation problems; measured on held-out ones, and kept only where they help. */
    l2o_settings *adapting =
        settings_of(context, (const char *const[][2]){{"keep", "best"}, {"evaluation-steps", "100"}, {NULL, NULL}});
    l2o_adaptation_report adaptation;
    require(context, l2o_adapt_on(context, adapting, problem, optimizer, &adaptation));
    require(context, l2o_problem_sample(context, problem, 1, "test", 0));
    double adapted_value = solve(context, problem, optimizer, "100");
    printf("adapted (kept: update %lld), 100 steps: mean f = %.4f\n", (long long)adaptation.kept_update, adapted_value);

    remove(report.weights_path);
    remove(report.checkpoint_path);
    remove(report.log_path);
    remove(report.plot_path);
    l2o_optimizer_free(adam);
    l2o_optimizer_free(optimizer);
    l2o_settings_free(classical);
    l2o_settings_free(training);
    l2o_settings_free(learned);
    l2o_settings_free(adapting);
    l2o_problem_free(problem);
    l2o_context_free(context);
    return isfinite(adam_value) && isfinite(trained_value) && isfinite(adapted_value) ? 0 : 1;
}
