/* Reading and atomically writing whole files, on POSIX calls. See file.h for what is promised. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum { READ_STEP = 64 * 1024, TEMPORARY_ATTEMPTS = 100 };

/* ---- reading ---- */

static l2o_status file_too_large(const char *path, size_t limit, l2o_error *error) {
    return error_set(error, L2O_ERROR_INPUT, "%s: larger than the limit of %zu bytes for such a file", path, limit);
}

static l2o_status descriptor_read_all(int descriptor, const char *path, size_t limit, size_t expected, buffer *out,
                                      l2o_error *error) {
    size_t start = out->size;
    TRY(buffer_reserve(out, expected, error));
    for (;;) {
        /* The size told by the system is only a hint (pipes tell 0, files may be growing): read to the end. */
        if (out->capacity - out->size <= 1) TRY(buffer_reserve(out, READ_STEP, error));
        ssize_t got = read(descriptor, out->bytes + out->size, out->capacity - out->size - 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return error_set(error, L2O_ERROR_IO, "%s: cannot be read: %s", path, strerror(errno));
        if (got == 0) break;
        out->size += (size_t)got;
        if (out->size - start > limit) return file_too_large(path, limit, error);
    }
    out->bytes[out->size] = '\0';
    return L2O_OK;
}

l2o_status file_read(const char *path, size_t limit, buffer *out, l2o_error *error) {
    if (limit == 0) limit = FILE_SIZE_LIMIT;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        const char *remedy = errno == ENOENT ? "; check the path" : "";
        return error_set(error, L2O_ERROR_IO, "%s: cannot be opened: %s%s", path, strerror(errno), remedy);
    }
    struct stat information;
    l2o_status status = L2O_OK;
    if (fstat(descriptor, &information) != 0)
        status = error_set(error, L2O_ERROR_IO, "%s: cannot be examined: %s", path, strerror(errno));
    else if (S_ISDIR(information.st_mode))
        status = error_set(error, L2O_ERROR_IO, "%s: is a directory; give a file", path);
    else if (information.st_size > 0 && (uintmax_t)information.st_size > limit)
        status = file_too_large(path, limit, error);
    size_t start = out->size;
    if (status == L2O_OK)
        status = descriptor_read_all(descriptor, path, limit,
                                     information.st_size > 0 ? (size_t)information.st_size + 1 : READ_STEP, out, error);
    if (status != L2O_OK && out->bytes != NULL) {
        out->size = start;
        out->bytes[start] = '\0';
    }
    close(descriptor);
    return status;
}

bool file_exists(const char *path) {
    struct stat information;
    return stat(path, &information) == 0;
}

/* ---- writing ---- */

static void writer_release(file_writer *writer) {
    if (writer->descriptor >= 0) close(writer->descriptor);
    memory_free(writer->target);
    memory_free(writer->temporary);
    *writer = (file_writer){.descriptor = -1};
}

void file_writer_abandon(file_writer *writer) {
    if (writer->temporary != NULL) unlink(writer->temporary);
    writer_release(writer);
}

/* The file that is really meant: through symbolic links when the target exists, else the path as given. */
static char *resolve_target(const char *path, l2o_error *error) {
    char *resolved = realpath(path, NULL);
    char *copy = memory_string(resolved == NULL ? path : resolved, error);
    free(resolved);
    return copy;
}

static l2o_status open_temporary(file_writer *writer, const char *path, l2o_error *error) {
    size_t length = strlen(writer->target) + 48;
    writer->temporary = memory_allocate(length, 1, error);
    if (writer->temporary == NULL) return error->status;
    for (int attempt = 0; attempt < TEMPORARY_ATTEMPTS; attempt++) {
        snprintf(writer->temporary, length, "%s.partial-%ld-%d", writer->target, (long)getpid(), attempt);
        writer->descriptor = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (writer->descriptor >= 0) return L2O_OK;
        if (errno != EEXIST) break;
    }
    int cause = errno;
    memory_free(writer->temporary); /* it is not ours to remove */
    writer->temporary = NULL;
    return error_set(error, L2O_ERROR_IO, "%s: cannot be written: %s%s", path, strerror(cause),
                     cause == ENOENT ? "; create its directory first" : "");
}

l2o_status file_writer_open(file_writer *writer, const char *path, l2o_error *error) {
    *writer = (file_writer){.descriptor = -1};
    writer->target = resolve_target(path, error);
    if (writer->target == NULL) return error->status;
    struct stat information;
    bool exists = stat(writer->target, &information) == 0;
    l2o_status status;
    if (exists && S_ISDIR(information.st_mode)) {
        status = error_set(error, L2O_ERROR_IO, "%s: is a directory; give the name of a file", path);
    } else if (exists && !S_ISREG(information.st_mode)) {
        writer->descriptor = open(writer->target, O_WRONLY | O_CLOEXEC);
        status = writer->descriptor >= 0
                     ? L2O_OK
                     : error_set(error, L2O_ERROR_IO, "%s: cannot be written: %s", path, strerror(errno));
    } else {
        status = open_temporary(writer, path, error);
        /* A file that is replaced keeps its permissions. */
        if (status == L2O_OK && exists && fchmod(writer->descriptor, information.st_mode & 07777) != 0)
            status = error_set(error, L2O_ERROR_IO, "%s: cannot be written: %s", path, strerror(errno));
    }
    if (status != L2O_OK) file_writer_abandon(writer);
    return status;
}

l2o_status file_writer_append(file_writer *writer, const void *bytes, size_t size, l2o_error *error) {
    const char *from = bytes;
    while (size > 0) {
        ssize_t written = write(writer->descriptor, from, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0)
            return error_set(error, L2O_ERROR_IO, "%s: cannot be written: %s", writer->target, strerror(errno));
        from += written;
        size -= (size_t)written;
    }
    return L2O_OK;
}

/* Makes the rename itself last through a power cut. Some file systems cannot sync directories: not a failure. */
static void sync_directory_of(char *path) {
    char *slash = strrchr(path, '/');
    if (slash != NULL) *slash = '\0';
    const char *directory = slash == NULL ? "." : slash == path ? "/" : path;
    int descriptor = open(directory, O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
}

l2o_status file_writer_commit(file_writer *writer, l2o_error *error) {
    bool failed = writer->temporary != NULL && fsync(writer->descriptor) != 0;
    int cause = errno;
    if (close(writer->descriptor) != 0 && !failed) {
        failed = true;
        cause = errno;
    }
    writer->descriptor = -1;
    if (!failed && writer->temporary != NULL && rename(writer->temporary, writer->target) != 0) {
        failed = true;
        cause = errno;
    }
    if (failed) {
        error_set(error, L2O_ERROR_IO, "%s: cannot be written: %s", writer->target, strerror(cause));
        file_writer_abandon(writer);
        return L2O_ERROR_IO;
    }
    if (writer->temporary != NULL) sync_directory_of(writer->target);
    writer_release(writer);
    return L2O_OK;
}

l2o_status file_write(const char *path, const void *bytes, size_t size, l2o_error *error) {
    file_writer writer;
    TRY(file_writer_open(&writer, path, error));
    l2o_status status = file_writer_append(&writer, bytes, size, error);
    if (status == L2O_OK) return file_writer_commit(&writer, error);
    file_writer_abandon(&writer);
    return status;
}
