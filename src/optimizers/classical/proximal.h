/* FISTA's sequence, for whoever goes on with its momentum. */
#ifndef L2O_OPTIMIZERS_CLASSICAL_PROXIMAL_H
#define L2O_OPTIMIZERS_CLASSICAL_PROXIMAL_H

#include "autodiff/tape.h"

/* (1 + sqrt(1 + 4 t^2)) / 2: 1 from the initial 0. */
value *proximal_next_t(tape *tape, value *t);

#endif
