/* Whole files: clear errors when reading, and writing that leaves the old file or the new one, whatever fails. */
#define _XOPEN_SOURCE 700
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/json.h"
#include "io/safetensors.h"

static int make_folder(void **state) {
    char *folder = malloc(32);
    snprintf(folder, 32, "/tmp/l2o-test-XXXXXX");
    *state = folder;
    return mkdtemp(folder) == NULL;
}

static int count_files(const char *folder) {
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    int count = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        if (entry->d_name[0] != '.') count++;
    closedir(directory);
    return count;
}

static int remove_folder(void **state) {
    static const char *const names[] = {"a", "b", "link"};
    char path[64];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", (const char *)*state, names[i]);
        unlink(path);
    }
    int failed = rmdir(*state); /* fails if a temporary file was left behind */
    free(*state);
    return failed;
}

static void assert_holds(const char *path, const char *text) {
    buffer file = {0};
    l2o_error error = {0};
    assert_int_equal(file_read(path, 0, &file, &error), L2O_OK);
    assert_int_equal(file.size, strlen(text));
    assert_string_equal(buffer_text(&file), text);
    buffer_free(&file);
}

static void buffer_grows(void **state) {
    (void)state;
    l2o_error error = {0};
    buffer b = {0};
    assert_string_equal(buffer_text(&b), "");
    for (int i = 0; i < 1000; i++) assert_int_equal(buffer_print(&b, &error, "%d,", i), L2O_OK);
    assert_int_equal(b.size, 10 * 2 + 90 * 3 + 900 * 4);
    assert_string_equal(b.bytes + b.size - 8, "998,999,");
    assert_int_equal(buffer_append(&b, "\0x", 2, &error), L2O_OK);
    assert_int_equal(b.bytes[b.size], '\0');
    assert_int_equal(buffer_reserve(&b, SIZE_MAX, &error), L2O_ERROR_MEMORY);
    buffer_clear(&b);
    assert_string_equal(buffer_text(&b), "");
    assert_int_equal(buffer_append_text(&b, "end", &error), L2O_OK);
    assert_string_equal(buffer_text(&b), "end");
    buffer_free(&b);
}

static void reading_explains_failures(void **state) {
    char path[64];
    l2o_error error = {0};
    buffer file = {0};
    assert_int_equal(file_read("/nonexistent/file", 0, &file, &error), L2O_ERROR_IO);
    assert_non_null(strstr(error.text, "/nonexistent/file: cannot be opened: No such file"));
    assert_int_equal(file_read(*state, 0, &file, &error), L2O_ERROR_IO);
    assert_non_null(strstr(error.text, "is a directory"));
    snprintf(path, sizeof path, "%s/a", (const char *)*state);
    assert_int_equal(file_write(path, "0123456789", 10, &error), L2O_OK);
    assert_int_equal(file_read(path, 9, &file, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "limit of 9 bytes"));
    assert_int_equal(file.size, 0);
    assert_int_equal(file_read(path, 10, &file, &error), L2O_OK);
    assert_int_equal(file_read(path, 10, &file, &error), L2O_OK); /* appends */
    assert_string_equal(file.bytes, "01234567890123456789");
    assert_int_equal(file_read("/dev/zero", 1 << 20, &file, &error), L2O_ERROR_INPUT); /* endless */
    assert_int_equal(file.size, 20);
    if (geteuid() != 0) {
        assert_int_equal(chmod(path, 0), 0);
        assert_int_equal(file_read(path, 10, &file, &error), L2O_ERROR_IO);
        assert_non_null(strstr(error.text, "Permission denied"));
    }
    buffer_free(&file);
}

static void writing_replaces_whole_files(void **state) {
    char path[64], link[64];
    l2o_error error = {0};
    snprintf(path, sizeof path, "%s/a", (const char *)*state);
    snprintf(link, sizeof link, "%s/link", (const char *)*state);
    assert_false(file_exists(path));
    assert_int_equal(file_write(path, "old", 3, &error), L2O_OK);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(symlink("a", link), 0);
    assert_int_equal(file_write(link, "through", 7, &error), L2O_OK);
    assert_holds(path, "through");
    struct stat information;
    assert_int_equal(lstat(link, &information), 0);
    assert_true(S_ISLNK(information.st_mode));
    assert_int_equal(stat(path, &information), 0);
    assert_int_equal(information.st_mode & 07777, 0640);
    assert_int_equal(file_write(path, "", 0, &error), L2O_OK);
    assert_holds(path, "");
    assert_int_equal(count_files(*state), 2);
}

static void abandoned_writing_leaves_the_old_file(void **state) {
    char path[64];
    l2o_error error = {0};
    file_writer writer;
    snprintf(path, sizeof path, "%s/a", (const char *)*state);
    assert_int_equal(file_write(path, "old", 3, &error), L2O_OK);
    assert_int_equal(file_writer_open(&writer, path, &error), L2O_OK);
    assert_int_equal(file_writer_append(&writer, "new", 3, &error), L2O_OK);
    assert_holds(path, "old");
    assert_int_equal(count_files(*state), 2);
    file_writer_abandon(&writer);
    assert_holds(path, "old");
    assert_int_equal(count_files(*state), 1);
}

/* The disk "fills up" after 4096 bytes: the system's limit on the size of files stands in for it. */
static void a_full_disk_leaves_the_old_file(void **state) {
    char path[64], absent[64];
    l2o_error error = {0};
    static const char large[10000];
    snprintf(path, sizeof path, "%s/a", (const char *)*state);
    snprintf(absent, sizeof absent, "%s/b", (const char *)*state);
    assert_int_equal(file_write(path, "old", 3, &error), L2O_OK);
    safetensors *tensors = safetensors_create(&error);
    assert_non_null(tensors);
    assert_int_equal(safetensors_add(tensors, "w", ELEMENT_UINT8, 1, (int64_t[]){10000}, large, &error), L2O_OK);
    json_t *text = json_stringn(large, 0);
    char *letters = memory_allocate(10001, 1, &error);
    memset(letters, 'x', 10000);
    json_string_set(text, letters);

    struct rlimit old, small;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){4096, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    l2o_status over_old = file_write(path, large, sizeof large, &error),
               fresh = file_write(absent, large, 5000, &error);
    l2o_status of_tensors = safetensors_write(tensors, path, &error), of_json = json_write_file(path, text, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);

    assert_int_equal(over_old, L2O_ERROR_IO);
    assert_int_equal(fresh, L2O_ERROR_IO);
    assert_int_equal(of_tensors, L2O_ERROR_IO);
    assert_int_equal(of_json, L2O_ERROR_IO);
    assert_non_null(strstr(error.text, "File too large"));
    assert_holds(path, "old");
    assert_false(file_exists(absent));
    assert_int_equal(count_files(*state), 1);
    safetensors_free(tensors);
    json_decref(text);
    memory_free(letters);
}

static void writing_explains_failures(void **state) {
    char path[64];
    l2o_error error = {0};
    assert_int_equal(file_write("/nonexistent/file", "x", 1, &error), L2O_ERROR_IO);
    assert_non_null(strstr(error.text, "create its directory first"));
    assert_int_equal(file_write(*state, "x", 1, &error), L2O_ERROR_IO);
    assert_non_null(strstr(error.text, "is a directory"));
    assert_int_equal(file_write("/dev/null", "x", 1, &error), L2O_OK);
    struct stat information;
    assert_int_equal(stat("/dev/null", &information), 0);
    assert_true(S_ISCHR(information.st_mode)); /* written to, not replaced */
    if (stat("/dev/full", &information) == 0 && S_ISCHR(information.st_mode)) {
        assert_int_equal(file_write("/dev/full", "x", 1, &error), L2O_ERROR_IO);
        assert_non_null(strstr(error.text, "No space left"));
    }
    if (geteuid() != 0) {
        assert_int_equal(chmod(*state, 0500), 0);
        snprintf(path, sizeof path, "%s/a", (const char *)*state);
        assert_int_equal(file_write(path, "x", 1, &error), L2O_ERROR_IO);
        assert_non_null(strstr(error.text, "Permission denied"));
        assert_int_equal(chmod(*state, 0700), 0);
    }
}

static void json_files(void **state) {
    char path[64];
    l2o_error error = {0};
    json_t *value = json_pack("{s:f, s:[i, b], s:s}", "third", 1.0 / 3, "list", 7, 1, "text", "caf\xc3\xa9"),
           *back = NULL;
    snprintf(path, sizeof path, "%s/a", (const char *)*state);
    assert_int_equal(json_write_file(path, value, &error), L2O_OK);
    assert_int_equal(json_read_file(path, &back, &error), L2O_OK);
    assert_true(json_equal(value, back));
    assert_true(json_real_value(json_object_get(back, "third")) == 1.0 / 3);
    json_decref(value);
    json_decref(back);
    static const struct {
        const char *text, *reason;
    } bad[] = {
        {"{\"a\": 1,\n \"a\": 2}", "line 2, column 4: not valid JSON: duplicate object key"},
        {"{\"a\": ", "line 1"},
        {"", "line 1"},
        {"[1] x", "end of file expected"},
        {"[\"\\u0000\"]", "\\u0000"},
        {"[\"\xff\"]", "unable to decode byte 0xff"},
        {"[1e999]", "overflow"},
        {"[99999999999999999999]", "too big"},
        {"[NaN]", "invalid token"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(json_parse(bad[i].text, strlen(bad[i].text), "x.json", &back, &error), L2O_ERROR_INPUT);
        assert_null(back);
        if (strstr(error.text, bad[i].reason) == NULL) fail_msg("'%s': %s", bad[i].text, error.text);
    }
    char *deep = malloc(100000);
    memset(deep, '[', 100000);
    assert_int_equal(json_parse(deep, 100000, "deep.json", &back, &error), L2O_ERROR_INPUT);
    free(deep);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_grows),
        cmocka_unit_test_setup_teardown(reading_explains_failures, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(writing_replaces_whole_files, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(abandoned_writing_leaves_the_old_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_old_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(writing_explains_failures, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(json_files, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
