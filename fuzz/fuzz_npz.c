/* Fuzzes npz_parse, with at most 16 MiB to unpack. */
#include "fuzz.h"
#include "io/npz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    npz file;
    l2o_status status = npz_parse((const char *)bytes, size, "fuzz.npz", NULL, (size_t)16 << 20, &file, &error);
    fuzz_check_status(status, &error);
    for (size_t i = 0; i < file.count; i++) fuzz_require(npz_find(&file, file.arrays[i].name) == &file.arrays[i]);
    npz_free(&file);
    status = npz_parse((const char *)bytes, size, "fuzz.npz", "A", (size_t)16 << 20, &file, &error);
    fuzz_check_status(status, &error);
    fuzz_require(file.count == (status == L2O_OK ? 1 : 0));
    npz_free(&file);
    return 0;
}
