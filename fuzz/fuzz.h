/* What the fuzz targets share: libFuzzer's entry point, and a check of what came out. Each target feeds arbitrary bytes
 * to one parser from memory; a failure must leave a sentence and an empty result, a success a result that can be
 * walked. */
#ifndef L2O_FUZZ_H
#define L2O_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Aborts, which libFuzzer reports with the input, when `holds` is false. */
static inline void fuzz_require(int holds) {
    if (!holds) abort();
}

static inline void fuzz_check_status(l2o_status status, const l2o_error *error) {
    fuzz_require(status == L2O_OK || (error->status == status && error->text[0] != '\0'));
}

#endif
