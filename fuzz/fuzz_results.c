/* Fuzzes the reading of results files, and the body of the page made from what was read: it must be written, and no tag
 * in it may begin a script of the file's own. */
#include <string.h>

#include "fuzz.h"
#include "io/json.h"
#include "report/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    json_t *document = NULL;
    arena arena = {0};
    buffer page = {0};
    results results;
    l2o_status status = json_parse((const char *)bytes, size, "fuzz.json", &document, &error);
    if (status == L2O_OK) status = results_read(document, "fuzz.json", &arena, &results, &error);
    fuzz_check_status(status, &error);
    if (status == L2O_OK) {
        markup_writer writer = {.out = &page, .error = &error, .status = L2O_OK};
        report_body_write(&writer, &results, &arena);
        fuzz_require(writer.status == L2O_OK);
        fuzz_require(strstr(buffer_text(&page), "<script>") == NULL);
    }
    buffer_free(&page);
    arena_free(&arena);
    json_decref(document);
    return 0;
}
