/* Reading and writing .npz archives through minizip, in memory. Checksums are verified; encrypted members, members that
 * are no .npy, repeated names and claims beyond what deflate can pack (a zip bomb) are refused. */
#include "io/npz.h"

#include <string.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/npy.h"
#include "io/zip_memory.h"

/* Deflate codes at most 258 bytes in 2 bits: 1032 to 1. The limit on members keeps looking up names (linear) cheap. */
enum { NAME_LIMIT = 512, MEMBER_LIMIT = 16384, DEFLATE_RATIO = 1032, PIECE = 1 << 20, DEFLATE_LEVEL = 6 };

static const char SUFFIX[] = ".npy";

void npz_free(npz *npz) {
    for (size_t i = 0; i < npz->count; i++) array_free(&npz->arrays[i]);
    memory_free(npz->arrays);
    npz->arrays = NULL;
    npz->count = 0;
}

const array *npz_find(const npz *npz, const char *name) {
    for (size_t i = 0; i < npz->count; i++)
        if (strcmp(npz->arrays[i].name, name) == 0) return &npz->arrays[i];
    return NULL;
}

/* ---- reading ---- */

typedef struct archive {
    unzFile zip;
    const char *source;
    size_t left; /* bytes that may still be unpacked */
    l2o_error *error;
} archive;

static l2o_status damaged(const archive *a, const char *member) {
    return error_set(a->error, L2O_ERROR_INPUT, "%s: the archive is damaged or cut short%s%s; save it again", a->source,
                     member[0] == '\0' ? "" : " at member ", member);
}

/* Cuts ".npy" off `name`; false when it is not there. */
static bool cut_suffix(char *name) {
    size_t length = strlen(name), suffix = sizeof SUFFIX - 1;
    if (length <= suffix || strcmp(name + length - suffix, SUFFIX) != 0) return false;
    name[length - suffix] = '\0';
    return true;
}

/* The current member's facts, and its name without ".npy". */
static l2o_status describe_member(const archive *a, unz_file_info64 *information, char name[NAME_LIMIT]) {
    memset(name, 0, NAME_LIMIT);
    if (unzGetCurrentFileInfo64(a->zip, information, name, NAME_LIMIT - 1, NULL, 0, NULL, 0) != UNZ_OK) {
        name[0] = '\0';
        return damaged(a, name);
    }
    name[NAME_LIMIT - 1] = '\0';
    if (information->size_filename >= NAME_LIMIT - 1)
        return error_set(a->error, L2O_ERROR_INPUT, "%s: a member's name is longer than %d characters", a->source,
                         NAME_LIMIT - 2);
    if (!cut_suffix(name))
        return error_set(a->error, L2O_ERROR_INPUT, "%s: member '%s' is no .npy array; save with numpy.savez",
                         a->source, name);
    return L2O_OK;
}

static l2o_status check_claim(archive *a, const unz_file_info64 *information, const char *name) {
    if (information->flag & 1)
        return error_set(a->error, L2O_ERROR_INPUT, "%s: member '%s' is encrypted, which is not supported", a->source,
                         name);
    if (information->compression_method != 0 && information->compression_method != Z_DEFLATED)
        return error_set(a->error, L2O_ERROR_INPUT,
                         "%s: member '%s' is compressed by method %lu; only stored and deflated are supported",
                         a->source, name, (unsigned long)information->compression_method);
    if (information->uncompressed_size > a->left)
        return error_set(a->error, L2O_ERROR_INPUT, "%s: member '%s' brings it over the limit of unpacked bytes",
                         a->source, name);
    if (information->uncompressed_size / DEFLATE_RATIO > information->compressed_size + 1) return damaged(a, name);
    a->left -= (size_t)information->uncompressed_size;
    return L2O_OK;
}

static l2o_status unpack_bytes(const archive *a, const char *name, size_t size, buffer *out) {
    TRY(buffer_reserve(out, size + 1, a->error)); /* one more, to notice a member longer than it claims */
    for (;;) {
        size_t room = size + 1 - out->size;
        int got = unzReadCurrentFile(a->zip, out->bytes + out->size, (unsigned)(room < PIECE ? room : PIECE));
        if (got < 0) return damaged(a, name);
        if (got == 0) break;
        out->size += (size_t)got;
        if (out->size > size) return damaged(a, name);
    }
    return out->size == size ? L2O_OK : damaged(a, name);
}

static l2o_status read_current(archive *a, const unz_file_info64 *information, const char *name, array *out) {
    TRY(check_claim(a, information, name));
    if (unzOpenCurrentFile(a->zip) != UNZ_OK) return damaged(a, name);
    buffer bytes = {0};
    l2o_status status = unpack_bytes(a, name, (size_t)information->uncompressed_size, &bytes);
    int closed = unzCloseCurrentFile(a->zip); /* tells a wrong checksum */
    if (status == L2O_OK && closed != UNZ_OK) status = damaged(a, name);
    buffer label = {0};
    if (status == L2O_OK) status = buffer_print(&label, a->error, "%s:%s", a->source, name);
    if (status == L2O_OK) status = npy_parse(bytes.bytes, bytes.size, label.bytes, out, a->error);
    buffer_free(&label);
    buffer_free(&bytes);
    if (status != L2O_OK) return status;
    out->name = memory_string(name, a->error);
    if (out->name != NULL) return L2O_OK;
    array_free(out);
    return a->error->status;
}

static l2o_status append_current(archive *a, const unz_file_info64 *information, const char *name, size_t *capacity,
                                 npz *out) {
    if (npz_find(out, name) != NULL)
        return error_set(a->error, L2O_ERROR_INPUT, "%s: has two members named '%s'; save it again with one", a->source,
                         name);
    if (out->count == MEMBER_LIMIT)
        return error_set(a->error, L2O_ERROR_INPUT, "%s: has more than %d members; name one, or save fewer", a->source,
                         MEMBER_LIMIT);
    if (out->count == *capacity) {
        size_t grown = *capacity == 0 ? 16 : 2 * *capacity;
        array *arrays = memory_grow(out->arrays, out->count, grown, sizeof *arrays, a->error);
        if (arrays == NULL) return a->error->status;
        out->arrays = arrays;
        *capacity = grown;
    }
    TRY(read_current(a, information, name, &out->arrays[out->count]));
    out->count++;
    return L2O_OK;
}

/* Reads the wanted members; with `names`, also lists all there are. */
static l2o_status read_members(archive *a, const char *wanted, npz *out, buffer *names) {
    size_t capacity = 0;
    int step = unzGoToFirstFile(a->zip);
    while (step == UNZ_OK) {
        unz_file_info64 information;
        char name[NAME_LIMIT];
        TRY(describe_member(a, &information, name));
        if (wanted == NULL || strcmp(wanted, name) == 0) TRY(append_current(a, &information, name, &capacity, out));
        TRY(buffer_print(names, a->error, "%s%s", names->size == 0 ? "" : ", ", name));
        step = unzGoToNextFile(a->zip);
    }
    return step == UNZ_END_OF_LIST_OF_FILE ? L2O_OK : damaged(a, "");
}

static l2o_status read_archive(archive *a, const char *member, npz *out, buffer *names) {
    char wanted[NAME_LIMIT];
    if (member != NULL) {
        if (strlen(member) >= NAME_LIMIT)
            return error_set(a->error, L2O_ERROR_INPUT, "%s: the member's name is too long: '%.40s...'", a->source,
                             member);
        memcpy(wanted, member, strlen(member) + 1);
        cut_suffix(wanted);
    }
    unz_global_info64 information;
    if (unzGetGlobalInfo64(a->zip, &information) != UNZ_OK) return damaged(a, "");
    if (information.number_entry == 0 && member == NULL) return L2O_OK;
    TRY(read_members(a, member == NULL ? NULL : wanted, out, names));
    if (member == NULL || out->count > 0) return L2O_OK;
    return error_set(a->error, L2O_ERROR_INPUT, "%s: has no member '%s'; its members are: %s", a->source, wanted,
                     buffer_text(names));
}

l2o_status npz_parse(const char *bytes, size_t size, const char *source, const char *member, size_t limit, npz *out,
                     l2o_error *error) {
    *out = (npz){0};
    zip_memory stream = {.bytes = bytes, .size = size, .error = error};
    zlib_filefunc64_def operations = zip_memory_operations(&stream);
    archive a = {unzOpen2_64(source, &operations), source, limit == 0 ? NPZ_UNPACKED_LIMIT : limit, error};
    if (a.zip == NULL)
        return error_set(error, L2O_ERROR_INPUT, "%s: not an .npz (zip) archive, or cut short; save it again", source);
    buffer names = {0};
    l2o_status status = read_archive(&a, member, out, &names);
    buffer_free(&names);
    unzClose(a.zip);
    if (status != L2O_OK) npz_free(out);
    return status;
}

static l2o_status read_path(const char *path, const char *member, npz *out, l2o_error *error) {
    buffer file = {0};
    *out = (npz){0};
    l2o_status status = file_read(path, 0, &file, error);
    if (status == L2O_OK) status = npz_parse(file.bytes, file.size, path, member, 0, out, error);
    buffer_free(&file);
    return status;
}

l2o_status npz_read(const char *path, npz *out, l2o_error *error) { return read_path(path, NULL, out, error); }

l2o_status npz_read_member(const char *path, const char *member, array *out, l2o_error *error) {
    npz one;
    *out = (array){0};
    TRY(read_path(path, member, &one, error));
    *out = one.arrays[0];
    one.arrays[0] = (array){0};
    npz_free(&one);
    return L2O_OK;
}

/* ---- writing ---- */

static l2o_status write_member(zipFile zip, const array *array, bool deflate, l2o_error *error) {
    buffer name = {0}, bytes = {0};
    l2o_status status = buffer_print(&name, error, "%s%s", array->name, SUFFIX);
    if (status == L2O_OK) status = npy_format(array, &bytes, error);
    zip_fileinfo information = {0};
    bool written = status == L2O_OK && zipOpenNewFileInZip64(zip, name.bytes, &information, NULL, 0, NULL, 0, NULL,
                                                             deflate ? Z_DEFLATED : 0, deflate ? DEFLATE_LEVEL : 0,
                                                             bytes.size >= UINT32_MAX) == ZIP_OK;
    for (size_t at = 0; written && at < bytes.size; at += PIECE) {
        size_t left = bytes.size - at;
        written = zipWriteInFileInZip(zip, bytes.bytes + at, (unsigned)(left < PIECE ? left : PIECE)) == ZIP_OK;
    }
    written = written && zipCloseFileInZip(zip) == ZIP_OK;
    if (status == L2O_OK && !written)
        status = error_set(error, L2O_ERROR_MEMORY, "out of memory while packing '%s'", array->name);
    buffer_free(&name);
    buffer_free(&bytes);
    return status;
}

l2o_status npz_format(const array *arrays, size_t count, bool deflate, buffer *out, l2o_error *error) {
    buffer packed = {0};
    zip_memory stream = {.out = &packed, .error = error};
    zlib_filefunc64_def operations = zip_memory_operations(&stream);
    zipFile zip = zipOpen2_64("npz", APPEND_STATUS_CREATE, NULL, &operations);
    l2o_status status = zip == NULL ? error_set(error, L2O_ERROR_MEMORY, "out of memory while packing") : L2O_OK;
    for (size_t i = 0; i < count && status == L2O_OK; i++) {
        if (arrays[i].name == NULL)
            status = error_set(error, L2O_ERROR_INPUT, "array %zu of %zu to be packed has no name", i + 1, count);
        else
            status = write_member(zip, &arrays[i], deflate, error);
    }
    if (zip != NULL && zipClose(zip, NULL) != ZIP_OK && status == L2O_OK)
        status = error_set(error, L2O_ERROR_MEMORY, "out of memory while packing");
    if (status == L2O_OK) status = buffer_append(out, packed.bytes, packed.size, error);
    buffer_free(&packed);
    return status;
}

l2o_status npz_write(const char *path, const array *arrays, size_t count, bool deflate, l2o_error *error) {
    buffer bytes = {0};
    l2o_status status = npz_format(arrays, count, deflate, &bytes, error);
    if (status == L2O_OK) status = file_write(path, bytes.bytes, bytes.size, error);
    buffer_free(&bytes);
    return status;
}
