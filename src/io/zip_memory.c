/* minizip's table of file operations, on memory. minizip takes byte counts as uLong and positions as ZPOS64_T. */
#include "io/zip_memory.h"

#include <string.h>

static voidpf stream_open(voidpf opaque, const void *name, int mode) {
    (void)name;
    (void)mode;
    return opaque;
}

static size_t stream_size(const zip_memory *stream) { return stream->out == NULL ? stream->size : stream->out->size; }

static uLong stream_read(voidpf opaque, voidpf handle, void *to, uLong wanted) {
    (void)opaque;
    zip_memory *stream = handle;
    size_t left = stream_size(stream) - stream->position;
    size_t count = wanted < left ? wanted : left;
    if (count < wanted) stream->cut_short = true;
    const char *from = stream->out == NULL ? stream->bytes : stream->out->bytes;
    if (count > 0) memcpy(to, from + stream->position, count);
    stream->position += count;
    return (uLong)count;
}

static uLong stream_write(voidpf opaque, voidpf handle, const void *from, uLong count) {
    (void)opaque;
    zip_memory *stream = handle;
    if (stream->out == NULL) return 0;
    size_t inside = stream->out->size - stream->position; /* minizip goes back to fill in a header */
    size_t overwritten = count < inside ? count : inside;
    if (overwritten > 0) memcpy(stream->out->bytes + stream->position, from, overwritten);
    stream->position += overwritten;
    size_t rest = count - overwritten;
    if (buffer_append(stream->out, (const char *)from + overwritten, rest, stream->error) != L2O_OK) return 0;
    stream->position += rest;
    return count;
}

static ZPOS64_T stream_tell(voidpf opaque, voidpf handle) {
    (void)opaque;
    return ((const zip_memory *)handle)->position;
}

static long stream_seek(voidpf opaque, voidpf handle, ZPOS64_T offset, int origin) {
    (void)opaque;
    zip_memory *stream = handle;
    size_t size = stream_size(stream);
    size_t base = origin == ZLIB_FILEFUNC_SEEK_SET ? 0 : origin == ZLIB_FILEFUNC_SEEK_CUR ? stream->position : size;
    if (offset > size - base) return -1;
    stream->position = base + (size_t)offset;
    return 0;
}

/* minizip's own code for the end of the file equals its code for success, so a short read has to be an error. */
static int stream_error(voidpf opaque, voidpf handle) {
    (void)opaque;
    return ((const zip_memory *)handle)->cut_short;
}

static int stream_close(voidpf opaque, voidpf handle) {
    (void)opaque;
    (void)handle;
    return 0;
}

zlib_filefunc64_def zip_memory_operations(zip_memory *stream) {
    return (zlib_filefunc64_def){
        .zopen64_file = stream_open,
        .zread_file = stream_read,
        .zwrite_file = stream_write,
        .ztell64_file = stream_tell,
        .zseek64_file = stream_seek,
        .zclose_file = stream_close,
        .zerror_file = stream_error,
        .opaque = stream,
    };
}
