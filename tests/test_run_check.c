/* The derivative checks: they pass what is right, and find what is wrong. */
#include "optimizers/unroll.h"
#include "run/check.h"
#include "run_problem.h"

static const l2o_check_row *find(const l2o_derivative_check *check, const char *what) {
    for (int k = 0; k < l2o_derivative_check_rows(check); k++)
        if (strstr(l2o_derivative_check_row(check, k)->what, what) != NULL) return l2o_derivative_check_row(check, k);
    fail_msg("there is no row '%s'", what);
    return NULL;
}

static l2o_derivative_check *run(l2o_context *context, problem *problem, const optimizer *optimizer) {
    l2o_derivative_check *check = NULL;
    if (l2o_check_derivatives(context, problem, optimizer, 3, &check) != L2O_OK)
        fail_msg("%s", l2o_context_error(context));
    return check;
}

static void assert_all_passed(const l2o_derivative_check *check) {
    for (int k = 0; k < l2o_derivative_check_rows(check); k++) {
        const l2o_check_row *row = l2o_derivative_check_row(check, k);
        if (!row->passed || row->points == 0)
            fail_msg("%s: %lld points, error %g, %s", row->what, (long long)row->points, row->error, row->why);
    }
    assert_int_equal(l2o_derivative_check_failed(check), 0);
}

static void test_problems_and_meta_gradients(void **state) {
    (void)state;
    l2o_context *context = test_context(2);
    static const char *const families[] = {"lasso", "quadratic", "rosenbrock"};
    optimizer *optimizer = test_optimizer("rnnprop", 6);
    for (int k = 0; k < 3; k++) {
        problem *problem = test_problem(families[k], 6, 4, "float64");
        l2o_derivative_check *check = run(context, problem, optimizer);
        assert_true(l2o_derivative_check_rows(check) >= 13);
        assert_all_passed(check);
        assert_int_equal(find(check, "meta-gradient, fused")->points, 2);
        assert_int_equal(find(check, "product, fused")->points, 2);
        l2o_derivative_check_free(check);
        check = run(context, problem, NULL);
        assert_true(l2o_derivative_check_rows(check) < 7);
        assert_all_passed(check);
        l2o_derivative_check_free(check);
        problem_free(problem);
    }
    optimizer_free(optimizer);
    l2o_context_free(context);
}

/* Every form of RNNprop's step. */
static void test_forms_of_the_step(void **state) {
    (void)state;
    l2o_context *context = test_context(2);
    problem *problem = test_problem("lasso", 5, 4, "float64");
    for (int rule = 1; test_rule(rule) != NULL; rule++) {
        optimizer *optimizer = test_optimizer_with("rnnprop", 5, test_rule(rule));
        l2o_derivative_check *check = run(context, problem, optimizer);
        assert_all_passed(check);
        assert_int_equal(find(check, "meta-gradient, detached")->skipped, 0);
        assert_int_equal(find(check, "product, fused")->points, 2);
        l2o_derivative_check_free(check);
        optimizer_free(optimizer);
    }
    problem_free(problem);
    l2o_context_free(context);
}

/* A run that lands on a minimum of zero at once, where values are nothing but rounding, is no failure. */
static void test_exact_minimum(void **state) {
    (void)state;
    l2o_context *context = test_context(1);
    problem *problem = test_problem("quadratic", 1, 3, "float64");
    optimizer *optimizer = test_optimizer("structured", 4);
    l2o_derivative_check *check = run(context, problem, optimizer);
    assert_all_passed(check);
    l2o_derivative_check_free(check);
    optimizer_free(optimizer);
    problem_free(problem);
    l2o_context_free(context);
}

/* Momentum where no curvature is known: what diverges is said to, shorter steps are checked. */
static void test_diverging_steps_are_skipped(void **state) {
    (void)state;
    static const char *const rules[] = {"update=momentum normalise=spectral", "update=momentum step-scale=1e-4"};
    l2o_context *context = test_context(1);
    problem *problem = test_problem("rosenbrock", 2, 3, "float64");
    for (int k = 0; k < 2; k++) {
        optimizer *optimizer = test_optimizer_with("rnnprop", 4, rules[k]);
        l2o_derivative_check *check = run(context, problem, optimizer);
        const l2o_check_row *row = find(check, "meta-gradient, full");
        assert_int_equal(l2o_derivative_check_failed(check), 0);
        assert_int_equal(row->points > 0, k == 1);
        assert_int_equal(strstr(row->why, "diverges here; take shorter steps") != NULL, k == 0);
        l2o_derivative_check_free(check);
        optimizer_free(optimizer);
    }
    problem_free(problem);
    l2o_context_free(context);
}

/* One derivative at a time is spoilt in one term. */
static int spoilt;

static l2o_status value_gradient(const problem *problem, instances rows, const void *x, void *f, void *g,
                                 const evaluation *evaluation) {
    TRY(closed_form_value_gradient(problem, rows, x, f, g, evaluation));
    if (spoilt == 1 && g != NULL) ((double *)g)[0] += 0.1 * ((const double *)x)[1];
    return L2O_OK;
}

static l2o_status hess_vec(const problem *problem, instances rows, const void *x, const void *v, void *out,
                           const evaluation *evaluation) {
    TRY(closed_form_hess_vec(problem, rows, x, v, out, evaluation));
    if (spoilt == 2) ((double *)out)[0] += 10 * ((const double *)v)[1];
    return L2O_OK;
}

static l2o_status third(const problem *problem, instances rows, const void *x, const void *u, const void *v, void *out,
                        const evaluation *evaluation) {
    TRY(closed_form_third(problem, rows, x, u, v, out, evaluation));
    if (spoilt == 3) ((double *)out)[0] += 10 * ((const double *)v)[1];
    return L2O_OK;
}

static void test_wrong_derivatives_are_found(void **state) {
    (void)state;
    static const char *const rows[] = {"gradient against", "Hessian-vector product against",
                                       "third derivative against"};
    l2o_context *context = test_context(1);
    optimizer *optimizer = test_optimizer("rnnprop", 4);
    problem_ops ops = closed_form_ops;
    ops.value_gradient = value_gradient;
    ops.hess_vec = hess_vec;
    ops.third = third;
    problem problem = test_closed_form(3, 4);
    problem.ops = &ops;
    for (spoilt = 0; spoilt <= 3; spoilt++) {
        l2o_derivative_check *check = run(context, &problem, optimizer);
        if (spoilt == 0) {
            assert_all_passed(check);
            assert_int_equal(find(check, "gradient against")->skipped, 0);
        } else {
            assert_true(l2o_derivative_check_failed(check) > 0);
            for (int k = 1; k <= 3; k++) /* a wrong gradient's differences are not the Hessian's either */
                assert_int_equal(find(check, rows[k - 1])->passed, k != spoilt && !(spoilt == 1 && k == 2));
        }
        if (spoilt == 2) {
            assert_int_equal(find(check, "Hessian is symmetric")->passed, 0);
            assert_int_equal(find(check, "meta-gradient, full")->passed, 0);
            assert_int_equal(find(check, "meta-gradient, detached")->passed, 1);
        }
        if (spoilt == 3) {
            assert_int_equal(find(check, "third derivative is symmetric")->passed, 0);
            assert_int_equal(find(check, "product, full")->passed, 0);
            assert_int_equal(find(check, "product, detached")->passed, 1);
        }
        l2o_derivative_check_free(check);
    }
    spoilt = 0;

    /* What a problem lacks is said, not failed. */
    ops.third = NULL;
    l2o_derivative_check *check = run(context, &problem, optimizer);
    assert_int_equal(l2o_derivative_check_failed(check), 0);
    assert_int_equal(find(check, "third derivative against")->points, 0);
    assert_non_null(strstr(find(check, "product, full")->why, "third derivative"));
    assert_true(find(check, "meta-gradient, full")->points > 0);
    l2o_derivative_check_free(check);
    ops.hess_vec = NULL;
    check = run(context, &problem, optimizer);
    assert_int_equal(find(check, "meta-gradient, full")->points, 0);
    assert_true(find(check, "meta-gradient, detached")->points > 0);
    assert_int_equal(l2o_derivative_check_failed(check), 0);
    l2o_derivative_check_free(check);
    arena_free(&problem.memory);
    optimizer_free(optimizer);
    l2o_context_free(context);
}

/* A fused unroll that is wrong by little is found, where it is wrong. */
static const fused_unroll *right;
static bool wrong_product;

static l2o_status wrong_run(const unroll *asked, arena *arena, l2o_error *error) {
    TRY(right->run(asked, arena, error));
    double *out = wrong_product ? asked->hessian_vector : asked->gradient;
    if (out != NULL && (wrong_product ? asked->direction : asked->gradient) != NULL) out[3] *= 1.001;
    return L2O_OK;
}

static void test_wrong_fused_unrolls_are_found(void **state) {
    (void)state;
    l2o_context *context = test_context(1);
    optimizer *optimizer = test_optimizer("rnnprop", 4);
    problem *problem = test_problem("quadratic", 5, 4, "float64");
    optimizer_ops ops = *optimizer->ops;
    right = ops.fused;
    fused_unroll wrong = *right;
    wrong.run = wrong_run;
    ops.fused = &wrong;
    optimizer->ops = &ops;
    for (int k = 0; k < 2; k++) {
        wrong_product = k == 1;
        l2o_derivative_check *check = run(context, problem, optimizer);
        assert_int_equal(find(check, "meta-gradient, fused")->passed, wrong_product);
        assert_int_equal(find(check, "product, fused")->passed, !wrong_product);
        assert_int_equal(l2o_derivative_check_failed(check), 1);
        l2o_derivative_check_free(check);
    }
    problem_free(problem);
    optimizer_free(optimizer);
    l2o_context_free(context);
}

/* Every coordinate always beside a kink: everything is skipped, and counted. */
static bool always_near(const problem *problem, int64_t instance, const double *x, double radius) {
    (void)problem, (void)instance, (void)x, (void)radius;
    return true;
}

static void test_kinks_are_skipped_and_counted(void **state) {
    (void)state;
    l2o_context *context = test_context(1);
    optimizer *optimizer = test_optimizer("rnnprop", 4);
    problem_ops ops = closed_form_ops;
    ops.near_kink = always_near;
    problem problem = test_closed_form(3, 4);
    problem.ops = &ops;
    l2o_derivative_check *check = run(context, &problem, optimizer);
    const l2o_check_row *row = find(check, "gradient against");
    assert_int_equal(row->points, 0);
    assert_true(row->skipped > 0);
    assert_non_null(strstr(row->why, "kink"));
    assert_non_null(strstr(find(check, "meta-gradient, detached")->why, "kinks"));
    l2o_derivative_check_free(check);
    arena_free(&problem.memory);
    optimizer_free(optimizer);
    l2o_context_free(context);
}

static void test_float32_is_refused(void **state) {
    (void)state;
    l2o_context *context = test_context(1);
    problem *problem = test_problem("lasso", 4, 3, "float32");
    l2o_derivative_check *check = NULL;
    assert_int_equal(l2o_check_derivatives(context, problem, NULL, 1, &check), L2O_ERROR_INPUT);
    assert_null(check);
    assert_non_null(strstr(l2o_context_error(context), "float64"));
    l2o_derivative_check_free(check);
    problem_free(problem);
    l2o_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_problems_and_meta_gradients),
        cmocka_unit_test(test_forms_of_the_step),
        cmocka_unit_test(test_exact_minimum),
        cmocka_unit_test(test_diverging_steps_are_skipped),
        cmocka_unit_test(test_wrong_derivatives_are_found),
        cmocka_unit_test(test_wrong_fused_unrolls_are_found),
        cmocka_unit_test(test_kinks_are_skipped_and_counted),
        cmocka_unit_test(test_float32_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
