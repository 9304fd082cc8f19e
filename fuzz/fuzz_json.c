/* Fuzzes json_parse; what is read must be written and read again as equal. */
#include "fuzz.h"
#include "io/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    json_t *first = NULL, *second = NULL;
    l2o_status status = json_parse((const char *)bytes, size, "fuzz.json", &first, &error);
    fuzz_check_status(status, &error);
    if (status != L2O_OK) return 0;
    buffer out = {0};
    fuzz_require(json_format(first, &out, &error) == L2O_OK);
    fuzz_require(json_parse(out.bytes, out.size, "again.json", &second, &error) == L2O_OK);
    fuzz_require(json_equal(first, second));
    buffer_free(&out);
    json_decref(first);
    json_decref(second);
    return 0;
}
