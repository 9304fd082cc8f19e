/* The one door to the heap: every allocation of the library goes through memory_allocate(), so that sizes are checked
 * for overflow, failure has a sentence, and the tests can fail each allocation once (they wrap malloc at link time). */
#ifndef L2O_BASE_MEMORY_H
#define L2O_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Zeroed memory for `count` items of `size` bytes, aligned to 64; NULL and an error when it cannot be had. A count of 0
 * gives a valid pointer. Release with memory_free(). */
void *memory_allocate(size_t count, size_t size, l2o_error *error);

/* Grows a block from memory_allocate() to `count` items; the new part is zeroed, the old block stays valid on failure.
 */
void *memory_grow(void *block, size_t old_count, size_t count, size_t size, l2o_error *error);

void memory_free(void *block);

/* A copy of a string; NULL on failure. */
char *memory_string(const char *text, l2o_error *error);

/* a * b, or an error naming `what` when the product does not fit a size_t or exceeds PTRDIFF_MAX. */
l2o_status memory_product(size_t a, size_t b, const char *what, size_t *product, l2o_error *error);

#endif
