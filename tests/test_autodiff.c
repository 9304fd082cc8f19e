/* The tape's operations: first, second and third derivatives of each against differences, closure under
 * differentiation, values where derivatives are infinite, agreement of the float types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "autodiff/derivative_check.h"
#include "autodiff_cases.h"

static const kernels *table(const char *path, dtype type) {
    l2o_error error = {0};
    const kernels *chosen = NULL;
    return kernels_select(path, type, &chosen, &error) == L2O_OK ? chosen : NULL;
}

typedef struct line {
    const autodiff_case *it;
    const kernels *kernels;
    arena *arena;
    const double *point, *along, *directions[2];
    int order;
} line;

static l2o_status evaluate(void *argument, double offset, double *values, l2o_error *error) {
    const line *line = argument;
    double point[CASE_NUMBERS];
    for (int64_t i = 0; i < case_numbers(line->it); i++) point[i] = line->point[i] + offset * line->along[i];
    tape tape;
    arena_reset(line->arena, (arena_mark){0});
    tape_begin(&tape, line->kernels, line->arena, error, true);
    return case_derivative(line->it, &tape, point, line->order, line->directions, false, values);
}

static double dot(int64_t count, const double *a, const double *b) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* The derivative of order `order` along a random line, against differences of the one below. */
static void check_order(const autodiff_case *it, const kernels *kernels, arena *arena, int order, uint64_t seed) {
    double point[CASE_NUMBERS], directions[3][CASE_NUMBERS], exact[CASE_NUMBERS], slope, apart = 0;
    int64_t count = case_numbers(it);
    case_point(it, seed, point);
    for (int k = 0; k < 3; k++)
        for (int64_t i = 0; i < count; i++)
            directions[k][i] =
                random_normal((random_key){.seed = seed, .draw = (uint32_t)k + 1, .stream = STREAM_CHECK}, (uint64_t)i);
    /* The last direction is the line's. */
    const double *along = directions[order == 3 ? 1 : 0];
    line line = {it, kernels, arena, point, along, {directions[0], directions[1]}, order};
    l2o_error error = {0};
    if (evaluate(&line, 0, exact, &error) != L2O_OK) fail_msg("%s, order %d: %s", it->name, order, error.text);
    line.order = order - 1;
    slope = dot(count, exact, along);
    line_check check = {.groups = 1,
                        .width = order == 1 ? 1 : count,
                        .evaluate = evaluate,
                        .argument = &line,
                        .derivative = order == 1 ? &slope : exact,
                        .floor = (const double[]){1e-3},
                        .scale = 1,
                        .tolerance = 1e-7};
    if (derivative_check(&check, &apart, &error) != L2O_OK) fail_msg("%s, order %d: %s", it->name, order, error.text);
    if (!(apart >= 0 && apart < 1e-7))
        fail_msg("%s: the derivative of order %d is %g away from differences", it->name, order, apart);
}

static void test_derivatives(void **state) {
    (void)state;
    arena arena = {0};
    for (int k = 0; k < CASES; k++)
        for (int order = 1; order <= autodiff_cases[k].orders; order++)
            for (uint64_t seed = 1; seed <= 3; seed++)
                check_order(&autodiff_cases[k], table("auto", DTYPE_FLOAT64), &arena, order, seed);
    arena_free(&arena);
}

static const operation *known_operation(int index) {
    static const operation *const of_problems[] = {&operation_problem, &operation_problem_smooth,
                                                   &operation_problem_hessian, &operation_problem_third};
    int own = 0;
    while (tape_operation_at(own) != NULL) own++;
    if (index < own) return tape_operation_at(index);
    return index - own < 4 ? of_problems[index - own] : NULL;
}

static bool is_recorded(const tape *tape, const operation *operation) {
    for (const record *at = tape->last; at != NULL; at = at->previous)
        if (at->operation == operation) return true;
    return false;
}

static void test_every_operation_has_a_case(void **state) {
    (void)state;
    arena arena = {0};
    for (int k = 0; k < CASES; k++) {
        l2o_error error = {0};
        tape tape;
        double point[CASE_NUMBERS];
        value *in[CASE_INPUTS];
        tape_begin(&tape, table("auto", DTYPE_FLOAT64), &arena, &error, true);
        case_point(&autodiff_cases[k], 1, point);
        assert_non_null(case_objective(&autodiff_cases[k], &tape, point, in));
        if (!is_recorded(&tape, autodiff_cases[k].operation))
            fail_msg("the case '%s' does not record %s", autodiff_cases[k].name, autodiff_cases[k].operation->name);
        arena_reset(&arena, (arena_mark){0});
    }
    for (int index = 0; tape_operation_at(index) != NULL; index++) {
        bool found = false;
        for (int k = 0; k < CASES; k++) found |= autodiff_cases[k].operation == tape_operation_at(index);
        if (!found) fail_msg("the operation '%s' has no case", tape_operation_at(index)->name);
    }
    arena_free(&arena);
}

/* Whatever a derivative is made of is an operation of the list, and all of the list have derivatives, and cases. */
static void test_closure(void **state) {
    (void)state;
    arena arena = {0};
    double point[CASE_NUMBERS], directions[2][CASE_NUMBERS], out[CASE_NUMBERS];
    for (int index = 0; known_operation(index) != NULL; index++)
        assert_true(known_operation(index)->derivative != NULL);
    for (int k = 0; k < CASES; k++)
        for (int order = 1; order <= autodiff_cases[k].orders; order++) {
            const autodiff_case *it = &autodiff_cases[k];
            l2o_error error = {0};
            tape tape;
            tape_begin(&tape, table("auto", DTYPE_FLOAT64), &arena, &error, true);
            case_point(it, 1, point);
            for (int i = 0; i < CASE_NUMBERS; i++) directions[0][i] = directions[1][i] = 0.5;
            const double *const along[2] = {directions[0], directions[1]};
            l2o_status status = case_derivative(it, &tape, point, order, along, true, out);
            if (status != L2O_OK) fail_msg("%s, order %d: %s", it->name, order, error.text);
            assert_true(tape.records > 0);
            for (const record *at = tape.last; at != NULL; at = at->previous) {
                bool known = false;
                for (int index = 0; known_operation(index) != NULL; index++)
                    known |= at->operation == known_operation(index);
                if (!known)
                    fail_msg("%s: order %d uses '%s', which is not listed", it->name, order, at->operation->name);
            }
            arena_reset(&arena, (arena_mark){0});
        }
    arena_free(&arena);
}

/* A problem's derivatives end with the third: its own derivatives along u and v exist, along x they are refused. */
static void test_fourth_derivative_is_refused(void **state) {
    (void)state;
    arena arena = {0};
    l2o_error error = {0};
    tape tape;
    value *in[3], *gradient[3];
    double numbers[] = {.1, .2, .3, .4, .5, .6};
    for (int along_x = 0; along_x < 2; along_x++) {
        error_clear(&error);
        tape_begin(&tape, table("auto", DTYPE_FLOAT64), &arena, &error, true);
        for (int k = 0; k < 3; k++) {
            in[k] = tape_from_double(&tape, 2, 3, numbers);
            in[k]->differentiable = true;
        }
        value *third = build_problem(&tape, in, 4);
        assert_non_null(third);
        assert_ptr_equal(third->maker->operation, &operation_problem_third);
        tape.recording = false;
        if (along_x == 0) in[0]->differentiable = false;
        l2o_status status = tape_gradient(&tape, 1, &third, NULL, 3, in, gradient);
        if (along_x == 0) {
            assert_int_equal(status, L2O_OK);
            const double *u = gradient[1]->data;
            /* third(x, v, 1) with v = numbers: (sum v) n - cos(x) v */
            assert_true(fabs(u[0] - (0.6 * 3 - cos(.1) * .1)) < 1e-12);
        } else {
            assert_int_equal(status, L2O_ERROR_UNSUPPORTED);
            assert_non_null(strstr(error.text, "fourth derivative"));
            assert_non_null(strstr(error.text, "closed form"));
        }
        arena_reset(&arena, (arena_mark){0});
    }
    arena_free(&arena);
}

/* A problem that lacks a derivative, or fails without a sentence, stops the tape. */
static l2o_status fail_silently(const problem *problem, instances rows, const void *x, void *f, void *g,
                                const evaluation *evaluation) {
    (void)problem, (void)rows, (void)x, (void)f, (void)g, (void)evaluation;
    return L2O_ERROR_CANCELLED;
}

static void test_problems_that_fail(void **state) {
    (void)state;
    arena arena = {0};
    l2o_error error = {0};
    tape tape;
    double numbers[] = {.1, .2, .3, .4, .5, .6};
    problem_ops ops = closed_form_ops;
    problem lacking = closed_form_float64;
    lacking.ops = &ops;
    ops.hess_vec = NULL;
    tape_begin(&tape, table("auto", DTYPE_FLOAT64), &arena, &error, true);
    value *x = tape_from_double(&tape, 2, 3, numbers), *f, *g, *gradient;
    x->differentiable = true;
    problem_node(&tape, &lacking, &both, x, &f, &g);
    assert_int_equal(tape_gradient(&tape, 1, &g, NULL, 1, &x, &gradient), L2O_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.text, "Hessian-vector product"));

    error_clear(&error);
    ops.value_gradient = fail_silently;
    problem_node(&tape, &lacking, &both, x, &f, &g);
    assert_null(f);
    assert_null(g);
    assert_int_equal(tape_status(&tape), L2O_ERROR_CANCELLED);
    assert_non_null(strstr(error.text, "closed form"));
    arena_free(&arena);
}

/* f(0) with f' infinite there: first and second derivatives are 0, alone and in x / (sqrt(x^2) + e). */
static void test_infinite_derivatives(void **state) {
    (void)state;
    const unary_kind kinds[] = {UNARY_SQRT, UNARY_RECIPROCAL, UNARY_LOG};
    arena arena = {0};
    for (int type = 0; type < 2; type++)
        for (int k = 0; k < 4; k++) {
            l2o_error error = {0};
            tape tape;
            tape_begin(&tape, table("auto", type == 0 ? DTYPE_FLOAT32 : DTYPE_FLOAT64), &arena, &error, true);
            value *x = tape_fill(&tape, 3, 7, 0.0), *y, *first, *second;
            x->differentiable = true;
            if (k < 3)
                y = tape_unary(&tape, kinds[k], 0, x);
            else
                y = tape_unary(&tape, UNARY_SQRT, 0, tape_multiply(&tape, x, x));
            assert_int_equal(tape_gradient(&tape, 1, &y, NULL, 1, &x, &first), L2O_OK);
            assert_int_equal(tape_gradient(&tape, 1, &first, NULL, 1, &x, &second), L2O_OK);
            for (int64_t i = 0; i < 21; i++) {
                double numbers[2][21];
                tape.kernels->to_double(21, first->data, numbers[0]);
                tape.kernels->to_double(21, second->data, numbers[1]);
                assert_true(numbers[0][i] == 0);
                assert_true(numbers[1][i] == 0);
            }
            arena_reset(&arena, (arena_mark){0});
        }
    arena_free(&arena);
}

static double norm(int64_t count, const double *x) { return sqrt(dot(count, x, x)); }

static void test_float_types_agree(void **state) {
    (void)state;
    const char *const paths[] = {"portable", "avx2", "avx512"};
    double point[CASE_NUMBERS], direction[CASE_NUMBERS], reference[CASE_NUMBERS], other[CASE_NUMBERS];
    const double *const along[2] = {direction, direction};
    arena arena = {0};
    int ran = 0;
    for (int i = 0; i < CASE_NUMBERS; i++) direction[i] = random_normal((random_key){.seed = 5}, (uint64_t)i);
    for (int path = 0; path < 3; path++)
        for (int type = 0; type < 2; type++) {
            const kernels *kernels = table(paths[path], type == 0 ? DTYPE_FLOAT32 : DTYPE_FLOAT64);
            if (kernels == NULL) continue;
            ran++;
            for (int k = 0; k < CASES; k++)
                for (int order = 0; order <= autodiff_cases[k].orders; order++) {
                    const autodiff_case *it = &autodiff_cases[k];
                    int64_t count = order == 0 ? 1 : case_numbers(it);
                    l2o_error error = {0};
                    tape tape;
                    case_point(it, 9, point);
                    tape_begin(&tape, table("portable", DTYPE_FLOAT64), &arena, &error, true);
                    assert_int_equal(case_derivative(it, &tape, point, order, along, false, reference), L2O_OK);
                    arena_reset(&arena, (arena_mark){0});
                    tape_begin(&tape, kernels, &arena, &error, true);
                    assert_int_equal(case_derivative(it, &tape, point, order, along, false, other), L2O_OK);
                    arena_reset(&arena, (arena_mark){0});
                    double size = norm(count, reference);
                    for (int64_t i = 0; i < count; i++) other[i] -= reference[i];
                    double apart = norm(count, other), unit = type == 0 ? 1.2e-7 : 2.2e-16;
                    if (!(apart <= 200 * unit * (size + 1)))
                        fail_msg("%s on %s: order %d is %g away of %g", it->name, paths[path], order, apart, size);
                }
        }
    assert_true(ran >= 2);
    arena_free(&arena);
}

/* Misuse is a sentence, and sticks: later operations return NULL and accept it. */
static void test_shapes_that_do_not_fit(void **state) {
    (void)state;
    arena arena = {0};
    l2o_error error = {0};
    tape tape;
    tape_begin(&tape, table("auto", DTYPE_FLOAT64), &arena, &error, true);
    value *a = tape_fill(&tape, 2, 3, 1), *b = tape_fill(&tape, 4, 3, 1), *row = tape_fill(&tape, 1, 3, 1);
    value *many[TAPE_INPUTS + 1];
    for (int k = 0; k <= TAPE_INPUTS; k++) many[k] = a;
    for (int k = 0; k < 10; k++) {
        error_clear(&error);
        value *out = a, *h = a, *c = a;
        switch (k) {
        case 0: out = tape_add(&tape, a, b); break;
        case 1: out = tape_matmul(&tape, a, false, b, false); break;
        case 2: out = tape_soft_threshold(&tape, row, a); break;
        case 3: out = tape_reshape(&tape, a, 4, 2); break;
        case 4: out = tape_broadcast(&tape, a, 4, 3); break;
        case 5: out = tape_sum_to(&tape, a, 3, 3); break;
        case 6: out = tape_slice_rows(&tape, a, 1, 2); break;
        case 7: out = tape_pad_columns(&tape, a, 1, 3); break;
        case 8: out = tape_concat_columns(&tape, TAPE_INPUTS + 1, many); break;
        case 9:
            tape_lstm(&tape, a, &h, &c, b, b, row);
            assert_null(c);
            out = h;
            break;
        }
        assert_null(out);
        assert_int_equal(tape_status(&tape), L2O_ERROR_INTERNAL);
        assert_true(error.text[0] != '\0');
        assert_null(tape_multiply(&tape, a, a));
        assert_null(tape_unary(&tape, UNARY_TANH, 0, out));
        assert_null(tape_input(&tape, a->data, 2, 3, true));
        assert_true(isnan(tape_scalar(&tape, out)));
    }
    arena_free(&arena);
}

/* A detached value is a constant at every order; gradients of what does not depend on an input are zeros. */
static void test_detached(void **state) {
    (void)state;
    arena arena = {0};
    l2o_error error = {0};
    tape tape;
    tape_begin(&tape, table("auto", DTYPE_FLOAT64), &arena, &error, true);
    value *x = tape_fill(&tape, 1, 2, 3.0), *other = tape_fill(&tape, 1, 2, 3.0);
    x->differentiable = other->differentiable = true;
    value *y = tape_multiply(&tape, tape_detach(&tape, tape_multiply(&tape, x, x)), x); /* 9 x */
    value *inputs[] = {x, other}, *gradient[2], *again;
    assert_int_equal(tape_gradient(&tape, 1, &y, NULL, 2, inputs, gradient), L2O_OK);
    assert_true(((double *)gradient[0]->data)[0] == 9);
    assert_true(((double *)gradient[1]->data)[1] == 0);
    assert_int_equal(tape_gradient(&tape, 1, gradient, NULL, 1, &x, &again), L2O_OK);
    assert_true(((double *)again->data)[0] == 0);
    /* The same value twice among the outputs counts twice. */
    value *twice[] = {y, y};
    assert_int_equal(tape_gradient(&tape, 2, twice, NULL, 1, inputs, gradient), L2O_OK);
    assert_true(((double *)gradient[0]->data)[0] == 18);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_derivatives),
        cmocka_unit_test(test_every_operation_has_a_case),
        cmocka_unit_test(test_closure),
        cmocka_unit_test(test_fourth_derivative_is_refused),
        cmocka_unit_test(test_problems_that_fail),
        cmocka_unit_test(test_infinite_derivatives),
        cmocka_unit_test(test_float_types_agree),
        cmocka_unit_test(test_shapes_that_do_not_fit),
        cmocka_unit_test(test_detached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
