/* A report of results and one of a training, with each allocation failed once. */
#include "fault.h"

#include "dist/context.h"
#include "l2o/report.h"

static l2o_status body(void *argument, l2o_error *error) {
    l2o_context *context;
    l2o_status status = l2o_context_create(1, "portable", &context);
    if (status != L2O_OK) {
        l2o_context_free(context);
        return error_set(error, status, "no context");
    }
    status = l2o_report(context, argument, "/dev/null");
    *error = context->error;
    l2o_context_free(context);
    return status;
}

static void test_results(void **state) {
    (void)state;
    assert_true(fault_each(body, "tests/data/report/hostile.json") > 20);
}

static void test_training(void **state) {
    (void)state;
    assert_true(fault_each(body, "tests/data/report/training.log.jsonl") > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_results), cmocka_unit_test(test_training)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
