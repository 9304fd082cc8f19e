/* The safetensors format: named tensors and a table of texts, for weights and checkpoints. Reading runs no code and
 * trusts nothing: the header's JSON, types, shapes and offsets are all verified before a tensor is copied.
 *
 * Files written here open in any safetensors reader, and are the same bytes for the same content. */
#ifndef L2O_IO_SAFETENSORS_H
#define L2O_IO_SAFETENSORS_H

#include "base/buffer.h"
#include "io/element.h"

typedef struct safetensors_tensor {
    char *name;
    element_type type;
    int rank;
    int64_t shape[SHAPE_RANK_LIMIT];
    int64_t count; /* product of the shape */
    size_t bytes;  /* count * element_size(type) */
    void *data;    /* row-major, in the machine's byte order, aligned to 64 */
} safetensors_tensor;

typedef struct safetensors_entry {
    char *key, *value;
} safetensors_entry;

typedef struct safetensors {
    safetensors_tensor *tensors; /* in the order added, or of their data in the file */
    size_t count, capacity;
    safetensors_entry *metadata; /* in the order set */
    size_t metadata_count, metadata_capacity;
} safetensors;

safetensors *safetensors_create(l2o_error *error); /* empty; NULL on failure */
void safetensors_free(safetensors *file);          /* also of NULL */

/* `source` names the file in errors. NULL on failure. */
safetensors *safetensors_parse(const char *bytes, size_t size, const char *source, l2o_error *error);
safetensors *safetensors_read(const char *path, l2o_error *error);

/* Copies `data`. The name must be new and not "__metadata__". */
l2o_status safetensors_add(safetensors *file, const char *name, element_type type, int rank, const int64_t *shape,
                           const void *data, l2o_error *error);
const safetensors_tensor *safetensors_find(const safetensors *file, const char *name); /* NULL when there is none */
/* The tensor's numbers as doubles into `values` [count]. */
void safetensors_values(const safetensors_tensor *tensor, double *values);

/* Sets, or replaces, one text. Key and value must be UTF-8. */
l2o_status safetensors_set_metadata(safetensors *file, const char *key, const char *value, l2o_error *error);
const char *safetensors_metadata(const safetensors *file, const char *key); /* NULL when there is none */

l2o_status safetensors_format(const safetensors *file, buffer *out, l2o_error *error);
l2o_status safetensors_write(const safetensors *file, const char *path, l2o_error *error); /* atomic, see io/file.h */

#endif
