/* Fuzzes csv_parse. */
#include "fuzz_data.h"
#include "io/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) { return fuzz_data_reader(csv_parse, bytes, size); }
