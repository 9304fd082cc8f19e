/* The progress line, on a stream taken for a terminal and on a plain one. The drawing is checked for what a terminal
 * would be left with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../cli/progress.c"
#include "../cli/table_text.c"

typedef struct capture {
    char *text;
    size_t size;
    FILE *stream;
} capture;

static capture capture_begin(void) {
    capture c = {0};
    static char storage[65536];
    memset(storage, 0, sizeof storage);
    c.text = storage;
    c.size = sizeof storage;
    c.stream = fmemopen(storage, sizeof storage, "w");
    assert_non_null(c.stream);
    return c;
}

static void test_terminal_line_is_redrawn_and_finished(void **state) {
    (void)state;
    setenv("COLUMNS", "60", 1);
    capture c = capture_begin();
    progress p;
    progress_begin_on(&p, 400, "train", c.stream, true);
    for (int64_t i = 1; i <= 300; i++) {
        p.shown -= redraw_interval; /* as if time had passed */
        progress_update(&p, i, 0.125);
        if (i == 100) progress_message(&p, "note %d", 7);
    }
    progress_end(&p);
    fclose(c.stream);
    /* Every drawing starts at the margin, ends with an erase, and stays off the last column. */
    size_t drawings = 0;
    for (char *at = strchr(c.text, '\r'); at; at = strchr(at + 1, '\r')) {
        size_t bytes = strcspn(at + 1, "\x1b");
        assert_in_range(table_text_span(at + 1, bytes), 0, 59);
        assert_memory_equal(at + 1 + bytes, "\x1b[K", 3);
        drawings++;
    }
    assert_in_range(drawings, 300, 310);
    assert_non_null(strstr(c.text, "\r\x1b[Knote 7\n\rtrain"));
    assert_non_null(strstr(c.text, " 75 %  300/400"));
    const char *last = strrchr(c.text, '\r');
    assert_non_null(strstr(last, "\x1b[Ktrain: 300/400 in "));
    assert_non_null(strstr(last, "loss 0.125\n"));
}

static void test_terminal_is_not_flooded(void **state) {
    (void)state;
    capture c = capture_begin();
    progress p;
    progress_begin_on(&p, 1000000, "train", c.stream, true);
    double begun = now();
    for (int64_t i = 1; i <= 20000; i++) progress_update(&p, i, NAN);
    double elapsed = now() - begun;
    fclose(c.stream);
    size_t drawings = 0;
    for (char *at = strchr(c.text, '\r'); at; at = strchr(at + 1, '\r')) drawings++;
    assert_in_range(drawings, 1, 2 + (size_t)(elapsed / redraw_interval));
}

static void test_narrow_terminals(void **state) {
    (void)state;
    for (int width = 1; width < 120; width++) {
        char columns[16];
        snprintf(columns, sizeof columns, "%d", width);
        setenv("COLUMNS", columns, 1);
        capture c = capture_begin();
        progress p;
        progress_begin_on(&p, 10, "a label with an \xc3\xa9", c.stream, true);
        p.shown -= 1.0;
        progress_update(&p, 5, 1.0);
        fclose(c.stream);
        for (char *at = strchr(c.text, '\r'); at; at = strchr(at + 1, '\r'))
            assert_in_range(table_text_span(at + 1, strcspn(at + 1, "\x1b")), 0, width - 1);
    }
    setenv("COLUMNS", "80", 1);
}

static void test_plain_lines_at_tenths_and_intervals(void **state) {
    (void)state;
    capture c = capture_begin();
    progress p;
    progress_begin_on(&p, 1000, "adapt", c.stream, false);
    for (int64_t i = 1; i <= 1000; i++) {
        p.shown -= 1.0; /* a second an update: a line each minute, and one at each tenth */
        progress_update(&p, i, 2.0);
    }
    progress_end(&p);
    fclose(c.stream);
    assert_null(strchr(c.text, '\r'));
    assert_null(strchr(c.text, '\x1b'));
    assert_non_null(strstr(c.text, "adapt: 6 %  60/1000"));
    assert_non_null(strstr(c.text, "adapt: 10 %  100/1000"));
    assert_non_null(strstr(c.text, "adapt: 90 %  900/1000"));
    assert_null(strstr(c.text, "100 %"));
    assert_non_null(strstr(c.text, "adapt: 1000/1000 in "));
    size_t lines = 0;
    for (char *at = strchr(c.text, '\n'); at; at = strchr(at + 1, '\n')) lines++;
    assert_in_range(lines, 15, 25);
}

static void test_short_work_prints_one_line(void **state) {
    (void)state;
    capture c = capture_begin();
    progress p;
    progress_begin_on(&p, 0, NULL, c.stream, false);
    for (int64_t i = 1; i <= 50; i++) progress_update(&p, i, NAN);
    progress_end(&p);
    fclose(c.stream);
    assert_memory_equal(c.text, "50 in ", 6);
    assert_ptr_equal(strchr(c.text, '\n'), strrchr(c.text, '\n'));
}

static void test_resumed_work_has_the_rate_of_this_run(void **state) {
    (void)state;
    capture c = capture_begin();
    progress p;
    progress_begin_on(&p, 1000, "train", c.stream, false);
    progress_resume(&p, 900);
    p.begun -= 10.0;
    p.rate_time -= 10.0;
    p.shown -= 100.0;
    progress_update(&p, 950, NAN);
    fclose(c.stream);
    assert_non_null(strstr(c.text, "train: 95 %  950/1000  5.0/s  left 10.0 s\n"));
}

static void test_durations_and_rates(void **state) {
    (void)state;
    char text[64];
    const struct {
        double seconds;
        const char *text;
    } durations[] = {{0.0, "0.0 s"},  {8.26, "8.3 s"},     {59.96, "1:00"},
                     {245.0, "4:05"}, {7389.0, "2:03:09"}, {NAN, "?"}};
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        format_duration(text, sizeof text, durations[i].seconds);
        assert_string_equal(text, durations[i].text);
    }
    format_rate(text, sizeof text, 812.4);
    assert_string_equal(text, "812/s");
    format_rate(text, sizeof text, 0.05);
    assert_string_equal(text, "3.0/min");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terminal_line_is_redrawn_and_finished),
        cmocka_unit_test(test_terminal_is_not_flooded),
        cmocka_unit_test(test_narrow_terminals),
        cmocka_unit_test(test_plain_lines_at_tenths_and_intervals),
        cmocka_unit_test(test_short_work_prints_one_line),
        cmocka_unit_test(test_resumed_work_has_the_rate_of_this_run),
        cmocka_unit_test(test_durations_and_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
