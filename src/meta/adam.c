/* Adam (Kingma and Ba, ICLR 2015) on float64 weights, with epsilon in TensorFlow's place or in PyTorch's. Every weight
 * moves by itself, so threads may share them in any way; one pass reads gradients, weights and slots. */
#include "meta/adam.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "problems/dense_vector.h"
#include "tensor/adam_move.h"

static const double BETA1 = 0.9, BETA2 = 0.999, LEAST_SIZE = 1e-3;

/* Weights that are one thread's piece of work, and those whose gradient is put together before they move. */
enum { STRETCH = 16384, BLOCK = 512 };

l2o_status adam_create(adam *adam, int64_t count, double epsilon, bool tensorflow, l2o_error *error) {
    *adam = (struct adam){.count = count, .epsilon = epsilon, .tensorflow = tensorflow};
    adam->m = memory_allocate((size_t)count, sizeof(double), error);
    adam->v = memory_allocate((size_t)count, sizeof(double), error);
    if (adam->m != NULL && adam->v != NULL) return L2O_OK;
    adam_free(adam);
    return error->status;
}

void adam_free(adam *adam) {
    memory_free(adam->m);
    memory_free(adam->v);
    adam->m = adam->v = NULL;
}

void adam_reset(adam *adam) {
    adam->steps = 0;
    memset(adam->m, 0, (size_t)adam->count * sizeof(double));
    memset(adam->v, 0, (size_t)adam->count * sizeof(double));
}

/* What all weights share in one step. */
typedef struct corrections {
    double first, second; /* 1 - beta^t */
} corrections;

static corrections next_corrections(adam *adam) {
    adam->steps++;
    return (corrections){1.0 - pow(BETA1, (double)adam->steps), 1.0 - pow(BETA2, (double)adam->steps)};
}

static void move(const adam *adam, corrections by, double rate, int64_t count, const double *gradient, double *m,
                 double *v, double *weights) {
    adam_move(&(adam_move_arguments){.count = count,
                                     .beta1 = BETA1,
                                     .beta2 = BETA2,
                                     .first = by.first,
                                     .second = by.second,
                                     .rate = rate,
                                     .epsilon = adam->epsilon,
                                     .tensorflow = adam->tensorflow,
                                     .gradient = gradient,
                                     .m = m,
                                     .v = v,
                                     .weights = weights});
}

void adam_step(adam *adam, double rate, const double *gradient, double *weights) {
    move(adam, next_corrections(adam), rate, adam->count, gradient, adam->m, adam->v, weights);
}

static double unit_of(const adam_part *part, const double *weights) {
    return fmax(sqrt(dense_squares(part->count, weights + part->first) / (double)part->count), LEAST_SIZE);
}

/* The gradient of a block: the one there is, or one that is put together in `room`. */
static const double *gradient_of(const adam_update *update, double factor, int64_t first, int64_t count,
                                 double room[BLOCK]) {
    if (update->gradient_count == 1 && factor == 1) return update->gradients[0] + first;
    double share = 1.0 / (double)update->gradient_count;
    for (int64_t i = 0; i < count; i++) room[i] = 0;
    for (int k = 0; k < update->gradient_count; k++)
        for (int64_t i = 0; i < count; i++) room[i] += share * update->gradients[k][first + i];
    for (int64_t i = 0; i < count; i++) room[i] *= factor;
    return room;
}

typedef struct application {
    const adam *adam;
    const adam_update *update;
    corrections by;
    double *weights;
} application;

static int64_t stretches(const adam_part *part) { return (part->count + STRETCH - 1) / STRETCH; }

/* The pieces are the stretches of all parts, counted through. */
static l2o_status apply_piece(void *argument, int64_t piece, worker *worker) {
    const application *self = argument;
    const adam_part *part = self->update->parts;
    (void)worker;
    for (; piece >= stretches(part); part++) piece -= stretches(part);
    int64_t end = (piece + 1) * STRETCH < part->count ? (piece + 1) * STRETCH : part->count;
    for (int64_t at = piece * STRETCH; at < end; at += BLOCK) {
        double room[BLOCK];
        int64_t first = part->first + at, count = end - at < BLOCK ? end - at : BLOCK;
        const double *gradient = gradient_of(self->update, part->factor, first, count, room);
        move(self->adam, self->by, self->update->rate * (part->rate * part->unit), count, gradient,
             self->adam->m + first, self->adam->v + first, self->weights + first);
    }
    return L2O_OK;
}

void adam_apply(adam *adam, l2o_context *context, const adam_update *update, double *weights) {
    l2o_error unused; /* nothing in it fails */
    int64_t pieces = 0, count = 0;
    for (int p = 0; p < update->part_count; p++) {
        pieces += stretches(&update->parts[p]);
        count += update->parts[p].count;
        update->parts[p].unit = update->relative ? unit_of(&update->parts[p], weights) : 1;
    }
    application all = {adam, update, next_corrections(adam), weights};
    if (count > STRETCH)
        pieces_run_whole(context, pieces, apply_piece, &all, &unused);
    else /* threads would cost more than they bring */
        for (int64_t piece = 0; piece < pieces; piece++) apply_piece(&all, piece, NULL);
}
