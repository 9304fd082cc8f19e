/* NumPy's .npy files, versions 1 to 3: booleans, integers and floats of either byte order, C or Fortran order.
 *
 * Not read: structured, complex, text and object types (the latter would mean running Python's pickle). */
#ifndef L2O_IO_NPY_H
#define L2O_IO_NPY_H

#include "base/buffer.h"
#include "io/array.h"

/* `source` names the file in errors. On failure `out` is empty. */
l2o_status npy_parse(const char *bytes, size_t size, const char *source, array *out, l2o_error *error);
l2o_status npy_read(const char *path, array *out, l2o_error *error);

/* Version 1.0, little-endian float64. */
l2o_status npy_format(const array *array, buffer *out, l2o_error *error);
l2o_status npy_write(const char *path, const array *array, l2o_error *error);

#endif
