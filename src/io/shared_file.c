/* The places where files lie that come with the program. */
#define _XOPEN_SOURCE 700 /* readlink */
#include "io/shared_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/file.h"

#ifndef L2O_DATA_DIR
#define L2O_DATA_DIR "/usr/local/share/l2o"
#endif

enum { LONGEST = 1024 };

/* The folder that the program lies in. */
static bool program_folder(char folder[LONGEST]) {
    ssize_t length = readlink("/proc/self/exe", folder, LONGEST - 1);
    if (length <= 0) return false;
    folder[length] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash == NULL) return false;
    *slash = '\0';
    return true;
}

static l2o_status joined(const char *base, const char *step, const char *name, char **path, l2o_error *error) {
    buffer text = {0};
    l2o_status status = buffer_print(&text, error, "%s%s/%s", base, step, name);
    *path = status == L2O_OK ? memory_string(buffer_text(&text), error) : NULL;
    buffer_free(&text);
    return *path == NULL ? error->status : L2O_OK;
}

l2o_status shared_folder(int place, const char *folder, char **path, l2o_error *error) {
    *path = NULL;
    if (place == 0) return joined(".", "", folder, path, error);
    if (place == SHARED_PLACES - 1) return joined(L2O_DATA_DIR, "", folder, path, error);
    char program[LONGEST];
    if (!program_folder(program)) return L2O_OK;
    return joined(program, place == 1 ? "/.." : "/../share/l2o", folder, path, error);
}

l2o_status shared_file_find(const char *folder, const char *file, char **path, l2o_error *error) {
    *path = NULL;
    for (int place = 0; place < SHARED_PLACES && *path == NULL; place++) {
        char *base;
        TRY(shared_folder(place, folder, &base, error));
        if (base == NULL) continue;
        l2o_status status = joined(base, "", file, path, error);
        memory_free(base);
        TRY(status);
        if (file_exists(*path)) continue;
        memory_free(*path);
        *path = NULL;
    }
    return L2O_OK;
}
