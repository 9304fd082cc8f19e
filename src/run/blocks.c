/* Blocks of coordinates: shared out over threads, and between the layouts of a carry and of records. */
#include "run/blocks.h"

#include <string.h>

enum { PIECE_COORDINATES = 5120 }; /* what a thread takes at a time: some tenths of a millisecond */

static size_t number_size(const blocks *blocks) { return dtype_size(blocks->kernels->type); }

/* Cuts the coordinates anew. */
static void cut(blocks *blocks, int64_t coordinates) {
    int64_t columns = blocks->columns, count = (coordinates + columns - 1) / columns;
    int64_t rest = count > 0 ? coordinates - (count - 1) * columns : 0;
    blocks->coordinates = coordinates;
    blocks->count = count;
    blocks->last = (rest + COLUMN_MULTIPLE - 1) / COLUMN_MULTIPLE * COLUMN_MULTIPLE;
}

blocks blocks_plan(l2o_context *context, const optimizer *optimizer, const kernels *kernels, int64_t coordinates) {
    blocks planned = {
        .context = context, .optimizer = optimizer, .kernels = kernels, .columns = optimizer->ops->fused_step->columns};
    for (int k = 0; k < optimizer->state_count; k++) planned.features += optimizer->state[k].width;
    cut(&planned, coordinates);
    return planned;
}

static int64_t columns_of(const blocks *blocks, int64_t block) {
    return block + 1 < blocks->count ? blocks->columns : blocks->last;
}

static char *record_of(const blocks *blocks, int64_t block) {
    return blocks->records + (size_t)(block * blocks->features * blocks->columns) * number_size(blocks);
}

size_t blocks_bytes(const blocks *blocks) {
    if (blocks->count == 0) return 0;
    int64_t columns = (blocks->count - 1) * blocks->columns + blocks->last;
    return (size_t)columns * (size_t)blocks->features * number_size(blocks);
}

/* ---------------------------------------------------------------------------------------------------------- the step
 */

typedef struct task {
    const blocks *blocks;
    int64_t step, per_piece; /* blocks per piece */
    char *x;
    const char *g;
} task;

/* `count` whole blocks, or the last one by way of a padded copy. */
static l2o_status step_some(const task *task, int64_t first, int64_t count, worker *worker) {
    const blocks *blocks = task->blocks;
    size_t size = number_size(blocks), offset = (size_t)(first * blocks->columns) * size;
    int64_t columns = columns_of(blocks, first), left = blocks->coordinates - first * blocks->columns;
    block_step step = {.optimizer = blocks->optimizer,
                       .kernels = blocks->kernels,
                       .weights = blocks->weights,
                       .step = task->step,
                       .columns = columns,
                       .blocks = count,
                       .records = record_of(blocks, first),
                       .x = task->x + offset,
                       .g = task->g + offset,
                       .lengths = blocks->lengths == NULL ? NULL : (const char *)blocks->lengths + offset};
    const fused_step *fused = blocks->optimizer->ops->fused_step;
    if (left >= count * columns) return fused->run(&step, &worker->arena, &worker->error);
    size_t bytes = (size_t)left * size, padded = (size_t)columns * size;
    char *copy = arena_allocate(&worker->arena, 2 * padded, &worker->error);
    if (copy == NULL) return worker->error.status;
    memset(copy, 0, 2 * padded);
    memcpy(copy, step.x, bytes);
    memcpy(copy + padded, step.g, bytes);
    step.x = copy;
    step.g = copy + padded;
    TRY(fused->run(&step, &worker->arena, &worker->error));
    memcpy(task->x + offset, copy, bytes);
    return L2O_OK;
}

static l2o_status run_piece(void *argument, int64_t piece, worker *worker) {
    const task *task = argument;
    int64_t first = piece * task->per_piece, end = first + task->per_piece, count = task->blocks->count;
    if (end > count) end = count;
    int64_t whole = end < count ? end : count - 1; /* the last block is one of its own, whatever its columns */
    if (whole > first) TRY(step_some(task, first, whole - first, worker));
    return end == count ? step_some(task, count - 1, 1, worker) : L2O_OK;
}

l2o_status blocks_step(blocks *blocks, int64_t step, void *x, const void *g, l2o_error *error) {
    int64_t per_piece = PIECE_COORDINATES / blocks->columns > 1 ? PIECE_COORDINATES / blocks->columns : 1;
    task task = {blocks, step, per_piece, x, g};
    return pieces_run(blocks->context, (blocks->count + per_piece - 1) / per_piece, true, run_piece, &task, error);
}

/* --------------------------------------------------------------------------------------------- from and to other
 * layouts
 */

/* Where the rows of state k begin in a block's record, and the coordinates that are no padding. */
static char *rows_of(const blocks *blocks, int64_t block, int64_t feature) {
    return record_of(blocks, block) + (size_t)(feature * columns_of(blocks, block)) * number_size(blocks);
}

static int64_t coordinates_of(const blocks *blocks, int64_t block) {
    int64_t left = blocks->coordinates - block * blocks->columns;
    return left < blocks->columns ? left : blocks->columns;
}

/* Where a block's part of state k lies in a carry, whose rows are coordinates. */
static char *carried(const blocks *blocks, const carry *carry, int k, int64_t first, int64_t block) {
    size_t skipped = (size_t)(block * blocks->columns * blocks->optimizer->state[k].width) * number_size(blocks);
    return (char *)carry->state[k] + (size_t)first * carry->row_bytes[k] + skipped;
}

void blocks_load(const blocks *blocks, const carry *from, int64_t first) {
    memset(blocks->records, 0, blocks_bytes(blocks));
    for (int64_t block = 0; block < blocks->count; block++)
        for (int64_t k = 0, feature = 0; k < blocks->optimizer->state_count; k++) {
            int64_t width = blocks->optimizer->state[k].width;
            if (from->state[k] != NULL)
                blocks->kernels->transpose(coordinates_of(blocks, block), width,
                                           carried(blocks, from, (int)k, first, block), width,
                                           rows_of(blocks, block, feature), columns_of(blocks, block));
            feature += width;
        }
}

void blocks_store(const blocks *blocks, carry *to, int64_t first) {
    for (int64_t block = 0; block < blocks->count; block++)
        for (int64_t k = 0, feature = 0; k < blocks->optimizer->state_count; k++) {
            int64_t width = blocks->optimizer->state[k].width;
            blocks->kernels->transpose(width, coordinates_of(blocks, block), rows_of(blocks, block, feature),
                                       columns_of(blocks, block), carried(blocks, to, (int)k, first, block), width);
            feature += width;
        }
}

/* Copies the state of one coordinate. */
static void move_coordinate(const blocks *from, int64_t source, const blocks *to, int64_t target) {
    size_t size = number_size(from);
    size_t from_row = (size_t)columns_of(from, source / from->columns) * size;
    size_t to_row = (size_t)columns_of(to, target / to->columns) * size;
    const char *read = record_of(from, source / from->columns) + (size_t)(source % from->columns) * size;
    char *write = record_of(to, target / to->columns) + (size_t)(target % to->columns) * size;
    for (int64_t feature = 0; feature < from->features; feature++, read += from_row, write += to_row)
        memcpy(write, read, size);
}

l2o_status blocks_compact(blocks *blocks, int64_t dimension, const int64_t *keep, int64_t count, arena *scratch,
                          l2o_error *error) {
    struct blocks packed = *blocks;
    arena_mark mark = arena_position(scratch);
    cut(&packed, count * dimension);
    size_t bytes = blocks_bytes(&packed);
    packed.records = arena_allocate(scratch, bytes, error);
    if (packed.records == NULL) return error->status;
    memset(packed.records, 0, bytes);
    for (int64_t r = 0; r < count; r++)
        for (int64_t j = 0; j < dimension; j++)
            move_coordinate(blocks, keep[r] * dimension + j, &packed, r * dimension + j);
    memcpy(blocks->records, packed.records, bytes);
    arena_reset(scratch, mark);
    cut(blocks, count * dimension);
    return L2O_OK;
}
