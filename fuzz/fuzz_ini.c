/* Fuzzes ini_read_text. */
#include <string.h>

#include "fuzz.h"
#include "io/ini.h"

static l2o_status take(void *context, const char *section, const char *key, const char *value, int line,
                       l2o_error *error) {
    size_t *seen = context;
    fuzz_require(line > 0 && (key == NULL) == (value == NULL));
    *seen += strlen(section) + (value == NULL ? 0 : strlen(value));
    if (key == NULL) return L2O_OK;
    fuzz_require(key[0] != '\0');
    if (strcmp(key, "fail") == 0) return error_set(error, L2O_ERROR_INPUT, "the key is 'fail'");
    return L2O_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    size_t seen = 0;
    fuzz_check_status(ini_read_text((const char *)bytes, size, "fuzz.ini", take, &seen, &error), &error);
    fuzz_require(seen <= 51 * (size + 1));
    return 0;
}
