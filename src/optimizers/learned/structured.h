/* What the structured rule's step and its guard share. */
#ifndef L2O_OPTIMIZERS_LEARNED_STRUCTURED_H
#define L2O_OPTIMIZERS_LEARNED_STRUCTURED_H

#include "optimizers/learned/lstm_layers.h"

typedef struct structured {
    lstm_layers lstm;
    double preconditioner_range, momentum_range; /* the largest P and M */
    int head;                                    /* the number of its matrix among the weights; its bias follows */
} structured;

enum {
    STRUCTURED_STATE_Y,
    STRUCTURED_INVERSE_LIPSCHITZ = LSTM_CONSTANTS, /* constants [count, 1]: 1 / L, */
    STRUCTURED_INVERSE_SCALE,                      /* 1 / sqrt(L), */
    STRUCTURED_SCALE,                              /* sqrt(L), */
    STRUCTURED_LAMBDA                              /* and lambda, where steps are proximal */
};

#endif
