/* The registry of meta-losses, each a weight for every objective of an unroll. */
#include "meta/loss.h"

#include <stddef.h>
#include <string.h>

static void sum_weights(int64_t steps, double *weights) {
    for (int64_t t = 0; t <= steps; t++) weights[t] = 1.0;
}

static void last_weights(int64_t steps, double *weights) {
    for (int64_t t = 0; t <= steps; t++) weights[t] = t == steps ? 1.0 : 0.0;
}

static const meta_loss losses[] = {
    {"sum", "f(x_0) + ... + f(x_T): what the authors' code trains on", sum_weights, false},
    {"last", "f(x_T): what the paper's theory is about", last_weights, false},
    {"log", "ln f(x_0) + ... + ln f(x_T): easy and hard instances, early and late steps count alike", sum_weights,
     true},
    {"log-last", "ln f(x_T)", last_weights, true},
};

const meta_loss *meta_loss_at(int index) {
    return index >= 0 && index < (int)(sizeof losses / sizeof *losses) ? &losses[index] : NULL;
}

const meta_loss *meta_loss_named(const char *name) {
    for (int k = 0; meta_loss_at(k) != NULL; k++)
        if (strcmp(meta_loss_at(k)->name, name) == 0) return meta_loss_at(k);
    return NULL;
}
