/* The optimizers, one line each. */
#include "optimizers/registry.h"

#include <string.h>

#include "optimizers/optimizer.h"

static const optimizer_ops *const optimizers[] = {
    &optimizer_rnnprop,    &optimizer_structured,
    &optimizer_sgd,        &optimizer_momentum,
    &optimizer_nesterov,   &optimizer_adam,
    &optimizer_rmsprop,    &optimizer_ista,
    &optimizer_fista,      &optimizer_coordinate_descent,
    &optimizer_lista,      &optimizer_lista_cp,
    &optimizer_lista_cpss, &optimizer_lfista,
    &optimizer_lamp,       &optimizer_alista,
    &optimizer_glista,     &optimizer_tista,
    &optimizer_step_lista, &optimizer_hyperlista,
    &optimizer_amp,        &optimizer_bayes_amp,
};

const optimizer_ops *optimizer_at(int index) {
    return index >= 0 && index < (int)(sizeof optimizers / sizeof *optimizers) ? optimizers[index] : NULL;
}

const optimizer_ops *optimizer_find(const char *name) {
    for (int i = 0; optimizer_at(i) != NULL; i++)
        if (strcmp(optimizer_at(i)->name, name) == 0) return optimizer_at(i);
    return NULL;
}
