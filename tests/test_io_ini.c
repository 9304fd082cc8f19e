/* INI files: sections, keys, comments, continued values, and everything that inih alone would silently misread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "io/ini.h"

/* Everything read, as "section|key|value|line;", and as "section|line;" where it has no keys. */
static l2o_status record(void *context, const char *section, const char *key, const char *value, int line,
                         l2o_error *error) {
    if (key == NULL) return buffer_print(context, error, "%s|%d;", section, line);
    if (strcmp(key, "stop") == 0) return error_set(error, L2O_ERROR_NUMERIC, "stopped on line %d", line);
    return buffer_print(context, error, "%s|%s|%s|%d;", section, key, value, line);
}

static void assert_reads(const char *text, const char *expected) {
    buffer seen = {0};
    l2o_error error = {0};
    if (ini_read_text(text, strlen(text), "x.ini", record, &seen, &error) != L2O_OK) fail_msg("%s", error.text);
    assert_string_equal(buffer_text(&seen), expected);
    buffer_free(&seen);
}

static void assert_refused(const char *text, const char *reason) {
    buffer seen = {0};
    l2o_error error = {0};
    assert_int_equal(ini_read_text(text, strlen(text), "x.ini", record, &seen, &error), L2O_ERROR_INPUT);
    if (strstr(error.text, reason) == NULL) fail_msg("'%s': '%s' does not mention '%s'", text, error.text, reason);
    assert_int_equal(seen.size, 0); /* nothing of a wrong file is passed on */
    buffer_free(&seen);
}

static void good_files(void **state) {
    (void)state;
    assert_reads("", "");
    assert_reads("; only\n# comments\n\n[empty]\n", "empty|4;");
    assert_reads("[s]\n[t]\na = 1\n[u]\n[u]\n[s]\n[t]", "s|1;t|a|1|3;u|4;");
    assert_reads("a = 1\n[s]\nb=2\nc : x y ; note\n", "|a|1|1;s|b|2|3;s|c|x y|4;");
    assert_reads("\xef\xbb\xbf[s]\r\na=1\r\n", "s|a|1|2;");
    assert_reads("[s] ; note\na = 1\n[t]\na = 2\n[s]\nb = 3", "s|a|1|2;t|a|2|4;s|b|3|6;");
    assert_reads("[s]\nlist = 1\n  2\n\n\t3\nb = 4\n", "s|list|1 2 3|2;s|b|4|6;");
    assert_reads("[s]\nlist =\n  1\n  2\n", "s|list|1 2|2;");
    assert_reads("[s]\na = b = c # d\n", "s|a|b = c # d|2;");
    assert_reads("[s]\na =\n", "s|a||2;");
}

static void bad_files(void **state) {
    (void)state;
    assert_refused("[s]\na = 1\nb = 2\na = 3\n", "x.ini: line 4: 'a' was already given on line 2");
    assert_refused("[s]\na = 1\n[t]\n[s]\na = 3\n", "line 5: 'a' was already given on line 2");
    assert_refused("[s]\nnonsense\n", "line 2: neither");
    assert_refused("[s\na = 1\n", "line 1: a [section] heading lacks its ']'");
    assert_refused("[s] a = 1\n", "line 1: something follows");
    assert_refused("[s]\na = 1\n  [t]\n", "line 3: a [section] heading must begin");
    assert_refused("[s]\n  a = 1\n", "line 2: a key must begin");
    assert_refused("a = 1\n[s]\n  b = 1\n", "line 3: a key must begin");
    assert_refused("[s]\n= 1\n", "line 2: there is no key");
    assert_refused("[aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee]\nx = 1\n", "longer than 49");
    char text[400] = "[s]\na = ";
    memset(text + 8, '7', 300);
    assert_refused(text, "line 2 is longer than 197 characters");
    l2o_error error = {0};
    assert_int_equal(ini_read_text("a = \0b\n", 7, "x.ini", record, NULL, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "not a text file"));
    char headings[4 * 4097 + 1];
    for (int i = 0; i < 4097; i++) strcpy(headings + 4 * i, "[s]\n");
    assert_refused(headings, "line 4097: there are more than 4096 [section] headings");
}

static void longest_lines(void **state) {
    (void)state;
    char text[300] = "a = ", expected[300] = "|a|";
    memset(text + 4, '7', 193);
    memset(expected + 3, '7', 193);
    strcat(expected, "|1;|b|2|2;");
    strcat(text, "\nb = 2\n");
    assert_reads(text, expected);
}

static void callbacks_may_fail(void **state) {
    (void)state;
    buffer seen = {0};
    l2o_error error = {0};
    const char text[] = "a = 1\nstop = 1\nb = 2\n";
    assert_int_equal(ini_read_text(text, sizeof text - 1, "x.ini", record, &seen, &error), L2O_ERROR_NUMERIC);
    assert_string_equal(error.text, "stopped on line 2");
    assert_string_equal(buffer_text(&seen), "|a|1|1;");
    buffer_free(&seen);
    assert_int_equal(ini_read_file("/nonexistent/x.ini", record, &seen, &error), L2O_ERROR_IO);
    assert_int_equal(ini_read_file("tests/data/settings.ini", record, &seen, &error), L2O_OK);
    assert_string_equal(buffer_text(&seen), "problem|family|lasso|3;problem|n|10 20|4;");
    buffer_free(&seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(longest_lines),
        cmocka_unit_test(callbacks_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
