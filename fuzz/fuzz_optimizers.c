/* Fuzzes the list of optimizers of comparisons; each entry must have a label of its own, and nothing may be empty. */
#include <string.h>

#include "experiment/compare_entry.h"
#include "fuzz.h"

static void check(const compare_entry *entries, int count) {
    fuzz_require(count >= 1);
    for (int i = 0; i < count; i++) {
        fuzz_require(entries[i].label[0] != '\0' && entries[i].spec[0] != '\0');
        for (int k = 0; k < entries[i].option_count; k++) {
            fuzz_require(entries[i].options[k].key[0] != '\0');
            fuzz_require(strlen(entries[i].options[k].value) <= strlen(entries[i].spec));
        }
        for (int j = 0; j < i; j++) fuzz_require(strcmp(entries[i].label, entries[j].label) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    arena memory = {0};
    compare_entry *entries;
    int count;
    char *text = malloc(size + 1);
    fuzz_require(text != NULL);
    memcpy(text, bytes, size);
    text[size] = '\0';
    l2o_status status = compare_entries_parse(text, problem_find("lasso"), &memory, &entries, &count, &error);
    fuzz_check_status(status, &error);
    if (status == L2O_OK) check(entries, count);
    arena_free(&memory);
    free(text);
    return 0;
}
