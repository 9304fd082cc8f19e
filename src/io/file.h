/* Whole files in, whole files out.
 *
 * Writing is atomic: bytes go to a temporary file beside the target, which is synced and then renamed over it. Whatever
 * fails or crashes on the way, the target is the old file (or absent) or the new one, complete. A target that exists
 * and is no regular file (a terminal, a pipe, /dev/null) is written to directly, and a symbolic link is followed. */
#ifndef L2O_IO_FILE_H
#define L2O_IO_FILE_H

#include <stdbool.h>

#include "base/buffer.h"

#define FILE_SIZE_LIMIT ((size_t)8 << 30) /* what file_read() takes when no limit is given */

/* Appends the whole file to `out`. `limit` in bytes; 0 means FILE_SIZE_LIMIT. */
l2o_status file_read(const char *path, size_t limit, buffer *out, l2o_error *error);
l2o_status file_write(const char *path, const void *bytes, size_t size, l2o_error *error);
bool file_exists(const char *path);

typedef struct file_writer {
    char *target, *temporary; /* `temporary` is NULL when the target is written to directly */
    int descriptor;
} file_writer;

/* Open, append any number of times, then exactly one of commit and abandon (also after a failed append; both release
 * everything, and a failed commit leaves nothing behind). After a failed open there is nothing to release. */
l2o_status file_writer_open(file_writer *writer, const char *path, l2o_error *error);
l2o_status file_writer_append(file_writer *writer, const void *bytes, size_t size, l2o_error *error);
l2o_status file_writer_commit(file_writer *writer, l2o_error *error);
void file_writer_abandon(file_writer *writer);

#endif
