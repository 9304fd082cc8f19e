/* A growing run of bytes, always followed by a NUL that is not counted, so that text in it is a C string.
 * Zero-initialise before use; release with buffer_free(). Embedded NUL bytes are kept. */
#ifndef L2O_BASE_BUFFER_H
#define L2O_BASE_BUFFER_H

#include <stddef.h>

#include "base/error.h"

typedef struct buffer {
    char *bytes; /* NULL until something was appended or reserved */
    size_t size, capacity;
} buffer;

/* Room for `extra` more bytes, so that appending them cannot fail. */
l2o_status buffer_reserve(buffer *buffer, size_t extra, l2o_error *error);
l2o_status buffer_append(buffer *buffer, const void *bytes, size_t size, l2o_error *error);
l2o_status buffer_append_text(buffer *buffer, const char *text, l2o_error *error);
l2o_status buffer_print(buffer *buffer, l2o_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The text so far; "" for an empty buffer. Valid until the buffer changes. */
const char *buffer_text(const buffer *buffer);
void buffer_clear(buffer *buffer); /* empties it and keeps its memory */
void buffer_free(buffer *buffer);

#endif
