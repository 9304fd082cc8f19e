/* Fuzzes npy_parse; what is read must be written and read again to the same bits. */
#include <string.h>

#include "fuzz.h"
#include "io/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    array first, second;
    l2o_status status = npy_parse((const char *)bytes, size, "fuzz.npy", &first, &error);
    fuzz_check_status(status, &error);
    if (status != L2O_OK) return 0;
    buffer out = {0};
    fuzz_require(npy_format(&first, &out, &error) == L2O_OK);
    fuzz_require(npy_parse(out.bytes, out.size, "again.npy", &second, &error) == L2O_OK);
    fuzz_require(first.count == second.count &&
                 memcmp(first.values, second.values, (size_t)first.count * sizeof(double)) == 0);
    buffer_free(&out);
    array_free(&first);
    array_free(&second);
    return 0;
}
