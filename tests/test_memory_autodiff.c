/* Memory that runs out at any point of a computation on the tape is a status, never a crash. */
#include <string.h>

#include "autodiff_cases.h"
#include "fault.h"

/* First, second and third derivatives with `room` bytes left in the arena and nothing beyond. */
static l2o_status derive_within(const autodiff_case *it, size_t room, l2o_error *error) {
    double point[CASE_NUMBERS], direction[CASE_NUMBERS], out[CASE_NUMBERS];
    const double *const along[2] = {direction, direction};
    const kernels *kernels = NULL;
    arena region = {0};
    assert_int_equal(kernels_select("auto", DTYPE_FLOAT64, &kernels, error), L2O_OK);
    fault_arm(0);
    assert_non_null(arena_allocate(&region, 1, error));
    size_t left = arena_capacity(&region) - 64;
    assert_true(room <= left);
    assert_non_null(arena_allocate(&region, left - room, error));
    case_point(it, 3, point);
    for (int i = 0; i < CASE_NUMBERS; i++) direction[i] = 0.25;
    tape tape;
    tape_begin(&tape, kernels, &region, error, true);
    fault_arm(1);
    l2o_status status = case_derivative(it, &tape, point, it->orders, along, true, out);
    fault_arm(0);
    arena_free(&region);
    return status;
}

static void test_arenas_that_run_out(void **state) {
    (void)state;
    for (int k = 0; k < CASES; k++) {
        int failures = 0;
        l2o_status status = L2O_ERROR_MEMORY;
        for (size_t room = 0; status != L2O_OK && room <= 192 * 1024; room += 64 + room / 256 * 64) {
            l2o_error error = {0};
            status = derive_within(&autodiff_cases[k], room, &error);
            if (status == L2O_OK) break;
            failures++;
            assert_int_equal(status, L2O_ERROR_MEMORY);
            assert_true(error.text[0] != '\0');
        }
        assert_true(failures > 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_arenas_that_run_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
