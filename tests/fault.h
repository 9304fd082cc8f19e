/* Fails allocations on purpose: each allocation of a piece of code once, to see that the failure comes out as a status.
 *
 * For test programs named test_memory_*.c, whose calls to aligned_alloc (the library's only allocator) the linker sends
 * to __wrap_aligned_alloc below. Include it in exactly one file of such a program. What other libraries allocate is
 * not counted; leaks on the way out are for AddressSanitizer to see. Counting is safe from several threads. */
#ifndef L2O_TESTS_FAULT_H
#define L2O_TESTS_FAULT_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/error.h"

static atomic_size_t fault_calls; /* allocations since the last fault_arm() */
static atomic_size_t fault_at;    /* the one that fails, counted from 1; 0: none */

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    size_t call = atomic_fetch_add(&fault_calls, 1) + 1;
    return call == atomic_load(&fault_at) ? NULL : __real_aligned_alloc(alignment, size);
}

/* Starts counting anew and fails the allocation number `nth` from here; 0 fails none. */
static inline void fault_arm(size_t nth) {
    atomic_store(&fault_calls, 0);
    atomic_store(&fault_at, nth);
}

/* Allocations asked for since fault_arm(), with the failed one. */
static inline size_t fault_count(void) { return atomic_load(&fault_calls); }

/* A piece of code to be tried: begins and ends with nothing allocated, whether it succeeds or fails. */
typedef l2o_status (*fault_body)(void *context, l2o_error *error);

/* Runs `body` once untouched, then once for each of its allocations with that one failing, then once more untouched.
 * Asserts that it succeeds, fails with L2O_ERROR_MEMORY and a sentence, and has recovered. Returns the number of
 * allocations, so that a test can assert that there were some. */
static inline size_t fault_each(fault_body body, void *context) {
    l2o_error error;
    error_clear(&error);
    fault_arm(0);
    l2o_status status = body(context, &error);
    if (status != L2O_OK) fail_msg("fails before any allocation is made to: %s", error.text);
    size_t count = fault_count();
    for (size_t nth = 1; nth <= count; nth++) {
        error_clear(&error);
        fault_arm(nth);
        status = body(context, &error);
        fault_arm(0);
        if (status != L2O_ERROR_MEMORY || error.status != L2O_ERROR_MEMORY || error.text[0] == '\0')
            fail_msg("allocation %zu of %zu failed, but the status was %d (%s) with the text \"%s\"", nth, count,
                     (int)status, l2o_status_text(status), error.text);
    }
    error_clear(&error);
    status = body(context, &error);
    if (status != L2O_OK) fail_msg("does not recover after a failed allocation: %s", error.text);
    return count;
}

#endif
