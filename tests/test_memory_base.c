/* Each allocation of base/memory.c and base/arena.c fails once. */
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "fault.h"

static l2o_status allocate_and_grow(void *context, l2o_error *error) {
    (void)context;
    double *items = memory_allocate(3, sizeof *items, error);
    if (items == NULL) return error->status;
    items[2] = 2.5;
    double *larger = memory_grow(items, 3, 1000, sizeof *items, error);
    if (larger == NULL) {
        assert_true(items[2] == 2.5); /* the old block is still the caller's */
        memory_free(items);
        return error->status;
    }
    assert_true(larger[2] == 2.5);
    for (size_t i = 3; i < 1000; i++) assert_true(larger[i] == 0.0);
    memory_free(larger);
    return L2O_OK;
}

static l2o_status copy_string(void *context, l2o_error *error) {
    const char *text = context;
    char *copy = memory_string(text, error);
    if (copy == NULL) return error->status;
    assert_string_equal(copy, text);
    memory_free(copy);
    return L2O_OK;
}

/* Three blocks; after a failure the arena still holds what it had, and can be used and freed. */
static l2o_status fill_arena(void *context, l2o_error *error) {
    (void)context;
    arena region = {0};
    size_t sizes[] = {100, 300 * 1024, 2 * 1024 * 1024};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t held = arena_capacity(&region);
        char *memory = arena_allocate(&region, sizes[i], error);
        if (memory == NULL) {
            assert_int_equal(arena_capacity(&region), held);
            l2o_error second;
            fault_arm(0);
            assert_non_null(arena_allocate(&region, sizes[i], &second));
            arena_free(&region);
            return error->status;
        }
        assert_int_equal((uintptr_t)memory % 64, 0);
        memset(memory, 1, sizes[i]);
    }
    arena_free(&region);
    return L2O_OK;
}

static void test_memory(void **state) {
    (void)state;
    assert_int_equal(fault_each(allocate_and_grow, NULL), 2);
}

static void test_string(void **state) {
    (void)state;
    char text[] = "learned optimizers";
    assert_int_equal(fault_each(copy_string, text), 1);
}

static void test_arena(void **state) {
    (void)state;
    assert_int_equal(fault_each(fill_arena, NULL), 6); /* a block is a header and its bytes */
}

/* After the first pass of a loop that marks and resets, the heap is left alone. */
static void test_arena_is_reused(void **state) {
    (void)state;
    arena region = {0};
    l2o_error error;
    fault_arm(0);
    for (int pass = 0; pass < 5; pass++) {
        if (pass == 1) fault_arm(1);
        arena_mark mark = arena_position(&region);
        for (int i = 0; i < 100; i++) assert_non_null(arena_allocate(&region, 10000, &error));
        arena_reset(&region, mark);
    }
    assert_int_equal(fault_count(), 0);
    fault_arm(0);
    arena_free(&region);
    assert_int_equal(arena_capacity(&region), 0);
}

/* Sizes that no machine has are refused before the allocator is asked. */
static void test_sizes_that_overflow(void **state) {
    (void)state;
    l2o_error error;
    arena region = {0};
    fault_arm(0);
    error_clear(&error);
    assert_null(memory_allocate(SIZE_MAX / 2, 4, &error));
    assert_int_equal(error.status, L2O_ERROR_INPUT);
    error_clear(&error);
    assert_null(memory_allocate((size_t)PTRDIFF_MAX, 1, &error));
    assert_int_equal(error.status, L2O_ERROR_MEMORY);
    error_clear(&error);
    assert_null(arena_allocate(&region, SIZE_MAX, &error));
    assert_int_equal(error.status, L2O_ERROR_MEMORY);
    assert_int_equal(fault_count(), 0);
    arena_free(&region);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_string),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_arena_is_reused),
        cmocka_unit_test(test_sizes_that_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
