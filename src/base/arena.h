/* Memory by region: a growing list of blocks, handed out in order and given back all at once. After the first pass of a
 * loop that marks and resets, nothing is taken from the heap any more. */
#ifndef L2O_BASE_ARENA_H
#define L2O_BASE_ARENA_H

#include <stddef.h>

#include "base/error.h"

typedef struct arena_block arena_block;

typedef struct arena {
    arena_block *first, *current;
    size_t used; /* bytes used in the current block */
} arena;

typedef struct arena_mark {
    arena_block *block;
    size_t used;
} arena_mark;

/* `bytes` of uninitialised memory aligned to 64, or NULL and an error. Valid until the arena is reset past it or freed.
 */
void *arena_allocate(arena *arena, size_t bytes, l2o_error *error);
arena_mark arena_position(const arena *arena);
void arena_reset(arena *arena, arena_mark mark); /* {NULL, 0} resets to empty; the blocks are kept for reuse */
void arena_free(arena *arena);
size_t arena_capacity(const arena *arena); /* bytes held, for reports of memory use */

#endif
