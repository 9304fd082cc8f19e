/* NumPy's .npz files: zip archives of .npy members, stored or deflated. */
#ifndef L2O_IO_NPZ_H
#define L2O_IO_NPZ_H

#include <stdbool.h>

#include "base/buffer.h"
#include "io/array.h"

#define NPZ_UNPACKED_LIMIT ((size_t)8 << 30) /* bytes of all members together, unpacked */

typedef struct npz {
    array *arrays; /* [count], in the archive's order, each with its name */
    size_t count;
} npz;

/* All members (`member` NULL) or the one with that name (with or without ".npy"; unknown: an error that lists those
 * there are). `source` names the file in errors; `limit` bounds the unpacked bytes, 0 meaning NPZ_UNPACKED_LIMIT. A
 * member that claims more than deflate can pack is refused before it is unpacked. On failure `out` is empty. */
l2o_status npz_parse(const char *bytes, size_t size, const char *source, const char *member, size_t limit, npz *out,
                     l2o_error *error);
l2o_status npz_read(const char *path, npz *out, l2o_error *error);
l2o_status npz_read_member(const char *path, const char *member, array *out, l2o_error *error);
const array *npz_find(const npz *npz, const char *name); /* NULL when there is none */
void npz_free(npz *npz);

/* Every array needs a name of its own. */
l2o_status npz_format(const array *arrays, size_t count, bool deflate, buffer *out, l2o_error *error);
l2o_status npz_write(const char *path, const array *arrays, size_t count, bool deflate, l2o_error *error);

#endif
