/* Fuzzes libsvm_parse. */
#include "fuzz_data.h"
#include "io/libsvm.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) { return fuzz_data_reader(libsvm_parse, bytes, size); }
