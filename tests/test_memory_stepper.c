/* The stepper's memory: each allocation failed once, and none at all once its first steps are taken. */
#include "fault.h"

#include "l2o/stepper.h"
#include "run_problem.h"

enum { COORDINATES = 12345 };

typedef struct use {
    const char *optimizer;
    int threads, steps;
    size_t *late; /* allocations after the first step, where asked for */
} use;

static l2o_status body(void *argument, l2o_error *error) {
    const use *self = argument;
    l2o_context *context;
    l2o_settings *settings = NULL;
    l2o_optimizer *optimizer = NULL;
    l2o_stepper *stepper = NULL;
    static float x[COORDINATES], g[COORDINATES];
    memset(x, 0, sizeof x);
    for (int i = 0; i < COORDINATES; i++) g[i] = (float)(i % 17 - 8);
    l2o_status status = l2o_context_create(self->threads, "auto", &context);
    if (status == L2O_OK) status = l2o_settings_create(context, &settings);
    if (status == L2O_OK) status = l2o_settings_set(context, settings, "optimizer", self->optimizer);
    if (status == L2O_OK) status = l2o_optimizer_create(context, settings, &optimizer);
    if (status == L2O_OK) status = l2o_stepper_create(context, optimizer, COORDINATES, NULL, &stepper);
    if (status == L2O_OK) status = l2o_stepper_step(stepper, x, g);
    size_t first = fault_count();
    for (int t = 1; t < self->steps && status == L2O_OK; t++) status = l2o_stepper_step(stepper, x, g);
    if (self->late != NULL) *self->late = fault_count() - first;
    if (status != L2O_OK) {
        error_set(error, status, "%s", context == NULL ? "no context" : l2o_context_error(context));
        /* A step that failed half way is not gone on with. */
        if (stepper != NULL) {
            assert_int_equal(l2o_stepper_step(stepper, x, g), L2O_ERROR_INPUT);
            assert_non_null(strstr(l2o_context_error(context), "interrupted"));
            assert_int_equal(l2o_stepper_reset(stepper), L2O_OK);
            assert_int_equal(l2o_stepper_step(stepper, x, g), L2O_OK);
        }
    }
    l2o_stepper_free(stepper);
    l2o_optimizer_free(optimizer);
    l2o_settings_free(settings);
    l2o_context_free(context);
    return status;
}

static void test_failures(void **state) {
    (void)state;
    assert_true(fault_each(body, &(use){.optimizer = "rnnprop:hidden=3", .threads = 1, .steps = 1}) > 10);
    assert_true(fault_each(body, &(use){.optimizer = "adam", .threads = 1, .steps = 1}) > 8);
}

static void test_no_allocation_per_step(void **state) {
    (void)state;
    static const char *const names[] = {"rnnprop", "adam", "sgd"};
    for (int k = 0; k < 3; k++) {
        size_t late = 1;
        l2o_error error = {0};
        fault_arm(0);
        assert_int_equal(body(&(use){names[k], 1, 6, &late}, &error), L2O_OK);
        assert_int_equal(late, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_failures), cmocka_unit_test(test_no_allocation_per_step)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
