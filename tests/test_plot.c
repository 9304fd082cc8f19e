/* The figures: numbers and escaping, scales and ticks, thinning, and whole documents. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "io/plot.h"
#include "io/plot_curve.h"
#include "io/plot_scale.h"
#include "io/plot_text.h"

static void assert_written(const char *expected, const buffer *text) {
    assert_string_equal(expected, buffer_text(text));
}

static void test_numbers_and_escaping(void **state) {
    (void)state;
    l2o_error error = {0};
    buffer text = {0};
    markup_writer writer = {.out = &text, .error = &error};
    markup_write(&writer, "%n %n %n %n %n %d", 1.0, -0.5, 12.345678, -0.001, 1234567.1, -42);
    assert_written("1 -0.5 12.35 0 1234567.1 -42", &text);
    buffer_clear(&text);
    markup_write(&writer, "%t", "a<b & \"c\" > 'd'\n\x01\xff\xc3\xa9\xed\xa0\x80");
    assert_written("a&lt;b &amp; &quot;c&quot; &gt; &#39;d&#39; \xef\xbf\xbd\xef\xbf\xbd\xc3\xa9"
                   "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
                   &text);
    buffer_clear(&text);
    plot_write_text(&writer, 0.0, 0.0, PLOT_START, (plot_font){10.0, ""}, 60.0, "a label that has no room at all");
    assert_non_null(strstr(buffer_text(&text), "\xe2\x80\xa6<title>a label that has no room at all</title></text>"));
    buffer_free(&text);
    assert_true(plot_text_width("\xce\xa6\xce\xa6", 10.0) < plot_text_width("WWW", 10.0));
    assert_true(plot_text_width("", 10.0) == 0.0);
}

/* The labels of all labelled ticks, as "label^exponent" joined by blanks. */
static void assert_labels(plot_scale scale, int target, const char *expected) {
    plot_ticks ticks;
    plot_scale_ticks(&scale, target, &ticks);
    char labels[1024] = "";
    for (size_t i = 0; i < ticks.count; i++) {
        const plot_tick *tick = &ticks.tick[i];
        assert_true(tick->position > -1e-3 && tick->position < 1.001);
        if (!tick->label[0]) continue;
        if (labels[0]) strcat(labels, " ");
        strcat(labels, tick->label);
        if (tick->exponent[0]) strcat(strcat(labels, "^"), tick->exponent);
    }
    assert_string_equal(labels, expected);
}

#define MINUS "\xe2\x88\x92"
#define TIMES "\xc3\x97"
#define THIN  "\xe2\x80\x89"

static void test_ticks(void **state) {
    (void)state;
    assert_labels((plot_scale){false, 0.0, 100.0}, 5, "0 20 40 60 80 100");
    assert_labels((plot_scale){false, -0.3, 0.31}, 6, MINUS "0.3 " MINUS "0.2 " MINUS "0.1 0 0.1 0.2 0.3");
    assert_labels((plot_scale){false, 0.0, 20000.0}, 4, "0 5000 10" THIN "000 15" THIN "000 20" THIN "000");
    assert_labels((plot_scale){false, 0.0, 3e6}, 3, "0 1" TIMES "10^6 2" TIMES "10^6 3" TIMES "10^6");
    assert_labels((plot_scale){false, 0.0, 2.5e-7}, 5,
                  "0 0.5" TIMES "10^" MINUS "7 1.0" TIMES "10^" MINUS "7 1.5" TIMES "10^" MINUS "7 2.0" TIMES
                  "10^" MINUS "7 2.5" TIMES "10^" MINUS "7");
    assert_labels((plot_scale){true, -3.2, 1.1}, 8, "10^" MINUS "3 10^" MINUS "2 10^" MINUS "1 10^0 10^1");
    assert_labels((plot_scale){true, 0.0, 3.0}, 8, "1 10 100 1000");
    assert_labels((plot_scale){true, -20.0, 0.0}, 5, "10^" MINUS "20 10^" MINUS "15 10^" MINUS "10 10^" MINUS "5 10^0");
    assert_labels((plot_scale){true, log10(1.1), log10(99.0)}, 5, "2 5 10 20 50");
    assert_labels((plot_scale){true, log10(40.0), log10(62.0)}, 4, "40 45 50 55 60");
}

static void test_no_range_breaks_ticks(void **state) {
    (void)state;
    const plot_range ranges[] = {{INFINITY, -INFINITY}, {0.0, 0.0},       {5.0, 5.0},          {-1e300, 1e300},
                                 {1e300, 1e300},        {1e-300, 1e300},  {1e-300, 1e-300},    {1.0, 1.0 + 1e-15},
                                 {-1e-320, 1e-320},     {1e9, 1e9 + 1.0}, {0.999999, 1.000001}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        for (int logarithmic = 0; logarithmic < 2; logarithmic++) {
            if (logarithmic && ranges[i].low < 1e-300) continue;
            for (int target = -1; target < 30; target += 5) {
                plot_scale scale = plot_scale_over(ranges[i], logarithmic, 0.04);
                assert_true(isfinite(scale.low) && isfinite(scale.high) && scale.low < scale.high);
                plot_ticks ticks;
                plot_scale_ticks(&scale, target, &ticks);
                size_t labelled = 0;
                for (size_t k = 0; k < ticks.count; k++) labelled += ticks.tick[k].label[0] != '\0';
                assert_in_range(labelled, 2, 64);
            }
        }
    }
}

enum { MANY = 20000 };

static void test_thinning_keeps_extremes_and_gaps(void **state) {
    (void)state;
    static double x[MANY], mean[MANY];
    for (int i = 0; i < MANY; i++) {
        x[i] = i + 1;
        mean[i] = sin(i * 0.001);
    }
    mean[7777] = 50.0;
    mean[12345] = -60.0;
    for (int i = 3000; i < 3500; i++) mean[i] = NAN;
    plot_series series = {"s", MANY, x, mean, NULL, NULL, 0};
    for (int logarithmic = 0; logarithmic < 2; logarithmic++) {
        plot_scale across = plot_scale_over((plot_range){1.0, MANY}, logarithmic, 0.0), up = {false, -60.0, 50.0};
        plot_point points[PLOT_POINTS_MAX];
        size_t count = plot_curve_thin(&series, &across, &up, points);
        assert_in_range(count, 100, PLOT_POINTS_MAX);
        bool high = false, low = false;
        size_t gaps = 0;
        for (size_t i = 0; i < count; i++) {
            assert_true(i == 0 || points[i].index > points[i - 1].index);
            assert_true(isfinite(mean[points[i].index]));
            high |= points[i].index == 7777;
            low |= points[i].index == 12345;
            gaps += points[i].gap;
        }
        assert_true(high && low);
        assert_int_equal(gaps, 1);
        assert_int_equal(points[0].index, 0);
        assert_int_equal(points[count - 1].index, MANY - 1);
    }
    /* x that goes back and forth, and every other value missing: still bounded. */
    for (int i = 0; i < MANY; i++) {
        x[i] = i % 97;
        if (i % 2) mean[i] = INFINITY;
    }
    plot_scale across = {false, 0.0, 97.0}, up = {false, -60.0, 50.0};
    plot_point points[PLOT_POINTS_MAX];
    assert_in_range(plot_curve_thin(&series, &across, &up, points), 100, PLOT_POINTS_MAX);
    /* Few points are kept as they are. */
    series.count = PLOT_POINTS_MAX;
    for (int i = 0; i < PLOT_POINTS_MAX; i++) mean[i] = i;
    assert_int_equal(plot_curve_thin(&series, &across, &up, points), PLOT_POINTS_MAX);
}

static void test_styles_differ(void **state) {
    (void)state;
    for (size_t i = 0; i < 42; i++) {
        for (size_t k = 0; k < i; k++) {
            plot_style a = plot_style_at(i), b = plot_style_at(k);
            assert_true(strcmp(a.colour, b.colour) != 0 || strcmp(a.dash, b.dash) != 0);
            if (i < 6) assert_true(strcmp(a.colour, b.colour) != 0 && strcmp(a.dash, b.dash) != 0);
        }
    }
}

/* Checks that tags nest and close, attributes are quoted, and text holds no bare markup: what every XML reader wants.
 */
static void assert_well_formed(const char *text) {
    char open[64][16];
    size_t depth = 0;
    while (*text) {
        if (*text == '&') {
            size_t length = strcspn(text, ";");
            assert_in_range(length, 2, 6);
            text += length;
        }
        if (*text++ != '<') continue;
        bool closing = *text == '/';
        if (closing) text++;
        size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz");
        assert_in_range(length, 1, 15);
        char name[16] = "";
        memcpy(name, text, length);
        text += length;
        while (*text != '>' && *text != '/') {
            if (*text++ != '"') continue;
            size_t value = strcspn(text, "\"");
            assert_true(strcspn(text, "<") > value);
            text += value + 1;
        }
        if (closing) {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], name);
        } else if (*text != '/') {
            assert_true(depth < 64);
            strcpy(open[depth++], name);
        }
    }
    assert_int_equal(depth, 0);
}

static size_t occurrences(const char *text, const char *part) {
    size_t count = 0;
    while ((text = strstr(text, part)) != NULL) {
        count++;
        text += strlen(part);
    }
    return count;
}

static void test_whole_figure(void **state) {
    (void)state;
    const double x[] = {1.0, 2.0, 3.0, 4.0}, good[] = {4.0, 3.0, 2.0, 1.0}, bad[] = {1.0, 2.0, INFINITY, NAN};
    const double low[] = {3.5, 2.5, NAN, 0.5}, high[] = {4.5, 3.5, 2.5, 1.5};
    const double one_x[] = {2.0}, one_y[] = {2.5}, one_low[] = {2.0}, one_high[] = {3.0};
    const plot_series series[] = {{"M-L2O <adapted> & \"co\"", 4, x, good, low, high, 0},
                                  {"diverges", 4, x, bad, NULL, NULL, 0},
                                  {"one", 1, one_x, one_y, one_low, one_high, 0},
                                  {"empty", 0, NULL, NULL, NULL, NULL, 0},
                                  {NULL, 4, x, good, NULL, NULL, 0}};
    const plot_line lines[] = {{"limit ln f*", 0.5}, {"nowhere", NAN}};
    plot_panel panels[] = {{.title = "steps",
                            .x = {.label = "steps"},
                            .y = {.label = "ln f"},
                            .series = series,
                            .series_count = 5,
                            .lines = lines,
                            .line_count = 2},
                           {.title = "time",
                            .x = {.label = "time (s)", .logarithmic = true},
                            .y = {.label = "ln f"},
                            .series = series,
                            .series_count = 5,
                            .lines = lines,
                            .line_count = 2},
                           {.title = "nothing"}};
    plot figure = {.title = "A & B", .panels = panels, .panel_count = 3, .share_y = true};
    l2o_error error = {0};
    buffer first = {0}, second = {0};
    assert_int_equal(plot_svg(&figure, &first, &error), L2O_OK);
    const char *text = buffer_text(&first);
    assert_well_formed(text);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf\""));
    assert_non_null(strstr(text, "viewBox=\"0 0 1200 520\""));
    assert_non_null(strstr(text, "<rect width=\"1200\" height=\"520\" fill=\"#ffffff\"/>"));
    assert_int_equal(occurrences(text, "M-L2O &lt;adapted&gt; &amp; &quot;co&quot;</text>"), 1); /* one legend */
    assert_int_equal(occurrences(text, ">ln f</text>"), 1); /* the shared axis is named once */
    assert_int_equal(occurrences(text, "not finite from here on"), 1);
    assert_int_equal(occurrences(text, "(no data)"), 2);
    assert_int_equal(occurrences(text, "<circle"), 2);
    assert_int_equal(occurrences(text, "no finite data"), 1);
    assert_int_equal(occurrences(text, "<tspan"), 0);
    /* The same again, in a locale with another decimal point where there is one. */
    setlocale(LC_ALL, "de_DE.UTF-8");
    assert_int_equal(plot_svg(&figure, &second, &error), L2O_OK);
    setlocale(LC_ALL, "C");
    assert_string_equal(text, buffer_text(&second));
    /* One panel has its legend beside the data. */
    figure.panel_count = 1;
    figure.share_y = false;
    buffer_clear(&second);
    assert_int_equal(plot_svg(&figure, &second, &error), L2O_OK);
    assert_well_formed(buffer_text(&second));
    assert_non_null(strstr(buffer_text(&second), "viewBox=\"0 0 900 560\""));
    buffer_free(&first);
    buffer_free(&second);
}

static void test_long_legend_makes_room(void **state) {
    (void)state;
    const double x[] = {0.0, 1.0}, y[] = {1e-3, 1e2};
    static char labels[60][160];
    plot_series series[60];
    for (int i = 0; i < 60; i++) {
        memset(labels[i], 'a' + i % 26, 150);
        labels[i][0] = (char)('A' + i / 26);
        series[i] = (plot_series){labels[i], 2, x, y, NULL, NULL, 0};
    }
    plot_panel panel = {.y = {.logarithmic = true}, .series = series, .series_count = 60};
    plot figure = {.panels = &panel, .panel_count = 1, .width = 300, .height = 100};
    l2o_error error = {0};
    buffer text = {0};
    assert_int_equal(plot_svg(&figure, &text, &error), L2O_OK);
    assert_well_formed(buffer_text(&text));
    assert_non_null(strstr(buffer_text(&text), "viewBox=\"0 0 300 1"));
    assert_int_equal(occurrences(buffer_text(&text), "\xe2\x80\xa6<title>"), 60);
    buffer_free(&text);
}

static void test_ranges_are_checked(void **state) {
    (void)state;
    l2o_error error = {0};
    buffer text = {0};
    plot_panel panels[2] = {{.x = {.low = 2.0, .high = 1.0}}, {.y = {.logarithmic = true}}};
    plot figure = {.panels = panels, .panel_count = 1};
    assert_int_equal(plot_svg(&figure, &text, &error), L2O_ERROR_INPUT);
    assert_non_null(strstr(error.text, "x axis"));
    panels[0].x = (plot_axis){0};
    panels[0].y = (plot_axis){.logarithmic = true, .low = -1.0, .high = 1.0};
    assert_int_equal(plot_svg(&figure, &text, &error), L2O_ERROR_INPUT);
    panels[0].y = (plot_axis){.low = -1.0, .high = 1.0};
    assert_int_equal(plot_svg(&figure, &text, &error), L2O_OK);
    figure.panel_count = 2;
    figure.share_y = true;
    assert_int_equal(plot_svg(&figure, &text, &error), L2O_ERROR_INPUT);
    figure.panel_count = 0;
    assert_int_equal(plot_svg(&figure, &text, &error), L2O_ERROR_INPUT);
    buffer_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_and_escaping),   cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_no_range_breaks_ticks),  cmocka_unit_test(test_thinning_keeps_extremes_and_gaps),
        cmocka_unit_test(test_styles_differ),          cmocka_unit_test(test_whole_figure),
        cmocka_unit_test(test_long_legend_makes_room), cmocka_unit_test(test_ranges_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
