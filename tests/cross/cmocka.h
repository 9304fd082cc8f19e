/* As much of cmocka as the tests of the kernels use, for processors that it is not installed for: the first assertion
 * that fails ends the program. */
#ifndef L2O_TESTS_CROSS_CMOCKA_H
#define L2O_TESTS_CROSS_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define fail_msg(...)                                                                                                  \
    (fprintf(stderr, "%s:%d: ", __FILE__, __LINE__), fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))
#define assert_true(condition)          ((condition) ? (void)0 : fail_msg("not true: %s", #condition))
#define assert_non_null(pointer)        assert_true((pointer) != NULL)
#define assert_int_equal(a, b)          assert_true((a) == (b))
#define assert_ptr_equal(a, b)          assert_true((a) == (b))
#define assert_memory_equal(a, b, size) assert_true(memcmp(a, b, size) == 0)
#define assert_string_equal(a, b)       assert_true(strcmp(a, b) == 0)
#define cmocka_unit_test(function)                                                                                     \
    { #function, function }
#define cmocka_run_group_tests(tests, begin, end) run_tests(tests, sizeof(tests) / sizeof *(tests), begin, end)

static int run_tests(const struct CMUnitTest *tests, size_t count, int (*begin)(void **), int (*end)(void **)) {
    void *state = NULL;
    if (begin != NULL) assert_int_equal(begin(&state), 0);
    for (size_t i = 0; i < count; i++) {
        tests[i].run(&state);
        printf("passed: %s\n", tests[i].name);
    }
    return end == NULL ? 0 : end(&state);
}

#endif
