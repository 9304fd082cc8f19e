/* Experiment files by name: beside the file that inherits, then among those that come with the program. */
#define _XOPEN_SOURCE 700 /* scandir */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "experiment/experiment.h"
#include "io/file.h"
#include "io/shared_file.h"

enum { LONGEST = 1024 };

static const char EXTENSION[] = ".ini", FOLDER[] = "experiments";

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

static l2o_status look(const char *name, char **path, l2o_error *error) {
    buffer file = {0};
    l2o_status status = buffer_print(&file, error, "%s%s", name, EXTENSION);
    if (status == L2O_OK) status = shared_file_find(FOLDER, buffer_text(&file), path, error);
    buffer_free(&file);
    return status;
}

l2o_status experiment_find(const char *name, const char *from, char **path, l2o_error *error) {
    *path = NULL;
    bool whole = is_path(name);
    if (from != NULL && name[0] != '/') {
        const char *slash = strrchr(from, '/');
        char folder[LONGEST];
        snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - from), slash == NULL ? "." : from);
        TRY(joined(folder, name, whole ? "" : EXTENSION, path, error));
        if (file_exists(*path)) return L2O_OK;
        memory_free(*path);
        *path = NULL;
    }
    if (whole) {
        *path = memory_string(name, error);
        return *path == NULL ? error->status : L2O_OK;
    }
    if (strchr(name, '/') == NULL) TRY(look(name, path, error));
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
    l2o_status status = look(name, &first, error);
    if (status == L2O_OK && first != NULL && strcmp(first, path) == 0) status = found(user, name, path, error);
    memory_free(first);
    memory_free(path);
    return status;
}

l2o_status experiment_find_all(experiment_found *found, void *user, l2o_error *error) {
    l2o_status status = L2O_OK;
    for (int place = 0; place < SHARED_PLACES; place++) {
        char *folder;
        struct dirent **files;
        TRY(shared_folder(place, FOLDER, &folder, error));
        if (folder == NULL) continue;
        int count = scandir(folder, &files, ini_only, alphasort);
        for (int i = 0; i < count; i++) {
            if (status == L2O_OK) status = offer(files[i]->d_name, found, user, folder, error);
            free(files[i]);
        }
        if (count >= 0) free(files);
        memory_free(folder);
    }
    return status;
}
