/* The meta-loss of logarithms, fused and on the tape: its value, its gradient against differences of it, what scaling
 * the objectives changes, objectives of zero and below zero. The Hessian is test_unroll_hessian.c's. */
#include <float.h>
#include <math.h>

#include "meta/loss.h"
#include "run/segment.h"
#include "run_problem.h"

enum { N = 3, BATCH = 5, STEPS = 6 };

static l2o_error error;

static void must(l2o_status status) {
    if (status != L2O_OK) fail_msg("%s", error.text);
}

/* f = factor (c'x + offset), one c for each instance: the network sees constants, so that nothing has to be frozen. */
typedef struct plane {
    double factor, offset;
} plane;

static l2o_status plane_value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                       const evaluation *evaluation) {
    (void)evaluation;
    const plane *own = problem->family;
    for (int64_t r = 0; r < rows.count; r++) {
        double sum = own->offset;
        for (int64_t j = 0; j < N; j++) {
            double c = cos((double)(rows.index[r] * N + j));
            sum += c * problem_load(problem->type, x, r * N + j);
            if (g != NULL) problem_store(problem->type, g, r * N + j, own->factor * c);
        }
        if (f != NULL) problem_store(problem->type, f, r, own->factor * sum);
    }
    return L2O_OK;
}

static l2o_status plane_hess_vec(const problem *problem, instances rows, const void *x, const void *v, void *out,
                                 const evaluation *evaluation) {
    (void)x, (void)v, (void)evaluation;
    memset(out, 0, (size_t)(rows.count * N) * dtype_size(problem->type));
    return L2O_OK;
}

static const problem_ops plane_ops = {
    .name = "plane", .value_gradient = plane_value_gradient, .hess_vec = plane_hess_vec};

/* One segment from zero under the given weights. */
typedef struct trial {
    plane plane;
    dtype type;
    bool on_tape, require_finite;
    const meta_loss *loss;
    const double *weights; /* NULL: the optimizer's own */
    double *gradient, *hessian_vector;
    double value, f[STEPS + 1][BATCH]; /* out */
} trial;

static optimizer *network(void) {
    return test_optimizer_with("rnnprop", 4, "layers=1 update=momentum step-scale=0.05");
}

static l2o_status try(trial *it, const optimizer *optimizer) {
    l2o_context *context = test_context(2);
    problem problem = {.ops = &plane_ops,
                       .type = it->type,
                       .batch = BATCH,
                       .dimension = N,
                       .component = COMPONENT_ALL,
                       .concurrent = true,
                       .family = &it->plane,
                       .x0 = (double[BATCH * N]){0}};
    double loss_weights[STEPS + 1];
    it->loss->weights(STEPS, loss_weights);
    runner runner;
    carry start;
    must(runner_create(context, &problem, optimizer, &runner, &error));
    must(carry_create(&problem, optimizer, &start, &error));
    carry_reset(&start, &problem);
    segment pass = {.weights = it->weights != NULL ? it->weights : optimizer->weights,
                    .steps = STEPS,
                    .detached = true,
                    .require_finite = it->require_finite,
                    .loss_weights = loss_weights,
                    .logarithm = it->loss->logarithm,
                    .from = &start,
                    .gradient = it->gradient,
                    .direction = it->hessian_vector != NULL ? optimizer->weights : NULL,
                    .hessian_vector = it->hessian_vector,
                    .on_tape = it->on_tape};
    l2o_status status = segment_run(&runner, &pass, &error);
    it->value = pass.loss;
    memcpy(it->f, runner_objective(&runner, 0), sizeof it->f);
    carry_free(&start);
    runner_free(&runner);
    l2o_context_free(context);
    return status;
}

static const meta_loss *loss_named(const char *name) {
    for (int k = 0; meta_loss_at(k) != NULL; k++)
        if (strcmp(meta_loss_at(k)->name, name) == 0) return meta_loss_at(k);
    fail_msg("no meta-loss '%s'", name);
    return NULL;
}

static double *numbers(int64_t count) {
    double *made = memory_allocate((size_t)count, sizeof *made, &error);
    assert_non_null(made);
    return made;
}

static double largest(int64_t count, const double *x) {
    double most = 0;
    for (int64_t i = 0; i < count; i++) most = fmax(most, fabs(x[i]));
    return most;
}

static void test_value_and_gradient(void **state) {
    (void)state;
    static const char *const names[] = {"log", "log-last"};
    const double step = 1e-5;
    optimizer *optimizer = network();
    int64_t total = optimizer->weight_total;
    double *gradient = numbers(total), *moved = numbers(total);
    for (int k = 0; k < 4; k++) {
        trial it = {.plane = {1, 7},
                    .type = DTYPE_FLOAT64,
                    .on_tape = k % 2,
                    .require_finite = true,
                    .loss = loss_named(names[k / 2]),
                    .gradient = gradient};
        must(try(&it, optimizer));
        double expected = 0;
        for (int t = k < 2 ? 0 : STEPS; t <= STEPS; t++)
            for (int p = 0; p < BATCH; p++) expected += log(it.f[t][p]) / BATCH;
        assert_true(fabs(it.value - expected) < 1e-13 * fabs(expected));
        double size = largest(total, gradient);
        assert_true(size > 0);
        for (int64_t i = 0; i < total; i += 3) {
            trial ends[2];
            for (int side = 0; side < 2; side++) {
                memcpy(moved, optimizer->weights, (size_t)total * sizeof *moved);
                moved[i] += side == 0 ? -step : step;
                ends[side] = it;
                ends[side].weights = moved;
                ends[side].gradient = NULL;
                must(try(&ends[side], optimizer));
            }
            double slope = (ends[1].value - ends[0].value) / (2 * step);
            if (!(fabs(slope - gradient[i]) < 1e-7 * size)) fail_msg("%g, not %g", gradient[i], slope);
        }
    }
    memory_free(gradient);
    memory_free(moved);
    optimizer_free(optimizer);
}

/* Twice as large objectives of a normalised step: the meta-loss moves by a constant, its gradient not at all. */
static void test_scale(void **state) {
    (void)state;
    optimizer *optimizer = test_optimizer("rnnprop", 4);
    int64_t total = optimizer->weight_total;
    double *gradient[2] = {numbers(total), numbers(total)}, value[2];
    for (int on_tape = 0; on_tape < 2; on_tape++) {
        for (int k = 0; k < 2; k++) {
            trial it = {.plane = {k == 0 ? 1 : 1e6, 2},
                        .type = DTYPE_FLOAT64,
                        .on_tape = on_tape,
                        .loss = loss_named("log"),
                        .gradient = gradient[k]};
            must(try(&it, optimizer));
            value[k] = it.value;
        }
        assert_true(fabs(value[1] - value[0] - (STEPS + 1) * log(1e6)) < 1e-6);
        for (int64_t i = 0; i < total; i++)
            assert_true(fabs(gradient[1][i] - gradient[0][i]) < 1e-5 * largest(total, gradient[0]));
    }
    memory_free(gradient[0]);
    memory_free(gradient[1]);
    optimizer_free(optimizer);
}

/* An objective of zero counts as the least number there is, and no gradient comes from it. */
static void test_zero(void **state) {
    (void)state;
    optimizer *optimizer = network();
    int64_t total = optimizer->weight_total;
    double *gradient = numbers(total), *product = numbers(total);
    for (int k = 0; k < 4; k++) {
        trial it = {.plane = {0, 1},
                    .type = k < 2 ? DTYPE_FLOAT32 : DTYPE_FLOAT64,
                    .on_tape = k % 2,
                    .require_finite = true,
                    .loss = loss_named("log"),
                    .gradient = gradient,
                    .hessian_vector = product};
        must(try(&it, optimizer));
        assert_true(fabs(it.value - (STEPS + 1) * log(DBL_MIN)) < 1e-9);
        for (int64_t i = 0; i < total; i++) assert_true(gradient[i] == 0 && product[i] == 0);
    }
    memory_free(gradient);
    memory_free(product);
    optimizer_free(optimizer);
}

/* Objectives so small that 1 / f, or its square, is beyond the type: no gradient comes from them, and no NaN. */
static void test_beyond_the_type(void **state) {
    (void)state;
    optimizer *optimizer = network();
    int64_t total = optimizer->weight_total;
    double *gradient = numbers(total), *product = numbers(total);
    for (int k = 0; k < 8; k++) {
        bool single = k < 4, second_order = k % 4 >= 2;
        double factor = single ? second_order ? 1e-22 : 1e-41 : second_order ? 1e-170 : 1e-311;
        trial it = {.plane = {factor, 7},
                    .type = single ? DTYPE_FLOAT32 : DTYPE_FLOAT64,
                    .on_tape = k % 2,
                    .require_finite = true,
                    .loss = loss_named("log"),
                    .gradient = gradient,
                    .hessian_vector = second_order ? product : NULL};
        must(try(&it, optimizer));
        assert_true(it.f[0][0] > 0 && isfinite(it.value));
        for (int64_t i = 0; i < total; i++)
            assert_true(isfinite(gradient[i]) && (!second_order || isfinite(product[i])));
    }
    memory_free(gradient);
    memory_free(product);
    optimizer_free(optimizer);
}

/* One below zero is refused with a sentence, where it counts; one that is no number makes none of the meta-loss. */
static void test_below_zero(void **state) {
    (void)state;
    optimizer *optimizer = network();
    double *gradient = numbers(optimizer->weight_total);
    for (int on_tape = 0; on_tape < 2; on_tape++) {
        trial it = {.plane = {-1, 7},
                    .type = DTYPE_FLOAT64,
                    .on_tape = on_tape,
                    .require_finite = true,
                    .loss = loss_named("log"),
                    .gradient = gradient};
        assert_int_equal(try(&it, optimizer), L2O_ERROR_NUMERIC);
        assert_non_null(
            strstr(error.text, "the objective of instance 0 of 'plane' is -7 after 0 steps of this unroll"));
        assert_non_null(strstr(error.text, "no logarithm; with objectives below zero use meta-loss = sum or last"));
        error_clear(&error);
        it.loss = loss_named("log-last");
        assert_int_equal(try(&it, optimizer), L2O_ERROR_NUMERIC);
        assert_non_null(strstr(error.text, "after 6 steps"));
        error_clear(&error);
        it.loss = loss_named("sum");
        must(try(&it, optimizer));
        it = (trial){.plane = {NAN, 1}, .type = DTYPE_FLOAT64, .on_tape = on_tape, .loss = loss_named("log")};
        must(try(&it, optimizer));
        assert_true(isnan(it.value));
    }
    memory_free(gradient);
    optimizer_free(optimizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_and_gradient), cmocka_unit_test(test_scale),      cmocka_unit_test(test_zero),
        cmocka_unit_test(test_beyond_the_type),    cmocka_unit_test(test_below_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
