/* Which loops of multiply-adds belong to which kernel path. */
#include "fma_rate.h"

#include <string.h>

static const struct {
    const char *path;
    const fma_rate *rates[2];
} paths[] = {
#ifdef L2O_X86
    {"avx512", {&fma_rate_avx512, &fma_rate_avx2}},
    {"avx2", {&fma_rate_avx2}},
#endif
    {"portable", {&fma_rate_portable}},
};

const fma_rate *fma_rate_at(const char *path, int index) {
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (strcmp(paths[i].path, path) == 0) return index < 2 ? paths[i].rates[index] : NULL;
    return NULL;
}
