/* Zip archives in memory for minizip: a stream over bytes that are already read, and one that grows as it is written.
 */
#ifndef L2O_IO_ZIP_MEMORY_H
#define L2O_IO_ZIP_MEMORY_H

#include <minizip/unzip.h>
#include <minizip/zip.h>
#include <stdbool.h>

#include "base/buffer.h"

typedef struct zip_memory {
    const char *bytes; /* what is read; unused when writing */
    size_t size, position;
    bool cut_short; /* more was read than there is */
    buffer *out;    /* what is written; NULL when reading */
    l2o_error *error;
} zip_memory;

/* minizip's file operations on a stream, which must outlive the archive handle. */
zlib_filefunc64_def zip_memory_operations(zip_memory *stream);

#endif
