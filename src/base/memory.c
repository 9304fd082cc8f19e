/* The only door to the heap: aligned, zeroed, counted against overflow, with an error instead of NULL alone. */
#define _DEFAULT_SOURCE /* madvise() */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, LARGE = 4 << 20, LARGE_ALIGNMENT = 2 << 20 };

/* Large blocks ask for large pages: walking through many small ones costs more than the memory itself. */
static void *allocate_aligned(size_t bytes) {
#ifdef MADV_HUGEPAGE
    if (bytes >= LARGE && bytes < (size_t)PTRDIFF_MAX - LARGE_ALIGNMENT) {
        size_t whole = (bytes + LARGE_ALIGNMENT - 1) / LARGE_ALIGNMENT * LARGE_ALIGNMENT;
        void *block = aligned_alloc(LARGE_ALIGNMENT, whole);
        if (block != NULL) (void)madvise(block, whole, MADV_HUGEPAGE);
        return block;
    }
#endif
    return aligned_alloc(ALIGNMENT, bytes);
}

l2o_status memory_product(size_t a, size_t b, const char *what, size_t *product, l2o_error *error) {
    if (a != 0 && b > (size_t)PTRDIFF_MAX / a)
        return error_set(error, L2O_ERROR_INPUT, "%s: %zu x %zu is more than this machine can address", what, a, b);
    *product = a * b;
    return L2O_OK;
}

void *memory_allocate(size_t count, size_t size, l2o_error *error) {
    size_t bytes = 0;
    if (memory_product(count, size, "an allocation", &bytes, error) != L2O_OK) return NULL;
    if (bytes > (size_t)PTRDIFF_MAX - ALIGNMENT) {
        error_set(error, L2O_ERROR_MEMORY, "out of memory: %zu bytes asked for; choose smaller sizes, or free memory",
                  bytes);
        return NULL;
    }
    size_t rounded = (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT; /* at least one line, so never a NULL for 0 */
    void *block = allocate_aligned(rounded);
    if (block == NULL) {
        error_set(error, L2O_ERROR_MEMORY, "out of memory: %zu bytes asked for; choose smaller sizes, or free memory",
                  bytes);
        return NULL;
    }
    memset(block, 0, rounded);
    return block;
}

void *memory_grow(void *block, size_t old_count, size_t count, size_t size, l2o_error *error) {
    void *larger = memory_allocate(count, size, error);
    if (larger == NULL) return NULL;
    if (block != NULL) memcpy(larger, block, (old_count < count ? old_count : count) * size);
    free(block);
    return larger;
}

void memory_free(void *block) { free(block); }

char *memory_string(const char *text, l2o_error *error) {
    size_t length = strlen(text) + 1;
    char *copy = memory_allocate(length, 1, error);
    if (copy != NULL) memcpy(copy, text, length);
    return copy;
}
