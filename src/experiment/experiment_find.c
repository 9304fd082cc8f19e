/* Where experiment files and shipped weights lie: the present folder, the folder above the program (a build folder
 * lies in the source tree), share/l2o beside the program's bin, and where the project was installed. */
#define _XOPEN_SOURCE 700 /* readlink */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "experiment/experiment.h"
#include "io/file.h"

#ifndef L2O_DATA_DIR
#define L2O_DATA_DIR "/usr/local/share/l2o"
#endif

enum { PLACES = 4, LONGEST = 1024 };

static const char EXTENSION[] = ".ini";

/* Folder number `place` that may hold experiments/ and models/. */
static bool place_at(int place, char folder[LONGEST]) {
    if (place == 0) return snprintf(folder, LONGEST, ".") > 0;
    if (place == PLACES - 1) return snprintf(folder, LONGEST, "%s", L2O_DATA_DIR) < LONGEST;
    char program[LONGEST];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0) return false;
    program[length] = '\0';
    char *slash = strrchr(program, '/');
    if (slash == NULL) return false;
    *slash = '\0';
    int written = snprintf(folder, LONGEST, place == 1 ? "%s/.." : "%s/../share/l2o", program);
    return written > 0 && written < LONGEST;
}

static bool is_path(const char *name) {
    size_t length = strlen(name), tail = sizeof EXTENSION - 1;
    return length > tail && strcmp(name + length - tail, EXTENSION) == 0;
}

static l2o_status joined(const char *folder, const char *file, const char *extension, char **path, l2o_error *error) {
    buffer text = {0};
    l2o_status status = buffer_print(&text, error, "%s/%s%s", folder, file, extension);
    *path = status == L2O_OK ? memory_string(buffer_text(&text), error) : NULL;
    buffer_free(&text);
    return *path == NULL ? error->status : L2O_OK;
}

static l2o_status take_if_there(char **path) {
    if (file_exists(*path)) return L2O_OK;
    memory_free(*path);
    *path = NULL;
    return L2O_OK;
}

static l2o_status look(const char *kind, const char *file, const char *extension, char **path, l2o_error *error) {
    *path = NULL;
    for (int place = 0; place < PLACES && *path == NULL; place++) {
        char base[LONGEST], folder[LONGEST + 32];
        if (!place_at(place, base)) continue;
        snprintf(folder, sizeof folder, "%s/%s", base, kind);
        TRY(joined(folder, file, extension, path, error));
        TRY(take_if_there(path));
    }
    return L2O_OK;
}

l2o_status experiment_find_file(const char *folder, const char *file, char **path, l2o_error *error) {
    return look(folder, file, "", path, error);
}

l2o_status experiment_find(const char *name, const char *from, char **path, l2o_error *error) {
    *path = NULL;
    bool whole = is_path(name);
    if (from != NULL && name[0] != '/') {
        const char *slash = strrchr(from, '/');
        char folder[LONGEST];
        snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - from), slash == NULL ? "." : from);
        TRY(joined(folder, name, whole ? "" : EXTENSION, path, error));
        TRY(take_if_there(path));
        if (*path != NULL) return L2O_OK;
    }
    if (whole) {
        *path = memory_string(name, error);
        return *path == NULL ? error->status : L2O_OK;
    }
    if (strchr(name, '/') == NULL) TRY(look("experiments", name, EXTENSION, path, error));
    if (*path != NULL) return L2O_OK;
    return error_set(error, L2O_ERROR_INPUT,
                     "there is no experiment '%.100s'; `l2o list experiments` shows them all, and a file of your own "
                     "is named with its ending .ini",
                     name);
}

static int ini_only(const struct dirent *entry) { return is_path(entry->d_name); }

/* The file of a name that an earlier place has, too, is hidden by that one. */
static l2o_status offer(const char *file, experiment_found *found, void *user, const char *folder, l2o_error *error) {
    char name[256], *path, *first;
    snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - sizeof EXTENSION + 1), file);
    TRY(joined(folder, file, "", &path, error));
    l2o_status status = look("experiments", name, EXTENSION, &first, error);
    if (status == L2O_OK && first != NULL && strcmp(first, path) == 0) status = found(user, name, path, error);
    memory_free(first);
    memory_free(path);
    return status;
}

l2o_status experiment_find_all(experiment_found *found, void *user, l2o_error *error) {
    l2o_status status = L2O_OK;
    for (int place = 0; place < PLACES; place++) {
        char base[LONGEST], folder[LONGEST + 32];
        struct dirent **files;
        if (!place_at(place, base)) continue;
        snprintf(folder, sizeof folder, "%s/experiments", base);
        int count = scandir(folder, &files, ini_only, alphasort);
        for (int i = 0; i < count; i++) {
            if (status == L2O_OK) status = offer(files[i]->d_name, found, user, folder, error);
            free(files[i]);
        }
        if (count >= 0) free(files);
    }
    return status;
}
