/* What the tool writes itself: files that appear complete or not at all, and the JSON document of --json. */
#include "output.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

static bool output_fail(const char *path, int cause) {
    command_complain("%s: cannot be written: %s%s", path, strerror(cause),
                     cause == ENOENT ? "; create its directory first" : "");
    return false;
}

bool output_possible(const char *path, const char *option) {
    struct stat information;
    if (path[0] == '\0') {
        command_complain("--%s: the name of the file is empty", option);
        return false;
    }
    if (stat(path, &information) == 0) {
        if (S_ISDIR(information.st_mode)) {
            command_complain("--%s: %s is a directory; give the name of a file", option, path);
            return false;
        }
        if (!S_ISREG(information.st_mode)) return access(path, W_OK) == 0 || output_fail(path, errno);
    }
    char *directory = strdup(path);
    if (directory == NULL) return output_fail(path, ENOMEM);
    char *slash = strrchr(directory, '/');
    const char *place = slash == NULL ? "." : slash == directory ? "/" : directory;
    if (slash != NULL) *slash = '\0';
    if (slash == directory) place = "/";
    bool possible = access(place, W_OK | X_OK) == 0;
    int cause = errno;
    free(directory);
    return possible || output_fail(path, cause);
}

bool output_open(output *output, const char *path) {
    *output = (struct output){.path = path};
    struct stat information;
    bool exists = stat(path, &information) == 0;
    if (exists && !S_ISREG(information.st_mode)) {
        output->stream = fopen(path, "w");
        return output->stream != NULL || output_fail(path, errno);
    }
    size_t size = strlen(path) + 16;
    output->temporary = malloc(size);
    if (output->temporary == NULL) return output_fail(path, ENOMEM);
    snprintf(output->temporary, size, "%s.XXXXXX", path);
    int descriptor = mkstemp(output->temporary);
    if (descriptor < 0) {
        int cause = errno;
        free(output->temporary);
        return output_fail(path, cause);
    }
    /* mkstemp() makes files that only their owner can read; results are files like any other. */
    mode_t mask = umask(0);
    umask(mask);
    fchmod(descriptor, exists ? information.st_mode & 07777 : 0666 & ~mask);
    output->stream = fdopen(descriptor, "w");
    if (output->stream != NULL) return true;
    int cause = errno;
    close(descriptor);
    unlink(output->temporary);
    free(output->temporary);
    return output_fail(path, cause);
}

bool output_commit(output *output) {
    bool written = fflush(output->stream) == 0 && !ferror(output->stream);
    if (written && output->temporary != NULL) written = fsync(fileno(output->stream)) == 0;
    int cause = errno;
    if (fclose(output->stream) != 0 && written) {
        written = false;
        cause = errno;
    }
    if (written && output->temporary != NULL && rename(output->temporary, output->path) != 0) {
        written = false;
        cause = errno;
    }
    if (!written && output->temporary != NULL) unlink(output->temporary);
    free(output->temporary);
    return written || output_fail(output->path, cause);
}

void output_abandon(output *output) {
    (void)fclose(output->stream);
    if (output->temporary != NULL) unlink(output->temporary);
    free(output->temporary);
}

int output_json(json_t *document) {
    if (document == NULL) {
        command_complain("out of memory while JSON was written");
        return EXIT_TROUBLE;
    }
    bool written = json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) == 0;
    json_decref(document);
    if (written) putchar('\n');
    return command_flush();
}

json_t *output_real(double value) { return isfinite(value) ? json_real(value) : json_null(); }

bool output_set(json_t *object, const char *key, json_t *value) {
    return object != NULL && json_object_set_new(object, key, value) == 0;
}
