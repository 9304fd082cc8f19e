/* Fuzzes matrix_market_parse. */
#include "fuzz_data.h"
#include "io/matrix_market.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    return fuzz_data_reader(matrix_market_parse, bytes, size);
}
