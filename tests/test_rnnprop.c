/* RNNprop against a second implementation in plain scalar loops: trajectories to rounding, and the meta-gradient in
 * closed form, where the derivative with respect to a step is a suffix sum of the problem's gradients. */
#include "problems/linear_model.h"
#include "run/segment.h"
#include "run_problem.h"

enum { N = 4, B = 5, T = 7, HIDDEN = 6, LAYERS = 2, GATES = 4 * HIDDEN, TOTAL_MOST = 2000 };

static double sigmoid(double v) { return 1 / (1 + exp(-v)); }

/* Everything one coordinate keeps of one step: what its backward pass needs. */
typedef struct cell {
    double in[HIDDEN], h_old[HIDDEN], c_old[HIDDEN], i[HIDDEN], f[HIDDEN], g[HIDDEN], o[HIDDEN], c[HIDDEN], h[HIDDEN];
} cell;

typedef struct moment {
    double m_tilde, g_tilde, projected[HIDDEN];
    double slope[2], kept; /* of the step, in the outputs; the share of the last one */
    cell layer[LAYERS];
} moment;

typedef struct coordinate {
    double m, v, h[LAYERS][HIDDEN], c[LAYERS][HIDDEN], d;
} coordinate;

/* How outputs become a step. */
typedef struct form {
    const char *options;
    bool momentum, normalised;
    double scale, range, damping;
} form;

static int outputs_of(const form *form) { return form->range > 0 ? 2 : 1; }

/* Where the tensors stand in the flat weights: Wp [2, H], bp [H], per layer W [2 H, 4 H] and b [4 H], Wo [H, outputs],
 * bo. */
static int64_t layer_weights(int layer) { return 3 * HIDDEN + (int64_t)layer * (2 * HIDDEN * GATES + GATES); }
static int64_t layer_bias(int layer) { return layer_weights(layer) + 2 * HIDDEN * GATES; }
static int64_t head(void) { return layer_weights(LAYERS); }

static void cell_forward(const double *w, const double *b, const double *in, double *h, double *c, cell *kept) {
    memcpy(kept->in, in, sizeof kept->in);
    memcpy(kept->h_old, h, sizeof kept->h_old);
    memcpy(kept->c_old, c, sizeof kept->c_old);
    for (int j = 0; j < HIDDEN; j++) {
        double gate[4];
        for (int k = 0; k < 4; k++) {
            gate[k] = b[k * HIDDEN + j];
            for (int r = 0; r < HIDDEN; r++)
                gate[k] +=
                    in[r] * w[r * GATES + k * HIDDEN + j] + kept->h_old[r] * w[(HIDDEN + r) * GATES + k * HIDDEN + j];
        }
        kept->i[j] = sigmoid(gate[0]);
        kept->f[j] = sigmoid(gate[1] + 1);
        kept->g[j] = tanh(gate[2]);
        kept->o[j] = sigmoid(gate[3]);
        kept->c[j] = kept->f[j] * kept->c_old[j] + kept->i[j] * kept->g[j];
        kept->h[j] = kept->o[j] * tanh(kept->c[j]);
    }
    memcpy(h, kept->h, sizeof kept->h);
    memcpy(c, kept->c, sizeof kept->c);
}

/* The step from the outputs, with `length` for step-scale over the normalisation and the instance's own gradient. */
static double move(const form *form, double length, const double *z, int64_t k, double g, coordinate *state,
                   moment *kept) {
    double u = tanh(z[0]), slope = 1 - u * u;
    if (form->momentum) {
        double push = length * exp(form->range * u) * g, old = state->d;
        kept->kept = (double)k / ((double)k + form->damping * exp(-z[1]));
        state->d = kept->kept * old - push;
        kept->slope[0] = -push * form->range * slope;
        kept->slope[1] = old * kept->kept * (1 - kept->kept);
        return state->d;
    }
    double r = form->range > 0 ? tanh(z[1]) : 0, reach = length * exp(form->range * r);
    kept->kept = 0;
    kept->slope[0] = reach * slope;
    kept->slope[1] = reach * u * form->range * (1 - r * r);
    return reach * u;
}

/* The step of one coordinate, whose gradient the network sees times `shown`. */
static double coordinate_step(const form *form, double length, const double *weights, double shown, double own,
                              int64_t k, coordinate *state, moment *kept) {
    const double g = shown * own;
    state->m = 0.95 * state->m + 0.05 * g;
    state->v = 0.95 * state->v + 0.05 * g * g;
    double correction = 1 - pow(0.95, (double)k), denominator = sqrt(state->v / correction) + 1e-8;
    kept->m_tilde = state->m / correction / denominator;
    kept->g_tilde = g / denominator;
    double signal[HIDDEN];
    for (int j = 0; j < HIDDEN; j++) {
        kept->projected[j] = kept->m_tilde * weights[j] + kept->g_tilde * weights[HIDDEN + j] + weights[2 * HIDDEN + j];
        signal[j] = kept->projected[j] > 0 ? kept->projected[j] : expm1(kept->projected[j]);
    }
    for (int layer = 0; layer < LAYERS; layer++) {
        cell_forward(weights + layer_weights(layer), weights + layer_bias(layer), signal, state->h[layer],
                     state->c[layer], &kept->layer[layer]);
        memcpy(signal, state->h[layer], sizeof signal);
    }
    const int outputs = outputs_of(form);
    double z[2];
    for (int o = 0; o < outputs; o++) {
        z[o] = weights[head() + HIDDEN * outputs + o];
        for (int j = 0; j < HIDDEN; j++) z[o] += signal[j] * weights[head() + j * outputs + o];
    }
    return move(form, length, z, k, own, state, kept);
}

/* Backward through one cell: dh is used up and replaced by the cotangent of the old h, dc by that of the old c. */
static void cell_backward(const double *w, const cell *at, double *dh, double *dc, double *d_in, double *dw,
                          double *db) {
    double dgate[4][HIDDEN];
    for (int j = 0; j < HIDDEN; j++) {
        double t = tanh(at->c[j]), d = dc[j] + dh[j] * at->o[j] * (1 - t * t);
        dgate[0][j] = d * at->g[j] * at->i[j] * (1 - at->i[j]);
        dgate[1][j] = d * at->c_old[j] * at->f[j] * (1 - at->f[j]);
        dgate[2][j] = d * at->i[j] * (1 - at->g[j] * at->g[j]);
        dgate[3][j] = dh[j] * t * at->o[j] * (1 - at->o[j]);
        dc[j] = d * at->f[j];
    }
    memset(dh, 0, HIDDEN * sizeof *dh);
    memset(d_in, 0, HIDDEN * sizeof *d_in);
    for (int k = 0; k < 4; k++)
        for (int j = 0; j < HIDDEN; j++) {
            int64_t column = k * HIDDEN + j;
            db[column] += dgate[k][j];
            for (int r = 0; r < HIDDEN; r++) {
                dw[r * GATES + column] += at->in[r] * dgate[k][j];
                dw[(HIDDEN + r) * GATES + column] += at->h_old[r] * dgate[k][j];
                d_in[r] += w[r * GATES + column] * dgate[k][j];
                dh[r] += w[(HIDDEN + r) * GATES + column] * dgate[k][j];
            }
        }
}

/* One coordinate's share of the meta-gradient; step_cotangent[t] is the meta-loss's derivative along step t + 1, but
 * for what the next step keeps of it. */
static void coordinate_backward(const form *form, const double *weights, const moment *kept,
                                const double *step_cotangent, double *gradient) {
    double dh[LAYERS][HIDDEN] = {{0}}, dc[LAYERS][HIDDEN] = {{0}}, d_in[HIDDEN], later = 0;
    const int outputs = outputs_of(form);
    for (int t = T - 1; t >= 0; t--) {
        const moment *at = &kept[t];
        const double cotangent = step_cotangent[t] + later;
        later = at->kept * cotangent;
        for (int o = 0; o < outputs; o++) {
            double dz = cotangent * at->slope[o];
            gradient[head() + HIDDEN * outputs + o] += dz;
            for (int j = 0; j < HIDDEN; j++) {
                gradient[head() + j * outputs + o] += at->layer[LAYERS - 1].h[j] * dz;
                dh[LAYERS - 1][j] += weights[head() + j * outputs + o] * dz;
            }
        }
        for (int layer = LAYERS - 1; layer >= 0; layer--) {
            cell_backward(weights + layer_weights(layer), &at->layer[layer], dh[layer], dc[layer], d_in,
                          gradient + layer_weights(layer), gradient + layer_bias(layer));
            for (int j = 0; j < HIDDEN && layer > 0; j++) dh[layer - 1][j] += d_in[j];
        }
        for (int j = 0; j < HIDDEN; j++) {
            double d = d_in[j] * (at->projected[j] > 0 ? 1 : exp(at->projected[j]));
            gradient[j] += at->m_tilde * d;
            gradient[HIDDEN + j] += at->g_tilde * d;
            gradient[2 * HIDDEN + j] += d;
        }
    }
}

/* The problem's values and gradients at all x. */
static void evaluate(const problem *problem, const double *x, double *f, double *g) {
    l2o_error error = {0};
    arena scratch = {0};
    const kernels *kernels = NULL;
    int64_t index[B];
    for (int p = 0; p < B; p++) index[p] = p;
    assert_int_equal(kernels_select("portable", DTYPE_FLOAT64, &kernels, &error), L2O_OK);
    evaluation with = {kernels, &scratch, &error};
    assert_int_equal(problem->ops->value_gradient(problem, (instances){B, index}, x, f, g, &with), L2O_OK);
    arena_free(&scratch);
}

static void assert_close(int64_t count, const double *made, const double *expected, double tolerance) {
    double size = 0;
    for (int64_t i = 0; i < count; i++) size = fmax(size, fabs(expected[i]));
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(made[i] - expected[i]) <= tolerance * size))
            fail_msg("element %lld is %.17g, expected %.17g", (long long)i, made[i], expected[i]);
}

/* step-scale over the square root of each instance's Lipschitz constant, or over that itself. */
static void lengths_of(const form *form, problem *problem, double *lengths) {
    l2o_error error = {0};
    arena scratch = {0};
    const kernels *kernels = NULL;
    assert_int_equal(kernels_select("portable", DTYPE_FLOAT64, &kernels, &error), L2O_OK);
    bool known = form->normalised && problem_has(problem, STRUCTURE_LIPSCHITZ);
    if (known)
        assert_int_equal(problem_prepare(problem, STRUCTURE_LIPSCHITZ, &(evaluation){kernels, &scratch, &error}),
                         L2O_OK);
    for (int p = 0; p < B; p++) {
        double curvature = known ? problem->lipschitz[p] : 1;
        lengths[p] = form->scale / (form->momentum ? curvature : sqrt(curvature));
    }
    arena_free(&scratch);
}

static void compare_form(const form *form, const char *family, const char *kernel, bool by_batch,
                         const double *loss_weights, bool logarithm) {
    l2o_context *context = test_context_on(2, kernel);
    problem *problem = test_problem(family, N, B, "float64");
    optimizer *optimizer = test_optimizer_with("rnnprop", HIDDEN, form->options);
    optimizer->scale_by_batch = by_batch;
    int64_t total = optimizer->weight_total;
    assert_int_equal(total, head() + (HIDDEN + 1) * outputs_of(form));
    assert_true(total <= TOTAL_MOST);

    static coordinate state[B * N];
    static moment kept[B * N][T];
    static double x[T + 1][B * N], f[T + 1][B], g[T + 1][B * N], expected[TOTAL_MOST], gradient[TOTAL_MOST];
    static double trajectory[(T + 1) * B * N];
    double lengths[B];
    lengths_of(form, problem, lengths);
    memset(state, 0, sizeof state);
    memset(expected, 0, sizeof expected);
    memcpy(x[0], problem->x0, sizeof x[0]);
    double scale = by_batch ? 1.0 / B : 1.0, loss = 0;
    for (int t = 0; t <= T; t++) {
        evaluate(problem, x[t], f[t], g[t]);
        for (int p = 0; p < B; p++) loss += loss_weights[t] * (logarithm ? log(f[t][p]) : f[t][p]) / B;
        for (int i = 0; i < B * N && t < T; i++)
            x[t + 1][i] = x[t][i] + coordinate_step(form, lengths[i / N], optimizer->weights, scale, g[t][i], t + 1,
                                                    &state[i], &kept[i][t]);
    }
    for (int i = 0; i < B * N; i++) {
        double suffix[T], sum = 0;
        for (int t = T; t > 0; t--)
            suffix[t - 1] = sum += loss_weights[t] * g[t][i] / (logarithm ? f[t][i / N] : 1) / B;
        coordinate_backward(form, optimizer->weights, kept[i], suffix, expected);
    }

    l2o_error error = {0};
    runner runner;
    carry start, end;
    assert_int_equal(runner_create(context, problem, optimizer, &runner, &error), L2O_OK);
    assert_int_equal(carry_create(problem, optimizer, &start, &error), L2O_OK);
    assert_int_equal(carry_create(problem, optimizer, &end, &error), L2O_OK);
    carry_reset(&start, problem);
    segment pass = {.weights = optimizer->weights,
                    .steps = T,
                    .detached = true,
                    .require_finite = true,
                    .loss_weights = loss_weights,
                    .logarithm = logarithm,
                    .from = &start,
                    .to = &end,
                    .gradient = gradient,
                    .trajectory = trajectory};
    if (segment_run(&runner, &pass, &error) != L2O_OK) fail_msg("%s", error.text);
    assert_close((T + 1) * B * N, trajectory, x[0], 1e-12);
    for (int t = 0; t <= T; t++) assert_close(B, runner_objective(&runner, t), f[t], 1e-12);
    assert_close(1, &pass.loss, &loss, 1e-12);
    assert_close(B * N, end.x, x[T], 1e-12);
    assert_int_equal(end.steps, T);
    for (int i = 0; i < B * N; i++) {
        assert_close(1, (double *)end.state[0] + i, &state[i].m, 1e-11);
        assert_close(1, (double *)end.state[1] + i, &state[i].v, 1e-11);
        for (int layer = 0; layer < LAYERS; layer++) {
            assert_close(HIDDEN, (double *)end.state[2 + 2 * layer] + i * HIDDEN, state[i].h[layer], 1e-11);
            assert_close(HIDDEN, (double *)end.state[3 + 2 * layer] + i * HIDDEN, state[i].c[layer], 1e-11);
        }
        if (form->momentum) assert_close(1, (double *)end.state[2 + 2 * LAYERS] + i, &state[i].d, 1e-11);
    }
    assert_close(total, gradient, expected, 1e-11);
    runner_free(&runner);
    carry_free(&start);
    carry_free(&end);
    optimizer_free(optimizer);
    problem_free(problem);
    l2o_context_free(context);
}

static void compare(const char *family, const char *kernel, bool by_batch, const double *loss_weights) {
    const form paper = {"", false, false, 0.01, 0, 0};
    compare_form(&paper, family, kernel, by_batch, loss_weights, false);
}

static const double all_terms[T + 1] = {1, 1, 1, 1, 1, 1, 1, 1}, last_term[T + 1] = {[T] = 1};

static void test_lasso(void **state) {
    (void)state;
    compare("lasso", "auto", true, all_terms);
    compare("lasso", "portable", true, all_terms);
    compare("lasso", "auto", false, last_term);
}

static void test_rosenbrock(void **state) {
    (void)state;
    compare("rosenbrock", "auto", true, all_terms);
    compare("rosenbrock", "portable", false, last_term);
}

/* Every form of the step, with its defaults and without, on a family whose Lipschitz constants are known and on one
 * without; the meta-loss of objectives and of their logarithms. */
static void test_forms(void **state) {
    (void)state;
    static const form forms[] = {
        {"normalise=spectral", false, true, 0.01, 0, 0},
        {"step-range=1.5", false, false, 0.01, 1.5, 0},
        {"step-range=0.5 step-scale=0.1 normalise=spectral", false, true, 0.1, 0.5, 0},
        {"update=momentum normalise=spectral", true, true, 1, 1, 3},
        {"update=momentum step-scale=0.001 step-range=2 damping=7.5", true, false, 0.001, 2, 7.5},
    };
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
        compare_form(&forms[k], "lasso", "auto", true, all_terms, true);
        compare_form(&forms[k], "lasso", "portable", false, last_term, false);
        compare_form(&forms[k], "logistic", "auto", true, all_terms, false);
        compare_form(&forms[k], k == 3 ? "quadratic" : "l2reg", "auto", false, all_terms, true);
    }
}

/* x -> x / 100 and A -> 100 A is the same problem in other units; Steps of a normalised optimizer follow, whatever
 * its form: the objectives stay. */
static void test_units_drop_out(void **state) {
    (void)state;
    enum { STEPS = 25, MANY = 6 };
    static const char *const options[] = {"update=momentum normalise=spectral", "normalise=spectral",
                                          "step-range=2 normalise=spectral"};
    l2o_context *context = test_context(1);
    for (int k = 0; k < 3; k++)
        for (int on_tape = 0; on_tape < 2; on_tape++) {
            double mean[2][STEPS + 1];
            optimizer *optimizer = test_optimizer_with("rnnprop", 20, options[k]);
            for (int scaled = 0; scaled < 2; scaled++) {
                l2o_error error = {0};
                problem *problem = test_problem("lasso", 10, MANY, "float64");
                double factor = scaled ? 100 : 1, *a = problem->model->a, *x = problem->x0;
                for (int64_t i = 0; i < MANY * problem->model->m * problem->model->n; i++) a[i] *= factor;
                for (int64_t i = 0; i < MANY * 10; i++) x[i] = sin((double)i) / factor;
                for (int64_t p = 0; p < MANY; p++) problem->lambda[p] *= factor;
                runner runner;
                carry start;
                assert_int_equal(runner_create(context, problem, optimizer, &runner, &error), L2O_OK);
                assert_int_equal(carry_create(problem, optimizer, &start, &error), L2O_OK);
                carry_reset(&start, problem);
                segment pass = {.weights = optimizer->weights,
                                .steps = STEPS,
                                .from = &start,
                                .on_tape = on_tape,
                                .mean_objective = mean[scaled]};
                assert_int_equal(segment_run(&runner, &pass, &error), L2O_OK);
                runner_free(&runner);
                carry_free(&start);
                problem_free(problem);
            }
            assert_true(fabs(mean[0][STEPS] / mean[0][0] - 1) > 1e-3);
            assert_close(STEPS + 1, mean[1], mean[0], 1e-5); /* the denominators' 1e-8 is in no unit */
            optimizer_free(optimizer);
        }
    l2o_context_free(context);
}

/* What holds still cannot diverge: at the largest gain and the damping that initial outputs give, over many steps. */
static void test_momentum_is_stable(void **state) {
    (void)state;
    enum { STEPS = 2000 };
    static double mean[STEPS + 1];
    l2o_context *context = test_context(1);
    l2o_error error = {0};
    problem *problem = test_problem("quadratic", 10, 8, "float64");
    optimizer *optimizer = test_optimizer_with("rnnprop", 2, "update=momentum normalise=spectral");
    memset(optimizer->weights, 0, (size_t)optimizer->weight_total * sizeof(double));
    for (double bias = -40; bias <= 40; bias += 40) {
        optimizer->weights[optimizer->weight_total - 2] = bias; /* gains e^-1, 1 and e over L */
        runner runner;
        carry start;
        assert_int_equal(runner_create(context, problem, optimizer, &runner, &error), L2O_OK);
        assert_int_equal(carry_create(problem, optimizer, &start, &error), L2O_OK);
        carry_reset(&start, problem);
        segment pass = {.weights = optimizer->weights, .steps = STEPS, .from = &start, .mean_objective = mean};
        assert_int_equal(segment_run(&runner, &pass, &error), L2O_OK);
        for (int t = 0; t <= STEPS; t++) assert_true(mean[t] < 100 * mean[0]);
        assert_true(mean[STEPS] < 0.1 * mean[0]);
        runner_free(&runner);
        carry_free(&start);
    }
    optimizer_free(optimizer);
    problem_free(problem);
    l2o_context_free(context);
}

/* The initialisation: truncated normals within two nominal deviations, the input's and head's biases zero, another draw
 * other weights, the same draw the same. */
static void test_initialisation(void **state) {
    (void)state;
    optimizer *optimizer = test_optimizer("rnnprop", 20);
    assert_int_equal(optimizer->weight_total, 6641);
    double *again = memory_allocate((size_t)optimizer->weight_total, sizeof *again, &(l2o_error){0});
    optimizer_initialise(optimizer, 21, 0, again);
    assert_memory_equal(again, optimizer->weights, (size_t)optimizer->weight_total * sizeof *again);
    optimizer_initialise(optimizer, 21, 1, again);
    for (int k = 0; k < optimizer->weight_count; k++) {
        const weight_layout *layout = &optimizer->layout[k];
        double largest = 0, square = 0;
        int64_t count = layout->rows * layout->columns;
        for (int64_t i = layout->offset; i < layout->offset + count; i++) {
            largest = fmax(largest, fabs(optimizer->weights[i]));
            square += optimizer->weights[i] * optimizer->weights[i];
            if (layout->initialisation != INITIALISE_ZERO) assert_true(again[i] != optimizer->weights[i]);
        }
        if (layout->initialisation == INITIALISE_ZERO) assert_true(largest == 0);
        assert_true(largest <= 2 * layout->deviation);
        /* A normal cut at two deviations keeps 0.8796 of its deviation. */
        if (count > 1000) assert_true(fabs(sqrt(square / (double)count) / layout->deviation - 0.8796) < 0.03);
    }
    memory_free(again);
    optimizer_free(optimizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lasso),
        cmocka_unit_test(test_rosenbrock),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_units_drop_out),
        cmocka_unit_test(test_momentum_is_stable),
        cmocka_unit_test(test_initialisation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
