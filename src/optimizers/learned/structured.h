/* What the structured rule's step and its guard share. */
#ifndef L2O_OPTIMIZERS_LEARNED_STRUCTURED_H
#define L2O_OPTIMIZERS_LEARNED_STRUCTURED_H

#include "optimizers/learned/lstm_layers.h"

typedef enum structured_guard_kind { GUARD_NONE, GUARD_ISTA, GUARD_FISTA } structured_guard_kind;

typedef struct structured {
    lstm_layers lstm;
    structured_guard_kind guard;
    double preconditioner_range, momentum_range; /* the largest P and M */
    int guard_state; /* the number of FISTA's first state, x before the last step; its t follows */
    int head;        /* the number of its matrix among the weights; its bias follows */
} structured;

enum {
    STRUCTURED_STATE_Y,
    STRUCTURED_INVERSE_LIPSCHITZ = LSTM_CONSTANTS, /* constants [count, 1]: 1 / L, */
    STRUCTURED_INVERSE_SCALE,                      /* 1 / sqrt(L), */
    STRUCTURED_SCALE,                              /* sqrt(L), */
    STRUCTURED_LAMBDA                              /* and lambda, where steps are proximal */
};

static inline bool structured_is_proximal(const step_context *context) {
    return problem_has(context->problem, STRUCTURE_PROXIMAL);
}

/* For create(): what the guard carries. */
void structured_guard_create(optimizer *optimizer, structured *own);
/* Replaces the rule's step from x to `fresh` [count, n], and `ahead`, its next y, both in place, for the instances of
 * which it raised the objective, `before` [count, 1] at x. */
void structured_guard(step_context *context, value *x, value *before, value *fresh, value *ahead, value **state);

#endif
