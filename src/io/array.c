/* Creation and release of the dense arrays of array.h. */
#include "io/array.h"

#include "base/memory.h"

l2o_status array_create(array *out, const char *name, int rank, const int64_t *shape, l2o_error *error) {
    *out = (array){.type = ELEMENT_FLOAT64, .rank = rank};
    TRY(shape_count(rank, shape, sizeof(double), name == NULL ? "an array" : name, &out->count, error));
    for (int i = 0; i < rank; i++) out->shape[i] = shape[i];
    out->values = memory_allocate((size_t)out->count, sizeof(double), error);
    if (out->values == NULL) return error->status;
    if (name == NULL) return L2O_OK;
    out->name = memory_string(name, error);
    if (out->name != NULL) return L2O_OK;
    array_free(out);
    return error->status;
}

void array_free(array *array) {
    memory_free(array->name);
    memory_free(array->values);
    array->name = NULL;
    array->values = NULL;
    array->count = 0;
    array->rank = 0;
}
