/* The choice of a table at run time, from a name and what the processor can do. */
#include "tensor/kernels.h"

#include <stdio.h>
#include <string.h>

#include "tensor/kernels_tables.h"

static bool runs_always(void) { return true; }
#ifdef L2O_X86
static bool runs_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static bool runs_avx512(void) {
    return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
}
#endif

/* The best first. */
static const struct {
    const kernels *tables[2]; /* by dtype */
    bool (*runs)(void);
} paths[] = {
#ifdef L2O_X86
    {{&kernels_avx512_float32, &kernels_avx512_float64}, runs_avx512},
    {{&kernels_avx2_float32, &kernels_avx2_float64}, runs_avx2},
#endif
    {{&kernels_portable_float32, &kernels_portable_float64}, runs_always},
};

l2o_status kernels_select(const char *path, dtype type, const kernels **table, l2o_error *error) {
    const size_t count = sizeof paths / sizeof *paths;
    char able[64] = "auto";
    for (size_t i = 0; i < count; i++) {
        if (!paths[i].runs()) continue;
        const kernels *candidate = paths[i].tables[type];
        if (!path || !strcmp(path, "auto") || !strcmp(path, candidate->name)) {
            *table = candidate;
            return L2O_OK;
        }
        const size_t used = strlen(able);
        snprintf(able + used, sizeof able - used, ", %s", candidate->name);
    }
    return error_set(error, L2O_ERROR_INPUT, "the kernel path \"%s\" is unknown or cannot run here; choose one of: %s",
                     path, able);
}
