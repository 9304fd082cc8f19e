/* Arenas: chained blocks, handed out front to back, taken back at a mark. Not for single objects of long life. */
#include "base/arena.h"

#include <stdint.h>

#include "base/memory.h"

enum { LINE = 64, SMALLEST_BLOCK = 256 * 1024 };

struct arena_block {
    arena_block *next;
    size_t size;
    char *bytes;
};

static arena_block *block_create(size_t size, l2o_error *error) {
    arena_block *block = memory_allocate(1, sizeof *block, error);
    if (block == NULL) return NULL;
    block->bytes = memory_allocate(size, 1, error);
    if (block->bytes == NULL) {
        memory_free(block);
        return NULL;
    }
    block->size = size;
    return block;
}

void *arena_allocate(arena *arena, size_t bytes, l2o_error *error) {
    if (bytes > SIZE_MAX / 4) {
        error_set(error, L2O_ERROR_MEMORY, "out of memory: %zu bytes asked for; choose smaller sizes, or free memory",
                  bytes);
        return NULL;
    }
    size_t rounded = (bytes + LINE - 1) / LINE * LINE;
    if (arena->current == NULL && arena->first != NULL) {
        arena->current = arena->first;
        arena->used = 0;
    }
    while (arena->current == NULL || arena->used + rounded > arena->current->size) {
        arena_block *next = arena->current == NULL ? NULL : arena->current->next;
        if (next == NULL || next->size < rounded) {
            /* Doubling keeps the number of blocks logarithmic in the peak. */
            size_t size = arena->current == NULL ? SMALLEST_BLOCK : 2 * arena->current->size;
            if (size > (size_t)64 << 20) size = (size_t)64 << 20;
            if (size < rounded) size = rounded;
            arena_block *fresh = block_create(size, error);
            if (fresh == NULL) return NULL;
            fresh->next = next;
            if (arena->current == NULL)
                arena->first = fresh;
            else
                arena->current->next = fresh;
            next = fresh;
        }
        arena->current = next;
        arena->used = 0;
    }
    void *memory = arena->current->bytes + arena->used;
    arena->used += rounded;
    return memory;
}

arena_mark arena_position(const arena *arena) { return (arena_mark){arena->current, arena->used}; }

void arena_reset(arena *arena, arena_mark mark) {
    arena->current = mark.block;
    arena->used = mark.used;
}

void arena_free(arena *arena) {
    for (arena_block *block = arena->first; block != NULL;) {
        arena_block *next = block->next;
        memory_free(block->bytes);
        memory_free(block);
        block = next;
    }
    *arena = (struct arena){0};
}

size_t arena_capacity(const arena *arena) {
    size_t total = 0;
    for (const arena_block *block = arena->first; block != NULL; block = block->next) total += block->size;
    return total;
}
