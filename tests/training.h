/* What the tests of training share: settings from a line of text, a directory that is removed again, whole files. */
#ifndef L2O_TESTS_TRAINING_H
#define L2O_TESTS_TRAINING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <unistd.h>

#include "dist/context.h"
#include "experiment/catalog.h"
#include "io/file.h"
#include "l2o/catalog.h"
#include "l2o/train.h"

static inline l2o_context *training_context(int threads) {
    l2o_context *context = NULL;
    if (l2o_context_create(threads, "auto", &context) != L2O_OK) fail_msg("%s", l2o_context_error(context));
    return context;
}

/* Sets "name=value name=value ..."; values hold no spaces. Later ones replace earlier ones. */
static inline void training_set(l2o_settings *settings, const char *text) {
    l2o_error error = {0};
    char copy[2048];
    assert_true(strlen(text) < sizeof copy);
    strcpy(copy, text);
    char *rest;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *equals = strchr(word, '=');
        assert_non_null(equals);
        *equals = '\0';
        if (settings_set(settings, word, equals + 1, "test", &error) != L2O_OK) fail_msg("%s", error.text);
    }
}

static inline l2o_settings *training_settings(const char *text) {
    l2o_error error = {0};
    l2o_settings *settings = NULL;
    if (catalog_settings(&settings, &error) != L2O_OK) fail_msg("%s", error.text);
    training_set(settings, text);
    return settings;
}

/* Small enough for tests: two variables, four instances, an LSTM of three units. */
#define TRAINING_TINY "n=2 batch=4 layers=1 hidden=3 unroll=3 dtype=float64 seed=5 "

typedef struct directory {
    char path[64];
    char file[128]; /* the last one named */
} directory;

static inline void directory_create(directory *made) {
    strcpy(made->path, "/tmp/l2o-training-XXXXXX");
    assert_non_null(mkdtemp(made->path));
}

static inline const char *directory_file(directory *in, const char *name) {
    snprintf(in->file, sizeof in->file, "%s/%s", in->path, name);
    return in->file;
}

static inline void directory_remove(const directory *in) {
    DIR *listing = opendir(in->path);
    assert_non_null(listing);
    char path[512];
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", in->path, entry->d_name);
        assert_int_equal(unlink(path), 0);
    }
    closedir(listing);
    assert_int_equal(rmdir(in->path), 0);
}

static inline int directory_count(const directory *in, const char *part) {
    DIR *listing = opendir(in->path);
    assert_non_null(listing);
    int count = 0;
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing))
        count += entry->d_name[0] != '.' && strstr(entry->d_name, part) != NULL;
    closedir(listing);
    return count;
}

static inline void training_read(const char *path, buffer *out) {
    l2o_error error = {0};
    buffer_clear(out);
    if (file_read(path, 0, out, &error) != L2O_OK) fail_msg("%s", error.text);
}

static inline void assert_same_files(const char *a, const char *b) {
    buffer first = {0}, second = {0};
    training_read(a, &first);
    training_read(b, &second);
    if (first.size != second.size || memcmp(first.bytes, second.bytes, first.size) != 0)
        fail_msg("%s and %s differ (%zu and %zu bytes)", a, b, first.size, second.size);
    buffer_free(&first);
    buffer_free(&second);
}

static inline void assert_contains(const char *text, const char *part) {
    if (strstr(text, part) == NULL) fail_msg("\"%s\" does not hold \"%s\"", text, part);
}

#endif
