/* The growing run of bytes of buffer.h: capacity doubles, so that appending n bytes one by one costs O(n). */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { SMALLEST_CAPACITY = 256 };

l2o_status buffer_reserve(buffer *buffer, size_t extra, l2o_error *error) {
    if (extra >= (size_t)PTRDIFF_MAX - buffer->size)
        return error_set(error, L2O_ERROR_MEMORY, "out of memory: a buffer of %zu bytes cannot grow by %zu",
                         buffer->size, extra);
    size_t needed = buffer->size + extra + 1;
    if (buffer->bytes != NULL && needed <= buffer->capacity) return L2O_OK;
    size_t capacity = buffer->capacity > SMALLEST_CAPACITY ? buffer->capacity : SMALLEST_CAPACITY;
    while (capacity < needed) capacity = capacity > (size_t)PTRDIFF_MAX / 2 ? needed : 2 * capacity;
    char *grown = memory_grow(buffer->bytes, buffer->size, capacity, 1, error);
    if (grown == NULL) return error->status;
    buffer->bytes = grown;
    buffer->capacity = capacity;
    buffer->bytes[buffer->size] = '\0';
    return L2O_OK;
}

l2o_status buffer_append(buffer *buffer, const void *bytes, size_t size, l2o_error *error) {
    TRY(buffer_reserve(buffer, size, error));
    if (size > 0) memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    buffer->bytes[buffer->size] = '\0';
    return L2O_OK;
}

l2o_status buffer_append_text(buffer *buffer, const char *text, l2o_error *error) {
    return buffer_append(buffer, text, strlen(text), error);
}

l2o_status buffer_print(buffer *buffer, l2o_error *error, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    l2o_status status = length < 0 ? error_set(error, L2O_ERROR_INTERNAL, "the format '%s' cannot be printed", format)
                                   : buffer_reserve(buffer, (size_t)length, error);
    if (status == L2O_OK) {
        vsnprintf(buffer->bytes + buffer->size, (size_t)length + 1, format, again);
        buffer->size += (size_t)length;
    }
    va_end(again);
    return status;
}

const char *buffer_text(const buffer *buffer) { return buffer->bytes == NULL ? "" : buffer->bytes; }

void buffer_clear(buffer *buffer) {
    buffer->size = 0;
    if (buffer->bytes != NULL) buffer->bytes[0] = '\0';
}

void buffer_free(buffer *buffer) {
    memory_free(buffer->bytes);
    buffer->bytes = NULL;
    buffer->size = buffer->capacity = 0;
}
