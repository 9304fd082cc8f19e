/* Tables as text and as Markdown. The command line's files are no part of the library's objects, so they are included.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../cli/table.c"
#include "../cli/table_text.c"

static void assert_printed(table *table, table_style style, size_t width, const char *expected) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    assert_true(table_print(table, stream, style, width));
    fclose(stream);
    assert_string_equal(text, expected);
    free(text);
}

static void test_alignment(void **state) {
    (void)state;
    table t = {0};
    table_begin(&t, 3, (const char *const[]){"optimizer", "ln f", "time (s)"});
    table_cell(&t, "M-L2O");
    table_number(&t, -7.25, 4);
    table_number(&t, 0.5, 3);
    table_cell(&t, "Nesterov (\xce\xbc = 0.9)");
    table_number(&t, NAN, 4);
    table_cell(&t, "12.25 \xc2\xb1 0.10");
    table_cell(&t, "short");
    assert_printed(&t, TABLE_TEXT, 0,
                   "optimizer            ln f      time (s)\n"
                   "------------------  -----  ------------\n"
                   "M-L2O               -7.25           0.5\n"
                   "Nesterov (\xce\xbc = 0.9)      -  12.25 \xc2\xb1 0.10\n"
                   "short\n");
    assert_printed(&t, TABLE_MARKDOWN, 0,
                   "| optimizer          |  ln f |     time (s) |\n"
                   "| ------------------ | ----: | -----------: |\n"
                   "| M-L2O              | -7.25 |          0.5 |\n"
                   "| Nesterov (\xce\xbc = 0.9) |     - | 12.25 \xc2\xb1 0.10 |\n"
                   "| short              |       |              |\n");
    table_free(&t);
}

static void test_markup_and_control_characters(void **state) {
    (void)state;
    table t = {0};
    table_begin(&t, 2, (const char *const[]){"a|b", "x"});
    table_cell(&t, "\x1b[31mred\n|");
    table_cell(&t, "1");
    assert_printed(&t, TABLE_MARKDOWN, 0,
                   "| a\\|b        |   x |\n"
                   "| ----------- | --: |\n"
                   "| ?[31mred \\| |   1 |\n");
    table_free(&t);
}

/* Whatever is put in, no line is wider than allowed. */
static void assert_fits(table *table, size_t width) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_true(table_print(table, stream, TABLE_TEXT, width));
    fclose(stream);
    for (const char *line = text; *line;) {
        size_t bytes = strcspn(line, "\n");
        assert_in_range(table_text_span(line, bytes), 0, width);
        if (bytes > 0) assert_true(line[bytes - 1] != ' ');
        line += bytes + 1;
    }
    free(text);
}

static void test_wide_text_wraps(void **state) {
    (void)state;
    table t = {0};
    table_begin(&t, 2, (const char *const[]){"name", "what it is"});
    table_cell(&t, "lasso");
    table_cell(&t, "least squares with a penalty on the sum of magnitudes");
    assert_printed(&t, TABLE_TEXT, 30,
                   "name   what it is\n"
                   "-----  -----------------------\n"
                   "lasso  least squares with a\n"
                   "       penalty on the sum of\n"
                   "       magnitudes\n");
    for (size_t width = 20; width < 80; width++) assert_fits(&t, width);
    table_free(&t);
}

static void test_many_columns_continue_below(void **state) {
    (void)state;
    table t = {0};
    table_begin(&t, 4, (const char *const[]){"k", "first number", "second", "third"});
    table_cell(&t, "row");
    for (int i = 1; i <= 3; i++) table_cell(&t, "%d", 1111111 * i);
    assert_printed(&t, TABLE_TEXT, 22,
                   "k      first   second\n"
                   "      number\n"
                   "---  -------  -------\n"
                   "row  1111111  2222222\n"
                   "\n"
                   "k      third\n"
                   "---  -------\n"
                   "row  3333333\n");
    for (size_t width = 14; width < 60; width++) assert_fits(&t, width);
    table_free(&t);
}

static void test_one_column_and_no_rows(void **state) {
    (void)state;
    table t = {0};
    table_begin(&t, 1, (const char *const[]){"only"});
    assert_printed(&t, TABLE_TEXT, 0, "only\n----\n");
    table_cell(&t, "%s", "unbreakableunbreakable");
    assert_printed(&t, TABLE_TEXT, 12, "only\n------------\nunbreakableu\nnbreakable\n");
    table_free(&t);
    assert_true(table_print(&t, stderr, TABLE_TEXT, 0));
}

static void test_width_of_text(void **state) {
    (void)state;
    assert_int_equal(table_text_width("abc"), 3);
    assert_int_equal(table_text_width("\xce\xbb\xe2\x80\xa6"), 2);
    assert_int_equal(table_text_width("e\xcc\x81"), 1);
    assert_int_equal(table_text_width("\xe6\xbc\xa2\xe5\xad\x97"), 4);
    assert_int_equal(table_text_width("\xff\xce"), 2);
    assert_int_equal(table_text_fit("\xe6\xbc\xa2\xe5\xad\x97", 3), 3);
    assert_int_equal(table_text_fit("abc", 10), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_markup_and_control_characters),
        cmocka_unit_test(test_wide_text_wraps),
        cmocka_unit_test(test_many_columns_continue_below),
        cmocka_unit_test(test_one_column_and_no_rows),
        cmocka_unit_test(test_width_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
