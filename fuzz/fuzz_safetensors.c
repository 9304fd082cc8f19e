/* Fuzzes safetensors_parse; what is read must be written and read again to the same content. */
#include <string.h>

#include "fuzz.h"
#include "io/safetensors.h"

static void compare(const safetensors *a, const safetensors *b) {
    fuzz_require(a->count == b->count && a->metadata_count == b->metadata_count);
    for (size_t i = 0; i < a->count; i++) {
        const safetensors_tensor *x = &a->tensors[i], *y = safetensors_find(b, x->name);
        fuzz_require(y != NULL && x->type == y->type && x->rank == y->rank && x->bytes == y->bytes);
        fuzz_require(memcmp(x->data, y->data, x->bytes) == 0);
    }
    for (size_t i = 0; i < a->metadata_count; i++)
        fuzz_require(strcmp(safetensors_metadata(b, a->metadata[i].key), a->metadata[i].value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    l2o_error error = {0};
    safetensors *first = safetensors_parse((const char *)bytes, size, "fuzz.safetensors", &error);
    fuzz_require((first == NULL) == (error.status != L2O_OK));
    if (first == NULL) return 0;
    buffer out = {0};
    fuzz_require(safetensors_format(first, &out, &error) == L2O_OK);
    safetensors *second = safetensors_parse(out.bytes, out.size, "again.safetensors", &error);
    fuzz_require(second != NULL);
    compare(first, second);
    buffer_free(&out);
    safetensors_free(first);
    safetensors_free(second);
    return 0;
}
